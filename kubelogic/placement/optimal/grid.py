"""The best mix of pods on one node, exactly: all amounts of two resources gone through (a knapsack by tables).

Of what else the node has, nothing is asked while the table is filled: the limit holds whatever that is, and the pattern
is checked.
"""

from __future__ import annotations

import msgspec
import numpy as np

from kubelogic.placement.optimal.knapsack import Pattern
from kubelogic.placement.optimal.model import Ints, Mask

_CELLS = 1_200_000
"""Pairs of amounts in a table; finer amounts are rounded down, which leaves the limit one."""


class Best(msgspec.Struct, frozen=True, kw_only=True):
    """No mix is worth more than ``limit``; ``pattern`` is one that is worth it, if the node really holds it."""

    limit: int
    pattern: Pattern | None


def by_tables(  # noqa: PLR0917  arrays of the same nodes and item classes
    worth: Ints, request: Ints, free: Ints, within: Ints, floor: Ints, tops: Ints, conflict: Mask
) -> tuple[Ints, list[tuple[int, Pattern]]]:
    """Lower tops, and patterns that are worth them, of the nodes that may hold more than their floor.

    Args:
        worth: of a pod of each item class.
        request: item classes by resources.
        free: nodes by resources.
        within: how many of each item class each node takes at most, nodes by item classes.
        floor: what a pattern has to exceed, by node.
        tops: limits that are known.
        conflict: which item classes share no node.
    """
    tops = tops.copy()
    found: list[tuple[int, Pattern]] = []
    for s in np.flatnonzero(tops > floor).tolist():
        best = best_on_grid(worth, request, free[s], within[s])
        tops[s] = min(tops[s], max(best.limit, floor[s]))
        if best.limit > floor[s] + 1 and best.pattern is not None:
            item_classes = np.flatnonzero(np.array(best.pattern))
            if not conflict[np.ix_(item_classes, item_classes)].any():
                found.append((s, best.pattern))
    return tops, found


def best_on_grid(worth: Ints, request: Ints, free: Ints, room: Ints) -> Best:
    """What a node holds at most, in worth.

    Args:
        worth: of a pod of each item class.
        request: what it asks, item classes by resources.
        free: what the node has.
        room: how many of each item class it takes at most.
    """
    item_classes = np.flatnonzero((worth > 0) & (room > 0))
    if not len(item_classes):
        return Best(limit=0, pattern=tuple([0] * len(worth)))
    sizes, most = _grid(request[item_classes], np.maximum(free, 0), room[item_classes])
    table: Ints = np.zeros((int(most[0]) + 1, int(most[1]) + 1), dtype=np.int64)
    steps: list[tuple[int, int, int, int, bytes]] = []
    for number, k in enumerate(item_classes.tolist()):
        left, times = int(room[k]), 1
        while left > 0:
            times = min(times, left)
            a, b = (int(size) * times for size in sizes[number])
            if a > most[0] or b > most[1]:
                break
            there = table[: table.shape[0] - a, : table.shape[1] - b] + int(worth[k]) * times
            target = table[a:, b:]
            better = there > target
            np.copyto(target, there, where=better)
            steps.append((k, times, a, b, np.packbits(better, axis=None).tobytes()))
            left -= times
            times *= 2
    return Best(limit=int(table[-1, -1]), pattern=_traced(steps, table.shape, request, free, room))


def _grid(request: Ints, free: Ints, room: Ints) -> tuple[Ints, Ints]:
    """What pods take and a node has of the two scarcest resources, in units that make a table of bearable size."""
    asked = (request * room[:, None]).sum(axis=0)
    ranked = np.argsort(-asked / np.maximum(free, 1), kind="stable")[:2]
    chosen = [int(r) for r in ranked if asked[r] > free[r]]
    units = [max(int(np.gcd.reduce(request[:, r])), 1) for r in chosen]
    while chosen and np.prod([int(free[r]) // unit + 1 for r, unit in zip(chosen, units, strict=True)]) > _CELLS:
        finest = max(range(len(chosen)), key=lambda i: int(free[chosen[i]]) // units[i])
        units[finest] *= 2
    sizes: Ints = np.zeros((len(request), 2), dtype=np.int64)
    most: Ints = np.zeros(2, dtype=np.int64)
    for i, (r, unit) in enumerate(zip(chosen, units, strict=True)):
        sizes[:, i] = request[:, r] // unit
        most[i] = int(free[r]) // unit
    return sizes, most


def _traced(
    steps: list[tuple[int, int, int, int, bytes]], shape: tuple[int, ...], request: Ints, free: Ints, room: Ints
) -> Pattern | None:
    """The mix that the table ends with; None if the node does not hold it, as amounts were rounded or left out."""
    counts = [0] * len(request)
    at, beside = shape[0] - 1, shape[1] - 1
    for k, times, a, b, packed in reversed(steps):
        if at < a or beside < b:
            continue
        place = (at - a) * (shape[1] - b) + (beside - b)
        if packed[place >> 3] >> (7 - (place & 7)) & 1:
            counts[k] += times
            at, beside = at - a, beside - b
    taken: Ints = np.array(counts, dtype=np.int64)
    fits = bool((taken @ request <= np.maximum(free, 0))[request.any(axis=0)].all()) and bool((taken <= room).all())
    return tuple(counts) if fits else None
