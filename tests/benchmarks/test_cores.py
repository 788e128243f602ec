"""Every member of a core is needed: on all generated impossible problems up to 50 nodes, and how long it takes."""

from __future__ import annotations

import time
from collections import Counter
from random import Random

import pytest

from kubelogic.placement.check import check
from kubelogic.placement.generate import Recipe, generate
from kubelogic.placement.impossible import FAMILIES, impossible
from kubelogic.placement.mixture import mixture
from kubelogic.placement.optimal.limits import Limits
from kubelogic.placement.optimal.solve import core_of, solve
from kubelogic.placement.placement import Placement
from kubelogic.placement.problem import Problem

pytestmark = pytest.mark.benchmark

SOLVE = Limits(timeout=2.0)
LIMITS = Limits(timeout=60.0)
SHAPES = 2
"""How many of the shapes that are left out get explained, for each problem."""


@pytest.mark.parametrize("family", FAMILIES)
def test_planted_conflicts_of_every_size(family: str) -> None:
    """One problem for each number of nodes from 2 to 50."""
    results = Results()
    for nodes in range(2, 51):
        case = impossible(family, nodes=nodes, seed=nodes)
        placement = solve(case, limits=SOLVE, clock=time.process_time)
        assert placement.unplaced, nodes
        results.explain(case, placement, sorted({entry.shape for entry in placement.unplaced})[:SHAPES], str(nodes))
    results.report(family)


def test_overfull_clusters() -> None:
    """More is asked for than there is room for, with and without constraints between pods, up to 50 nodes."""
    results = Results()
    for nodes in range(2, 51, 2):
        case = overfull(nodes)
        placement = solve(case, limits=SOLVE, clock=time.process_time)
        proved = sorted({entry.shape for entry in placement.unplaced if entry.verdict == "impossible"})
        results.explain(case, placement, proved[:SHAPES], str(nodes))
    results.report("overfull")


def test_mixtures_of_everything() -> None:
    """Everything that a problem can say, drawn at random, up to 50 nodes; preemption among it."""
    results = Results()
    for nodes in range(2, 51):
        case = mixture(nodes, nodes=nodes, shapes=8, running=2 * nodes, waiting=2 * nodes)
        placement = solve(case, limits=SOLVE, clock=time.process_time)
        proved = sorted({entry.shape for entry in placement.unplaced if entry.verdict == "impossible"})
        results.explain(case, placement, proved[:SHAPES], str(nodes))
    results.report("mixture")


class Results:
    """What came of the cores of some problems."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._sizes: list[int] = []
        self._seconds: list[float] = []
        self._wrong: list[str] = []

    def explain(self, case: Problem, placement: Placement, shapes: list[str], name: str) -> None:
        for shape in shapes:
            start = time.process_time()
            core = core_of(case, placement, shape, limits=LIMITS, clock=time.process_time)
            self._seconds.append(time.process_time() - start)
            minimal = core is not None and core.minimal
            self._counts["asked"] += 1
            self._counts["minimal"] += minimal
            if core is None or not minimal:
                self._wrong.append(f"{name} {shape}: {core and [str(entry) for entry in core.members]}")
                continue
            self._sizes.append(len(core.members))
            assert all(check(held.problem, held.placement) == () for _, held in core.witnesses)

    def report(self, title: str) -> None:
        seconds = sorted(self._seconds)
        print(
            f"\n{title}: {self._counts['minimal']} of {self._counts['asked']} cores minimal, "
            f"{min(self._sizes)} to {max(self._sizes)} members; "
            f"{sum(seconds) / len(seconds):.2f} s on average, {seconds[-1]:.2f} s at most"
        )
        assert not self._wrong, self._wrong


def overfull(nodes: int) -> Problem:
    random = Random(nodes)
    return generate(
        Recipe(
            nodes=nodes,
            classes=random.randint(1, max(1, min(5, nodes // 2))),
            pods=nodes * random.randint(2, 10),
            shapes=random.randint(2, 12),
            fill=random.uniform(1.0, 1.3),
            leftovers=random.random() < 0.5,
            coupled=random.choice((0.0, 0.3, 0.6)),
            priorities=random.choice((1, 2, 3)),
            restricted=random.choice((0.2, 0.6)),
            seed=nodes,
        )
    )
