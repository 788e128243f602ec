"""Why a fact holds, and why one does not: derivations as data.

A proof is a list of steps, each fact proved once; the derivation of the goal is one of least height. What fails is
a value too: for each clause that could have derived the atom, how far it got.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice

import msgspec

from kubelogic.logic.evaluation import Evaluation
from kubelogic.logic.solving import (
    Absence,
    Env,
    Fact,
    NoValue,
    Orders,
    Premise,
    Progress,
    pattern_of,
    solutions,
    unify,
    value_of,
)
from kubelogic.logic.terms import BodyItem, Clause, Literal, Operation, Pattern, Place, Row, Value

Origin = Callable[[Fact, Collection[Fact]], object]
"""Where a given fact comes from (opaque), told the other facts of its proof, too."""

_ENOUGH = 1_000
"""Of more derivations of one fact by one clause than this, the least is taken among the first so many."""


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that came from outside (``origin`` as the caller knows it) or stands in a rule file (``place``)."""

    fact: Fact
    origin: object = None
    place: Place | None = None


class Derived(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that a clause derives from premises; for an aggregate, from all premises of all its rows."""

    fact: Fact
    clause: Clause
    premises: tuple[Premise, ...]
    height: int


Step = Given | Derived


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """A derivation. ``steps`` holds each fact once, the goal first, a premise always after what needs it first."""

    goal: Fact
    steps: tuple[Step, ...]

    def step(self, fact: Fact) -> Step:
        """The step that proves a fact.

        Raises:
            KeyError: if the proof does not contain it.
        """
        for step in self.steps:
            if step.fact == fact:
                return step
        raise KeyError(fact)

    def leaves(self) -> tuple[Fact | Absence, ...]:
        """The given facts and the absences that the proof rests on."""
        given = [step.fact for step in self.steps if isinstance(step, Given)]
        absent = [
            premise
            for step in self.steps
            if isinstance(step, Derived)
            for premise in step.premises
            if isinstance(premise, Absence)
        ]
        return tuple(dict.fromkeys([*given, *absent]))


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """A clause that does not derive an atom: the premises that held, and the body item that did not.

    ``failed`` is None if the whole body held but gave another value (``found``) of an aggregate or functional atom.
    ``values`` are the variables known at the failure. ``blockers`` are facts that contradict a negated literal, and
    ``proof`` derives the first of them.
    """

    clause: Clause
    met: tuple[Premise, ...]
    failed: BodyItem | None
    values: Mapping[str, Value] = msgspec.field(default_factory=dict)
    blockers: tuple[Fact, ...] = ()
    proof: Proof | None = None
    found: Fact | None = None
    why: NotDerived | None = None

    @property
    def length(self) -> int:
        """How many items the body has."""
        return len(self.clause.body)


class NotDerived(msgspec.Struct, frozen=True, kw_only=True):
    """That no row fits a pattern, and what each candidate clause lacks. No attempts: nothing defines it."""

    predicate: str
    pattern: Pattern
    attempts: tuple[Attempt, ...]


class Prover:
    """Proves and refutes facts over one evaluation, which must not change meanwhile."""

    def __init__(self, evaluation: Evaluation, origin: Origin | None = None) -> None:
        """Prepare proofs.

        Args:
            evaluation: holds what is true.
            origin: says where a given fact comes from; asked once a proof is complete. None as a result means unknown.
        """
        self._evaluation = evaluation
        self._book = evaluation.rulebook
        self._origin = origin
        self._own = {Fact(predicate=fact.predicate, row=fact.row): fact.place for fact in self._book.facts}
        self._group = {p: group for group in self._book.order for p in group}
        self._clauses: dict[str, tuple[Clause, ...]] = {}
        self._least: dict[str, int] = {}
        self._steps: dict[Fact, tuple[int, Derived | None]] = {}
        self._orders = Orders(self)

    # -- the world that clauses are solved in --------------------------------------------------------------

    def select(self, predicate: str, pattern: Pattern) -> Sequence[Row]:
        """The rows that fit a pattern, sorted."""
        if None not in pattern:
            row: Row = tuple(value for value in pattern if value is not None)
            return [row] if self._evaluation.holds(predicate, row) else []
        known = {i: value for i, value in enumerate(pattern) if value is not None}
        return sorted(self._evaluation.matching(predicate, known), key=_row_key)

    def call(self, predicate: str, arguments: Row) -> Value | None:
        """The result of a function."""
        return self._evaluation.call(predicate, arguments)

    def is_function(self, predicate: str) -> bool:
        """Whether a predicate is a function."""
        return self._book.declarations[predicate].function

    # -- why -----------------------------------------------------------------------------------------------

    def prove(self, predicate: str, row: Row) -> Proof | None:
        """A derivation of least height; None if the fact does not hold."""
        goal = Fact(predicate=predicate, row=row)
        if not self._evaluation.holds(predicate, row):
            return None
        steps: dict[Fact, Derived | None] = {}
        todo = [goal]
        while todo:
            fact = todo.pop(0)
            if fact in steps:
                continue
            _, derived = self._height(fact)
            steps[fact] = derived
            if derived:
                todo.extend(premise for premise in derived.premises if isinstance(premise, Fact))
        return Proof(goal=goal, steps=tuple(step or self._given(fact, steps) for fact, step in steps.items()))

    def _given(self, fact: Fact, near: Collection[Fact]) -> Given:
        place = self._own.get(fact)
        origin = self._origin(fact, near) if self._origin and place is None else None
        return Given(fact=fact, origin=origin, place=place)

    def _height(self, fact: Fact) -> tuple[int, Derived | None]:
        """The least height of a fact with its last step; (0, None) if it is given."""
        found = self._steps.get(fact)
        if found is None:
            if self._evaluation.is_given(fact.predicate, fact.row):
                found = self._steps[fact] = (0, None)
            elif self._recursive(fact.predicate):
                self._solve_group(fact)
                found = self._steps[fact]
            else:
                found = self._steps[fact] = self._best(fact)
        return found

    def _best(self, fact: Fact) -> tuple[int, Derived | None]:
        best: tuple[int, Derived | None] | None = None
        for clause in self._clauses_of(fact.predicate):
            for premises in islice(self._derivations(clause, fact), _ENOUGH):
                height = 1 + max((self._height(p)[0] for p in premises if isinstance(p, Fact)), default=0)
                if best is None or height < best[0]:
                    best = (height, Derived(fact=fact, clause=clause, premises=premises, height=height))
                    if height <= self._least_height(fact.predicate):
                        return best
        assert best is not None, f"nothing derives {fact}"
        return best

    def _solve_group(self, goal: Fact) -> None:
        """Least heights of a recursive fact and of all that it may rest on (Knuth's generalisation of Dijkstra)."""
        group = set(self._group[goal.predicate])
        users: dict[Fact, list[int]] = {}
        edges: list[tuple[Fact, Clause, tuple[Premise, ...], set[Fact], int]] = []
        ready: list[tuple[int, int]] = []
        seen = {goal}
        todo = [goal]
        done: set[Fact] = set()
        for fact in todo:
            if fact in self._steps or self._evaluation.is_given(fact.predicate, fact.row):
                self._steps.setdefault(fact, (0, None))
                done.add(fact)
                continue
            for clause in self._clauses_of(fact.predicate):
                for premises in islice(self._derivations(clause, fact), _ENOUGH):
                    inside = {p for p in premises if isinstance(p, Fact) and p.predicate in group}
                    outside = [p for p in premises if isinstance(p, Fact) and p.predicate not in group]
                    base = max((self._height(p)[0] for p in outside), default=0)
                    for premise in inside:
                        users.setdefault(premise, []).append(len(edges))
                        if premise not in seen:
                            seen.add(premise)
                            todo.append(premise)
                    if not inside:
                        heapq.heappush(ready, (base + 1, len(edges)))
                    edges.append((fact, clause, premises, inside, base))
        settled = list(done)
        while settled or ready:
            if not settled:
                height, number = heapq.heappop(ready)
                fact, clause, premises, _, _ = edges[number]
                if fact in done:
                    continue
                done.add(fact)
                self._steps[fact] = (height, Derived(fact=fact, clause=clause, premises=premises, height=height))
                settled.append(fact)
            fact = settled.pop()
            for number in users.get(fact, ()):
                target, _, _, inside, base = edges[number]
                inside.discard(fact)
                if not inside and target not in done:
                    heights = (
                        self._steps[p][0] for p in edges[number][2] if isinstance(p, Fact) and p.predicate in group
                    )
                    heapq.heappush(ready, (1 + max(base, *heights), number))

    def _derivations(self, clause: Clause, fact: Fact) -> Iterable[tuple[Premise, ...]]:
        """The ways in which a clause derives a fact."""
        if clause.aggregate is not None:
            keys: Env | None = unify(clause.head.terms[:-1], fact.row[:-1], {})
            if keys is not None and clause.aggregate.function == "rank_":
                # A rank depends on all keys of its group.
                keys = {name: keys[name] for name in clause.aggregate.group_by}
            if keys is not None:
                rows = (premises for _, premises in solutions(self, clause.body, keys, self._orders))
                yield tuple(dict.fromkeys(premise for premises in rows for premise in premises))
            return
        for env in self._heads(clause, fact):
            for found, premises in solutions(self, clause.body, env, self._orders):
                try:
                    row = tuple(value_of(term, found) for term in clause.head.terms)
                except NoValue:
                    continue
                if row == fact.row:
                    yield premises

    def _heads(self, clause: Clause, fact: Fact) -> Iterable[Env]:
        """The values of the head's plain variables, if its constants fit."""
        plain = [i for i, term in enumerate(clause.head.terms) if not isinstance(term, Operation)]
        terms = [clause.head.terms[i] for i in plain]
        env = unify(terms, tuple(fact.row[i] for i in plain), {})
        return () if env is None else (env,)

    def _clauses_of(self, predicate: str) -> tuple[Clause, ...]:
        found = self._clauses.get(predicate)
        if found is None:
            found = self._clauses[predicate] = self._book.clauses_of(predicate)
        return found

    def _recursive(self, predicate: str) -> bool:
        group = self._group.get(predicate, ())
        return len(group) > 1 or predicate in self._book.uses.get(predicate, ())

    def _least_height(self, predicate: str) -> int:
        """No fact of the predicate can have a lower height by derivation than this."""
        found = self._least.get(predicate)
        if found is None:
            self._least[predicate] = 0
            heights = [
                1 + max((self._least_height(p) for p in _positive(clause)), default=0)
                for clause in self._clauses_of(predicate)
            ]
            given = self._evaluation.has_given(predicate)
            found = self._least[predicate] = 0 if given or not heights else min(heights)
        return max(found, 1) if self._clauses_of(predicate) else 0

    # -- why not -------------------------------------------------------------------------------------------

    def why_not(self, predicate: str, pattern: Pattern, depth: int = 3) -> NotDerived | None:
        """What keeps every row that fits a pattern from being derived; None if one holds.

        Args:
            predicate: its name.
            pattern: values, None for any.
            depth: how many levels of premises that fail are looked into in turn.
        """
        if self.select(predicate, pattern):
            return None
        return self._refute(predicate, pattern, depth, frozenset())

    def _refute(
        self, predicate: str, pattern: Pattern, depth: int, above: frozenset[tuple[str, Pattern]]
    ) -> NotDerived:
        attempts = []
        for clause in self._clauses_of(predicate):
            attempt = self._attempt(clause, pattern, depth, above | {(predicate, pattern)})
            if attempt is not None:
                attempts.append(attempt)
        attempts.sort(key=lambda attempt: (attempt.length - len(attempt.met), attempt.clause.place))
        return NotDerived(predicate=predicate, pattern=pattern, attempts=tuple(attempts))

    def _attempt(
        self, clause: Clause, pattern: Pattern, depth: int, above: frozenset[tuple[str, Pattern]]
    ) -> Attempt | None:
        """How far a clause gets; None if its head does not fit the pattern."""
        terms = clause.head.terms[:-1] if clause.aggregate else clause.head.terms
        known = [
            (term, value)
            for term, value in zip(terms, pattern, strict=False)
            if value is not None and not isinstance(term, Operation)
        ]
        env = unify([term for term, _ in known], tuple(value for _, value in known), {})
        if env is None:
            return None
        progress = Progress()
        for _, premises in islice(solutions(self, clause.body, env, self._orders, progress), _ENOUGH):
            found = self._other_value(clause, pattern)
            return Attempt(clause=clause, met=premises, failed=None, found=found)
        failed = progress.failed
        why: NotDerived | None = None
        blockers: tuple[Fact, ...] = ()
        proof: Proof | None = None
        if isinstance(failed, Literal) and not self.is_function(failed.atom.predicate):
            try:
                wanted = pattern_of(failed.atom, progress.env)
            except NoValue:
                wanted = (None,) * len(failed.atom.terms)
            name = failed.atom.predicate
            if failed.negated:
                rows = self.select(name, wanted)
                blockers = tuple(Fact(predicate=name, row=row) for row in rows[:3])
                proof = self.prove(name, rows[0]) if rows and self._clauses_of(name) else None
            elif depth > 1 and (name, wanted) not in above and self._clauses_of(name) and not self.select(name, wanted):
                why = self._refute(name, wanted, depth - 1, above)
        values = {name: value for name, value in progress.env.items() if name[0].isupper()}
        return Attempt(
            clause=clause, met=progress.met, failed=failed, values=values, blockers=blockers, proof=proof, why=why
        )

    def _other_value(self, clause: Clause, pattern: Pattern) -> Fact | None:
        """The row that a functional predicate has for the pattern's keys."""
        rows = self.select(clause.head.predicate, (*pattern[:-1], None))
        return Fact(predicate=clause.head.predicate, row=rows[0]) if rows else None


def _positive(clause: Clause) -> list[str]:
    return [item.atom.predicate for item in clause.body if isinstance(item, Literal) and not item.negated]


def _row_key(row: Row) -> tuple[tuple[bool, Value], ...]:
    return tuple((isinstance(value, str), value) for value in row)
