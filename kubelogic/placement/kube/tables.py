"""A problem as arrays: nodes and shapes by number, reaches as masks, topology keys as domain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import msgspec
import numpy as np
from numpy.typing import NDArray

from kubelogic.placement.problem import Amounts, Filter, Node, Pod, Problem, Reach

Mask = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Select = slice | NDArray[np.intp]
"""Which nodes: all (``EVERY``), or some by number."""

EVERY = slice(None)

Asked = tuple[tuple[tuple[int, int], ...], ...]
"""Per shape, resource numbers with amounts."""

_LARGEST = 2**62

KINDS = (
    ("port",),
    ("pod_count", "resource"),
    ("exclusive_node", "exclusive_cluster"),
    ("attach",),
    ("claim",),
    ("spread_key", "spread"),
    ("affinity", "anti_affinity", "existing_anti_affinity"),
    ("devices",),
)
"""The kinds of reasons for which a node is turned down, those of one filter together, in the order of a problem without
filters of its own."""


class Topology(msgspec.Struct, frozen=True, kw_only=True):
    """The domains of one key.

    Attributes:
        domain: of each node; -1 where the node lacks the key.
        has: which nodes have the key.
        size: the number of domains.
    """

    domain: NDArray[np.intp]
    has: Mask
    size: int


def _resources(problem: Problem) -> tuple[str, ...]:
    used = {name for shape in problem.shapes for name in shape.requests}
    used.update(name for scorer in problem.scorers for name in scorer.resources)
    return tuple(sorted(used))


class _Places:
    """Nodes by number, in the order of their names, and their domains."""

    def __init__(self, nodes: tuple[Node, ...]) -> None:
        self.nodes: tuple[Node, ...] = tuple(sorted(nodes, key=lambda node: node.name))
        self.names: tuple[str, ...] = tuple(node.name for node in self.nodes)
        self.name_of = np.array(self.names, dtype=np.object_)
        self.number: dict[str, int] = {name: i for i, name in enumerate(self.names)}
        self.members: dict[str, list[int]] = {}
        for i, node in enumerate(self.nodes):
            self.members.setdefault(node.node_class, []).append(i)
        self._topologies: dict[str, Topology] = {}

    def holding(self, resource_number: Mapping[str, int]) -> Ints:
        """What the nodes hold: resources x nodes."""
        found: Ints = np.zeros((len(resource_number), len(self.nodes)), dtype=np.int64)
        for i, node in enumerate(self.nodes):
            for name, amount in node.allocatable.items():
                if name in resource_number:
                    found[resource_number[name], i] = min(amount, _LARGEST)
        return found

    def topology(self, key: str) -> Topology:
        """The domains of a topology key, numbered in the order of their names."""
        found = self._topologies.get(key)
        if found is None:
            found = self._topologies[key] = _topology([node.topology.get(key) for node in self.nodes])
        return found


class _Requests:
    """Shapes and resources by number, and what of these each shape asks for."""

    def __init__(self, problem: Problem) -> None:
        shapes = problem.shapes
        self.number: dict[str, int] = {shape.name: i for i, shape in enumerate(shapes)}
        self.resources: tuple[str, ...] = _resources(problem)
        self.resource_number: dict[str, int] = {name: i for i, name in enumerate(self.resources)}
        self.requests: Asked = tuple(self._amounts(shape.requests) for shape in shapes)
        self.checked: Asked = tuple(
            self._amounts({name: n for name, n in shape.requests.items() if name not in shape.unchecked})
            if shape.unchecked
            else requests
            for shape, requests in zip(shapes, self.requests, strict=True)
        )
        self.assumes: Asked = tuple(
            self._amounts({**shape.requests, **(shape.scored_usage or shape.scored_requests)}) for shape in shapes
        )

    def _amounts(self, amounts: Amounts) -> tuple[tuple[int, int], ...]:
        """Resource numbers and amounts, zeros left out, sorted."""
        numbers = self.resource_number
        return tuple(sorted((numbers[n], min(a, _LARGEST)) for n, a in amounts.items() if a and n in numbers))


class Tables:
    """What never changes while a problem is scheduled.

    Attributes:
        nodes: sorted by name; a node's number is its place here.
        number: node name to its number.
        shapes: in the problem's order; a shape's number is its place here.
        shape_number: shape name to its number.
        running, waiting: the pods with and without a node, in the problem's order.
        resources: sorted; a resource's number is its place here.
        allocatable: resources x nodes.
        filters: of each kind of reason, which filter it is of.
        requests: per shape, ``(resource number, amount)`` of what it asks for, zeros left out.
        checked: the same without what no node is asked for.
        scored: ``allocatable`` as scores see it: with the devices that stand for a resource.
        by_devices: the resources that stand for devices where a node does not report them.
        assumes: per shape, the same for what scoring counts as used.
    """

    def __init__(self, problem: Problem, like: Tables | None = None) -> None:
        """Number everything.

        Args:
            problem: what is to be scheduled.
            like: tables of another problem: what they have of the very same nodes and shapes is taken over.
        """
        self.problem = problem
        self._place: _Places = (
            like._place if like is not None and like.problem.nodes is problem.nodes else _Places(problem.nodes)
        )
        self.nodes, self.names, self.number = self._place.nodes, self._place.names, self._place.number
        self._ask: _Requests = (
            like._ask
            if like is not None and like.problem.shapes is problem.shapes and like.problem.scorers == problem.scorers
            else _Requests(problem)
        )
        self.shapes, self.shape_number = problem.shapes, self._ask.number
        self.resources, self.resource_number = self._ask.resources, self._ask.resource_number
        self.requests, self.checked, self.assumes = self._ask.requests, self._ask.checked, self._ask.assumes
        self.running, self.waiting = problem.running, problem.waiting
        self._masks: dict[Reach, Mask] = {}
        self._class_masks: dict[frozenset[str], Mask] = {}
        self.allocatable: Ints
        if like is not None and self._place is like._place and self.resources == like.resources:
            self.allocatable = like.allocatable
        else:
            self.allocatable = self._place.holding(self.resource_number)
        self.filters: dict[str, Filter] = {
            kind: Filter(kind=kind, stage=stage, name=kind) for stage, kinds in enumerate(KINDS, 1) for kind in kinds
        }
        self.filters.update((each.kind, each) for each in problem.filters)
        self.scored: Ints = self.allocatable
        extended = problem.devices.extended if problem.devices is not None else {}
        self.by_devices: frozenset[int] = frozenset(
            number for name, number in self.resource_number.items() if name in extended
        )

    @cached_property
    def pods(self) -> dict[str, Pod]:
        """All pods by name."""
        return {pod.name: pod for pod in self.problem.pods}

    @cached_property
    def start(self) -> Running:
        """The pods that are on nodes at the start."""
        return Running(self)

    @property
    def size(self) -> int:
        """The number of nodes."""
        return len(self.nodes)

    def named(self, mask: Mask) -> tuple[str, ...]:
        """The names of the nodes in a mask, sorted."""
        return tuple(self._place.name_of[mask].tolist())

    def mask(self, reach: Reach) -> Mask:
        """Which nodes ``reach`` holds. Shared: not to be written to."""
        found = self._masks.get(reach)
        if found is None:
            found = self._of_classes(reach.node_classes)
            if reach.left_out or reach.nodes:  # each pod that names its node has one of its own
                found = found.copy()
                found[[self.number[name] for name in reach.left_out if name in self.number]] = False
                found[[self.number[name] for name in reach.nodes if name in self.number]] = True
            self._masks[reach] = found
        return found

    def _of_classes(self, classes: frozenset[str]) -> Mask:
        found = self._class_masks.get(classes)
        if found is None:
            found = self._class_masks[classes] = np.zeros(len(self.nodes), dtype=np.bool_)
            for name in classes:
                found[self._place.members.get(name, [])] = True
        return found

    def topology(self, key: str) -> Topology:
        """The domains of a topology key, numbered in the order of their names."""
        return self._place.topology(key)

    def each_node(self) -> Topology:
        """Every node as a domain of its own."""
        size = len(self.nodes)
        return Topology(domain=np.arange(size), has=np.ones(size, dtype=np.bool_), size=size)

    def whole(self) -> Topology:
        """All nodes as one domain."""
        size = len(self.nodes)
        return Topology(domain=np.zeros(size, dtype=np.intp), has=np.ones(size, dtype=np.bool_), size=1)


class Positions:
    """Positions by key, in their order."""

    def __init__(self, keys: Ints) -> None:
        """Sort them.

        Args:
            keys: of each position.
        """
        self._order: Ints = np.argsort(keys, kind="stable")
        self._sorted: Ints = keys[self._order]

    def of(self, key: int) -> list[int]:
        """The positions with a key."""
        start, end = np.searchsorted(self._sorted, (key, key + 1))
        found: list[int] = self._order[start:end].tolist()
        return found


class Running:
    """The pods that are on nodes at the start, in the problem's order, with the numbers of their shapes and nodes."""

    def __init__(self, tables: Tables) -> None:
        """Look them up.

        Args:
            tables: of the problem.
        """
        self.pods: tuple[Pod, ...] = tables.running
        nodes, shapes = tables.problem.places
        ours = np.array([tables.number[node.name] for node in tables.problem.nodes], dtype=np.int64)
        self.nodes: Ints = ours[np.array(nodes, dtype=np.int64)]
        self.shapes: Ints = np.array(shapes, dtype=np.int64)
        self.by_node, self.by_shape = Positions(self.nodes), Positions(self.shapes)


