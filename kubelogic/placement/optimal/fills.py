"""Patterns that earn much, quickly: all nodes filled at once, in many orders of the item classes at once."""

from __future__ import annotations

import numpy as np

from kubelogic.placement.optimal.knapsack import Pattern
from kubelogic.placement.optimal.model import Floats, Ints, Mask

_FIRSTS = 6
_BEST = 3


class Fills:
    """Fills nodes greedily by prices. What it misses, branch and bound finds.

    Args:
        request: What a pod of each item class asks, item classes by resources.
        free: What the nodes have, nodes by resources.
        conflict: Which item classes share no node.
    """

    def __init__(self, request: Ints, free: Ints, conflict: Mask) -> None:
        self._free = free
        self._request = request
        self._divisor: Ints = np.maximum(request, 1)
        self._unasked: Mask = request == 0
        self._conflict = conflict
        self._apart = bool(conflict.any())
        scale = np.maximum(free.sum(axis=0) / max(len(free), 1), 1.0)
        even = np.ones(len(scale))
        weights = np.array([even, *(even + 3.0 * row for row in np.eye(len(scale)))])
        # Kinds by ways to add up resources: how big a pod is.
        self._sizes: Floats = request @ (weights / scale).T + 1e-9

    def best(self, profit: Ints, within: Ints, worth: Ints) -> list[tuple[int, Pattern]]:
        """The few best patterns of each node that earn more than it is ``worth``, as (node, pattern).

        Args:
            profit: What a pod of each item class earns, nodes by item classes.
            within: How many of each item class each node takes at most, nodes by item classes.
            worth: What a pattern has to exceed, by node.
        """
        orders = self._orders(profit.max(axis=0, initial=0).astype(np.float64))
        if not orders.size or not len(self._free):
            return []
        within = np.where(profit > 0, within, 0)
        taken = self._fill(orders, within)
        value = (taken * profit).sum(axis=2)
        found: dict[tuple[int, Pattern], None] = {}
        for t in np.flatnonzero((value > worth + 1).any(axis=0)):
            for o in np.argsort(-value[:, t], kind="stable")[:_BEST]:
                if value[o, t] > worth[t] + 1:
                    found[int(t), tuple(taken[o, t].tolist())] = None
        return list(found)

    def _orders(self, gain: Floats) -> Ints:
        """Orders of the item classes that earn something: by gain for size, each of the first few put first in turn."""
        orders: dict[tuple[int, ...], None] = {}
        for sizes in self._sizes.T:
            order = [int(k) for k in np.argsort(-gain / sizes, kind="stable") if gain[k] > 0]
            for first in order[:_FIRSTS]:
                orders[first, *(other for other in order if other != first)] = None
        return np.array(list(orders), dtype=np.int64)

    def _fill(self, orders: Ints, within: Ints) -> Ints:
        """How many of each item class each node takes: orders by nodes by item classes."""
        many, size = len(orders), len(self._free)
        space = np.repeat(self._free[None], many, axis=0)
        taken = np.zeros((many, size, within.shape[1]), dtype=np.int64)
        blocked = np.zeros(taken.shape, dtype=np.bool_) if self._apart else None
        rows, limits = np.arange(many), within.T
        for item_classes in orders.T:
            room = space // self._divisor[item_classes][:, None, :]
            room[np.broadcast_to(self._unasked[item_classes][:, None, :], room.shape)] = np.iinfo(np.int64).max
            times = np.minimum(room.min(axis=2, initial=np.iinfo(np.int64).max), limits[item_classes])
            if blocked is not None:
                times[blocked[rows, :, item_classes]] = 0
                blocked |= (times > 0)[:, :, None] & self._conflict[item_classes][:, None, :]
            taken[rows, :, item_classes] = times
            space -= times[:, :, None] * self._request[item_classes][:, None, :]
        return taken
