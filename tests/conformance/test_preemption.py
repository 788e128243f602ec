"""Preemption against recorded decisions: candidates, victims, the nominated node, where the pod went in the end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kubelogic.placement.kube.examine import examine
from kubelogic.placement.kube.scheduler import schedule
from kubelogic.placement.placement import Placement
from tests.support.decisions import Attempt, Pipeline, attempts, read_case


def test_candidates_victims_and_nominated_node(
    rejection_file: Path, pipeline: Pipeline, agreement: Callable[[str, str, bool], bool]
) -> None:
    case = read_case(rejection_file)
    for attempt in attempts(case, pipeline):
        recorded = attempt.outcome
        if not attempt.decided or recorded["scheduled"]:
            continue
        found = examine(attempt.problem, attempt.pod)
        rooms = {room.node: list(room.victims) for room in found.rooms}
        candidates = {node: sorted(pods) for node, pods in recorded.get("preemption_candidates", {}).items()}
        agreement(case.area, "candidates", rooms == candidates)
        assert rooms == candidates
        nominated = recorded["nominated_node"]
        agrees = nominated in found.nominees if nominated else not found.nominees
        assert agreement(case.area, "nominated", agrees), (found.nominees, nominated)
        placement = schedule(attempt.problem)
        if nominated:
            _the_scheduler_makes_that_room(attempt, placement, found.nominees)
        else:
            assert [eviction for eviction in placement.evictions if eviction.beneficiary == attempt.pod] == []


def _the_scheduler_makes_that_room(attempt: Attempt, placement: Placement, nominees: tuple[str, ...]) -> None:
    recorded = attempt.outcome
    (entry,) = [entry for entry in placement.unplaced if entry.pod == attempt.pod]
    assert entry.verdict == "waiting"
    assert entry.node == nominees[0]
    if entry.node != recorded["nominated_node"]:
        return
    victims = sorted(e.pod for e in placement.evictions if e.beneficiary == attempt.pod)
    assert victims == recorded["victims"]
    if "node_after_victims_left" in recorded:
        after = [binding.node for binding in placement.nominations if binding.pod == attempt.pod]
        assert after == [recorded["node_after_victims_left"]]
