"""What changed about replaced objects: which fields, so that whoever reads others need not look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, repeat
from operator import is_not
from typing import Any

from kubelogic.cluster import Object

Fields = frozenset[str]
"""Sections of documents (``status``) and fields of them (``spec.nodeName``)."""

EVERYTHING: Fields = frozenset({"*"})
"""Read by who does not say what it reads; changed where nobody can say what."""

Pair = tuple[Object, Object]
"""An object as it was, and as it is."""


def concern(changed: Fields, reads: Fields) -> bool:
    """Whether a change of some fields concerns a reader of others.

    >>> concern(frozenset({"spec", "spec.nodeName"}), frozenset({"spec.containers", "metadata"}))
    False
    """
    return not changed.isdisjoint(reads) or "*" in changed or "*" in reads


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Replaced objects of one kind in which the same fields changed."""

    kind: str
    fields: Fields
    pairs: Sequence[Pair]


def grouped(pairs: Iterable[Pair]) -> list[Group]:
    """Replaced objects by kind and changed fields."""
    found: dict[tuple[str, Names], list[Pair]] = {}
    for old, new in pairs:
        found.setdefault((new.kind, _changed_names(old.document, new.document)), []).append((old, new))
    return [Group(kind=kind, fields=_fields(names), pairs=pairs) for (kind, names), pairs in found.items()]


def changed_fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> Fields:
    """The sections in which two documents differ, and the fields of these. Parts that they share cost nothing.

    >>> spec = {"containers": []}
    >>> sorted(changed_fields({"spec": spec}, {"spec": {**spec, "nodeName": "n"}}))
    ['spec', 'spec.nodeName']
    """
    return _fields(_changed_names(old, new))


Names = tuple[tuple[str, tuple[str, ...] | None], ...]
"""Sections and names of fields in them; None for a section that is not a mapping."""


def _fields(names: Names) -> Fields:
    if any(inner is None for _, inner in names):
        return EVERYTHING
    return frozenset(
        path for section, inner in names for path in (section, *(f"{section}.{name}" for name in inner or ()))
    )


def _changed_names(old: Mapping[str, Any], new: Mapping[str, Any]) -> Names:
    found: list[tuple[str, tuple[str, ...] | None]] = []
    for section in _differing(old, new):
        before, after = old.get(section) or {}, new.get(section) or {}
        mappings = isinstance(before, dict) and isinstance(after, dict)
        found.append((section, _differing(before, after) if mappings else None))
    return tuple(found)


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys under which two mappings do not hold the very same value."""
    found = tuple(compress(new, map(is_not, new.values(), map(old.get, new, repeat(_ABSENT)))))
    if len(old) + sum([key not in old for key in found]) != len(new):
        return (*found, *(key for key in old if key not in new))
    return found


_ABSENT = object()
