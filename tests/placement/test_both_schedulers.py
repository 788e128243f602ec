"""All pods together against one pod at a time, on random problems with everything in them."""

from __future__ import annotations

from collections import Counter

import pytest

from kubelogic.placement.check import check
from kubelogic.placement.kube.scheduler import schedule
from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.placement import Placement
from kubelogic.placement.problem import Problem
from tests.support.mixture import mixture


def standing(problem: Problem, placement: Placement) -> tuple[int, ...]:
    """Pods gained of each priority, from the highest down; then, negative, budgets broken and pods evicted."""
    priority = {shape.name: shape.priority for shape in problem.shapes}
    shape = {pod.name: pod.shape for pod in problem.pods}
    found = Counter(priority[shape[entry.pod]] for entry in (*placement.bindings, *placement.nominations))
    found.subtract(priority[shape[entry.pod]] for entry in placement.evictions)
    gained = [found[level] for level in sorted(set(priority.values()), reverse=True)]
    return (*gained, -sum(len(entry.breaks) for entry in placement.evictions), -len(placement.evictions))


@pytest.mark.parametrize("decade", range(6))
def test_together_is_right_and_no_worse(decade: int) -> None:
    for seed in range(10 * decade, 10 * decade + 10):
        problem = mixture(seed)
        together = solve(problem)
        assert check(problem, together) == (), seed
        assert standing(problem, together) >= standing(problem, schedule(problem)), seed


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(387, id="fewer victims"),
        pytest.param(433, id="a victim for a pod of higher priority, at the price of two lower ones"),
        pytest.param(501, id="a claim whose pod has to wait gets its volume with another pod"),
        pytest.param(942, id="more pods fit once victims no longer count for spread"),
        pytest.param(1265, id="victims that no budget protects"),
        pytest.param(1529, id="a promised node that keeps others away from where they need each other"),
    ],
)
def test_what_was_once_worse_than_one_by_one(seed: int) -> None:
    problem = mixture(seed)
    together = solve(problem)
    assert standing(problem, together) >= standing(problem, schedule(problem))
