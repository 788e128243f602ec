"""A cluster: every object by kind and key, as an immutable value."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from types import MappingProxyType
from typing import Any, TypeVar
from weakref import ref

import msgspec

from kubelogic.cluster.columns import Columns
from kubelogic.cluster.objects import Object

T = TypeVar("T")

_NOTHING: Mapping[str, Object] = MappingProxyType({})
_STEPS = 8
_MANY = 1_000
"""So many changes back it is known which objects were touched, unless they are more: nobody has to look for them."""

_Touched = Mapping[str, dict[str, None]]
"""Keys of objects by kind, in order: those that came, went or were replaced, and perhaps others."""


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

    __slots__ = ("__weakref__", "_by_kind", "_columns", "_kept", "_near", "unread")

    def __init__(
        self, by_kind: Mapping[str, Mapping[str, Object]] | None = None, unread: frozenset[str] = frozenset()
    ) -> None:
        self._by_kind: Mapping[str, Mapping[str, Object]] = by_kind or {}
        self._near: _Near = ()
        self._columns: dict[str, Columns] = {}
        self._kept: dict[str, Any] = {}
        self.unread = unread

    @classmethod
    def of(cls, objects: Iterable[Object], unread: frozenset[str] = frozenset()) -> Cluster:
        """A cluster that holds ``objects``; a later one replaces an earlier one of the same kind and key."""
        return cls(unread=unread).replacing(objects)

    def with_unread(self, kinds: frozenset[str]) -> Cluster:
        """The same objects where there may be more of some kinds."""
        if kinds == self.unread:
            return self
        made = Cluster(self._by_kind, kinds)
        made._columns = self._columns
        return made

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

    def columns(self, kind: str) -> Columns:
        """The fields of the objects of a kind, in the order of ``objects``; got once as long as none changes."""
        found = self._columns.get(kind)
        if found is None:
            found = self._columns[kind] = Columns(self.objects(kind).values())
        return found

    def kept(self, name: str, make: Callable[[], T]) -> T:
        """What is made of this cluster, made once: a cluster never changes.

        Args:
            name: of what is made; of nothing that depends on anything else than the cluster.
            make: makes it. Not the cluster itself, which would keep itself alive.
        """
        if name not in self._kept:
            self._kept[name] = make()
        found: T = self._kept[name]
        return found

    def followed(self, name: str, make: Callable[[Cluster], T], renew: Callable[[T, Cluster, Cluster], T]) -> T:
        """What is kept of a cluster and made of that of another from which it came by few changes, if one is in use.

        Args:
            name: as for ``kept``.
            make: makes it of a cluster.
            renew: makes it of what was made of an earlier cluster, of this one and of the present one.
        """
        if name not in self._kept:
            alive = [older for near, _ in self._near if (older := near()) is not None]
            older = next((each for each in alive if name in each._kept), alive[-1] if alive else None)
            if older is None:
                self._kept[name] = make(self)
            else:  # which lets others that come from it have what it keeps, too
                self._kept[name] = renew(older.kept(name, partial(make, older)), older, self)
        found: T = self._kept[name]
        return found

    def of_each(self, name: str, kind: str, read: Callable[[Columns], Iterable[T]]) -> Mapping[str, T]:
        """What is read of each object of a kind, by key, where there is anything; it is kept.

        Args:
            name: as for ``kept``.
            kind: of which objects.
            read: reads it of objects, of one after the other, and depends on nothing else; of none if none has any.
        """

        def read_of(columns: Columns) -> dict[str, T]:
            return {obj.key: value for obj, value in zip(columns.objects, read(columns), strict=False) if value}

        def renewed(known: Mapping[str, T], before: Cluster, now: Cluster) -> Mapping[str, T]:
            changes = now.differences(before, (kind,))
            found = dict(known)
            for obj in (*changes.gone, *(old for old, _ in changes.replaced)):
                found.pop(obj.key, None)
            found.update(read_of(Columns([*changes.come, *(new for _, new in changes.replaced)])))
            return found

        return self.followed(name, lambda cluster: read_of(cluster.columns(kind)), renewed)

    def everything(self) -> Iterator[Object]:
        """Every object, in no promised order, which takes less time than by kind and key."""
        return chain.from_iterable(objects.values() for objects in self._by_kind.values())

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
        gone: dict[str, list[str]] = {}
        for kind, key in without:
            gone.setdefault(kind, []).append(key)
        come: dict[str, dict[str, Object]] = {}
        for obj in objects:
            come.setdefault(obj.kind, {})[obj.key] = obj
        if not gone and not come:
            return self
        by_kind = dict(self._by_kind)
        for kind in dict.fromkeys([*gone, *come]):
            kept = by_kind[kind] = dict(by_kind.get(kind, _NOTHING))
            for key in gone.get(kind, ()):
                kept.pop(key, None)
            kept.update(come.get(kind, _NOTHING))
        made = Cluster({kind: objects for kind, objects in by_kind.items() if objects}, self.unread)
        made._columns = {kind: found for kind, found in self._columns.items() if kind not in gone and kind not in come}
        if sum(map(len, (*gone.values(), *come.values()))) <= _MANY:
            made._near = self._followed_by(
                {kind: dict.fromkeys([*gone.get(kind, ()), *come.get(kind, ())]) for kind in {**gone, **come}}
            )
        return made

    def _followed_by(self, touched: _Touched) -> _Near:
        """This cluster and those that it came from and that are used, each with what was touched since, if few."""
        near: list[tuple[ref[Cluster], _Touched]] = [(ref(self), touched)]
        used = [each for each in self._near if each[0]() is not None]
        for older, since in used[: _STEPS - 1]:
            both = {kind: since.get(kind, {}) | touched.get(kind, {}) for kind in {**since, **touched}}
            if sum(map(len, both.values())) > _MANY:
                break
            near.append((older, both))
        return tuple(near)

    def sharing(self, other: Cluster) -> Cluster:
        """The same cluster with the objects of another where they say the same and were written in the same place.

        What was found out about the other then costs nothing here.
        """
        same = [
            theirs
            for kind, ours in self._by_kind.items()
            for key, obj in ours.items()
            if (theirs := other.get(kind, key)) is not None
            and _place(theirs) == _place(obj)
            and theirs.document == obj.document
        ]
        return self.replacing(same)

    def changes_since(self, before: Cluster) -> tuple[list[Object], list[Object]]:
        """What to remove and what to add to turn ``before`` into this cluster.

        An object that was replaced is in both lists. Kinds that are shared unchanged cost nothing.
        """
        found = self.differences(before)
        removed = [*found.gone, *(old for old, _ in found.replaced)]
        return removed, [*found.come, *(new for _, new in found.replaced)]

    def differences(self, before: Cluster, kinds: Collection[str] | None = None) -> Differences:
        """The same, with both versions of replaced objects side by side.

        Where few objects were touched on the way from ``before``, others are not looked at. The order is not promised.

        Args:
            before: the earlier cluster.
            kinds: of which objects; None for all.
        """
        gone: list[Object] = []
        come: list[Object] = []
        replaced: list[tuple[Object, Object]] = []
        touched = next((since for older, since in self._near if older() is before), None)
        for kind in sorted({*self._by_kind, *before._by_kind} if kinds is None else kinds):
            old, new = before.objects(kind), self.objects(kind)
            if old is new:
                continue
            if not old or not new:
                gone += old.values()
                come += new.values()
                continue
            if touched is not None:
                old, new = ({key: objects[key] for key in touched[kind] if key in objects} for objects in (old, new))
            gone.extend([obj for key, obj in old.items() if key not in new])
            for key, obj in new.items():
                was = old.get(key)
                if was is None:
                    come.append(obj)
                elif was is not obj:
                    replaced.append((was, obj))
        return Differences(gone=gone, come=come, replaced=replaced)


def _place(obj: Object) -> tuple[str, int, int] | None:
    """In which file an object was written, and as the how-many-th there; None if no file holds it."""
    return obj.origin.order if obj.origin is not None else None


_Near = tuple[tuple[ref[Cluster], _Touched], ...]
"""Clusters that one came from, nearest first, each with what was touched since."""
