"""Bottom-up evaluation of a rulebook, kept current under changes of the facts.

Predicates are evaluated in dependency order. Non-recursive ones keep, for each row, the number of its
derivations (the counting algorithm of Gupta, Mumick and Subrahmanian), so a change costs what it touches and
deletions are exact. Recursive ones are maintained by ``recursion``. Sums and counts follow the rows that come and go;
other aggregates are computed again for the groups that changed. A change of most facts is evaluated from nothing.

One class over one set of relations; its parts read and write the same counts, so the file is longer than others.
"""

from __future__ import annotations

import gc
from bisect import insort
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from heapq import heapify, heappop, heappush
from operator import attrgetter, itemgetter
from typing import Any

import msgspec

from kubelogic.logic.aggregates import Grouping
from kubelogic.logic.journal import Journal
from kubelogic.logic.plan import Function, Group, Join
from kubelogic.logic.prepared import GAINED, LOST, Use, prepared
from kubelogic.logic.recursion import GroupChange, fixpoint, maintain
from kubelogic.logic.relation import Columns, Relation, changed
from kubelogic.logic.rulebook import Rulebook
from kubelogic.logic.store import Counts, Store, projected
from kubelogic.logic.terms import Row, Value

Facts = Mapping[str, Iterable[Row]]

_LARGE_CHANGE = 10_000
"""Changes of fewer rows than this are never evaluated from nothing."""

