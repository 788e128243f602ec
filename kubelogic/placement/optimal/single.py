"""One node: what it can hold at most, what it holds if it is filled greedily, and all that it can hold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kubelogic.placement.optimal.knapsack import Pattern
from kubelogic.placement.optimal.model import Ints, Mask
from kubelogic.placement.optimal.simplex import Packing

_PIVOTS = 400
_UNIT = 1 << 40
_FIRSTS = 12


def relaxed(worth: Ints, request: Ints, free: Ints, room: Ints) -> tuple[int, Ints]:
    """What a node holds at most, in worth, if pods could be cut; and the item classes, those that pay best for room
    first.

    The prices of its resources come from a linear program; whatever they are, what follows from them is a limit. It is
    close where a node holds many pods.
    """
    item_classes = np.flatnonzero((worth > 0) & (room > 0))
    if not len(item_classes):
        return 0, item_classes
    top = int(worth[item_classes].max())
    program = Packing(np.array([*free, *room[item_classes]], dtype=np.float64))
    columns = np.concatenate([request[item_classes], np.eye(len(item_classes), dtype=np.int64)], axis=1)
    program.add(columns.astype(np.float64), worth[item_classes] / top)
    program.run(_PIVOTS)
    # Prices as whole numbers of a fine unit, so that the limit is exact.
    price = [int(max(each, 0.0) * top * _UNIT) for each in program.prices[: len(free)].tolist()]
    asked = [sum(p * int(a) for p, a in zip(price, row, strict=True)) for row in request[item_classes].tolist()]
    total = sum(p * int(amount) for p, amount in zip(price, free.tolist(), strict=True))
    gains = [int(worth[k]) * _UNIT - paid for k, paid in zip(item_classes.tolist(), asked, strict=True)]
    total += sum(max(gain, 0) * int(room[k]) for gain, k in zip(gains, item_classes.tolist(), strict=True))
    density = [paid / int(worth[k]) for paid, k in zip(asked, item_classes.tolist(), strict=True)]
    return total // _UNIT, item_classes[np.argsort(np.array(density), kind="stable")]


def filled(order: Ints, request: Ints, free: Ints, room: Ints, conflict: Mask) -> Iterator[Pattern]:
    """Patterns of a node that is filled in this order, and with each of the first few item classes before the
    others.
    """
    for first in range(min(_FIRSTS, len(order))):
        left, counts = free.copy(), np.zeros(len(request), dtype=np.int64)
        blocked = np.zeros(len(request), dtype=np.bool_)
        for k in (order[first], *order):
            most = int(room[k] - counts[k])
            if blocked[k] or most <= 0:
                continue
            asks = request[k]
            for r in np.flatnonzero(asks):
                most = min(most, int(left[r] // asks[r]))
            if k == order[first] and first and not counts.any():
                most = min(most, 1)
            if most > 0:
                counts[k] += most
                left -= most * asks
                blocked |= conflict[k]
        yield tuple(counts.tolist())


def full(request: Ints, free: Ints, room: Ints, conflict: Mask) -> Iterator[Pattern]:
    """The patterns of a node to which no pod can be added, each once."""
    item_classes = len(request)

    def fits(k: int, counts: list[int], left: Ints) -> bool:
        apart = any(counts[other] for other in np.flatnonzero(conflict[k]))
        return counts[k] < room[k] and not apart and bool(((request[k] <= left) | (request[k] == 0)).all())

    def extend(k: int, counts: list[int], left: Ints) -> Iterator[Pattern]:
        if k == item_classes:
            if not any(fits(other, counts, left) for other in range(item_classes)):
                yield tuple(counts)
            return
        while True:
            yield from extend(k + 1, [*counts], left)
            if not fits(k, counts, left):
                return
            counts[k] += 1
            left = left - request[k]

    yield from extend(0, [0] * item_classes, free)
