"""A rulebook as the steps of an evaluation: rules ready to compile, grouped in dependency order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from kubelogic.logic.aggregates import Grouping, grouping, over
from kubelogic.logic.relation import Relation
from kubelogic.logic.rulebook import Rulebook
from kubelogic.logic.strata import components
from kubelogic.logic.terms import (
    Atom,
    BodyItem,
    Clause,
    Comparison,
    Constant,
    Literal,
    Operation,
    Row,
    Term,
    Value,
    Variable,
    is_anonymous,
)

Function = Callable[..., Value | None]
"""A registered pure function: None means that the literal fails."""

Join = Callable[
    [
        Mapping[str, Relation],
        Mapping[str, Function],
        Sequence[Row] | Mapping[Row, int],
        Mapping[Row, int],
        dict[Row, int],
        int,
    ],
    None,
]
"""``join(relations, functions, seed_rows, seed_set, out, sign)``: adds ``sign`` to ``out[head]`` per derivation."""

HEAD = -1
"""The seed of a join that checks head rows."""


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """A literal of a body: its position, its predicate, and, where it asks only whether a key is absent, the key's
    columns (see ``kept_columns``)."""

    number: int
    predicate: str
    negated: bool
    kept: tuple[int, ...] | None


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule is compiled from: no aggregate, and arithmetic only in comparisons and the head.

    ``loose`` are the variables that may be text or a number, as far as the declarations say.
    """

    terms: tuple[Term, ...]
    items: tuple[BodyItem, ...]
    clause: Clause | None = None
    loose: frozenset[str] = frozenset()


class Rule:
    """A clause ready to be evaluated. ``mark`` tells it from the other rules of its rulebook.

    What its joins are compiled from is made when it is first asked for: most runs find the joins compiled already.
    """

    __slots__ = ("_parts", "asks", "head", "label", "mark")

    def __init__(self, head: str, label: str, mark: str, asks: tuple[Asked, ...], parts: Parts) -> None:
        self.head, self.label, self.mark, self.asks = head, label, mark, asks
        self._parts = parts

    @property
    def body(self) -> Body:
        """What it is compiled from."""
        return self._parts.body(self.mark)


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the evaluation: a predicate, or predicates that depend on each other.

    ``source`` is, for an aggregate, the predicate that holds its body rows: an internal one or that of its literal.
    """

    predicates: tuple[str, ...]
    rules: tuple[Rule, ...] = ()
    recursive: bool = False
    source: str = ""
    grouping: Grouping | None = None

    def reads(self) -> set[str]:
        """What it is derived from."""
        return {self.source, *(asked.predicate for rule in self.rules for asked in rule.asks)}

    def inside(self) -> list[tuple[Rule, Asked]]:
        """The rules with those of their literals that belong to the group itself."""
        return [(rule, asked) for rule in self.rules for asked in rule.asks if asked.predicate in self.predicates]


def kept_columns(literal: Literal) -> tuple[int, ...] | None:
    """The columns that matter to a negated literal with anonymous variables; None for any other literal."""
    if not literal.negated:
        return None
    terms = literal.atom.terms
    kept = tuple([i for i, term in enumerate(terms) if not is_anonymous(term)])
    return kept if len(kept) < len(terms) else None


def needed(rulebook: Rulebook, goals: Iterable[str] | None) -> set[str]:
    """The declared predicates that the goals depend on, themselves included; all without goals.

    Raises:
        KeyError: if a goal is not declared.
    """
    if goals is None:
        return set(rulebook.declarations)
    todo = list(goals)
    for goal in todo:
        if goal not in rulebook.declarations:
            raise KeyError(goal)
    found: set[str] = set()
    while todo:
        predicate = todo.pop()
        if predicate not in found:
            found.add(predicate)
            todo.extend(rulebook.uses.get(predicate, ()))
    return found


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What a clause is in every plan: a rule, an aggregate over ``source``, or both; and the projections it asks."""

    head: str
    rule: Rule | None = None
    source: str = ""
    grouping: Grouping | None = None
    projections: tuple[Rule, ...] = ()


