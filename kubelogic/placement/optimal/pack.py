"""Splitting: from how many pods a class gets to which node gets what."""

from __future__ import annotations

import numpy as np

from kubelogic.placement.optimal.model import Floats, Ints, Mask
from kubelogic.placement.optimal.state import State


def split(state: State, quota: Floats) -> None:
    """Give the nodes of each class their even share of its quota, kinds mixed so that each node fills
    alike.

    Goes through the nodes of a class with, for each kind, what it is owed so far; a node takes the kind of
    which the most is owed until it has its share of the load. What does not come out even is left over.
    """
    model = state.model
    plain = np.array([not kind.coupled for kind in model.kinds], dtype=np.bool_)
    for c in range(len(model.classes)):
        kinds = np.flatnonzero(plain & (quota[:, c] > 0))
        nodes = np.flatnonzero(model.node_class == c)
        if len(kinds) and len(nodes):
            _split_class(state, kinds, nodes, quota[kinds, c])


def _split_class(state: State, kinds: Ints, nodes: Ints, quota: Floats) -> None:
    model = state.model
    size, request, allowed = state.size[kinds], model.request[kinds], model.allowed[kinds]
    room = np.maximum(state.slack[nodes], 0.0)
    share = room / room.sum() if room.sum() > 0 else np.full(len(nodes), 1.0 / len(nodes))
    order = np.argsort(-share, kind="stable")
    owed = np.zeros(len(kinds))
    left = np.minimum(state.left[kinds], np.ceil(quota)).astype(np.int64)
    for i in order:
        n = int(nodes[i])
        owed += quota * share[i]
        load = float(owed @ size)
        free = state.free[:, n].copy()
        fits = allowed[:, n] & (left > 0) & ((request <= free) | (request == 0)).all(axis=1)
        while True:
            score = np.where(fits, owed * size, 0.0)
            j = int(score.argmax())
            if score[j] <= 0 or load < size[j] / 2:
                break
            state.put(int(kinds[j]), n)
            owed[j] -= 1
            left[j] -= 1
            load -= size[j]
            free -= request[j]
            fits &= ((request <= free) | (request == 0)).all(axis=1)
            fits[j] &= left[j] > 0


def insert(state: State) -> None:
    """Put what is left, high priority and big pods first, where each leaves the least room behind."""
    kinds = sorted(
        (k for k in range(len(state.model.kinds)) if state.left[k] > 0),
        key=lambda k: (-state.model.kinds[k].priority, -state.size[k], k),
    )
    for k in kinds:
        insert_kind(state, k)


def insert_kind(state: State, kind: int) -> None:
    """Put as many as fit of what is left of one kind."""
    entry = state.model.kinds[kind]
    mask = state.open(kind)
    while state.left[kind] > 0 and mask.any():
        if entry.ordered:
            roomiest = state.coupling.roomiest(entry.shapes[0], np.where(mask, state.room_for(kind), 0))
            if roomiest is not None and (mask & roomiest).any():
                mask &= roomiest
            crowding = state.coupling.crowding(entry.shapes[0])
            mask &= crowding == crowding[mask].min()
        node = state.choose(kind, mask)
        state.put(kind, node)
        mask = state.open(kind) if entry.coupled else _again(state, kind, node, mask)


def place_coupled(state: State) -> None:
    """First the pods that others constrain: by priority, then those with the fewest nodes to choose from."""
    model = state.model
    coupled = [k for k, kind in enumerate(model.kinds) if kind.coupled]
    choices = model.allowed.sum(axis=1)
    waiting = sorted(coupled, key=lambda k: (-model.kinds[k].priority, int(choices[k]), -state.size[k], k))
    before = -1
    while before != int(state.left.sum()):
        before = int(state.left.sum())
        for k in waiting:
            insert_kind(state, k)


def _again(state: State, kind: int, node: int, mask: Mask) -> Mask:
    """``mask`` after a binding of the kind on ``node``: nothing else has changed."""
    request = state.model.request[kind]
    mask[node] = bool(((request <= state.free[:, node]) | (request == 0)).all())
    return mask
