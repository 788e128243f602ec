"""Facts of objects that are alike: found once, however many objects hold the very same values.

The pods of a template share its spec, those that started together their conditions. What a reader finds for one
of them is true of all, but for the key: it is asked about a *stand-in*, and its rows are a pattern for the rest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from itertools import repeat
from operator import attrgetter, is_
from sys import intern
from typing import Any, TypeVar

import msgspec

from kubelogic.cluster import Object
from kubelogic.cluster.columns import Columns

Value = str | int
Row = tuple[Value, ...]
Fact = tuple[str, Row]
"""A predicate and a row of it."""

Fields = frozenset[str]
"""Sections of documents (``status``) and fields of them (``spec.nodeName``)."""

EVERYTHING: Fields = frozenset({"*"})
"""Read by who does not say what it reads; changed where nobody can say what."""

NAMESPACE = "namespace"
"""Stands among sections for the namespace of objects, which decides about all of their facts."""

Column = Sequence[Hashable]
"""Of each object, what tells it from those that differ in one thing."""

Mark = tuple[Hashable, ...]
"""The same in several things."""

Numbers = Sequence[int]
"""Some of objects, by their places among them."""

MANY = 16
"""Objects that are quicker to compare with each other than to ask one by one."""
_SAMPLE = 256
"""Objects that are looked at to see whether many are alike."""
_RUN = 16
"""How many of them are neighbours."""

_NOTHING: Mapping[str, Any] = {}

_SAME: Column = (None,)

_key = attrgetter("key")

_Any = TypeVar("_Any")


class People:
    """Objects, and what tells them apart in each field, found once for all readers."""

    __slots__ = ("_columns", "_keys", "_parts", "_sample", "_shared", "_telling", "_texts", "given", "objects")

    def __init__(self, given: Columns) -> None:
        self.given = given
        self.objects = given.objects
        self._columns: dict[str, Column | None] = {}
        self._keys: Sequence[str] = ()
        self._parts: dict[tuple[str, ...], Mapping[Mark, Numbers]] = {}
        self._texts: dict[Own, Sequence[str]] = {}
        self._sample: People | None = None
        self._shared: dict[str, bool] = {}
        self._telling: dict[str, str] = {}

    @classmethod
    def of(cls, objects: Iterable[Object]) -> People:
        """Objects of which nothing is known yet."""
        return cls(Columns(objects))

    def columns(self, paths: Iterable[str]) -> list[Column]:
        """What tells objects apart in some sections (``spec``) and fields (``status.phase``), of those in which they
        differ: the text that stands there, or which value it is. With ``?`` behind a field: whether it is there and
        not empty; with ``=`` behind a field or section: what it holds."""
        return [column for path in paths if (column := self._column(path)) is not None]

    def differing(self, paths: Iterable[str]) -> tuple[str, ...]:
        """Those of some sections and fields, and of the namespace, in which the objects differ."""
        return tuple([path for path in dict.fromkeys((NAMESPACE, *paths)) if self._column(path) is not None])

    def alike(self, paths: Iterable[str]) -> Mapping[Mark, Numbers]:
        """The numbers of the objects of one namespace that have the very same values in some sections and fields, by
        what stands in those in which they are ``differing``."""
        fields = self.differing(paths)
        if fields not in self._parts:
            finer = next((each for each in self._parts if {*each} >= {*fields}), None)
            if finer is None:
                self._parts[fields] = classes(range(len(self.objects)), self.columns(fields))
            else:  # whose parts are few
                marks = marks_of(self._parts[finer], finer, fields)
                found: defaultdict[Mark, list[int]] = defaultdict(list)
                for mark, numbers in zip(marks, self._parts[finer].values(), strict=True):
                    found[mark].extend(numbers)
                self._parts[fields] = found
        return self._parts[fields]

    def in_classes(self, paths: Iterable[str]) -> Collection[Numbers]:
        """The same as far as it pays: one by one if there are few objects, or few are alike."""
        if len(self.objects) >= MANY:
            sample = self.sample()
            told = sample.telling(paths)
            if sample.are_alike(told):
                return self.alike(told).values()
        return [(number,) for number in range(len(self.objects))]

    def asked(self, asks: Callable[[Object], bool], paths: Iterable[str]) -> list[Object]:
        """The objects of which something is so that follows from some sections and fields."""
        objects = self.objects
        parts = self.alike(paths).values()
        return [objects[number] for numbers in parts if asks(objects[numbers[0]]) for number in numbers]

    def keys(self) -> Sequence[str]:
        """The keys of the objects."""
        self._keys = self._keys or list(map(_key, self.objects))
        return self._keys

    def texts(self, own: Own) -> Sequence[str]:
        """What of each object stands in rows of a field of its own; as most have the field, few are asked."""
        if own not in self._texts:
            found = self.given.values(own.path) or [None] * len(self.objects)
            if not all(found) or {*map(type, found)} != {str}:
                found = [
                    text if text and text.__class__ is str else own.value(obj)
                    for text, obj in zip(found, self.objects, strict=True)
                ]
            self._texts[own] = list(map(intern, found)) if own.shared else found
        return self._texts[own]

    def are_alike(self, paths: Iterable[str]) -> bool:
        """Whether so many objects are alike in some sections and fields that it is cheaper to look at one of each."""
        columns = self.columns([NAMESPACE, *paths])
        return not columns or 2 * len({*zip(*columns, strict=True)}) <= len(self.objects)

    def sample(self) -> People:
        """Some of many objects, a few neighbours here and there: pods of one workload stand side by side."""
        if self._sample is None:
            step = max(_RUN, _RUN * len(self.objects) // _SAMPLE)
            firsts = range(0, len(self.objects), step)
            self._sample = People.of(obj for first in firsts for obj in self.objects[first : first + _RUN])
        return self._sample

    def telling(self, paths: Iterable[str]) -> dict[str, None]:
        """What to compare instead of some fields: their whole section if many objects are alike in it, else the very
        value, else what it holds."""
        found: dict[str, None] = {}
        for path in paths:
            if path not in self._telling:
                candidates = path.partition(".")[0], path, f"{path}="
                self._telling[path] = next((each for each in candidates if self.are_alike([each])), path)
            found[self._telling[path]] = None
        return found

    def having(self, path: str) -> Sequence[bool]:
        """Of each object, whether a field is there and not empty, with ``+`` behind it, whether it has more than one
        value; nothing at all if no object has it."""
        values = self.given.values(path.rstrip("+"))
        if path.endswith("+"):
            return [len(each) > 1 if each else False for each in values]
        return list(map(bool, values))

    def shared(self, paths: Iterable[str]) -> dict[str, None]:
        """Instead of some fields their whole sections, as far as these are the very same ones of many objects."""
        if len(self.objects) < MANY:
            return dict.fromkeys(paths)
        sample = self.sample()
        found: dict[str, None] = {}
        for path in paths:
            section = path.partition(".")[0]
            if section not in sample._shared:
                ids = {*map(id, sample.given.section(section))}
                sample._shared[section] = 2 * len(ids) <= len(sample.objects)
            found[section if sample._shared[section] else path] = None
        return found

    def _column(self, path: str) -> Column | None:
        if path not in self._columns:
            found = self._look(path)
            self._columns[path] = None if found.count(found[0]) == len(found) else found
        return self._columns[path]

    def _look(self, path: str) -> Column:
        if path == NAMESPACE:
            values: Sequence[Any] = [obj.namespace for obj in self.objects]
        else:
            name = path.rstrip("?=")
            values = self.given.values(name) if "." in name else self.given.section(name)
        if not values or all(map(is_, values, repeat(values[0]))):
            return _SAME
        if path.endswith("?"):
            return list(map(bool, values))
        if path.endswith("="):
            return msgspec.json.Encoder().encode_lines(values).split(b"\n")[:-1]
        return [value if value.__class__ is str else id(value) for value in values]


class Own(msgspec.Struct, frozen=True):
    """A field whose text stands in rows as it is, as a whole column: it tells no objects apart.

    Attributes:
        path: the field.
        value: what of an object stands there; empty if its facts are those of an object without the field.
        shared: the same text stands in many objects.
    """

    path: str
    value: Callable[[Object], str]
    shared: bool = False

    def hidden(self, obj: Object, text: str) -> Object:
        """An object with another text in the field, if it has one."""
        if not self.value(obj):
            return obj
        section, _, field = self.path.partition(".")
        document = {**obj.document, section: {**(obj.document.get(section) or _NOTHING), field: text}}
        return msgspec.structs.replace(obj, document=document)


def rows_of(keys: Sequence[str], tail: Row) -> list[Row]:
    """The rows of some objects that differ in their keys only.

    >>> rows_of(["a", "b"], ("x", 1))
    [('a', 'x', 1), ('b', 'x', 1)]
    """
    return list(zip(keys, *map(repeat, tail), strict=False))


def touches(changed: Fields, path: str) -> bool:
    """Whether a section or field is among those that changed.

    >>> touches(frozenset({"spec", "spec.nodeName"}), "spec.nodeName?")
    True
    """
    return path.rstrip("?=") in changed or "*" in changed


def between(was: People, now: People, paths: Iterable[str], changed: Fields) -> tuple[list[Column], ...]:
    """What tells replaced objects apart in some sections and fields, in columns: in those that they kept, in the others
    as they are, and in the others as they were."""
    kept: list[str] = []
    moved: list[str] = []
    for path in paths:
        (moved if touches(changed, path) else kept).append(path)
    same, before = was.shared([NAMESPACE, *kept]), was.shared(moved)
    return was.columns(same), now.columns(moved), was.columns(before.keys() - same.keys())


def marks_of(parts: Mapping[Mark, Any], fields: Sequence[str], some: Iterable[str]) -> list[Mark]:
    """Of the marks of parts, given for some fields, what is said of some of these.

    >>> marks_of({("a", 1): [0], ("b", 1): [1]}, ["x", "y"], ["y"])
    [(1,), (1,)]
    """
    places = [fields.index(each) for each in some]
    return [tuple([mark[place] for place in places]) for mark in parts]


def classes(members: Sequence[_Any], columns: Sequence[Column]) -> Mapping[Mark, Sequence[_Any]]:
    """Members by what tells them apart, given in columns; all, if there are none."""
    if not columns:
        return {(): members}
    found: defaultdict[Mark, list[_Any]] = defaultdict(list)
    for member, mark in zip(members, zip(*columns, strict=True), strict=True):
        found[mark].append(member)
    return found
