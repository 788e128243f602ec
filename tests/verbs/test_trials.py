"""What a trial of a repair goes through."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.api import explain, load
from kubelogic.reconcile.tick import Reconciler, Tick
from tests.explain.small import Document, node, pod, spec, workload

ROLLING = [
    pytest.param({}, id="as by default"),
    pytest.param({"maxUnavailable": 0, "maxSurge": 1}, id="with surge"),
]


def agents(number: int, rolling: Document) -> list[Document]:
    """A DaemonSet on nodes of which the first is full."""
    agent = workload("DaemonSet", "agent", spec(cpu="200m"))
    del agent["spec"]["replicas"]
    agent["spec"]["updateStrategy"] = {"type": "RollingUpdate", "rollingUpdate": rolling}
    nodes = [node(f"n{each:02}", cpu="1") for each in range(number)]
    return [*nodes, pod("filler", spec(cpu="900m"), on="n00"), agent]


def ticks(number: int, rolling: Document, monkeypatch: pytest.MonkeyPatch) -> int:
    count = 0
    tick = Reconciler.tick

    def counted(self: Reconciler, *arguments: Any, **named: Any) -> Tick:
        nonlocal count
        count += 1
        return tick(self, *arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(Reconciler, "tick", counted)
        told = explain(load(agents(number, rolling)), "DaemonSet default/agent")
    assert not told.node
    assert "request 0.1 of cpu instead of 0.2, what n00 has free" in {each.summary for each in told.repairs}
    return count


@pytest.mark.parametrize("rolling", ROLLING)
def test_daemon_set_is_replaced_on_all_nodes_at_once(rolling: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ticks(16, rolling, monkeypatch) == ticks(4, rolling, monkeypatch)
