"""What changed, revision by revision: the memory of watches and of lists at an older version.

As etcd, the store counts every change of an object: the revision after a change is the object's ``resourceVersion``.
Old changes are forgotten (compacted); who asks for them is told that they are gone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from kubelogic.cluster import Cluster, Object

Identity = tuple[str, str]
"""Kind and key of an object."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change of one object.

    Attributes:
        revision: of the store after it.
        type: what happened.
        obj: the object after it; as it was last if it is gone.
        old: the object before it; None if it is new.
        old_revision: the revision that made ``old``.
    """

    revision: int
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    obj: Object
    old: Object | None = None
    old_revision: int = 0


class History(msgspec.Struct, kw_only=True):
    """The last changes, and the clusters that they led to.

    Attributes:
        revision: of the newest change.
        versions: the revision of each object that is there.
        keep: how many changes are remembered.
    """

    revision: int = 1
    versions: dict[Identity, int] = msgspec.field(default_factory=dict)
    keep: int = 100_000
    compacted: int = 0
    _changes: deque[Change] = msgspec.field(default_factory=deque)
    _snapshots: deque[tuple[int, Cluster]] = msgspec.field(default_factory=deque)

    @classmethod
    def resumed(
        cls, *, revision: int, compacted: int, versions: dict[Identity, int], changes: Iterable[Change]
    ) -> History:
        """The history as somebody has kept it; older clusters are not in it."""
        return cls(revision=revision, versions=versions, compacted=compacted, _changes=deque(changes))

    def record(self, before: Cluster, after: Cluster) -> list[Change]:
        """Note what makes two clusters differ; each difference is one revision."""
        if before is after:
            return []
        differences = after.differences(before)
        found: list[Change] = []
        for obj in sorted(differences.gone, key=_order):
            found.append(self._change("DELETED", obj, obj))
        for old, obj in sorted(differences.replaced, key=lambda pair: _order(pair[1])):
            if old.document != obj.document:
                found.append(self._change("MODIFIED", obj, old))
        for obj in sorted(differences.come, key=_order):
            found.append(self._change("ADDED", obj, None))
        self._changes.extend(found)
        self._snapshots.append((self.revision, after))
        while len(self._changes) > self.keep:
            self.compacted = self._changes.popleft().revision
        while len(self._snapshots) > 1 and self._snapshots[0][0] <= self.compacted:
            self._snapshots.popleft()
        while len(self._snapshots) > _SNAPSHOTS:
            self._snapshots.popleft()
        return found

    def _change(self, kind: Literal["ADDED", "MODIFIED", "DELETED"], obj: Object, old: Object | None) -> Change:
        self.revision += 1
        identity = obj.kind, obj.key
        was = self.versions.get(identity, 0)
        if kind == "DELETED":
            self.versions.pop(identity, None)
        else:
            self.versions[identity] = self.revision
        return Change(revision=self.revision, type=kind, obj=obj, old=old, old_revision=was)

    def compact(self, revision: int) -> None:
        """Forget what happened up to a revision."""
        self.compacted = max(self.compacted, min(revision, self.revision))
        while self._changes and self._changes[0].revision <= self.compacted:
            self._changes.popleft()

    def since(self, revision: int) -> Iterator[Change]:
        """The changes after a revision, oldest first."""
        if not self._changes:
            return
        first = self._changes[0].revision
        start = max(revision + 1 - first, 0)
        if start >= len(self._changes):
            return
        if start > len(self._changes) // 2:
            tail = []
            for change in reversed(self._changes):
                if change.revision <= revision:
                    break
                tail.append(change)
            yield from reversed(tail)
            return
        for number, change in enumerate(self._changes):
            if number >= start:
                yield change

    def latest(self) -> Iterator[Change]:
        """All changes that are remembered, newest first."""
        return reversed(self._changes)

    def at(self, revision: int) -> Cluster | None:
        """The cluster as it was at a revision; None if it is forgotten."""
        place = bisect_right([number for number, _ in self._snapshots], revision)
        return self._snapshots[place - 1][1] if place else None

    def version_at(self, obj: Object, revision: int) -> int:
        """The version of an object of an older cluster."""
        identity = obj.kind, obj.key
        now = self.versions.get(identity, 0)
        if 0 < now <= revision:
            return now
        for change in reversed(self._changes):
            if change.old is obj:
                return change.old_revision
        return revision


_SNAPSHOTS = 2000
"""Older clusters that can be listed page by page."""


def _order(obj: Object) -> tuple[str, str]:
    return obj.kind, obj.key
