"""Claims whose devices say that they cannot be bound: kube-scheduler 1.36, DynamicResources, isClaimReadyForBinding."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.reconcile.actions import DeallocateClaim
from kubelogic.verbs.load import load
from kubelogic.verbs.plan import Plan, plan
from kubelogic.verbs.reconciled import Options

NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "n1"},
    "status": {
        "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"},
        "conditions": [{"type": "Ready", "status": "True"}],
    },
}
CLASS = {"apiVersion": "resource.k8s.io/v1", "kind": "DeviceClass", "metadata": {"name": "gpu"}, "spec": {}}
RESULT = {
    "request": "r",
    "driver": "d.example",
    "pool": "p",
    "device": "gpu-0",
    "bindingConditions": ["d.example/ready"],
    "bindingFailureConditions": ["d.example/failed"],
}
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "p", "uid": "pod-p"},
    "spec": {
        "containers": [{"name": "a", "image": "a:1"}],
        "resourceClaims": [{"name": "g", "resourceClaimName": "c"}],
    },
}


def slice_of(*names: str) -> dict[str, Any]:
    devices = [{"name": name} for name in names]
    pool = {"name": "p", "generation": 1, "resourceSliceCount": 1}
    spec = {"driver": "d.example", "nodeName": "n1", "pool": pool, "devices": devices}
    return {"apiVersion": "resource.k8s.io/v1", "kind": "ResourceSlice", "metadata": {"name": "s"}, "spec": spec}


def claim(*conditions: tuple[str, str], since: str = "", user: str = "pod-p") -> dict[str, Any]:
    allocation: dict[str, Any] = {"devices": {"results": [RESULT]}}
    if since:
        allocation["allocationTimestamp"] = since
    said = [{"type": name, "status": status, "reason": "x"} for name, status in conditions]
    devices = [{"driver": "d.example", "pool": "p", "device": "gpu-0", "conditions": said}] if said else []
    request = {"name": "r", "exactly": {"deviceClassName": "gpu"}}
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "metadata": {"name": "c", "uid": "c-1"},
        "spec": {"devices": {"requests": [request]}},
        "status": {
            "allocation": allocation,
            "devices": devices,
            "reservedFor": [{"resource": "pods", "name": user, "uid": user}],
        },
    }


def planned(scheduler: Any, given: dict[str, Any]) -> Plan:
    # The clock starts at the latest moment of the input.
    late = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "m", "creationTimestamp": "2026-05-01T12:00:00Z"},
    }
    return plan(load([NODE, CLASS, slice_of("gpu-0", "gpu-1"), POD, given, late]), Options(scheduler=scheduler))


def taken_away(found: Plan) -> bool:
    return any(isinstance(each.action, DeallocateClaim) for each in found.actions)


READY, FAILED = "d.example/ready", "d.example/failed"


@pytest.mark.parametrize("scheduler", ["kube", "optimal"])
@pytest.mark.parametrize(
    ("given", "taken"),
    [
        (claim((READY, "True")), False),
        (claim((FAILED, "True")), True),
        (claim((READY, "True"), (FAILED, "True")), True),
        (claim((FAILED, "False")), False),
        (claim(since="2026-05-01T11:49:00Z"), True),
        (claim(since="2026-05-01T11:55:00Z"), False),
        (claim((READY, "True"), since="2026-05-01T11:00:00Z"), False),
    ],
)
def test_devices_that_cannot_be_bound_are_taken_away(scheduler: str, given: dict[str, Any], taken: bool) -> None:
    found = planned(scheduler, given)
    assert taken_away(found) == taken
    assert [each.pod for each in found.placements] == ["default/p"]


def test_devices_of_a_claim_that_another_pod_holds_stay() -> None:
    found = planned("kube", claim((FAILED, "True"), user="other"))
    assert not taken_away(found)
    (said,) = found.pending
    assert "resourceclaim not available on the node" in said.message
