"""The most that nodes can earn, for all nodes at once: branch and bound in breadth, over arrays."""

from __future__ import annotations

from itertools import permutations

import msgspec
import numpy as np
from msgspec.structs import replace

from kubelogic.placement.optimal.labels import Labels, dominated, promising, start
from kubelogic.placement.optimal.model import Floats, Ints, Mask

Pattern = tuple[int, ...]
_FEW, _SURPLUS = 100, 4


class _Layer(msgspec.Struct, frozen=True, kw_only=True):
    """After one item class: for each label the label before it and how many of the item class it took."""

    item_class: int
    parent: Ints
    times: Ints


class Search:
    """What each node can earn at most, and the pods with which some earn more than a floor.

    ``tops``: proven limits by node, never below the floor; none yet before the first ``run``. ``unsure``: the nodes
    of which the limit may be too high, as labels were dropped; the next ``run`` looks at these only. ``found``: the
    patterns of the last run, as (node, pattern).

    Args:
        profit: What a pod of each item class earns, nodes by item classes.
        request: What it asks, item classes by resources.
        free: What the nodes have, nodes by resources.
        room: How many of each item class each node takes at most, nodes by item classes.
        conflict: Which item classes share no node.
    """

    def __init__(self, profit: Ints, request: Ints, free: Ints, room: Ints, conflict: Mask) -> None:
        scarce = _scarce(request, free, room)
        self._profit, self._request, self._free, self._conflict = profit, request[:, scarce], free[:, scarce], conflict
        self._room: Ints = np.where(profit > 0, room, 0)
        self.tops: Ints = (self._room * profit).sum(axis=1)
        self.unsure: Mask = np.ones(len(free), dtype=np.bool_)
        self.found: list[tuple[int, Pattern]] = []

    def run(self, *, floor: Ints, most: int) -> None:
        """Search the nodes that are ``unsure``.

        Args:
            floor: What each node has to exceed.
            most: How many labels to keep.
        """
        nodes = np.flatnonzero(self.unsure)
        tops, dropped, found = _search(
            self._profit[nodes],
            self._request,
            self._free[nodes],
            self._room[nodes],
            self._conflict,
            floor=floor[nodes],
            most=most,
        )
        self.tops[nodes] = np.minimum(self.tops[nodes], tops)
        self.unsure[nodes] = dropped
        self.found = [(int(nodes[n]), pattern) for n, pattern in found]


class _Promise:
    """What the item classes that are still to come can earn at most on what is left of a node.

    Resources are added up in several ways; for each the best item class for its size sets the price of all that is
    left.
    """

    def __init__(self, profit: Ints, request: Ints, free: Ints, room: Ints) -> None:
        self._mix = _mixtures(free)
        wanted = np.where(room > 0, profit, 0)
        asks = (request @ self._mix)[None]
        asking: Mask = np.asarray(request.any(axis=1))
        # Nodes by item classes by mixtures: only what a node takes at all promises it anything. What is not asked is
        # no limit.
        ratio = np.where(asks > 0, wanted[:, :, None] / np.maximum(asks, 1e-12), np.inf)
        ratio[~asking[None] | (wanted <= 0)] = 0.0
        best = np.where(asking, ratio[:, :, 0].max(axis=0, initial=0.0), np.inf)
        useful: Mask = np.asarray((wanted > 0).any(axis=0))
        #: The item classes that can earn anything, those that earn most for their size first.
        self.item_classes = [int(k) for k in np.argsort(-best, kind="stable") if useful[k]]
        rates = np.zeros((len(self.item_classes) + 1, len(free), self._mix.shape[1]))
        self._gratis: Ints = np.zeros((len(self.item_classes) + 1, len(free)), dtype=np.int64)
        for i in range(len(self.item_classes) - 1, -1, -1):
            k = self.item_classes[i]
            rates[i] = np.maximum(rates[i + 1], ratio[:, k])
            self._gratis[i] = self._gratis[i + 1] + (0 if asking[k] else wanted[:, k] * room[:, k])
        self._unlimited = np.where(np.isinf(rates), 1e18, 0.0)
        self._rates = np.where(np.isinf(rates), 0.0, rates)

    def of(self, first: int, node: Ints, space: Ints) -> Ints:
        """For labels: at most that much more from the item classes from the ``first`` on."""
        most = (space @ self._mix * self._rates[first, node] + self._unlimited[first, node]).min(axis=1)
        found: Ints = np.ceil(most).astype(np.int64) + 1 + self._gratis[first, node]
        return found