def tables_of(problem: Problem, like: Tables | None = None) -> Tables:
    """The tables of a problem, made once where no search for devices adds to them.

    Args:
        problem: what is to be scheduled.
        like: the tables of a problem that may have shapes and scorers in common.
    """
    if like is not None or problem.devices is not None:
        return Tables(problem, like)
    made = problem.__dict__
    if "_tables" not in made:
        made["_tables"] = Tables(problem, made.pop("_earlier_tables", None))
    found: Tables = made["_tables"]
    return found


def with_rest(topology: Topology) -> Topology:
    """The same domains, and one more that holds all nodes without the key."""
    if topology.has.all():
        return topology
    domain = np.where(topology.has, topology.domain, topology.size)
    return Topology(domain=domain, has=np.ones(len(domain), dtype=np.bool_), size=topology.size + 1)


def narrowed(topology: Topology, within: Mask) -> Topology:
    """The same domains over the nodes ``within`` only; the others lie in none."""
    has = topology.has & within
    return Topology(domain=np.where(has, topology.domain, -1), has=has, size=topology.size)


def _topology(values: list[str | None]) -> Topology:
    order = {value: i for i, value in enumerate(sorted({v for v in values if v is not None}))}
    domain = np.fromiter((-1 if v is None else order[v] for v in values), dtype=np.intp, count=len(values))
    return Topology(domain=domain, has=domain >= 0, size=len(order))


def by_name(amounts: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """A hashable form of amounts."""
    return tuple(sorted(amounts.items()))
