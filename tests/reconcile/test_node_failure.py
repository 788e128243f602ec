"""Nodes that go down and come back: when they are noticed, who is evicted when, and where replacements go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.state import State
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.reconcile.actions import Action, AddTaint, BindPod, EvictPod, RemoveTaint, SetCondition
from kubelogic.reconcile.engine import reconciler
from kubelogic.reconcile.settle import Run, settle

BOOK = load_rulebook()
TICKER = reconciler(BOOK, scheduler="kube")
"""Used for all runs: a tick depends on nothing but the state."""


def node(name: str, **labels: str) -> Object:
    document = {
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **labels}},
        "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}},
    }
    return Object(api_version="v1", kind="Node", namespace="", name=name, document=document)


def deployment(replicas: int) -> Object:
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "c", "image": "app:1", "resources": {"requests": {"cpu": "1"}}}]},
    }
    document = {
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template},
    }
    return Object(api_version="apps/v1", kind="Deployment", namespace="shop", name="web", document=document)


def service() -> Object:
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080, "protocol": "TCP"}]}
    document: dict[str, Any] = {"metadata": {"name": "web", "namespace": "shop"}, "spec": spec}
    return Object(api_version="v1", kind="Service", namespace="shop", name="web", document=document)


def up_and_running(nodes: int, replicas: int, *, until: int = 10_000) -> State:
    """A Deployment behind a Service on so many nodes, settled at ``until`` ms."""
    objects = [*(node(f"n{number}") for number in range(1, nodes + 1)), deployment(replicas), service()]
    run = settle(TICKER, State.of(Cluster.of(objects)), until=until)
    assert run.settled
    return run.state


def fail(state: State, *names: str) -> State:
    return state.with_world(add=[("node_silent_since", (name, state.now)) for name in names])


def play(state: State, *, until: int) -> Run:
    run = settle(TICKER, state, until=until)
    assert run.settled
    return run


def happened(run: Run, kind: type[Action]) -> Iterator[tuple[int, Any]]:
    """When actions of a kind were decided, and the actions."""
    for step in run.steps:
        yield from ((step.now, action) for action in step.actions if isinstance(action, kind))


def ready_addresses(state: State) -> int:
    endpoints = state.cluster.objects("Endpoints")["shop/web"].document
    return sum(len(subset.get("addresses") or ()) for subset in endpoints["subsets"])


def pods_on(state: State, name: str) -> list[str]:
    pods = state.cluster.objects("Pod").values()
    return sorted(pod.key for pod in pods if pod.document["spec"].get("nodeName") == name)


def test_unknown_at_40_s_evictions_at_340_s_replacements_elsewhere() -> None:
    state = up_and_running(3, 6)
    lost = pods_on(state, "n1")
    assert len(lost) == 2
    assert ready_addresses(state) == 6
    start = state.now
    run = play(fail(state, "n1"), until=start + 600_000)
    unknown = [now - start for now, a in happened(run, SetCondition) if a.key == "n1" and a.condition == "Ready"]
    assert unknown == [40_000]
    taints = [(now - start, a.taint, a.effect) for now, a in happened(run, AddTaint)]
    assert taints == [
        (40_000, "node.kubernetes.io/unreachable", "NoSchedule"),
        (40_000, "node.kubernetes.io/unreachable", "NoExecute"),
    ]
    assert [(now - start, a.pod) for now, a in happened(run, EvictPod)] == [(340_000, pod) for pod in lost]
    bound = [(now - start, a.node) for now, a in happened(run, BindPod)]
    assert len(bound) == 2
    assert all(moment == 340_000 and where != "n1" for moment, where in bound)
    assert ready_addresses(run.state) == 6
    terminating = [p for p in pods_on(run.state, "n1") if _is_terminating(run.state, p)]
    assert terminating == lost, "the object of a pod on a dead node stays until its kubelet answers"


def _is_terminating(state: State, key: str) -> bool:
    return "deletionTimestamp" in state.cluster.objects("Pod")[key].document["metadata"]


def test_a_node_that_is_back_in_time_loses_no_pod() -> None:
    state = up_and_running(2, 2)
    start = state.now
    down = play(fail(state, "n1"), until=start + 200_000)
    assert ready_addresses(down.state) == 1
    back = down.state.with_world(remove=[("node_silent_since", ("n1", start))])
    run = play(back, until=start + 600_000)
    assert list(happened(run, EvictPod)) == []
    assert sorted(a.effect for _, a in happened(run, RemoveTaint)) == ["NoExecute", "NoSchedule"]
    assert ready_addresses(run.state) == 2
    assert "taints" not in run.state.cluster.objects("Node")["n1"].document["spec"]


def test_nodes_of_a_zone_are_tainted_one_in_ten_seconds() -> None:
    state = up_and_running(6, 6)
    start = state.now
    run = play(fail(state, "n1", "n2"), until=start + 100_000)
    taints = [(now - start, a.node) for now, a in happened(run, AddTaint) if a.effect == "NoExecute"]
    assert taints == [(40_000, "n1"), (50_000, "n2")]


def test_nothing_is_evicted_while_the_whole_cluster_is_down() -> None:
    state = up_and_running(3, 3)
    run = play(fail(state, "n1", "n2", "n3"), until=state.now + 3_600_000)
    assert list(happened(run, EvictPod)) == []
    assert {a.effect for _, a in happened(run, AddTaint)} == {"NoSchedule"}


@pytest.mark.parametrize(("period", "grace", "expected"), [(1_000, 6_000, 6_000), (5_000, 12_000, 15_000)])
def test_the_grace_period_is_judged_at_monitor_passes(period: int, grace: int, expected: int) -> None:
    settings = [("node_monitor_period", period), ("node_monitor_grace_period", grace)]
    book = BOOK.with_facts({"parameter": settings})
    state = up_and_running(2, 1)
    run = settle(reconciler(book, scheduler="kube"), fail(state, "n1"), until=state.now + 60_000)
    unknown = [now - state.now for now, a in happened(run, SetCondition) if a.key == "n1" and a.condition == "Ready"]
    assert unknown == [expected]
