"""Who is where, and what that leaves: the one thing that changes while a problem is scheduled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
import numpy as np

from kubelogic.placement.kube.counters import Counter, Counters
from kubelogic.placement.kube.tables import Ints, Mask, Running, Tables, Topology
from kubelogic.placement.problem import Claim

_UNLIMITED = 2**62


class Resident(msgspec.Struct, frozen=True, kw_only=True):
    """A pod on a node: its name, its shape's number, and whether it is on its way out."""

    name: str
    shape: int
    terminating: bool


class Residents:
    """The pods of each node by name. Those of the start are made when a node is asked for: few ever are."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._groups = running.by_node
        self._made: dict[int, dict[str, Resident]] = {}

    def __getitem__(self, node: int) -> dict[str, Resident]:
        found = self._made.get(node)
        if found is None:
            running = self._running
            found = self._made[node] = {}
            for i in self._groups.of(node):
                pod = running.pods[i]
                shape = int(running.shapes[i])
                found[pod.name] = Resident(name=pod.name, shape=shape, terminating=pod.terminating)
        return found

    def __setitem__(self, node: int, residents: dict[str, Resident]) -> None:
        self._made[node] = residents


class _Spots:
    """How many pods of a shape are on each node, staying or leaving; made when a shape is asked for."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._groups = running.by_shape
        self._made: dict[int, dict[tuple[int, bool], int]] = {}

    def __getitem__(self, shape: int) -> dict[tuple[int, bool], int]:
        found = self._made.get(shape)
        if found is None:
            running = self._running
            found = self._made[shape] = {}
            for i in self._groups.of(shape):
                spot = (int(running.nodes[i]), running.pods[i].terminating)
                found[spot] = found.get(spot, 0) + 1
        return found


