"""Facts of a cluster, kept current: objects in, added and removed rows out.

A *fact module* covers a group of kinds. It has a pure function per kind from one object to its rows, so an object
that changes costs only its own rows. What needs to see many objects at once (selectors against label sets, shapes,
node classes) is a *stage*: it sees the changes of every update and reports the rows that it adds and removes.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from kubelogic.cluster import Cluster, Object

Value = str | int
Row = tuple[Value, ...]
Fact = tuple[str, Row]
"""A predicate and a row of it."""

Extractor = Callable[[Object], Iterable[Fact]]
"""The facts of one object. Pure: equal objects have equal facts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """What an update changed, by predicate. A row is never in both; predicates without change are absent."""

    added: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    removed: Mapping[str, Sequence[Row]] = field(default_factory=dict)


class Changes:
    """What happens in one update: changed objects and, growing while stages run, changed rows.

    Attributes:
        removed: objects that are gone; the old version of a changed one.
        added: objects that are new; the new version of a changed one.
        rows: predicate to row to how often it was added, less how often it was removed. Zero means no change.
        fresh: rows of objects that are new while none went, which need no such count.
    """

    __slots__ = ("_counts", "added", "fresh", "removed", "rows")

    def __init__(
        self,
        *,
        removed: Sequence[Object],
        added: Sequence[Object],
        counts: Mapping[str, dict[Row, int]] | None = None,
    ) -> None:
        self.removed = removed
        self.added = added
        self.rows: dict[str, dict[Row, int]] = {}
        self.fresh: dict[str, list[Row]] = {}
        self._counts: Mapping[str, dict[Row, int]] = counts or {}

    def add(self, predicate: str, row: Row) -> None:
        """Report a row that holds from now on; of a shared predicate, one more giver of it."""
        self.count(predicate, row, 1)

    def remove(self, predicate: str, row: Row) -> None:
        """Report a row that holds no longer; of a shared predicate, one giver less."""
        self.count(predicate, row, -1)

    def count(self, predicate: str, row: Row, by: int) -> None:
        """``add`` (``by`` 1) or ``remove`` (``by`` -1) a row."""
        kept = self._counts.get(predicate)
        if kept is not None:
            before = kept.get(row, 0)
            after = before + by
            if after:
                kept[row] = after
            else:
                del kept[row]
            if before and after:
                return
        rows = self.rows.get(predicate)
        if rows is None:
            rows = self.rows[predicate] = {}
        rows[row] = rows.get(row, 0) + by

    def came(self, predicate: str) -> list[Row]:
        """The rows of a predicate that were added so far, in the order of their first mention."""
        come = [row for row, count in self.rows.get(predicate, {}).items() if count > 0]
        fresh = self.fresh.get(predicate)
        if fresh is None:
            return come
        return [*fresh, *come] if come else fresh

    def went(self, predicate: str) -> list[Row]:
        """The rows of a predicate that were removed so far, in the order of their first mention."""
        return [row for row, count in self.rows.get(predicate, {}).items() if count < 0]


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector from going through what is being built: rows and values make no cycles."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


class Stage(Protocol):
    """Derives facts from many objects. Owned by one ``FactBase``; keeps what it needs between updates."""

    def apply(self, changes: Changes) -> None:
        """Read ``changes`` and report further rows with ``changes.add`` and ``changes.remove``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactModule:
    """One group of kinds.

    Attributes:
        name: for messages.
        extractors: kind to the facts of one object of it.
        shared: predicates whose rows several objects can give (a selector, a label set). They are counted:
            a row comes with its first giver and goes with its last.
        stages: makers of stages; they run after all extractors, in the order of the modules.
    """

    name: str
    extractors: Mapping[str, Extractor] = field(default_factory=dict)
    shared: frozenset[str] = frozenset()
    stages: tuple[Callable[[], Stage], ...] = ()


class FactBase:
    """The facts of a cluster that changes.

    >>> module = FactModule(name="demo", extractors={"Node": lambda node: [("node", (node.name,))]})
    >>> base = FactBase([module])
    >>> one = Object(api_version="v1", kind="Node", namespace="", name="n1", document={})
    >>> base.update(Cluster.of([one])).added
    {'node': [('n1',)]}
    >>> base.update(Cluster()).removed
    {'node': [('n1',)]}
    """

    def __init__(self, modules: Sequence[FactModule]) -> None:
        """An empty fact base.

        Args:
            modules: whose facts to give; ``kubelogic.facts.MODULES`` has all.
        """
        self._extractors: dict[str, list[Extractor]] = {}
        for module in modules:
            for kind, extractor in module.extractors.items():
                self._extractors.setdefault(kind, []).append(extractor)
        shared: frozenset[str] = frozenset().union(*(module.shared for module in modules))
        self._counts: dict[str, dict[Row, int]] = {predicate: {} for predicate in sorted(shared)}
        self._stages: list[Stage] = [make() for module in modules for make in module.stages]
        self._cluster = Cluster()

    @property
    def cluster(self) -> Cluster:
        """The cluster whose facts these are: that of the last update."""
        return self._cluster

    def update(self, cluster: Cluster) -> Delta:
        """Move on to another cluster.

        Args:
            cluster: usually made from the last one, so that only what changed is looked at.

        Returns:
            The rows to add and to remove, each predicate's in a deterministic order.
        """
        with uncollected():
            return self._update(cluster)

    def _update(self, cluster: Cluster) -> Delta:
        removed, added = cluster.changes_since(self._cluster)
        changes = Changes(removed=removed, added=added, counts=self._counts)
        if removed:
            for obj in added:
                self._extract(obj, changes, 1)
            for obj in removed:
                self._extract(obj, changes, -1)
        else:
            self._extract_fresh(added, changes)
        for stage in self._stages:
            stage.apply(changes)
        self._cluster = cluster
        return Delta(
            added={name: rows for name in {**changes.fresh, **changes.rows} if (rows := changes.came(name))},
            removed={name: rows for name in changes.rows if (rows := changes.went(name))},
        )

    def _extract_fresh(self, objects: Iterable[Object], changes: Changes) -> None:
        """Rows of objects when nothing went: none can meet itself again."""
        fresh, shared, count = changes.fresh, self._counts, changes.count
        for obj in objects:
            for extractor in self._extractors.get(obj.kind, ()):
                for predicate, row in extractor(obj):
                    if predicate in shared:
                        count(predicate, row, 1)
                    else:
                        try:
                            fresh[predicate].append(row)
                        except KeyError:
                            fresh[predicate] = [row]

    def _extract(self, obj: Object, changes: Changes, sign: int) -> None:
        rows, shared = changes.rows, self._counts
        for extractor in self._extractors.get(obj.kind, ()):
            for predicate, row in extractor(obj):
                if predicate in shared:
                    changes.count(predicate, row, sign)
                    continue
                counts = rows.get(predicate)
                if counts is None:
                    counts = rows[predicate] = {}
                counts[row] = counts.get(row, 0) + sign
