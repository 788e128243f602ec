"""A relation: its rows with the number of their derivations, and hash indexes made on first use.

Where each value of some columns has one row, as where they are the key of something, an index may hold the rows as they
are (``Relation.single``): it takes half the time and memory of one that holds collections of rows.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping
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

_FEW = 8
"""A column is looked up alone if no value is seen so often in a sample."""

_WORTH = 1_000
"""From so many rows on an index of one row for each value is worth another join where that turns out wrong."""

_MANY = 64
"""From so many rows on it pays to look first at whether they can be dealt with all at once."""

_RUNS = 8
"""Where the first ``_MANY`` rows have at most so many runs of one key, those of one key are entered at once."""


class Rows(msgspec.Struct, frozen=True):
    """Rows with the number of their derivations, and their indexes."""

    counts: dict[Row, int]
    indexes: dict[Columns, Index]
    singles: dict[Columns, dict[Any, Row]]
    shared: set[Columns]


class Relation:
    """The rows of one predicate.

    ``counts`` maps each row to how many derivations it has (a given fact is one). ``index(columns)`` maps the
    values of those columns (the bare value for one column) to the rows that have them.
    """

    __slots__ = (
        "_asked",
        "_different",
        "_few",
        "_sample",
        "_sampled",
        "_shared",
        "counts",
        "indexes",
        "magnitude",
        "singles",
    )

    def __init__(self) -> None:
        self.counts: dict[Row, int] = {}
        self.indexes: dict[Columns, Index] = {}
        self.singles: dict[Columns, dict[Any, Row]] = {}
        self._shared: set[Columns] = set()
        self._asked: set[Columns] = set()
        self._sample: list[Row] = []
        self._sampled = -1
        self._different: dict[Columns, int] = {}
        self._few: dict[int, bool] = {}
        self.magnitude = _SMALL

    def emptied(self) -> Rows:
        """Take all rows out; returns them."""
        old = Rows(self.counts, self.indexes, self.singles, self._shared)
        self.counts, self.indexes, self.singles, self._shared = {}, {}, {}, set()
        return old

    def refill(self, rows: Rows) -> None:
        """Hold what was taken out, and nothing else."""
        self.counts, self.indexes, self.singles, self._shared = rows.counts, rows.indexes, rows.singles, rows.shared

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

    def single(self, columns: Columns) -> dict[Any, Row] | None:
        """The row that has each value of ``columns``, kept current; None if two rows have the same, or have had since
        this was first asked."""
        found = self.singles.get(columns)
        if found is None and columns not in self._shared:
            found = dict(zip(map(itemgetter(*columns), self.counts), self.counts, strict=True))
            if len(found) < len(self.counts):
                self._shared.add(columns)
                return None
            self.singles[columns] = found
        return found

    def enter_single(self, columns: Columns, rows: dict[Any, Row]) -> None:
        """Take over what ``single`` would make, if there are many rows."""
        if columns and len(rows) >= _WORTH:
            self.singles[columns] = rows

    def having(self, columns: Columns, key: Any) -> Collection[Row]:
        """The rows that have the values ``key`` in ``columns``; all rows without columns."""
        if not columns:
            return self.counts
        if columns in self.singles:
            row = self.singles[columns].get(key)
            return () if row is None else (row,)
        return self.index(columns).get(key, ())

    def groups(self, columns: Columns) -> Iterable[Collection[Row]]:
        """The rows that have each value of ``columns``; all rows without columns. The index is kept current."""
        if not columns:
            return [self.counts]
        if (self.is_key(columns) or columns in self.singles) and (alone := self.single(columns)) is not None:
            return zip(alone.values(), strict=True)
        return self.index(columns).values()

    def once(self, columns: Columns, key: Any) -> Collection[Row]:
        """The same, for who asks once: the first such question makes no index."""
        if columns in self._asked or columns in self.indexes or columns in self.singles:
            return self.having(columns, key)
        self._asked.add(columns)
        key_of = itemgetter(*columns)
        return [row for row in self.counts if key_of(row) == key]

    def keys(self, columns: Columns) -> Collection[Any]:
        """The values of ``columns`` that some row has, kept current."""
        if columns in self.indexes:
            return self.indexes[columns]
        if columns in self.singles or self.is_key(columns):
            found = self.single(columns)
            if found is not None:
                return found
        return self.index(columns)

    def absent(self, columns: Columns, keys: Collection[Any]) -> list[Any]:
        """Those of some values of ``columns`` that no row has."""
        made = columns in self.indexes or columns in self.singles
        if not made and len(columns) > 1 and len(keys) < _MANY and len(self.counts) >= _WORTH:
            for place, column in enumerate(columns):
                if self.few(column):
                    key_of = itemgetter(*columns)
                    return [key for key in keys if key not in map(key_of, self.having((column,), key[place]))]
        present = self.keys(columns)
        return [key for key in keys if key not in present]

    def is_key(self, columns: Columns) -> bool:
        """Whether there are many rows and, as far as can be seen, each has other values in ``columns``."""
        size = len(self.counts)
        return size >= _WORTH and columns not in self._shared and self.different(*columns) == size

    def few(self, column: int) -> bool:
        """Whether few rows have the same value in a column, as far as a sample shows."""
        if self.different(column) == len(self.counts):
            return True
        if len(self.counts) < _WORTH:
            return False
        found = self._few.get(column)
        if found is None:
            often = Counter(map(itemgetter(column), self._sample)).values()
            found = self._few[column] = max(often, default=0) <= _FEW
        return found

    def different(self, *columns: int) -> int:
        """An estimate of how many different values columns have; the number of rows if hardly any two agree in them.

        It is made from a sample of neighbouring and of distant rows, and again when the size has changed much.
        """
        size = len(self.counts)
        if self._sampled != size.bit_length():
            self._sampled = size.bit_length()
            self._different, self._few = {}, {}
            self._sample = list(islice(self.counts, _SAMPLE))
            self._sample += islice(self.counts, _SAMPLE, None, max(1, size // _SAMPLE))
        found = self._different.get(columns)
        if found is None:
            seen, values = len(self._sample), len(set(map(itemgetter(*columns), self._sample)))
            if values == seen:
                found = _ALL
            elif seen == size or values < seen // 4:
                found = values  # there are no others, or hardly any
            else:
                found = min(size, seen * seen // (2 * (seen - values)))  # as many as make so many meetings likely
            self._different[columns] = found
        return size if found == _ALL else found

    def add(self, rows: Collection[Row]) -> None:
        """Enter rows that were absent into the indexes. Their counts are the caller's affair."""
        for columns, index in self.indexes.items():
            _insert(index, itemgetter(*columns), rows)
        for columns, alone in list(self.singles.items()):
            more = dict(zip(map(itemgetter(*columns), rows), rows, strict=True))
            if len(more) < len(rows) or not alone.keys().isdisjoint(more):
                self._shared.add(columns)
                del self.singles[columns]
            else:
                alone.update(more)

    def discard(self, rows: Collection[Row]) -> None:
        """Take rows that were present out of counts and indexes."""
        if len(rows) == len(self.counts):
            for index in self.indexes.values():
                index.clear()
            for alone in self.singles.values():
                alone.clear()
            self.counts.clear()
            return
        for columns, alone in self.singles.items():
            deque(map(alone.__delitem__, map(itemgetter(*columns), rows)), maxlen=0)
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
