"""A relation: its rows with the number of their derivations, and hash indexes made on first use."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import Any

from kubelogic.logic.terms import Row

Columns = tuple[int, ...]
Bucket = list[Row] | dict[Row, None]
Index = dict[Any, Bucket]

_LARGE = 24
"""Buckets up to this size are lists (small, quick to make); larger ones are dicts (quick to remove from)."""


class Relation:
    """The rows of one predicate.

    ``counts`` maps each row to how many derivations it has (a given fact is one). ``index(columns)`` maps the
    values of those columns (the bare value for one column) to the rows that have them.
    """

    __slots__ = ("counts", "indexes")

    def __init__(self) -> None:
        self.counts: dict[Row, int] = {}
        self.indexes: dict[Columns, Index] = {}

    def index(self, columns: Columns) -> Mapping[Any, Bucket]:
        """The index on ``columns``, made now if this is its first use and kept current from then on."""
        found = self.indexes.get(columns)
        if found is None:
            found = self.indexes[columns] = {}
            _insert(found, itemgetter(*columns), self.counts)
        return found

    def add(self, rows: Iterable[Row]) -> None:
        """Enter rows that were absent into the indexes. Their counts are the caller's affair."""
        for columns, index in self.indexes.items():
            _insert(index, itemgetter(*columns), rows)

    def discard(self, rows: Iterable[Row]) -> None:
        """Take rows that were present out of counts and indexes."""
        for columns, index in self.indexes.items():
            key_of = itemgetter(*columns)
            for row in rows:
                key = key_of(row)
                bucket = index[key]
                if type(bucket) is dict:
                    del bucket[row]
                else:
                    bucket.remove(row)  # type: ignore[union-attr]
                if not bucket:
                    del index[key]
        for row in rows:
            del self.counts[row]


def _insert(index: Index, key_of: Callable[[Row], Any], rows: Iterable[Row]) -> None:
    get = index.get
    for row in rows:
        key = key_of(row)
        bucket = get(key)
        if bucket is None:
            index[key] = [row]
        elif type(bucket) is list:
            if len(bucket) < _LARGE:
                bucket.append(row)
            else:
                index[key] = large = dict.fromkeys(bucket)
                large[row] = None
        else:
            bucket[row] = None  # type: ignore[call-overload]
