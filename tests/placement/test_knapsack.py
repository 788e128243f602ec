"""What nodes can earn at most, against all there is to take."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kubelogic.placement.optimal.fills import Fills
from kubelogic.placement.optimal.knapsack import Search


@st.composite
def questions(draw: st.DrawFn) -> dict[str, Any]:
    """Up to 3 nodes, 4 kinds and 3 resources, kinds that ask nothing and nodes that have nothing among them."""
    nodes, kinds, resources = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.integers(0, 3))

    def table(rows: int, columns: int, least: int, most: int) -> Any:
        cells = draw(st.lists(st.integers(least, most), min_size=rows * columns, max_size=rows * columns))
        return np.array(cells, dtype=np.int64).reshape(rows, columns)

    clashes = table(kinds, kinds, 0, 3) == 3
    return {
        "profit": table(nodes, kinds, -2, 30),
        "request": table(kinds, resources, 0, 5),
        "free": table(nodes, resources, 0, 12),
        "room": table(nodes, kinds, 0, 3),
        "conflict": (clashes | clashes.T) & ~np.eye(kinds, dtype=np.bool_),
    }


def most(question: dict[str, Any], node: int) -> int:
    """The most that the node can earn, by trying everything."""
    best = 0
    for counts in product(*(range(n + 1) for n in question["room"][node])):
        taken = np.array(counts)
        present = taken > 0
        fits = (taken @ question["request"] <= question["free"][node]).all()
        if fits and not (question["conflict"] & np.outer(present, present)).any():
            best = max(best, int(taken @ question["profit"][node]))
    return best


@settings(max_examples=300, deadline=None)
@given(questions(), st.integers(0, 40), st.integers(1, 30))
def test_limits_hold_and_are_reached(question: dict[str, Any], floor: int, labels: int) -> None:
    search = Search(**question)
    floors = np.full(len(question["free"]), floor, dtype=np.int64)
    search.run(floor=floors, most=labels)
    for n, top in enumerate(search.tops.tolist()):
        assert top >= most(question, n)
    for n, pattern in search.found:
        assert floor < int(np.array(pattern) @ question["profit"][n]) <= most(question, n)
    while search.unsure.any():
        labels *= 4
        search.run(floor=floors, most=labels)
    for n, top in enumerate(search.tops.tolist()):
        sure = int((np.maximum(question["profit"][n], 0) * question["room"][n]).sum())
        assert most(question, n) <= top <= min(max(most(question, n), floor), sure)


@settings(max_examples=100, deadline=None)
@given(questions())
def test_fills_are_patterns_that_earn_enough(question: dict[str, Any]) -> None:
    fills = Fills(question["request"], question["free"], question["conflict"])
    worth = np.zeros(len(question["free"]), dtype=np.int64)
    for n, pattern in fills.best(question["profit"], question["room"], worth):
        taken = np.array(pattern)
        assert (taken @ question["request"] <= question["free"][n]).all()
        assert (taken <= question["room"][n]).all()
        assert 0 < int(taken @ question["profit"][n]) <= most(question, n)
