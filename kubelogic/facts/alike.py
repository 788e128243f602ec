"""Facts of objects that are alike: found once, however many objects hold the very same values.

The pods of a template share its spec, those that started together their conditions. What a reader finds for one
of them is true of all, but for the key: it is asked about a *stand-in*, and its rows are a pattern for the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.cluster import Object

Value = str | int
Row = tuple[Value, ...]
Fact = tuple[str, Row]
"""A predicate and a row of it."""

_NAME = "\0"
"""The name of a stand-in, which no object can have."""

_NOTHING: Mapping[str, Any] = {}


class Pattern:
    """The facts of alike objects.

    Attributes:
        keyed: predicate and the columns after the key, of the rows that begin with it.
        common: facts without the key, the same for all.
        uses: how many more objects have the pattern after an update than before.
    """

    __slots__ = ("common", "keyed", "uses")

    def __init__(self, keyed: Sequence[Fact], common: Sequence[Fact]) -> None:
        self.keyed = keyed
        self.common = common
        self.uses = 0


Step = tuple[str, Row, int]
"""A predicate, the columns after the key, and 1 for a row that comes or -1 for one that goes."""


class People:
    """Objects, and what tells them apart in each field, found once for all readers."""

    __slots__ = ("_columns", "objects")

    def __init__(self, objects: Sequence[Object]) -> None:
        self.objects = objects
        self._columns: dict[str, list[str | int]] = {"namespace": [obj.namespace for obj in objects]}

    def column(self, path: str) -> list[str | int]:
        """The text in a section (``spec``) or field of one (``status.phase``) of each object, or which value it is."""
        found = self._columns.get(path)
        if found is None:
            section, _, field = path.partition(".")
            values = [obj.document.get(section) for obj in self.objects]
            if field:
                values = [(value or _NOTHING).get(field) for value in values]
            found = self._columns[path] = [value if value.__class__ is str else id(value) for value in values]
        return found


class Patterns:
    """The patterns of one reader during one update.

    Text is compared; other values are told apart by identity, which costs nothing and holds as long as the clusters
    before and after the update live: an instance must not outlive it.
    """

    __slots__ = ("_extract", "_found", "_paths", "_steps")

    def __init__(self, extract: Callable[[Object], Iterable[Fact]], by: Sequence[str]) -> None:
        """Nothing is known yet.

        Args:
            extract: the reader's function. It may use the key of the object as the first column of rows, which are then
                not shared with other objects, its namespace, and nothing else of its identity.
            by: the sections (``spec``) and fields (``status.phase``) that decide what it finds.
        """
        self._extract = extract
        self._paths = by
        self._found: dict[tuple[str | int, ...], Pattern] = {}
        self._steps: dict[tuple[int, int], Sequence[Step]] = {}

    def of(self, people: People) -> Sequence[Pattern]:
        """The facts of each object."""
        columns = [people.column("namespace"), *(people.column(path) for path in self._paths)]
        known, found = self._found, []
        for obj, mark in zip(people.objects, zip(*columns, strict=True), strict=True):
            pattern = known.get(mark)
            if pattern is None:
                pattern = known[mark] = self._ask(obj)
            found.append(pattern)
        return found

    def pay(self, sample: Sequence[Object]) -> bool:
        """Whether so many objects of a sample are alike that it is cheaper than to ask each."""
        return 2 * len({id(pattern) for pattern in self.of(People(sample))}) <= len(sample)

    def steps(self, old: Pattern, new: Pattern) -> Sequence[Step]:
        """The rows that come and go when an object of one pattern becomes one of another."""
        found = self._steps.get((id(old), id(new)))
        if found is None:
            come = [(predicate, tail, 1) for predicate, tail in new.keyed if (predicate, tail) not in old.keyed]
            gone = [(predicate, tail, -1) for predicate, tail in old.keyed if (predicate, tail) not in new.keyed]
            found = self._steps[id(old), id(new)] = [*come, *gone]
        return found

    def common(self) -> Sequence[tuple[str, Row, int]]:
        """Facts without a key, and how many more objects give them now than before; those with more come first."""
        counted = [(*fact, each.uses) for each in self._found.values() if each.uses for fact in each.common]
        return sorted(counted, key=lambda given: -given[2])

    def _ask(self, obj: Object) -> Pattern:
        stand_in = msgspec.structs.replace(obj, name=_NAME, key="")
        keyed: list[Fact] = []
        common: list[Fact] = []
        for predicate, row in self._extract(stand_in):
            tail = row[1:] if row[0] == stand_in.key else row
            if any(isinstance(value, str) and _NAME in value for value in tail):
                raise ValueError(f"{predicate}: only the first column may depend on an object's name, not {tail!r}")
            if tail is row:
                common.append((predicate, row))
            else:
                keyed.append((predicate, tail))
        return Pattern(keyed, common)
