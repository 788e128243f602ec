"""Attach limits: so many distinct volumes of a driver a node takes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from copy import copy
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from kubelogic.placement.constraints.constraint import Constraint, Dropped, assume
from kubelogic.placement.kube.filter import Filter, Reason, reason
from kubelogic.placement.kube.tables import Select
from kubelogic.placement.optimal.coupling import Part
from kubelogic.placement.optimal.model import Ints, Mask, Model
from kubelogic.placement.placement import Assumption
from kubelogic.placement.problem import Node, Problem, Shape

if TYPE_CHECKING:
    from kubelogic.placement.kube.rules import RuleIndex
    from kubelogic.placement.kube.state import State
    from kubelogic.placement.optimal.assumed_rows import AssumedRows

_UNLIMITED = np.iinfo(np.int64).max // 2


class AttachPart(Part):
    """Volumes of drivers that some node limits: how many each node has, and which."""

    def __init__(self, model: Model) -> None:
        nodes = model.nodes
        self._limit: dict[str, Ints] = {}
        self._used: dict[str, Ints] = {}
        self._users: dict[tuple[str, str], Counter[int]] = defaultdict(Counter)
        for driver in sorted({d for node in nodes for d in node.attach_limits}):
            limits = [node.attach_limits.get(driver, _UNLIMITED) for node in nodes]
            self._limit[driver] = np.array(limits, dtype=np.int64)
            self._used[driver] = np.zeros(len(nodes), dtype=np.int64)
        self._hanging = [frozenset(node.attached) for node in nodes]
        for n, pairs in enumerate(self._hanging):
            for driver, _ in pairs:
                if driver in self._limit:
                    self._used[driver][n] += 1
        self._pairs = [tuple(pair for pair in shape.attaches if pair[0] in self._limit) for shape in model.shapes]

    def concerns(self, shape: int) -> bool:
        return bool(self._pairs[shape])

    def open(self, shape: int, mask: Mask) -> None:
        by_driver: dict[str, set[str]] = defaultdict(set)
        for driver, volume in self._pairs[shape]:
            by_driver[driver].add(volume)
        for driver, volumes in sorted(by_driver.items()):
            new = np.full(len(mask), len(volumes), dtype=np.int64)
            for volume in volumes:
                there = [n for n, times in self._users[driver, volume].items() if times > 0]
                new[there] -= 1
            mask &= (new == 0) | (self._used[driver] + new <= self._limit[driver])

    def change(self, shape: int, node: int, by: int, counted: int) -> None:  # noqa: ARG002
        for pair in self._pairs[shape]:
            users = self._users[pair]
            before = users[node]
            users[node] = before + by
            if (before == 0 or before + by == 0) and pair not in self._hanging[node]:
                self._used[pair[0]][node] += by

    def copy(self) -> AttachPart:
        other = copy(self)
        other._used = {driver: used.copy() for driver, used in self._used.items()}
        other._users = defaultdict(Counter, {pair: users.copy() for pair, users in self._users.items()})
        return other


class AttachFilter(Filter):
    """The volumes of each driver that a shape attaches."""

    def __init__(self, state: State, pairs: Sequence[tuple[str, str]]) -> None:
        self._state = state
        self._volumes = {d: [volume for name, volume in pairs if name == d] for d in sorted({d for d, _ in pairs})}

    def open(self, select: Select) -> Mask | bool:
        found: Mask | bool = True
        for driver in self._volumes:
            found = found & ~self._full(driver, select)
        return found

    def reasons(self, select: Select) -> Iterator[tuple[Reason, Mask]]:
        for driver in self._volumes:
            yield reason(self._state.tables, "attach", driver), self._full(driver, select)

    def _full(self, driver: str, select: Select) -> Mask:
        missing = self._state.missing(driver, self._volumes[driver])[select]
        there, limits = self._state.attached(driver)[select], self._state.limits(driver)[select]
        found: Mask = (missing > 0) & (there + missing > limits)
        return found


def _filters(index: RuleIndex) -> Callable[[Shape], AttachFilter | None]:
    return lambda shape: AttachFilter(index.state, shape.attaches) if shape.attaches else None


def _couples(problem: Problem) -> Iterator[str]:
    limited = {driver for node in problem.nodes for driver in node.attach_limits}
    return (shape.name for shape in problem.shapes if any(driver in limited for driver, _ in shape.attaches))


def _necessary(rows: AssumedRows) -> None:
    import z3

    drivers = sorted({driver for shape in rows.shapes.values() for driver, _ in shape.attaches})
    for driver in drivers:
        volumes = sorted({v for shape in rows.shapes.values() for d, v in shape.attaches if d == driver})
        for g, members in enumerate(rows.groups):
            nodes = [rows.problem.nodes[n] for n in members]
            if not all(driver in node.attach_limits for node in nodes):
                continue
            room = 0
            there: Counter[str] = Counter()
            for node in nodes:
                attached = {volume for d, volume in node.attached if d == driver}
                for name in rows.stay.get(node.name, {}):
                    attached |= {v for d, v in rows.all_shapes[name].attaches if d == driver}
                room += max(node.attach_limits[driver] - len(attached), 0)
                # Who may leave helps as long as it is there: its volumes are not one more.
                for name in rows.leavers.get(node.name, ()):
                    attached |= {v for d, v in rows.all_shapes[name].attaches if d == driver}
                there.update(attached)
            fresh = []
            for volume in volumes:
                used = rows.number(f"v{driver}_{volume}_{g}")
                for name, shape in rows.shapes.items():
                    if (driver, volume) in shape.attaches:
                        if there[volume] and not rows.fine:
                            continue
                        x = rows.x[name, g]
                        if not rows.fine:
                            rows.solver.add(x <= rows.count[name] * used)
                        elif not there[volume]:
                            rows.solver.add(z3.Or(x <= 0, used >= 1))
                fresh.append(used)
            rows.under([rows.literal("attach", nodes[0].node_class, driver)], z3.Sum(fresh) <= room)


def _assumed(problem: Problem, waiting: Sequence[Shape]) -> Iterator[Assumption]:
    drivers = {driver for shape in waiting for driver, _ in shape.attaches}
    for node in problem.nodes:
        for driver in drivers & set(node.attach_limits):
            yield assume("attach", node.node_class, driver)


def _weakened(problem: Problem, dropped: Dropped) -> Problem:
    if "attach" not in dropped.subjects:
        return problem
    nodes = tuple(_unlimited(node, dropped.pairs("attach", node.node_class)) for node in problem.nodes)
    return msgspec.structs.replace(problem, nodes=nodes)


def _unlimited(node: Node, drivers: Collection[str]) -> Node:
    limits = {driver: n for driver, n in node.attach_limits.items() if driver not in drivers}
    return msgspec.structs.replace(node, attach_limits=limits) if drivers else node


ATTACH = Constraint(
    name="attaches",
    couples=_couples,
    part=AttachPart,
    filters=_filters,
    necessary=_necessary,
    assumed=_assumed,
    weakened=_weakened,
)