class Parts:
    """The clauses of one rulebook as parts of plans: each is made when a plan first needs it, and shared."""

    def __init__(self, rulebook: Rulebook) -> None:
        self.rulebook = rulebook
        self._made: dict[int, Part] = {}
        self._rules: dict[str, Rule] = {}
        self._bodies: dict[str, Body] = {}

    def of(self, predicates: Collection[str]) -> Iterator[Part]:
        """The parts that define ``predicates``, in the order of their clauses."""
        for number, head in enumerate(self.rulebook.clauses.heads):
            if head in predicates:
                yield self._part(number)

    def rule(self, head: str, label: str, mark: str, asks: tuple[Asked, ...]) -> Rule:
        """The rule of a mark: the same one for whoever asks."""
        found = self._rules.get(mark)
        if found is None:
            found = self._rules[mark] = Rule(head, label, mark, asks, self)
        return found

    def body(self, mark: str) -> Body:
        """What the rule of a mark is compiled from."""
        if mark not in self._bodies:
            predicate, projected, columns = mark.partition("$")
            if projected:
                self._projection(predicate, tuple(map(int, filter(None, columns.split("_")))))
            else:
                self._part(int(mark))
        return self._bodies[mark]

    def _part(self, number: int) -> Part:
        part = self._made.get(number)
        if part is None:
            part = self._made[number] = self._of_clause(str(number), self.rulebook.clauses[number])
        return part

    def _of_clause(self, mark: str, clause: Clause) -> Part:
        head, terms = clause.head.predicate, clause.head.terms
        body, projections = self._project(_flatten(clause.body))
        loose = _loose(body, self.rulebook)
        source, how = "", None
        if clause.aggregate is not None:
            how, terms = grouping(clause)
            if clause.aggregate.function == "sum_":
                body = (*body, *_numbers(clause, loose))
            if direct := _direct(how, terms, body, self.rulebook):
                return Part(head=head, source=direct[0], grouping=direct[1], projections=projections)
            source = f"{head}$rows"
        rule = self._rule(
            source or head, str(clause.place), mark, Body(terms=terms, items=body, clause=clause, loose=loose)
        )
        return Part(head=head, rule=rule, source=source, grouping=how, projections=projections)

    def _rule(self, head: str, label: str, mark: str, body: Body) -> Rule:
        self._bodies[mark] = body
        asks = tuple(
            [
                Asked(number, item.atom.predicate, item.negated, kept_columns(item))
                for number, item in enumerate(body.items)
                if isinstance(item, Literal)
            ]
        )
        return self.rule(head, label, mark, asks)

    def _project(self, body: Sequence[BodyItem]) -> tuple[tuple[BodyItem, ...], tuple[Rule, ...]]:
        """Negated literals with anonymous variables ask an index, unless the body uses their predicate elsewhere too:
        those ask a projection, a relation of its own. The body, and the projections."""
        predicates = [item.atom.predicate for item in body if isinstance(item, Literal)]
        items: list[BodyItem] = []
        asked: list[Rule] = []
        for item in body:
            kept = None
            if isinstance(item, Literal) and predicates.count(item.atom.predicate) > 1:
                kept = kept_columns(item)
            if kept is None or not isinstance(item, Literal):
                items.append(item)
                continue
            asked.append(self._projection(item.atom.predicate, kept))
            terms = tuple(item.atom.terms[i] for i in kept)
            atom = Atom(predicate=asked[-1].head, terms=terms, place=item.atom.place)
            items.append(Literal(atom=atom, negated=True))
        return tuple(items), tuple(asked)

    def _projection(self, predicate: str, kept: tuple[int, ...]) -> Rule:
        name = f"{predicate}${'_'.join(map(str, kept))}"
        found = self._rules.get(name)
        if found is not None and name in self._bodies:
            return found
        declaration = self.rulebook.declarations[predicate]
        columns = tuple([Variable(f"C{i}") for i in range(declaration.arity)])
        whole = Literal(atom=Atom(predicate=predicate, terms=columns, place=declaration.place))
        return self._rule(name, name, name, Body(terms=tuple(columns[i] for i in kept), items=(whole,)))


