"""Host ports: no two pods of a node have ports that overlap."""

from __future__ import annotations

from collections import Counter as Multiset
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from itertools import permutations
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from kubelogic.placement.constraints.constraint import Constraint, Dropped, assume
from kubelogic.placement.kube.counters import Counter
from kubelogic.placement.kube.filter import Filter, Reason, reason
from kubelogic.placement.kube.tables import Select, Tables
from kubelogic.placement.optimal.coupling import Part
from kubelogic.placement.optimal.model import Ints, Mask, Model
from kubelogic.placement.placement import Assumption
from kubelogic.placement.problem import Problem, Shape

if TYPE_CHECKING:
    from kubelogic.placement.kube.rules import RuleIndex
    from kubelogic.placement.optimal.assumed_rows import AssumedRows

Port = tuple[str, str, int]
"""Host address, protocol and number."""

_ANY = "0.0.0.0"


def overlap(one: Port, other: Port) -> bool:
    """Whether two ports cannot be had on one node."""
    return one[1:] == other[1:] and (one[0] == other[0] or _ANY in (one[0], other[0]))


class PortsPart(Part):
    """Per port that somebody waits for, how many ports of each node overlap it."""

    def __init__(self, model: Model) -> None:
        self._ports = [shape.ports for shape in model.shapes]
        waiting = sorted({i for item_class in model.item_classes for i in item_class.shapes})
        wanted = dict.fromkeys(port for i in waiting for port in self._ports[i])
        self._taken: dict[Port, Ints] = {port: np.zeros(len(model.nodes), dtype=np.int64) for port in wanted}

    def concerns(self, shape: int) -> bool:
        return bool(self._ports[shape])

    def open(self, shape: int, mask: Mask) -> None:
        for port in self._ports[shape]:
            mask &= self._taken[port] == 0

    def change(self, shape: int, node: int, by: int, counted: int) -> None:  # noqa: ARG002
        for port in self._ports[shape]:
            for other, taken in self._taken.items():
                if overlap(port, other):
                    taken[node] += by

    def copy(self) -> PortsPart:
        other = copy(self)
        other._taken = {port: taken.copy() for port, taken in self._taken.items()}
        return other


class PortsFilter(Filter):
    """Each host port of a shape with the pods that hold one that overlaps, per node."""

    def __init__(self, tables: Tables, ports: Sequence[tuple[Port, Counter]]) -> None:
        self._tables, self.ports = tables, ports

    def open(self, select: Select) -> Mask | bool:
        found: Mask | bool = True
        for _, counter in self.ports:
            found = found & ~counter.present(select)
        return found

    def reasons(self, select: Select) -> Iterator[tuple[Reason, Mask]]:
        for (ip, protocol, number), counter in self.ports:
            text = f"{number}/{protocol}" if ip == _ANY else f"{ip}:{number}/{protocol}"
            yield reason(self._tables, "port", text), counter.present(select)


def _filters(index: RuleIndex) -> Callable[[Shape], PortsFilter | None]:
    users: dict[tuple[str, int], list[tuple[Port, int]]] = defaultdict(list)
    for number, shape in enumerate(index.tables.shapes):
        for port in shape.ports:
            users[port[1:]].append((port, number))

    def counted(port: Port) -> tuple[Port, Counter]:
        weights = {shape: 1 for other, shape in users[port[1:]] if overlap(port, other)}
        return port, index.state.counter(index.each_node, weights)

    return lambda shape: PortsFilter(index.tables, [*map(counted, shape.ports)]) if shape.ports else None


def _couples(problem: Problem) -> Iterator[str]:
    return (shape.name for shape in problem.shapes if shape.ports)


def _apart(model: Model, item_classes: Sequence[int]) -> Iterator[tuple[int, int]]:
    ports = {k: model.shapes[model.item_classes[k].shapes[0]].ports for k in item_classes}
    for one, other in permutations([k for k in item_classes if ports[k]], 2):
        if any(overlap(p, q) for p in ports[one] for q in ports[other]):
            yield one, other


def _necessary(rows: AssumedRows) -> None:
    numbers = sorted({port[1:] for shape in rows.shapes.values() for port in shape.ports})
    for number in numbers:
        addresses = {port[0] for shape in rows.all_shapes.values() for port in shape.ports if port[1:] == number}
        for address in sorted(addresses - {_ANY}) or [_ANY]:
            users = [
                name
                for name, shape in sorted(rows.all_shapes.items())
                if any(overlap(port, (address, *number)) for port in shape.ports)
            ]
            _one_a_node(rows, users)


def _one_a_node(rows: AssumedRows, users: Sequence[str]) -> None:
    """No node has two of the users; running ones may be there twice already."""
    for g, members in enumerate(rows.groups):
        blocked: Multiset[str] = Multiset()
        taken = 0
        for n in members:
            running = rows.stay.get(rows.problem.nodes[n].name, Multiset())
            here = [name for name in users if running[name]]
            fixed = [name for name in here if rows.literal("port", name) is True]
            if fixed:
                taken += 1
            elif here:
                blocked[here[0]] += 1
        loads = [
            (rows.literal("port", name), (rows.x[name, g] if name in rows.count else rows.zero) + blocked[name])
            for name in users
            if name in rows.count or blocked[name]
        ]
        rows.row(loads, len(members) - taken, [])


def _assumed(_: Problem, waiting: Sequence[Shape]) -> Iterator[Assumption]:
    return (assume("port", shape.name) for shape in waiting if shape.ports)


def _weakened(problem: Problem, dropped: Dropped) -> Problem:
    names = dropped.names("port")
    shapes = (msgspec.structs.replace(each, ports=()) if each.name in names else each for each in problem.shapes)
    return msgspec.structs.replace(problem, shapes=tuple(shapes)) if names else problem


PORTS = Constraint(
    name="ports",
    couples=_couples,
    alone=lambda shape: bool(shape.ports),
    apart=_apart,
    part=PortsPart,
    filters=_filters,
    necessary=_necessary,
    assumed=_assumed,
    weakened=_weakened,
)
