"""A rulebook as the steps of an evaluation: rules ready to compile, grouped in dependency order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec

from kubelogic.logic.aggregates import Grouping, grouping, over
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
    Term,
    Variable,
    is_anonymous,
)


class Rule(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A clause ready to compile: no aggregate, and arithmetic only in comparisons and the head.

    ``loose`` are the variables that may be text or a number, as far as the declarations say.
    """

    head: str
    terms: tuple[Term, ...]
    body: tuple[BodyItem, ...]
    label: str
    clause: Clause | None = None
    loose: frozenset[str] = frozenset()

    def literals(self) -> list[tuple[int, Literal]]:
        """The positions and literals of the body, functions among them."""
        return [(i, item) for i, item in enumerate(self.body) if isinstance(item, Literal)]


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the evaluation: a predicate, or predicates that depend on each other.

    ``source`` is, for an aggregate, the predicate that holds its body rows: an internal one or that of its literal.
    """

    predicates: tuple[str, ...]
    rules: tuple[Rule, ...] = ()
    recursive: bool = False
    source: str = ""
    grouping: Grouping | None = None

    def inside(self) -> list[tuple[Rule, int]]:
        """The rules with the positions of their literals that belong to the group itself."""
        return [
            (rule, number)
            for rule in self.rules
            for number, literal in rule.literals()
            if literal.atom.predicate in self.predicates
        ]


def kept_columns(literal: Literal) -> tuple[int, ...] | None:
    """The columns that matter to a negated literal with anonymous variables; None for any other literal."""
    terms = literal.atom.terms
    kept = tuple(i for i, term in enumerate(terms) if not is_anonymous(term))
    return kept if literal.negated and len(kept) < len(terms) else None


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


def plan(rulebook: Rulebook, predicates: Collection[str]) -> list[Group]:
    """The groups that define ``predicates``, in evaluation order; internal predicates have a ``$`` in their name."""
    rules: dict[str, list[Rule]] = {}
    groupings: dict[str, tuple[str, Grouping]] = {}
    for clause in rulebook.clauses:
        if clause.head.predicate not in predicates:
            continue
        head, terms = clause.head.predicate, clause.head.terms
        body = _project(_flatten(clause.body), rules)
        loose = _loose(body, rulebook)
        if clause.aggregate is not None:
            how, terms = grouping(clause)
            if clause.aggregate.function == "sum_":
                body = (*body, *_numbers(clause, loose))
            if direct := _direct(how, terms, body, rulebook):
                groupings[head] = direct
                continue
            groupings[head] = f"{head}$rows", how
            head = f"{head}$rows"
        rule = Rule(head=head, terms=terms, body=body, label=str(clause.place), clause=clause, loose=loose)
        rules.setdefault(head, []).append(rule)
    uses = {
        head: [literal.atom.predicate for rule in found for _, literal in rule.literals()]
        for head, found in rules.items()
    }
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


def _project(body: Sequence[BodyItem], rules: dict[str, list[Rule]]) -> tuple[BodyItem, ...]:
    """Negated literals with anonymous variables ask an index, unless the body uses their predicate elsewhere too:
    those ask a projection, a relation of its own."""
    predicates = [item.atom.predicate for item in body if isinstance(item, Literal)]
    items: list[BodyItem] = []
    for item in body:
        if isinstance(item, Literal) and predicates.count(item.atom.predicate) > 1:
            kept = kept_columns(item)
            items.append(item if kept is None else _projected(item.atom, kept, rules))
        else:
            items.append(item)
    return tuple(items)


def _projected(atom: Atom, kept: tuple[int, ...], rules: dict[str, list[Rule]]) -> Literal:
    name = f"{atom.predicate}${'_'.join(map(str, kept))}"
    if name not in rules:
        columns = [Variable(f"C{i}") for i in range(len(atom.terms))]
        whole = Literal(atom=Atom(predicate=atom.predicate, terms=tuple(columns), place=atom.place))
        rules[name] = [Rule(head=name, terms=tuple(columns[i] for i in kept), body=(whole,), label=name)]
    terms = tuple(atom.terms[i] for i in kept)
    return Literal(atom=Atom(predicate=name, terms=terms, place=atom.place), negated=True)
