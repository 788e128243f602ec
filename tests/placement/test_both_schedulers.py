"""All pods together against one pod at a time, on random problems with everything in them."""

from __future__ import annotations

from collections import Counter

import pytest

from kubelogic.placement.check import check
from kubelogic.placement.kube import schedule
from kubelogic.placement.mixture import mixture
from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.placement import Placement
from kubelogic.placement.problem import Problem


def placed(problem: Problem, placement: Placement) -> tuple[int, ...]:
    """How many pods of each priority get a node, from the highest down."""
    priority = {shape.name: shape.priority for shape in problem.shapes}
    shape = {pod.name: pod.shape for pod in problem.pods}
    found = Counter(priority[shape[entry.pod]] for entry in (*placement.bindings, *placement.nominations))
    return tuple(found[level] for level in sorted(set(priority.values()), reverse=True))


@pytest.mark.parametrize("decade", range(6))
def test_together_is_right_and_no_worse(decade: int) -> None:
    for seed in range(10 * decade, 10 * decade + 10):
        problem = mixture(seed)
        together = solve(problem)
        assert check(problem, together) == (), seed
        assert placed(problem, together) >= placed(problem, schedule(problem)), seed


def test_a_joint_placement_that_the_checker_refuses_gives_way() -> None:
    """Seed 501: the joint search promises a volume twice; the one-by-one placement is taken, without a proof."""
    problem = mixture(501)
    together = solve(problem)
    assert check(problem, together) == ()
    assert together.bindings
    assert {each.verdict for each in together.unplaced} == {"unknown"}
