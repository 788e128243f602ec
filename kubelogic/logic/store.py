"""The relations of one evaluation with the compiled joins over them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from operator import itemgetter
from typing import Any

from kubelogic.logic.compiler import HEAD, Function, Join, compile_join
from kubelogic.logic.plan import Rule
from kubelogic.logic.relation import Columns, Relation
from kubelogic.logic.terms import Literal, Row

Counts = dict[Row, int]

_GROWTH = 3
"""A join is planned anew when a relation that it reads has become this many powers of two larger or smaller."""


class Store:
    """Owns the relations; compiles joins on first use, and again when sizes have changed much."""

    __slots__ = ("_joins", "functions", "relations")

    def __init__(self, names: Collection[str], functions: Mapping[str, Function]) -> None:
        self.relations: dict[str, Relation] = {name: Relation() for name in sorted(names)}
        self.functions = functions
        self._joins: dict[tuple[Rule, int | None], tuple[Join, tuple[int, ...]]] = {}

    def counts(self, predicate: str) -> Counts:
        """The rows of a predicate with the number of their derivations."""
        return self.relations[predicate].counts

    def clear(self, predicate: str) -> Relation:
        """Put an empty relation in the place of a predicate's; returns the one that was there."""
        old = self.relations[predicate]
        self.relations[predicate] = Relation()
        return old

    def derive(self, rule: Rule, out: Counts) -> None:
        """Evaluate a rule in full."""
        if self._may_join(rule, None):
            self._join(rule, None)(self.relations, self.functions, (), {}, out, 1)

    def seed(self, rule: Rule, number: int, rows: Counts, out: Counts, sign: int) -> None:
        """Join changed ``rows`` of body literal ``number`` with the rest of the body.

        Other literals of the same predicate that stand before it see the state without ``rows``.
        """
        if self._may_join(rule, number):
            self._join(rule, number)(self.relations, self.functions, rows, rows, out, sign)

    def reach(self, rule: Rule, number: int, rows: Counts, out: Counts) -> None:
        """Like ``seed``, but every literal sees the present state: what can be derived with ``rows``, once or more."""
        if self._may_join(rule, number):
            self._join(rule, number)(self.relations, self.functions, rows, {}, out, 1)

    def check(self, rule: Rule, rows: Collection[Row], out: Counts) -> None:
        """Enter into ``out`` those of ``rows`` that the rule derives."""
        if self._may_join(rule, None):
            self._join(rule, HEAD)(self.relations, self.functions, dict.fromkeys(rows, 1), {}, out, 1)

    def _may_join(self, rule: Rule, seed: int | None) -> bool:
        """Whether no positive literal but the seed is without rows. Saves compiling joins that cannot give anything."""
        relations, functions = self.relations, self.functions
        for number, literal in rule.literals():
            predicate = literal.atom.predicate
            if (
                not literal.negated
                and number != seed
                and predicate not in functions
                and not relations[predicate].counts
            ):
                return False
        return True

    def _join(self, rule: Rule, seed: int | None) -> Join:
        sizes = tuple(
            len(self.relations[literal.atom.predicate].counts).bit_length()
            for _, literal in rule.literals()
            if literal.atom.predicate not in self.functions
        )
        found = self._joins.get((rule, seed))
        if found is not None:
            join, planned = found
            if all(-_GROWTH < size - before < _GROWTH for size, before in zip(sizes, planned, strict=True)):
                return join
        join = compile_join(rule, seed=seed, functions=self.functions, relations=self.relations)
        self._joins[rule, seed] = (join, sizes)
        return join


def literal_of(rule: Rule, number: int) -> Literal:
    """Body item ``number`` of a rule, which is a literal."""
    item = rule.body[number]
    assert isinstance(item, Literal)
    return item


def projected(rows: Collection[Row], columns: Columns) -> Counts:
    """The values of some columns, as an index on them has its keys."""
    if not columns:
        return {(): 1} if rows else {}
    keys: dict[Any, int] = dict.fromkeys(map(itemgetter(*columns), rows), 1)
    return keys
