"""What the problem says about one shape, tied to the counters that it reads."""

from __future__ import annotations

from typing import TypeVar

import msgspec
import numpy as np

from kubelogic.placement.constraints.every import CONSTRAINTS
from kubelogic.placement.kube.counters import Counter
from kubelogic.placement.kube.filter import Filter
from kubelogic.placement.kube.state import State
from kubelogic.placement.kube.tables import Ints, Mask, Topology, narrowed, with_rest
from kubelogic.placement.problem import Denial, Preference, Shape, SoftAffinity, SoftSpread

AnyFilter = TypeVar("AnyFilter", bound=Filter)


class SoftSpreadRule(msgspec.Struct, frozen=True, kw_only=True):
    """A wish to spread. ``has``: the nodes with the key. ``topology``: of all nodes that lie in a domain."""

    spread: SoftSpread
    counter: Counter
    topology: Topology
    has: Mask


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """All that restricts or draws a shape.

    Attributes:
        allowed: the nodes it may use.
        denials: why it may not use the others.
        filters: what else keeps it from nodes.
        wishes: raw scores by scorer, where some node has one.
        soft_spreads: wishes to spread.
        spread_within: the nodes that take part in them.
        soft_affinities: for each key, the sum of the weights of pods per domain.
    """

    shape: Shape
    allowed: Mask
    denials: tuple[tuple[Denial, Mask], ...]
    filters: tuple[Filter, ...]
    wishes: dict[str, Ints | None]
    soft_spreads: tuple[SoftSpreadRule, ...]
    spread_within: Mask
    soft_affinities: tuple[Counter, ...]

    @property
    def couples(self) -> bool:
        """Whether what happens on one node can change what is possible on another."""
        return any(each.couples for each in self.filters)

    def of(self, kind: type[AnyFilter]) -> AnyFilter | None:
        """One filter of them, if the shape has it."""
        return next((each for each in self.filters if isinstance(each, kind)), None)


class RuleIndex:
    """Finds and keeps the rules of shapes; each is made when it is first asked for."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.tables = state.tables
        self._made: dict[int, Rules] = {}
        problem = self.tables.problem
        self._soft_spreads: dict[str, list[SoftSpread]] = {}
        for soft_spread in problem.soft_spreads:
            self._soft_spreads.setdefault(soft_spread.owner, []).append(soft_spread)
        self._soft_affinities: dict[str, list[SoftAffinity]] = {}
        for soft in problem.soft_affinities:
            self._soft_affinities.setdefault(soft.shape, []).append(soft)
        self._preferences: dict[str, list[Preference]] = {}
        for preference in problem.preferences:
            self._preferences.setdefault(preference.shape, []).append(preference)
        self._denials: dict[str, list[Denial]] = {}
        for denial in problem.denials:
            self._denials.setdefault(denial.shape, []).append(denial)
        self.each_node = self.tables.each_node()
        self.whole = self.tables.whole()
        self._narrowed: dict[tuple[int, bytes], Topology] = {}
        self._with_rest: dict[int, Topology] = {}
        self._filters = [(each.name, each.filters(self)) for each in CONSTRAINTS if each.filters is not None]

    def of(self, shape: int) -> Rules:
        """The rules of a shape."""
        found = self._made.get(shape)
        if found is None:
            found = self._made[shape] = self._make(shape)
        return found

    def helped_by(self, shape: int) -> frozenset[int]:
        """The shapes whose placed pods can make room for this one: those it needs, those it balances against."""
        names = frozenset[str]().union(*(each.helpers() for each in self.of(shape).filters))
        return frozenset(self.tables.shape_number[name] for name in names)

    def _make(self, number: int) -> Rules:
        tables = self.tables
        shape = tables.shapes[number]
        soft_spreads = self._soft_spreads.get(shape.name, [])
        within = np.ones(tables.size, dtype=np.bool_)
        for wish in soft_spreads:
            if wish.requires_keys:
                within &= tables.topology(wish.key).has
        return Rules(
            shape=shape,
            allowed=tables.mask(tables.problem.allowed[shape.name]),
            denials=tuple((denial, tables.mask(denial.reach)) for denial in self._denials.get(shape.name, ())),
            filters=tuple(
                made for name, make in self._filters if name not in shape.ignores and (made := make(shape)) is not None
            ),
            wishes=self._wishes(shape),
            soft_spreads=tuple(self._soft_spread(wish, within) for wish in soft_spreads),
            spread_within=within,
            soft_affinities=self._attractions(shape),
        )

    def count(self, topology: Topology, names: frozenset[str], *, terminating: bool = True) -> Counter:
        """A counter of the placed pods of some shapes."""
        weights = {self.tables.shape_number[name]: 1 for name in sorted(names)}
        return self.state.counter(topology, weights, terminating=terminating)

    def _soft_spread(self, wish: SoftSpread, within: Mask) -> SoftSpreadRule:
        topology = self.tables.topology(wish.key)
        if wish.per_node:
            counter = self.count(self.each_node, wish.matches, terminating=False)
            return SoftSpreadRule(spread=wish, counter=counter, topology=self.each_node, has=topology.has)
        domains = topology
        if not wish.requires_keys:
            if id(topology) not in self._with_rest:
                self._with_rest[id(topology)] = with_rest(topology)
            domains = self._with_rest[id(topology)]
        eligible = self.within(domains, self.tables.mask(wish.eligible) & within)
        counter = self.count(eligible, wish.matches, terminating=False)
        return SoftSpreadRule(spread=wish, counter=counter, topology=domains, has=topology.has)

    def within(self, topology: Topology, mask: Mask) -> Topology:
        """The same domains over some nodes only; made once."""
        key = (id(topology), mask.tobytes())
        found = self._narrowed.get(key)
        if found is None:
            found = self._narrowed[key] = narrowed(topology, mask)
        return found

    def _wishes(self, shape: Shape) -> dict[str, Ints | None]:
        found: dict[str, Ints | None] = {}
        for preference in self._preferences.get(shape.name, ()):
            raw = found.get(preference.scorer)
            if raw is None:
                raw = np.zeros(self.tables.size, dtype=np.int64)
            raw += np.where(self.tables.mask(preference.reach), preference.value, 0)
            found[preference.scorer] = raw
        return {name: raw if raw is not None and raw.any() else None for name, raw in found.items()}

    def _attractions(self, shape: Shape) -> tuple[Counter, ...]:
        weights: dict[str, dict[int, int]] = {}
        for wish in self._soft_affinities.get(shape.name, ()):
            row = weights.setdefault(wish.key, {})
            for name in wish.neighbours:
                number = self.tables.shape_number[name]
                row[number] = row.get(number, 0) + wish.weight
        return tuple(self.state.counter(self.tables.topology(key), weights[key]) for key in sorted(weights))