class State:
    """Placed pods, free resources, counters, attached volumes and claims that got a volume.

    Attributes:
        free: resources x nodes, what is not requested yet.
        assumed: resources x nodes, what scoring counts as used.
        residents: per node, pod name to resident.
        touched: numbers of the nodes that changed, oldest first; readers remember how far they read.
    """

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.free: Ints = tables.allocatable.copy()
        self.assumed: Ints = np.zeros_like(tables.allocatable)
        running = tables.start
        self.residents = Residents(running)
        self.touched: list[int] = []
        self.claims: dict[str, Claim] = {claim.name: claim for claim in tables.problem.claims}
        self.given: dict[str, tuple[str, str]] = {}
        self.taken: set[str] = set()
        self._reach: dict[str, Mask] = {v.name: tables.mask(v.reach) for v in tables.problem.volumes}
        self._counters = Counters()
        self._spots = _Spots(running)
        self._assumes = tables.assumes
        self._users: dict[tuple[str, str], dict[int, int]] = {}
        self._attached: dict[str, Ints] = {}
        self._limits: dict[str, Ints] = {}
        self._hanging = tuple(frozenset(node.attached) for node in tables.nodes)
        for number, uses in enumerate(self._hanging):
            for driver, _ in sorted(uses):
                self.attached(driver)[number] += 1
        self._put_all(running)

    def counter(self, topology: Topology, weights: Mapping[int, int], *, terminating: bool = True) -> Counter:
        """A counter of the placed pods of some shapes, kept current from now on. See ``Counters.counter``."""
        counter = self._counters.counter(topology, weights, terminating=terminating)
        if not counter.moves:
            counter.moves = 1
            for shape, weight in counter.weights.items():
                for (node, leaving), pods in self._spots[shape].items():
                    if terminating or not leaving:
                        counter.add(node, weight, pods)
        return counter

    def put(self, resident: Resident, node: int) -> None:
        """Place a pod."""
        self.residents[node][resident.name] = resident
        self._move(resident, node, 1)

    def _put_all(self, running: Running) -> None:
        """Take what the pods on nodes use, before anything is counted: like ``put`` for each."""
        tables, size = self.tables, len(self.tables.resources)
        shapes, nodes = running.shapes, running.nodes
        requested, assumed = (np.zeros((size, len(tables.shapes)), dtype=np.int64) for _ in range(2))
        for shape in range(len(tables.shapes)):
            for resource, amount in tables.requests[shape]:
                requested[resource, shape] = amount
            for resource, amount in self._assumes[shape]:
                assumed[resource, shape] = amount
        for resource in range(size):
            np.subtract.at(self.free[resource], nodes, requested[resource][shapes])
            np.add.at(self.assumed[resource], nodes, assumed[resource][shapes])
        for shape, described in enumerate(tables.shapes):
            for use in described.attaches:
                for node in nodes[shapes == shape].tolist():
                    self._attach(use, node, 1)

    def take(self, resident: Resident, node: int) -> None:
        """Take a pod away."""
        del self.residents[node][resident.name]
        self._move(resident, node, -1)

    def _move(self, resident: Resident, node: int, pods: int) -> None:
        shape = resident.shape
        free, assumed = self.free, self.assumed
        for resource, amount in self.tables.requests[shape]:
            free[resource, node] -= amount * pods
        for resource, amount in self._assumes[shape]:
            assumed[resource, node] += amount * pods
        spots = self._spots[shape]
        spot = (node, resident.terminating)
        left = spots.get(spot, 0) + pods
        if left:
            spots[spot] = left
        else:
            del spots[spot]
        for counter, weight in self._counters.of(shape):
            if counter.terminating or not resident.terminating:
                counter.add(node, weight, pods)
        for use in self.tables.shapes[shape].attaches:
            self._attach(use, node, pods)
        self.touched.append(node)

    def recount(self, shape: int, node: int, pods: int) -> None:
        """Move only the counters that leave terminating pods out, for a pod that they do not hold."""
        for counter, weight in self._counters.of(shape):
            if not counter.terminating:
                counter.add(node, weight, pods)

    def _attach(self, use: tuple[str, str], node: int, pods: int) -> None:
        users = self._users.setdefault(use, {})
        before = users.get(node, 0)
        after = before + pods
        if after:
            users[node] = after
        else:
            del users[node]
        if (before == 0) != (after == 0) and use not in self._hanging[node]:
            self.attached(use[0])[node] += pods

    def attached(self, driver: str) -> Ints:
        """How many distinct volumes of a driver each node has."""
        found = self._attached.get(driver)
        if found is None:
            found = self._attached[driver] = np.zeros(self.tables.size, dtype=np.int64)
        return found

    def limits(self, driver: str) -> Ints:
        """How many distinct volumes of a driver each node can have."""
        found = self._limits.get(driver)
        if found is None:
            given = (node.attach_limits.get(driver, _UNLIMITED) for node in self.tables.nodes)
            found = self._limits[driver] = np.fromiter(given, dtype=np.int64, count=self.tables.size)
        return found

    def missing(self, driver: str, volumes: Iterable[str]) -> Ints:
        """How many of the volumes no pod uses yet, on each node; attached without a pod does not help."""
        wanted = sorted(set(volumes))
        found = np.full(self.tables.size, len(wanted), dtype=np.int64)
        for volume in wanted:
            nodes = self._users.get((driver, volume))
            if nodes:
                found[list(nodes)] -= 1
        return found

    def usable(self, claim: Claim) -> Mask:
        """The nodes on which a claim has its volume, or can get one."""
        tables = self.tables
        if claim.name in self.given:
            volume, domain = self.given[claim.name]
            if volume:
                return self._reach[volume]
            if not claim.confines:
                return np.ones(tables.size, dtype=np.bool_)
            values = (node.topology.get(claim.confines, "") == domain for node in tables.nodes)
            return np.fromiter(values, dtype=np.bool_, count=tables.size)
        found = tables.mask(claim.provisions).copy()
        for volume in claim.volumes:
            if volume not in self.taken:
                found |= self._reach[volume]
        return found

    def volumes(self, claims: Iterable[str], node: int) -> tuple[tuple[str, str], ...] | None:
        """The volume that each claim without one gets on a node, in order; None if one cannot have any."""
        chosen: list[tuple[str, str]] = []
        taken = set(self.taken)
        for name in claims:
            claim = self.claims[name]
            if name in self.given:
                if not self.usable(claim)[node]:
                    return None
                continue
            for volume in claim.volumes:
                if volume not in taken and self._reach[volume][node]:
                    taken.add(volume)
                    chosen.append((name, volume))
                    break
            else:
                if not self.tables.mask(claim.provisions)[node]:
                    return None
                chosen.append((name, ""))
        return tuple(chosen)

    def give(self, volumes: Iterable[tuple[str, str]], node: int) -> None:
        """Let claims have their volumes, from a pod's binding to a node."""
        for name, volume in volumes:
            self.given[name] = (volume, self.tables.nodes[node].topology.get(self.claims[name].confines, ""))
            if volume:
                self.taken.add(volume)
