"""Weighted counts of placed pods per topology domain, kept current pod by pod."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from kubelogic.placement.kube.tables import Ints, Mask, Select, Topology


class Counter:
    """How many pods of some shapes each domain holds, each shape with a weight.

    ``counts`` has one entry more than there are domains: it stays 0 and stands for nodes in no domain.
    """

    __slots__ = ("counts", "moves", "terminating", "topology", "total", "touches", "weights")

    def __init__(self, topology: Topology, weights: Mapping[int, int], *, terminating: bool) -> None:
        """No pods yet.

        Args:
            topology: the domains.
            weights: shape number to what one pod of it counts.
            terminating: whether pods that are on their way out count, too.
        """
        self.topology = topology
        self.weights = weights
        self.terminating = terminating
        self.counts: Ints = np.zeros(topology.size + 1, dtype=np.int64)
        self.total = 0
        self.touches = 0
        self.moves = 0

    def add(self, node: int, weight: int, pods: int) -> None:
        """Count ``pods`` (negative: fewer) of a shape with ``weight`` on a node."""
        domain = self.topology.domain[node]
        if domain >= 0:
            self.counts[domain] += weight * pods
            self.total += weight * pods
            self.touches += pods
            self.moves += 1

    def at(self, select: Select) -> Ints:
        """The count of the domain of each of some nodes; 0 where a node is in none."""
        return self.counts[self.topology.domain[select]]

    def present(self, select: Select) -> Mask:
        """Whether the domain of each of some nodes holds anything."""
        present: Mask = (self.counts > 0)[self.topology.domain[select]]
        return present


class Counters:
    """Every counter of a run, each made once, and which ones a pod of a shape moves."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, frozenset[tuple[int, int]], bool], Counter] = {}
        self._kept: list[Topology] = []
        self._moved: dict[int, list[tuple[Counter, int]]] = {}

    def counter(self, topology: Topology, weights: Mapping[int, int], *, terminating: bool = True) -> Counter:
        """The counter of these shapes over these domains. ``topology`` must be one that is made only once."""
        key = (id(topology), frozenset(weights.items()), terminating)
        found = self._made.get(key)
        if found is None:
            found = Counter(topology, dict(weights), terminating=terminating)
            self._made[key] = found
            self._kept.append(topology)
            for shape, weight in weights.items():
                self._moved.setdefault(shape, []).append((found, weight))
        return found

    def of(self, shape: int) -> Iterable[tuple[Counter, int]]:
        """The counters that a pod of the shape moves, with its weight in each."""
        return self._moved.get(shape, ())
