"""Bottom-up evaluation of a rulebook, kept current under changes of the facts.

Predicates are evaluated in dependency order. Non-recursive ones keep, for each row, the number of its
derivations (the counting algorithm of Gupta, Mumick and Subrahmanian), so a change costs what it touches and
deletions are exact. An aggregate is computed again for the groups that changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from kubelogic.logic.aggregates import Grouping, grouping
from kubelogic.logic.compiler import Function, Join, Rule, compile_join
from kubelogic.logic.relation import Relation
from kubelogic.logic.rulebook import Rulebook
from kubelogic.logic.strata import components
from kubelogic.logic.terms import Atom, BodyItem, Clause, Constant, Literal, Row, Term, Value, Variable

Facts = Mapping[str, Iterable[Row]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What an update changed, by predicate; predicates without change are absent. Rows are in no promised order."""

    added: Mapping[str, Collection[Row]] = field(default_factory=dict)
    removed: Mapping[str, Collection[Row]] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class _Group:
    """One step of the evaluation: a predicate, or predicates that depend on each other."""

    predicates: tuple[str, ...]
    rules: list[Rule]
    recursive: bool
    source: str = ""
    grouping: Grouping | None = None


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
    ) -> None:
        """Prepare an empty evaluation.

        Args:
            rulebook: the checked rules.
            functions: a pure function for every predicate that is declared with ``->``.
            goals: the predicates that will be asked for. Only what they depend on is evaluated and kept;
                facts of other predicates are ignored. Without goals, everything is evaluated.

        Raises:
            KeyError: if a goal is not declared, or a function that is needed is missing from ``functions``.
        """
        self.rulebook = rulebook
        needed = _needed(rulebook, goals)
        self._functions = {
            name: (functions or {})[name] for name in sorted(needed) if rulebook.declarations[name].function
        }
        self._groups = _plan(rulebook, needed)
        names = {*needed, *(p for group in self._groups for p in (*group.predicates, group.source))}
        self._relations: dict[str, Relation] = {name: Relation() for name in sorted(names - {""})}
        self._users: dict[str, list[tuple[Rule, int]]] = {}
        for group in self._groups:
            if not group.recursive:
                for rule in group.rules:
                    for number, literal in rule.literals():
                        self._users.setdefault(literal.atom.predicate, []).append((rule, number))
        self._joins: dict[tuple[int, int | None], Join] = {}
        self._given: dict[str, dict[Row, int]] = {}
        self._recursive = {p for group in self._groups if group.recursive for p in group.predicates}
        self._empty = True

    def rows(self, predicate: str) -> Collection[Row]:
        """All rows of a predicate, in no promised order.

        Raises:
            KeyError: if there is no such predicate, or no goal depends on it.
        """
        return self._relations[predicate].counts.keys()

    def matching(self, predicate: str, values: Mapping[int, Value]) -> Collection[Row]:
        """The rows of a predicate that have the given values in the given columns (counted from 0)."""
        if not values:
            return self.rows(predicate)
        columns = tuple(sorted(values))
        key: Any = tuple(values[c] for c in columns) if len(columns) > 1 else values[columns[0]]
        return self._relations[predicate].index(columns).get(key, ())

    def update(self, added: Facts | None = None, removed: Facts | None = None) -> Changes:
        """Change the given facts and derive what follows.

        A fact that is added twice has to be removed twice.

        Args:
            added: rows to add, by predicate.
            removed: rows to remove, by predicate; they must have been added before.

        Raises:
            KeyError: if a predicate is not declared or a removed fact was never added.
        """
        pending: dict[str, dict[Row, int]] = {}
        for facts, sign in ((added or {}, 1), (removed or {}, -1)):
            for predicate, rows in facts.items():
                if predicate not in self._relations and predicate in self.rulebook.declarations:
                    continue
                counts = pending.setdefault(predicate, {})
                get = counts.get
                for row in rows:
                    counts[row] = get(row, 0) + sign
        if self._empty:
            self._empty = False
            for fact in self.rulebook.facts:
                if fact.predicate not in self._relations:
                    continue
                row = tuple(term.value for term in fact.terms if isinstance(term, Constant))
                counts = pending.setdefault(fact.predicate, {})
                counts[row] = counts.get(row, 0) + 1
            return self._evaluate(pending)
        return self._propagate(pending)

    # -- the first evaluation ------------------------------------------------------------------------------

    def _evaluate(self, pending: Mapping[str, dict[Row, int]]) -> Changes:
        for predicate, counts in pending.items():
            if predicate in self._recursive:
                self._given[predicate] = dict(counts)
            self._relations[predicate].counts.update(
                dict.fromkeys(counts, 1) if predicate in self._recursive else counts
            )
        for group in self._groups:
            if group.grouping is not None:
                out = self._relations[group.predicates[0]].counts
                for rows in (
                    self._relations[group.source].index(group.grouping.group).values()
                    if (group.grouping.group)
                    else [self._relations[group.source].counts]
                ):
                    if rows:
                        for row in group.grouping.results(rows):
                            out[row] = out.get(row, 0) + 1
            elif group.recursive:
                self._fixpoint(group)
            else:
                for rule in group.rules:
                    out = self._relations[rule.head].counts
                    self._join(rule, None)(self._relations, self._functions, (), {}, out, 1)
        return Changes(
            added={name: list(r.counts) for name, r in self._relations.items() if r.counts and "$" not in name}
        )

    def _fixpoint(self, group: _Group) -> None:
        """Semi-naive evaluation of a recursive group whose relations hold only given facts."""
        inside = set(group.predicates)
        delta: dict[str, dict[Row, int]] = {p: dict(self._relations[p].counts) for p in group.predicates}
        seeded: list[tuple[Rule, int]] = []
        for rule in group.rules:
            seeds = [number for number, literal in rule.literals() if literal.atom.predicate in inside]
            seeded.extend((rule, number) for number in seeds)
            if not seeds:
                out: dict[Row, int] = {}
                self._join(rule, None)(self._relations, self._functions, (), {}, out, 1)
                self._enter(rule.head, out, delta)
        while any(delta.values()):
            fresh: dict[str, dict[Row, int]] = {p: {} for p in group.predicates}
            for rule, number in seeded:
                item = rule.body[number]
                assert isinstance(item, Literal)
                rows = delta[item.atom.predicate]
                if rows:
                    out = {}
                    self._join(rule, number)(self._relations, self._functions, rows, {}, out, 1)
                    self._enter(rule.head, out, fresh)
            delta = fresh

    def _enter(self, predicate: str, out: Mapping[Row, int], delta: dict[str, dict[Row, int]]) -> None:
        relation = self._relations[predicate]
        new = [row for row in out if row not in relation.counts]
        for row in new:
            relation.counts[row] = 1
            delta[predicate][row] = 1
        relation.add(new)

    # -- changes -------------------------------------------------------------------------------------------

    def _propagate(self, pending: dict[str, dict[Row, int]]) -> Changes:
        added: dict[str, Collection[Row]] = {}
        removed: dict[str, Collection[Row]] = {}
        derived = {p for group in self._groups for p in group.predicates}

        def settle(predicate: str) -> None:
            gone, come = self._settle(predicate, pending.pop(predicate, {}), pending)
            if gone:
                removed[predicate] = gone
            if come:
                added[predicate] = come

        for predicate in sorted(p for p in pending if p not in derived):
            settle(predicate)
        for group in self._groups:
            if group.grouping is not None:
                self._regroup(group, added, removed, pending)
            elif group.recursive:
                self._refix(group, added, removed, pending)
            for predicate in group.predicates:
                if predicate in pending:
                    settle(predicate)
        return Changes(
            added={name: rows for name, rows in added.items() if "$" not in name},
            removed={name: rows for name, rows in removed.items() if "$" not in name},
        )

    def _settle(
        self, predicate: str, deltas: Mapping[Row, int], pending: dict[str, dict[Row, int]]
    ) -> tuple[dict[Row, int], dict[Row, int]]:
        """Apply count changes to one predicate and pass what appears and disappears on to the rules that use it."""
        relation = self._relations[predicate]
        counts = relation.counts
        gone: dict[Row, int] = {}
        come: dict[Row, int] = {}
        for row, delta in deltas.items():
            if not delta:
                continue
            old = counts.get(row, 0)
            if old + delta < 0:
                raise KeyError(f"{predicate}{row} was removed but never added")
            if old == 0:
                come[row] = delta
            elif old + delta == 0:
                gone[row] = delta
            else:
                counts[row] = old + delta
        users = self._users.get(predicate, ())
        if gone:
            for rule, number in users:
                self._seed(rule, number, gone, pending, -1)
            relation.discard(gone)
        if come:
            counts.update(come)
            relation.add(come)
            for rule, number in users:
                self._seed(rule, number, come, pending, 1)
        return gone, come

    def _seed(
        self, rule: Rule, number: int, rows: Mapping[Row, int], pending: dict[str, dict[Row, int]], sign: int
    ) -> None:
        item = rule.body[number]
        assert isinstance(item, Literal)
        out = pending.setdefault(rule.head, {})
        self._join(rule, number)(self._relations, self._functions, rows, rows, out, -sign if item.negated else sign)

    def _regroup(
        self,
        group: _Group,
        added: Mapping[str, Collection[Row]],
        removed: Mapping[str, Collection[Row]],
        pending: dict[str, dict[Row, int]],
    ) -> None:
        how = group.grouping
        assert how is not None
        changed = [*added.get(group.source, ()), *removed.get(group.source, ())]
        if not changed:
            return
        predicate = group.predicates[0]
        out = pending.setdefault(predicate, {})
        keys: Iterable[Any] = dict.fromkeys(map(itemgetter(*how.group), changed)) if how.group else (None,)
        rows_of = self._relations[group.source].index(how.group) if how.group else None
        results_of = self._relations[predicate].index(how.group) if how.group else None
        for key in keys:
            old = results_of.get(key, ()) if results_of is not None else self._relations[predicate].counts
            for row in old:
                out[row] = out.get(row, 0) - 1
            rows = rows_of.get(key, ()) if rows_of is not None else self._relations[group.source].counts
            if rows:
                for row in how.results(rows):
                    out[row] = out.get(row, 0) + 1

    def _refix(
        self,
        group: _Group,
        added: Mapping[str, Collection[Row]],
        removed: Mapping[str, Collection[Row]],
        pending: dict[str, dict[Row, int]],
    ) -> None:
        """Evaluate a recursive group anew if anything below it changed, and pass on the difference."""
        changed = {*added, *removed}
        touched = any(literal.atom.predicate in changed for rule in group.rules for _, literal in rule.literals())
        for predicate in group.predicates:
            for row, delta in pending.pop(predicate, {}).items():
                touched = True
                given = self._given.setdefault(predicate, {})
                given[row] = given.get(row, 0) + delta
                if given[row] < 0:
                    raise KeyError(f"{predicate}{row} was removed but never added")
                if not given[row]:
                    del given[row]
        if not touched:
            return
        before = {predicate: self._relations[predicate] for predicate in group.predicates}
        for predicate in group.predicates:
            self._relations[predicate] = Relation()
            self._relations[predicate].counts.update(dict.fromkeys(self._given.get(predicate, ()), 1))
        self._fixpoint(group)
        for predicate, old in before.items():
            new = self._relations[predicate].counts
            self._relations[predicate] = old
            pending[predicate] = {
                **{row: -1 for row in old.counts if row not in new},
                **{row: 1 for row in new if row not in old.counts},
            }

    def _join(self, rule: Rule, seed: int | None) -> Join:
        key = (id(rule), seed)
        found = self._joins.get(key)
        if found is None:
            found = self._joins[key] = compile_join(
                rule, seed=seed, functions=self._functions, sizes=lambda p: len(self._relations[p].counts)
            )
        return found


