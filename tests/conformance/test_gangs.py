"""Recorded decisions about groups of pods, step by step: nodes, promises, messages, conditions, victims."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kubelogic.placement.check import check, faults
from tests.support.decisions import Pipeline
from tests.support.gang_decisions import our_fates, our_groups, parameters, recorded_fates, steps

Agreement = Callable[[str, str, bool], bool]


@pytest.fixture(scope="module")
def pipelines() -> dict[object, Pipeline]:
    """One for each set of feature gates."""
    return {}


def test_fates_of_pods_conditions_of_groups_and_victims(
    gang_file: Path, pipelines: dict[object, Pipeline], agreement: Agreement
) -> None:
    gates = parameters(gang_file)
    pipeline = pipelines.get(gates) or pipelines.setdefault(gates, Pipeline(dict(gates)))
    area = f"Gang {gang_file.stem.split('-')[1]}" if gang_file.stem.startswith("gang-") else "Gang"
    known: dict[str, object] = {}
    for step in steps(gang_file, pipeline):
        for problem, placement in step.parts:
            assert faults(problem) == ()
            assert check(problem, placement) == ()
        theirs, ours = recorded_fates(step), our_fates(step, pipeline)
        for kind, wanted in theirs.items():
            if all(not any(fate) for fate in wanted):
                continue
            for column, name in enumerate(("nodes", "nominated", "reason", "message", "pre-enqueue")):
                said = sorted(fate[column] for fate in ours[kind].elements())
                right = sorted(fate[column] for fate in wanted.elements())
                assert agreement(area, name, said == right), (name, said, right)
        known = our_groups(step, known)
        for group, condition in step.outcome["pod_groups"].items():
            if condition is not None:
                assert agreement(area, "condition", known[group] == condition), known[group]
        evicted = {eviction.pod for _, placement in step.parts for eviction in placement.evictions}
        evicted |= {pod.name for pod in step.parts[-1][0].running if pod.terminating}
        assert agreement(area, "victims", sorted(evicted) == step.outcome["victims"]), evicted
