"""Resources per node for pods with equal requests: whether they fit, and the two scores that depend on them."""

from __future__ import annotations

import numpy as np

from kubelogic.placement.kube.state import State
from kubelogic.placement.kube.tables import EVERY, Floats, Ints, Mask, Select
from kubelogic.placement.problem import Shape

MOST = 100
"""The best score a scorer gives."""


class Fit:
    """What resources say about pods with certain requests, kept current by looking only at touched nodes.

    Attributes:
        fits: which nodes have room.
        least: per node, the mean share of the scored resources that stays free, 0 to 100.
        balanced: per node, how much more even the shares become, 0 to 100; all 0 for pods without requests.
    """

    def __init__(self, state: State, shape: Shape, *, least: tuple[str, ...], balanced: tuple[str, ...]) -> None:
        """All nodes.

        Args:
            state: what it follows.
            shape: one of the shapes with these requests.
            least: the resources of ``least``.
            balanced: the resources of ``balanced``.
        """
        tables = state.tables
        self._state = state
        self._requests = tables.amounts(shape.requests)
        scored = shape.scored_requests or shape.requests
        self._least = tuple((tables.resource_number[name], scored.get(name, 0)) for name in least)
        self._balanced = tuple((tables.resource_number[name], shape.requests.get(name, 0)) for name in balanced)
        self.stands_aside = not any(amount for _, amount in self._balanced)
        self._read = len(state.touched)
        self.fits: Mask = self.room(EVERY)
        self.least: Ints = self._least_allocated(EVERY)
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
        self.least[select] = self._least_allocated(select)
        if not self.stands_aside:
            self.balanced[select] = self._balance(select)

    def room(self, select: Select) -> Mask:
        """Whether each of some nodes has room for all requests."""
        free = self._state.free
        found: Mask | None = None
        for resource, amount in self._requests:
            enough = free[resource, select] >= amount
            found = enough if found is None else found & enough
        return np.ones(_count(select, self._state), dtype=np.bool_) if found is None else found

    def _least_allocated(self, select: Select) -> Ints:
        """Source: kube-scheduler, NodeResourcesFit with the LeastAllocated strategy (integer arithmetic)."""
        tables = self._state.tables
        total = np.zeros(_count(select, self._state), dtype=np.int64)
        present = np.zeros_like(total)
        for resource, amount in self._least:
            capacity = tables.allocatable[resource, select]
            left = capacity - (self._state.assumed[resource, select] + amount)
            share = np.maximum(left, 0) * MOST // np.maximum(capacity, 1)
            total += share
            present += capacity > 0
        return total // np.maximum(present, 1)

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
            capacity = tables.allocatable[resource, select]
            used = capacity - self._state.free[resource, select] + (amount if incoming else 0)
            share = np.minimum(used.astype(np.float64) / np.maximum(capacity, 1), 1.0)
            present.append(capacity > 0)
            shares.append(np.where(present[-1], share, 0.0))
        return ((1.0 - _deviation(shares, present)) * float(MOST)).astype(np.int64)


def _deviation(shares: list[Floats], present: list[Mask]) -> Floats:
    """The standard deviation of the shares that are present on each node."""
    if len(shares) == 2:
        return np.where(present[0] & present[1], np.abs((shares[0] - shares[1]) / 2), 0.0)
    count = np.sum(present, axis=0)
    total = np.sum(shares, axis=0)
    mean = total / np.maximum(count, 1)
    squares: Floats = np.zeros_like(mean)
    for share, has in zip(shares, present, strict=True):
        squares += np.where(has, (share - mean) * (share - mean), 0.0)
    deviation: Floats = np.sqrt(squares / np.maximum(count, 1))
    return deviation


def _halved(values: Ints) -> Ints:
    """Half of each value, towards zero."""
    return np.where(values >= 0, values // 2, -(-values // 2))


def _count(select: Select, state: State) -> int:
    return state.tables.size if isinstance(select, slice) else len(select)
