"""Notices for features that a cluster uses and the rules say they do not model (``#! omits: CODE Subject — words``).

A subject is a kind and the path of a field, ``Pod.spec.resourceClaims``; lists on the way are gone through. It may
end in ``=value`` or ``!=value``; otherwise the presence of anything but an empty value counts. A subject of pods
also speaks of templates that pods are made from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kubelogic.cluster import Cluster, Object
from kubelogic.logic.terms import Omission
from kubelogic.manifests.notices import Notice

_SUBJECT = re.compile(r"(?P<kind>\w+)\.(?P<path>[\w./-]+?)(?:(?P<operator>!?=)(?P<value>.*))?$")
_TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "Pod": (),
    "DaemonSet": ("spec", "template"),
    "Deployment": ("spec", "template"),
    "Job": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "ReplicationController": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    kind: str
    path: tuple[str, ...]
    operator: str
    value: str

    def used_by(self, document: Any) -> Iterator[tuple[str | int, ...]]:
        """The places in a document where the subject is used."""
        for place, value in _values(document, self.path):
            if self.operator == "=":
                used = str(value) == self.value
            elif self.operator == "!=":
                used = str(value) != self.value
            else:
                used = value not in (None, "", 0, False, [], {})
            if used:
                yield place


def omitted(cluster: Cluster, omissions: Iterable[Omission]) -> tuple[Notice, ...]:
    """One notice for each omission that the cluster uses, with the first place and the number of objects.

    Args:
        cluster: the objects to look at.
        omissions: of all rule files; those without a code are documentation only.

    Raises:
        ValueError: if a subject cannot be read.
    """
    found: list[Notice] = []
    for omission in omissions:
        if omission.code:
            subject = _read(omission.subject)
            users = list(_users(cluster, subject))
            if users:
                first, place = min(users, key=lambda user: (user[0].kind, user[0].key))
                found.append(
                    Notice(
                        code=omission.code,
                        message=f"{first} uses {subject.kind}.{'.'.join(subject.path)}: {omission.words}",
                        location=first.origin.locate(place) if first.origin else None,
                        count=len(users),
                    )
                )
    return tuple(sorted(found, key=lambda notice: notice.order))


def _read(text: str) -> _Subject:
    match = _SUBJECT.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a kind and the path of a field")
    return _Subject(
        kind=match["kind"],
        path=tuple(match["path"].split(".")),
        operator=match["operator"] or "",
        value=match["value"] or "",
    )


def _users(cluster: Cluster, subject: _Subject) -> Iterator[tuple[Object, tuple[str | int, ...]]]:
    """The objects that use a subject, each with the first place where it does."""
    for kind in sorted(_TEMPLATES) if subject.kind == "Pod" else [subject.kind]:
        prefix = _TEMPLATES[kind] if subject.kind == "Pod" else ()
        path = (*prefix, *subject.path)
        for obj in cluster.objects(kind).values():
            if not _leads_on(obj.document, path):
                continue
            document: Any = obj.document
            for name in prefix:
                document = (document or {}).get(name)
            place = next(subject.used_by(document), None)
            if place is not None:
                yield obj, (*prefix, *place)


def _leads_on(document: Any, path: tuple[str, ...]) -> bool:
    """Whether a document has anything at the first two steps of a path: most objects lack what is omitted."""
    section = document.get(path[0])
    return bool(section) and (len(path) == 1 or not isinstance(section, dict) or path[1] in section)


def _values(tree: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
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
