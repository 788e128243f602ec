"""Pods that have a node and are not there for anybody, and pods that are only taken to get ready: each is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kubelogic.api import explain, load, plan, simulate
from kubelogic.cli import main
from kubelogic.reconcile.scenario import Event, FailNode, Scenario
from kubelogic.report.about import render_about
from kubelogic.verbs.about import NodeExplanation, explain_any
from tests.explain.small import node, workload

UNREACHABLE = "node.kubernetes.io/unreachable"
BEATS = {"lastHeartbeatTime": "2026-05-01T12:00:00Z", "lastTransitionTime": "2026-05-01T11:00:00Z"}


def silent(name: str) -> dict[str, Any]:
    made = node(name, taints=[{"key": UNREACHABLE, "effect": "NoExecute"}])
    made["status"]["conditions"] = [{"type": "Ready", "status": "Unknown", **BEATS}]
    return made


def well(name: str) -> dict[str, Any]:
    made = node(name)
    made["status"]["conditions"] = [{"type": "Ready", "status": "True", **BEATS}]
    return made


def printed(name: str, on: str, *, ready: str, since: str, **meta: Any) -> dict[str, Any]:
    """A pod as a cluster prints it, whose container runs."""
    runs = {"running": {"startedAt": "2026-05-01T10:01:00Z"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "uid": f"u-{name}", **meta},
        "spec": {
            "nodeName": on,
            "containers": [{"name": "c", "image": "i:1"}],
            "tolerations": [
                {"key": UNREACHABLE, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            ],
        },
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": since}],
            "containerStatuses": [{"name": "c", "ready": ready == "True", "restartCount": 0, "state": runs}],
        },
    }


@pytest.mark.parametrize(("since", "told"), [("2026-05-01T11:58:00Z", True), ("2026-05-01T11:40:00Z", False)])
def test_a_pod_that_is_taken_to_get_ready_is_told(since: str, *, told: bool) -> None:
    cluster = load([well("oak"), printed("web", "oak", ready="False", since=since)])
    for notices in (plan(cluster).notices, explain(cluster, "web").lacking.notices):
        said = [
            each.message for each in notices if "default/web, which is not ready there, ever gets ready" in each.message
        ]
        assert bool(said) is told


def test_pods_on_a_node_that_is_not_ready_are_told() -> None:
    cluster = load([silent("elm"), well("oak"), printed("web", "elm", ready="False", since="2026-05-01T11:59:00Z")])
    found = plan(cluster)
    ((kind, key, reason, message),) = [(each.kind, each.key, each.reason, each.message) for each in found.troubles]
    assert (kind, key, reason) == ("Pod", "default/web", "NodeNotReady")
    assert message == "it counts as placed, and is not ready: its node elm is not ready"
    assert not [each for each in found.notices if "ever gets ready" in each.message]


OWNED = {"apiVersion": "apps/v1", "controller": True}


def deployed(on: str) -> list[dict[str, Any]]:
    """A Deployment of one pod, as a cluster prints it."""
    spec = {"containers": [{"name": "c", "image": "i:1"}]}
    top, middle = workload("Deployment", "web", spec), workload("ReplicaSet", "web-1", spec)
    top["metadata"]["uid"], middle["metadata"]["uid"] = "u-top", "u-set"
    labels = {"app": "web", "pod-template-hash": "1"}
    middle["metadata"] |= {"labels": labels, "ownerReferences": [{**OWNED, "kind": "Deployment", "name": "web"}]}
    middle["metadata"]["ownerReferences"][0]["uid"] = "u-top"
    middle["spec"] |= {"selector": {"matchLabels": labels}}
    middle["spec"]["template"]["metadata"] = {"labels": labels}
    owner = {**OWNED, "kind": "ReplicaSet", "name": "web-1", "uid": "u-set"}
    pod = printed("web-1-a", on, ready="False", since="2026-05-01T11:59:30Z", labels=labels, ownerReferences=[owner])
    return [top, middle, pod]


def asked(tmp_path: Path, *arguments: str, objects: list[dict[str, Any]]) -> int:
    path = tmp_path / "dump.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    return main([*arguments, str(path)])


def test_a_deployment_without_an_available_pod_is_not_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    objects = [silent("elm"), well("oak"), *deployed("elm")]
    assert asked(tmp_path, "plan", objects=objects) == 1
    assert "1 placed, 1 not well" in capsys.readouterr().out
    assert asked(tmp_path, "explain", "deploy/web", objects=objects) == 1
    assert "web-1-a" in capsys.readouterr().out.partition("NOT WELL")[2]


def test_pods_that_belong_to_their_node_go_down_with_it() -> None:
    owner = {**OWNED, "kind": "DaemonSet", "name": "agent", "uid": "u-agent"}
    mine = printed("agent-a", "elm", ready="False", since="2026-05-01T11:59:00Z", ownerReferences=[owner])
    assert not plan(load([silent("elm"), well("oak"), mine])).troubles


def test_a_node_that_goes_down_in_the_run_is_no_trouble_of_its_pods_before_they_are_evicted() -> None:
    pod = printed("web", "elm", ready="True", since="2026-05-01T11:00:00Z")
    scenario = Scenario(events=(Event(at=1000, operation=FailNode(node="elm")),), horizon=120_000)
    assert not simulate(load([well("elm"), well("oak"), pod]), scenario).final.troubles


def stateful(ready: str = "False", **meta: Any) -> list[dict[str, Any]]:
    """A StatefulSet and its only pod, which is being deleted on elm."""
    top = workload("StatefulSet", "db", {"containers": [{"name": "c", "image": "i:1"}]})
    top["metadata"]["uid"] = "u-db"
    top["status"] = {"replicas": 1, "readyReplicas": 1, "availableReplicas": 1}
    owner = {**OWNED, "kind": "StatefulSet", "name": "db", "uid": "u-db"}
    going = {"deletionTimestamp": "2026-05-01T11:30:30Z", "deletionGracePeriodSeconds": 30}
    meta = {"ownerReferences": [owner], "labels": {"app": "db"}, **going, **meta}
    return [top, printed("db-0", "elm", ready=ready, since="2026-05-01T11:20:00Z", **meta)]


LOST = (
    "it makes no other pod for db-0, which is being deleted on elm: nothing is heard of elm, so no kubelet ends it; "
    "if elm is surely off, kubectl taint nodes elm node.kubernetes.io/out-of-service=nodeshutdown:NoExecute lets go "
    "of the pod and its volumes"
)


@pytest.mark.parametrize("ready", ["True", "False"])
def test_a_set_waits_for_its_pod_that_no_kubelet_ends(ready: str) -> None:
    found = plan(load([silent("elm"), well("oak"), *stateful(ready)]))
    assert [(each.kind, each.reason, each.message) for each in found.troubles] == [
        ("StatefulSet", "PodTerminating", LOST)
    ]
    assert not found.placements
    assert found.cluster.objects("StatefulSet")["default/db"].document["status"]["readyReplicas"] == 0


def test_a_set_that_waits_for_a_lost_pod_makes_the_answer_no(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    objects = [silent("elm"), well("oak"), *stateful()]
    for what in (("plan",), ("explain", "sts/db"), ("explain", "db-0")):
        assert asked(tmp_path, *what, objects=objects) == 1
        said = capsys.readouterr().out
        assert LOST in " ".join(said.split())
        assert "wait for their turn" not in said


def test_a_node_that_answers_ends_the_pod_of_a_set() -> None:
    found = plan(load([well("elm"), well("oak"), *stateful()]))
    assert not found.troubles
    assert [each.pod for each in found.placements] == ["default/db-0"]


def test_what_is_being_deleted_is_told_as_such() -> None:
    going = {"deletionTimestamp": "2026-05-01T11:30:30Z", "deletionGracePeriodSeconds": 30}
    mine = printed("web", "elm", ready="False", since="2026-05-01T11:20:00Z", **going)
    cluster = load([silent("elm"), well("oak"), mine])
    found = explain_any(cluster, "node/elm")
    assert isinstance(found, NodeExplanation)
    assert (found.pods, found.leaving) == ((), ("default/web",))
    assert "Who is being deleted\n  default/web" in render_about(found)
    assert "is on elm, and is being deleted." in render_about(explain_any(cluster, "default/web"))
