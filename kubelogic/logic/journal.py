"""What has changed in an evaluation since a moment, to go back there without deriving anything.

Many runs begin in nearly the same state, and each ends far from it. Going back costs what the run changed, but none
of its joins; what differs between two beginnings is then little.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from kubelogic.logic.relation import Relation
from kubelogic.logic.terms import Row

Counts = dict[Row, int]

_MOST = 10_000
"""Changes of more rows than this are not kept: a run so long is longer than its way back."""


class Journal:
    """The counts that rows had at the beginning, of those whose counts have changed, and how given facts changed."""

    __slots__ = ("_given", "_size", "before")

    def __init__(self) -> None:
        self.before: dict[Relation, Counts] = {}
        self._given: dict[str, Counts] = {}
        self._size = 0

    def keep(self, relation: Relation, rows: Iterable[Row]) -> None:
        """Enter the counts of a relation's rows before they change for the first time."""
        before = self.before.get(relation)
        if before is None:
            before = self.before[relation] = {}
        counts = relation.counts
        for row in rows:
            if row not in before:
                before[row] = counts.get(row, 0)

    def note(self, pending: Mapping[str, Counts]) -> bool:
        """Keep a change of given facts; False if there are too many by now."""
        self._size += sum(map(len, pending.values()))
        if self._size > _MOST:
            return False
        for predicate, counts in pending.items():
            known = self._given.setdefault(predicate, {})
            for row, delta in counts.items():
                known[row] = known.get(row, 0) + delta
        return True

    def since(self, pending: Mapping[str, Counts]) -> dict[str, Counts]:
        """The change of given facts from the beginning to what ``pending`` leads to from here."""
        net: dict[str, Counts] = {}
        for predicate in self._given.keys() | pending.keys():
            counts = dict(self._given.get(predicate, ()))
            for row, delta in pending.get(predicate, {}).items():
                counts[row] = counts.get(row, 0) + delta
            if left := {row: delta for row, delta in counts.items() if delta}:
                net[predicate] = left
        return net

    def given(self) -> Iterator[tuple[str, Counts]]:
        """How given facts have changed, by predicate."""
        return iter(self._given.items())
