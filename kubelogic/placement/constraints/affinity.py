"""Required affinity: pods go only to a domain that has a pod that matches, but for the first of a group."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from itertools import combinations
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from kubelogic.placement.constraints.constraint import Constraint, Dropped, assume
from kubelogic.placement.constraints.resources import lower_to_free
from kubelogic.placement.kube.counters import Counter
from kubelogic.placement.kube.filter import Filter, Reason, reason
from kubelogic.placement.kube.tables import Select, Tables
from kubelogic.placement.optimal.coupling import Part
from kubelogic.placement.optimal.model import Ints, Mask, Model
from kubelogic.placement.optimal.upper_bounds import MANY, Bounding, Branch, Branching
from kubelogic.placement.placement import Assumption
from kubelogic.placement.problem import Affinity, Problem, Shape

if TYPE_CHECKING:
    from kubelogic.placement.kube.rules import RuleIndex
    from kubelogic.placement.optimal.assumed_rows import AssumedRows


class _Rule(msgspec.Struct):
    """A rule: the domain of each node (-1: none), and matching pods per domain and in all."""

    self_satisfied: bool
    domain: Ints
    matching: Ints
    total: int = 0


class AffinityPart(Part):
    """Pods that match, per rule and domain."""

    tightens = False

    def __init__(self, model: Model) -> None:
        self._rules: dict[int, _Rule] = {}
        self._owned: dict[int, list[int]] = defaultdict(list)
        self._matched: dict[int, list[int]] = defaultdict(list)
        for i, rule in _rules(model.problem):
            domain, many = model.domain(rule.key)
            matching = np.zeros(many, dtype=np.int64)
            self._rules[i] = _Rule(self_satisfied=rule.self_satisfied, domain=domain, matching=matching)
            self._owned[model.shape_index[rule.owner]].append(i)
            for name in rule.matches:
                self._matched[model.shape_index[name]].append(i)

    def matching(self, rule: int) -> Ints:
        """How many pods each domain has that match the problem's affinity number ``rule``."""
        return self._rules[rule].matching

    def is_first(self, shape: int) -> bool:
        """Whether no pod matches the affinity of the shape anywhere, so that the first may go where it likes."""
        return all(self._rules[i].total == 0 for i in self._owned.get(shape, ()))

    def roomiest(self, shape: int, rooms: Callable[[], Ints]) -> Mask | None:
        """Where the first pod of a group that needs its own kind leaves most room for the others; None if no
        matter.

        Args:
            shape: its number.
            rooms: asked how many pods of the shape each node could take.
        """
        for i in self._owned.get(shape, ()):
            rule = self._rules[i]
            if rule.self_satisfied and self.is_first(shape):
                has = rule.domain >= 0
                totals = np.bincount(rule.domain[has], weights=rooms()[has], minlength=len(rule.matching))
                best: Mask = rule.domain == int(totals.argmax())
                return best
        return None

    def concerns(self, shape: int) -> bool:
        return shape in self._owned or shape in self._matched

    def open(self, shape: int, mask: Mask) -> None:
        for i in self._owned.get(shape, ()):
            rule = self._rules[i]
            mask &= rule.domain >= 0
            if not (rule.self_satisfied and self.is_first(shape)):
                mask &= rule.matching[rule.domain] > 0

    def change(self, shape: int, node: int, by: int, counted: int) -> None:  # noqa: ARG002
        for i in self._matched.get(shape, ()):
            rule = self._rules[i]
            if rule.domain[node] >= 0:
                rule.matching[rule.domain[node]] += by
                rule.total += by

    def copy(self) -> AffinityPart:
        other = copy(self)
        other._rules = {
            i: msgspec.structs.replace(rule, matching=rule.matching.copy()) for i, rule in self._rules.items()
        }
        return other


class AffinityFilter(Filter):
    """The matching pods per domain of each affinity of a shape."""

    couples = True

    def __init__(self, tables: Tables, rules: Sequence[tuple[Affinity, Counter]]) -> None:
        self._tables, self._rules = tables, rules
        self._first = all(rule.self_satisfied for rule, _ in rules)

    def open(self, select: Select) -> Mask | bool:
        keyed = np.ones(self._tables.size, dtype=np.bool_)[select]
        met = np.ones_like(keyed)
        for _, counter in self._rules:
            keyed &= counter.topology.has[select]
            met &= counter.present(select)
        if self._first and not any(counter.total for _, counter in self._rules):
            return keyed
        return keyed & met

    def reasons(self, select: Select) -> Iterator[tuple[Reason, Mask]]:
        keys = ",".join(dict.fromkeys(rule.key for rule, _ in self._rules))
        yield reason(self._tables, "affinity", keys, resolvable=False), ~np.asarray(self.open(select))

    def helpers(self) -> frozenset[str]:
        return frozenset[str]().union(*(rule.matches for rule, _ in self._rules))


def _filters(index: RuleIndex) -> Callable[[Shape], AffinityFilter | None]:
    owned: dict[str, list[Affinity]] = defaultdict(list)
    for _, rule in _rules(index.tables.problem):
        owned[rule.owner].append(rule)

    def of(shape: Shape) -> AffinityFilter | None:
        rules = owned.get(shape.name, ())
        counted = [(rule, index.count(index.tables.topology(rule.key), rule.matches)) for rule in rules]
        return AffinityFilter(index.tables, counted) if rules else None

    return of


def _rules(problem: Problem) -> Iterator[tuple[int, Affinity]]:
    return ((i, rule) for i, rule in enumerate(problem.affinities) if not rule.anti)


