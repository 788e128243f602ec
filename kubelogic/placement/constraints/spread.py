"""Required topology spread: no domain has many more pods that match than the emptiest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from kubelogic.placement.constraints.constraint import Constraint, Dropped, assume
from kubelogic.placement.kube.counters import Counter
from kubelogic.placement.kube.filter import Filter, Reason, reason
from kubelogic.placement.kube.tables import Select, Tables, Topology
from kubelogic.placement.optimal.coupling import Part
from kubelogic.placement.optimal.model import Ints, Mask, Model
from kubelogic.placement.optimal.upper_bounds import FEW, MANY, Bounding, Branch, Branching, Link
from kubelogic.placement.placement import Assumption
from kubelogic.placement.problem import Problem, Shape, Spread

if TYPE_CHECKING:
    from kubelogic.placement.kube.rules import RuleIndex
    from kubelogic.placement.optimal.assumed_rows import AssumedRows


class _Even(msgspec.Struct):
    """A spread: ``counted`` nodes count, ``valid`` domains have one."""

    most: int
    own: int
    few: bool
    domain: Ints
    counted: Mask
    valid: Mask
    matching: Ints


class SpreadPart(Part):
    """Pods that count, per spread and domain."""

    tightens = False

    def __init__(self, model: Model) -> None:
        self._size = len(model.nodes)
        self._evens: list[_Even] = []
        self._owned: dict[int, list[int]] = defaultdict(list)
        self._matched: dict[int, list[int]] = defaultdict(list)
        for i, spread in enumerate(model.problem.spreads):
            domain, many = model.domain(spread.key)
            counted = model.mask(spread.eligible) & (domain >= 0)
            valid = np.zeros(many, dtype=np.bool_)
            valid[domain[counted]] = True
            self._evens.append(
                _Even(
                    most=spread.max_skew,
                    own=int(spread.counts_self),
                    few=int(valid.sum()) < spread.min_domains,
                    domain=domain,
                    counted=counted,
                    valid=valid,
                    matching=np.zeros(many, dtype=np.int64),
                )
            )
            self._owned[model.shape_index[spread.owner]].append(i)
            for name in spread.matches:
                self._matched[model.shape_index[name]].append(i)

    def matching(self, spread: int) -> Ints:
        """How many pods each domain counts for the problem's spread number ``spread``."""
        return self._evens[spread].matching

    def crowding(self, shape: int) -> Ints:
        """How full each node's domains are with pods that the shape has to spread from; lower is better."""
        total = np.zeros(self._size, dtype=np.int64)
        for i in self._owned.get(shape, ()):
            even = self._evens[i]
            total += even.matching[even.domain]
        return total

    def concerns(self, shape: int) -> bool:
        return shape in self._owned or shape in self._matched

    def open(self, shape: int, mask: Mask) -> None:
        for i in self._owned.get(shape, ()):
            even = self._evens[i]
            least = 0 if even.few or not even.valid.any() else int(even.matching[even.valid].min())
            skews = even.matching + (even.own - least)
            mask &= (even.domain >= 0) & (skews <= even.most)[even.domain]

    def change(self, shape: int, node: int, by: int, counted: int) -> None:  # noqa: ARG002
        for i in self._matched.get(shape, ()) if counted else ():
            even = self._evens[i]
            if even.counted[node]:
                even.matching[even.domain[node]] += counted

    def copy(self) -> SpreadPart:
        other = copy(self)
        other._evens = [msgspec.structs.replace(even, matching=even.matching.copy()) for even in self._evens]
        return other


class _Counted(msgspec.Struct, frozen=True, kw_only=True):
    """A spread. ``domains``: those with an eligible node. ``topology``: of all nodes with the key."""

    spread: Spread
    counter: Counter
    topology: Topology
    domains: NDArray[np.intp]

    def skewed(self, select: Select) -> Mask:
        """Which of some nodes lie in a domain that has too many."""
        counts, least = self.counter.counts, 0
        if len(self.domains) and len(self.domains) >= self.spread.min_domains:
            least = int(counts[self.domains].min())
        over = counts > self.spread.max_skew + least - int(self.spread.counts_self)
        found: Mask = over[self.topology.domain[select]]
        return found