_MANY_OBJECTS = 100_000


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What an update changed, by predicate; predicates without change are absent. Rows are in no promised order."""

    added: Mapping[str, Collection[Row]] = msgspec.field(default_factory=dict)
    removed: Mapping[str, Collection[Row]] = msgspec.field(default_factory=dict)


class _Seed:
    """A ``Use`` over the relations of one evaluation, with the join that was right for their sizes when last looked at.

    ``gained`` and ``lost`` are the names under which rows of the head come and go in a change. Its join takes changed
    rows of the literal; other literals of the same predicate that stand before it see the state without them.

    A seed is among those ``awake`` of its predicate, or *asleep* at a relation without rows that its rule reads, until
    that gets some: most rules of a rulebook are about what a cluster does not have.
    """

    __slots__ = ("asleep", "awake", "checked", "gained", "join", "lost", "negated", "number", "reads", "rule", "turn")

    def __init__(self, use: Use, relations: Mapping[str, Relation], turn: int, awake: list[_Seed]) -> None:
        self.turn, self.awake, self.asleep = turn, awake, False
        self.rule, self.number, self.negated = use.rule, use.number, use.negated
        self.reads = tuple([relations[name] for name in use.reads])
        head = use.rule.head
        self.gained = head + GAINED if use.recursive else head
        self.lost = head + LOST if use.recursive else head
        self.checked = -1
        self.join: Join


class Evaluation:
    """The relations that a rulebook derives from facts.

    >>> book = Rulebook.parse({"t.dl": '''
    ... #: edge(A: str, B: str) "{A} leads to {B}"
    ... #: degree[A: str] == N: int "{A} leads to {N}"
    ... (degree[A] == len_(B)) <= edge(A, B)
    ... '''})
    >>> evaluation = Evaluation(book)
    >>> changes = evaluation.update({"edge": [("a", "b"), ("a", "c")]})
    >>> sorted(evaluation.rows("degree"))
    [('a', 2)]
    """

    def __init__(
        self,
        rulebook: Rulebook,
        functions: Mapping[str, Function] | None = None,
        goals: Iterable[str] | None = None,
        *,
        watched: Iterable[str] | None = None,
    ) -> None:
        """Prepare an empty evaluation.

        Args:
            rulebook: the checked rules.
            functions: a pure function for every predicate that is declared with ``->``.
            goals: the predicates that will be asked for. Only what they depend on is evaluated and kept;
                facts of other predicates are ignored. Without goals, everything is evaluated.
            watched: the predicates whose changes ``update`` reports; all, if not given. Comparing the relations of
                others before and after a big change is saved.

        Raises:
            KeyError: if a goal is not declared, or a function that is needed is missing from ``functions``.
        """
        self.rulebook = rulebook
        ready = prepared(rulebook, goals)
        self._groups, self._steps, self._turns, self._wakes = ready.groups, ready.steps, ready.turns, ready.wakes
        self._queue: list[int] = []
        self._store = Store(ready.relations, {name: (functions or {})[name] for name in ready.functions}, ready.joins)
        self._derived = ready.derived
        visible = {name for name in ready.relations if "$" not in name}
        self._watched = dict.fromkeys(sorted(visible if watched is None else visible & {*watched}))
        self._uses = ready.uses
        self._seeds: dict[str, tuple[list[_Seed], dict[Columns, list[_Seed]]]] = {}
        self._asleep: dict[Relation, list[_Seed]] = {}
        self._given: dict[str, Counts] = {}
        self._recursive = ready.recursive
        self._journal: Journal | None = None
        self._empty = True

    def rows(self, predicate: str) -> Collection[Row]:
        """All rows of a predicate, in no promised order.

        Raises:
            KeyError: if there is no such predicate, or no goal depends on it.
        """
        return self._store.counts(predicate).keys()

    def matching(self, predicate: str, values: Mapping[int, Value]) -> Collection[Row]:
        """The rows of a predicate that have the given values in the given columns (counted from 0)."""
        if not values:
            return self.rows(predicate)
        columns = tuple(sorted(values))
        key: Any = tuple(values[c] for c in columns) if len(columns) > 1 else values[columns[0]]
        return self._store.relations[predicate].index(columns).get(key, ())

    def knows(self, predicate: str) -> bool:
        """Whether the relation of a predicate is kept here: it is declared, and some goal depends on it."""
        return predicate in self._store.relations

    def holds(self, predicate: str, row: Row) -> bool:
        """Whether a predicate has a row."""
        return row in self._store.counts(predicate)

    def is_given(self, predicate: str, row: Row) -> bool:
        """Whether a fact came from outside (or stands in a rule file), whether or not rules derive it too."""
        if predicate in self._derived:
            return row in self._given.get(predicate, ())
        return row in self._store.counts(predicate)

    def has_given(self, predicate: str) -> bool:
        """Whether any fact of a predicate came from outside."""
        return bool(self._given.get(predicate) if predicate in self._derived else self._store.counts(predicate))

    def ambiguous(self, predicate: str) -> list[Row]:
        """The rows of a functional predicate whose keys have another value too, sorted; empty if all is well."""
        width = self.rulebook.declarations[predicate].arity - 1
        rows = self.rows(predicate)
        values = Counter(row[:width] for row in rows)
        return sorted((row for row in rows if values[row[:width]] > 1), key=repr)

    def call(self, predicate: str, arguments: Row) -> Value | None:
        """The result of a function; None if it has none."""
        return self._store.functions[predicate](*arguments)

    def update(self, added: Facts | None = None, removed: Facts | None = None, *, begins: bool = False) -> Changes:
        """Change the given facts and derive what follows.

        A fact that is added twice has to be removed twice.

        Args:
            added: rows to add, by predicate.
            removed: rows to remove, by predicate; they must have been added before.
            begins: many changes follow, and then one to nearly these facts again, which says so too: it is followed
                from here. What is derived is the same.

        Raises:
            KeyError: if a predicate is not declared or a removed fact was never added. Nothing is changed then.
        """
        with _collector_paused():
            changes = self._update(added or {}, removed or {}, begins)
        if begins:
            self._journal = Journal()
        return changes

    def _update(self, added: Facts, removed: Facts, begins: bool) -> Changes:
        pending = self._pending(added, removed)
        if removed:
            self._verify(pending, removed)
        if self._empty:
            self._empty = False
            for fact in self.rulebook.facts:
                if fact.predicate in self._store.relations:
                    counts = pending.setdefault(fact.predicate, {})
                    counts[fact.row] = counts.get(fact.row, 0) + 1
            self._apply(pending)
            for group in self._groups:
                self._evaluate(group)
            return Changes(added={name: list(rows) for name in self._watched if (rows := self._store.counts(name))})
        journal = self._journal
        if journal is not None and begins:
            touched = self._go_back(journal)
            return self._since(touched, self._change(journal.since(pending)))
        if journal is not None and not journal.note(pending):
            self._journal = None
        return self._change(pending)

    def _change(self, pending: dict[str, Counts]) -> Changes:
        changed = sum(map(len, pending.values()))
        if changed > _LARGE_CHANGE and changed > _LARGE_CHANGE + self._size() // 3:
            return self._rebuild(pending)
        for predicate, counts in pending.items():
            if predicate in self._derived:
                self._give(predicate, counts)
        return self._propagate(pending)

    # -- from where it began -------------------------------------------------------------------------------

    def _go_back(self, journal: Journal) -> dict[str, dict[Row, bool]]:
        """Make everything what it was when the journal began; returns which rows of watched predicates it has, and
        whether they were there until now."""
        self._journal = None
        watched = {name: journal.before.get(self._store.relations[name], {}) for name in self._watched}
        touched = {name: {row: self.holds(name, row) for row in before} for name, before in watched.items() if before}
        for predicate, counts in journal.given():
            if predicate in self._derived:
                self._give(predicate, {row: -delta for row, delta in counts.items()})
        for relation, before in journal.before.items():
            counts = relation.counts
            relation.discard([row for row, count in before.items() if not count and row in counts])
            self._enter(relation, {row: count for row, count in before.items() if count and row not in counts})
            counts.update({row: count for row, count in before.items() if count})
        return touched

    def _since(self, touched: dict[str, dict[Row, bool]], changes: Changes) -> Changes:
        """The changes since before ``_go_back``, of which ``changes`` were after it."""
        for known, was in ((changes.added, False), (changes.removed, True)):
            for name, rows in known.items():
                seen = touched.setdefault(name, {})
                for row in rows:
                    seen.setdefault(row, was)
        added = {
            name: [r for r, was in seen.items() if not was and self.holds(name, r)] for name, seen in touched.items()
        }
        removed = {
            name: [r for r, was in seen.items() if was and not self.holds(name, r)] for name, seen in touched.items()
        }
        return Changes(
            added={name: added[name] for name in sorted(added) if added[name]},
            removed={name: removed[name] for name in sorted(removed) if removed[name]},
        )

    # -- from nothing --------------------------------------------------------------------------------------

    def _pending(self, added: Facts, removed: Facts) -> dict[str, Counts]:
        """The net change of the count of each given row."""
        pending: dict[str, Counts] = {}
        for facts, sign in ((added, 1), (removed, -1)):
            for predicate, given in facts.items():
                if predicate not in self._store.relations and predicate in self.rulebook.declarations:
                    continue
                self._store.counts(predicate)
                counts = pending.get(predicate, {})
                if isinstance(given, Collection):
                    each = dict.fromkeys(given, sign)
                    if len(each) == len(given) and not (counts and any(map(counts.__contains__, each))):
                        pending[predicate] = counts | each if counts else each
                        continue
                pending[predicate] = counts
                get = counts.get
                for row in given:
                    counts[row] = get(row, 0) + sign
        return pending

    def _verify(self, pending: Mapping[str, Counts], removed: Facts) -> None:
        """Refuse changes that take away facts which were never given."""
        for predicate, rows in removed.items():
            if predicate not in pending:
                continue
            deltas = pending[predicate]
            given = self._given.get(predicate, {}) if predicate in self._derived else self._store.counts(predicate)
            if deltas.keys() <= given.keys() and min(deltas.values(), default=0) >= -1:
                continue
            for row in rows if isinstance(rows, Collection) else deltas:
                delta = deltas[row]
                if delta < 0 and given.get(row, 0) + delta < 0:
                    raise KeyError(f"{predicate}{row} was removed but never added")

    def _size(self) -> int:
        """How many facts are given."""
        names = self._store.relations.keys() - self._derived
        return sum(len(self._store.counts(name)) for name in names) + sum(map(len, self._given.values()))

    def _give(self, predicate: str, counts: Counts) -> None:
        """Keep the given facts of a predicate that rules derive too."""
        given = self._given.setdefault(predicate, {})
        for row, delta in counts.items():
            given[row] = given.get(row, 0) + delta
            if not given[row]:
                del given[row]

    def _apply(self, pending: Mapping[str, Counts]) -> None:
        """Change the given facts, without deriving anything."""
        for predicate, deltas in pending.items():
            if predicate in self._derived:
                self._give(predicate, deltas)
                continue
            relation = self._store.relations[predicate]
            counts = relation.counts
            if not counts and deltas and min(deltas.values()) > 0:
                relation.counts = deltas
                relation.add(deltas)
                continue
            gone, come, others = changed(counts, deltas)
            relation.discard(gone)
            counts.update(others)
            counts.update(come)
            relation.add(come)

    def _evaluate(self, group: Group) -> None:
        """Derive the predicates of a group, whose relations are empty, from those below it."""
        for predicate in group.predicates:
            if given := self._given.get(predicate):
                counts = dict.fromkeys(given, 1) if predicate in self._recursive else given
                self._store.counts(predicate).update(counts)
        if group.grouping is not None:
            source = self._store.relations[group.source]
            how = group.grouping
            if how.adds_up:
                self._total(group, how)
                return
            out = self._store.counts(group.predicates[0])
            for row in how.results(source.groups(how.source_group)):
                out[row] = out.get(row, 0) + 1
        elif group.recursive:
            fixpoint(self._store, group)
        else:
            for rule in group.rules:
                self._store.derive(rule, self._store.counts(rule.head))

    def _total(self, group: Group, how: Grouping) -> None:
        """Derive sums and counts: each row of a group is a derivation of the group's result."""
        results = self._store.relations[group.predicates[0]]
        values, numbers = how.totals(self._store.counts(group.source))
        heads = how.heads(values)
        if results.counts:
            for head, number in zip(heads, numbers.values(), strict=True):
                results.counts[head] = results.counts.get(head, 0) + number
        else:
            results.counts.update(zip(heads, numbers.values(), strict=True))
            results.enter_single(how.group, dict(zip(values, heads, strict=True)))

    def _rebuild(self, pending: Mapping[str, Counts]) -> Changes:
        """Apply a change of most facts: derive anew what rests on them, and compare."""
        given = [name for name in self._watched if name in pending and name not in self._derived]
        before: dict[str, Counts] = {name: dict(self._store.counts(name)) for name in given}
        self._journal = None
        self._seeds.clear()
        self._asleep.clear()
        self._apply(pending)
        changed = {predicate for predicate, deltas in pending.items() if any(deltas.values())}
        for group in self._groups:
            if changed.isdisjoint(group.predicates) and changed.isdisjoint(group.reads()):
                continue
            relations = [self._store.relations[predicate] for predicate in group.predicates]
            olds = [relation.emptied() for relation in relations]
            self._evaluate(group)
            for predicate, relation, old in zip(group.predicates, relations, olds, strict=True):
                if relation.counts == old.counts:
                    relation.refill(old)
                    continue
                changed.add(predicate)
                if predicate in self._watched:
                    before[predicate] = old.counts
        added: dict[str, Collection[Row]] = {}
        removed: dict[str, Collection[Row]] = {}
        for name, old_counts in before.items():
            now = self._store.counts(name)
            if come := [row for row in now if row not in old_counts]:
                added[name] = come
            if gone := [row for row in old_counts if row not in now]:
                removed[name] = gone
        return Changes(
            added={name: added[name] for name in self._watched if name in added},
            removed={name: removed[name] for name in self._watched if name in removed},
        )

    # -- from what changed ---------------------------------------------------------------------------------

    def _propagate(self, pending: dict[str, Counts]) -> Changes:
        """Follow a change through the steps that it concerns, in their order."""
        added: dict[str, Collection[Row]] = {}
        removed: dict[str, Collection[Row]] = {}
        queue = self._queue = [self._turns[predicate] for predicate in pending if predicate in self._derived]
        heapify(queue)

        def settle(predicate: str) -> None:
            gone, come = self._settle(predicate, pending.pop(predicate), pending)
            if gone:
                removed[predicate] = gone
            if come:
                added[predicate] = come
            if gone or come:
                for turn in self._wakes.get(predicate, ()):
                    heappush(queue, turn)

        for predicate in sorted(p for p in pending if p not in self._derived):
            settle(predicate)
        last = -1
        while queue:
            turn = heappop(queue)
            if turn == last:
                continue
            last = turn
            predicate, special = self._steps[turn]
            if special is None:
                if predicate in pending:
                    settle(predicate)
                continue
            if special.grouping is None:
                self._maintain(special, pending)
            elif special.source in added or special.source in removed:
                self._regroup(special, added, removed, pending)
            for each in special.predicates:
                if each in pending:
                    settle(each)
        return Changes(
            added={name: added[name] for name in sorted(added.keys() & self._watched.keys())},
            removed={name: removed[name] for name in sorted(removed.keys() & self._watched.keys())},
        )

    def _settle(self, predicate: str, deltas: Counts, pending: dict[str, Counts]) -> tuple[Counts, Counts]:
        """Apply count changes to one predicate and pass what appears and disappears on to the rules that use it."""
        relation = self._store.relations[predicate]
        counts = relation.counts
        if self._journal is not None:
            self._journal.keep(relation, deltas)
        gone, come, others = changed(counts, deltas)
        counts.update(others)
        bound = self._seeds.get(predicate)
        if bound is None:
            bound = self._seeds[predicate] = self._bound(predicate)
        whole, keyed = bound
        if gone:
            if whole:
                self._sow(whole, gone, pending, -1)
            relation.discard(gone)
            for kept, seeds in keyed.items():
                if seeds and (keys := self._without(relation, gone, kept)):
                    self._sow(seeds, keys, pending, -1)
        if come:
            for kept, seeds in keyed.items():
                if seeds and (keys := self._without(relation, come, kept)):
                    self._sow(seeds, keys, pending, 1)
            self._enter(relation, come)
            if whole:
                self._sow(whole, come, pending, 1)
        if (gone or come) and relation.grown():
            self._store.sizes += 1
        return gone, come

    def _bound(self, predicate: str) -> tuple[list[_Seed], dict[Columns, list[_Seed]]]:
        """What a change of a predicate seeds: with its rows, and with keys that come or go."""
        whole: list[_Seed] = []
        keyed: dict[Columns, list[_Seed]] = {}
        for turn, use in enumerate(self._uses.of(predicate)):
            awake = whole if use.kept is None else keyed.setdefault(use.kept, [])
            awake.append(_Seed(use, self._store.relations, turn, awake))
        return whole, keyed

    def _enter(self, relation: Relation, rows: Counts) -> None:
        """Put rows into a relation that has none of them. What slept at it takes part again, in its turn."""
        if rows and not relation.counts and relation in self._asleep:
            for seed in self._asleep.pop(relation):
                seed.asleep = False
                insort(seed.awake, seed, key=_turn)
        relation.counts.update(rows)
        relation.add(rows)

    def _without(self, relation: Relation, rows: Counts, kept: Columns) -> Counts:
        """The keys of ``rows`` that no present row has."""
        if not kept:
            return {} if relation.counts else projected(rows, ())
        return dict.fromkeys(relation.absent(kept, projected(rows, kept)), 1)

    def _sow(self, seeds: list[_Seed], rows: Counts, pending: dict[str, Counts], sign: int) -> None:
        """Enter what a change of body literals changes of the heads; see ``Use.reads``."""
        store = self._store
        sizes, relations, functions = store.sizes, store.relations, store.functions
        some_sleep = False
        for seed in seeds:  # the innermost loop of every change
            for relation in seed.reads:
                if not relation.counts:
                    self._asleep.setdefault(relation, []).append(seed)
                    seed.asleep = some_sleep = True
                    break
            else:
                if seed.checked != sizes:
                    seed.checked = sizes
                    seed.join = store.join(seed.rule, seed.number)
                head = seed.gained if (sign > 0) is not seed.negated else seed.lost
                out = pending.get(head)
                if out is not None:
                    seed.join(relations, functions, rows, rows, out, -sign if seed.negated else sign)
                    continue
                out = {}
                seed.join(relations, functions, rows, rows, out, -sign if seed.negated else sign)
                if out:
                    pending[head] = out
                    heappush(self._queue, self._turns[head])
        if some_sleep:
            seeds[:] = [seed for seed in seeds if not seed.asleep]

    def _regroup(
        self,
        group: Group,
        added: Mapping[str, Collection[Row]],
        removed: Mapping[str, Collection[Row]],
        pending: dict[str, Counts],
    ) -> None:
        how = group.grouping
        assert how is not None
        changed = [*added.get(group.source, ()), *removed.get(group.source, ())]
        if not changed:
            return
        predicate = group.predicates[0]
        out = pending.setdefault(predicate, {})
        if how.adds_up:
            self._add_up(predicate, how, added.get(group.source, ()), removed.get(group.source, ()), out)
            return
        source, results = self._store.relations[group.source], self._store.relations[predicate]
        keys = dict.fromkeys(map(itemgetter(*how.source_group), changed) if how.group else [()])
        for key in keys:
            for row in results.having(how.group, key):
                out[row] = out.get(row, 0) - 1
        for row in how.results([source.having(how.source_group, key) for key in keys]):
            out[row] = out.get(row, 0) + 1

    def _add_up(self, predicate: str, how: Grouping, come: Collection[Row], gone: Collection[Row], out: Counts) -> None:
        """Bring the sums or counts of the groups of some rows up to date."""
        more, comers = how.totals(come)
        less, leavers = how.totals(gone)
        keys = dict.fromkeys([*comers, *leavers])
        results, given = self._store.relations[predicate], self._given.get(predicate, {})
        values: dict[Any, int] = {}
        numbers: list[int] = []
        for key in keys:
            value, number = more.get(key, 0) - less.get(key, 0), comers.get(key, 0) - leavers.get(key, 0)
            for row in results.having(how.group, key):
                before = results.counts[row] - given.get(row, 0)
                if before:
                    out[row] = out.get(row, 0) - before
                    value, number = value + int(row[-1]), number + before
                    break
            if number:
                values[key] = value
                numbers.append(number)
        for row, number in zip(how.heads(values), numbers, strict=True):
            out[row] = out.get(row, 0) + number

    def _maintain(self, group: Group, pending: dict[str, Counts]) -> None:
        """Bring a recursive group up to date; its relations are changed when its predicates are settled."""
        parts: dict[str, dict[str, Counts]] = {"lost": {}, "gained": {}, "withdrawn": {}, "asserted": {}}
        for predicate in group.predicates:
            parts["lost"][predicate] = pending.pop(predicate + LOST, {})
            parts["gained"][predicate] = pending.pop(predicate + GAINED, {})
            given = self._given.get(predicate, {})
            for row in pending.pop(predicate, {}):
                part = parts["asserted" if row in given else "withdrawn"]
                part.setdefault(predicate, {})[row] = 1
        if any(rows for part in parts.values() for rows in part.values()):
            pending.update(maintain(self._store, group, GroupChange(**parts), self._given))


_turn = attrgetter("turn")


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the cyclic collector from walking over many new rows, none of which is part of a cycle.

    After a big evaluation what is alive is exempt for good (``gc.freeze``; reference counts still free it), so that
    later changes do not pay for walking over it either.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
        if gc.get_count()[0] > _MANY_OBJECTS:
            gc.freeze()
    finally:
        if running:
            gc.enable()
