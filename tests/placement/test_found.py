"""Who finds a placement and what proves it; z3 on a few nodes at a time."""

from __future__ import annotations

import time

import pytest

from kubelogic.placement.check import check
from kubelogic.placement.optimal.compile import compile_problem
from kubelogic.placement.optimal.limits import Deadline, Limits
from kubelogic.placement.optimal.neighbourhoods import search
from kubelogic.placement.optimal.result import result
from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.optimal.state import State
from kubelogic.placement.problem import Node, Pod, Problem, Reach, Shape
from tests.support.problems import Recipe, generate


def packing(sizes: list[int], nodes: int, capacity: int = 10) -> Problem:
    """One pod of each size, and so many nodes of a capacity."""
    return Problem(
        nodes=tuple(Node(name=f"n{n}", node_class="n0", allocatable={"cpu": capacity}) for n in range(nodes)),
        shapes=tuple(Shape(name=f"s{i}", requests={"cpu": size}) for i, size in enumerate(sizes)),
        pods=tuple(Pod(name=f"p{i}", shape=f"s{i}", order=i) for i in range(len(sizes))),
        allowed={f"s{i}": Reach(node_classes=frozenset({"n0"})) for i in range(len(sizes))},
    )


def deadline() -> Deadline:
    return Deadline(Limits(), None)


def test_z3_deals_a_few_nodes_out_anew_so_that_one_pod_more_fits() -> None:
    model = compile_problem(packing([6, 4, 5, 5], nodes=2))
    state = State(model)
    sizes = [int(row[0]) for row in model.request]
    for kind, node in ((sizes.index(6), 0), (sizes.index(4), 1), (sizes.index(5), 1)):
        state.put(kind, node)
    assert state.left.sum() == 1
    better = search(state, expired=deadline())
    assert better.left.sum() == 0
    assert better.found == "counts by z3, on some nodes at a time"
    assert state.left.sum() == 1, "the state that was given stays as it was"
    found = result(model, better, most={}, conflicts=(), statistics={})
    assert check(model.problem, found) == ()


def test_z3_finds_nothing_where_there_is_nothing() -> None:
    model = compile_problem(packing([6, 6, 6], nodes=2))
    state = State(model)
    state.put(0, 0)
    state.put(0 if state.left[0] else 1, 1)
    left = state.left.sum()
    assert search(state, expired=deadline()).left.sum() == left


@pytest.mark.parametrize("seed", range(3))
def test_a_search_from_nothing_is_right_and_loses_nothing(seed: int) -> None:
    problem = generate(Recipe(nodes=6, classes=2, pods=20, shapes=5, fill=1.0, leftovers=True, seed=seed))
    model = compile_problem(problem)
    state = search(State(model), expired=deadline())
    again = search(state, expired=deadline())
    assert (again.placed.sum(axis=1) >= state.placed.sum(axis=1)).all()
    assert check(problem, result(model, state, most={}, conflicts=(), statistics={})) == ()
    assert (search(State(model), expired=deadline()).placed == state.placed).all(), "the same answer twice"


def test_a_placement_says_who_found_it_and_what_proves_it() -> None:
    whole = solve(packing([6, 4, 5, 5], nodes=2))
    assert (whole.proof, bool(whole.found)) == ("every pod is placed", True)
    short = solve(packing([6, 6, 6], nodes=2))
    assert short.found
    assert short.proof == "room for each kind by itself, in exact integers"
    assert [entry.verdict for entry in short.unplaced] == ["impossible"]


def test_what_is_not_proved_names_no_proof() -> None:
    """With no time at all nothing is proved, and that is said."""
    tight = generate(Recipe(nodes=30, classes=4, pods=200, shapes=12, fill=1.02, leftovers=True, seed=3))
    found = solve(tight, limits=Limits(timeout=1e-9), clock=time.monotonic)
    if any(entry.verdict == "unknown" for entry in found.unplaced):
        assert found.proof == ""
    else:
        assert found.proof
