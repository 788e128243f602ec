"""The syntax of rules as values: terms, literals, clauses, declarations and rule files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

Value = str | int
"""A constant of the rule language."""

Row = tuple[Value, ...]
"""One tuple of a relation."""

Pattern = tuple[Value | None, ...]
"""A row in which None stands for any value."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """A position in a rule file; lines and columns count from 1."""

    file: str
    line: int
    column: int = 1
    end_column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Variable:
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Constant:
    value: Value

    def __str__(self) -> str:
        return repr(self.value)


@dataclass(frozen=True, slots=True)
class Operation:
    """Integer arithmetic: ``+ - * // %``."""

    operator: str
    left: Term
    right: Term

    def __str__(self) -> str:
        return f"({self.left} {self.operator} {self.right})"


Term = Variable | Constant | Operation


def variables(*terms: Term) -> Iterator[str]:
    """The names of the variables in ``terms``, in order, with repetitions."""
    for term in terms:
        match term:
            case Variable(name):
                yield name
            case Operation(_, left, right):
                yield from variables(left, right)
            case Constant():
                pass


def is_anonymous(term: Term) -> bool:
    """Whether a term is a variable that stands for anything: ``_`` or ``_Name``."""
    return isinstance(term, Variable) and term.name.startswith("_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Atom:
    """``predicate(terms)``; a functional ``p[X] == Y`` is the atom ``p(X, Y)``."""

    predicate: str
    terms: tuple[Term, ...]
    place: Place
    functional: bool = False

    @property
    def row(self) -> Row:
        """The values of the constants; for a fact, its row."""
        return tuple(term.value for term in self.terms if isinstance(term, Constant))

    def __str__(self) -> str:
        if self.functional:
            keys = ", ".join(map(str, self.terms[:-1]))
            return f"({self.predicate}[{keys}] == {self.terms[-1]})"
        return f"{self.predicate}({', '.join(map(str, self.terms))})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    atom: Atom
    negated: bool = False

    def __str__(self) -> str:
        return f"~{self.atom}" if self.negated else str(self.atom)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """``left operator right``. ``==`` with one unbound variable alone on a side binds it."""

    operator: str
    left: Term
    right: Term
    place: Place

    def __str__(self) -> str:
        return f"({self.left} {self.operator} {self.right})"


BodyItem = Literal | Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """How the last argument of a head comes from the rows of the body.

    ``len_(V)`` counts distinct V; ``sum_(V, for_each=W)`` adds V over distinct W; ``min_(V, order_by=W)`` and
    ``max_`` take V of the row with the least or greatest W; ``rank_(group_by=G, order_by=W)`` numbers the keys
    of a group from 0 by ascending W. ``-W`` in ``order_by`` reverses the order of W.
    """

    function: str
    value: tuple[str, ...] = ()
    for_each: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()
    order_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """``head <= body``. With ``aggregate`` the head's last term is a placeholder for its result."""

    head: Atom
    body: tuple[BodyItem, ...]
    place: Place
    aggregate: Aggregate | None = None
    text: str = ""

    def __str__(self) -> str:
        return f"{self.head} <= {' & '.join(map(str, self.body))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    name: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A predicate's name, arguments and English sentence (``{Name}`` stands for the argument).

    ``functional``: written ``p[X] == Y``. ``function``: computed by a registered pure function from all
    arguments but the last. ``role``: ``input`` (its facts come from outside), ``output`` (read from outside),
    ``open`` (any file may add clauses, none need do so), or empty.
    """

    predicate: str
    arguments: tuple[Argument, ...]
    sentence: str
    place: Place
    functional: bool = False
    function: bool = False
    role: str = ""

    @property
    def signature(self) -> str:
        """As it is written in a rule file, without the sentence: ``name(A: type, B: type)``."""
        texts = [f"{argument.name}: {argument.type}" for argument in self.arguments]
        if self.functional:
            return f"{self.predicate}[{', '.join(texts[:-1])}] == {texts[-1]}"
        if self.function:
            return f"{self.predicate}({', '.join(texts[:-1])}) -> {texts[-1]}"
        return f"{self.predicate}({', '.join(texts)})"

    @property
    def arity(self) -> int:
        return len(self.arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Omission:
    """Something that a rule file says it does not model: ``#! omits: CODE subject — words``.

    ``code`` and ``subject`` are empty when only words were given; whoever provides the facts gives a notice with
    the code when the subject (for it to interpret, such as the path of a field) is used.
    """

    code: str
    subject: str
    words: str
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFile:
    """One parsed rule file: its header (``#! key: value`` lines), omissions, declarations, clauses and facts."""

    path: str
    header: Mapping[str, str]
    omits: tuple[Omission, ...] = ()
    declarations: tuple[Declaration, ...]
    clauses: tuple[Clause, ...]
    facts: tuple[Atom, ...]
    lines: tuple[str, ...] = field(default=(), repr=False)
