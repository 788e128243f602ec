"""What changed about replaced objects: which fields, so that whoever reads others need not look."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
    found: dict[tuple[str, Fields], list[Pair]] = {}
    for old, new in pairs:
        found.setdefault((new.kind, changed_fields(old.document, new.document)), []).append((old, new))
    return [Group(kind=kind, fields=fields, pairs=pairs) for (kind, fields), pairs in found.items()]


def changed_fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> Fields:
    """The sections in which two documents differ, and the fields of these. Parts that they share cost nothing.

    >>> spec = {"containers": []}
    >>> sorted(changed_fields({"spec": spec}, {"spec": {**spec, "nodeName": "n"}}))
    ['spec', 'spec.nodeName']
    """
    found: list[str] = []
    for section in _differing(old, new):
        before, after = old.get(section) or {}, new.get(section) or {}
        if not (isinstance(before, dict) and isinstance(after, dict)):
            return EVERYTHING
        found.append(section)
        found += [f"{section}.{name}" for name in _differing(before, after)]
    return frozenset(found)


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The keys under which two mappings do not hold the very same value."""
    found = [key for key in new if key not in old or old[key] is not new[key]]
    if not old.keys() <= new.keys():
        found += [key for key in old if key not in new]
    return found
