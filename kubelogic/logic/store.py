"""The relations of one evaluation with the compiled joins over them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from operator import itemgetter
from typing import Any

from kubelogic.logic.joins import Joins
from kubelogic.logic.plan import HEAD, Function, Join, Rule
from kubelogic.logic.relation import Columns, Relation
from kubelogic.logic.terms import Row

Counts = dict[Row, int]


class Store:
    """Owns the relations. Joins are shared: compiled on first use, and again when sizes have changed much."""

    __slots__ = ("_joins", "functions", "relations", "sizes")

    def __init__(self, names: Iterable[str], functions: Mapping[str, Function], joins: Joins) -> None:
        self.relations: dict[str, Relation] = {name: Relation() for name in names}
        self.functions = functions
        self._joins = joins
        self.sizes = 0
        """Changes when the joins may have to be others, since a relation is of another magnitude."""

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
        relations = self.relations
        for _, predicate in self._joins.positive(rule):  # most rules are about what a cluster does not have
            if not relations[predicate].counts:
                return
        self.join(rule, None)(relations, self.functions, (), {}, out, 1)

    def reach(self, rule: Rule, number: int, rows: Counts, out: Counts) -> None:
        """What can be derived, once or more, with ``rows`` of body literal ``number`` in the present state."""
        if self._may_join(rule, number):
            self.join(rule, number)(self.relations, self.functions, rows, {}, out, 1)

    def check(self, rule: Rule, rows: Collection[Row], out: Counts) -> None:
        """Enter into ``out`` those of ``rows`` that the rule derives."""
        if self._may_join(rule, None):
            self.join(rule, HEAD)(self.relations, self.functions, dict.fromkeys(rows, 1), {}, out, 1)

    def _may_join(self, rule: Rule, seed: int | None) -> bool:
        asked = self._joins.positive(rule)
        return all(number == seed or self.relations[predicate].counts for number, predicate in asked)

    def join(self, rule: Rule, seed: int | None) -> Join:
        """The join of a rule for a seed."""
        return self._joins.join(rule, seed, self.relations)


def projected(rows: Collection[Row], columns: Columns) -> Counts:
    """The values of some columns, as an index on them has its keys."""
    if not columns:
        return {(): 1} if rows else {}
    keys: dict[Any, int] = dict.fromkeys(map(itemgetter(*columns), rows), 1)
    return keys
