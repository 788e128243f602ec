"""Repair by chains: a pod that is left over takes the place of others, which move to where they still fit."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from kubelogic.placement.optimal.limits import Deadline
from kubelogic.placement.optimal.model import Mask
from kubelogic.placement.optimal.state import State

Expired: TypeAlias = Deadline


def improve(state: State, *, expired: Expired) -> None:
    """Place what is left by moving one placed pod out of the way, or two in a chain."""
    for k in _left(state):
        improve_kind(state, k, expired=expired)


def improve_kind(state: State, item_class: int, *, expired: Expired, most: int = 1 << 30) -> None:
    """Place as many as possible of what is left of one item class, moving others. Ordered item classes stay out.

    Args:
        most: How many pods of the item class to place at most.
    """
    if state.model.item_classes[item_class].ordered or not _has_room_alone(state, item_class):
        return
    for _ in range(min(most, int(state.left[item_class]))):
        expired.note("neighbourhoods")
        if expired() or not (_one(state, item_class) or _two(state, item_class)):
            return


def polish(state: State, *, expired: Expired) -> None:
    """Move pods to where they are worth more, as long as there is room; one at a time, item classes in turn."""
    for k in movable(state):
        worth = state.model.worth[k]
        if worth.max(initial=0.0) - worth.min(initial=0.0) < 1e-9:
            continue
        for n in sorted(np.flatnonzero((state.placed[k] > 0) & ~state.pinned).tolist(), key=lambda n: (worth[n], n)):
            while state.placed[k, n] > 0 and not expired():
                better = state.open(k) & (worth > worth[n] + 1e-9)
                if not better.any():
                    break
                better &= worth == worth[better].max()
                state.take(k, n)
                state.put(k, state.best(better))


def _left(state: State) -> list[int]:
    """The item classes with pods left over: high priority first, then small."""
    item_classes = [k for k in range(len(state.model.item_classes)) if state.left[k] > 0]
    return sorted(item_classes, key=lambda k: (-state.model.item_classes[k].priority, state.size[k], k))


def movable(state: State, within: Mask | slice = slice(None)) -> list[int]:
    """The item classes of which a pod placed ``within`` some nodes may move without a thought for other pods, big ones
    first."""
    there = np.flatnonzero(state.placed[:, within].any(axis=1)).tolist()
    item_classes = [k for k in there if not state.model.item_classes[k].coupled]
    return sorted(item_classes, key=lambda k: (-state.size[k], k))


def _has_room_alone(state: State, item_class: int) -> bool:
    """Whether a node could take a pod of an item class if all that were placed there went away again; so it is said of
    every node that running pods leave."""
    model = state.model
    asked = np.flatnonzero(model.request[item_class])
    room: Mask = (model.free[:, asked] >= model.request[item_class, asked]).all(axis=1)
    room[list(state.released)] = True
    return bool((room & model.allowed[item_class]).any())


def _usable(state: State, item_class: int) -> Mask:
    mask: Mask = state.model.allowed[item_class].copy()
    entry = state.model.item_classes[item_class]
    if entry.coupled:
        mask &= state.coupling.open(entry.shapes[0])
    return mask


def _without(state: State, item_class: int, usable: Mask, other: int) -> Mask:
    """The nodes with room for one of ``item_class`` if one of ``other`` left."""
    mask: Mask = usable & (state.placed[other] > 0) & ~state.pinned
    request, gain = state.model.request[item_class], state.model.request[other]
    for column in np.flatnonzero(request):
        mask &= state.free[column] >= request[column] - gain[column]
    return mask


def _one(state: State, item_class: int) -> bool:
    """Move one pod elsewhere so that a pod of ``item_class`` gets its place."""
    usable = _usable(state, item_class)
    best: tuple[float, int, int, int] | None = None
    for other in movable(state, usable):
        source = _without(state, item_class, usable, other)
        if not source.any():
            continue
        target = state.open(other)
        if not target.any():
            continue
        to = state.best(target)
        source[to] = False
        if not source.any():
            continue
        node = state.best(source)
        gap = float(state.slack[node] + state.slack[to])
        if best is None or gap < best[0]:
            best = (gap, other, node, to)
    if best is None:
        return False
    _, other, node, to = best
    state.take(other, node)
    state.put(other, to)
    state.put(item_class, node)
    return True


def _two(state: State, item_class: int) -> bool:
    """Move one pod to the place of a second, which fits elsewhere, so that ``item_class`` gets the first's."""
    usable = _usable(state, item_class)
    near = movable(state, usable)
    sources = [(other, mask) for other in near if (mask := _without(state, item_class, usable, other)).any()]
    if not sources:
        return False
    targets = [(second, mask) for second in movable(state) if (mask := state.open(second)).any()]
    for other, source in sources:
        allowed = state.model.allowed[other]
        for second, target in targets:
            middle = _without(state, other, allowed, second)
            if second == other or not middle.any():
                continue
            to = state.best(target)
            middle[to] = False
            if not middle.any():
                continue
            via = state.best(middle)
            first = source.copy()
            first[[via, to]] = False
            if not first.any():
                continue
            node = state.best(first)
            state.take(second, via)
            state.put(second, to)
            state.take(other, node)
            state.put(other, via)
            state.put(item_class, node)
            return True
    return False
