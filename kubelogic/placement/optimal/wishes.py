"""Soft preferences while pods are placed: what each node is worth to one more pod of an item class."""

from __future__ import annotations

from collections import defaultdict

import msgspec
import numpy as np

from kubelogic.placement.optimal.model import Floats, Ints, Mask, Model


class _Near(msgspec.Struct):
    """Pods of some shapes per domain: ``weight`` for each (soft affinity), or the fewer the better (0)."""

    weight: int
    domain: Ints
    counted: Mask
    matching: Ints


class Wishes:
    """The declared preferences of each item class, with soft affinity and soft spread by what is placed so far.

    Each part is scaled to between 0 and 100 over the nodes in question and weighs what its scorer declares. This
    is how kube-scheduler weighs them too, but in one pass over all; where they conflict, nothing proves the best.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._weights = {(scorer.profile, scorer.kind): scorer.weight for scorer in model.problem.scorers}
        self._domains: dict[str, tuple[Ints, int]] = {}
        self._near: list[_Near] = []
        self._owned: dict[str, list[int]] = defaultdict(list)
        self._matched: dict[str, list[int]] = defaultdict(list)
        problem, size = model.problem, len(model.nodes)
        everywhere = np.ones(size, dtype=np.bool_)
        for affinity in problem.soft_affinities:
            self._add(affinity.shape, affinity.key, affinity.neighbours, everywhere, weight=affinity.weight)
        for spread in problem.soft_spreads:
            counted = everywhere if spread.per_node else model.mask(spread.eligible)
            self._add(spread.owner, spread.key, spread.matches, counted, weight=0)
        for pod in model.running_of(model.shape_index[name] for name in self._matched):
            self.change(pod.shape, model.node_index[pod.node], 1)

    def _add(self, owner: str, key: str, shapes: frozenset[str], counted: Mask, *, weight: int) -> None:
        if key not in self._domains:
            names = sorted({node.topology[key] for node in self._model.nodes if key in node.topology})
            index = {name: i for i, name in enumerate(names)}
            homes = (node.topology.get(key) for node in self._model.nodes)
            places = [len(names) if home is None else index[home] for home in homes]
            self._domains[key] = (np.array(places, dtype=np.int64), len(names) + 1)
        domain, many = self._domains[key]
        self._owned[owner].append(len(self._near))
        for name in shapes:
            self._matched[name].append(len(self._near))
        has = domain < many - 1
        matching = np.zeros(many, dtype=np.int64)
        self._near.append(_Near(weight=weight, domain=domain, counted=counted & has, matching=matching))

    def change(self, shape: str, node: int, change: int) -> None:
        """One pod of the shape more (or less) on the node."""
        for i in self._matched.get(shape, ()):
            near = self._near[i]
            if near.counted[node]:
                near.matching[near.domain[node]] += change

    def worth(self, item_class: int, nodes: Ints) -> Floats:
        """What each of ``nodes`` is worth to one more pod of the item class."""
        model = self._model
        total: Floats = model.worth[item_class, nodes].copy()
        shape = model.shapes[model.item_classes[item_class].shapes[0]]
        owned = self._owned.get(shape.name, ())
        drawn, crowd = np.zeros(len(nodes)), np.zeros(len(nodes))
        for i in owned:
            near = self._near[i]
            found = near.matching[near.domain[nodes]]
            if near.weight:
                drawn += near.weight * found
            else:
                crowd += found
        total += self._weights.get((shape.profile, "soft_affinity"), 1) * _scaled(drawn)
        total += self._weights.get((shape.profile, "soft_spread"), 1) * _scaled(-crowd)
        return total


def _scaled(values: Floats) -> Floats:
    low, high = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    scaled: Floats = (values - low) * (100.0 / (high - low)) if high > low else np.zeros(len(values))
    return scaled
