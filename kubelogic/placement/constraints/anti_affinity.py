"""Required anti-affinity: no domain has a pod of the rule's owner beside one that matches, whichever came first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from kubelogic.placement.constraints.constraint import Constraint, assume
from kubelogic.placement.kube.counters import Counter
from kubelogic.placement.kube.filter import Filter, Reason, free_of, reason
from kubelogic.placement.kube.tables import Select, Tables
from kubelogic.placement.optimal.coupling import Part
from kubelogic.placement.optimal.model import Ints, Mask, Model
from kubelogic.placement.optimal.upper_bounds import FEW, Bounding, Link
from kubelogic.placement.placement import Assumption
from kubelogic.placement.problem import Affinity, Problem, Shape

if TYPE_CHECKING:
    from kubelogic.placement.kube.rules import RuleIndex
    from kubelogic.placement.optimal.assumed_rows import AssumedRows


class _Rule(msgspec.Struct):
    """A rule: the domain of each node (-1: none), and pods per domain that match and that own it."""

    domain: Ints
    matching: Ints
    owning: Ints


class AntiAffinityPart(Part):
    """Pods that match and pods that own, per rule and domain."""

    def __init__(self, model: Model) -> None:
        self._rules: dict[int, _Rule] = {}
        self._owned: dict[int, list[int]] = defaultdict(list)
        self._matched: dict[int, list[int]] = defaultdict(list)
        for i, rule in _rules(model.problem):
            domain, many = model.domain(rule.key)
            zeros = np.zeros(many, dtype=np.int64)
            self._rules[i] = _Rule(domain=domain, matching=zeros, owning=zeros.copy())
            self._owned[model.shape_index[rule.owner]].append(i)
            for name in rule.matches:
                self._matched[model.shape_index[name]].append(i)

    def concerns(self, shape: int) -> bool:
        return shape in self._owned or shape in self._matched

    def open(self, shape: int, mask: Mask) -> None:
        for i in self._owned.get(shape, ()):
            rule = self._rules[i]
            mask &= (rule.domain < 0) | (rule.matching[rule.domain] == 0)
        for i in self._matched.get(shape, ()):
            rule = self._rules[i]
            mask &= (rule.domain < 0) | (rule.owning[rule.domain] == 0)

    def change(self, shape: int, node: int, by: int, counted: int) -> None:  # noqa: ARG002
        for i in self._matched.get(shape, ()):
            rule = self._rules[i]
            if rule.domain[node] >= 0:
                rule.matching[rule.domain[node]] += by
        for i in self._owned.get(shape, ()):
            rule = self._rules[i]
            if rule.domain[node] >= 0:
                rule.owning[rule.domain[node]] += by

    def copy(self) -> AntiAffinityPart:
        other = copy(self)
        other._rules = {
            i: _Rule(domain=rule.domain, matching=rule.matching.copy(), owning=rule.owning.copy())
            for i, rule in self._rules.items()
        }
        return other


class AntiAffinityFilter(Filter):
    """Of a shape: per anti-affinity the matching pods by domain, and per key those whose anti-affinity keeps it out.

    The scheduler has one filter for affinity and anti-affinity: ``asked`` if the shape has a rule of either.
    """

    couples = True

    def __init__(
        self,
        tables: Tables,
        *,
        repels: Sequence[tuple[str, Counter]],
        repelled: Sequence[tuple[str, Counter]],
        asked: bool,
    ) -> None:
        self._tables, self._repels, self._repelled, self._asked = tables, repels, repelled, asked

    def open(self, select: Select) -> Mask | bool:
        return free_of((counter for _, counter in (*self._repels, *self._repelled)), select)

    def reasons(self, select: Select) -> Iterator[tuple[Reason, Mask]]:
        for key, counter in self._repels:
            yield reason(self._tables, "anti_affinity", key, place=1), counter.present(select)
        for key, counter in self._repelled:
            yield reason(self._tables, "existing_anti_affinity", key, place=2), counter.present(select)

    def blind(self) -> list[Counter]:
        aside = not self._asked and not any(counter.total for _, counter in self._repelled)
        return [counter for _, counter in self._repelled] if aside else []


def _filters(index: RuleIndex) -> Callable[[Shape], AntiAffinityFilter | None]:
    tables = index.tables
    owned: dict[str, list[Affinity]] = defaultdict(list)
    repellers: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for _, rule in _rules(tables.problem):
        owned[rule.owner].append(rule)
        for name in rule.matches:
            repellers[name][rule.key].add(rule.owner)
    asking = {rule.owner for rule in tables.problem.affinities}

    def of(shape: Shape) -> AntiAffinityFilter | None:
        rules, keys = owned.get(shape.name, ()), repellers.get(shape.name, {})
        if not rules and not keys:
            return None
        return AntiAffinityFilter(
            tables,
            repels=[(rule.key, index.count(tables.topology(rule.key), rule.matches)) for rule in rules],
            repelled=[(k, index.count(tables.topology(k), frozenset(keys[k]))) for k in sorted(keys)],
            asked=shape.name in asking,
        )

    return of


def _rules(problem: Problem) -> Iterator[tuple[int, Affinity]]:
    return ((i, rule) for i, rule in enumerate(problem.affinities) if rule.anti)


def _couples(problem: Problem) -> Iterator[str]:
    return (name for _, rule in _rules(problem) for name in (rule.owner, *rule.matches))


def _apart(model: Model, item_classes: Sequence[int]) -> Iterator[tuple[int, int]]:
    index = {model.shapes[model.item_classes[k].shapes[0]].name: k for k in item_classes}
    for _, rule in _rules(model.problem):
        if rule.owner in index and all(rule.key in node.topology for node in model.nodes):
            for name in sorted((rule.matches & index.keys()) - {rule.owner}):
                yield index[rule.owner], index[name]
                yield index[name], index[rule.owner]


def _bound(bounds: Bounding, item_class: int) -> None:
    name, room = bounds.model.shapes[bounds.model.item_classes[item_class].shapes[0]].name, bounds.room[item_class]
    for _, rule in _rules(bounds.model.problem):
        if rule.owner == name and name in rule.matches:
            domain, many = bounds.model.domain(rule.key)
            has = domain >= 0
            room[has] = np.minimum(room[has], 1)
            usable = len(set(domain[has & (room > 0)].tolist()))
            if usable <= FEW:
                for d in range(many):
                    bounds.links.append(Link(item_class=item_class, factors=(domain == d).astype(np.int64), limit=1))
            if not room[~has].any():
                bounds.count[item_class] = min(bounds.count[item_class], usable)


def _necessary(rows: AssumedRows) -> None:
    for i, rule in _rules(rows.problem):
        _each_necessary(rows, i, rule)


def _each_necessary(rows: AssumedRows, index: int, rule: Affinity) -> None:
    import z3

    waiting = [name for name in rows.count if name in rule.matches]
    if rule.owner not in rows.count and not waiting:
        return
    literal = rows.literal("anti_affinity", rule.owner, rule.key, index=index)
    matched = rows.running(rule.matches, rule.key, every=False)
    owned = rows.running(frozenset({rule.owner}), rule.key, every=False)
    mine = [rule.owner] if rule.owner in rows.count else []
    domains = rows.domains(rule.key)
    if domains is None:
        for g, members in enumerate(rows.groups):
            here = [rows.problem.nodes[n].topology.get(rule.key) for n in members]
            open_ = {domain for domain in here if not matched[domain]} if None not in here else None
            if open_ is not None and rule.owner in rule.matches & rows.count.keys():
                rows.under([literal], rows.x[rule.owner, g] <= len(open_))
            free = [domain for domain in here if domain is None or not owned[domain]]
            for name in waiting if not free else ():
                rows.under([literal], rows.x[name, g] <= 0)
        return
    for domain, groups in sorted(domains.items(), key=repr):
        if domain is None:
            continue
        if mine and matched[domain]:
            rows.under([literal], rows.sum(mine, groups) <= 0)
        if owned[domain]:
            rows.under([literal], rows.sum(waiting, groups) <= 0)
        if mine and waiting:
            own = rows.sum(mine, groups)
            if rule.owner in rule.matches:
                rows.under([literal], own <= 1)
            others = rows.sum([name for name in waiting if name != rule.owner], groups)
            rows.under([literal], z3.Or(own <= 0, others <= 0))


def _assumed(problem: Problem, waiting: Sequence[Shape]) -> Iterator[Assumption]:
    names = {shape.name for shape in waiting}
    for i, rule in _rules(problem):
        if not names.isdisjoint({rule.owner, *rule.matches}):
            yield assume("anti_affinity", rule.owner, rule.key, index=i)


ANTI_AFFINITY = Constraint(
    name="affinity",
    couples=_couples,
    apart=_apart,
    part=AntiAffinityPart,
    bound=_bound,
    filters=_filters,
    necessary=_necessary,
    assumed=_assumed,
)
