"""Resources: the requests on a node add up to what it has, at most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from kubelogic.placement.constraints.constraint import Constraint, Dropped, assume
from kubelogic.placement.kube.filter import Filter, Reason, reason
from kubelogic.placement.kube.tables import Mask, Select
from kubelogic.placement.optimal.model import Ints, Model
from kubelogic.placement.placement import Assumption
from kubelogic.placement.problem import Node, Problem, Shape

if TYPE_CHECKING:
    import z3

    from kubelogic.placement.kube.rules import RuleIndex
    from kubelogic.placement.kube.state import State
    from kubelogic.placement.optimal.assumed_rows import AssumedRows, Literal


def lower_to_free(model: Model, free: Ints, item_class: int, room: Ints) -> None:
    """Lower ``room``, by node, to how many pods of an item class the ``free`` amounts (resources by nodes) hold."""
    for r in np.flatnonzero(model.request[item_class]):
        np.minimum(room, np.maximum(free[r], 0) // model.request[item_class, r], out=room)


class ResourcesFilter(Filter):
    """What a shape asks of a node. Which nodes have it is kept current elsewhere (``kube.fit``)."""

    def __init__(self, state: State, shape: Shape) -> None:
        tables = state.tables
        self._state = state
        checked = tables.checked[tables.shape_number[shape.name]]
        rows = [(tables.resources[resource], resource, amount) for resource, amount in checked]
        self._rows = sorted(rows, key=lambda row: (row[0] != "pods", row[0]))

    def open(self, select: Select) -> Mask | bool:  # noqa: ARG002
        return True

    def reasons(self, select: Select) -> Iterator[tuple[Reason, Mask]]:
        """Source: kube-scheduler, NodeResourcesFit: the pod count first, then the resources."""
        tables = self._state.tables
        for place, (name, resource, amount) in enumerate(self._rows):
            lacks = self._state.free[resource, select] < amount
            if resource in tables.by_devices:
                lacks = lacks & (tables.allocatable[resource, select] > 0)
            never = tables.allocatable[resource, select] < amount
            kind = "pod_count" if name == "pods" else "resource"
            yield reason(tables, kind, name, place=place), lacks & ~never
            yield reason(tables, kind, name, place=place, resolvable=name == "pods"), lacks & never


def _filters(index: RuleIndex) -> Callable[[Shape], ResourcesFilter]:
    return lambda shape: ResourcesFilter(index.state, shape)


def bound_alone(rows: AssumedRows, shape: Shape, group: int, nodes: Sequence[int], under: Sequence[Literal]) -> None:
    """What the nodes of a group take at most of a shape, by each resource for itself."""
    x = rows.x[shape.name, group]
    if not nodes:
        rows.under(under, x <= 0)
        return
    if rows.fine:
        return
    node_class = rows.problem.nodes[nodes[0]].node_class
    for resource, asks in sorted(shape.requests.items()):
        if asks > 0:
            literals = [
                *under,
                rows.literal("request", shape.name, resource),
                rows.literal("capacity", node_class, resource),
            ]
            room, sharers = 0, set()
            for n in nodes:
                free, others = _free(rows, n, resource)
                room += max(free, 0) // asks
                sharers |= others
            if room < rows.count[shape.name]:
                more = [rows.literal("request", other, resource) for other in sorted(sharers - {shape.name})]
                rows.under([*literals, *more], x <= room)


def _free(rows: AssumedRows, node: int, resource: str) -> tuple[int, set[str]]:
    """What the pods that stay leave of a node, and the waiting shapes among theirs."""
    entry = rows.problem.nodes[node]
    free, shapes = entry.allocatable.get(resource, 0), set()
    for name, times in rows.stay.get(entry.name, {}).items():
        asks = rows.all_shapes[name].requests.get(resource, 0) * times
        free -= asks
        if asks and name in rows.count:
            shapes.add(name)
    return free, shapes


def _necessary(rows: AssumedRows) -> None:
    asked = sorted({r for shape in rows.shapes.values() for r, amount in shape.requests.items() if amount > 0})
    for g, members in enumerate(rows.groups):
        node_class = rows.problem.nodes[members[0]].node_class
        for resource in asked:
            room, running = 0, Counter[str]()
            for n in members:
                room += max(_free(rows, n, resource)[0], 0)
                running.update(rows.stay.get(rows.problem.nodes[n].name, {}))
            loads: list[tuple[Literal, z3.ArithRef]] = []
            for name, shape in rows.shapes.items():
                asks = shape.requests.get(resource, 0)
                if asks > 0:
                    there = running[name] * asks
                    room += there
                    loads.append((rows.literal("request", name, resource), asks * rows.x[name, g] + there))
            rows.row(loads, room, [rows.literal("capacity", node_class, resource)])


def _assumed(problem: Problem, waiting: Sequence[Shape]) -> Iterator[Assumption]:
    for shape in waiting:
        for resource, amount in shape.requests.items():
            if amount > 0:
                yield assume("request", shape.name, resource)
    resources = {r for shape in waiting for r, amount in shape.requests.items() if amount > 0}
    for name in {node.node_class for node in problem.nodes}:
        for resource in resources:
            yield assume("capacity", name, resource)


def _weakened(problem: Problem, dropped: Dropped) -> Problem:
    if "capacity" in dropped.subjects:
        requests = {shape.name: shape.requests for shape in problem.shapes}
        every: Counter[str] = Counter()
        for name, number in Counter(pod.shape for pod in problem.pods).items():
            for resource, asks in requests[name].items():
                every[resource] += asks * number
        nodes = tuple(_roomy(node, dropped.pairs("capacity", node.node_class), every) for node in problem.nodes)
        problem = msgspec.structs.replace(problem, nodes=nodes)
    if "request" in dropped.subjects:
        shapes = tuple(_modest(shape, dropped.pairs("request", shape.name)) for shape in problem.shapes)
        problem = msgspec.structs.replace(problem, shapes=shapes)
    return problem


def _roomy(node: Node, unlimited: Collection[str], every: Mapping[str, int]) -> Node:
    """The node with room for ``every`` pod there is, as far as some resources go."""
    more = {r: max(every.get(r, 0), node.allocatable.get(r, 0)) for r in sorted(unlimited)}
    return msgspec.structs.replace(node, allocatable={**node.allocatable, **more}) if more else node


def _modest(shape: Shape, without: Collection[str]) -> Shape:
    """The shape without requests of some resources."""
    requests = {r: amount for r, amount in shape.requests.items() if r not in without}
    return msgspec.structs.replace(shape, requests=requests) if without else shape


RESOURCES = Constraint(
    name="resources",
    filters=_filters,
    necessary=_necessary,
    assumed=_assumed,
    weakened=_weakened,
)
