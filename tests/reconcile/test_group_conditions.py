"""The condition that a scheduler writes into the status of groups, and where it is shown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubelogic.placement.kube.groups import UNSCHEDULABLE
from kubelogic.report.documents import plan_document
from kubelogic.report.plan import render_plan
from kubelogic.verbs.load import load
from kubelogic.verbs.plan import Plan, plan
from kubelogic.verbs.reconciled import Options

NODE = {
    "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"},
    "conditions": [{"type": "Ready", "status": "True"}],
}


def group(least: int | None, **status: Any) -> dict[str, Any]:
    policy: dict[str, Any] = {"basic": {}} if least is None else {"gang": {"minCount": least}}
    return {
        "apiVersion": "scheduling.k8s.io/v1alpha2",
        "kind": "PodGroup",
        "metadata": {"name": "g", "uid": "u", "generation": 3},
        "spec": {"schedulingPolicy": policy},
        **({"status": status} if status else {}),
    }


def pod(name: str, node: str = "") -> dict[str, Any]:
    container = {"name": "a", "image": "a:1", "resources": {"requests": {"cpu": "3"}}}
    spec = {"containers": [container], "schedulingGroup": {"podGroupName": "g"}}
    meta = {"name": name, **({"uid": name} if node else {})}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta,
        "spec": {**spec, **({"nodeName": node} if node else {})},
    }


def planned(scheduler: Any, *documents: dict[str, Any], nodes: int = 1) -> Plan:
    there = [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"n{i}"}, "status": NODE} for i in range(nodes)]
    return plan(load([*documents, *there]), Options(scheduler=scheduler))


def condition(found: Plan) -> dict[str, Any]:
    conditions = found.cluster.objects("PodGroup")["default/g"].document.get("status", {}).get("conditions", ())
    return next(({key: each[key] for key in each if key != "lastTransitionTime"} for each in conditions), {})


@pytest.mark.parametrize("scheduler", ["kube", "optimal"])
@pytest.mark.parametrize(
    ("least", "pods", "nodes", "wanted"),
    [
        (2, 2, 2, ("True", "Scheduled", None)),
        (None, 2, 1, ("True", "Scheduled", None)),
        (1, 2, 1, ("True", "Scheduled", None)),
        (2, 2, 1, ("False", "Unschedulable", UNSCHEDULABLE)),
        (3, 2, 2, None),
    ],
)
def test_conditions_after_a_try(
    scheduler: str, least: int | None, pods: int, nodes: int, wanted: tuple[str, str, str | None] | None
) -> None:
    found = planned(scheduler, group(least), *(pod(f"p{i}") for i in range(pods)), nodes=nodes)
    said = condition(found)
    if wanted is None:
        assert said == {}
        assert [(each.status, each.reason) for each in found.groups] == [("", "")]
        return
    assert (said["status"], said["reason"]) == wanted[:2]
    assert said["observedGeneration"] == 3
    assert (wanted[2] or "") in said.get("message", "")
    (status,) = found.groups
    assert (status.pods, status.least, status.status) == (pods, least or 0, wanted[0])
    assert found.settled


@pytest.mark.parametrize("scheduler", ["kube", "optimal"])
def test_a_group_that_was_scheduled_stays_so(scheduler: str) -> None:
    said = {"type": "PodGroupScheduled", "status": "True", "reason": "Scheduled"}
    found = planned(scheduler, group(1, conditions=[said]), pod("a", "n0"), pod("b"))
    assert condition(found)["status"] == "True"
    assert [each.pod for each in found.pending] == ["default/b"]


def test_it_is_an_action_and_shown() -> None:
    found = planned("kube", group(2), pod("a"), pod("b"))
    (action,) = [each.action for each in found.actions if getattr(each.action, "kind", "") == "PodGroup"]
    assert action.arguments()["condition"] == "PodGroupScheduled"
    assert "default/g  0/2     2        Unschedulable" in render_plan(found)
    (document,) = json.loads(json.dumps(plan_document(found)))["groups"]
    assert document["minCount"] == 2
    assert UNSCHEDULABLE in document["message"]
