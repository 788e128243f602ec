"""Aggregates over the rows of one group."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from operator import itemgetter

from kubelogic.logic.terms import Aggregate, Clause, Row, Term, Value, Variable


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """How an aggregate clause reads its body rows.

    A body row is the head's keys (``width`` of them), then the ``columns`` that the aggregate reads.
    ``group`` are the key positions by which rows are put together.
    """

    function: str
    width: int
    group: tuple[int, ...]
    order: tuple[tuple[int, bool], ...]

    def results(self, rows: Collection[Row]) -> Iterable[Row]:
        """The head rows of one group.

        Args:
            rows: all distinct body rows that have the group's key; not empty.
        """
        width = self.width
        first = next(iter(rows))
        match self.function:
            case "len_":
                yield (*first[:width], len(rows))
            case "sum_":
                yield (*first[:width], sum(row[-1] for row in rows))  # type: ignore[misc]
            case "min_":
                yield (*first[:width], self.ordered(rows)[0][-1])
            case "max_":
                yield (*first[:width], self.ordered(rows)[-1][-1])
            case "rank_":
                ranked = dict.fromkeys(row[:width] for row in self.ordered(rows))
                for position, key in enumerate(ranked):
                    yield (*key, position)

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


def _mixed(value: Value) -> tuple[bool, Value]:
    return isinstance(value, str), value


def grouping(clause: Clause) -> tuple[Grouping, tuple[Term, ...]]:
    """The grouping of an aggregate clause and the terms of its body rows."""
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
    return Grouping(function=aggregate.function, width=len(keys), group=group, order=order), terms


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
            return (*(aggregate.order_by or aggregate.value), *aggregate.value)
