"""The joint scheduler against the checker and itself."""

from __future__ import annotations

import random
import time
from typing import Any

import msgspec
import pytest

from kubelogic.placement.check import check
from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.problem import Node, Pod, Problem, Reach, Shape, Spread
from tests.support.problems import Recipe, generate

RECIPES = {
    "loose": Recipe(nodes=20, classes=3, pods=150, shapes=8, fill=0.7, seed=1),
    "too much": Recipe(nodes=20, classes=3, pods=150, shapes=8, fill=1.2, leftovers=True, priorities=3, seed=2),
    "coupled": Recipe(nodes=20, classes=4, pods=100, shapes=20, fill=0.8, coupled=0.5, priorities=2, seed=3),
}


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_placement_passes_the_checker(recipe: Recipe) -> None:
    problem = generate(recipe)
    placement = solve(problem)
    assert check(problem, placement) == ()
    assert len(placement.bindings) + len(placement.unplaced) == sum(1 for pod in problem.pods if not pod.node)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_equal_problems_get_equal_placements_whatever_the_order(recipe: Recipe) -> None:
    problem = generate(recipe)
    first = solve(problem)
    assert solve(problem) == first
    other = solve(shuffled(problem, seed=4))
    assert msgspec.structs.replace(other, conflicts=()) == msgspec.structs.replace(first, conflicts=())
    assert [list(map(str, c.core)) for c in other.conflicts] == [list(map(str, c.core)) for c in first.conflicts]


def test_statistics_count_work_and_no_time() -> None:
    problem = generate(Recipe(nodes=10, classes=2, pods=60, shapes=5, fill=1.2, leftovers=True, seed=2))
    first, again = (solve(problem, clock=time.monotonic).statistics for _ in range(2))
    assert first == again
    assert first["questions"] > 0
    assert first["neighbourhoods"] > 0


@pytest.mark.parametrize("pods", [100, 1_100], ids=["few", "many"])
def test_a_pod_that_fits_nowhere_changes_nothing_for_the_others(pods: int) -> None:
    """Nothing is searched for it, in large problems neither: the others go where they go without it."""
    nodes = tuple(Node(name=f"n{n}", node_class="c", allocatable={"cpu": 4, "pods": 9}) for n in range(1_000))
    small, large = (Shape(name=name, requests={"cpu": cpu}) for name, cpu in (("small", 1), ("large", 5)))
    waiting = tuple(Pod(name=f"p{n}", shape="small") for n in range(pods))
    allowed = dict.fromkeys(("small", "large"), Reach(node_classes=frozenset({"c"})))
    alone = solve(Problem(nodes=nodes, shapes=(small,), pods=waiting, allowed={"small": allowed["small"]}))
    pods_of_both = (*waiting, Pod(name="p", shape="large"))
    both = solve(Problem(nodes=nodes, shapes=(large, small), pods=pods_of_both, allowed=allowed))
    assert both.bindings == alone.bindings
    assert [(entry.pod, entry.verdict) for entry in both.unplaced] == [("p", "impossible")]
    assert "z3" not in both.found


def test_pods_that_are_being_deleted_do_not_count_against_those_that_come() -> None:
    """A pod on a dead node is never gone, and its zone has none for the spread: one of those that wait goes there."""
    nodes = tuple(
        Node(name=name, node_class="c", allocatable={"cpu": 4, "pods": 9}, topology={"zone": zone})
        for name, zone in (("a", "x"), ("b", "y"), ("c", "y"))
    )
    everywhere = Reach(node_classes=frozenset({"c"}))
    spread = Spread(owner="s", key="zone", max_skew=1, matches=frozenset({"s"}), eligible=everywhere, min_domains=3)
    running = (Pod(name="p0", shape="s", node="a"), Pod(name="p1", shape="s", node="b", terminating=True))
    problem = Problem(
        nodes=nodes,
        shapes=(Shape(name="s", requests={"cpu": 1, "pods": 1}),),
        pods=(*running, Pod(name="p2", shape="s"), Pod(name="p3", shape="s", order=1)),
        allowed={"s": everywhere},
        spreads=(spread,),
    )
    placement = solve(problem)
    assert [(each.pod, each.node) for each in placement.bindings] in ([("p2", "b")], [("p2", "c")])
    assert [(each.pod, each.verdict) for each in placement.unplaced] == [("p3", "impossible")]


def shuffled(problem: Problem, *, seed: int) -> Problem:
    """The same problem with everything listed in another order."""
    shuffle = random.Random(seed)

    def mixed(things: Any) -> tuple[Any, ...]:
        return tuple(shuffle.sample(list(things), len(things)))

    listed = (
        "nodes",
        "shapes",
        "pods",
        "affinities",
        "spreads",
        "budgets",
        "volumes",
        "claims",
        "preferences",
    )
    parts: dict[str, Any] = {name: mixed(getattr(problem, name)) for name in listed}
    return msgspec.structs.replace(problem, allowed=dict(mixed(problem.allowed.items())), **parts)