def _needed(rulebook: Rulebook, goals: Iterable[str] | None) -> set[str]:
    """The declared predicates that the goals depend on, themselves included."""
    if goals is None:
        return set(rulebook.declarations)
    uses: dict[str, set[str]] = {}
    for clause in rulebook.clauses:
        found = uses.setdefault(clause.head.predicate, set())
        found.update(item.atom.predicate for item in clause.body if isinstance(item, Literal))
    todo = list(goals)
    for goal in todo:
        if goal not in rulebook.declarations:
            raise KeyError(goal)
    needed: set[str] = set()
    while todo:
        predicate = todo.pop()
        if predicate not in needed:
            needed.add(predicate)
            todo.extend(uses.get(predicate, ()))
    return needed


def _plan(rulebook: Rulebook, needed: Collection[str]) -> list[_Group]:
    """Split the needed rules into groups in evaluation order; internal predicates have a ``$`` in their name."""
    rules: dict[str, list[Rule]] = {}
    groupings: dict[str, Grouping] = {}
    for clause in rulebook.clauses:
        if clause.head.predicate not in needed:
            continue
        body = tuple(_project(item, rules) for item in clause.body)
        head, terms = clause.head.predicate, clause.head.terms
        if clause.aggregate is not None:
            groupings[head], terms = grouping(clause)
            head = f"{head}$rows"
        rules.setdefault(head, []).append(Rule(head=head, terms=terms, body=body, label=str(clause.place)))
    uses = {
        head: [literal.atom.predicate for rule in found for _, literal in rule.literals()]
        for head, found in rules.items()
    }
    uses.update({head: [f"{head}$rows"] for head in groupings})
    result = []
    for group in components(uses):
        if group[0] in groupings:
            result.append(
                _Group(
                    predicates=group,
                    rules=[],
                    recursive=False,
                    source=f"{group[0]}$rows",
                    grouping=groupings[group[0]],
                )
            )
        elif group[0] in rules:
            recursive = len(group) > 1 or group[0] in uses[group[0]]
            result.append(_Group(predicates=group, rules=[r for p in group for r in rules[p]], recursive=recursive))
    return result


