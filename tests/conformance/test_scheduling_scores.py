"""Scores of every plugin, totals and the chosen node, against recorded decisions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kubelogic.placement.check import check, faults
from kubelogic.placement.kube.examine import Examination, examine
from kubelogic.placement.kube.scheduler import schedule
from tests.support.decisions import Attempt, Pipeline, attempts, read_case


def test_scores_and_chosen_node(
    decision_file: Path, pipeline: Pipeline, agreement: Callable[[str, str, bool], bool]
) -> None:
    case = read_case(decision_file)
    for attempt in attempts(case, pipeline):
        if not attempt.decided:
            continue
        assert faults(attempt.problem) == ()
        found = examine(attempt.problem, attempt.pod)
        recorded = attempt.outcome
        if "feasible_node_count" in recorded:
            continue
        feasible = list(found.feasible) == sorted(recorded["feasible_nodes"])
        assert agreement(case.area, "feasible", feasible), found.refusal
        if recorded.get("scores"):
            ours = {row.node: {**row.parts, "total": row.total} for row in found.scores}
            theirs = {node: dict(row) for node, row in recorded["scores"].items()}
            agreement(case.area, "scores", ours == theirs)
            assert ours == theirs
        if recorded["scheduled"]:
            assert agreement(case.area, "node", recorded["node"] in found.best), found.best
        _the_scheduler_does_as_examined(attempt, found)


def _the_scheduler_does_as_examined(attempt: Attempt, found: Examination) -> None:
    placement = schedule(attempt.problem)
    assert check(attempt.problem, placement) == ()
    bindings = [binding for binding in placement.bindings if binding.pod == attempt.pod]
    assert [binding.ties for binding in bindings] == ([found.best] if found.best else [])
