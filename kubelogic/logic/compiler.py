"""Clauses to Python functions: each is a set-at-a-time join over indexed relations.

A clause is compiled once for a full evaluation and once for each body literal as the *seed* of a change: the
function then joins the changed rows of that literal with the rest of the body.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kubelogic.logic.relation import Relation
from kubelogic.logic.terms import (
    Atom,
    BodyItem,
    Comparison,
    Constant,
    Literal,
    Operation,
    Row,
    Term,
    Value,
    Variable,
    variables,
)

Function = Callable[..., Value | None]
"""A registered pure function: None means that the literal fails."""

Sizes = Callable[[str], int]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A clause ready to compile: no aggregates, no anonymous variables under negation."""

    head: str
    terms: tuple[Term, ...]
    body: tuple[BodyItem, ...]
    label: str

    def literals(self) -> list[tuple[int, Literal]]:
        return [(i, item) for i, item in enumerate(self.body) if isinstance(item, Literal)]


def compile_join(rule: Rule, *, seed: int | None, functions: Mapping[str, Function], sizes: Sizes) -> Join:
    """Compile a rule for a full evaluation (``seed`` None) or for changed rows of body literal ``seed``."""
    source = _Writer(rule, seed=seed, functions=functions, sizes=sizes).source()
    namespace: dict[str, Join] = {}
    exec(compile(source, f"<{rule.label}>", "exec"), namespace)
    return namespace["join"]


