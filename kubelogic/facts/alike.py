"""Facts of objects that are alike: found once, however many objects hold the very same values.

The pods of a template share its spec, those that started together their conditions. What a reader finds for one
of them is true of all, but for the key: it is asked about a *stand-in*, and its rows are a pattern for the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
    """

    __slots__ = ("common", "keyed")

    def __init__(self, keyed: Sequence[Fact], common: Sequence[Fact]) -> None:
        self.keyed = keyed
        self.common = common


Step = tuple[str, Row, int]
"""A predicate, the columns after the key, and 1 for a row that comes or -1 for one that goes."""


class People:
    """Objects, and what tells them apart in each field, found once for all readers."""

    __slots__ = ("_columns", "_sections", "objects")

    def __init__(self, objects: Sequence[Object]) -> None:
        self.objects = objects
        self._columns: dict[str, list[str | int]] = {"namespace": [obj.namespace for obj in objects]}
        self._sections: dict[str, list[Any]] = {}

    def column(self, path: str) -> list[str | int]:
        """The text in a section (``spec``) or field (``status.phase``) of each object, or which value it is.

        With ``?`` behind a field: whether it is there and not empty.
        """
        found = self._columns.get(path)
        if found is None:
            section, _, field = path.partition(".")
            values = self._section(section)
            if field.endswith("?"):
                name = field[:-1]
                found = [bool(value.get(name)) for value in values]
            elif field:
                found = [
                    value if value.__class__ is str else id(value) for value in [each.get(field) for each in values]
                ]
            else:
                found = [id(value) for value in values]
            self._columns[path] = found
        return found

    def marks(self, paths: Iterable[str]) -> Iterator[tuple[str | int, ...]]:
        """What tells each object from those that differ in its namespace or in one of some sections and fields."""
        return zip(self.column("namespace"), *map(self.column, paths), strict=True)

    def alike(self, paths: Iterable[str]) -> bool:
        """Whether so many objects are alike in some sections and fields that it is cheaper to look at one of each."""
        return 2 * len({*self.marks(paths)}) <= len(self.objects)

    def _section(self, name: str) -> list[Any]:
        found = self._sections.get(name)
        if found is None:
            found = self._sections[name] = [obj.document.get(name) or _NOTHING for obj in self.objects]
        return found


class Patterns:
    """The patterns of one or more readers during one update.

    Text is compared; other values are told apart by identity, which costs nothing and holds as long as the clusters
    before and after the update live: an instance must not outlive it.
    """

    __slots__ = ("_extracts", "_found", "_paths", "_steps")

    def __init__(self, extracts: Sequence[Callable[[Object], Iterable[Fact]]], by: Iterable[str]) -> None:
        """Nothing is known yet.

        Args:
            extracts: the functions of the readers. They may use the key of the object as the first column of rows,
                which are then not shared with other objects, its namespace, and nothing else of its identity.
            by: the sections (``spec``) and fields (``status.phase``) that decide what they find.
        """
        self._extracts = extracts
        self._paths = tuple(by)
        self._found: dict[tuple[str | int, ...], Pattern] = {}
        self._steps: dict[tuple[Pattern, Pattern], Sequence[Step]] = {}

    def of(self, people: People) -> list[Pattern]:
        """The facts of each object."""
        known, found = self._found, []
        for obj, mark in zip(people.objects, people.marks(self._paths), strict=True):
            pattern = known.get(mark)
            if pattern is None:
                pattern = known[mark] = self._ask(obj)
            found.append(pattern)
        return found

    def steps(self, old: Pattern, new: Pattern) -> Sequence[Step]:
        """The rows that come and go when an object of one pattern becomes one of another."""
        found = self._steps.get((old, new))
        if found is None:
            come = [(predicate, tail, 1) for predicate, tail in new.keyed if (predicate, tail) not in old.keyed]
            gone = [(predicate, tail, -1) for predicate, tail in old.keyed if (predicate, tail) not in new.keyed]
            found = self._steps[old, new] = [*come, *gone]
        return found

    def _ask(self, obj: Object) -> Pattern:
        stand_in = msgspec.structs.replace(obj, name=_NAME, key="")
        keyed: list[Fact] = []
        common: list[Fact] = []
        for extract in self._extracts:
            for predicate, row in extract(stand_in):
                tail = row[1:] if row[0] == stand_in.key else row
                if any(isinstance(value, str) and _NAME in value for value in tail):
                    raise ValueError(f"{predicate}: only the first column may depend on an object's name, not {tail!r}")
                if tail is row:
                    common.append((predicate, row))
                else:
                    keyed.append((predicate, tail))
        return Pattern(keyed, common)


def common(uses: Mapping[Pattern, int]) -> list[tuple[str, Row, int]]:
    """Facts without a key, and how many more objects give them now than before; those with more come first."""
    counted = [(*fact, count) for pattern, count in uses.items() if count for fact in pattern.common]
    return sorted(counted, key=lambda given: -given[2])
