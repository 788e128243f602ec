"""The syntax of rules as values: terms, literals, clauses, declarations and rule files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from kubelogic.patterns import regex

Value = str | int
"""A constant of the rule language."""

Row = tuple[Value, ...]
"""One tuple of a relation."""

Pattern = tuple[Value | None, ...]
"""A row in which None stands for any value."""

PLACEHOLDER = regex(r"\{(\w+)\}")
"""The name of an argument in braces, which its value takes the place of: in sentences and in the words of tables."""


class Place(msgspec.Struct, frozen=True, kw_only=True, order=True, array_like=True):
    """A position in a rule file; lines and columns count from 1.

    Line 0 is that of what stands in no file: ``file`` then says what does, such as ``--set grace=50``.
    """

    file: str
    line: int
    column: int = 1
    end_column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    @property
    def row(self) -> str:
        """The file and the line."""
        return f"{self.file}:{self.line}" if self.line else self.file


class Variable(msgspec.Struct, frozen=True, tag=True, array_like=True):
    name: str

    def __str__(self) -> str:
        return self.name


class Constant(msgspec.Struct, frozen=True, tag=True, array_like=True):
    value: Value

    def __str__(self) -> str:
        return repr(self.value)


class Operation(msgspec.Struct, frozen=True, tag=True, array_like=True):
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
        if isinstance(term, Variable):
            yield term.name
        elif isinstance(term, Operation):
            yield from variables(term.left, term.right)


def is_anonymous(term: Term) -> bool:
    """Whether a term is a variable that stands for anything: ``_`` or ``_Name``."""
    return isinstance(term, Variable) and term.name.startswith("_")


class Atom(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
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


class Literal(msgspec.Struct, frozen=True, kw_only=True, tag=True, array_like=True):
    atom: Atom
    negated: bool = False

    def __str__(self) -> str:
        return f"~{self.atom}" if self.negated else str(self.atom)


class Comparison(msgspec.Struct, frozen=True, kw_only=True, tag=True, array_like=True):
    """``left operator right``. ``==`` with one unbound variable alone on a side binds it."""

    operator: str
    left: Term
    right: Term
    place: Place

    def __str__(self) -> str:
        return f"({self.left} {self.operator} {self.right})"


BodyItem = Literal | Comparison


class Aggregate(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
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


class Clause(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """``head <= body``. With ``aggregate`` the head's last term is a placeholder for its result."""

    head: Atom
    body: tuple[BodyItem, ...]
    place: Place
    aggregate: Aggregate | None = None
    text: str = ""

    def __str__(self) -> str:
        return f"{self.head} <= {' & '.join(map(str, self.body))}"


class Argument(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    name: str
    type: str


class Declaration(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
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


class Omission(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Something that a rule file says it does not model: ``#! omits: CODE subject — words``.

    ``code`` and ``subject`` are empty when only words were given; whoever provides the facts gives a notice with
    the code when the subject (for it to interpret, such as the path of a field) is used.
    """

    code: str
    subject: str
    words: str
    place: Place


class RuleFile(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One parsed rule file: its header (``#! key: value`` lines), omissions, declarations, clauses and facts."""

    path: str
    header: Mapping[str, str]
    omits: tuple[Omission, ...] = ()
    declarations: tuple[Declaration, ...]
    clauses: tuple[Clause, ...]
    facts: tuple[Atom, ...]
    lines: tuple[str, ...] = ()
