"""Resources per node for pods with equal requests: whether they fit, and the two scores that depend on them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from kubelogic.placement.kube.state import State
from kubelogic.placement.kube.tables import EVERY, Floats, Ints, Mask, Select, Tables
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
        self._requests = tables.amounts({n: a for n, a in shape.requests.items() if n not in shape.unchecked})
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
        self.fits: Mask = self.room(EVERY)
        self.used: Ints = self._by_use(EVERY)
        self.balanced: Ints = self._balance(EVERY)

    def refresh(self) -> None:
        """Catch up with the state."""
        touched = self._state.touched
        fresh = len(touched) - self._read
        if not fresh:
            return
        select: Select = EVERY
        if fresh * 4 < self._state.tables.size:
            select = np.array(touched[self._read :] if fresh == 1 else sorted({*touched[self._read :]}))
        self._read = len(touched)
        self.fits[select] = self.room(select)
        self.used[select] = self._by_use(select)
        if not self.stands_aside:
            self.balanced[select] = self._balance(select)

    def room(self, select: Select) -> Mask:
        """Whether each of some nodes has room for all requests."""
        free = self._state.free
        found: Mask | None = None
        for resource, amount in self._requests:
            enough = free[resource, select] >= amount
            if resource in self._state.tables.by_devices:
                enough = enough | (self._state.tables.allocatable[resource, select] == 0)
            found = enough if found is None else found & enough
        return np.ones(_count(select, self._state), dtype=np.bool_) if found is None else found

    def _by_use(self, select: Select) -> Ints:
        """Source: kube-scheduler, NodeResourcesFit: its three strategies, in integers."""
        tables = self._state.tables
        total = np.zeros(_count(select, self._state), dtype=np.int64)
        weights = np.zeros_like(total)
        kind = self._scorer.kind if self._scorer is not None else "least_allocated"
        for resource, amount, weight in self._used:
            capacity = tables.scored[resource, select]
            asked = self._state.assumed[resource, select] + amount
            present = capacity > 0
            if kind == "least_allocated":
                score = np.maximum(capacity - asked, 0) * MOST // np.maximum(capacity, 1)
            elif kind == "most_allocated":
                score = np.minimum(asked, capacity) * MOST // np.maximum(capacity, 1)
            else:
                assert self._table is not None
                share = np.where(asked > capacity, MOST, asked * MOST // np.maximum(capacity, 1))
                score = self._table[np.clip(share, 0, MOST)]
                present = present & (score > 0)
            total += np.where(present, score, 0) * weight
            weights += np.where(present, weight, 0)
        if kind != "requested_to_capacity":
            return total // np.maximum(weights, 1)
        ratio = total / np.maximum(weights, 1)
        return np.floor(ratio + 0.5).astype(np.int64)

    def _balance(self, select: Select) -> Ints:
        """Source: kube-scheduler, NodeResourcesBalancedAllocation (float arithmetic in this very order)."""
        if self.stands_aside:
            return np.zeros(_count(select, self._state), dtype=np.int64)
        after = self._evenness(select, incoming=True)
        before = self._evenness(select, incoming=False)
        return MOST // 2 + _halved(MOST // 2 + after - before)

    def _evenness(self, select: Select, *, incoming: bool) -> Ints:
        tables = self._state.tables
        shares: list[Floats] = []
        present: list[Mask] = []
        for resource, amount in self._balanced:
            capacity = tables.scored[resource, select]
            taken = tables.allocatable[resource, select] - self._state.free[resource, select]
            if resource in tables.by_devices:
                taken = np.where(tables.allocatable[resource, select] > 0, taken, self._state.assumed[resource, select])
            used = taken + (amount if incoming else 0)
            share = np.minimum(used.astype(np.float64) / np.maximum(capacity, 1), 1.0)
            present.append(capacity > 0)
            shares.append(np.where(present[-1], share, 0.0))
        return ((1.0 - _deviation(shares, present)) * float(MOST)).astype(np.int64)


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


def _deviation(shares: list[Floats], present: list[Mask]) -> Floats:
    """The standard deviation of the shares that are present on each node; of two it is half their distance.

    Source: kube-scheduler, balancedResourceScore.
    """
    if len(shares) == 2:
        return np.where(present[0] & present[1], np.abs((shares[0] - shares[1]) / 2), 0.0)
    count = np.sum(present, axis=0)
    total = np.sum(shares, axis=0)
    mean = total / np.maximum(count, 1)
    squares: Floats = np.zeros_like(mean)
    for share, has in zip(shares, present, strict=True):
        squares += np.where(has, (share - mean) * (share - mean), 0.0)
    lowest = np.min([np.where(has, share, np.inf) for share, has in zip(shares, present, strict=True)], axis=0)
    highest = np.max([np.where(has, share, -np.inf) for share, has in zip(shares, present, strict=True)], axis=0)
    pairs = count == 2
    halves = np.where(pairs, highest, 0.0) / 2 - np.where(pairs, lowest, 0.0) / 2
    deviation: Floats = np.where(pairs, halves, np.sqrt(squares / np.maximum(count, 1)))
    return deviation


def _halved(values: Ints) -> Ints:
    """Half of each value, towards zero."""
    return np.where(values >= 0, values // 2, -(-values // 2))


def _count(select: Select, state: State) -> int:
    return state.tables.size if isinstance(select, slice) else len(select)
