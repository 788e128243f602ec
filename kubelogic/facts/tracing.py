"""Which fields of an object decide a fact: each is changed, and the object's own extractor is asked again.

A field decides a fact if the fact goes when the field has another value, or none. That holds for every extractor,
however it computes: nobody has to keep a path while reading, and reading costs nothing. Subtrees are tried before what
is in them, so that a long document costs little.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.cluster import Object
from kubelogic.facts.altered import changed, far, gone, other, with_value
from kubelogic.facts.base import Fact
from kubelogic.text.location import Path, Step, value_at

Extract = Callable[[Object], Iterable[Fact]]

_MANY = 4
"""More fields than this are named by what they have in common."""

_FEW = 8
"""Parts of a value up to which each is tried by itself."""

_DAMAGED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What an extractor raises over a document that no API server would take."""


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """What decides a fact.

    Attributes:
        paths: the fields, the one that matters most first. Without ``stated``, the one field that is absent, or the
            object itself (the empty path).
        stated: whether fields of the document say it.
    """

    paths: tuple[Path, ...]
    stated: bool


def decided(extract: Extract, obj: Object, fact: Fact) -> Decided | None:
    """What decides a fact of an object; None if the object does not give it.

    Args:
        extract: pure; all facts that one object gives.
        obj: whose document is tried with other values.
        fact: the predicate and the row.
    """
    search = _Search(extract, obj, fact)
    if not search.count(obj.document):
        return None
    paths = search.fields((), obj.document)
    if paths:
        return Decided(paths=_together(search.telling(paths), obj.document), stated=True)
    return Decided(paths=(_missing(search, extract, obj, fact),), stated=False)


def extant(document: Any, path: Path) -> Path:
    """The part of a path that exists."""
    for index, step in enumerate(path):
        inside = isinstance(document, Mapping) and step in document
        listed = isinstance(document, list | tuple) and isinstance(step, int) and -1 < step < len(document)
        if not inside and not listed:
            return path[:index]
        document = document[step]
    return path


class _Search:
    """Tries one fact of one object."""

    def __init__(self, extract: Extract, obj: Object, fact: Fact) -> None:
        self._extract = extract
        self._obj = obj
        self._fact = fact

    def facts(self, document: Any) -> list[Fact] | None:
        """What the object gives with another document; None if its extractor cannot read that."""
        try:
            return list(self._extract(msgspec.structs.replace(self._obj, document=document)))
        except _DAMAGED:
            return None

    def count(self, document: Any) -> int | None:
        """How often the fact is given."""
        found = self.facts(document)
        return None if found is None else found.count(self._fact)

    def fields(self, path: Path, document: Any) -> tuple[Path, ...]:
        """The innermost fields at or below a path that decide the fact, in the order of the document."""
        before = self.count(document)
        inside = value_at(document, path)
        found: list[Path] = []
        for step in self._worth_trying(document, path, _steps(inside), before):
            below = (*path, step)
            decides = self._decides(document, below, before)
            if decides or (decides is None and _steps(value_at(document, below))):
                found.extend(self.fields(below, document) or ((below,) if decides else ()))
        if found:
            return tuple(found)
        if isinstance(inside, list | tuple):
            return self._positions(path, document, before)
        return self._alone(path, document)

    def _worth_trying(self, document: Any, path: Path, steps: Sequence[Step], before: int | None) -> Iterator[Step]:
        """Of the parts of a value those that may decide: of many, halves are tried together, and halves of these."""
        if len(steps) <= _FEW:
            yield from steps
            return
        middle = len(steps) // 2
        for half in (steps[:middle], steps[middle:]):
            if self._any_decides(document, path, half, before) is not False:
                yield from self._worth_trying(document, path, half, before)

    def _decides(self, document: Any, path: Path, before: int | None) -> bool | None:
        """Whether what is at a path decides; None if the extractor cannot read the document without it."""
        return self._any_decides(document, path[:-1], path[-1:], before)

    def _any_decides(self, document: Any, path: Path, steps: Sequence[Step], before: int | None) -> bool | None:
        """The same of some parts of what is at a path together."""
        unreadable = False
        for change in (other, gone, far):
            tried = changed(document, path, steps, change)
            after = self.count(tried) if tried is not document else before
            if after is not None and after != before:
                return True
            unreadable |= after is None
        return None if unreadable else False

    def _positions(self, path: Path, document: Any, before: int | None) -> tuple[Path, ...]:
        """The item of a list which decides the fact by being there, though with no value of its own."""
        items = value_at(document, path)
        first = 0
        if len(items) > _FEW:  # with so many the fact is there once the item is

            def is_given(number: int) -> bool:
                return self.count(with_value(document, path, list(items[:number]))) == before

            first = max(bisect_left(range(len(items) + 1), True, key=is_given) - 1, 0)
        for index in range(first, len(items)):
            if self.count(with_value(document, path, list(items[: index + 1]))) == before:
                if self.count(with_value(document, path, list(items[:index]))) in (before, None):
                    break
                return ((*path, index),)
        return self._alone(path, document)

    def _alone(self, path: Path, document: Any) -> tuple[Path, ...]:
        """The fields of the first part that would do, where several parts say the same."""
        steps = _steps(value_at(document, path))
        if len(steps) < 2 or len(steps) > 100:
            return ()
        for step in steps:
            rest = document
            for each in steps:
                if each != step:
                    rest = changed(rest, path, (each,), other)
            if self.count(rest) and self._decides(rest, (*path, step), self.count(rest)):
                return self.fields((*path, step), rest) or ((*path, step),)
        return ()

    def telling(self, paths: Sequence[Path]) -> Sequence[Path]:
        """Of several fields those whose values the fact tells, before those which only let it be.

        Of the former, those without which there is no such fact: a port's number, not its protocol.
        """
        if len(paths) < 2:
            return paths
        document = self._obj.document
        usual = self._alike(document) or 0
        told = [path for path in paths if self._tells(path, usual)] or paths
        without = [(path, self._alike(changed(document, path[:-1], path[-1:], gone))) for path in told]
        return [path for path, left in without if left is not None and left < usual] or told

    def _tells(self, path: Path, usual: int) -> bool:
        """Whether another value of a field makes another fact of this one."""
        for change in (other, far):
            found = self.facts(changed(self._obj.document, path[:-1], path[-1:], change))
            if found is not None and self._fact not in found:
                return sum(predicate == self._fact[0] for predicate, _ in found) >= usual
        return False

    def _alike(self, document: Any) -> int | None:
        """How many facts of the same predicate there are; None if nobody can say."""
        found = self.facts(document)
        return None if found is None else sum(predicate == self._fact[0] for predicate, _ in found)


