"""Types of arguments: each variable of a clause has one type, and each domain is either text or whole numbers.

A type is ``str``, ``int``, ``any`` or a domain such as ``pod``. A variable may stand in columns of one domain and in
``str`` or ``int`` columns, but not in columns of two domains. Whether a domain is text or numbers follows from use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from kubelogic.logic.errors import RuleFault
from kubelogic.logic.terms import (
    Atom,
    Clause,
    Comparison,
    Constant,
    Declaration,
    Literal,
    Operation,
    Place,
    Term,
    Variable,
    variables,
)

BASE_TYPES = frozenset({"str", "int", "any"})
_WORDS = {"str": "text", "int": "a whole number"}


class _Sort(msgspec.Struct):
    """What is known of one variable, or of several that are equal."""

    domain: str = ""
    base: str = ""
    because: str = ""


class _Checker(msgspec.Struct):
    declared: Mapping[str, Declaration]
    bases: dict[str, tuple[str, str]] = msgspec.field(default_factory=dict)
    faults: list[RuleFault] = msgspec.field(default_factory=list)
    sorts: dict[str, _Sort] = msgspec.field(default_factory=dict)
    columns: dict[str, list[str]] = msgspec.field(default_factory=dict)

    def fault(self, place: Place, message: str, hint: str = "") -> None:
        self.faults.append(RuleFault(place=place, message=message, hint=hint))

    # -- one clause ----------------------------------------------------------------------------------------

    def clause(self, clause: Clause) -> None:
        self.sorts = {}
        for item in clause.body:
            if isinstance(item, Literal):
                self.atom(item.atom)
        for item in clause.body:
            if isinstance(item, Comparison):
                self.comparison(item)
        terms = clause.head.terms
        if clause.aggregate is None:
            self.atom(clause.head)
            return
        self.atom(clause.head, terms[:-1])
        declaration = self.declared.get(clause.head.predicate)
        if declaration is None or not declaration.arguments:
            return
        aggregate = clause.aggregate
        if aggregate.function in ("min_", "max_"):
            value: Term = Variable(aggregate.value[0]) if aggregate.value else Constant(0)
            self.use(value, declaration.arguments[-1].type, clause.head.place, _of(declaration, -1))
        else:
            self.base(declaration.arguments[-1].type, "int", clause.head.place, f"{aggregate.function} gives numbers")
        if aggregate.function == "sum_":
            for name in aggregate.value:
                self.use(Variable(name), "int", clause.place, "sum_ adds numbers")

    def atom(self, atom: Atom, terms: Iterable[Term] | None = None) -> None:
        declaration = self.declared.get(atom.predicate)
        if declaration is None or declaration.arity != len(atom.terms):
            return
        if atom.predicate not in self.columns:
            self.columns[atom.predicate] = [_of(declaration, i) for i in range(declaration.arity)]
        because = self.columns[atom.predicate]
        for term, argument, reason in zip(terms or atom.terms, declaration.arguments, because, strict=False):
            self.use(term, argument.type, atom.place, reason)

    def comparison(self, item: Comparison) -> None:
        for term in (item.left, item.right):
            if isinstance(term, Operation):
                self.use(term, "int", item.place, "")
        left, right = self.sort(item.left), self.sort(item.right)
        if left is None or right is None:
            return
        if left.domain and right.domain and left.domain != right.domain:
            message = f"{item} compares {left.domain} with {right.domain}"
            self.fault(item.place, message, f"{left.because}; {right.because}")
            return
        bases = self.base_of(left), self.base_of(right)
        if all(bases) and bases[0] != bases[1]:
            message = f"{item} compares {_WORDS[bases[0]]} with {_WORDS[bases[1]]}"
            self.fault(item.place, message, "; ".join(filter(None, (left.because, right.because))))
            return
        for one, other, term in ((left, right, item.left), (right, left, item.right)):
            if isinstance(term, Variable):
                if other.domain and not one.domain:
                    one.domain, one.because = other.domain, other.because
                if (base := self.base_of(other)) and not self.base_of(one):
                    self.use(term, base, item.place, other.because)

    def sort(self, term: Term) -> _Sort | None:
        match term:
            case Variable(name):
                return self.sorts.setdefault(name, _Sort())
            case Constant(value):
                return _Sort(base=_base(value), because=f"{value!r} is {_WORDS[_base(value)]}")
            case Operation():
                return _Sort(base="int", because="arithmetic gives numbers")

    def base_of(self, sort: _Sort) -> str:
        return sort.base or self.bases.get(sort.domain, ("", ""))[0]

    # -- one term in one column ----------------------------------------------------------------------------

    def use(self, term: Term, kind: str, place: Place, because: str) -> None:
        match term:
            case Constant(value):
                self.base(kind, _base(value), place, f"{value!r} is {_WORDS[_base(value)]}", because)
            case Operation():
                self.base(kind, "int", place, "arithmetic gives numbers", because)
                for name in variables(term):
                    self.use(Variable(name), "int", place, "arithmetic takes numbers")
            case Variable(name):
                self.variable(name, kind, place, because)

    def variable(self, name: str, kind: str, place: Place, because: str) -> None:
        sort = self.sorts.get(name)
        if sort is None:
            sort = self.sorts[name] = _Sort()
        if kind == "any":
            return
        if kind not in BASE_TYPES:
            if sort.domain and sort.domain != kind:
                self.fault(place, f"{name} is both {sort.domain} and {kind}", f"{sort.because}; {because}")
                return
            if not sort.domain:
                sort.domain = kind
                if sort.base:
                    self.base(kind, sort.base, place, sort.because, because)
                sort.because = because
            return
        if sort.domain:
            self.base(sort.domain, kind, place, because, sort.because)
        elif sort.base and sort.base != kind:
            self.fault(place, f"{name} is both {sort.base} and {kind}", f"{sort.because}; {because}")
        elif not sort.base:
            sort.base, sort.because = kind, because

    def base(self, kind: str, base: str, place: Place, because: str, column: str = "") -> None:
        """Note that values of type ``kind`` are of the ``base`` type, or report that they are not."""
        if kind == "any":
            return
        if kind in BASE_TYPES:
            if kind != base:
                self.fault(place, f"{because}, where {kind} is needed", column)
            return
        known, first = self.bases.setdefault(kind, (base, f"{because} ({place})"))
        if known != base:
            self.fault(place, f"{kind} is {_WORDS[known]}, but {because}", first)


def _of(declaration: Declaration, index: int) -> str:
    argument = declaration.arguments[index]
    return f"{declaration.predicate} has {argument.name}: {argument.type}"


def _base(value: str | int) -> str:
    return "int" if isinstance(value, int) else "str"


def check_types(
    files: Sequence[tuple[Iterable[Atom], Iterable[Clause]]], declared: Mapping[str, Declaration]
) -> Iterator[RuleFault]:
    """All type clashes, in the order of the text.

    Args:
        files: facts and clauses of each file. Where two clash, the later one is at fault.
        declared: every predicate.
    """
    checker = _Checker(declared)
    for facts, clauses in files:
        for fact in facts:
            checker.sorts = {}
            checker.atom(fact)
        for clause in clauses:
            checker.clause(clause)
    yield from checker.faults
