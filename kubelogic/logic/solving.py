"""Clause bodies solved one binding at a time over an evaluation: slow, lazy, and with the rows that each literal met.

Proofs are made with this; whole relations are the affair of the compiled joins.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from kubelogic.logic.terms import (
    Atom,
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

Env = Mapping[str, Value]
_ARITHMETIC: Mapping[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
}
_COMPARE: Mapping[str, Callable[[Value, Value], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class World(Protocol):
    """What is true: rows by pattern, and the functions."""

    def select(self, predicate: str, pattern: Pattern) -> Sequence[Row]:
        """The rows that fit a pattern, in a fixed order."""

    def call(self, predicate: str, arguments: Row) -> Value | None:
        """The result of a function; None if it has none."""

    def is_function(self, predicate: str) -> bool:
        """Whether a predicate is a function."""


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a predicate, as a premise or as what is proved."""

    predicate: str
    row: Row


class Absence(msgspec.Struct, frozen=True, kw_only=True):
    """That no row of a predicate fits a pattern."""

    predicate: str
    pattern: Pattern


class Computed(msgspec.Struct, frozen=True, kw_only=True):
    """A function's result, or, when negated, that it is not this one. The result is last in ``row``."""

    predicate: str
    row: Row
    negated: bool = False


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A comparison with its values; ``text`` is how the rule writes it."""

    left: Value
    operator: str
    right: Value
    text: str


Premise = Fact | Absence | Computed | Compared


class Progress(msgspec.Struct):
    """How far the most successful attempt at a body got.

    ``met`` are the premises that held, ``failed`` the item that could not be met then and ``env`` the values known.
    """

    met: tuple[Premise, ...] = ()
    failed: BodyItem | None = None
    env: Env = msgspec.field(default_factory=dict)


class NoValue(Exception):  # noqa: N818 - caught where a term is evaluated
    """A division by zero."""


def value_of(term: Term, env: Env) -> Value:
    """The value of a term whose variables are known.

    Raises:
        NoValue: if it has none.
        KeyError: if a variable is not known.
    """
    match term:
        case Constant(value):
            return value
        case Variable(name):
            return env[name]
        case Operation(symbol, left, right):
            one, other = value_of(left, env), value_of(right, env)
            if not isinstance(one, int) or not isinstance(other, int) or (symbol in ("//", "%") and not other):
                raise NoValue
            return _ARITHMETIC[symbol](one, other)


class Orders:
    """In which order the items of bodies are met: it depends on what is known beforehand, not on the values."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._found: dict[tuple[int, frozenset[str]], tuple[Sequence[BodyItem], tuple[int, ...]]] = {}

    def of(self, body: Sequence[BodyItem], env: Env) -> tuple[int, ...]:
        """The positions of a body's items in their order."""
        key = id(body), frozenset(env)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = body, tuple(self._order(body, dict.fromkeys(env, 0)))
        return found[1]

    def _order(self, body: Sequence[BodyItem], known: dict[str, Value]) -> Iterator[int]:
        rest = list(range(len(body)))
        while rest:
            number = rest.pop(_next(self._world, [body[number] for number in rest], known))
            item = body[number]
            terms = (item.left, item.right) if isinstance(item, Comparison) else item.atom.terms
            if isinstance(item, Comparison) or not item.negated:
                known.update((term.name, 0) for term in terms if isinstance(term, Variable))
            yield number


class _Asked(msgspec.Struct, frozen=True):
    """The items of a body in the order in which they are met, and that order."""

    world: World
    items: Sequence[BodyItem]
    order: tuple[int, ...]
    progress: Progress | None


def solutions(
    world: World, body: Sequence[BodyItem], env: Env, orders: Orders, progress: Progress | None = None
) -> Iterator[tuple[Env, tuple[Premise, ...]]]:
    """All bindings that make a body true, with what each item of the body met, in the order it was met.

    Args:
        world: what is true.
        body: the items of a safe clause.
        env: values known beforehand.
        orders: of this world.
        progress: if given, keeps the attempt that got furthest.
    """
    order = orders.of(body, env)
    places = sorted(range(len(order)), key=order.__getitem__)
    asked = _Asked(world, [body[number] for number in order], order, progress)
    for found, met in _solve(asked, dict(env), ()):
        yield found, tuple([met[place] for place in places])


def _solve(asked: _Asked, env: dict[str, Value], met: tuple[Premise, ...]) -> Iterator[tuple[Env, tuple[Premise, ...]]]:
    if len(met) == len(asked.items):
        yield env, met
        return
    item, held = asked.items[len(met)], False
    for longer, premise in meet(asked.world, item, env):
        held = True
        yield from _solve(asked, longer, (*met, premise))
    progress = asked.progress
    if not held and progress is not None and (progress.failed is None or len(met) > len(progress.met)):
        as_written = sorted(zip(asked.order, met, strict=False), key=lambda pair: pair[0])
        progress.met = tuple([premise for _, premise in as_written])
        progress.failed, progress.env = item, env


