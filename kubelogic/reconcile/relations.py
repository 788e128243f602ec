"""What the rules derive in a state: the only way from a state to relations, for ticks and for every question.

A state is more than its cluster: what happens outside the control plane, what controllers remember and the time are
facts, too. Whoever derives from a cluster's objects alone asks about another world than ``plan``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush

from kubelogic.cluster.state import State
from kubelogic.facts import FactBase, FactModule, modules_for
from kubelogic.logic import Changes, Evaluation, Row, Rulebook, Value
from kubelogic.logic.plan import Function, needed
from kubelogic.reconcile.functions import FUNCTIONS

Changed = dict[str, list[Row]]

WAKING = ("wakes_at", "retries_at")
"""Predicates of moments at which time alone changes something."""

_PASSED = "passed"


class StateFacts:
    """The facts of one state after the other, but for ``passed``, which depends on what the rules wait for."""

    def __init__(self, modules: Sequence[FactModule]) -> None:
        """Start with no state.

        Args:
            modules: whose facts of objects to give.
        """
        self._objects = FactBase(modules)
        self._world: frozenset[tuple[str, Row]] = frozenset()
        self._world_given: Mapping[str, frozenset[Row]] = {}
        self._memory: Mapping[tuple[str, str], Value] = {}
        self._now: int | None = None

    def update(self, state: State) -> tuple[Changed, Changed]:
        """Move on to another state: the rows to add and to remove."""
        delta = self._objects.update(state.cluster)
        added: Changed = {name: list(rows) for name, rows in delta.added.items()}
        removed: Changed = {name: list(rows) for name, rows in delta.removed.items()}
        self._change_world(state, added, removed)
        self._change_memory(state, added, removed)
        if state.now != self._now:
            if self._now is not None:
                removed["now"] = [(self._now,)]
            added["now"] = [(state.now,)]
            self._now = state.now
        return added, removed

    def _change_world(self, state: State, added: Changed, removed: Changed) -> None:
        if state.world is self._world_given:
            return
        world = frozenset((name, row) for name, rows in state.world.items() for row in rows)
        for name, row in sorted(world - self._world):
            added.setdefault(name, []).append(row)
        for name, row in sorted(self._world - world):
            removed.setdefault(name, []).append(row)
        self._world, self._world_given = world, state.world

    def _change_memory(self, state: State, added: Changed, removed: Changed) -> None:
        if state.memory is self._memory:
            return
        old = {(*key, value) for key, value in self._memory.items()}
        new = {(*key, value) for key, value in state.memory.items()}
        for rows, changes in ((new - old, added), (old - new, removed)):
            noted = sorted(rows, key=repr)
            changes.setdefault("memory", []).extend(noted)
            changes.setdefault("noted", []).extend(row for each in noted if (row := _in_columns(*each)) is not None)
        self._memory = state.memory


def _in_columns(topic: str, key: str, value: Value) -> Row | None:
    """A note of a part of something, such as a container of a pod, by subject, part and detail; None if it is no such.

    >>> _in_columns("kill", "uid-1 app liveness", 5), _in_columns("ttl step", "nodes", 1)
    (('kill', 'uid-1', 'app', 'liveness', 5), None)
    """
    subject, *parts = key.split(" ")
    return (topic, subject, parts[0], " ".join(parts[1:]), value) if parts else None


class Relations:
    """The relations of one state after the other; what does not change between two of them is not derived again."""

    def __init__(
        self,
        rulebook: Rulebook,
        goals: Iterable[str],
        *,
        functions: Mapping[str, Function] = FUNCTIONS,
        modules: Sequence[FactModule] | None = None,
        watched: Iterable[str] = (),
        told: Callable[[Changes], None] | None = None,
    ) -> None:
        """Start with no state.

        Args:
            rulebook: the rules.
            goals: predicates that will be asked for; those that the rulebook does not declare are left out.
            functions: the pure functions that the rules call.
            modules: the fact modules; without them all that the rules can read.
            watched: predicates whose changes ``told`` hears of.
            told: called with what each step of a change has changed.
        """
        wanted = {*goals} & set(rulebook.declarations)
        read = needed(rulebook, wanted)
        if _PASSED in read:
            wanted |= {*WAKING} & set(rulebook.declarations)
            read = needed(rulebook, wanted)
        self.evaluation = Evaluation(rulebook, functions, goals=sorted(wanted), watched=(*WAKING, *watched))
        self._facts = StateFacts(modules_for(rulebook, read) if modules is None else modules)
        self._told = told
        self._now: int | None = None
        self._due: dict[int, int] = {}
        self._passed: set[int] = set()
        self._ahead: list[int] = []

    @classmethod
    def of(cls, rulebook: Rulebook, state: State, goals: Iterable[str]) -> Evaluation:
        """What the rules derive in one state.

        Args:
            rulebook: the rules.
            state: objects, world, memory and time.
            goals: predicates that will be asked for.
        """
        return cls(rulebook, goals).advance(state)

    def advance(self, state: State, *, begins: bool = False) -> Evaluation:
        """Make the relations those of a state. The next call changes what is returned.

        Args:
            state: objects, world, memory and time.
            begins: a run begins here, and another may begin in nearly the same state (see ``Evaluation.update``).

        Raises:
            KeyError: if there are facts of predicates that the rulebook does not declare.
        """
        added, removed = self._facts.update(state)
        self._change_time(state.now, added, removed)
        declared = self.evaluation.rulebook.declarations
        if unknown := {name for name in (*added, *removed) if name not in declared}:
            raise KeyError(f"facts of undeclared predicates: {', '.join(sorted(unknown))}")
        changes = self._derive(added, removed, begins)
        while fresh := self._reached(changes, state.now):
            changes = self._derive({_PASSED: [(moment,) for moment in fresh]}, {})
        return self.evaluation

    def next_moment(self, now: int) -> int | None:
        """The next moment that the rules wait for, if ``wakes_at`` and ``retries_at`` are among the goals."""
        while self._ahead and (self._ahead[0] <= now or self._ahead[0] not in self._due):
            heappop(self._ahead)
        return self._ahead[0] if self._ahead else None

    def due(self, now: int) -> frozenset[int]:
        """The moments after ``now`` that the rules wait for."""
        return frozenset(moment for moment in self._due if moment > now)

    def _derive(self, added: Changed, removed: Changed, begins: bool = False) -> Changes:
        changes = self.evaluation.update(added, removed, begins=begins)
        if self._told is not None:
            self._told(changes)
        return changes

    def _change_time(self, now: int, added: Changed, removed: Changed) -> None:
        if now == self._now:
            return
        if self._now is not None and now < self._now:
            back = sorted(moment for moment in self._passed if moment > now)
            removed[_PASSED] = [(moment,) for moment in back]
            self._passed.difference_update(back)
            self._ahead = [moment for moment in self._due if moment > now]
            heapify(self._ahead)
        reached: list[Row] = []
        while self._ahead and self._ahead[0] <= now:
            moment = heappop(self._ahead)
            if moment not in self._passed and moment in self._due:
                self._passed.add(moment)
                reached.append((moment,))
        added[_PASSED] = reached
        self._now = now

    def _reached(self, changes: Changes, now: int) -> list[int]:
        """Keep the moments that the rules wait for and return those new ones that are already past."""
        fresh = []
        for predicate in WAKING:
            for (moment,) in changes.removed.get(predicate, ()):
                at = int(moment)
                self._due[at] -= 1
                if not self._due[at]:
                    del self._due[at]
        come = set()
        for predicate in WAKING:
            for (moment,) in changes.added.get(predicate, ()):
                at = int(moment)
                self._due[at] = self._due.get(at, 0) + 1
                come.add(at)
        for at in come:
            if at > now:
                heappush(self._ahead, at)
            elif at not in self._passed:
                self._passed.add(at)
                fresh.append(at)
        return sorted(fresh)


def given_facts(rulebook: Rulebook, state: State, goals: Iterable[str]) -> Mapping[str, Sequence[Row]]:
    """All given facts of a state, for an engine that derives from facts that do not change.

    Args:
        rulebook: the rules.
        state: objects, world, memory and time.
        goals: what will be asked for: the moments that have passed are worked out only if it depends on them.
    """
    read = needed(rulebook, goals)
    facts, _ = StateFacts(modules_for(rulebook, read)).update(state)
    if _PASSED in read:
        facts[_PASSED] = sorted(Relations.of(rulebook, state, [_PASSED, *WAKING]).rows(_PASSED))
    return facts
