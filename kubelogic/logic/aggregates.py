"""Aggregates over the rows of one group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

import msgspec
from msgspec.structs import replace

from kubelogic.logic.terms import Aggregate, Clause, Row, Term, Value, Variable


class Grouping(msgspec.Struct, frozen=True, kw_only=True):
    """How an aggregate clause reads its source, the relation that holds its body rows.

    A body row is the head's keys (``width`` of them), then what the aggregate reads; ``columns`` says where a row of
    the source has these. ``group`` are the keys by which rows are put together, ``source_group`` their columns in
    the source.
    """

    function: str
    width: int
    group: tuple[int, ...]
    order: tuple[tuple[int, bool], ...]
    columns: tuple[int, ...]

    @property
    def adds_up(self) -> bool:
        """Whether a result follows from the one before and the rows that came and went."""
        return self.function in _ADDED_UP

    @property
    def source_group(self) -> tuple[int, ...]:
        """The columns of the source by which rows are put together."""
        return tuple(self.columns[key] for key in self.group)

    def totals(self, rows: Collection[Row]) -> tuple[Mapping[Any, int], Mapping[Any, int]]:
        """For an aggregate that ``adds_up``: the results of the groups, and how many rows each has.

        Both are by the values of ``source_group``, as an index has them.
        """
        if not self.group:
            keys: list[Any] = [()] * len(rows)
        else:
            keys = list(map(itemgetter(*self.source_group), rows))
        numbers = Counter(keys)
        if self.function == "len_":
            return numbers, numbers
        sums = dict.fromkeys(numbers, 0)
        for key, value in zip(keys, map(itemgetter(self.columns[-1]), rows), strict=True):
            sums[key] += value
        return sums, numbers

    def heads(self, results: Mapping[Any, int]) -> list[Row]:
        """The head rows of results by the values of ``source_group``."""
        if len(self.group) == 1:
            return list(results.items())
        if self.group == tuple(range(self.width)):
            return [(*key, result) for key, result in results.items()]
        order = itemgetter(*map(self.group.index, range(self.width)))
        return [(*order(key), result) for key, result in results.items()]

    def results(self, groups: Iterable[Collection[Row]]) -> Iterator[Row]:
        """The head rows of some groups.

        Args:
            groups: for each, all rows of the source that have the group's key; empty ones have no head row.
        """
        width, function, alone = self.width, self.function, _ALONE.get(self.function)
        plain = self.columns == tuple(range(len(self.columns)))
        for rows in groups:
            if not rows:
                continue
            if len(rows) == 1 or function == "len_":
                for row in rows:
                    first = row if plain else self.body_row(row)
                    break
                result: Value | None = len(rows) if function == "len_" else alone
                yield (*first[:width], first[-1] if result is None else result)
            else:
                yield from self._of_many(rows if plain else [self.body_row(row) for row in rows])

    def _of_many(self, rows: Collection[Row]) -> Iterable[Row]:
        width = self.width
        if self.function == "rank_":
            ranked = dict.fromkeys(row[:width] for row in self.ordered(rows))
            return [(*key, position) for position, key in enumerate(ranked)]
        match self.function:
            case "sum_":
                value: Value = sum(row[-1] for row in rows)  # type: ignore[misc]
            case "min_":
                value = self.ordered(rows)[0][-1]
            case _:
                value = self.ordered(rows)[-1][-1]
        return [(*next(iter(rows))[:width], value)]

    def body_row(self, row: Row) -> Row:
        """A row of the source as the clause has it."""
        return tuple([row[column] for column in self.columns])

    def ordered(self, rows: Collection[Row]) -> list[Row]:
        """The rows by the order of the aggregate, then by their values; numbers before text where a column has both."""
        try:
            result = sorted(rows)
            for column, descending in reversed(self.order):
                result.sort(key=itemgetter(column), reverse=descending)
        except TypeError:
            result = sorted(rows, key=lambda row: [_mixed(value) for value in row])
            for column, descending in reversed(self.order):
                result.sort(key=lambda row, i=column: _mixed(row[i]), reverse=descending)  # type: ignore[misc]
        return result


_ADDED_UP = ("len_", "sum_")

_ALONE = {"len_": 1, "rank_": 0}
"""What functions give for a group of one row; others give the row's last value."""


def _mixed(value: Value) -> tuple[bool, Value]:
    return isinstance(value, str), value


def grouping(clause: Clause) -> tuple[Grouping, tuple[Term, ...]]:
    """The grouping of an aggregate clause over a relation of its body rows, and their terms."""
    aggregate = clause.aggregate
    assert aggregate is not None
    keys = clause.head.terms[:-1]
    extra = [Variable(name.lstrip("-")) for name in _columns(aggregate)]
    terms = (*keys, *extra)
    order = tuple(
        (
            terms.index(Variable(name.lstrip("-"))) if aggregate.function == "rank_" else len(keys) + i,
            name[0] == "-",
        )
        for i, name in enumerate(aggregate.order_by)
    )
    if aggregate.function == "rank_":
        group = tuple(keys.index(Variable(name)) for name in aggregate.group_by)
    else:
        group = tuple(range(len(keys)))
    columns = tuple(range(len(terms)))
    return Grouping(function=aggregate.function, width=len(keys), group=group, order=order, columns=columns), terms


def over(grouping: Grouping, terms: Sequence[Term], source: Sequence[Term]) -> Grouping | None:
    """The grouping over a relation whose rows are a body's rows in another order of columns, if they are.

    Args:
        grouping: over a relation of the body rows.
        terms: those of the body rows.
        source: the arguments of the only literal of the body.
    """
    if not all(isinstance(term, Variable) for term in source):
        return None
    if len(set(source)) < len(source) or set(source) != set(terms):
        return None
    columns = tuple(source.index(term) for term in terms)
    group = tuple(sorted(grouping.group, key=columns.__getitem__))
    return replace(grouping, columns=columns, group=group)


def _columns(aggregate: Aggregate) -> tuple[str, ...]:
    """The columns after the keys: what tells rows apart or orders them, then the value."""
    match aggregate.function:
        case "len_":
            return aggregate.value
        case "sum_":
            return (*aggregate.for_each, *aggregate.value)
        case "rank_":
            return aggregate.order_by
        case _:
            return (*aggregate.order_by, *aggregate.value)
