"""Refusals by prices, and what could be placed if all left who may be evicted."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec import structs

from kubelogic.placement.check import check
from kubelogic.placement.optimal.clearance import afterwards, cleared
from kubelogic.placement.optimal.limits import Deadline, Limits
from kubelogic.placement.optimal.prices import Priced, Prices, distinct
from kubelogic.placement.optimal.solve import core_of, solve
from kubelogic.placement.problem import Affinity, Budget, Node, Pod, Problem, Reach, Shape
from tests.support.problems import Recipe, generate

ALL = Reach(node_classes=frozenset({"c"}))


def cluster(cpu: int, *, nodes: int, waiting: dict[str, tuple[int, int]]) -> Problem:
    """Equal nodes, and pods that wait: name to cpu and how many."""
    return Problem(
        nodes=tuple(Node(name=f"n{i}", node_class="c", allocatable={"cpu": cpu, "pods": 100}) for i in range(nodes)),
        shapes=tuple(Shape(name=name, requests={"cpu": asks, "pods": 1}) for name, (asks, _) in waiting.items()),
        pods=tuple(Pod(name=f"{name}{i}", shape=name) for name, (_, times) in waiting.items() for i in range(times)),
        allowed=dict.fromkeys(waiting, ALL),
    )


def refuse(problem: Problem, wanted: str) -> Priced:
    return Prices(problem, deadline=Deadline(Limits(), None)).refuse(problem, frozenset(wanted))


def test_pods_do_not_come_out_even() -> None:
    """Three nodes have 12 cpu, as much as four pods ask; but each node holds one."""
    found = refuse(cluster(4, nodes=3, waiting={"a": (3, 4)}), "a")
    assert found.needed == frozenset("a")
    assert not found.packable
    assert refuse(cluster(4, nodes=4, waiting={"a": (3, 4)}), "a") == Priced(packable=True)


def test_shapes_that_have_nodes_of_their_own_are_not_needed() -> None:
    case = cluster(4, nodes=3, waiting={"a": (3, 4), "b": (1, 3)})
    more = Node(name="d", node_class="d", allocatable={"cpu": 8, "pods": 100})
    apart = {"a": ALL, "b": Reach(node_classes=frozenset({"d"}))}
    case = structs.replace(case, nodes=(*case.nodes, more), allowed=apart)
    assert refuse(case, "ab").needed == frozenset("a")
    assert refuse(case, "b").packable


def test_shapes_that_are_not_wanted_may_stay_out() -> None:
    case = cluster(4, nodes=3, waiting={"a": (3, 3), "b": (2, 1)})
    assert refuse(case, "ab").needed == frozenset("ab")
    assert refuse(case, "a").packable
    assert refuse(case, "").packable


@pytest.mark.parametrize("seed", range(4))
def test_what_can_be_placed_is_not_refused(seed: int) -> None:
    """What one question taught serves the next, and never refuses what was placed."""
    recipe = Recipe(nodes=6, classes=2, pods=30, shapes=5, fill=1.02, coupled=0.3, leftovers=True, seed=seed)
    case = generate(recipe)
    prices = Prices(case, deadline=Deadline(Limits(), None))
    names = sorted({pod.shape for pod in case.pods if not pod.node})
    refused = 0
    for left_out in ("", *names):
        some = structs.replace(case, pods=tuple(pod for pod in case.pods if pod.node or pod.shape != left_out))
        found = prices.refuse(some, frozenset(names) - {left_out})
        refused += found.needed is not None
        assert found.needed is None or solve(some).unplaced
    assert refused


def test_evictions_on_other_nodes_show_that_something_is_possible() -> None:
    """The pod's zone has to be free of pods that it may evict; they run on another node, where nobody looks."""
    case = Problem(
        nodes=tuple(
            Node(name=f"n{i}", node_class="c", allocatable={"cpu": 4}, topology={"zone": "z"}) for i in range(2)
        ),
        shapes=(Shape(name="low", requests={"cpu": 1}), Shape(name="high", priority=9, requests={"cpu": 4})),
        pods=(
            Pod(name="r0", shape="low", node="n0", budgets=("one",)),
            Pod(name="r1", shape="low", node="n0", budgets=("one",)),
            Pod(name="w", shape="high"),
        ),
        allowed={"low": ALL, "high": ALL},
        affinities=(Affinity(owner="high", key="zone", matches=frozenset({"low"}), anti=True),),
        budgets=(Budget(name="one", allowed=1),),
    )
    empty, victims = cleared(case)
    assert [pod.name for pod in victims] == ["r0", "r1"]
    found = afterwards(case, solve(empty), victims)
    assert found is not None
    assert check(case, found) == ()
    assert [entry.breaks for entry in found.evictions] == [(), ("one",)]
    tight = structs.replace(case, pods=(*case.pods, Pod(name="stays", shape="low", node="n1", movable=False)))
    core = core_of(tight, solve(tight), "high")
    assert core is not None
    assert core.minimal
    assert [str(entry) for entry in core.members] == ["anti_affinity(high, zone)"]


def test_nobody_is_evicted_for_pods_that_may_not() -> None:
    case = cluster(4, nodes=1, waiting={"a": (3, 1)})
    assert cleared(case) == (case, ())
    running = structs.replace(case, pods=(Pod(name="r", shape="a", node="n0"), *case.pods))
    assert cleared(running)[1] == ()


@pytest.mark.parametrize("seed", range(20))
def test_distinct_rows_are_those_of_numpy(seed: int) -> None:
    draw = np.random.default_rng(seed)
    rows = draw.integers(-2, 3, size=(seed % 9, 1 + seed % 4))
    alike, first, which = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    found = distinct(rows)
    assert found[0].tolist() == first.tolist()
    assert found[1].tolist() == which.reshape(-1).tolist()
    assert rows[found[0]].tolist() == alike.tolist()


def test_distinct_rows_without_columns_are_one() -> None:
    first, which = distinct(np.zeros((3, 0), dtype=np.int64))
    assert (first.tolist(), which.tolist()) == ([0], [0, 0, 0])
