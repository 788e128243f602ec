"""Cases: where the pods of an item class go that stay together, how many of one that spreads every node has at least.

A relaxation of each case is tighter than one of the whole, and its packings are such that an order of bindings exists.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from msgspec.structs import replace

from kubelogic.placement.optimal.model import Model
from kubelogic.placement.optimal.upper_bounds import Branch, Branching, Link, UpperBounds


def branches(model: Model, known: UpperBounds, *, most: int) -> Iterator[UpperBounds]:
    """``known`` in each case; for the first few branchings, so that there are no more cases than ``most``.

    Together the cases cover all placements. Cases that cannot be are left out.
    """
    branchings: list[Branching] = []
    size = 1
    for branching in known.branchings:
        if size * len(branching.branches) <= most:
            branchings.append(branching)
            size *= len(branching.branches)
    for combination in product(*(branching.branches for branching in branchings)):
        case: UpperBounds | None = known
        for branching, branch in zip(branchings, combination, strict=True):
            case = _taken(model, case, branching.item_class, branch) if case is not None else None
        if case is not None:
            yield case


def _taken(model: Model, known: UpperBounds, item_class: int, branch: Branch) -> UpperBounds | None:
    """``known`` in one case, with the pods that every node has at least already there; None if they do not fit."""
    room = known.room.copy()
    room[item_class] = np.minimum(room[item_class] + known.fixed[item_class], branch.most) - known.fixed[item_class]
    more = np.maximum(branch.least - known.fixed[item_class], 0)
    if (room[item_class] < more).any() or int(more.sum()) > known.count[item_class]:
        return None
    if not more.any():
        return replace(known, room=np.maximum(room, 0))
    fixed, count, free = known.fixed.copy(), known.count.copy(), known.free.copy()
    fixed[item_class] += more
    count[item_class] -= int(more.sum())
    room[item_class] -= more
    asks = model.request[item_class]
    for r in np.flatnonzero(asks):
        if ((free[r] < more * asks[r]) & (more > 0)).any():
            return None
        free[r] -= more * asks[r]
    room[known.conflict[item_class]] = np.where(more > 0, 0, room[known.conflict[item_class]])
    for k in range(len(room)):
        for r in np.flatnonzero(model.request[k]):
            room[k] = np.where(more > 0, np.minimum(room[k], np.maximum(free[r], 0) // model.request[k, r]), room[k])
    links: list[Link] = []
    for link in known.links:
        limit = link.limit - (int(link.factors @ more) if link.item_class == item_class else 0)
        if limit >= 0:
            links.append(replace(link, limit=limit))
        elif (link.factors >= 0).all():
            return None
    return replace(known, room=room, count=count, free=free, fixed=fixed, links=tuple(links))