class _Writer:
    """Writes the source of one join."""

    def __init__(self, rule: Rule, *, seed: int | None, functions: Mapping[str, Function], sizes: Sizes) -> None:
        self.rule = rule
        self.seed = seed
        self.functions = functions
        self.sizes = sizes
        self.bound: set[str] = set()
        self.setup: list[str] = []
        self.lines: list[str] = []
        self.depth = 1
        self.names = 0
        self.local: dict[str, str] = {}

    def source(self) -> str:
        rest = list(enumerate(self.rule.body))
        if self.seed is not None:
            item = self.rule.body[self.seed]
            assert isinstance(item, Literal)
            rest = [(i, other) for i, other in rest if i != self.seed]
            self.scan(item.atom, "seed_rows")
        while rest:
            position = self.choose([item for _, item in rest])
            number, item = rest.pop(position)
            self.emit(number, item)
        terms = ", ".join(self.term(term) for term in self.rule.terms)
        head = f"({terms}{',' if len(self.rule.terms) == 1 else ''})"
        self.line(f"head = {head}")
        self.line("out[head] = get(head, 0) + sign")
        return "\n".join(
            [
                "EMPTY = ()",
                "def join(relations, functions, seed_rows, seed_set, out, sign):",
                *(f"    {line}" for line in self.setup),
                "    get = out.get",
                *(f"    {line}" for line in ("for _once in (0,):",)),
                *("    " + line for line in self.lines),
                "",
            ]
        )

    # -- order of the body ---------------------------------------------------------------------------------

    def choose(self, items: Sequence[BodyItem]) -> int:
        """The position of the item to evaluate next: tests first, then the literal with fewest rows to visit."""
        best: tuple[float, int] | None = None
        for position, item in enumerate(items):
            cost = self.cost(item)
            if cost is not None and (best is None or (cost, position) < best):
                best = (cost, position)
        assert best is not None, f"unsafe rule {self.rule.label}"
        return best[1]

    def cost(self, item: BodyItem) -> float | None:
        """Estimated rows to visit per binding so far; None while variables that it needs are unbound."""
        match item:
            case Comparison(operator=operator, left=left, right=right):
                free = set(variables(left, right)) - self.bound
                if not free:
                    return -2.0
                if operator == "==" and len(free) == 1:
                    name = next(iter(free))
                    if left == Variable(name) and name not in set(variables(right)):
                        return -1.0
                    if right == Variable(name) and name not in set(variables(left)):
                        return -1.0
                return None
            case Literal(atom=atom, negated=True):
                return -2.0 if self.bound.issuperset(variables(*atom.terms)) else None
            case Literal(atom=atom) if atom.predicate in self.functions:
                return -1.0 if self.bound.issuperset(variables(*atom.terms[:-1])) else None
            case Literal(atom=atom):
                for term in atom.terms:
                    if isinstance(term, Operation) and not self.bound.issuperset(variables(term)):
                        return None
                keys = sum(self.is_key(term) for term in atom.terms)
                if keys == len(atom.terms):
                    return 0.0
                size = max(2.0, float(self.sizes(atom.predicate)))
                if keys == 0:
                    return 1e6 + size if self.bound else size
                return float(size ** (1 - keys / len(atom.terms)))

    def is_key(self, term: Term) -> bool:
        return not isinstance(term, Variable) or term.name in self.bound

    # -- code ----------------------------------------------------------------------------------------------

    def line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def fresh(self, prefix: str) -> str:
        self.names += 1
        return f"{prefix}{self.names}"

    def term(self, term: Term) -> str:
        match term:
            case Variable(name):
                return self.local[name]
            case Constant(value):
                return repr(value)
            case Operation(operator, left, right):
                return f"({self.term(left)} {operator} {self.term(right)})"

    def bind(self, name: str) -> str:
        self.bound.add(name)
        self.local[name] = f"v_{name}"
        return self.local[name]

    def require(self, condition: str) -> None:
        self.line(f"if not ({condition}): continue")

    def emit(self, number: int, item: BodyItem) -> None:
        match item:
            case Comparison(operator=operator, left=left, right=right):
                free = set(variables(left, right)) - self.bound
                if free:
                    name = next(iter(free))
                    other = right if left == Variable(name) else left
                    expression = self.term(other)
                    self.line(f"{self.bind(name)} = {expression}")
                else:
                    self.require(f"{self.term(left)} {operator} {self.term(right)}")
            case Literal(atom=atom) if atom.predicate in self.functions:
                self.call(item)
            case Literal(atom=atom, negated=negated):
                earlier = self.is_earlier_occurrence(number, atom)
                if all(self.is_key(term) for term in atom.terms):
                    self.test(atom, negated=negated, earlier=earlier)
                else:
                    self.scan_relation(atom, earlier=earlier)

    def is_earlier_occurrence(self, number: int, atom: Atom) -> bool:
        """Whether this literal has the seed's predicate and stands before it: it then sees the other state."""
        if self.seed is None or number > self.seed:
            return False
        seed = self.rule.body[self.seed]
        return isinstance(seed, Literal) and seed.atom.predicate == atom.predicate

    def call(self, item: Literal) -> None:
        atom = item.atom
        function = self.fresh("f")
        self.setup.append(f"{function} = functions[{atom.predicate!r}]")
        arguments = ", ".join(self.term(term) for term in atom.terms[:-1])
        result = atom.terms[-1]
        call = f"{function}({arguments})"
        if self.is_key(result):
            self.require(f"{call} {'!=' if item.negated else '=='} {self.term(result)}")
        else:
            assert isinstance(result, Variable)
            name = self.bind(result.name)
            self.line(f"{name} = {call}")
            self.require(f"{name} is not None")

    def row(self, atom: Atom) -> str:
        terms = ", ".join(self.term(term) for term in atom.terms)
        return f"({terms}{',' if len(atom.terms) == 1 else ''})"

    def test(self, atom: Atom, *, negated: bool, earlier: bool) -> None:
        rows = self.fresh("r")
        self.setup.append(f"{rows} = relations[{atom.predicate!r}].counts")
        row = self.row(atom)
        if negated:
            self.require(f"{row} not in {rows}" + (f" or {row} in seed_set" if earlier else ""))
        else:
            self.require(f"{row} in {rows}" + (f" and {row} not in seed_set" if earlier else ""))

    def scan_relation(self, atom: Atom, *, earlier: bool) -> None:
        columns = tuple(i for i, term in enumerate(atom.terms) if self.is_key(term))
        if columns:
            index = self.fresh("i")
            self.setup.append(f"{index} = relations[{atom.predicate!r}].index({columns}).get")
            keys = ", ".join(self.term(atom.terms[i]) for i in columns)
            key = keys if len(columns) == 1 else f"({keys})"
            self.scan(atom, f"{index}({key}, EMPTY)", known=set(columns), earlier=earlier)
        else:
            rows = self.fresh("r")
            self.setup.append(f"{rows} = relations[{atom.predicate!r}].counts")
            self.scan(atom, rows, earlier=earlier)

    def scan(self, atom: Atom, rows: str, known: set[int] | None = None, *, earlier: bool = False) -> None:
        """Loop over ``rows``, binding the atom's new variables and testing the rest."""
        known = known or set()
        targets: list[str] = []
        tests: list[str] = []
        for i, term in enumerate(atom.terms):
            if i in known:
                targets.append("_")
            elif isinstance(term, Variable) and term.name not in self.bound:
                targets.append(self.bind(term.name))
            else:
                name = self.fresh("t")
                targets.append(name)
                tests.append(f"{name} == {self.term(term)}")
        pattern = ", ".join(targets) + ("," if len(targets) == 1 else "")
        self.line(f"for {pattern or '_'} in {rows}:")
        self.depth += 1
        for condition in tests:
            self.require(condition)
        if earlier:
            self.require(f"{self.row(atom)} not in seed_set")
