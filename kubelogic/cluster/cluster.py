"""A cluster: every object by kind and key, as an immutable value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

import msgspec

from kubelogic.cluster.objects import Object

_NOTHING: Mapping[str, Object] = MappingProxyType({})


class Differences(msgspec.Struct, frozen=True, kw_only=True):
    """What makes two clusters differ: objects that are gone, new ones, and both versions of changed ones."""

    gone: Sequence[Object]
    come: Sequence[Object]
    replaced: Sequence[tuple[Object, Object]]


class Cluster:
    """All objects of a cluster. Changing it gives a new one that shares what did not change.

    Objects are grouped by kind (kinds with the same name in two API groups do not occur among those that
    kubelogic models) and keyed by ``Object.key``. ``unread`` are kinds of which there may be more objects than could be
    read: what is not among them is unknown, not absent.
    """

    __slots__ = ("_by_kind", "unread")

    def __init__(
        self, by_kind: Mapping[str, Mapping[str, Object]] | None = None, unread: frozenset[str] = frozenset()
    ) -> None:
        self._by_kind: Mapping[str, Mapping[str, Object]] = by_kind or {}
        self.unread = unread

    @classmethod
    def of(cls, objects: Iterable[Object], unread: frozenset[str] = frozenset()) -> Cluster:
        """A cluster that holds ``objects``; a later one replaces an earlier one of the same kind and key."""
        return cls(unread=unread).replacing(objects)

    def __eq__(self, other: object) -> bool:
        """Whether two clusters hold the same objects with the same documents, wherever they were written."""
        if self is other:
            return True
        if not isinstance(other, Cluster) or self._by_kind.keys() != other._by_kind.keys():
            return False
        for kind, ours in self._by_kind.items():
            theirs = other._by_kind[kind]
            if ours is theirs:
                continue
            if ours.keys() != theirs.keys():
                return False
            if any(obj is not theirs[key] and obj.document != theirs[key].document for key, obj in ours.items()):
                return False
        return True

    def __hash__(self) -> int:
        return hash(frozenset((kind, len(objects)) for kind, objects in self._by_kind.items()))

    def __repr__(self) -> str:
        counts = ", ".join(f"{kind}: {len(self._by_kind[kind])}" for kind in sorted(self._by_kind))
        return f"<Cluster {counts or 'without objects'}>"

    def __reduce__(self) -> tuple[type[Cluster], tuple[dict[str, dict[str, Object]], frozenset[str]]]:
        return Cluster, ({kind: dict(objects) for kind, objects in self._by_kind.items()}, self.unread)

    def kinds(self) -> list[str]:
        """The kinds that have objects, sorted."""
        return sorted(self._by_kind)

    def objects(self, kind: str) -> Mapping[str, Object]:
        """The objects of one kind by key, in no promised order. Empty if there are none."""
        return self._by_kind.get(kind, _NOTHING)

    def get(self, kind: str, key: str) -> Object | None:
        """One object, or None."""
        return self._by_kind.get(kind, _NOTHING).get(key)

    def __iter__(self) -> Iterator[Object]:
        """Every object, by kind and key."""
        for kind in sorted(self._by_kind):
            objects = self._by_kind[kind]
            for key in sorted(objects):
                yield objects[key]

    def __len__(self) -> int:
        return sum(map(len, self._by_kind.values()))

    def replacing(self, objects: Iterable[Object] = (), *, without: Iterable[tuple[str, str]] = ()) -> Cluster:
        """The cluster with ``objects`` added or replaced and the ``(kind, key)`` pairs of ``without`` gone.

        Costs one shallow copy per kind that changes.
        """
        changed: dict[str, dict[str, Object]] = {}

        def writable(kind: str) -> dict[str, Object]:
            if kind not in changed:
                changed[kind] = dict(self._by_kind.get(kind, _NOTHING))
            return changed[kind]

        for kind, key in without:
            writable(kind).pop(key, None)
        for obj in objects:
            writable(obj.kind)[obj.key] = obj
        if not changed:
            return self
        by_kind = {**self._by_kind, **changed}
        return Cluster({kind: by_kind[kind] for kind in by_kind if by_kind[kind]}, self.unread)

    def changes_since(self, before: Cluster) -> tuple[list[Object], list[Object]]:
        """What to remove and what to add to turn ``before`` into this cluster.

        An object that was replaced is in both lists. Kinds that are shared unchanged cost nothing.
        """
        found = self.differences(before)
        removed = [*found.gone, *(old for old, _ in found.replaced)]
        return removed, [*found.come, *(new for _, new in found.replaced)]

    def differences(self, before: Cluster) -> Differences:
        """The same, with both versions of replaced objects side by side."""
        gone: list[Object] = []
        come: list[Object] = []
        replaced: list[tuple[Object, Object]] = []
        for kind in sorted({*self._by_kind, *before._by_kind}):
            old, new = before.objects(kind), self.objects(kind)
            if old is new:
                continue
            gone.extend([obj for key, obj in old.items() if key not in new])
            for key, obj in new.items():
                was = old.get(key)
                if was is None:
                    come.append(obj)
                elif was is not obj:
                    replaced.append((was, obj))
        return Differences(gone=gone, come=come, replaced=replaced)
