"""Resources per node for pods with equal requests: whether they fit, and the two scores that depend on them.

The formulas are written once, over what numbers can do: of all nodes at once numpy's arrays, and of the one or two
nodes that have changed since, Python's own numbers, for which arrays of one element take ten times as long.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import reduce
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np

from kubelogic.placement.kube.state import State
from kubelogic.placement.kube.tables import EVERY, Ints, Mask, Select, Tables
from kubelogic.placement.problem import Amounts, Scorer, Shape

MOST = 100
"""The best score a scorer gives."""

BY_USE = frozenset({"least_allocated", "most_allocated", "requested_to_capacity"})
"""Kinds of scorers that look at how much of a node is used: the strategies of NodeResourcesFit."""

_POINTS = 10
"""The best score that a point of a shape gives."""


class Fit:
    """What resources say about pods with certain requests, kept current by looking only at touched nodes.

    Attributes:
        fits: which nodes have room.
        used: per node, the score by the use of resources, 0 to 100; what it says is a matter of the scorer's kind.
        balanced: per node, how much more even the shares become, 0 to 100; all 0 for pods without requests.
        stands_aside: the pods request nothing that is balanced.
    """

    def __init__(self, state: State, shape: Shape, *, scorers: tuple[Scorer, ...]) -> None:
        """All nodes.

        Args:
            state: what it follows.
            shape: one of the shapes with these requests.
            scorers: those of the shape.
        """
        tables = state.tables
        self._state = state
        self._requests = tables.checked[tables.shape_number[shape.name]]
        self._scorer = next((scorer for scorer in scorers if scorer.kind in BY_USE), None)
        scored = {**shape.requests, **shape.scored_requests}
        self._used = tuple(_counted(self._scorer, scored, tables)) if self._scorer is not None else ()
        balance = next((scorer for scorer in scorers if scorer.kind == "balanced_allocation"), None)
        self._balanced = tuple(
            (resource, amount) for resource, amount, _ in (_counted(balance, shape.requests, tables) if balance else ())
        )
        self.stands_aside = not any(amount for _, amount in self._balanced)
        self._table = _function(self._scorer.points) if self._scorer is not None else None
        self._read = len(state.touched)
        self.fits: Mask = np.zeros(tables.size, dtype=np.bool_)
        self.used: Ints = np.zeros(tables.size, dtype=np.int64)
        self.balanced: Ints = np.zeros(tables.size, dtype=np.int64)
        self._look(EVERY, _ARRAYS)

    def refresh(self) -> None:
        """Catch up with the state."""
        touched = self._state.touched
        fresh = touched[self._read :]
        if not fresh:
            return
        self._read = len(touched)
        if len(fresh) <= _FEW:
            for node in {*fresh}:
                self._look(node, _NUMBERS)
        elif len(fresh) * 4 < self._state.tables.size:
            self._look(np.array(sorted({*fresh})), _ARRAYS)
        else:
            self._look(EVERY, _ARRAYS)

    def _look(self, select: Select | int, does: _Does) -> None:
        self.fits[select] = self._room(select, does)
        self.used[select] = self._by_use(select, does)
        if not self.stands_aside:
            self.balanced[select] = self._balance(select, does)

    def _room(self, select: Select | int, does: _Does) -> Any:
        """Whether each of some nodes has room for all requests."""
        state, found = self._state, True
        for resource, amount in self._requests:
            enough = does.at(state.free, resource, select) >= amount
            if resource in state.tables.by_devices:
                enough = enough | (does.at(state.tables.allocatable, resource, select) == 0)
            found = found & enough
        return found

    def _by_use(self, select: Select | int, does: _Does) -> Any:
        """Source: kube-scheduler, NodeResourcesFit: its three strategies, in integers."""
        total, weights = 0, 0
        kind = self._scorer.kind if self._scorer is not None else "least_allocated"
        for resource, amount, weight in self._used:
            capacity = does.at(self._state.tables.scored, resource, select)
            asked = does.at(self._state.assumed, resource, select) + amount
            present = capacity > 0
            if kind == "least_allocated":
                score = does.maximum(capacity - asked, 0) * MOST // does.maximum(capacity, 1)
            elif kind == "most_allocated":
                score = does.minimum(asked, capacity) * MOST // does.maximum(capacity, 1)
            else:
                assert self._table is not None
                share = does.where(asked > capacity, MOST, asked * MOST // does.maximum(capacity, 1))
                score = self._table[does.maximum(does.minimum(share, MOST), 0)]
                present = present & (score > 0)
            total = total + does.where(present, score, 0) * weight
            weights = weights + does.where(present, weight, 0)
        if kind != "requested_to_capacity":
            return total // does.maximum(weights, 1)
        return does.whole(total / does.maximum(weights, 1) + 0.5)

    def _balance(self, select: Select | int, does: _Does) -> Any:
        """Source: kube-scheduler, NodeResourcesBalancedAllocation (float arithmetic in this very order)."""
        after = self._evenness(select, does, incoming=True)
        before = self._evenness(select, does, incoming=False)
        change = MOST // 2 + after - before
        return MOST // 2 + does.where(change >= 0, change // 2, -(-change // 2))

    def _evenness(self, select: Select | int, does: _Does, *, incoming: bool) -> Any:
        state, tables = self._state, self._state.tables
        shares: list[Any] = []
        present: list[Any] = []
        for resource, amount in self._balanced:
            capacity = does.at(tables.scored, resource, select)
            allocatable = does.at(tables.allocatable, resource, select)
            taken = allocatable - does.at(state.free, resource, select)
            if resource in tables.by_devices:
                taken = does.where(allocatable > 0, taken, does.at(state.assumed, resource, select))
            used = taken + (amount if incoming else 0)
            present.append(capacity > 0)
            shares.append(does.where(present[-1], does.minimum(used * 1.0 / does.maximum(capacity, 1), 1.0), 0.0))
        return does.whole((1.0 - _deviation(shares, present, does)) * float(MOST))


class _Does(msgspec.Struct, frozen=True):
    """What the formulas do with numbers; ``at`` reads those of some nodes, ``whole`` cuts off what is not whole."""

    at: Callable[[Any, int, Any], Any]
    where: Callable[[Any, Any, Any], Any]
    maximum: Callable[[Any, Any], Any]
    minimum: Callable[[Any, Any], Any]
    root: Callable[[Any], Any]
    whole: Callable[[Any], Any]


_ARRAYS = _Does(
    lambda array, row, select: array[row, select],
    np.where,
    np.maximum,
    np.minimum,
    np.sqrt,
    lambda values: np.asarray(values).astype(np.int64),
)
_NUMBERS = _Does(
    lambda array, row, node: array.item(row, node),
    lambda condition, then, other: then if condition else other,
    max,
    min,
    math.sqrt,
    int,
)

_FEW = 8
"""Up to so many nodes are looked at one by one."""


def _counted(scorer: Scorer, amounts: Amounts, tables: Tables) -> Iterator[tuple[int, int, int]]:
    """The resources that a scorer counts for pods of some requests: number, amount and weight of each."""
    weights = scorer.weights or (1,) * len(scorer.resources)
    for name, weight in zip(scorer.resources, weights, strict=True):
        amount = amounts.get(name, 0)
        if amount or name not in scorer.optional:
            yield tables.resource_number[name], amount, weight


def _function(points: tuple[tuple[int, int], ...]) -> Ints | None:
    """The score at each whole percentage: straight lines between the points, level before and after them.

    Source: kube-scheduler, BuildBrokenLinearFunction. Divisions cut towards zero.
    """
    if not points:
        return None
    scale = MOST // _POINTS
    found = np.full(MOST + 1, points[-1][1] * scale, dtype=np.int64)
    found[: points[0][0] + 1] = points[0][1] * scale
    for (left, low), (right, high) in pairwise(points):
        for share in range(left + 1, right + 1):
            rise = (high - low) * scale * (share - left)
            found[share] = low * scale + (rise // (right - left) if rise >= 0 else -(-rise // (right - left)))
    return found


def _deviation(shares: list[Any], present: list[Any], does: _Does) -> Any:
    """The standard deviation of the shares that are present on each node; of two it is half their distance.

    Source: kube-scheduler, balancedResourceScore.
    """
    if len(shares) == 2:
        return does.where(present[0] & present[1], abs((shares[0] - shares[1]) / 2), 0.0)
    count = sum(has * 1 for has in present)
    mean = sum(shares) / does.maximum(count, 1)
    squares = sum(
        does.where(has, (share - mean) * (share - mean), 0.0) for share, has in zip(shares, present, strict=True)
    )
    lowest = reduce(
        does.minimum, [does.where(has, share, math.inf) for share, has in zip(shares, present, strict=True)]
    )
    highest = reduce(
        does.maximum, [does.where(has, share, -math.inf) for share, has in zip(shares, present, strict=True)]
    )
    pairs = count == 2
    halves = does.where(pairs, highest, 0.0) / 2 - does.where(pairs, lowest, 0.0) / 2
    return does.where(pairs, halves, does.root(squares / does.maximum(count, 1)))