def _steps(value: Any) -> list[Step]:
    if isinstance(value, Mapping):
        return list(value)
    return list(range(len(value))) if isinstance(value, list | tuple) else []


def _together(paths: Sequence[Path], document: Any) -> tuple[Path, ...]:
    """Fields of one map as that map: the item of a list, the labels. Others by themselves, unless they are many."""
    if len(paths) == 1:
        return tuple(paths)
    common: Path = ()
    for steps in zip(*paths, strict=False):
        if len(set(steps)) > 1:
            break
        common = (*common, steps[0])
    inside = value_at(document, common)
    of_map = len(common) > 1 and isinstance(inside, Mapping)
    if len(paths) > _MANY or (of_map and 2 * len(paths) >= len(inside)):
        return (common,)
    found = [path for path in paths if path[-1] != "name"] or paths  # it only says of which item the rest is
    if len(found) > 1 and of_map:
        return (common,)
    return tuple(sorted(found, key=lambda path: -len(path)))


# -- what is not there -------------------------------------------------------------------------------------------


class _Watched(dict[Any, Any]):
    """A map that tells which of its fields were looked for and are not there."""

    __slots__ = ("path", "told")

    def __init__(self, value: Mapping[Any, Any], path: Path, told: list[Path]) -> None:
        super().__init__({key: _watched(each, (*path, key), told) for key, each in value.items()})
        self.path = path
        self.told = told

    def get(self, key: Any, default: Any = None) -> Any:
        """See ``dict``."""
        if not super().__contains__(key):
            self.told.append((*self.path, key))
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        if super().__contains__(key):
            return True
        self.told.append((*self.path, str(key)))
        return False


def _watched(value: Any, path: Path, told: list[Path]) -> Any:
    if isinstance(value, Mapping):
        return _Watched(value, path, told)
    return [_watched(each, (*path, i), told) for i, each in enumerate(value)] if isinstance(value, list) else value


_SAMPLES: tuple[Any, ...] = (
    "2020-01-01T00:00:00Z",
    7,
    "7",
    True,
    {"x": "x"},
    ["x"],
    [{"apiVersion": "v1", "controller": True, "kind": "x", "name": "x", "uid": "x"}],
)
"""What fields that are absent may have: times, numbers, texts, flags, labels, finalizers, owners."""


def _missing(search: _Search, extract: Extract, obj: Object, fact: Fact) -> Path:
    """The absent field that decides a fact by being absent; empty if there is none, as for its mere existence."""
    told: list[Path] = []
    watched = msgspec.structs.replace(obj, document=_Watched(obj.document, (), told))
    for found in extract(watched):
        if found == fact:
            break
    for path in _latest(told):
        if isinstance(value_at(obj.document, path[:-1]), Mapping):
            for sample in _SAMPLES:
                count = search.count(_added(obj.document, path, sample))
                if count == 0:
                    return path
    return ()


_MANY_ABSENT = 256
"""Absent fields up to which each is tried by itself."""


def _latest(told: Sequence[Path]) -> list[Path]:
    """Absent fields, the last that was looked for first; of very many, one for all items of a list."""
    paths = list(dict.fromkeys(reversed(told)))
    if len(paths) <= _MANY_ABSENT:
        return paths
    alike: dict[tuple[str, ...], Path] = {}
    for path in paths:
        alike.setdefault(tuple("" if isinstance(step, int) else step for step in path), path)
    return list(alike.values())


def _added(document: Any, path: Path, value: Any) -> Any:
    above = value_at(document, path[:-1])
    return with_value(document, path[:-1], {**above, path[-1]: value})
