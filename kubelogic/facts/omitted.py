"""Notices for features that a cluster uses and the rules say they do not model (``#! omits: CODE Subject — words``).

A subject is a kind and the path of a field, ``Pod.spec.resourceClaims``; lists on the way are gone through. It may
end in ``=value`` or ``!=value``; otherwise the presence of anything but an empty value counts. A value can be
``value|SUBJECT``: what stands at that subject, or the value where nothing does;
``|SUBJECT`` again adds what stands there. Behind ``metadata.labels`` and
``metadata.annotations`` stands one key. A subject of pods also speaks of templates that pods are made from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from msgspec.structs import replace

from kubelogic.cluster import Cluster, Object
from kubelogic.facts.templates import MAKERS, template_path
from kubelogic.logic.terms import Omission
from kubelogic.patterns import regex
from kubelogic.text.notices import Notice

_SUBJECT = regex(r"(?P<kind>\w+)\.(?P<path>[\w./-]+?)(?:(?P<operator>!?=)(?P<value>.*))?$")

_Place = tuple[str | int, ...]
"""Keys and list positions that lead to a field."""

_Part = tuple[Any, list[Object]]
"""A part of documents and the objects that have it."""

_SECTIONS = frozenset({"metadata", "spec", "status"})
"""Fields of objects that hold named fields."""


class _Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What a text says: ``elsewhere`` are the subjects whose values count, too."""

    kind: str
    path: tuple[str, ...]
    operator: str
    values: frozenset[str]
    elsewhere: tuple[str, ...] = ()

    def first_use(self, tree: Any, path: tuple[str, ...]) -> _Place | None:
        """The first place at a path in a JSON tree where the subject is used."""
        for place, value in _values(tree, path):
            if self.operator == "=":
                used = str(value) in self.values
            elif self.operator == "!=":
                used = str(value) not in self.values
            else:
                used = value not in (None, "", 0, False, [], {})
            if used:
                return place
        return None


def omitted(cluster: Cluster, omissions: Iterable[Omission]) -> tuple[Notice, ...]:
    """One notice for each omission that the cluster uses, with the first place and the number of objects.

    Args:
        cluster: the objects to look at.
        omissions: of all rule files; those without a code are documentation only.

    Raises:
        ValueError: if a subject cannot be read.
    """
    found: list[Notice] = []
    parts = _Parts(cluster=cluster)
    for omission in omissions:
        if omission.code:
            subject = _in(cluster, _read(omission.subject))
            users = list(_users(parts, subject))
            if users:
                first, place = min(users, key=lambda user: (user[0].kind, user[0].key))
                found.append(
                    Notice(
                        code=omission.code,
                        message=f"{first} uses {subject.kind}.{'.'.join(subject.path)}: {omission.words}",
                        location=first.place(place),
                        count=len(users),
                    )
                )
    return tuple(sorted(found, key=lambda notice: notice.order))


@lru_cache(maxsize=1024)
def _read(text: str) -> _Subject:
    match = _SUBJECT.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a kind and the path of a field")
    value, *elsewhere = (match["value"] or "").split("|")
    return _Subject(
        kind=match["kind"],
        path=_steps(match["path"]),
        operator=match["operator"] or "",
        values=frozenset({value}),
        elsewhere=tuple(elsewhere),
    )


def _steps(path: str) -> tuple[str, ...]:
    """The steps of a path; what stands behind labels or annotations is one key, dots and all.

    >>> _steps("metadata.labels.example.com/queue")
    ('metadata', 'labels', 'example.com/queue')
    """
    steps = path.split(".")
    at = next((i + 1 for i, step in enumerate(steps) if step in ("labels", "annotations")), len(steps))
    return (*steps[:at], ".".join(steps[at:])) if steps[at:] else tuple(steps)


def _in(cluster: Cluster, subject: _Subject) -> _Subject:
    """A subject with all values that it is compared with."""
    if not subject.elsewhere:
        return subject
    first, *others = ({str(value) for value in _all_at(cluster, each)} for each in subject.elsewhere)
    return replace(subject, values=frozenset((first or subject.values).union(*others)))


def _all_at(cluster: Cluster, subject: str) -> Iterator[Any]:
    """All values that stand at a subject."""
    kind, _, path = subject.partition(".")
    for obj in cluster.objects(kind).values():
        yield from (value for _, value in _values(obj.document, _steps(path)))


class _Parts(msgspec.Struct, frozen=True, kw_only=True):
    """Parts of a cluster's objects, each once, with the objects that have it: pods of one template share theirs."""

    cluster: Cluster
    _known: dict[tuple[str, str, str], Collection[_Part]] = msgspec.field(default_factory=dict)
    _layouts: dict[tuple[str, str], Mapping[tuple[str, ...], Sequence[Object]]] = msgspec.field(default_factory=dict)
    """By kind and section: the objects by the names of the fields that they have there."""

    def of(self, kind: str, section: str, name: str) -> Collection[_Part]:
        """What the objects of a kind have as one field of a section."""
        asked = (kind, section, name)
        if asked not in self._known:
            self._known[asked] = self._find(kind, section, name)
        return self._known[asked]

    def _find(self, kind: str, section: str, name: str) -> Collection[_Part]:
        if (kind, section) not in self._layouts:
            layouts: dict[tuple[str, ...], list[Object]] = {}
            for obj in self.cluster.objects(kind).values():
                layouts.setdefault(tuple(obj.document.get(section) or ()), []).append(obj)
            self._layouts[kind, section] = layouts
        found: dict[int, _Part] = {}
        for layout, objects in self._layouts[kind, section].items():
            for obj in objects if name in layout else ():
                part = obj.document[section][name]
                known = found.get(id(part))
                if known is None:
                    found[id(part)] = part, [obj]
                else:
                    known[1].append(obj)
        return found.values()


def _users(parts: _Parts, subject: _Subject) -> Iterator[tuple[Object, _Place]]:
    """The objects that use a subject, each with the first place where it does."""
    for kind in sorted(MAKERS) if subject.kind == "Pod" else [subject.kind]:
        path = (*template_path(kind), *subject.path) if subject.kind == "Pod" else subject.path
        if len(path) > 1 and path[0] in _SECTIONS:
            section, name, *rest = path
            for part, objects in parts.of(kind, section, name):
                place = subject.first_use(part, tuple(rest))
                if place is not None:
                    yield from ((obj, (section, name, *place)) for obj in objects)
            continue
        for obj in parts.cluster.objects(kind).values():
            place = subject.first_use(obj.document, path)
            if place is not None:
                yield obj, place


def _values(tree: Any, path: tuple[str, ...]) -> Iterator[tuple[_Place, Any]]:
    """All values at a path, with the keys and list positions that lead there."""
    if not path:
        yield (), tree
    elif isinstance(tree, Mapping):
        if path[0] in tree:
            for place, value in _values(tree[path[0]], path[1:]):
                yield (path[0], *place), value
    elif isinstance(tree, list | tuple):
        for index, part in enumerate(tree):
            for place, value in _values(part, path):
                yield (index, *place), value
