"""Top-down evaluation by pyDatalog: a question costs what its answer touches, not what there is.

pyDatalog resolves the clauses; everything else is served to it by Python primitives: facts from indexes, comparisons,
functions, aggregates. Recursive predicates, on which it may hang, are computed bottom-up first and are facts to it.
For each predicate and set of arguments that are known when it is asked, the bodies of its clauses are put in an order
that uses what is known (an adorned program), since pyDatalog takes them as they come.

An engine has a pyDatalog program of its own. It is entered for one question at a time, in whatever thread asks.

pyDatalog's clauses and primitives are made of the same rules side by side, so the file is longer than others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from kubelogic.logic.evaluation import Evaluation, Facts
from kubelogic.logic.plan import Function, Group, Parts, Rule, needed, plan
from kubelogic.logic.relation import Relation
from kubelogic.logic.rulebook import Rulebook
from kubelogic.logic.solving import meet
from kubelogic.logic.terms import (
    BodyItem,
    Comparison,
    Constant,
    Literal,
    Operation,
    Pattern,
    Row,
    Term,
    Value,
    Variable,
    is_anonymous,
    variables,
)

Primitive = Callable[[Any, Any], None]


class _Definition(msgspec.Struct, frozen=True):
    """How a predicate is derived: by rules, or as an aggregate over the rows of ``group.source``."""

    rules: tuple[Rule, ...]
    group: Group


class TopDown:
    """Answers questions about facts and rules.

    >>> book = Rulebook.parse({"t.dl": '''
    ... #: edge(A: str, B: str) "{A} leads to {B}"
    ... #: two_steps(A: str, B: str) "{A} leads to {B} in two steps"
    ... two_steps(A, C) <= edge(A, B) & edge(B, C)
    ... '''})
    >>> engine = TopDown(book, {"edge": [("a", "b"), ("b", "c"), ("c", "d")]})
    >>> engine.ask("two_steps", ("a", None))
    [('a', 'c')]
    """

    def __init__(self, rulebook: Rulebook, facts: Facts, functions: Mapping[str, Function] | None = None) -> None:
        """Prepare an engine over fixed facts.

        Args:
            rulebook: the checked rules.
            facts: the given rows by predicate; they are read when they are first needed and must not change.
            functions: a pure function for every predicate that is declared with ``->``.
        """
        import pyDatalog.pyEngine
        from pyDatalog.Logic import Logic

        self._engine: Any = pyDatalog.pyEngine
        self._holder: Any = Logic.tl
        self._lock = threading.RLock()
        self._book = rulebook
        self._functions = functions or {}
        self._facts = facts
        self._relations: dict[str, Relation] = {}
        self._definitions: dict[str, _Definition] = {}
        self._recursive: set[str] = set()
        for group in plan(Parts(rulebook), rulebook.declarations):
            for predicate in group.predicates:
                rules = tuple(rule for rule in group.rules if rule.head == predicate)
                self._definitions[predicate] = _Definition(rules, group)
                if group.recursive:
                    self._recursive.add(predicate)
        self._defined: set[str] = set()
        self._count = 0
        self._logic: Any = object.__new__(Logic)
        with self._entered():
            self._engine.clear()

    def ask(self, predicate: str, pattern: Pattern) -> list[Row]:
        """The rows of a predicate that fit a pattern, sorted.

        Args:
            predicate: a declared predicate.
            pattern: a value for each argument, None for any.

        Raises:
            KeyError: if the predicate is not declared, or a function that is needed is missing.
            ValueError: if the pattern has the wrong length.
        """
        if len(pattern) != self._book.declarations[predicate].arity:
            raise ValueError(f"{predicate} takes {self._book.declarations[predicate].arity} arguments")
        with self._lock, self._entered():
            return sorted(self._ask(predicate, pattern), key=_row_key)

    @contextmanager
    def _entered(self) -> Iterator[None]:
        """Make this engine's program the thread's, and leave the thread's own as it was."""
        fresh = self._engine.Fresh_var.tl
        before = getattr(self._holder, "logic", None)
        counter = getattr(fresh, "counter", None)
        self._holder.logic = self._logic
        if counter is None:
            fresh.counter = 0
        try:
            yield
        finally:
            if counter is None:
                del fresh.counter
            else:
                fresh.counter = counter
            if before is None:
                del self._holder.logic
            else:
                self._holder.logic = before

    # -- questions -----------------------------------------------------------------------------------------

    def _ask(self, predicate: str, pattern: Pattern) -> Iterable[Row]:
        if not self._is_derived(predicate):
            return self._select(predicate, pattern)
        name = self._predicate(predicate, frozenset(i for i, value in enumerate(pattern) if value is not None))
        terms = [
            self._engine.Var(f"Q{i}") if value is None else self._engine.Const(value) for i, value in enumerate(pattern)
        ]
        logic = self._logic
        saved = logic.Tasks, logic.Recursive_Tasks, logic.Recursive, logic.Subgoals, logic.Goal
        try:
            found: bool | list[Row] = self._engine.Literal(name, terms).ask()
        finally:
            logic.Tasks, logic.Recursive_Tasks, logic.Recursive, logic.Subgoals, logic.Goal = saved
        if found is True:
            return [tuple(value for value in pattern if value is not None)]
        return found or []

    def _is_derived(self, predicate: str) -> bool:
        return predicate in self._definitions and predicate not in self._recursive

    def _select(self, predicate: str, pattern: Pattern) -> Iterable[Row]:
        """Rows of a relation that holds facts."""
        relation = self._relation(predicate)
        columns = tuple(i for i, value in enumerate(pattern) if value is not None)
        if not columns:
            return relation.counts
        key: Any = tuple(pattern[i] for i in columns)
        if len(columns) == len(pattern):
            return [key] if key in relation.counts else []
        # One column, the most selective, is looked up; an index on every combination would cost more than it gains.
        best: Iterable[Row] = relation.counts
        size = len(relation.counts)
        for i in columns:
            bucket = relation.index((i,)).get(pattern[i], ())
            if len(bucket) < size:
                best, size = bucket, len(bucket)
        return [row for row in best if all(row[i] == pattern[i] for i in columns)]

    def _relation(self, predicate: str) -> Relation:
        found = self._relations.get(predicate)
        if found is None:
            if predicate in self._recursive:
                self._evaluate_recursive(predicate)
            else:
                self._load(predicate, [*self._facts.get(predicate, ()), *self._own(predicate)])
            found = self._relations[predicate]
        return found

    def _load(self, predicate: str, rows: Iterable[Row]) -> None:
        relation = self._relations[predicate] = Relation()
        relation.counts.update(dict.fromkeys(rows, 1))

    def _own(self, predicate: str) -> list[Row]:
        return [fact.row for fact in self._book.facts if fact.predicate == predicate]

    def _evaluate_recursive(self, predicate: str) -> None:
        """Compute a recursive predicate, and the recursive ones below it, bottom-up."""
        below = needed(self._book, [predicate])
        evaluation = Evaluation(self._book, self._functions, goals=[predicate])
        evaluation.update({name: rows for name, rows in self._facts.items() if name in below})
        for name in sorted(below & self._recursive):
            if name not in self._relations:
                self._load(name, evaluation.rows(name))

    # -- the adorned program -------------------------------------------------------------------------------

    def _predicate(self, predicate: str, known: frozenset[int]) -> str:
        """The name of a predicate asked with some arguments known; defines it in pyDatalog if it is new."""
        if predicate.endswith("$rows") or self._is_derived(predicate):
            name = f"{predicate}${'_'.join(map(str, sorted(known)))}"
        else:
            name, known = predicate, frozenset()
        if name in self._defined:
            return name
        self._defined.add(name)
        definition = self._definitions.get(predicate)
        if definition is None or predicate in self._recursive:
            self._primitive(name, self._book.declarations[predicate].arity, self._facts_of(predicate))
        elif definition.group.grouping is not None:
            self._primitive(name, self._book.declarations[predicate].arity, self._aggregate(predicate, definition))
        else:
            given = [*self._facts.get(predicate, ()), *self._own(predicate)]
            if given:
                terms = tuple(Variable(f"A{i}") for i in range(len(given[0])))
                self._load(predicate, given)
                self._primitive(f"{predicate}$given", len(terms), self._facts_of(predicate))
                self._assert(name, terms, [(f"{predicate}$given", terms)])
            for rule in definition.rules:
                self._clause(name, rule, known)
        return name

    def _clause(self, name: str, rule: Rule, known: frozenset[int]) -> None:
        """Assert one clause, its body in an order that suits the known arguments of the head."""
        terms: list[Term] = []
        rest: list[BodyItem] = list(rule.body.items)
        for i, term in enumerate(rule.body.terms):
            if isinstance(term, Operation):
                variable = Variable(f"head{i}")
                assert rule.body.clause is not None
                rest.append(Comparison(operator="==", left=variable, right=term, place=rule.body.clause.place))
                terms.append(variable)
            else:
                terms.append(term)
        bound = {name for i in known for name in variables(terms[i])}
        body: list[tuple[str, tuple[Term, ...]]] = []
        while rest:
            item = rest.pop(self._next(rest, bound))
            body.append(self._item(item, bound))
            bound.update(_names(item))
        self._assert(name, tuple(terms), body)

    def _next(self, items: Sequence[BodyItem], bound: set[str]) -> int:
        """The position of the item to resolve next: what only tests, then what looks up most selectively."""
        best: tuple[float, int] | None = None
        for position, item in enumerate(items):
            cost = self._cost(item, bound)
            if cost is not None and (best is None or (cost, position) < best):
                best = (cost, position)
        assert best is not None, "an unsafe rule"
        return best[1]

    def _cost(self, item: BodyItem, bound: set[str]) -> float | None:
        match item:
            case Comparison(operator=operator, left=left, right=right):
                free = set(variables(left, right)) - bound
                alone = any(
                    isinstance(one, Variable) and {one.name} == free and one.name not in set(variables(other))
                    for one, other in ((left, right), (right, left))
                )
                return -2.0 if not free or (operator == "==" and alone) else None
            case Literal(atom=atom, negated=negated) if self._is_function(atom.predicate):
                terms = atom.terms if negated else atom.terms[:-1]
                return -1.0 if bound.issuperset(variables(*terms)) else None
            case Literal(atom=atom, negated=True):
                ready = all(is_anonymous(term) or bound.issuperset(variables(term)) for term in atom.terms)
                return 0.0 if ready else None
            case Literal(atom=atom):
                free_terms = sum(isinstance(term, Variable) and term.name not in bound for term in atom.terms)
                if free_terms == len(atom.terms):
                    return 1e9 + self._size(atom.predicate)
                return float(free_terms) + (0.5 if self._is_derived(atom.predicate) else 0.0)

    def _size(self, predicate: str) -> float:
        rows = self._facts.get(predicate, ())
        return float(len(rows)) if isinstance(rows, Sequence | set | frozenset | Mapping) else 1e6

    def _is_function(self, predicate: str) -> bool:
        declaration = self._book.declarations.get(predicate)
        return declaration is not None and declaration.function

    def _item(self, item: BodyItem, bound: set[str]) -> tuple[str, tuple[Term, ...]]:
        """The pyDatalog literal of one body item: its predicate's name and its terms."""
        if isinstance(item, Comparison) or self._is_function(item.atom.predicate):
            names = list(dict.fromkeys(_names(item)))
            self._count += 1
            name = f"test${self._count}"
            self._primitive(name, len(names), self._test(item, names))
            return name, tuple(map(Variable, names))
        atom = item.atom
        known = frozenset(
            i for i, term in enumerate(atom.terms) if not isinstance(term, Variable) or term.name in bound
        )
        name = self._predicate(atom.predicate, known)
        return f"~{name}" if item.negated else name, atom.terms

    def _assert(self, name: str, terms: Sequence[Term], body: Sequence[tuple[str, Sequence[Term]]]) -> None:
        engine = self._engine
        literals = [engine.Literal(used, [self._term(term) for term in used_terms]) for used, used_terms in body]
        head = engine.Literal(name, [self._term(term) for term in terms])
        engine.assert_(engine.Clause(head, literals))  # noqa: PT009 - pyDatalog's, not unittest's

    def _term(self, term: Term) -> Any:
        match term:
            case Variable(name):
                return self._engine.Var(name)
            case Constant(value):
                return self._engine.Const(value)
        raise AssertionError(f"arithmetic was not taken out of {term}")

    # -- primitives ----------------------------------------------------------------------------------------

    def _primitive(self, name: str, arity: int, primitive: Primitive) -> None:
        if f"{name}/{arity}" not in self._logic.Db:
            predicate = self._engine.insert(self._engine.Pred(name, arity))
            predicate.prearity = arity
            predicate.prim = primitive

    def _answer(self, literal: Any, subgoal: Any, row: Row) -> None:
        subgoal.fact(self._engine.Literal(literal.pred, [self._engine.Const(value) for value in row]))

    def _facts_of(self, predicate: str) -> Primitive:
        def primitive(literal: Any, subgoal: Any) -> None:
            for row in self._select(predicate, _pattern(literal)):
                if _consistent(literal, row):
                    self._answer(literal, subgoal, row)

        return primitive

    def _test(self, item: BodyItem, names: Sequence[str]) -> Primitive:
        """A comparison or function over the values of some variables, of which one may be free."""

        def primitive(literal: Any, subgoal: Any) -> None:
            known = {name: term.id for name, term in zip(names, literal.terms, strict=True) if term.is_const()}
            for env, _ in meet(self, item, known):
                self._answer(literal, subgoal, tuple(env[name] for name in names))

        return primitive

    def _aggregate(self, predicate: str, definition: _Definition) -> Primitive:
        how = definition.group.grouping
        assert how is not None
        key_of = dict(zip(how.source_group, how.group, strict=True))
        columns = range(1 + max(how.columns))

        def primitive(literal: Any, subgoal: Any) -> None:
            wanted = _pattern(literal)
            pattern = tuple(wanted[key_of[i]] if i in key_of else None for i in columns)
            groups: dict[Row, list[Row]] = {}
            for row in self._ask(definition.group.source, pattern):
                groups.setdefault(tuple(row[i] for i in how.source_group), []).append(row)
            rows = list(how.results(groups.values()))
            for row in rows + [row for row in self._given_aggregates(predicate) if row not in rows]:
                if _consistent(literal, row):
                    self._answer(literal, subgoal, row)

        return primitive

    def _given_aggregates(self, predicate: str) -> list[Row]:
        return list(self._facts.get(predicate, ()))

    # -- the world that tests are met in -------------------------------------------------------------------

    def select(self, predicate: str, pattern: Pattern) -> Sequence[Row]:
        """The rows that fit a pattern."""
        return self.ask(predicate, pattern)

    def call(self, predicate: str, arguments: Row) -> Value | None:
        """The result of a function."""
        return self._functions[predicate](*arguments)

    def is_function(self, predicate: str) -> bool:
        """Whether a predicate is a function."""
        return self._is_function(predicate)


def _names(item: BodyItem) -> Iterator[str]:
    match item:
        case Comparison(left=left, right=right):
            yield from variables(left, right)
        case Literal(atom=atom):
            yield from variables(*atom.terms)


def _pattern(literal: Any) -> Pattern:
    return tuple(term.id if term.is_const() else None for term in literal.terms)


def _consistent(literal: Any, row: Row) -> bool:
    """Whether a row fits a literal, in which a variable may stand twice."""
    seen: dict[Any, Value] = {}
    for term, value in zip(literal.terms, row, strict=True):
        if term.is_const():
            if term.id != value:
                return False
        elif seen.setdefault(term.id, value) != value:
            return False
    return True


def _row_key(row: Row) -> tuple[tuple[bool, Value], ...]:
    return tuple((isinstance(value, str), value) for value in row)