def _couples(problem: Problem) -> Iterator[str]:
    return (name for _, rule in _rules(problem) for name in (rule.owner, *rule.matches))


def _bound(bounds: Bounding, item_class: int) -> None:
    name = bounds.model.shapes[bounds.model.item_classes[item_class].shapes[0]].name
    for i, rule in _rules(bounds.model.problem):
        if rule.owner == name:
            _each_bound(bounds, item_class, i, rule)


def _each_bound(bounds: Bounding, item_class: int, index: int, rule: Affinity) -> None:
    room = bounds.room[item_class]
    domain, many = bounds.model.domain(rule.key)
    has = domain >= 0
    room[~has] = 0
    if bounds.waiting & rule.matches - {rule.owner}:
        return
    there = bounds.coupling.of(AffinityPart).matching(index)
    if bounds.leaving & rule.matches:
        if not rule.self_satisfied:
            _beside_leavers(bounds, item_class, rule, there)
        return
    if there.any():
        room[has & (there[domain] == 0)] = 0
    elif rule.self_satisfied:
        totals = np.bincount(domain[has], weights=room[has], minlength=many)
        bounds.count[item_class] = min(bounds.count[item_class], int(totals.max(initial=0)))
        if totals.any():
            places = tuple(np.where(domain == d, MANY, 0) for d in np.flatnonzero(totals))
            branches = tuple(Branch(least=np.zeros_like(place), most=place) for place in places)
            bounds.branchings.append(Branching(item_class=item_class, branches=branches))
    else:
        room[:] = 0


def _beside_leavers(bounds: Bounding, item_class: int, rule: Affinity, there: Ints) -> None:
    """Lower the room where all company may leave: one of them is there when a pod comes, and takes its own room.

    Source: pkg/scheduler/framework/preemption of Kubernetes 1.36: the filters run again without the victims.

    Args:
        bounds: to lower.
        item_class: whose pods need company.
        rule: by which they need it; the first of them may not go anywhere by itself.
        there: by domain, how much company is sure to stay.
    """
    model, room = bounds.model, bounds.room[item_class]
    domain, many = model.domain(rule.key)
    best: dict[int, int] = {}
    for (node, shape), request in bounds.leavers.items():
        if model.shapes[shape].name in rule.matches and domain[node] >= 0:
            beside = room[node : node + 1].copy()
            lower_to_free(model, bounds.free[:, node : node + 1] - request[:, None], item_class, beside)
            best[node] = max(best.get(node, 0), int(beside[0]))
    nodes = np.fromiter(best, dtype=np.int64, count=len(best))
    places = np.bincount(domain[nodes], minlength=many)
    elsewhere = places[domain]
    elsewhere[nodes] -= 1
    left = np.where((there[domain] > 0) | (elsewhere > 0), room, 0)
    alone = nodes[left[nodes] == 0]
    left[alone] = [best[int(node)] for node in alone]
    left[domain < 0] = 0
    if rule.owner in rule.matches:  # those after the first have company in it
        begun = np.bincount(domain[left > 0], minlength=many) > 0
        left = np.where((domain >= 0) & begun[domain], room, 0)
    np.minimum(room, left, out=room)


def _necessary(rows: AssumedRows) -> None:
    for i, rule in _rules(rows.problem):
        _each_necessary(rows, i, rule)


def _each_necessary(rows: AssumedRows, index: int, rule: Affinity) -> None:
    import z3

    if rule.owner not in rows.count:
        return
    domains = rows.domains(rule.key)
    if domains is None:
        return
    literal = rows.literal("affinity", rule.owner, rule.key, index=index)
    there = rows.running(rule.matches, rule.key, every=True)
    seeds = []
    for domain, groups in sorted(domains.items(), key=repr):
        mine = rows.sum([rule.owner], groups)
        if domain is None:
            rows.under([literal], mine <= 0)
        elif not there[domain]:
            company = rows.sum([name for name in rows.count if name in rule.matches - {rule.owner}], groups)
            seed = z3.Bool(f"s{index}_{domain}", rows.context)
            seeds.append(seed)
            rows.under([literal], z3.Or(mine <= 0, company > 0, seed))
    for one, other in combinations(seeds, 2):
        rows.under([literal], z3.Or(z3.Not(one), z3.Not(other)))
    if not rule.self_satisfied:
        rows.under([literal], *(z3.Not(seed) for seed in seeds))
    for number, other_rule in _rules(rows.problem):
        if other_rule.owner == rule.owner:
            # A pod that matches is there already, so the next one is no first.
            running = rows.running(other_rule.matches, other_rule.key, every=False)
            if any(domain is not None for domain in running):
                known = rows.literal("affinity", rule.owner, other_rule.key, index=number)
                rows.under([literal, known], *(z3.Not(seed) for seed in seeds))


def _assumed(problem: Problem, waiting: Sequence[Shape]) -> Iterator[Assumption]:
    names = {shape.name for shape in waiting}
    for i, rule in _rules(problem):
        if rule.owner in names:
            yield assume("affinity", rule.owner, rule.key, index=i)


def _weakened(problem: Problem, dropped: Dropped) -> Problem:
    """Of anti-affinity, too: both are rules of one list."""
    rules = tuple(rule for rule in problem.affinities if id(rule) not in dropped.rules)
    return msgspec.structs.replace(problem, affinities=rules) if len(rules) < len(problem.affinities) else problem


AFFINITY = Constraint(
    name="affinity",
    ordered=True,
    couples=_couples,
    part=AffinityPart,
    bound=_bound,
    filters=_filters,
    necessary=_necessary,
    assumed=_assumed,
    weakened=_weakened,
)
