"""Every member of a core is needed: on all generated impossible problems up to 50 nodes, and how long it takes."""

from __future__ import annotations

import time
from collections import Counter
from random import Random

import pytest

from kubelogic.placement.check import check
from kubelogic.placement.optimal.limits import Limits
from kubelogic.placement.optimal.solve import core_of, solve
from kubelogic.placement.problem import Problem
from tests.support.impossible import FAMILIES, impossible
from tests.support.mixture import mixture
from tests.support.problems import Recipe, generate

pytestmark = pytest.mark.benchmark

SOLVE = Limits(timeout=2.0)
LIMITS = Limits(timeout=20.0)
SHAPES = 2
"""How many of the shapes that are left out get explained, for each problem."""
SEEDS = 3
"""How many problems there are of each size, where they are drawn at random."""


@pytest.mark.parametrize("family", FAMILIES)
def test_planted_conflicts_of_every_size(family: str) -> None:
    """One problem for each number of nodes from 2 to 50."""
    results = Results()
    for nodes in range(2, 51):
        results.explain(impossible(family, nodes=nodes, seed=nodes), f"{nodes} nodes")
    results.report(family)
    assert results.counts["impossible, not minimal"] == results.counts["unknown, not minimal"] == 0
    assert not results.counts["all placed"]


@pytest.mark.parametrize(("title", "most"), [("overfull", 1.3), ("hardly overfull", 1.06)])
def test_overfull_clusters(title: str, most: float) -> None:
    """More is asked for than there is room for, with and without constraints between pods, up to 50 nodes."""
    results = Results()
    for nodes in range(2, 51, 2):
        for seed in range(SEEDS):
            results.explain(overfull(nodes, seed=nodes + 1000 * seed, most=most), f"{nodes} nodes, seed {seed}")
    results.report(title)
    assert results.share("impossible") >= 0.99


def test_mixtures_of_everything() -> None:
    """Everything that a problem can say, drawn at random, up to 50 nodes; preemption among it."""
    results = Results()
    for nodes in range(2, 51):
        for seed in range(SEEDS):
            case = mixture(nodes + 1000 * seed, nodes=nodes, shapes=8, running=2 * nodes, waiting=2 * nodes)
            results.explain(case, f"{nodes} nodes, seed {seed}")
    results.report("mixture")
    assert results.share("impossible") >= 0.99


class Results:
    """What came of the cores of some problems.

    ``counts``: cores by the verdict of the solver on the pods (``impossible`` or ``unknown``), and by whether each
    member was proved to be needed; or no core at all.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._sizes: list[int] = []
        self._seconds: list[float] = []
        self._open: list[str] = []

    def share(self, verdict: str) -> float:
        """How many of the shapes with this verdict have a core of which each member is needed."""
        every = sum(number for key, number in self.counts.items() if key.startswith(verdict))
        return self.counts[f"{verdict}, minimal"] / max(every, 1)

    def explain(self, case: Problem, name: str) -> None:
        """Explain some of the shapes that the solver leaves out."""
        placement = solve(case, limits=SOLVE, clock=time.process_time)
        verdicts = {entry.shape: entry.verdict for entry in placement.unplaced if entry.verdict != "waiting"}
        self.counts["all placed"] += not placement.unplaced
        for shape, verdict in sorted(verdicts.items())[:SHAPES]:
            start = time.process_time()
            core = core_of(case, placement, shape, limits=LIMITS, clock=time.process_time)
            took = time.process_time() - start
            self._seconds.append(took)
            kind = "no core" if core is None else "minimal" if core.minimal else "not minimal"
            self.counts[f"{verdict}, {kind}"] += 1
            if core is not None:
                self._sizes.append(len(core.members))
                assert all(check(held.problem, held.placement) == () for _, held in core.witnesses)
            if core is None or not core.minimal:
                needed = {entry for entry, _ in core.witnesses} if core else set()
                unsure = [str(entry) for entry in core.members if entry not in needed] if core else []
                self._open.append(f"  {name}, {shape}: {verdict}, {kind} {unsure}, {took:.1f} s")

    def report(self, title: str) -> None:
        """Print what was found."""
        seconds = sorted(self._seconds)
        print(
            f"\n{title}: {dict(sorted(self.counts.items()))}; {min(self._sizes)} to {max(self._sizes)} members; "
            f"{sum(seconds) / len(seconds):.2f} s on average, {seconds[-1]:.2f} s at most"
        )
        print("\n".join(self._open))


def overfull(nodes: int, *, seed: int, most: float) -> Problem:
    """A cluster that is asked for up to ``most`` times its free cpu."""
    random = Random(seed)
    return generate(
        Recipe(
            nodes=nodes,
            classes=random.randint(1, max(1, min(5, nodes // 2))),
            pods=nodes * random.randint(2, 10),
            shapes=random.randint(2, 12),
            fill=random.uniform(1.0, most),
            leftovers=random.random() < 0.5,
            coupled=random.choice((0.0, 0.3, 0.6)),
            priorities=random.choice((1, 2, 3)),
            restricted=random.choice((0.2, 0.6)),
            seed=seed,
        )
    )
