"""What kubectl reads and writes for rollouts: get rs, rollout status, set resources, autoscale, describe."""

from __future__ import annotations

from typing import Any

from tests.support.serving import Client

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
SETS = "/apis/apps/v1/namespaces/default/replicasets"
AUTOSCALERS = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"
STRATEGIC = "application/strategic-merge-patch+json"
CAUSE = "kubernetes.io/change-cause"


def deployment(replicas: int) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "annotations": {CAUSE: "kubectl create --record"}},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template},
    }


def patched(client: Client, change: dict[str, Any]) -> dict[str, Any]:
    answer = client.send("PATCH", f"{DEPLOYMENTS}/web", change, content_type=STRATEGIC)
    assert answer.status == 200
    found: dict[str, Any] = answer.body
    return found


def test_a_rollout_is_watched_by_its_status_and_its_replica_sets(client: Client) -> None:
    client.send("POST", DEPLOYMENTS, deployment(2))
    client.settle(5)
    status = client.get(f"{DEPLOYMENTS}/web")["status"]
    assert (status["updatedReplicas"], status["availableReplicas"], status["observedGeneration"]) == (2, 2, 1)
    rows = client.table(SETS)
    assert [row[1:4] for row in rows] == [[2, 2, 2]]
    assert rows[0][0].startswith("web-")


def test_the_cause_of_a_change_goes_with_its_replica_set(client: Client) -> None:
    client.send("POST", DEPLOYMENTS, deployment(1))
    client.settle(5)
    image = {"spec": {"template": {"spec": {"containers": [{"name": "a", "image": "a:2"}]}}}}
    patched(client, {"metadata": {"annotations": {CAUSE: "kubectl set image --record"}}, **image})
    client.settle(5)
    causes = {each["metadata"]["annotations"][CAUSE] for each in client.get(SETS)["items"]}
    assert causes == {"kubectl create --record", "kubectl set image --record"}


def test_resources_set_while_paused_make_one_replica_set_on_resume(client: Client) -> None:
    client.send("POST", DEPLOYMENTS, deployment(1))
    client.settle(5)
    patched(client, {"spec": {"paused": True}})
    limits = {"resources": {"limits": {"cpu": "200m", "memory": "512Mi"}}}
    patched(client, {"spec": {"template": {"spec": {"containers": [{"name": "a", **limits}]}}}})
    patched(client, {"spec": {"template": {"spec": {"containers": [{"name": "a", "image": "a:2"}]}}}})
    client.settle(5)
    assert len(client.get(SETS)["items"]) == 1
    patched(client, {"spec": {"paused": None}})
    client.settle(5)
    newest = [each for each in client.get(SETS)["items"] if each["spec"]["replicas"]]
    assert len(client.get(SETS)["items"]) == 2
    container = newest[0]["spec"]["template"]["spec"]["containers"][0]
    assert (container["image"], container["resources"]) == ("a:2", limits["resources"])


def test_an_autoscaler_keeps_its_least_number(client: Client) -> None:
    client.send("POST", DEPLOYMENTS, deployment(1))
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
    }
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"minReplicas": 3, "maxReplicas": 5, "scaleTargetRef": target, "metrics": [metric]}
    made = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web"},
        "spec": spec,
    }
    assert client.send("POST", AUTOSCALERS, made).status == 201
    client.settle(60)
    assert client.get(f"{DEPLOYMENTS}/web")["spec"]["replicas"] == 3


def test_warnings_of_admission_come_with_the_answer(client: Client) -> None:
    level = {"metadata": {"labels": {"pod-security.kubernetes.io/warn": "baseline"}}}
    client.send("PATCH", "/api/v1/namespaces/default", level, content_type=STRATEGIC)
    bad = deployment(1)
    bad["spec"]["template"]["spec"]["hostNetwork"] = True
    answer = client.send("POST", DEPLOYMENTS, bad)
    assert answer.status == 201
    assert [each for each in answer.warnings if "host namespaces (hostNetwork=true)" in each]
    client.settle(2)
    quiet = client.send("POST", DEPLOYMENTS.replace("default", "kube-system"), deployment(1))
    assert quiet.status == 201
    assert quiet.warnings == ()