def _mixtures(free: Ints) -> Floats:
    """Ways to add up resources: all together, some more than others, and each alone."""
    scale = 1.0 / np.maximum(free.sum(axis=0) / max(len(free), 1), 1.0)
    alone = np.eye(len(scale))
    pairs = [(i, j) for i in range(len(scale)) for j in range(i)]
    columns = [np.ones(len(scale)), *alone]
    columns += [alone[i] + part * alone[j] for i, j in pairs for part in (0.15, 0.4, 1.0, 2.5, 6.0)]
    mixed: Floats = np.array(columns).T * scale[:, None]
    return mixed


def _search(
    profit: Ints, request: Ints, free: Ints, room: Ints, conflict: Mask, *, floor: Ints, most: int
) -> tuple[Ints, Mask, list[tuple[int, Pattern]]]:
    """Limits, where they may be too high, and patterns above the ``floor``.

    Goes through the item classes by what they earn for what they ask. A label is a node and how many of the item
    classes so far it takes; labels that cannot get beyond the floor are dropped. Should there be too many, the most
    promising stay, and what the dropped ones might have earned counts.
    """
    promise = _Promise(profit, request, free, room)
    item_classes = promise.item_classes
    top, unsure = floor.copy(), np.zeros(len(free), dtype=np.bool_)
    labels = start(free)
    layers: list[_Layer] = []

    def cut(labels: Labels, most: int) -> Labels:
        if len(labels) <= most:
            return labels
        keep, dropped = promising(labels.node, labels.reach - floor[labels.node], most)
        np.maximum.at(top, labels.node[dropped], labels.reach[dropped])
        unsure[labels.node[dropped]] = True
        return labels.only(keep)

    for i, k in enumerate(item_classes):
        clashes = [j for j, other in enumerate(item_classes[:i]) if conflict[k, other]]
        labels = labels.children(profit[:, k], request[k], room[:, k], clashes=clashes, last=i + 1 == len(item_classes))
        labels = replace(labels, reach=labels.value + promise.of(i + 1, labels.node, labels.space))
        labels = cut(labels.only(np.flatnonzero(labels.reach > floor[labels.node])), _SURPLUS * most)
        if len(labels) > _FEW:
            after = item_classes[i + 1 :]
            chances = labels.chances(request[after], conflict[np.ix_(after, item_classes[: i + 1])])
            labels = labels.only(np.flatnonzero(~dominated(labels.node, chances, labels.value)))
        labels = cut(labels, most)
        layers.append(_Layer(item_class=k, parent=labels.parent, times=labels.taken[:, -1]))
    node, value = labels.node, labels.value
    found: list[tuple[int, Pattern]] = []
    for n in sorted(set(node.tolist())):
        mine = np.flatnonzero(node == n)
        label = int(mine[np.argmax(value[mine])])
        if value[label] > floor[n]:
            top[n] = max(int(top[n]), int(value[label]))
            found.append((n, _trace(layers, label, len(request))))
    return top, unsure, found


def _scarce(request: Ints, free: Ints, room: Ints) -> Ints:
    """The resources that some node can run out of; at least one."""
    asked = room[:, :, None] * request
    most = asked.sum(axis=1)
    for r, other in permutations(range(request.shape[1]), 2):
        # As much of the one as the other allows, best item classes first.
        rate = np.where(request[:, other] > 0, request[:, r] / np.maximum(request[:, other], 1), np.inf)
        order = np.argsort(-rate, kind="stable")
        before = np.cumsum(asked[:, order, other], axis=1) - asked[:, order, other]
        part = np.clip((free[:, [other]] - before) / np.maximum(asked[:, order, other], 1), 0.0, 1.0)
        used = (np.where(asked[:, order, other] > 0, part, 1.0) * asked[:, order, r]).sum(axis=1)
        most[:, r] = np.minimum(most[:, r], np.ceil(used * (1 + 1e-9)).astype(np.int64) + 1)
    scarce = np.flatnonzero((most > free).any(axis=0))
    return scarce if len(scarce) else np.arange(min(1, request.shape[1]), dtype=np.int64)


def _trace(layers: list[_Layer], label: int, item_classes: int) -> Pattern:
    counts = [0] * item_classes
    for layer in reversed(layers):
        counts[layer.item_class] = int(layer.times[label])
        label = int(layer.parent[label])
    return tuple(counts)
