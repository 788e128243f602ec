"""What does not keep rules from working but should not stay."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from kubelogic.logic.endless import endless
from kubelogic.logic.errors import RuleFault
from kubelogic.logic.terms import (
    Aggregate,
    Atom,
    BodyItem,
    Clause,
    Comparison,
    Constant,
    Declaration,
    Literal,
    Operation,
    Place,
    RuleFile,
    Term,
    Variable,
)

LONGEST = 150
"""Lines that a rule file may have without saying why."""

_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


def lint(files: Sequence[RuleFile], declared: Mapping[str, Declaration]) -> Iterator[RuleFault]:
    """Everything of that kind in a set of checked files, in no promised order.

    Args:
        files: the parsed files.
        declared: the declaration of each predicate of all files.

    Yields:
        A fault for each header without a title or a source, file over ``LONGEST`` lines that gives no reason, clause
        that stands twice, predicate that nothing defines or nothing reads, name that no fact has, and recursion that
        may not end.
    """
    clauses = [clause for file in files for clause in file.clauses]
    for file in files:
        yield from _header(file)
    yield from _predicates(files, clauses)
    yield from _names(files, clauses)
    yield from _twins(clauses)
    yield from endless(clauses, declared)


def _header(file: RuleFile) -> Iterator[RuleFault]:
    missing = [key for key in ("title", "source") if key not in file.header]
    if missing:
        message = f"the header has no {' and no '.join(missing)}"
        yield RuleFault(place=Place(file=file.path, line=1), message=message)
    lines = len("\n".join(file.lines).rstrip().split("\n"))
    if lines > LONGEST and "length" not in file.header:
        message = f"the file has {lines} lines, more than {LONGEST}"
        hint = "split it, or say in the header why it is one: #! length: ..."
        yield RuleFault(place=Place(file=file.path, line=1), message=message, hint=hint)
    if lines <= LONGEST and "length" in file.header:
        message = f"the header gives a reason for its length, but the file has only {lines} lines"
        yield RuleFault(place=Place(file=file.path, line=1), message=message, hint="remove: #! length")


def _predicates(files: Sequence[RuleFile], clauses: Sequence[Clause]) -> Iterator[RuleFault]:
    """Predicates that nothing defines, or that nothing reads."""
    heads = {clause.head.predicate for clause in clauses} | {fact.predicate for file in files for fact in file.facts}
    read = {item.atom.predicate for clause in clauses for item in clause.body if isinstance(item, Literal)}
    for file in files:
        given = not file.clauses and not file.facts
        for declaration in file.declarations:
            name, role = declaration.predicate, declaration.role
            if not (name in heads or given or role or declaration.function):
                hint = "if its facts come from outside, declare it as: input name(...)"
                yield RuleFault(place=declaration.place, message=f"nothing defines {name}", hint=hint)
            elif name not in read and role not in ("output", "open") and not declaration.function:
                hint = "if it is read from outside, declare it as: output name(...)"
                yield RuleFault(place=declaration.place, message=f"nothing uses {name}", hint=hint)


def _names(files: Sequence[RuleFile], clauses: Sequence[Clause]) -> Iterator[RuleFault]:
    """Literals that ask for a name, a text in the first column, that none of the facts has: nothing else gives any."""
    known: dict[str, set[str]] = defaultdict(set)
    for fact in (fact for file in files for fact in file.facts):
        if fact.terms and isinstance(fact.terms[0], Constant):
            known[fact.predicate].add(str(fact.terms[0].value))
    for name in {clause.head.predicate for clause in clauses}:
        known.pop(name, None)
    for clause in clauses:
        for item in clause.body:
            asked = item.atom.terms[0] if isinstance(item, Literal) and item.atom.predicate in known else None
            if not isinstance(asked, Constant) or not isinstance(item, Literal):
                continue
            names = known[item.atom.predicate]
            if isinstance(asked.value, str) and asked.value not in names:
                near = difflib.get_close_matches(asked.value, sorted(names), n=1)
                message = f"no fact of {item.atom.predicate} begins with {asked.value!r}"
                yield RuleFault(
                    place=item.atom.place, message=message, hint=f"did you mean {near[0]!r}?" if near else ""
                )


# -- clauses that stand twice ---------------------------------------------------------------------------------


def _twins(clauses: Sequence[Clause]) -> Iterator[RuleFault]:
    """Clauses that are equal to an earlier one but for the names of variables and the order of the body."""
    alike: dict[tuple[object, ...], list[Clause]] = defaultdict(list)
    for clause in clauses:
        alike[clause.head.predicate, *sorted(map(_shape, clause.body))].append(clause)
    later: dict[Place, Clause] = {}
    for group in alike.values():
        for first, second in combinations(group, 2):
            if second.place not in later and same_clause(first, second):
                later[second.place] = first
    for place, first in later.items():
        message = f"this clause says what the one at {first.place} says"
        yield RuleFault(place=place, message=message, hint="remove one of them")


def _shape(item: BodyItem) -> str:
    """What equal body items have in common, whatever their variables are called."""
    match item:
        case Literal(atom=atom, negated=negated):
            return f"{'~' if negated else ''}{atom.predicate}"
        case Comparison(operator=operator):
            return min(operator, _FLIPPED[operator])


def same_clause(one: Clause, other: Clause) -> bool:
    """Whether two clauses are equal but for the names of variables and the order of body items.

    >>> from kubelogic.logic import Rulebook
    >>> book = Rulebook.parse({"t.dl": '''
    ... #: edge(A: str, B: str) "{A} leads to {B}"
    ... #: hop(A: str, B: str) "{A} leads to {B} in two steps"
    ... hop(A, C) <= edge(A, B) & edge(B, C) & (A != C)
    ... hop(X, Y) <= (Y != X) & edge(Z, Y) & edge(X, Z)
    ... hop(X, Y) <= (Y != X) & edge(Y, Z) & edge(X, Z)
    ... '''})
    >>> first, second, third = book.clauses
    >>> same_clause(first, second), same_clause(first, third)
    (True, False)
    """
    if len(one.body) != len(other.body) or one.head.functional != other.head.functional:
        return False
    names = _paired_aggregates(one.aggregate, other.aggregate)
    if names is None:
        return False
    return any(_bodies(one.body, other.body, found) for found in _atoms(one.head, other.head, names))


def _bodies(one: Sequence[BodyItem], other: Sequence[BodyItem], names: Mapping[str, str]) -> bool:
    """Whether the items of two bodies can be paired, given what variables correspond already."""
    if not one:
        return True
    first, *rest = one
    for number, item in enumerate(other):
        left = [*other[:number], *other[number + 1 :]]
        if any(_bodies(rest, left, found) for found in _items(first, item, names)):
            return True
    return False


def _items(one: BodyItem, other: BodyItem, names: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    match one, other:
        case Literal(), Literal() if one.negated == other.negated:
            yield from _atoms(one.atom, other.atom, names)
        case Comparison(), Comparison():
            if one.operator == other.operator:
                yield from _terms((one.left, one.right), (other.left, other.right), names)
            if _FLIPPED[one.operator] == other.operator:
                yield from _terms((one.left, one.right), (other.right, other.left), names)


def _atoms(one: Atom, other: Atom, names: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    if one.predicate == other.predicate:
        yield from _terms(one.terms, other.terms, names)


def _terms(one: Sequence[Term], other: Sequence[Term], names: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """The one way, if there is any, to extend ``names`` so that all terms are equal."""
    if len(one) != len(other):
        return
    for left, right in zip(one, other, strict=True):
        found = _term(left, right, names)
        if found is None:
            return
        names = found
    yield names


def _term(one: Term, other: Term, names: Mapping[str, str]) -> Mapping[str, str] | None:
    match one, other:
        case Variable(name=left), Variable(name=right):
            return _named(left, right, names)
        case Operation(), Operation() if one.operator == other.operator:
            found = _term(one.left, other.left, names)
            return None if found is None else _term(one.right, other.right, found)
    return names if one == other else None


def _named(left: str, right: str, names: Mapping[str, str]) -> Mapping[str, str] | None:
    """``names`` with one more pair of variables, if that is no contradiction."""
    if left in names:
        return names if names[left] == right else None
    return None if right in names.values() else {**names, left: right}


def _paired_aggregates(one: Aggregate | None, other: Aggregate | None) -> Mapping[str, str] | None:
    """The variables that correspond in two aggregates; None if the aggregates differ."""
    if one is None or other is None:
        return {} if one is other else None
    parts = ("value", "for_each", "group_by", "order_by")
    if one.function != other.function or any(len(getattr(one, p)) != len(getattr(other, p)) for p in parts):
        return None
    found: Mapping[str, str] | None = {}
    for part in parts:
        for left, right in zip(getattr(one, part), getattr(other, part), strict=True):
            if found is None or left.startswith("-") != right.startswith("-"):
                return None
            found = _named(left.lstrip("-"), right.lstrip("-"), found)
    return found