class SpreadFilter(Filter):
    """The spreads of a shape, in their order."""

    couples = True

    def __init__(self, tables: Tables, rules: Sequence[_Counted]) -> None:
        self._tables, self._rules = tables, rules

    def open(self, select: Select) -> Mask | bool:
        found: Mask | bool = True
        for rule in self._rules:
            found = found & rule.topology.has[select] & ~rule.skewed(select)
        return found

    def reasons(self, select: Select) -> Iterator[tuple[Reason, Mask]]:
        """Source: kube-scheduler, PodTopologySpread: the first constraint that fails is the node's reason."""
        passed = np.ones(self._tables.size, dtype=np.bool_)[select]
        for place, rule in enumerate(self._rules):
            has, key = rule.topology.has[select], rule.spread.key
            yield reason(self._tables, "spread_key", key, place=place, resolvable=False), passed & ~has
            skewed = rule.skewed(select)
            yield reason(self._tables, "spread", key, place=place), passed & has & skewed
            passed &= has & ~skewed

    def helpers(self) -> frozenset[str]:
        return frozenset[str]().union(*(rule.spread.matches for rule in self._rules))


def _filters(index: RuleIndex) -> Callable[[Shape], SpreadFilter | None]:
    owned: dict[str, list[Spread]] = defaultdict(list)
    for spread in index.tables.problem.spreads:
        owned[spread.owner].append(spread)

    def counted(spread: Spread) -> _Counted:
        topology = index.tables.topology(spread.key)
        eligible = index.within(topology, index.tables.mask(spread.eligible))
        return _Counted(
            spread=spread,
            counter=index.count(eligible, spread.matches, terminating=False),
            topology=topology,
            domains=np.flatnonzero(np.bincount(eligible.domain[eligible.has])),
        )

    def of(shape: Shape) -> SpreadFilter | None:
        spreads = owned.get(shape.name, ())
        return SpreadFilter(index.tables, [*map(counted, spreads)]) if spreads else None

    return of


def _couples(problem: Problem) -> Iterator[str]:
    return (name for spread in problem.spreads for name in (spread.owner, *spread.matches))


def _bound(bounds: Bounding, item_class: int) -> None:
    name = bounds.model.shapes[bounds.model.item_classes[item_class].shapes[0]].name
    for i, spread in enumerate(bounds.model.problem.spreads):
        if spread.owner == name:
            _each_bound(bounds, item_class, i, spread)


def _each_bound(bounds: Bounding, item_class: int, index: int, spread: Spread) -> None:
    """What a spread leaves to its owner; more can be said if it counts those of the item class alone.

    Over few domains, sums bound each other. Where every node is a domain, the case is how many the emptiest has.
    """
    model, room, count = bounds.model, bounds.room, bounds.count
    foreign = bounds.waiting & spread.matches - {spread.owner} or bounds.leaving & spread.matches
    alone = not foreign and spread.counts_self and spread.owner in spread.matches
    domain, many = model.domain(spread.key)
    has = domain >= 0
    room[item_class][~has] = 0
    if not alone:
        return
    there = bounds.coupling.of(SpreadPart).matching(index)
    valid = np.zeros(many, dtype=np.bool_)
    counted = model.mask(spread.eligible) & has
    valid[domain[counted]] = True
    totals = np.bincount(domain[counted], weights=room[item_class][counted], minlength=many).astype(np.int64)
    few = int(valid.sum()) < spread.min_domains or not valid.any()
    # The emptiest domain has no more than all have on average.
    mean = (int(there[valid].sum()) + int(count[item_class])) // max(int(valid.sum()), 1)
    least = 0 if few else min(int((there + totals)[valid].min()), mean)
    top = np.maximum(spread.max_skew + least - there, 0)
    room[item_class][counted] = np.minimum(room[item_class][counted], top[domain[counted]])
    uncounted = int(room[item_class][has & ~counted].sum())
    count[item_class] = min(count[item_class], int(np.minimum(totals, top)[valid].sum()) + uncounted)
    if int(valid.sum()) <= FEW:
        bounds.links.extend(
            _skews(item_class, domain, counted, there=there, top=top, skew=None if few else spread.max_skew)
        )
    elif least > 0 and int(np.bincount(domain[counted]).max()) == 1:
        branches = []
        for level in range(least + 1):
            low, high = np.zeros_like(there[domain]), np.full(len(domain), MANY)
            low[counted] = np.maximum(level - there[domain], 0)[counted]
            high[counted] = np.maximum(level + spread.max_skew - there[domain], 0)[counted]
            branches.append(Branch(least=low, most=high))
        bounds.branchings.append(Branching(item_class=item_class, branches=tuple(branches)))