def _next(world: World, body: Sequence[BodyItem], env: Env) -> int:
    """The first item, as the rule reads, that can be tested or looked up by what is known; else a relation."""
    choice: int | None = None
    for number, item in enumerate(body):
        match item:
            case Comparison(operator=symbol, left=left, right=right):
                free = {name for name in variables(left, right) if name not in env}
                if not free or (symbol == "==" and len(free) == 1 and _alone(left, right, free)):
                    return number
            case Literal(atom=atom, negated=negated) if world.is_function(atom.predicate):
                terms = atom.terms if negated else atom.terms[:-1]
                if all(name in env for name in variables(*terms)):
                    return number
            case Literal(atom=atom, negated=True):
                if all(name in env or is_anonymous(term) for term in atom.terms for name in variables(term)):
                    return number
            case Literal(atom=atom):
                names = [name for term in atom.terms if isinstance(term, Operation) for name in variables(term)]
                if all(name in env for name in names):
                    if all(isinstance(term, Variable) and term.name not in env for term in atom.terms):
                        choice = number if choice is None else choice
                    else:
                        return number
    if choice is None:
        # Arithmetic in an argument waits for a variable of the same literal: look it up without.
        choice = next(i for i, item in enumerate(body) if isinstance(item, Literal) and not item.negated)
    return choice


def _alone(left: Term, right: Term, free: set[str]) -> bool:
    name = next(iter(free))
    for one, other in ((left, right), (right, left)):
        if one == Variable(name) and name not in set(variables(other)):
            return True
    return False


def meet(world: World, item: BodyItem, env: dict[str, Value]) -> Iterator[tuple[dict[str, Value], Premise]]:
    """The ways to make one item true: longer bindings, and what was met."""
    try:
        match item:
            case Comparison():
                yield from _compare(item, env)
            case Literal(atom=atom, negated=negated) if world.is_function(atom.predicate):
                yield from _call(world, atom, env, negated=negated)
            case Literal(atom=atom, negated=True):
                pattern = pattern_of(atom, env)
                if not world.select(atom.predicate, pattern):
                    yield env, Absence(predicate=atom.predicate, pattern=pattern)
            case Literal(atom=atom):
                for row in world.select(atom.predicate, pattern_of(atom, env)):
                    longer = unify(atom.terms, row, env)
                    if longer is not None:
                        yield longer, Fact(predicate=atom.predicate, row=row)
    except NoValue:
        return


def _compare(item: Comparison, env: dict[str, Value]) -> Iterator[tuple[dict[str, Value], Premise]]:
    left, right = item.left, item.right
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Variable) and one.name not in env:
            value = value_of(other, env)
            premise = Compared(left=value, operator="==", right=value, text=str(item))
            yield {**env, one.name: value}, premise
            return
    values = value_of(left, env), value_of(right, env)
    if item.operator not in ("==", "!=") and type(values[0]) is not type(values[1]):
        return
    if _COMPARE[item.operator](*values):
        yield env, Compared(left=values[0], operator=item.operator, right=values[1], text=str(item))


def _call(
    world: World, atom: Atom, env: dict[str, Value], *, negated: bool
) -> Iterator[tuple[dict[str, Value], Premise]]:
    arguments = tuple(value_of(term, env) for term in atom.terms[:-1])
    result = world.call(atom.predicate, arguments)
    target = atom.terms[-1]
    if isinstance(target, Variable) and target.name not in env:
        if result is not None:
            yield {**env, target.name: result}, Computed(predicate=atom.predicate, row=(*arguments, result))
        return
    wanted = value_of(target, env)
    if (result == wanted) != negated:
        yield env, Computed(predicate=atom.predicate, row=(*arguments, wanted), negated=negated)


def pattern_of(atom: Atom, env: Env) -> Pattern:
    """The atom's known values; None for what is not known.

    Raises:
        NoValue: if an argument divides by zero.
    """
    found: list[Value | None] = []
    for term in atom.terms:
        if isinstance(term, Variable):
            found.append(env.get(term.name))
        elif isinstance(term, Constant):
            found.append(term.value)
        else:
            known = all(name in env for name in variables(term))
            found.append(value_of(term, env) if known else None)
    return tuple(found)


def unify(terms: Sequence[Term], row: Row, env: Env) -> dict[str, Value] | None:
    """``env`` with the variables that make ``terms`` equal to ``row``; None if nothing does.

    Raises:
        NoValue: if an argument divides by zero.
        KeyError: if arithmetic needs a variable that neither ``env`` nor ``terms`` give.
    """
    longer = dict(env)
    later: list[tuple[Term, Value]] = []
    for term, value in zip(terms, row, strict=True):
        if isinstance(term, Variable):
            if longer.setdefault(term.name, value) != value:
                return None
        elif isinstance(term, Constant):
            if term.value != value:
                return None
        else:
            later.append((term, value))
    if later and any(value_of(term, longer) != value for term, value in later):
        return None
    return longer
