"""A relation: its rows with the number of their derivations, and hash indexes made on first use."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping
from itertools import groupby, islice, repeat
from operator import add, itemgetter, ne
from typing import Any

import msgspec

from kubelogic.logic.terms import Row

Columns = tuple[int, ...]
Bucket = tuple[Row] | list[Row] | dict[Row, None]
Index = dict[Any, Bucket]

_LARGE = 24
"""A bucket of one row is a tuple, one up to this size a list (small, quick to make), and a larger one a dict (quick to
remove from)."""

_SAMPLE = 1024
"""Twice as many rows are looked at to estimate how many different values a column has."""

_SMALL = 4
_MAGNITUDE = 2
"""A relation is of another magnitude when its size has so many binary digits more or fewer; none has fewer than
``_SMALL``."""

_ALL = -1
"""Stands for: as many values as rows."""

_MANY = 64
"""From so many rows on it pays to look first at whether they can be dealt with all at once."""

_RUNS = 8
"""Where the first ``_MANY`` rows have at most so many runs of one key, those of one key are entered at once."""


class Rows(msgspec.Struct, frozen=True):
    """Rows with the number of their derivations, and their indexes."""

    counts: dict[Row, int]
    indexes: dict[Columns, Index]


class Relation:
    """The rows of one predicate.

    ``counts`` maps each row to how many derivations it has (a given fact is one). ``index(columns)`` maps the
    values of those columns (the bare value for one column) to the rows that have them.
    """

    __slots__ = ("_different", "_sample", "_sampled", "counts", "indexes", "magnitude")

    def __init__(self) -> None:
        self.counts: dict[Row, int] = {}
        self.indexes: dict[Columns, Index] = {}
        self._sample: list[Row] = []
        self._sampled = -1
        self._different: dict[int, int] = {}
        self.magnitude = _SMALL

    def emptied(self) -> Rows:
        """Take all rows out; returns them."""
        old = Rows(self.counts, self.indexes)
        self.counts, self.indexes = {}, {}
        return old

    def refill(self, rows: Rows) -> None:
        """Hold what was taken out, and nothing else."""
        self.counts, self.indexes = rows.counts, rows.indexes

    def grown(self) -> bool:
        """Whether its size is of another magnitude than when it was last found to be so."""
        size = max(_SMALL, len(self.counts).bit_length())
        if -_MAGNITUDE < size - self.magnitude < _MAGNITUDE:
            return False
        self.magnitude = size
        return True

    def index(self, columns: Columns) -> Mapping[Any, Bucket]:
        """The index on ``columns``, made now if this is its first use and kept current from then on."""
        found = self.indexes.get(columns)
        if found is None:
            found = self.indexes[columns] = {}
            _insert(found, itemgetter(*columns), self.counts)
        return found

    def different(self, column: int) -> int:
        """An estimate of how many different values a column has; the number of rows if hardly any two agree in it.

        It is made from a sample of neighbouring and of distant rows, and again when the size has changed much.
        """
        size = len(self.counts)
        if self._sampled != size.bit_length():
            self._sampled = size.bit_length()
            self._different = {}
            self._sample = list(islice(self.counts, _SAMPLE))
            self._sample += islice(self.counts, _SAMPLE, None, max(1, size // _SAMPLE))
        found = self._different.get(column)
        if found is None:
            seen, values = len(self._sample), len({row[column] for row in self._sample})
            if values == seen:
                found = _ALL
            elif seen == size or values < seen // 4:
                found = values  # there are no others, or hardly any
            else:
                found = min(size, seen * seen // (2 * (seen - values)))  # as many as make so many meetings likely
            self._different[column] = found
        return size if found == _ALL else found

    def add(self, rows: Collection[Row]) -> None:
        """Enter rows that were absent into the indexes. Their counts are the caller's affair."""
        for columns, index in self.indexes.items():
            _insert(index, itemgetter(*columns), rows)

    def discard(self, rows: Collection[Row]) -> None:
        """Take rows that were present out of counts and indexes."""
        if len(rows) == len(self.counts):
            for index in self.indexes.values():
                index.clear()
            self.counts.clear()
            return
        for columns, index in self.indexes.items():
            key_of = itemgetter(*columns)
            for row in rows:
                key = key_of(row)
                bucket = index[key]
                if len(bucket) == 1:
                    del index[key]
                elif type(bucket) is dict:
                    del bucket[row]
                else:
                    bucket.remove(row)  # type: ignore[union-attr]
        deque(map(self.counts.__delitem__, rows), maxlen=0)


def changed(counts: dict[Row, int], deltas: dict[Row, int]) -> tuple[dict[Row, int], dict[Row, int], dict[Row, int]]:
    """What a change of counts does: the deltas of rows that go, those of rows that come, and new counts of others.

    Args:
        counts: of the rows that are there.
        deltas: by how much counts change. It may be what is returned.
    """
    gone: dict[Row, int] = {}
    come: dict[Row, int] = {}
    others: dict[Row, int] = {}
    if len(deltas) >= _MANY:
        olds = list(map(counts.get, deltas, repeat(0)))
        if not any(olds) and min(deltas.values()) > 0:
            return gone, deltas, others
        if all(olds) and not any(map(add, olds, deltas.values())):
            return deltas, come, others
    for row, delta in deltas.items():
        if not delta:
            continue
        old = counts.get(row, 0)
        assert old + delta >= 0, f"{row} has fewer derivations than were lost"
        if not old:
            come[row] = delta
        elif not old + delta:
            gone[row] = delta
        else:
            others[row] = old + delta
    return gone, come, others


def _insert(index: Index, key_of: Callable[[Row], Any], rows: Collection[Row]) -> None:
    if len(rows) >= _MANY:
        first = list(map(key_of, islice(rows, _MANY)))
        if len(set(first)) == _MANY:
            alone = dict(zip(map(key_of, rows), zip(rows, strict=True), strict=True))
            if len(alone) == len(rows) and not (index and any(map(index.__contains__, alone))):
                index.update(alone)
                return
        elif sum(map(ne, first, first[1:])) < _RUNS:
            for key, run in groupby(rows, key_of):
                _extend(index, key, list(run))
            return
    get = index.get
    for row in rows:
        key = key_of(row)
        bucket = get(key)
        if bucket is None:
            index[key] = (row,)
        elif type(bucket) is tuple:
            index[key] = [*bucket, row]
        elif type(bucket) is list:
            if len(bucket) < _LARGE:
                bucket.append(row)
            else:
                index[key] = large = dict.fromkeys(bucket)
                large[row] = None
        else:
            bucket[row] = None  # type: ignore[call-overload, index]


def _extend(index: Index, key: Any, rows: list[Row]) -> None:
    """Enter rows that have one key."""
    bucket = index.get(key, ())
    if type(bucket) is dict:
        bucket.update(dict.fromkeys(rows))
        return
    rows = [*bucket, *rows]
    index[key] = (rows[0],) if len(rows) == 1 else rows if len(rows) <= _LARGE else dict.fromkeys(rows)
