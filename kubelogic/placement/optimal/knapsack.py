"""The most that nodes can earn, for all nodes at once: branch and bound in breadth, over arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kubelogic.placement.optimal.model import Floats, Ints, Mask

Pattern = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """After one kind: for each label the label before it and how many of the kind it took."""

    kind: int
    parent: Ints
    times: Ints


def best_patterns(
    profit: Ints, request: Ints, free: Ints, room: Ints, conflict: Mask, *, floor: Ints, most: int
) -> tuple[Ints, list[tuple[int, Pattern]]]:
    """What each node can earn at most, and the pods with which some earn more than ``floor``.

    Goes through the kinds by what they earn for what they ask. A label is a node and how many of the kinds so far
    it takes; labels that cannot get beyond the floor are dropped. Should there be too many, the most promising
    stay, and what the dropped ones might have earned counts.

    Args:
        profit: What a pod of each kind earns, nodes by kinds.
        request: What it asks, kinds by resources.
        free: What the nodes have, nodes by resources.
        room: How many of each kind each node takes at most, nodes by kinds.
        conflict: Which kinds share no node.
        most: How many labels to keep.
        floor: What each node has to exceed. The first result is never below it.
    """
    room = np.where(profit > 0, room, 0)
    mix = _mixtures(free)
    asks = np.maximum(request @ mix, 1e-12)
    # Nodes by kinds by mixtures: only what a node takes at all promises it anything.
    ratio = np.where(room > 0, profit, 0)[:, :, None] / asks
    best = ratio[:, :, 0].max(axis=0, initial=0.0)
    kinds = [int(k) for k in np.argsort(-best, kind="stable") if best[k] > 0]
    coming = np.zeros((len(kinds) + 1, len(free), mix.shape[1]))
    for i in range(len(kinds) - 1, -1, -1):
        coming[i] = np.maximum(coming[i + 1], ratio[:, kinds[i]])
    top = floor.copy()
    node: Ints = np.arange(len(free), dtype=np.int64)
    space, value, taken = free.copy(), np.zeros(len(free), dtype=np.int64), np.zeros((len(free), 0), dtype=np.int64)
    layers: list[_Layer] = []
    for i, k in enumerate(kinds):
        times = room[node, k].copy()
        for r in np.flatnonzero(request[k]):
            np.minimum(times, space[:, r] // request[k, r], out=times)
        clash = [j for j, other in enumerate(kinds[:i]) if conflict[k, other]]
        if clash:
            times[taken[:, clash].any(axis=1)] = 0
        parent = np.repeat(np.arange(len(node), dtype=np.int64), times + 1)
        starts = np.cumsum(times + 1) - (times + 1)
        chosen = np.arange(len(parent), dtype=np.int64) - starts[parent]
        space = space[parent] - chosen[:, None] * request[k]
        node = node[parent]
        value = value[parent] + chosen * profit[node, k]
        reach = value + np.ceil((space @ mix * coming[i + 1, node]).min(axis=1)).astype(np.int64) + 1
        keep = reach > floor[node]
        if int(keep.sum()) > most:
            order = np.argsort(-(reach - floor[node]), kind="stable")
            dropped = order[most:]
            np.maximum.at(top, node[dropped], np.where(keep[dropped], reach[dropped], 0))
            keep[dropped] = False
        taken = np.concatenate([taken[parent], chosen[:, None]], axis=1)[keep]
        space, value, node = space[keep], value[keep], node[keep]
        layers.append(_Layer(kind=k, parent=parent[keep], times=chosen[keep]))
    found: list[tuple[int, Pattern]] = []
    for n in sorted(set(node.tolist())):
        mine = np.flatnonzero(node == n)
        label = int(mine[np.argmax(value[mine])])
        if value[label] > floor[n]:
            top[n] = max(int(top[n]), int(value[label]))
            found.append((n, _trace(layers, label, len(request))))
    return top, found


def _mixtures(free: Ints) -> Floats:
    """Ways to add up resources: all together, some more than others, and each alone."""
    scale = 1.0 / np.maximum(free.sum(axis=0) / max(len(free), 1), 1.0)
    alone = np.eye(len(scale))
    pairs = [(i, j) for i in range(len(scale)) for j in range(i)]
    columns = [np.ones(len(scale)), *alone]
    columns += [alone[i] + part * alone[j] for i, j in pairs for part in (0.15, 0.4, 1.0, 2.5, 6.0)]
    mixed: Floats = np.array(columns).T * scale[:, None]
    return mixed


def _trace(layers: list[_Layer], label: int, kinds: int) -> Pattern:
    counts = [0] * kinds
    for layer in reversed(layers):
        counts[layer.kind] = int(layer.times[label])
        label = int(layer.parent[label])
    return tuple(counts)
