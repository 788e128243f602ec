"""A problem as arrays: nodes, and item classes of waiting pods that are interchangeable for packing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter

import msgspec
import numpy as np
from numpy.typing import NDArray

from kubelogic.placement.problem import Node, Pod, Problem, Reach, Shape

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]


class ItemClass(msgspec.Struct, frozen=True, kw_only=True):
    """Waiting pods of equal requests, priority and allowed nodes.

    A shape under any constraint between pods (``coupled``) is an item class of its own; the others are merged.
    ``ordered``: affinity, spread or claims make the order of bindings matter, so it is never moved
    afterwards.
    """

    shapes: tuple[int, ...]
    pods: tuple[Pod, ...]
    priority: int
    coupled: bool
    ordered: bool


@dataclass(frozen=True, kw_only=True)
class Model:
    """Nodes by name, classes by name, item classes by descending priority, as indexes into arrays.

    ``free`` and ``capacity`` are nodes by resources (``free`` less what the running pods use, possibly
    below 0); ``request`` is item classes by resources; ``allowed`` is item classes by nodes. Only requested resources
    have a column. ``there`` are the running pods in no order, ``what`` their shapes. ``reserved`` are the
    item classes and nodes of pods that get the node they were promised.
    """

    problem: Problem
    nodes: tuple[Node, ...]
    shapes: tuple[Shape, ...]
    shape_index: dict[str, int]
    node_index: dict[str, int]
    resources: tuple[str, ...]
    classes: tuple[str, ...]
    node_class: Ints
    capacity: Ints
    free: Ints
    item_classes: tuple[ItemClass, ...]
    request: Ints
    allowed: Mask
    there: tuple[Pod, ...]
    what: Ints
    worth: Floats
    reserved: tuple[tuple[int, int], ...] = ()

    @property
    def counts(self) -> Ints:
        """How many pods of each item class wait."""
        return np.array([len(item_class.pods) for item_class in self.item_classes], dtype=np.int64)

    @cached_property
    def running(self) -> tuple[Pod, ...]:
        """The running pods by name."""
        return tuple(sorted(self.there, key=attrgetter("name")))

    @cached_property
    def _masks(self) -> Masks:
        return Masks(self.nodes, self.node_class, self.classes, self.node_index)

    @cached_property
    def _domains(self) -> dict[str, tuple[Ints, int]]:
        return {}

    def mask(self, reach: Reach) -> Mask:
        """Which nodes ``reach`` covers."""
        return self._masks.of(reach)

    def domain(self, key: str) -> tuple[Ints, int]:
        """The domain of each node under ``key`` (-1: none), and how many there are, at least 1. Not to be changed."""
        found = self._domains.get(key)
        if found is None:
            names = sorted({node.topology[key] for node in self.nodes if key in node.topology})
            index = {name: i for i, name in enumerate(names)}
            domain = [index[node.topology[key]] if key in node.topology else -1 for node in self.nodes]
            found = self._domains[key] = (np.array(domain, dtype=np.int64), max(len(names), 1))
        return found

    def members(self, key: str) -> dict[int, list[int]]:
        """The nodes of each domain under ``key``; -1: those without it."""
        found: dict[int, list[int]] = defaultdict(list)
        for node, domain in enumerate(self.domain(key)[0].tolist()):
            found[domain].append(node)
        return found

    def cells(self, counts: Mapping[tuple[str, str], int]) -> Ints:
        """Counts by names of shape and node as item classes by nodes, as far as pods of the shapes wait."""
        item_classes = {self.shapes[i].name: k for k, each in enumerate(self.item_classes) for i in each.shapes}
        found = np.zeros((len(self.item_classes), len(self.nodes)), dtype=np.int64)
        for (shape, node), number in counts.items():
            if shape in item_classes:
                found[item_classes[shape], self.node_index[node]] += number
        return found

    def running_of(self, shapes: Iterable[int]) -> list[Pod]:
        """The running pods of some shapes by name."""
        wanted = np.zeros(len(self.shapes), dtype=np.bool_)
        wanted[list(shapes)] = True
        return sorted((self.there[i] for i in np.flatnonzero(wanted[self.what])), key=attrgetter("name"))


class Masks:
    """Sets of nodes as arrays."""

    def __init__(
        self,
        nodes: tuple[Node, ...],
        node_class: Ints,
        classes: tuple[str, ...],
        node_index: dict[str, int],
    ) -> None:
        self._size = len(nodes)
        self._node_class = node_class
        self._class_index = {name: i for i, name in enumerate(classes)}
        self._node_index = node_index

    def of(self, reach: Reach) -> Mask:
        """Which nodes a reach covers."""
        chosen = np.zeros(len(self._class_index), dtype=np.bool_)
        chosen[[self._class_index[name] for name in reach.node_classes if name in self._class_index]] = True
        mask = chosen[self._node_class] if self._size else np.zeros(0, dtype=np.bool_)
        mask[[self._node_index[name] for name in reach.left_out if name in self._node_index]] = False
        mask[[self._node_index[name] for name in reach.nodes if name in self._node_index]] = True
        return mask
