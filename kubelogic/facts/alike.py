"""Facts of objects that are alike: found once, however many objects hold the very same values.

The pods of a template share its spec, those that started together their conditions. What a reader finds for one
of them is true of all, but for the key: it is asked about a *stand-in*, and its rows are a pattern for the rest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
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

_NAME = "\0"
"""The name of a stand-in, which no object can have."""

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


class People:
    """Objects, and what tells them apart in each field, found once for all readers."""

    __slots__ = ("_columns", "_sample", "_shared", "_telling", "given", "objects")

    def __init__(self, given: Columns) -> None:
        self.given = given
        self.objects = given.objects
        self._columns: dict[str, Column | None] = {}
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

    def alike(self, paths: Iterable[str]) -> Collection[Sequence[Object]]:
        """The objects of one namespace that have the very same values in some sections and fields."""
        return classes(self.objects, self.columns([NAMESPACE, *paths])).values()

    def in_classes(self, paths: Iterable[str]) -> Iterable[Sequence[Object]]:
        """The same as far as it pays: one by one if there are few objects, or few are alike."""
        if len(self.objects) >= MANY:
            sample = self.sample()
            told = sample.telling(paths)
            if sample.are_alike(told):
                return self.alike(told)
        return [(obj,) for obj in self.objects]

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
        return [bool(each and len(each) > 1) for each in values] if path.endswith("+") else list(map(bool, values))

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

    def texts(self, objects: Sequence[Object]) -> list[str]:
        """What of each of some objects stands in rows; as most have the field, few are asked."""
        section, _, field = self.path.partition(".")
        found: list[Any] = [(obj.document.get(section) or _NOTHING).get(field) for obj in objects]
        if not all(found) or set(map(type, found)) != {str}:
            found = [
                text if text and text.__class__ is str else self.value(obj)
                for text, obj in zip(found, objects, strict=True)
            ]
        return list(map(intern, found)) if self.shared else found

    def hidden(self, obj: Object, text: str) -> Object:
        """An object with another text in the field, if it has one."""
        if not self.value(obj):
            return obj
        section, _, field = self.path.partition(".")
        document = {**obj.document, section: {**(obj.document.get(section) or _NOTHING), field: text}}
        return msgspec.structs.replace(obj, document=document)


class Patterns:
    """Readers that are asked together about stand-ins during one update.

    Text is compared; other values are told apart by identity, which costs nothing and holds as long as the clusters
    before and after the update live: an instance must not outlive it.
    """

    __slots__ = ("_extracts", "_own", "_paths")

    def __init__(
        self, extracts: Sequence[tuple[Callable[[Object], Iterable[Fact]], Own | None]], by: Iterable[str]
    ) -> None:
        """Nothing is asked yet.

        Args:
            extracts: the functions of the readers. They may use the key of the object as the first column of rows,
                which are then not shared with other objects, its namespace, what is its own, and nothing else of its
                identity.
            by: the sections (``spec``) and fields (``status.phase``) that decide what they find.
        """
        self._extracts = extracts
        self._own = {_own_text(own, old=old): own for _, own in extracts if own is not None for old in (False, True)}
        self._paths = tuple(by)

    def of(self, people: People) -> Iterator[tuple[Pattern, Sequence[Object]]]:
        """The facts of objects, and those that have them."""
        for having in people.alike(self._paths):
            yield self._ask(having[0]), having

    def steps(
        self, was: People, now: People, changed: Fields
    ) -> Iterator[tuple[Pattern, Pattern, Sequence[tuple[Object, Object]]]]:
        """The facts of replaced objects as they were and as they are, and the objects that have them, old and new.

        Args:
            was: the objects as they were.
            now: the same as they are.
            changed: the fields that changed: in others both are alike.
        """
        same, after, before = between(was, now, self._paths, changed)
        asked_before: dict[Mark, Pattern] = {}
        asked_after: dict[Mark, Pattern] = {}
        pairs = list(zip(was.objects, now.objects, strict=True))
        at, to = len(same), len(same) + len(after)
        for mark, having in classes(pairs, [*same, *after, *before]).items():
            old, new = having[0]
            is_mark, was_mark = mark[:to], mark[:at] + mark[to:]
            yield (
                asked_before.get(was_mark) or asked_before.setdefault(was_mark, self._ask(old, changed)),
                asked_after.get(is_mark) or asked_after.setdefault(is_mark, self._ask(new)),
                having,
            )

    def rows(self, objects: Sequence[Object]) -> Callable[[Row], Iterable[Row]]:
        """What gives the rows of objects that have the columns after the key, but for what is their own, in common."""
        keys = list(map(_key, objects))
        texts: dict[Value, Sequence[str]] = {}

        def rows_of(tail: Row) -> Iterable[Row]:
            for each in self._own.keys() & tail:
                texts.setdefault(each, self._own[each].texts(objects))
            return zip(keys, *[texts.get(each) or repeat(each) for each in tail], strict=False)

        return rows_of

    def _ask(self, obj: Object, changed: Fields = frozenset()) -> Pattern:
        """The facts of a stand-in; what is its own is told from what it will be if it is among fields that change."""
        whole = msgspec.structs.replace(obj, name=_NAME, key="")
        keyed: list[Fact] = []
        common: list[Fact] = []
        for extract, own in self._extracts:
            hidden = _own_text(own, old=touches(changed, own.path)) if own else ""
            stand_in = own.hidden(whole, hidden) if own else whole
            for predicate, row in extract(stand_in):
                tail = row[1:] if row[0] == stand_in.key else row
                if any(
                    isinstance(value, str) and _NAME in value and (value != hidden or tail is row) for value in tail
                ):
                    raise ValueError(f"{predicate}: only the first column may depend on an object's name, not {tail!r}")
                if tail is row:
                    common.append((predicate, row))
                else:
                    keyed.append((predicate, tail))
        return Pattern(list(dict.fromkeys(keyed)), common)


def _own_text(own: Own, *, old: bool) -> str:
    """What stands for an object's own text, as it is or as it was."""
    return f"{_NAME}{own.path}{'~' if old else ''}"


def common(uses: Mapping[Pattern, int]) -> list[tuple[str, Row, int]]:
    """Facts without a key, and how many more objects give them now than before; those with more come first."""
    counted = [(*fact, count) for pattern, count in uses.items() if count for fact in pattern.common]
    return sorted(counted, key=lambda given: -given[2])


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


def classes(members: Sequence[_Any], columns: Sequence[Column]) -> Mapping[Mark, Sequence[_Any]]:
    """Members by what tells them apart, given in columns; all, if there are none."""
    if not columns:
        return {(): members}
    found: defaultdict[Mark, list[_Any]] = defaultdict(list)
    for member, mark in zip(members, zip(*columns, strict=True), strict=True):
        found[mark].append(member)
    return found
