"""What the node controller tells of nodes, and a namespace of its end."""

from __future__ import annotations

from typing import Any

from tests.support.serving import Client, node, start

EVENTS = "/api/v1/namespaces/default/events"
SPACES = "/api/v1/namespaces"


def told(client: Client, kind: str) -> list[tuple[str, str, str]]:
    found = [each for each in client.get(EVENTS)["items"] if each["involvedObject"]["kind"] == kind]
    return [(each["involvedObject"]["name"], each["reason"], each["type"]) for each in found]


def test_nodes_are_registered_when_the_controller_looks(client: Client) -> None:
    client.settle()
    assert told(client, "Node") == []
    client.settle(6)
    assert sorted(told(client, "Node")) == [("n1", "RegisteredNode", "Normal"), ("n2", "RegisteredNode", "Normal")]
    client.send("POST", "/api/v1/nodes", node("n3"))
    client.send("DELETE", "/api/v1/nodes/n2")
    client.settle(6)
    assert sorted(told(client, "Node"))[2:] == [("n2", "RemovingNode", "Normal"), ("n3", "RegisteredNode", "Normal")]
    client.settle(30)
    assert len(told(client, "Node")) == 4


def test_a_node_that_is_not_ready_is_told_with_its_pods(client: Client) -> None:
    pod = {"metadata": {"name": "p"}, "spec": {"nodeName": "n1", "containers": [{"name": "c", "image": "x"}]}}
    client.send("POST", "/api/v1/namespaces/default/pods", pod)
    client.settle(10)
    client.send("POST", "/kubelogic/v1/perform", {"operation": "fail", "node": "n1"})
    client.settle(60)
    assert ("n1", "NodeNotReady", "Normal") in told(client, "Node")
    assert ("p", "NodeNotReady", "Warning") in told(client, "Pod")
    assert ("n2", "NodeNotReady", "Normal") not in told(client, "Node")


def test_a_namespace_that_ends_says_what_keeps_it(client: Client) -> None:
    client.send("POST", SPACES, {"metadata": {"name": "held"}})
    client.settle(1)
    for name, finalizers in (("kept", ["example.com/hold"]), ("free", [])):
        made = {"metadata": {"name": name, "finalizers": finalizers}}
        client.send("POST", f"{SPACES}/held/configmaps", made)
    client.send("DELETE", f"{SPACES}/held")
    assert "conditions" not in client.get(f"{SPACES}/held")["status"]
    client.settle(10)
    found = {each["type"]: each for each in client.get(f"{SPACES}/held")["status"]["conditions"]}
    assert next(iter(found)) == "NamespaceDeletionDiscoveryFailure"
    assert [each["status"] for each in found.values()] == ["False", "False", "False", "True", "True"]
    remaining = "Some resources are remaining: configmaps. has 1 resource instances"
    assert found["NamespaceContentRemaining"]["message"] == remaining
    words = "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances"
    assert found["NamespaceFinalizersRemaining"]["message"] == words
    media = "application/merge-patch+json"
    client.send("PATCH", f"{SPACES}/held/configmaps/kept", {"metadata": {"finalizers": None}}, content_type=media)
    client.settle(10)
    assert client.send("GET", f"{SPACES}/held").status == 404


def autoscaled(**container: Any) -> Client:
    labels = {"app": "web"}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "x", **container}]}}
    web = {"replicas": 2, "selector": {"matchLabels": labels}, "template": pod}
    target = {"type": "Utilization", "averageUtilization": 50}
    scaler = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "minReplicas": 1,
        "maxReplicas": 3,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    client = start(
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": web},
        {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"}, "spec": scaler},
    )
    client.settle(30)
    say(client, "300m")
    client.settle(60)
    return client


def say(client: Client, each: str) -> None:
    step = {"step": {"metric": {"name": "web", "each": each}}}
    assert client.send("POST", "/kubelogic/v1/perform", step).status == 200


def of_autoscaler(client: Client) -> list[tuple[str, str, str]]:
    found = [each for each in client.get(EVENTS)["items"] if each["involvedObject"]["name"] == "h"]
    return [(each["type"], each["reason"], each["message"]) for each in found]


def scalings(client: Client) -> list[str]:
    return [message for _, reason, message in of_autoscaler(client) if reason == "SuccessfulRescale"]


def test_an_autoscaler_tells_that_it_scales_and_why() -> None:
    client = autoscaled(resources={"requests": {"cpu": "100m"}})
    up = "New size: 3; reason: cpu resource utilization (percentage of request) above target"
    assert scalings(client) == [up]
    say(client, "10m")
    client.settle(600)
    down = "New size: 1; reason: All metrics below target"
    assert scalings(client) == [up, down]
    url = "/apis/apps/v1/namespaces/default/deployments/web"
    patch = "application/merge-patch+json"
    assert client.send("PATCH", url, {"spec": {"replicas": 5}}, content_type=patch).status == 200
    client.settle(30)
    bound = "New size: 3; reason: Current number of replicas above Spec.MaxReplicas"
    assert scalings(client) == [up, down, bound]


def test_an_autoscaler_tells_why_it_cannot_scale() -> None:
    client = autoscaled()
    pod = min(each["metadata"]["name"] for each in client.get("/api/v1/namespaces/default/pods")["items"])
    why = f"failed to get cpu utilization: missing request for cpu in container c of Pod {pod}"
    first = f"invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: {why}"
    found = [("Warning", "FailedGetResourceMetric", why), ("Warning", "FailedComputeMetricsReplicas", first)]
    assert of_autoscaler(client) == found
    client.settle(60)
    assert of_autoscaler(client) == found
