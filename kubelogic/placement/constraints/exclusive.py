"""Exclusive uses: what tolerates no second user on its node, or in the cluster."""

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
from kubelogic.placement.kube.filter import Filter, Reason, free_of, reason
from kubelogic.placement.kube.tables import Select, Tables
from kubelogic.placement.optimal.coupling import Part
from kubelogic.placement.optimal.model import Ints, Mask, Model
from kubelogic.placement.placement import Assumption
from kubelogic.placement.problem import Exclusive, Problem, Shape

if TYPE_CHECKING:
    from kubelogic.placement.kube.rules import RuleIndex
    from kubelogic.placement.optimal.assumed_rows import AssumedRows
    from kubelogic.placement.optimal.upper_bounds import Bounding


def against(one: Exclusive, other: Exclusive) -> bool:
    """Whether two uses of the same token cannot be had together."""
    return not (one.shared and other.shared)


class ExclusivePart(Part):
    """Users of each token, per node, alone and shared."""

    def __init__(self, model: Model) -> None:
        self._shapes = [shape.exclusive for shape in model.shapes]
        size = len(model.nodes)
        tokens = dict.fromkeys(use.token for uses in self._shapes for use in uses)
        self._alone: dict[str, Ints] = {token: np.zeros(size, dtype=np.int64) for token in tokens}
        self._shared: dict[str, Ints] = {token: np.zeros(size, dtype=np.int64) for token in tokens}

    def concerns(self, shape: int) -> bool:
        return bool(self._shapes[shape])

    def open(self, shape: int, mask: Mask) -> None:
        for use in self._shapes[shape]:
            alone, shared = self._alone[use.token], self._shared[use.token]
            blocked = alone if use.shared else alone + shared
            if use.scope == "node":
                mask &= blocked == 0
            elif int(blocked.sum()):
                mask[:] = False

    def change(self, shape: int, node: int, by: int, counted: int) -> None:  # noqa: ARG002
        for use in self._shapes[shape]:
            (self._shared if use.shared else self._alone)[use.token][node] += by

    def copy(self) -> ExclusivePart:
        other = copy(self)
        other._alone = {token: users.copy() for token, users in self._alone.items()}
        other._shared = {token: users.copy() for token, users in self._shared.items()}
        return other


class ExclusiveFilter(Filter):
    """Each exclusive use of a shape with the pods that stand against it."""

    def __init__(self, tables: Tables, uses: Sequence[tuple[Exclusive, Counter]]) -> None:
        self._tables, self.uses = tables, uses
        self.couples = any(use.scope == "cluster" for use, _ in uses)

    def open(self, select: Select) -> Mask | bool:
        return free_of((counter for _, counter in self.uses), select)

    def reasons(self, select: Select) -> Iterator[tuple[Reason, Mask]]:
        for use, counter in self.uses:
            place = 0 if use.scope == "node" else 1
            yield reason(self._tables, f"exclusive_{use.scope}", use.token, place=place), counter.present(select)

    def blind(self) -> list[Counter]:
        return [counter for use, counter in self.uses if use.scope == "cluster" and not counter.total]


def _filters(index: RuleIndex) -> Callable[[Shape], ExclusiveFilter | None]:
    users: dict[tuple[str, str], list[tuple[Exclusive, int]]] = defaultdict(list)
    for number, shape in enumerate(index.tables.shapes):
        for use in shape.exclusive:
            users[use.token, use.scope].append((use, number))

    def counted(use: Exclusive) -> tuple[Exclusive, Counter]:
        weights = {shape: 1 for other, shape in users[use.token, use.scope] if against(use, other)}
        return use, index.state.counter(index.each_node if use.scope == "node" else index.whole, weights)

    return lambda shape: ExclusiveFilter(index.tables, [*map(counted, shape.exclusive)]) if shape.exclusive else None


def _couples(problem: Problem) -> Iterator[str]:
    return (shape.name for shape in problem.shapes if shape.exclusive)


def _apart(model: Model, item_classes: Sequence[int]) -> Iterator[tuple[int, int]]:
    uses = {k: model.shapes[model.item_classes[k].shapes[0]].exclusive for k in item_classes}
    for one, other in permutations([k for k in item_classes if uses[k]], 2):
        if any(a.token == b.token and against(a, b) for a in uses[one] for b in uses[other]):
            yield one, other


def _bound(bounds: Bounding, item_class: int) -> None:
    uses = bounds.model.shapes[bounds.model.item_classes[item_class].shapes[0]].exclusive
    if any(use.scope == "cluster" and not use.shared for use in uses):
        bounds.count[item_class] = min(bounds.count[item_class], 1)


def _necessary(rows: AssumedRows) -> None:
    import z3

    uses: dict[tuple[str, str], tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for name, shape in sorted(rows.all_shapes.items()):
        for use in shape.exclusive:
            uses[use.token, use.scope][int(use.shared)].append(name)
    for (token, scope), (alone, shared) in sorted(uses.items()):
        literal = rows.literal("exclusive", token)
        if not rows.count.keys() & {*alone, *shared}:
            continue
        places = [range(len(rows.groups))] if scope == "cluster" else [[g] for g in range(len(rows.groups))]
        for groups in places:
            members = [n for g in groups for n in rows.groups[g]]
            if scope == "node" and len(members) > 1:
                waiting = [name for name in alone if name in rows.count]
                rows.under([literal], rows.sum(waiting, groups) <= len(members))
                continue
            running: Multiset[str] = Multiset()
            for n in members:
                running.update(rows.stay.get(rows.problem.nodes[n].name, {}))
            owned, borrowed = (rows.sum([s for s in names if s in rows.count], groups) for names in (alone, shared))
            if any(running[name] for name in alone):
                rows.under([literal], owned <= 0, borrowed <= 0)
            elif any(running[name] for name in shared):
                rows.under([literal], owned <= 0)
            else:
                rows.under([literal], owned <= 1, z3.Or(owned <= 0, borrowed <= 0))


def _assumed(_: Problem, waiting: Sequence[Shape]) -> Iterator[Assumption]:
    return (assume("exclusive", use.token) for shape in waiting for use in shape.exclusive)


def _weakened(problem: Problem, dropped: Dropped) -> Problem:
    tokens = dropped.names("exclusive")
    if not tokens:
        return problem
    left = (tuple(use for use in shape.exclusive if use.token not in tokens) for shape in problem.shapes)
    shapes = (msgspec.structs.replace(each, exclusive=uses) for each, uses in zip(problem.shapes, left, strict=True))
    return msgspec.structs.replace(problem, shapes=tuple(shapes))


EXCLUSIVE = Constraint(
    name="exclusive",
    couples=_couples,
    alone=lambda shape: any(not use.shared for use in shape.exclusive),
    apart=_apart,
    part=ExclusivePart,
    bound=_bound,
    filters=_filters,
    necessary=_necessary,
    assumed=_assumed,
    weakened=_weakened,
)