def _skews(item_class: int, domain: Ints, counted: Mask, *, there: Ints, top: Ints, skew: int | None) -> Iterator[Link]:
    """How many a domain can get, and how many more than another one (with ``skew``) in the end."""
    valid = sorted(set(domain[counted].tolist()))
    for one in valid:
        mine = (counted & (domain == one)).astype(np.int64)
        yield Link(item_class=item_class, factors=mine, limit=int(top[one]))
        for other in valid if skew is not None else ():
            if other != one:
                theirs = (counted & (domain == other)).astype(np.int64)
                # A domain that gets none may be ahead already.
                yield Link(
                    item_class=item_class,
                    factors=mine - theirs,
                    limit=max(0, (skew or 0) + int(there[other]) - int(there[one])),
                )


def _necessary(rows: AssumedRows) -> None:
    for i, spread in enumerate(rows.problem.spreads):
        if spread.owner in rows.count:
            _each_necessary(rows, i, spread)


def _each_necessary(rows: AssumedRows, index: int, spread: Spread) -> None:
    import z3

    domains = rows.domains(spread.key)
    if domains is None:
        return
    literal = rows.literal("spread", spread.owner, spread.key, index=index)
    nodes = rows.problem.nodes
    counted = {g: any(spread.eligible.has(nodes[n]) for n in members) for g, members in enumerate(rows.groups)}
    surely = {g: all(spread.eligible.has(nodes[n]) for n in members) for g, members in enumerate(rows.groups)}
    valid = sorted(d for d, groups in domains.items() if d is not None and any(counted[g] for g in groups))
    all_there = rows.running(spread.matches, spread.key, every=True, eligible=spread.eligible)
    sure_there = rows.running(spread.matches, spread.key, every=False, eligible=spread.eligible)
    waiting = [name for name in rows.count if name in spread.matches]
    least = rows.number(f"m{index}")
    if len(valid) < spread.min_domains or not valid:
        rows.under([literal], least <= 0)
    for known in valid:
        new = rows.sum(waiting, [g for g in domains[known] if counted[g]])
        rows.under([literal], least <= all_there[known] + new)
    for domain, groups in sorted(domains.items(), key=repr):
        mine = rows.sum([spread.owner], groups)
        if domain is None:
            rows.under([literal], mine <= 0)
            continue
        counts = [g for g in groups if surely[g]] if spread.owner in waiting else []
        before = sure_there[domain] + int(spread.counts_self)
        skew = before + rows.sum([spread.owner], counts) - 1 - least if counts else before - least
        rows.under([literal], z3.Or(mine <= 0, skew <= spread.max_skew))


def _assumed(problem: Problem, waiting: Sequence[Shape]) -> Iterator[Assumption]:
    names = {shape.name for shape in waiting}
    for i, spread in enumerate(problem.spreads):
        if spread.owner in names:
            yield assume("spread", spread.owner, spread.key, index=i)


def _weakened(problem: Problem, dropped: Dropped) -> Problem:
    spreads = tuple(spread for spread in problem.spreads if id(spread) not in dropped.rules)
    return msgspec.structs.replace(problem, spreads=spreads) if len(spreads) < len(problem.spreads) else problem


SPREAD = Constraint(
    name="spread",
    ordered=True,
    couples=_couples,
    part=SpreadPart,
    bound=_bound,
    filters=_filters,
    necessary=_necessary,
    assumed=_assumed,
    weakened=_weakened,
)
