"""Who finds a placement and what proves it."""

from __future__ import annotations

import time

from kubelogic.placement.optimal.limits import Limits
from kubelogic.placement.optimal.solve import solve
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
