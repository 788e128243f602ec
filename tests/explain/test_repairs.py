"""Repairs: only what was tried and works is offered, cheapest first; running pods that could move are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.api import explain, load
from kubelogic.report.explanation import render_explanation
from kubelogic.report.explanation_documents import explanation_document
from kubelogic.verbs.explain import Explanation

ROOT = Path(__file__).resolve().parents[2]
NODES = """\
apiVersion: v1
kind: Node
metadata: {name: n1, labels: {kubernetes.io/hostname: n1, disk: hdd}}
status: {allocatable: {cpu: "4", memory: 8Gi, pods: "20"}}
---
apiVersion: v1
kind: Node
metadata: {name: n2, labels: {kubernetes.io/hostname: n2, disk: hdd}}
spec: {taints: [{key: gpu, effect: NoSchedule}]}
status: {allocatable: {cpu: "8", memory: 8Gi, pods: "20"}}
---
"""


def explained(tmp_path: Path, spec: str, *more: str) -> Explanation:
    path = tmp_path / "all.yaml"
    head = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"
    path.write_text("".join((NODES, *more, f"{head}spec: {{{spec}}}\n")))
    return explain(load([str(path)]), "default/p")


def summaries(found: Explanation) -> list[str]:
    return [each.summary for each in found.repairs]


def container(cpu: str) -> str:
    return f"containers: [{{name: c, image: i, resources: {{requests: {{cpu: {cpu}}}}}}}]"


def test_a_toleration_is_offered_where_the_node_behind_it_has_room(tmp_path: Path) -> None:
    found = explained(tmp_path, container("6"))
    assert summaries(found)[0] == "tolerate the taint gpu:NoSchedule"
    assert [each.cost for each in found.repairs] == sorted(each.cost for each in found.repairs)


def test_a_toleration_is_not_offered_where_it_would_not_do(tmp_path: Path) -> None:
    assert not any(summary.startswith("tolerate") for summary in summaries(explained(tmp_path, container("9"))))


def test_two_changes_where_no_single_one_does(tmp_path: Path) -> None:
    found = explained(tmp_path, f"nodeSelector: {{disk: ssd}}, {container('6')}")
    assert found.repairs
    assert all(" and " in summary for summary in summaries(found))
    assert all(
        "not ask for nodes with disk=ssd" in each or "label" in each or "disk" in each for each in summaries(found)
    )


def test_requests_shrink_to_what_is_free(tmp_path: Path) -> None:
    running = (
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: there}}\nspec: {{nodeName: n1, {container('2500m')}}}\n---\n"
    )
    found = explained(tmp_path, container("3"), running)
    assert any(each.startswith("request 1.5 of cpu instead of 3") for each in summaries(found))


def test_a_placed_pod_needs_none(tmp_path: Path) -> None:
    found = explained(tmp_path, container("1"))
    assert (found.verdict, found.repairs, found.moves) == ("placed", (), None)


def test_moves_are_named_where_they_help() -> None:
    found = explain(load([str(ROOT / "fixtures/moves")]), "shop/report")
    assert found.verdict == "movable"
    assert found.moves is not None
    assert [(move.pod, move.source, move.target) for move in found.moves.moves] == [("shop/web-2", "n2", "n3")]


@pytest.mark.parametrize("cpu", ["6", "9"])
def test_repairs_are_the_same_each_time(cpu: str, tmp_path: Path) -> None:
    one, other = (explanation_document(explained(tmp_path, container(cpu))) for _ in range(2))
    assert one["repairs"]
    assert one == other


def test_a_search_that_stops_says_after_how_many_trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a cluster of very many pods few changes are tried, and the answer says so."""
    whole = explained(tmp_path, container("6"))
    assert whole.trials_stopped == 0
    monkeypatch.setattr("kubelogic.verbs.repairs._MANY_PODS", 0)
    monkeypatch.setattr("kubelogic.verbs.repairs._TRIED_PODS", 1)
    cut = explained(tmp_path, container("6"))
    assert cut.repairs == whole.repairs[:1]
    assert cut.trials_stopped == 1
    assert "1 change was tried, the cheapest first; others that may work were not" in render_explanation(cut)
    assert explanation_document(cut)["trialsStopped"] == 1