def plan(parts: Parts, predicates: Collection[str]) -> list[Group]:
    """The groups that define ``predicates``, in evaluation order; internal predicates have a ``$`` in their name."""
    rules: dict[str, list[Rule]] = {}
    groupings: dict[str, tuple[str, Grouping]] = {}
    for part in parts.of(predicates):
        for projection in part.projections:
            rules[projection.head] = [projection]
        if part.grouping is not None:
            groupings[part.head] = part.source, part.grouping
        if part.rule is not None:
            rules.setdefault(part.rule.head, []).append(part.rule)
    uses = {head: [asked.predicate for rule in found for asked in rule.asks] for head, found in rules.items()}
    uses.update({head: [source] for head, (source, _) in groupings.items()})
    result = []
    for group in components(uses):
        first = group[0]
        if first in groupings:
            source, how = groupings[first]
            result.append(Group(predicates=group, source=source, grouping=how))
        elif first in rules:
            recursive = len(group) > 1 or first in uses[first]
            members = tuple(rule for predicate in group for rule in rules[predicate])
            result.append(Group(predicates=group, rules=members, recursive=recursive))
    return result


def _direct(
    how: Grouping, terms: Sequence[Term], body: Sequence[BodyItem], rulebook: Rulebook
) -> tuple[str, Grouping] | None:
    """The relation with the body rows of an aggregate and how it reads them, if its body is just that relation."""
    match body:
        case [Literal(atom=atom, negated=False)] if not rulebook.declarations[atom.predicate].function:
            found = over(how, terms, atom.terms)
            return None if found is None else (atom.predicate, found)
    return None


def _flatten(body: Sequence[BodyItem]) -> tuple[BodyItem, ...]:
    """Take arithmetic out of the arguments of relations: each operation becomes a variable with an equation."""
    items: list[BodyItem] = []
    for item in body:
        if not isinstance(item, Literal) or not any(isinstance(term, Operation) for term in item.atom.terms):
            items.append(item)
            continue
        atom = item.atom
        terms: list[Term] = []
        for term in atom.terms:
            if isinstance(term, Operation):
                variable = Variable(f"op{len(items)}")
                items.append(Comparison(operator="==", left=variable, right=term, place=atom.place))
                terms.append(variable)
            else:
                terms.append(term)
        flat = Atom(predicate=atom.predicate, terms=tuple(terms), place=atom.place, functional=atom.functional)
        items.append(Literal(atom=flat, negated=item.negated))
    return tuple(items)


def _loose(body: Sequence[BodyItem], rulebook: Rulebook) -> frozenset[str]:
    """The variables that get their values from columns of type ``any`` only."""
    types: dict[str, set[str]] = {}
    for item in body:
        declaration = rulebook.declarations.get(item.atom.predicate) if isinstance(item, Literal) else None
        if isinstance(item, Literal) and not item.negated and declaration is not None:
            for term, argument in zip(item.atom.terms, declaration.arguments, strict=True):
                if isinstance(term, Variable):
                    types.setdefault(term.name, set()).add(argument.type)
    loose = {name for name, kinds in types.items() if kinds == {"any"}}
    if not loose:
        return frozenset()
    size = -1
    while size != (size := len(loose)):
        for item in body:
            match item:
                case Comparison(operator="==", left=Variable(one), right=Variable(other)):
                    if one in loose and other not in types:
                        loose.add(other)
                    if other in loose and one not in types:
                        loose.add(one)
    return frozenset(loose)


def _numbers(clause: Clause, loose: frozenset[str]) -> list[BodyItem]:
    """Conditions that hold for numbers only: ``V + 0 == V`` for each loose variable that is summed."""
    assert clause.aggregate is not None
    summed = [Variable(name) for name in clause.aggregate.value if name in loose]
    zero = Constant(0)
    return [
        Comparison(operator="==", left=Operation("+", value, zero), right=value, place=clause.place) for value in summed
    ]
