"""Compiled joins, found again by rule and by about how large the relations are that they read."""

from __future__ import annotations

from collections.abc import Mapping
from types import CodeType
from typing import Any

import msgspec

from kubelogic.logic.endless import runaway
from kubelogic.logic.kept import CODES, key_of
from kubelogic.logic.plan import Join, Rule
from kubelogic.logic.relation import Relation

_GROWTH = 3
"""A join is planned anew when a relation that it reads has become this many powers of two larger or smaller."""

_PLANS = 8
"""So many plans of one join are kept, each for other sizes."""


class Joins(msgspec.Struct):
    """Compiled joins of a rulebook by rule and seed, for all that is asked of it and from earlier runs.

    What is derived never depends on who asks, only how fast. ``book`` identifies the rulebook for later runs.
    """

    functions: frozenset[str]
    book: str
    _positive: dict[Rule, tuple[tuple[int, str], ...]] = msgspec.field(default_factory=dict)
    _sized: dict[Rule, tuple[str, ...]] = msgspec.field(default_factory=dict)
    _made: dict[tuple[Rule, int | None], tuple[tuple[tuple[int, ...], Join], ...]] = msgspec.field(default_factory=dict)

    def positive(self, rule: Rule) -> tuple[tuple[int, str], ...]:
        """The positive literals of a rule: the number and predicate of each. Without rows of one nothing is derived."""
        found = self._positive.get(rule)
        if found is None:
            found = self._positive[rule] = tuple(
                (asked.number, asked.predicate)
                for asked in rule.asks
                if not asked.negated and asked.predicate not in self.functions
            )
        return found

    def join(self, rule: Rule, seed: int | None, relations: Mapping[str, Relation]) -> Join:
        """The join of a rule for a seed, planned for about the present sizes of ``relations``."""
        names = self._names(rule)
        known = self._made.get((rule, seed), ())
        for planned, join in known:
            for name, before in zip(names, planned, strict=True):
                if not -_GROWTH < len(relations[name].counts).bit_length() - before < _GROWTH:
                    break
            else:
                return join
        sizes = tuple([len(relations[name].counts).bit_length() for name in names])
        for planned, key in CODES.plans(self.book).get((rule.mark, seed), ()):
            near = all(-_GROWTH < now - before < _GROWTH for now, before in zip(sizes, planned, strict=True))
            if near and (code := CODES.known(key)) is not None:
                found = self._joined(rule, seed, code)
                self._made[rule, seed] = ((planned, found), *known[: _PLANS - 1])
                return found
        return self._planned(rule, seed, relations)

    def _names(self, rule: Rule) -> tuple[str, ...]:
        names = self._sized.get(rule)
        if names is None:
            names = self._sized[rule] = tuple(
                [asked.predicate for asked in rule.asks if asked.predicate not in self.functions]
            )
        return names

    def _planned(self, rule: Rule, seed: int | None, relations: Mapping[str, Relation]) -> Join:
        """A join that is planned now, and taken from now on."""
        from kubelogic.logic.compiler import source_of

        sizes = tuple([len(relations[name].counts).bit_length() for name in self._names(rule)])
        source = source_of(rule, seed=seed, functions=self.functions, relations=relations)
        name = f"<{rule.label}>"
        made = self._joined(rule, seed, CODES.code(source, name))
        self._made[rule, seed] = ((sizes, made), *self._made.get((rule, seed), ())[: _PLANS - 1])
        CODES.plan(self.book, (rule.mark, seed), sizes, key_of(source, name), _PLANS)
        return made

    def _joined(self, rule: Rule, seed: int | None, code: CodeType) -> Join:
        def again(relations: Mapping[str, Relation], *rest: Any) -> None:
            """Go on with a join that knows which columns are no keys."""
            newest = self.join(rule, seed, relations)
            if newest is join:
                newest = self._planned(rule, seed, relations)
            newest(relations, *rest)

        namespace: dict[str, Any] = {"runaway": lambda problem: runaway(rule.body.clause, problem), "again": again}
        exec(code, namespace)
        join: Join = namespace["join"]
        return join
