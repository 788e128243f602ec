"""Patterns put to use: a tighter proven limit, and a second placement to choose from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from kubelogic.placement.optimal.model import Ints, Model
from kubelogic.placement.optimal.state import State, request_of
from kubelogic.placement.optimal.upper_bounds import UpperBounds

if TYPE_CHECKING:
    from kubelogic.placement.optimal.patterns import Packables


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """One number for a lexicographic objective: ``weight`` per priority, each more than all lower ones
    together.

    ``slack``: what evictions at lower priorities can take away at most. ``kept`` counts evictable pods.
    """

    levels: tuple[int, ...]
    weight: dict[int, int]
    slack: dict[int, int]
    kept: Counter[int]

    @property
    def all_kept(self) -> int:
        """What the evictable pods are worth together."""
        return sum(self.weight[level] * n for level, n in self.kept.items())

    def value(self, model: Model, state: State) -> int:
        """What the placed pods are worth, less the evicted ones."""
        return sum(self.weight[level] * n for level, n in achieved(model, state).items())


def achieved(model: Model, state: State) -> Counter[int]:
    """Pods placed less pods evicted, by priority."""
    found: Counter[int] = Counter()
    placed = state.placed.sum(axis=1)
    for k, item_class in enumerate(model.item_classes):
        found[item_class.priority] += int(placed[k])
    for evicted in state.evicted:
        found[model.shapes[model.shape_index[evicted.pod.shape]].priority] -= 1
    return found


def weigh(model: Model, known: UpperBounds) -> Weights:
    """Weights for the priorities of the waiting and the evictable pods."""
    kept = Counter(model.shapes[model.shape_index[pod.shape]].priority for pod in known.leave)
    waiting: Counter[int] = Counter()
    for k, item_class in enumerate(model.item_classes):
        waiting[item_class.priority] += int(known.count[k])
    levels = tuple(sorted(set(waiting) | set(kept), reverse=True))
    weight: dict[int, int] = {}
    slack: dict[int, int] = {}
    total = lost = 0
    for level in reversed(levels):
        weight[level], slack[level] = total + 1, lost
        total += weight[level] * (waiting[level] + kept[level])
        lost += weight[level] * kept[level]
    return Weights(levels=levels, weight=weight, slack=slack, kept=kept)


def packables(model: Model, known: UpperBounds, weights: Weights) -> Packables:
    """What to pack into whole-node patterns; evictable pods are items that fit on their own node only."""
    item_classes = len(model.item_classes)
    groups: Counter[tuple[int, int]] = Counter(
        (model.shape_index[pod.shape], model.node_index[pod.node]) for pod in known.leave
    )
    stay = sorted(groups)
    gain = [weights.weight[item_class.priority] for item_class in model.item_classes]
    gain += [weights.weight[model.shapes[shape].priority] for shape, _ in stay]
    room = np.concatenate([known.room, np.zeros((len(stay), len(model.nodes)), dtype=np.int64)])
    for i, (shape, node) in enumerate(stay):
        room[item_classes + i, node] = groups[shape, node]
    extra: Ints = np.array([request_of(model, shape) for shape, _ in stay], dtype=np.int64)
    request = np.concatenate([model.request, extra.reshape(len(stay), len(model.resources))])
    # What runs may stay even where it takes more than there is.
    stands = np.zeros_like(known.free)
    for i, (_, node) in enumerate(stay):
        stands[:, node] += extra[i] * groups[stay[i]]
    held = model.request.T @ known.fixed
    conflict = np.zeros((item_classes + len(stay), item_classes + len(stay)), dtype=np.bool_)
    conflict[:item_classes, :item_classes] = known.conflict
    from kubelogic.placement.optimal.patterns import Packables

    return Packables(
        gain=tuple(gain),
        count=(*known.count.tolist(), *(groups[pair] for pair in stay)),
        request=request,
        conflict=conflict,
        room=room,
        free=np.maximum(known.free + held, stands) - held,
        links=known.links,
        base=sum(each * int(n) for each, n in zip(gain, known.fixed.sum(axis=1), strict=False)),
    )


def decode(model: Model, state: State, weights: Weights, most: int) -> dict[int, int]:
    """What a limit on the weighted value says about each priority, as long as it is tight above."""
    got, rest, total = achieved(model, state), most, 0
    found: dict[int, int] = {}
    for level in weights.levels:
        limit = (rest + weights.slack[level]) // weights.weight[level]
        found[level] = total + limit
        if limit > got[level]:
            break
        total += got[level]
        rest -= weights.weight[level] * got[level]
    return found


def lay_out(model: Model, known: UpperBounds, layout: tuple[tuple[int, tuple[int, ...]], ...]) -> State:
    """Patterns placed on their nodes, as far as constraints between pods let them."""
    counts: Ints = known.fixed.copy()
    for node, pattern in layout:
        counts[:, node] += np.array(pattern[: len(model.item_classes)], dtype=np.int64)
    from kubelogic.placement.optimal.replay import replay

    return replay(model, counts)


def tightest(model: Model, state: State, limits: Mapping[str, Mapping[int, int]]) -> tuple[dict[int, int], str]:
    """The least of several proved limits per priority, and by name those with which the placement reaches them all.

    Args:
        limits: for each way of proof, the most pods of a priority or higher, by priority.
    """
    levels = sorted({item_class.priority for item_class in model.item_classes}, reverse=True)
    most = {level: min(found[level] for found in limits.values() if level in found) for level in levels}
    got, total = achieved(model, state), 0
    needed: set[str] = set()
    for level in levels:
        total += got[level]
        if most[level] > total:
            return most, ""
        if not any(limits[name].get(level) == most[level] for name in needed):
            needed.add(next(name for name, found in limits.items() if found.get(level) == most[level]))
    return most, "; ".join(name for name in limits if name in needed)
