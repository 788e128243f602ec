"""Facts of a cluster, kept current: objects in, added and removed rows out.

A *fact module* covers a group of kinds. It has pure functions per kind from one object to its rows, so an object
that changes costs only its own rows; a function that says which fields it *reads* is not even asked when others
change. What needs to see many objects at once (selectors against label sets, shapes, node classes) is a *stage*: it
sees the changes of every update and reports the rows that it adds and removes.
"""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, repeat
from typing import Protocol

import msgspec

from kubelogic.cluster import Cluster, Object
from kubelogic.facts.alike import Fact, Numbers, People, Row, Value
from kubelogic.facts.patterns import Pattern, Patterns, common
from kubelogic.facts.readers import Extractor, Reader, reader, readers_of, together, whether
from kubelogic.facts.replacements import EVERYTHING, Fields, Group, concern, grouped

__all__ = [
    "Changes",
    "Delta",
    "Extractor",
    "Fact",
    "FactBase",
    "FactModule",
    "Reader",
    "Row",
    "Stage",
    "Value",
    "World",
    "reader",
    "readers_of",
    "whether",
]


_NO_ROWS: Mapping[Row, int] = {}

_FEW = 8
"""Facts of an object that are quicker to go through than to make a set of."""


class Delta(msgspec.Struct, frozen=True, kw_only=True):
    """What an update changed, by predicate. A row is never in both; predicates without change are absent."""

    added: Mapping[str, Sequence[Row]] = msgspec.field(default_factory=dict)
    removed: Mapping[str, Sequence[Row]] = msgspec.field(default_factory=dict)