def _project(item: BodyItem, rules: dict[str, list[Rule]]) -> BodyItem:
    """Replace a negated literal that has anonymous variables by the negation of a projection."""
    if not isinstance(item, Literal) or not item.negated:
        return item
    atom = item.atom
    kept = [i for i, term in enumerate(atom.terms) if not _is_anonymous(term)]
    if len(kept) == len(atom.terms):
        return item
    name = f"{atom.predicate}${'_'.join(map(str, kept))}"
    if name not in rules:
        columns = [Variable(f"C{i}") for i in range(len(atom.terms))]
        rules[name] = [
            Rule(
                head=name,
                terms=tuple(columns[i] for i in kept),
                body=(Literal(atom=Atom(predicate=atom.predicate, terms=tuple(columns), place=atom.place)),),
                label=name,
            )
        ]
    projected = Atom(predicate=name, terms=tuple(atom.terms[i] for i in kept), place=atom.place)
    return Literal(atom=projected, negated=True)


def _is_anonymous(term: Term) -> bool:
    return isinstance(term, Variable) and term.name.startswith("_")


def clause_rule(clause: Clause) -> Rule:
    """The plain rule of a clause without an aggregate."""
    return Rule(head=clause.head.predicate, terms=clause.head.terms, body=clause.body, label=str(clause.place))
