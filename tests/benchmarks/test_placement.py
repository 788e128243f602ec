"""How much of what could be placed ``optimal`` places, how fast, and how that compares with one pod at a time."""

from __future__ import annotations

import time
from collections import Counter
from random import Random

import msgspec
import pytest

from kubelogic.placement.kube.scheduler import schedule
from kubelogic.placement.optimal.limits import Limits
from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.placement import Placement
from kubelogic.placement.problem import Problem
from tests.support.problems import Recipe, generate

pytestmark = pytest.mark.benchmark

BIG = {"nodes": 5000, "classes": 60, "pods": 50_000, "shapes": 50}
CASES = {
    "5,000 nodes at 80 %": (Recipe(**BIG, fill=0.8), 1.0, 4.0),
    "5,000 nodes at 90 %": (Recipe(**BIG, fill=0.9), 0.995, 30.0),
    "1,000 nodes with leftovers at 90 %": (
        Recipe(nodes=1000, classes=20, pods=10_000, shapes=50, fill=0.9, leftovers=True),
        0.99,
        20.0,
    ),
    "50 nodes": (Recipe(nodes=50, classes=5, pods=440, shapes=20, fill=0.9, leftovers=True), 0.99, 5.0),
    "200 nodes": (Recipe(nodes=200, classes=10, pods=1890, shapes=30, fill=0.9, leftovers=True), 0.99, 10.0),
}


@pytest.mark.parametrize(("recipe", "share", "seconds"), CASES.values(), ids=CASES)
def test_share_of_the_bound(recipe: Recipe, share: float, seconds: float) -> None:
    """Seconds are of processor time: what else the machine does is left out."""
    problem = generate(recipe)
    start = time.process_time()
    placement = solve(problem, limits=Limits(timeout=4 * seconds), clock=time.process_time)
    took = time.process_time() - start
    bound = placement.bounds[-1]
    print(f"\n{bound.placed} of at most {bound.most} placed ({bound.placed / bound.most:.2%}) in {took:.1f} s")
    assert bound.placed >= share * bound.most
    assert took < seconds


@pytest.mark.parametrize(
    "recipe",
    [Recipe(**BIG, fill=0.8), Recipe(**BIG, fill=0.9, priorities=2, coupled=0.1)],
    ids=["80 %", "90 %, with priorities and constraints"],
)
def test_fifty_thousand_pods_get_the_same_nodes_whatever_the_order(recipe: Recipe) -> None:
    """Without a clock, so that nothing but the problem can decide."""
    problem = generate(recipe)
    first = solve(problem)
    assert len(first.bindings) + len(first.unplaced) == sum(1 for pod in problem.pods if not pod.node)
    assert solve(problem) == first
    assert solve(shuffled(problem, seed=4)) == first


def shuffled(problem: Problem, *, seed: int) -> Problem:
    """The same problem with its lists in another order."""
    shuffle = Random(seed)
    return msgspec.structs.replace(
        problem,
        nodes=tuple(shuffle.sample(problem.nodes, len(problem.nodes))),
        shapes=tuple(shuffle.sample(problem.shapes, len(problem.shapes))),
        pods=tuple(shuffle.sample(problem.pods, len(problem.pods))),
        affinities=tuple(shuffle.sample(problem.affinities, len(problem.affinities))),
        spreads=tuple(shuffle.sample(problem.spreads, len(problem.spreads))),
        allowed=dict(shuffle.sample(list(problem.allowed.items()), len(problem.allowed))),
    )


def tight(seed: int) -> Problem:
    """10 to 40 nodes, asked for about all they have, every third with constraints between pods."""
    random = Random(seed)
    nodes = random.randint(10, 40)
    return generate(
        Recipe(
            nodes=nodes,
            classes=random.randint(1, 5),
            pods=nodes * random.randint(3, 12),
            shapes=random.randint(3, 15),
            fill=random.uniform(0.85, 1.05),
            leftovers=random.random() < 0.5,
            coupled=random.choice((0.0, 0.0, 0.2)),
            priorities=random.choice((1, 1, 2)),
            seed=seed,
        )
    )


def placed(problem: Problem, placement: Placement) -> tuple[int, ...]:
    """How many pods of each priority are placed, from the highest down."""
    priority = {shape.name: shape.priority for shape in problem.shapes}
    shape = {pod.name: pod.shape for pod in problem.pods}
    levels = sorted({priority[pod.shape] for pod in problem.pods if not pod.node}, reverse=True)
    found = Counter(priority[shape[binding.pod]] for binding in placement.bindings)
    return tuple(found[level] for level in levels)


def test_tight_problems_against_one_by_one() -> None:
    """Never fewer than one by one; what z3's model, and what its proof, is the answer to."""
    results: Counter[str] = Counter()
    found: Counter[str] = Counter()
    proofs: Counter[str] = Counter()
    for seed in range(500):
        problem = tight(seed)
        mine = solve(problem, limits=Limits(timeout=1.0), clock=time.process_time)
        theirs = placed(problem, schedule(problem))
        assert placed(problem, mine) >= theirs, seed
        results["better"] += placed(problem, mine) > theirs
        results["proved"] += all(bound.placed == bound.most for bound in mine.bounds)
        results["all placed"] += not mine.unplaced
        found["z3" if "z3" in mine.found else "heuristics"] += 1
        proofs[mine.proof or "none"] += 1
    print(f"\nof 500: {dict(results)}\nfound by {dict(found)}\nproved by {dict(proofs.most_common())}")
    assert results["proved"] >= 450