class Changes:
    """What happens in one update: changed objects and, growing while stages run, changed rows.

    Attributes:
        before: the cluster of the update before.
        after: the cluster of this update.
        gone: objects that are gone for good.
        come: objects that were not there before.
        newcomers: the same by kind.
        leavers: those that are gone by kind.
        replaced: objects that have another version now, by what changed about them.
        rows: predicate to row to how often it was added, less how often it was removed. Zero means no change. Rows that
            ``count_all`` was given are kept apart, without counts.
    """

    __slots__ = ("_all", "_counts", "after", "before", "come", "gone", "leavers", "newcomers", "replaced", "rows")

    def __init__(self, *, before: Cluster, after: Cluster, counts: Mapping[str, dict[Row, int]] | None = None) -> None:
        found = after.differences(before)
        self.before, self.after = before, after
        self.gone, self.come = found.gone, found.come
        self.newcomers = {kind: _people(after, kind, objects) for kind, objects in _by_kind(found.come).items()}
        self.leavers = {kind: _people(before, kind, objects) for kind, objects in _by_kind(found.gone).items()}
        self.replaced: Sequence[Group] = grouped(found.replaced)
        self.rows: dict[str, dict[Row, int]] = {}
        self._all: dict[int, dict[str, list[Row]]] = {1: {}, -1: {}}
        self._counts: Mapping[str, dict[Row, int]] = counts or {}

    def changed(
        self, reads: Fields = EVERYTHING, *, kinds: Container[str] | None = None
    ) -> tuple[list[Object], list[Object]]:
        """Objects that are gone and objects that are new, both versions of replaced ones included.

        Args:
            reads: objects of which none of these fields changed are left out.
            kinds: objects of other kinds are left out.
        """
        groups = [
            group for group in self.replaced if (kinds is None or group.kind in kinds) and concern(group.fields, reads)
        ]
        gone, come = (
            [obj for obj in objects if kinds is None or obj.kind in kinds] for objects in (self.gone, self.come)
        )
        gone.extend(old for group in groups for old, _ in group.pairs)
        come.extend(new for group in groups for _, new in group.pairs)
        return gone, come

    def sides(self, reads: Fields = EVERYTHING) -> Iterator[tuple[People, int]]:
        """The same, those of one kind in which the same fields changed together: with -1 those that are gone, with 1
        those that are new."""
        groups = [group for group in self.replaced if concern(group.fields, reads)]
        yield from ((people, -1) for people in (*self.leavers.values(), *(group.was for group in groups)))
        yield from ((people, 1) for people in (*self.newcomers.values(), *(group.now for group in groups)))

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
            by = 1 if after else -1  # whether it holds is what is told, however many give it
        rows = self.rows.get(predicate)
        if rows is None:
            rows = self.rows[predicate] = {}
        rows[row] = rows.get(row, 0) + by

    def count_all(self, predicate: str, rows: Iterable[Row], by: int) -> None:
        """``count`` for rows that differ from each other, of a predicate whose rows have one giver each."""
        known = self._all[by].get(predicate)
        if known is None:
            self._all[by][predicate] = [*rows]
        else:
            known.extend(rows)

    def came(self, predicate: str) -> list[Row]:
        """The rows of a predicate that were added so far, in the order of their first mention."""
        self._tidy(predicate)
        come = [row for row, count in self.rows.get(predicate, _NO_ROWS).items() if count > 0]
        return [*self._all[1].get(predicate, ()), *come]

    def went(self, predicate: str) -> list[Row]:
        """The rows of a predicate that were removed so far, in the order of their first mention."""
        self._tidy(predicate)
        gone = [row for row, count in self.rows.get(predicate, _NO_ROWS).items() if count < 0]
        return [*self._all[-1].get(predicate, ()), *gone]

    def net(self) -> Delta:
        """What was added and removed so far."""
        names = {**self._all[1], **self._all[-1], **self.rows}
        return Delta(
            added={name: rows for name in names if (rows := self.came(name))},
            removed={name: rows for name in names if (rows := self.went(name))},
        )

    def _tidy(self, predicate: str) -> None:
        """Count the rows of ``count_all``, too, if any of them was mentioned otherwise as well."""
        come, gone = self._all[1].get(predicate, ()), self._all[-1].get(predicate, ())
        counted = self.rows.get(predicate, _NO_ROWS)
        sides = [side for side in (come, gone, counted) if side]
        if len(sides) > 1 and len(set().union(*sides)) < sum(map(len, sides)):
            rows = self.rows[predicate] = dict(counted)
            for row, by in chain(zip(come, repeat(1)), zip(gone, repeat(-1))):
                rows[row] = rows.get(row, 0) + by
            self._all[1].pop(predicate, None)
            self._all[-1].pop(predicate, None)


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


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What the facts of one object that a stage gives depend on beside the object: read when a fact is traced.

    Attributes:
        cluster: all objects.
        rows: the given rows of a predicate that have the given values in the given columns.
    """

    cluster: Cluster
    rows: Callable[[str, Mapping[int, Value]], Iterable[Row]]


def _nothing(world: World) -> Mapping[str, Extractor]:  # noqa: ARG001 - whatever it is
    return {}


class FactModule(msgspec.Struct, frozen=True, kw_only=True):
    """One group of kinds.

    Attributes:
        name: for messages.
        extractors: kind to the facts of one object of it, as one function of all of it or as readers of its parts.
        shared: predicates whose rows several objects can give (a selector, a label set). They are counted:
            a row comes with its first giver and goes with its last.
        stages: makers of stages; they run after all extractors, in the order of the modules.
        traced: what the stages give of one object, by its kind (``*``: of any), so that ``places`` can find the fields
            that decide. Constants that stand for many objects (shapes, classes, programs) are those that the world has.
        composed: predicates of a stage that follow from other facts, and these.
        gives: for a module that only some questions need, the predicates that no other module gives: where none of
            them matters, its facts are not made.
    """

    name: str
    extractors: Mapping[str, Extractor | Sequence[Reader]] = msgspec.field(default_factory=dict)
    shared: frozenset[str] = frozenset()
    stages: tuple[Callable[[], Stage], ...] = ()
    traced: Callable[[World], Mapping[str, Extractor]] = _nothing
    composed: Mapping[str, Callable[[Row], Sequence[Fact]]] = msgspec.field(default_factory=dict)
    gives: frozenset[str] = frozenset()


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
        self._readers: dict[str, list[Reader]] = {}
        for module in modules:
            for kind, given in module.extractors.items():
                self._readers.setdefault(kind, []).extend(readers_of(given))
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
        changes = Changes(before=self._cluster, after=cluster, counts=self._counts)
        for found, by in ((changes.newcomers, 1), (changes.leavers, -1)):
            for kind, people in found.items():
                self._give(self._readers.get(kind, ()), people, by, changes)
        for group in changes.replaced:
            concerned = [each for each in self._readers.get(group.kind, ()) if concern(group.fields, each.reads)]
            self._replace(concerned, group, changes)
        for stage in self._stages:
            stage.apply(changes)
        self._cluster = cluster
        return changes.net()

    def _give(self, readers: Sequence[Reader], people: People, by: int, changes: Changes) -> None:
        """Facts of objects that are new (``by`` 1) or gone (-1)."""
        stand_ins, readers = together(readers, people)
        for patterns in stand_ins:
            uses: dict[Pattern, int] = {}
            givers: defaultdict[Fact, list[Numbers]] = defaultdict(list)
            for pattern, numbers in patterns.of(people):
                uses[pattern] = by * len(numbers)
                for fact in pattern.keyed:
                    givers[fact].append(numbers)
            for (predicate, tail), parts in givers.items():
                changes.count_all(predicate, patterns.rows(people, parts, tail), by)
            for predicate, row, count in common(uses):
                changes.count(predicate, row, count)
        for each in readers:
            found: dict[str, list[Row]] = {}
            for obj in each.concerned(people):
                key = obj.key
                for predicate, row in each.extract(obj):
                    if row[0] is not key or predicate in self._counts:
                        changes.count(predicate, row, by)
                    elif predicate in found:
                        found[predicate].append(row)
                    else:
                        found[predicate] = [row]
            for predicate, rows in found.items():
                changes.count_all(predicate, dict.fromkeys(rows), by)

    def _replace(self, readers: Sequence[Reader], group: Group, changes: Changes) -> None:
        """Facts of objects that have another version now: those that were, and in the same order those that are."""
        stand_ins, readers = together(readers, group.now)
        for patterns in stand_ins:
            self._replace_alike(patterns, group, changes)
        for each in readers:
            come: list[Fact] = []
            gone: list[Fact] = []
            for old, new in each.concerned_pairs(group):
                before, after = tuple(each.extract(old)), tuple(each.extract(new))
                if before != after:
                    come.extend(_besides(after, before))
                    gone.extend(_besides(before, after))
            self._count(come, 1, changes)
            self._count(gone, -1, changes)

    def _replace_alike(self, patterns: Patterns, group: Group, changes: Changes) -> None:
        """Facts of objects that have another version now, when many are alike."""
        uses: dict[Pattern, int] = {}
        givers: defaultdict[tuple[int, Fact], list[Numbers]] = defaultdict(list)
        for before, after, numbers in patterns.steps(group.was, group.now, group.fields):
            uses[before] = uses.get(before, 0) - len(numbers)
            uses[after] = uses.get(after, 0) + len(numbers)
            for facts, others, by in ((after, before, 1), (before, after, -1)):
                for fact in _besides(facts.keyed, others.keyed):
                    givers[by, fact].append(numbers)
        for (by, (predicate, tail)), parts in givers.items():
            changes.count_all(predicate, patterns.rows(group.now if by > 0 else group.was, parts, tail), by)
        for predicate, row, count in common(uses):
            changes.count(predicate, row, count)

    def _count(self, facts: Iterable[Fact], sign: int, changes: Changes) -> None:
        """``Changes.count`` for many facts, most of which no other object gives."""
        shared, changed = self._counts, changes.rows
        for predicate, row in facts:
            if predicate in shared or predicate not in changed:
                changes.count(predicate, row, sign)
            else:
                rows = changed[predicate]
                rows[row] = rows.get(row, 0) + sign


def _besides(facts: Sequence[Fact], others: Sequence[Fact]) -> Sequence[Fact]:
    """The facts that are not among others, in their order."""
    if not others:
        return facts
    known: Container[Fact] = others if len(others) < _FEW else set(others)
    return [fact for fact in facts if fact not in known]


def _people(cluster: Cluster, kind: str, objects: Sequence[Object]) -> People:
    """Objects of a cluster; where they are all of their kind, what was read of it is not read again."""
    return People(cluster.columns(kind)) if len(objects) == len(cluster.objects(kind)) else People.of(objects)


def _by_kind(objects: Iterable[Object]) -> dict[str, list[Object]]:
    found: dict[str, list[Object]] = {}
    for obj in objects:
        found.setdefault(obj.kind, []).append(obj)
    return found
