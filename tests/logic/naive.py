"""The referee: rules evaluated as they read, one binding at a time, until nothing new follows."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from kubelogic.logic import Row, Rulebook, Value
from kubelogic.logic.terms import Atom, BodyItem, Clause, Comparison, Constant, Literal, Operation, Term, Variable

Rows = dict[str, set[Row]]
Env = dict[str, Value]
ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv, "%": operator.mod}
ORDER = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def naive(
    book: Rulebook, facts: Mapping[str, Iterable[Row]], functions: Mapping[str, Callable[..., Value | None]]
) -> Rows:
    """All rows of all predicates."""
    rows: Rows = {name: set(facts.get(name, ())) for name in book.declarations}
    for fact in book.facts:
        rows[fact.predicate].add(tuple(value(term, {}) for term in fact.terms))
    for group in book.order:
        size = -1
        while size != (size := sum(len(rows[name]) for name in group)):
            for name in group:
                for clause in book.clauses_of(name):
                    envs = list(solve(clause.body, {}, rows, functions))
                    rows[name] |= heads(clause, envs)
    return rows


def value(term: Term, env: Env) -> Value:
    """The value of a term; KeyError if a variable is free, ZeroDivisionError if there is none."""
    match term:
        case Constant(constant):
            return constant
        case Variable(name):
            return env[name]
        case Operation(symbol, left, right):
            return ARITHMETIC[symbol](value(left, env), value(right, env))


def solve(
    body: Sequence[BodyItem], env: Env, rows: Rows, functions: Mapping[str, Callable[..., Value | None]]
) -> Iterator[Env]:
    """All bindings that make a body true: the first item that can be evaluated, then the rest."""
    if not body:
        yield env
        return
    later: list[BodyItem] = []
    for number, item in enumerate(body):
        try:
            found = extend(item, env, rows, functions)
        except KeyError:
            later.append(item)
            continue
        except ZeroDivisionError:
            return
        for longer in found:
            yield from solve([*later, *body[number + 1 :]], longer, rows, functions)
        return
    raise AssertionError("unsafe")


def extend(item: BodyItem, env: Env, rows: Rows, functions: Mapping[str, Callable[..., Value | None]]) -> list[Env]:
    match item:
        case Comparison(operator="==", left=Variable(name), right=term) if name not in env:
            return [{**env, name: value(term, env)}]
        case Comparison(operator="==", left=term, right=Variable(name)) if name not in env:
            return [{**env, name: value(term, env)}]
        case Comparison(operator=symbol, left=left, right=right):
            return [env] if ORDER[symbol](value(left, env), value(right, env)) else []
        case Literal(atom=atom, negated=negated) if atom.predicate in functions:
            result = functions[atom.predicate](*(value(term, env) for term in atom.terms[:-1]))
            target = atom.terms[-1]
            if isinstance(target, Variable) and target.name not in env:
                if negated:
                    raise KeyError(target.name)
                return [] if result is None else [{**env, target.name: result}]
            return [env] if (result == value(target, env)) != negated else []
        case Literal(atom=atom, negated=False):
            return [longer for row in rows[atom.predicate] if (longer := unify(atom, row, env)) is not None]
        case Literal(atom=atom):
            known = {
                name for term in atom.terms if isinstance(term, Variable) and not (name := term.name).startswith("_")
            }
            if not known <= env.keys():
                raise KeyError(atom)
            return [] if any(unify(atom, row, env) is not None for row in rows[atom.predicate]) else [env]


def unify(atom: Atom, row: Row, env: Env) -> Env | None:
    env = dict(env)
    for term, actual in zip(atom.terms, row, strict=True):
        if isinstance(term, Variable) and term.name not in env:
            env[term.name] = actual
        elif value(term, env) != actual:
            return None
    return env


def heads(clause: Clause, envs: list[Env]) -> set[Row]:
    found: set[Row] = set()
    if clause.aggregate is None:
        for env in envs:
            try:
                found.add(tuple(value(term, env) for term in clause.head.terms))
            except ZeroDivisionError:
                continue
        return found
    how, keys = clause.aggregate, clause.head.terms[:-1]
    groups: dict[Row, list[Env]] = {}
    for env in envs:
        groups.setdefault(tuple(value(term, env) for term in keys), []).append(env)

    def order(env: Env, extra: Row) -> tuple[object, ...]:
        """Every order_by variable, descending ones turned round, then what breaks ties."""
        parts: list[object] = []
        for name in how.order_by:
            actual = env[name.lstrip("-")]
            parts.append(_Reversed(actual) if name[0] == "-" else actual)
        return (*parts, *extra)

    if how.function == "rank_":
        places: dict[Row, list[tuple[tuple[object, ...], Row]]] = {}
        for key, members in groups.items():
            best = min(order(env, key) for env in members)
            places.setdefault(tuple(members[0][name] for name in how.group_by), []).append((best, key))
        for ranked in places.values():
            found |= {(*key, number) for number, (_, key) in enumerate(sorted(ranked))}
        return found
    for key, members in groups.items():
        values = {tuple(env[name] for name in how.value) for env in members}
        match how.function:
            case "len_":
                result: Value = len(values)
            case "sum_":
                pairs = {tuple(env[name] for name in (*how.for_each, *how.value)) for env in members}
                result = sum(pair[-1] for pair in pairs)  # type: ignore[misc]
            case "min_":
                result = min((order(env, (env[how.value[0]],)), env[how.value[0]]) for env in members)[1]
            case _:
                result = max((order(env, (env[how.value[0]],)), env[how.value[0]]) for env in members)[1]
        found.add((*key, result))
    return found


class _Reversed:
    def __init__(self, value: Value) -> None:
        self.value = value

    def __lt__(self, other: _Reversed) -> bool:
        return bool(other.value < self.value)  # type: ignore[operator]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)
