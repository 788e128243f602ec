"""Which nodes can go: tried one after the other, with budgets, and proved where no more can."""

from __future__ import annotations

from pathlib import Path

from kubelogic.apiserver.reading import load
from kubelogic.cluster import Cluster
from kubelogic.report.consolidation import render_consolidation
from kubelogic.verbs.consolidation import Consolidation, consolidation
from kubelogic.verbs.reconciled import Options

IDLE = Path(__file__).resolve().parents[2] / "fixtures" / "pools" / "idle.yaml"


def asked(path: Path, **options: object) -> Consolidation:
    cluster = Cluster.of(load([str(path)]).objects)
    return consolidation(cluster, Options(scheduler="kube", **options))  # type: ignore[arg-type]


def test_half_of_the_nodes_can_go_and_no_more() -> None:
    found = asked(IDLE)
    assert (found.nodes, len(found.goes), found.least, len(found.stays)) == (4, 2, 2, 2)
    assert all("would find no other node" in each.why for each in found.stays)
    assert render_consolidation(found).startswith("2 of 4 nodes can go: 2 nodes of these types are needed")


def test_a_budget_that_lets_nobody_go_keeps_its_nodes(tmp_path: Path) -> None:
    strict = tmp_path / "strict.yaml"
    text = (
        IDLE.read_text(encoding="utf-8")
        .replace("maxUnavailable: 1", "maxUnavailable: 0")
        .replace("replicas: 6", "replicas: 2")
    )
    strict.write_text(text, encoding="utf-8")
    found = asked(strict)
    assert len(found.goes) == 2, "two nodes are empty"
    assert all("it never lets one go" in each.why for each in found.stays)


def test_without_time_nothing_is_said_of_nodes() -> None:
    ticks = iter(range(10**6))
    found = asked(IDLE, timeout=1.0, clock=lambda: float(next(ticks)))
    assert found.untried
    assert "there was no time" in render_consolidation(found)
