"""Splitting: from how many pods a class gets to which node gets what."""

from __future__ import annotations

from functools import partial

import numpy as np

from kubelogic.placement.constraints.affinity import AffinityPart
from kubelogic.placement.constraints.spread import SpreadPart
from kubelogic.placement.optimal.model import Floats, Ints, Mask
from kubelogic.placement.optimal.state import State

LANE = 64
"""How many nodes are filled one after the other, at most; lanes of one class go on side by side."""

_GOLDEN = 0.6180339887498949
"""Multiples of it are spread evenly modulo 1: item classes do not all round up in the same lanes."""


def split(state: State, quota: Floats, *, lane: int = LANE) -> None:
    """Give the nodes of each class their even share of its quota, item classes mixed so that each node fills
    alike.

    The nodes of a class are dealt out to lanes, which go on side by side: each goes through its nodes with, for each
    item class, what it is owed so far; a node takes the item class of which the most is owed until it has its share
    of the load. What does not come out even is left over: mostly less where lanes are long, which takes longer.

    Args:
        quota: Pods, item classes by classes.
        lane: How many nodes a lane has at most.
    """
    model = state.model
    item_classes = np.flatnonzero([not item_class.coupled for item_class in model.item_classes])
    item_classes = item_classes[quota[item_classes].any(axis=1) & (state.left[item_classes] > 0)]
    nodes, home = _lanes(state, lane)
    if not len(item_classes) or not len(nodes):
        return
    room = np.where(nodes >= 0, np.maximum(state.slack[nodes], 0.0), 0.0)
    blank = room.sum(axis=1) <= 0
    room[blank] = nodes[blank] >= 0
    part = room / np.bincount(home, weights=room.sum(axis=1), minlength=len(model.classes))[home, None]
    due = _whole(quota[item_classes][:, home] * part.sum(axis=1), state.left[item_classes])
    share = part / part.sum(axis=1, keepdims=True)
    _Deal(state, item_classes, nodes, share, due).run()


def _lanes(state: State, longest: int) -> tuple[Ints, Ints]:
    """Nodes by lane, roomy ones first (-1: no more of them), and the class of each lane."""
    lanes: list[Ints] = []
    home: list[int] = []
    for c in range(len(state.model.classes)):
        nodes = np.flatnonzero(state.model.node_class == c)
        nodes = nodes[np.argsort(-np.maximum(state.slack[nodes], 0.0), kind="stable")]
        many = -(-len(nodes) // longest)
        lanes += [nodes[lane::many] for lane in range(many)]
        home += [c] * many
    found = np.full((len(lanes), max((len(lane) for lane in lanes), default=0)), -1, dtype=np.int64)
    for row, lane in zip(found, lanes, strict=True):
        row[: len(lane)] = lane
    return found, np.array(home, dtype=np.int64)


def _whole(quota: Floats, most: Ints) -> Ints:
    """Quotas of item classes by lanes as whole pods, rounded so that no run of lanes is off by more than one pod."""
    phase = (np.arange(1, len(quota) + 1) * _GOLDEN) % 1.0
    upto = np.floor(np.cumsum(quota, axis=1) + phase[:, None] + 1e-9).astype(np.int64)
    upto = np.minimum(upto, most[:, None])
    return np.diff(upto, axis=1, prepend=0)


class _Deal:
    """All lanes at once, node after node.

    Args:
        item_classes: The item classes to deal out.
        nodes: Lanes by position: the node, or -1.
        share: Lanes by position: the part of the lane's pods that the node should get.
        due: Kinds by lanes: how many pods the lane has to deal out.
    """

    def __init__(self, state: State, item_classes: Ints, nodes: Ints, share: Floats, due: Ints) -> None:
        self._state = state
        self._kinds = item_classes
        self._nodes, self._share = nodes, share
        self._due: Floats = due.T.astype(np.float64)
        self._left: Ints = due.T.copy()
        self._size: Floats = state.size[item_classes]
        self._request: Ints = state.model.request[item_classes]
        self._placed: Ints = np.zeros((len(item_classes), len(state.model.nodes)), dtype=np.int64)

    def run(self) -> None:
        """Give every node its pods."""
        owed = np.zeros(self._due.shape)
        for nodes, share in zip(self._nodes.T, self._share.T, strict=True):
            owed += self._due * share[:, None]
            self._fill(np.flatnonzero(nodes >= 0), nodes, owed)
        self._state.put_many(self._kinds, self._placed)

    def _fill(self, lanes: Ints, nodes: Ints, owed: Floats) -> None:
        """Fill one node of each of ``lanes``."""
        size, request = self._size, self._request
        load = owed @ size
        free = self._state.free[:, nodes].T.copy()
        usable = self._state.model.allowed[np.ix_(self._kinds, nodes)].T
        while len(lanes):
            fits = usable[lanes] & (self._left[lanes] > 0)
            for r in range(request.shape[1]):
                fits &= (request[:, r] <= free[lanes, None, r]) | (request[:, r] == 0)
            score = np.where(fits, owed[lanes] * size, 0.0)
            best = score.argmax(axis=1)
            goes_on = (score[np.arange(len(lanes)), best] > 0) & (load[lanes] >= size[best] / 2)
            lanes, best = lanes[goes_on], best[goes_on]
            self._placed[best, nodes[lanes]] += 1
            owed[lanes, best] -= 1
            self._left[lanes, best] -= 1
            load[lanes] -= size[best]
            free[lanes] -= request[best]


def insert(state: State) -> None:
    """Put what is left, high priority and big pods first, where each leaves the least room behind."""
    item_classes = sorted(
        (k for k in range(len(state.model.item_classes)) if state.left[k] > 0),
        key=lambda k: (-state.model.item_classes[k].priority, -state.size[k], k),
    )
    for k in item_classes:
        insert_kind(state, k)


def insert_kind(state: State, item_class: int) -> None:
    """Put as many as fit of what is left of one item class."""
    entry = state.model.item_classes[item_class]
    room = state.room(item_class)
    mask = state.open(item_class, room)
    while state.left[item_class] > 0 and mask.any():
        if entry.ordered:
            roomiest = state.coupling.of(AffinityPart).roomiest(
                entry.shapes[0], partial(_rooms, state, item_class, mask)
            )
            if roomiest is not None and (mask & roomiest).any():
                mask &= roomiest
            crowding = state.coupling.of(SpreadPart).crowding(entry.shapes[0])
            mask &= crowding == crowding[mask].min()
        node = state.choose(item_class, mask)
        state.put(item_class, node)
        room[node] = state.has_room(item_class, node)  # nothing else has changed
        mask = state.open(item_class, room)


def _rooms(state: State, item_class: int, mask: Mask) -> Ints:
    """How many more of the item class each node of ``mask`` has room for; none elsewhere."""
    return np.where(mask, state.room_for(item_class), 0)


def place_coupled(state: State) -> None:
    """First the pods that others constrain: by priority, then those with the fewest nodes to choose from."""
    model = state.model
    coupled = [k for k, item_class in enumerate(model.item_classes) if item_class.coupled]
    choices = model.allowed.sum(axis=1)
    waiting = sorted(coupled, key=lambda k: (-model.item_classes[k].priority, int(choices[k]), -state.size[k], k))
    before = -1
    while before != int(state.left.sum()):
        before = int(state.left.sum())
        for k in waiting:
            insert_kind(state, k)
