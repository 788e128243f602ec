"""What changed about replaced objects: which fields, so that whoever reads others need not look."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from kubelogic.cluster import Object
from kubelogic.cluster.objects import Document

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


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Replaced objects of one kind, and the fields that changed in any of them."""

    kind: str
    fields: Fields
    pairs: Sequence[Pair]


def grouped(pairs: Iterable[Pair]) -> list[Group]:
    """Replaced objects by kind and by what changed, roughly: the sections, and how many fields they had and have."""
    found: dict[tuple[str | int, ...], list[Pair]] = {}
    for pair in pairs:
        old, new = pair[0].document, pair[1].document
        mark: list[str | int] = [pair[1].kind]
        for section in _differing(old, new):
            mark += (section, _size(old.get(section)), _size(new.get(section)))
        found.setdefault(tuple(mark), []).append(pair)
    groups: list[Group] = []
    for alike in found.values():
        documents = [(old.document, new.document) for old, new in alike]
        groups.append(Group(kind=alike[0][1].kind, fields=_fields(documents), pairs=alike))
    return groups


def changed_fields(old: Document, new: Document) -> Fields:
    """The sections in which two documents differ, and the fields of these. Parts that they share cost nothing.

    >>> spec = {"containers": []}
    >>> sorted(changed_fields({"spec": spec}, {"spec": {**spec, "nodeName": "n"}}))
    ['spec', 'spec.nodeName']
    """
    return _fields([(old, new)])


def _fields(pairs: Sequence[tuple[Document, Document]]) -> Fields:
    """The same for pairs in which the same sections differ: what differs in any of them."""
    found: set[str] = set()
    for section in _differing(*pairs[0]):
        before, after = [[each.get(section) or {} for each in side] for side in zip(*pairs, strict=True)]
        if not all(isinstance(part, dict) for part in (*before, *after)):
            return EVERYTHING
        found.add(section)
        for name in set().union(*before, *after):
            if any(
                old.get(name, _ABSENT) is not new.get(name, _ABSENT) for old, new in zip(before, after, strict=True)
            ):
                found.add(f"{section}.{name}")
    return frozenset(found)


def _size(section: Any) -> int:
    return len(section) if isinstance(section, dict) else -1


def _differing(old: Document, new: Document) -> list[str]:
    """The sections that are not the very same value in two documents."""
    found = [section for section, value in new.items() if old.get(section, _ABSENT) is not value]
    if not old.keys() <= new.keys():
        found += [section for section in old if section not in new]
    return found


_ABSENT = object()
