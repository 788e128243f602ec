"""What kubelets report in one tick: all at once it comes to what the reports come to one by one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import pytest

from kubelogic.cluster import Cluster
from kubelogic.cluster.objects import as_object
from kubelogic.cluster.state import State
from kubelogic.reconcile.actions import (
    Action,
    Cause,
    EndContainer,
    HoldContainer,
    ReportContainer,
    ReportPhase,
    ReportStarted,
    SetCondition,
    StartContainer,
)
from kubelogic.reconcile.apply.carry_out import apply, carry_out

CAUSE = Cause(predicate="test", row=())
STATUS = {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "True"}]}
CONTAINERS = [{"name": "app", "image": "app:1"}]
BEFORE = [{"name": "before", "image": "app:1"}]


def pod(name: str, status: dict[str, Any] = STATUS, **spec: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": "default", "uid": name, "creationTimestamp": "2026-01-01T00:00:00Z"}
    whole = {"nodeName": "n", "containers": CONTAINERS, **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": whole, "status": status}


def state(*pods: dict[str, Any], block: str = "10.9.0.0/24") -> State:
    status = {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]}
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "n"},
        "spec": {"podCIDR": block, "podCIDRs": [block]},
        "status": status,
    }
    return State(cluster=Cluster.of(map(as_object, [node, *pods])), now=1_000)


def start(name: str, container: str = "app") -> Action:
    return StartContainer(cause=CAUSE, pod=f"default/{name}", container=container, restart=0)


def ready(name: str, value: int = 1) -> Action:
    return ReportContainer(cause=CAUSE, pod=f"default/{name}", container="app", ready=value)


def phase(name: str, value: str = "Running") -> Action:
    return ReportPhase(cause=CAUSE, pod=f"default/{name}", phase=value)


def hold(name: str) -> Action:
    return HoldContainer(cause=CAUSE, pod=f"default/{name}", container="app", reason="ErrImagePull", message="no")


def end(name: str) -> Action:
    return EndContainer(cause=CAUSE, pod=f"default/{name}", container="app", exit_code=1)


def told(at: State) -> dict[str, Any]:
    """The statuses of the pods, with the order of their fields."""
    return {key: list(each.document["status"].items()) for key, each in at.cluster.objects("Pod").items()}


RUNNING = {**STATUS, "phase": "Running", "podIP": "10.9.0.9", "podIPs": [{"ip": "10.9.0.9"}], "startTime": "x"}
ALIKE = [pod("a"), pod("b"), pod("c")]
CASES: dict[str, tuple[State, Sequence[Action]]] = {
    "alike": (state(*ALIKE), [*map(start, "abc"), *map(ready, "abc"), *map(phase, "abc")]),
    "gone": (state(pod("a")), [start("x"), start("a"), phase("x"), phase("a")]),
    "no two the same": (
        state(*ALIKE),
        [start("a"), hold("b"), start("c"), end("c"), phase("a"), phase("b", "Pending")],
    ),
    "init containers": (
        state(pod("a", initContainers=BEFORE), pod("b", initContainers=BEFORE)),
        [start("a", "before"), start("b", "before"), phase("a", "Pending"), phase("b", "Pending")],
    ),
    "host network": (state(pod("a", hostNetwork=True), pod("b")), [*map(start, "ab"), *map(phase, "ab")]),
    "no address left": (
        state(*ALIKE, block="10.9.0.0/30"),
        [*map(start, "abc"), hold("c"), *map(phase, "abc")],
    ),
    "with an address": (state(pod("a", RUNNING), pod("b", RUNNING), pod("c")), [*map(start, "abc"), *map(phase, "bc")]),
    "never dated": (state(pod("a", {"phase": "Pending"})), [start("a"), phase("a")]),
    "probed, then a condition": (
        state(*ALIKE),
        [
            *map(start, "ab"),
            ReportStarted(cause=CAUSE, pod="default/a", container="app"),
            phase("a"),
            SetCondition(
                cause=CAUSE, kind="Pod", key="default/a", condition="Ready", status="True", reason="", message=""
            ),
            start("c"),
        ],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_all_reports_of_a_tick_come_to_what_they_come_to_one_by_one(case: str) -> None:
    given, actions = CASES[case]
    at_once, one_by_one = apply(given, actions), reduce(lambda at, action: apply(at, [action]), actions, given)
    assert told(at_once) == told(one_by_one) != told(given)
    assert at_once.memory == one_by_one.memory


def test_what_gets_no_address_was_not_done() -> None:
    given, actions = CASES["no address left"]
    assert carry_out(given, actions).done == tuple(actions[:1] + actions[3:5])


def test_pods_with_the_same_status_and_reports_share_their_containers_and_conditions() -> None:
    given, actions = CASES["alike"]
    first, second, third = (each.document["status"] for each in apply(given, actions).cluster.objects("Pod").values())
    for field in ("containerStatuses", "conditions"):
        assert first[field] is second[field] is third[field]
    assert len({each["podIP"] for each in (first, second, third)}) == len(ALIKE)
    assert "podIP" not in ALIKE[0]["status"]
