"""Labels of a search for what nodes can hold: partial choices for all nodes at once, and which of them to keep."""

from __future__ import annotations

from itertools import permutations

import msgspec
import numpy as np

from kubelogic.placement.optimal.model import Ints, Mask

_HUGE = float(1 << 62)


class Labels(msgspec.Struct, frozen=True, kw_only=True):
    """Arrays by label: its ``node``, the ``space`` left of each resource, the ``value`` earned so far.

    ``taken``: how many of each item class so far, labels by item classes. ``reach``: what it can earn in all, at most.
    ``parent``: the label before the last item class.
    """

    node: Ints
    space: Ints
    value: Ints
    taken: Ints
    reach: Ints
    parent: Ints

    def __len__(self) -> int:
        return len(self.node)

    def only(self, keep: Ints) -> Labels:
        """The labels with these indexes."""
        return Labels(
            node=self.node[keep],
            space=self.space[keep],
            value=self.value[keep],
            taken=self.taken[keep],
            reach=self.reach[keep],
            parent=self.parent[keep],
        )

    def children(self, profit: Ints, request: Ints, room: Ints, *, clashes: list[int], last: bool) -> Labels:
        """Each label with none, one, two and so on of the next item class; with the most only if that is the ``last``.

        Args:
            profit: What one of the item class earns, by node.
            request: What it asks, by resource.
            room: How many each node takes at most.
            clashes: Which of the item classes so far keep it off a node.
        """
        times = room[self.node]
        for r in np.flatnonzero(request):
            np.minimum(times, self.space[:, r] // request[r], out=times)
        if clashes:
            times[self.taken[:, clashes].any(axis=1)] = 0
        if last:
            parent, chosen = np.arange(len(times), dtype=np.int64), times
        else:
            parent = np.repeat(np.arange(len(times), dtype=np.int64), times + 1)
            starts = np.cumsum(times + 1) - (times + 1)
            chosen = np.arange(len(parent), dtype=np.int64) - starts[parent]
        node = self.node[parent]
        value = self.value[parent] + chosen * profit[node]
        return Labels(
            node=node,
            space=self.space[parent] - chosen[:, None] * request,
            value=value,
            taken=np.concatenate([self.taken[parent], chosen[:, None]], axis=1),
            reach=value,
            parent=parent,
        )

    def chances(self, request: Ints, clashes: Mask) -> Ints:
        """What the later item classes can make use of, labels by columns: who has as much of all can do as much.

        Args:
            request: What a pod of each later item class asks, item classes by resources.
            clashes: Which of the item classes so far keep it off a node, later item classes by item classes so far.
        """
        found = self.space.copy()
        for one, other in permutations(range(found.shape[1]), 2):
            if (request[:, other] > 0).all():
                rate = (request[:, one] / request[:, other]).max(initial=0.0)
                useful = np.minimum(np.ceil(self.space[:, other] * rate), _HUGE).astype(np.int64) + 1
                np.minimum(found[:, one], useful, out=found[:, one])
        possible = [np.asarray(self.taken[:, clash]).max(axis=1) == 0 for clash in clashes if clash.any()]
        differing = [np.array(row, dtype=np.int64)[:, None] for row in possible if row.any() and not row.all()]
        columns = [found, *differing]
        if not found.shape[1] and not differing:
            columns.append(np.zeros((len(self), 1), dtype=np.int64))
        return np.concatenate(columns, axis=1)


def start(free: Ints) -> Labels:
    """One empty label for each node, by what it has: nodes by resources."""
    zeros = np.zeros(len(free), dtype=np.int64)
    node = np.arange(len(free), dtype=np.int64)
    return Labels(
        node=node,
        space=free,
        value=zeros,
        taken=np.zeros((len(free), 0), dtype=np.int64),
        reach=zeros,
        parent=node,
    )


def promising(node: Ints, promise: Ints, most: int) -> tuple[Ints, Ints]:
    """The labels to keep, as many for each node as for any other, those of most ``promise``; and the others."""
    order = np.lexsort((-promise, node))
    many = np.bincount(node)
    place = np.arange(len(order)) - (np.cumsum(many) - many)[node[order]]
    each, spare, open_ones = 0, most, np.flatnonzero(many)
    while len(open_ones) and spare >= len(open_ones):
        each += spare // len(open_ones)
        spare = most - int(np.minimum(many, each).sum())
        open_ones = np.flatnonzero(many > each)
    return np.sort(order[place < each]), order[place >= each]


def dominated(node: Ints, space: Ints, value: Ints) -> Mask:
    """Labels for which another one of the node has earned as much and has as much left of everything.

    The labels of a node are cut into shares by value. Across shares, for two resources: goes through them by the
    first, the most first, and keeps the most of the second that was seen in a better share. Within a share: all pairs.
    With more resources it misses what another share would show.
    """
    many = np.bincount(node)
    shares = int(np.clip(np.sqrt(many.max()), 8, 96))
    by_value = np.lexsort((*(-column for column in space.T), -value, node))
    rank = np.arange(len(node)) - (np.cumsum(many) - many)[node[by_value]]
    share = np.empty(len(node), dtype=np.int64)
    share[by_value] = rank * shares // many[node[by_value]]
    found = np.zeros(len(node), dtype=np.bool_)
    if space.shape[1] <= 2:
        order = np.lexsort((share, -space[:, -1], -space[:, 0], node))
        # Nodes come in turn, each above the ones before it.
        last = (space[:, -1] + node * (int(space[:, -1].max()) + 1))[order]
        better = np.where(share[order, None] < np.arange(shares), last[:, None], -1)
        np.maximum.accumulate(better, axis=0, out=better)
        found[order[1:]] = better[np.arange(len(node) - 1), share[order[1:]]] >= last[1:]
    rest = by_value[~found[by_value]]
    starts = np.flatnonzero(np.diff(node[rest] * shares + share[rest], prepend=-1))
    sizes = np.diff(starts, append=len(rest))
    table = np.full((len(starts), int(sizes.max())), -1, dtype=np.int64)
    table[np.repeat(np.arange(len(starts)), sizes), np.arange(len(rest)) - np.repeat(starts, sizes)] = rest
    beaten = np.repeat(np.tri(table.shape[1], k=-1, dtype=np.bool_)[None], len(table), axis=0)
    for column in space.T:
        amounts = np.where(table >= 0, column[table], -1)
        beaten &= amounts[:, None, :] >= amounts[:, :, None]
    found[table[beaten.any(axis=2) & (table >= 0)]] = True
    return found
