"""Recursion that makes new values in each round, and the bounds that end it.

A recursive rule over given values ends, since there are finitely many rows of them. One that computes a value of the
next row from the last (``upward(N) <= upward(M) & (N == M + 1)``) may go on for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from kubelogic.logic.errors import RuleFault, RunawayError
from kubelogic.logic.strata import components
from kubelogic.logic.terms import Clause, Comparison, Declaration, Literal, Operation, Place, Row, variables

MOST_ROWS = 3_000_000
"""Rows that one predicate, or one recursive group of them, may have."""
MOST_ROUNDS = 100_000
"""Rounds in which a recursive group may still find something new."""
MOST_DERIVATIONS = 6_000_000
"""Derivations of all rows of a recursive group, those of rows that were there already among them."""
MOST_WORK = 30_000_000
"""Combinations that one evaluation of one rule may look at, in rules that join much without a key."""
LARGEST_NUMBER = 2**127
"""A recursion may not make larger numbers."""
_EARLY_ROUNDS = 8
"""From this round on, numbers are looked at."""


def runaway(clause: Clause | None, why: str) -> RunawayError:
    """The error of a rule that does not come to an end.

    >>> print(runaway(None, "too many rows"))
    rules:1:1: too many rows
    """
    if clause is None:
        return RunawayError([RuleFault(place=Place(file="rules", line=1), message=why)])
    first = clause.text.split("\n", 1)[0]
    return RunawayError(
        [
            RuleFault(
                place=clause.place,
                message=f"{clause.head.predicate} {why}",
                hint="bound what the rule derives, such as with (N < 100), or join on values that the relations share",
                excerpt=" " * (clause.place.column - 1) + first,
            )
        ]
    )


def watch(clause: Clause | None, rounds: int, rows: int, new: Iterable[Row]) -> None:
    """End a recursion that goes on for ever.

    Args:
        clause: one of the recursive rules, to blame.
        rounds: how many rounds it has gone on.
        rows: how many rows it has found.
        new: those of the last round.

    Raises:
        RunawayError: if it has passed a bound.
    """
    if rows > MOST_ROWS:
        raise runaway(clause, f"grows without end: more than {MOST_ROWS:,} rows")
    if rounds > MOST_ROUNDS:
        raise runaway(clause, f"grows without end: something new in each of {MOST_ROUNDS:,} rounds")
    if rounds >= _EARLY_ROUNDS:
        for row in new:
            for value in row:
                if type(value) is int and not -LARGEST_NUMBER < value < LARGEST_NUMBER:
                    raise runaway(clause, "grows without end: its numbers pass 2^127")


def endless(clauses: Sequence[Clause], declared: Mapping[str, Declaration]) -> Iterator[RuleFault]:
    """A warning for each recursive rule that computes new values and holds none of those that it computes with.

    They are held by a comparison, or by a literal outside the recursion in which they stand.
    """
    uses: dict[str, set[str]] = {}
    for clause in clauses:
        found = uses.setdefault(clause.head.predicate, set())
        found.update(item.atom.predicate for item in clause.body if isinstance(item, Literal))
    group_of = {name: number for number, group in enumerate(components(uses)) for name in group}
    for clause in clauses:
        group = group_of[clause.head.predicate]
        literals = [item for item in clause.body if isinstance(item, Literal) and not item.negated]
        inside = {
            name for i in literals if group_of.get(i.atom.predicate) == group for name in variables(*i.atom.terms)
        }
        if not inside:
            continue
        steps = list(_steps(clause, declared))
        grown = set(inside)
        for _ in steps:
            grown |= {name for taken, result in steps if taken & grown for name in result}
        moving = {name for taken, result in steps if taken & grown for name in taken | result}
        new = sorted(moving.intersection(variables(*clause.head.terms)))
        if not new or moving & _held(clause, group_of, group, declared):
            continue
        message = f"{clause.head.predicate} may go on for ever: each round may make a new {new[0]}"
        yield RuleFault(place=clause.place, message=message, hint=f"hold it, such as with ({new[0]} < 100)")


def _steps(clause: Clause, declared: Mapping[str, Declaration]) -> Iterator[tuple[set[str], set[str]]]:
    """What a clause computes: the variables that go in, and those that come out."""
    for term in clause.head.terms:
        if isinstance(term, Operation):
            yield set(variables(term)), set(variables(term))
    for item in clause.body:
        match item:
            case Comparison(operator="==", left=left, right=right) if isinstance(left, Operation):
                yield set(variables(left)), set(variables(right))
            case Comparison(operator="==", left=left, right=right) if isinstance(right, Operation):
                yield set(variables(right)), set(variables(left))
            case Literal(atom=atom, negated=False) if _is_function(atom.predicate, declared):
                yield set(variables(*atom.terms[:-1])), set(variables(atom.terms[-1]))


def _operators(clause: Clause) -> set[str]:
    """The operators of all arithmetic in a clause."""
    left = [*clause.head.terms]
    for item in clause.body:
        left += [item.left, item.right] if isinstance(item, Comparison) else item.atom.terms
    found: set[str] = set()
    while left:
        term = left.pop()
        if isinstance(term, Operation):
            found.add(term.operator)
            left += [term.left, term.right]
    return found


def _is_function(predicate: str, declared: Mapping[str, Declaration]) -> bool:
    declaration = declared.get(predicate)
    return declaration is not None and declaration.function


def _held(clause: Clause, group_of: Mapping[str, int], group: int, declared: Mapping[str, Declaration]) -> set[str]:
    """The variables that a literal outside the recursion holds, or a comparison from the side to which they move."""
    found: set[str] = set()
    operators = _operators(clause)
    up, down = operators != {"-"}, not operators <= {"+", "*"}
    for item in clause.body:
        match item:
            case (
                Comparison(operator="<" | "<=", left=low, right=high)
                | Comparison(operator=">" | ">=", left=high, right=low)
            ):
                found.update(variables(low) if up else ())
                found.update(variables(high) if down else ())
            case Literal(atom=atom, negated=False) if not _is_function(atom.predicate, declared):
                if group_of.get(atom.predicate) != group:
                    found.update(variables(*atom.terms))
    return found
