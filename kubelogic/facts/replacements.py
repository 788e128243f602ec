"""What changed about replaced objects: which fields, so that whoever reads others need not look."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain, repeat
from operator import contains, is_, is_not, itemgetter
from typing import Any

import msgspec

from kubelogic.cluster import Object
from kubelogic.facts.alike import EVERYTHING, Column, Fields, People, between, classes

__all__ = ["EVERYTHING", "Fields", "Group", "Pair", "changed_fields", "concern", "grouped"]

Pair = tuple[Object, Object]
"""An object as it was, and as it is."""


def concern(changed: Fields, reads: Fields) -> bool:
    """Whether a change of some fields concerns a reader of others.

    >>> concern(frozenset({"spec", "spec.nodeName"}), frozenset({"spec.containers", "metadata"}))
    False
    """
    return not changed.isdisjoint(reads) or "*" in changed or "*" in reads


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Replaced objects of one kind, and the fields that changed in any of them.

    Attributes:
        kind: of all of them.
        fields: see ``changed_fields``.
        pairs: the objects.
        was: the objects as they were, in the order of the pairs.
        now: the objects as they are, in the order of the pairs.
    """

    kind: str
    fields: Fields
    pairs: Sequence[Pair]
    was: People
    now: People

    def alike(self, paths: Iterable[str]) -> Collection[Sequence[Pair]]:
        """The pairs that have the very same values in some sections and fields, as they were and as they are."""
        return classes(self.pairs, [*chain(*between(self.was, self.now, paths, self.fields))]).values()


def grouped(pairs: Iterable[Pair]) -> list[Group]:
    """Replaced objects by kind, by the sections that changed, and by the names of the fields in these."""
    by_kind: defaultdict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        by_kind[pair[1].kind].append(pair)
    return [group for kind, found in by_kind.items() for group in _of_kind(kind, found)]


def changed_fields(old: Object, new: Object) -> Fields:
    """The sections in which an object changed, and the fields of these. Parts that were kept cost nothing.

    >>> spec, old = {"containers": []}, Object(api_version="v1", kind="Pod", namespace="", name="p", document={})
    >>> was, now = (msgspec.structs.replace(old, document={"spec": each}) for each in (spec, {**spec, "nodeName": "n"}))
    >>> sorted(changed_fields(was, now))
    ['spec', 'spec.nodeName']
    """
    return next(fields for fields, _ in _parts(_differing(People.of([old]), People.of([new])), [0], _names))


def _of_kind(kind: str, pairs: Sequence[Pair]) -> Iterator[Group]:
    was, now = People.of([old for old, _ in pairs]), People.of([new for _, new in pairs])
    differing = _differing(was, now)
    parts: dict[Fields, list[int]] = {}
    for fields, part in _parts(differing, range(len(pairs)), _sizes):
        parts.setdefault(fields, []).extend(part)
    for fields, part in parts.items():
        if len(parts) > 1:
            some = [pairs[at] for at in part]
            yield Group(
                kind=kind,
                fields=fields,
                pairs=some,
                was=People.of([old for old, _ in some]),
                now=People.of([new for _, new in some]),
            )
        else:
            yield Group(kind=kind, fields=fields, pairs=pairs, was=was, now=now)


_Differing = tuple[str, Sequence[Any], Sequence[Any]]
"""A section that is not the very same value in some of objects: that of each, as it was and as it is."""


def _differing(was: People, now: People) -> list[_Differing]:
    had, have = was.given, now.given
    names = dict.fromkeys([*had.sections(), *have.sections()])
    both = [(name, had.section(name), have.section(name)) for name in names]
    return [each for each in both if any(map(is_not, each[1], each[2]))]


def _sizes(parts: Sequence[Any]) -> Column:
    if {*map(type, parts)} == {dict}:
        return list(map(len, parts))
    return [len(part) if isinstance(part, dict) else None for part in parts]


def _names(parts: Sequence[Any]) -> Column:
    return [tuple(part) if isinstance(part, dict) else None for part in parts]


def _is_one(parts: Sequence[Any]) -> bool:
    """Whether all are the very same."""
    return all(map(is_, parts, repeat(parts[0])))


def _parts(
    differing: Sequence[_Differing], members: Sequence[int], layout: Callable[[Sequence[Any]], Column]
) -> Iterator[tuple[Fields, Sequence[int]]]:
    """Numbers of objects by what changed: those in which the same sections differ, with fields of the same names.

    To count fields is quicker than to compare their names: it is seen later whether these are the same, too.
    """
    columns: list[Column] = []
    for _, before, after in differing:
        if _is_one(before) and _is_one(after):
            continue
        layouts = [layout(before), layout(after)]
        kept = list(map(is_, before, after))
        if any(kept):
            layouts = [[None if same else (had, has) for same, had, has in zip(kept, *layouts, strict=True)]]
        columns.extend([column for column in layouts if column.count(column[0]) < len(column)])
    for part in classes(range(len(members)), columns).values():
        sides = differing
        if len(part) < len(members):
            sides = [
                (name, [before[at] for at in part], [after[at] for at in part]) for name, before, after in differing
            ]
        found = _fields(sides)
        if found is None:
            yield from _parts(sides, [members[at] for at in part], _names)
        else:
            yield found, [members[at] for at in part] if sides is not differing else members


def _fields(differing: Sequence[_Differing]) -> Fields | None:
    """What differs in any of some objects in which the same sections differ, with as many fields; None if these do not
    have the same names."""
    found: set[str] = set()
    for section, before, after in differing:
        had, has = before[0], after[0]
        if had is has:
            continue
        if not (isinstance(had, dict) and isinstance(has, dict)):
            return EVERYTHING
        kept = [name for name in had.keys() & has.keys() if had[name] is has[name]]
        moved = (had.keys() | has.keys()).difference(kept)
        if not (_is_one(before) and _is_one(after)):
            for names, parts in ((had.keys(), before), (has.keys(), after)):
                if not all(all(map(contains, parts, repeat(name))) for name in names - kept):
                    return None
            try:
                if _differ(kept, before, after):
                    moved.update([name for name in kept if _differ([name], before, after)])
            except KeyError:
                return None
        found.update([section, *(f"{section}.{name}" for name in moved)])
    return frozenset(found)


def _differ(names: Sequence[str], before: Sequence[Any], after: Sequence[Any]) -> bool:
    """Whether any of some fields is not the very same value in any of some parts: all fields are got at once."""
    if len(names) > 1:
        values = itemgetter(*names)
        both = [chain.from_iterable(map(values, parts)) for parts in (before, after)]
        return any(map(is_not, *both))
    return any(any(map(is_not, map(itemgetter(name), before), map(itemgetter(name), after))) for name in names)
