"""Pods that have a node and are not there for anybody, and pods that are only taken to get ready: each is told."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.api import explain, load, plan
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
    assert "Pod default/web counts as placed, and is not ready: elm is not ready." in found.remarks
    assert not [each for each in found.notices if "ever gets ready" in each.message]


def test_a_set_waits_for_its_pod_that_no_kubelet_ends() -> None:
    top = workload("StatefulSet", "db", {"containers": [{"name": "c", "image": "i:1"}]})
    top["metadata"]["uid"] = "u-db"
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "u-db", "controller": True}
    going = {"deletionTimestamp": "2026-05-01T11:30:30Z", "deletionGracePeriodSeconds": 30}
    meta = {"ownerReferences": [owner], "labels": {"app": "db"}, **going}
    mine = printed("db-0", "elm", ready="False", since="2026-05-01T11:20:00Z", **meta)
    found = plan(load([silent("elm"), well("oak"), top, mine]))
    assert (
        "StatefulSet default/db makes no other for default/db-0, which is being deleted on elm: no kubelet there "
        "ends it while the node is not ready." in found.remarks
    )
