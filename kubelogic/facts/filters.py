"""The registry of filters: the rows of ``filter`` in the rulebook, checked, and the clauses that follow from them.

A filter is one row. Its witness is a predicate that derives why a shape may not use a class of nodes, a node, a domain
or any node at all; what placement has to know of it (``denied_...``, ``contested_...``) is the same for all of them.
Rule files of users add rows as the built-in ones do.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec
from msgspec import structs

from kubelogic.kinds.codes import FORM
from kubelogic.logic import Row, Rulebook, RuleFault, Value
from kubelogic.logic.terms import (
    PLACEHOLDER,
    Argument,
    Atom,
    Clause,
    Constant,
    Declaration,
    Literal,
    Place,
    Term,
    Variable,
)

BEFORE = -1
"""The stage of what turns nodes away before any filter looks at them."""

_SCOPES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "class": ("class", ("NodeClass",)),
    "before": ("class", ("NodeClass",)),
    "node": ("node", ("Node",)),
    "domain": ("domain", ("Key", "Domain")),
    "all nodes": ("everywhere", ()),
    "everywhere": ("everywhere", ()),
}
"""Of each scope, what the clauses that follow are called, and the arguments of the witness that they keep."""

_TYPES = {"Shape": "shape", "NodeClass": "node_class", "Node": "node"}
_KINDS = ("Pod", "Node")
_PLUGINS = "Plugins"
"""In words: the plugins that are not satisfied by the nodes which are left out before any filter looks at them."""


class Filter(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One row of the registry.

    Attributes:
        place: its place in the order of all rows.
        stage: the first place of its plugin, asked as one; ``BEFORE`` if it leaves out nodes before any filter.
        plugin: the scheduler's name for it.
        predicate: the witness: its rows are rejections.
        scope: which nodes a rejection is about.
        helps: whether evicting pods can take it away.
        code: its permanent code.
        words: what the scheduler says, with the arguments of the witness in braces.
        kind: the constraint by which placement keeps to it itself; empty if placement only takes what is derived.
        assumption: what conflicts call it.
    """

    place: int
    stage: int
    plugin: str
    predicate: str
    scope: str
    helps: bool
    code: str
    words: str
    kind: str
    assumption: str


class Relations(Protocol):
    """What rules derived. ``kubelogic.logic.Evaluation`` is one."""

    def rows(self, predicate: str) -> Collection[Row]:
        """All rows of a predicate."""


TABLES = ("filter", "constraint", "assumption")
"""The relations that ``filters`` reads."""


def filters(relations: Relations) -> list[Filter]:
    """All filters, in the scheduler's order."""
    rows = sorted(relations.rows("filter"))
    kinds = {str(row[0]): str(row[1]) for row in relations.rows("constraint")}
    assumed = {str(row[0]): str(row[1]) for row in relations.rows("assumption")}
    first: dict[str, int] = {}
    for place, plugin, *_ in rows:
        first.setdefault(str(plugin), int(place))
    return [
        Filter(
            place=int(place),
            stage=BEFORE if scope == "before" else first[str(plugin)],
            plugin=str(plugin),
            predicate=str(predicate),
            scope=str(scope),
            helps=helps == "yes",
            code=str(code),
            words=str(words),
            kind=kinds.get(str(predicate), ""),
            assumption=assumed.get(str(predicate), str(predicate)),
        )
        for place, plugin, predicate, scope, helps, code, words in rows
    ]


def point_of(each: Filter) -> str:
    """Where a filter acts."""
    return _point(each.scope)


def _point(scope: str) -> str:
    return "preFilter" if scope in ("everywhere", "before") else "filter"


def follow(book: Rulebook) -> tuple[Sequence[Clause], Sequence[RuleFault]]:
    """The clauses that follow from the rows of the registry, what each witness denies or contests now; or faults."""
    faults = _faults(book)
    return ([] if faults else list(_following(book))), faults


def _following(book: Rulebook) -> Iterator[Clause]:
    heeded = {str(fact.row[0]) for fact in book.facts if fact.predicate == "constraint"}
    for fact in book.facts:
        if fact.predicate == "filter":
            plugin, predicate, scope = map(str, fact.row[1:4])
            off = plugin, _point(scope)
            name, kept = _SCOPES[scope]
            head = f"{'contested' if predicate in heeded else 'denied'}_{name}"
            if head == "denied_domain":
                yield _clause(
                    book.declarations[predicate], "denied_node", ("Node",), fact.place, off=off, topology=True
                )
            else:
                yield _clause(book.declarations[predicate], head, kept, fact.place, off=off)


def _clause(
    witness: Declaration,
    head: str,
    kept: tuple[str, ...],
    place: Place,
    *,
    off: tuple[str, str],
    topology: bool = False,
) -> Clause:
    """``head(Shape, kept..., 'witness') <= witness(Shape, kept..., _, ...) & ~unfiltered(Shape, 'plugin', 'point')``.

    With ``topology``, and the nodes of a domain.
    """
    needed = {"Shape", *kept, *(("Key", "Domain") if topology else ())}
    terms: list[Term] = [
        Variable(argument.name if argument.name in needed else f"_{argument.name}") for argument in witness.arguments
    ]
    body = [Literal(atom=Atom(predicate=witness.predicate, terms=tuple(terms), place=place))]
    if topology:
        names = ("Node", "Key", "Domain")
        body.append(Literal(atom=Atom(predicate="node_topology", terms=tuple(map(Variable, names)), place=place)))
    without: tuple[Term, ...] = (Variable("Shape"), *map(Constant, off))
    body.append(Literal(atom=Atom(predicate="unfiltered", terms=without, place=place), negated=True))
    found: tuple[Term, ...] = (Variable("Shape"), *map(Variable, kept), Constant(witness.predicate))
    clause = Clause(head=Atom(predicate=head, terms=found, place=place), body=tuple(body), place=place)
    return structs.replace(clause, text=str(clause))


# -- checks ------------------------------------------------------------------------------------------------


def _faults(book: Rulebook) -> list[RuleFault]:
    """What is wrong with the rows of the registry and of the tables beside it, all of it."""
    if "filter" not in book.declarations:
        return []
    found = [
        RuleFault(place=clause.place, message=f"{clause.head.predicate} is a table: its rows are facts, not derived")
        for table in _CHECKS
        if table != "scorer"
        for clause in book.clauses_of(table)
    ]
    rows: dict[str, list[Atom]] = {name: [] for name in _CHECKS}
    for fact in book.facts:
        if fact.predicate in rows:
            rows[fact.predicate].append(fact)
    rows["scorer"] = [*(clause.head for clause in book.clauses_of("scorer")), *rows["scorer"]]
    for name, check in _CHECKS.items():
        for fact in rows[name]:
            found += (RuleFault(place=fact.place, message=m, hint=h) for m, h in check(book, _cells(fact)))
    found += _twice(rows["filter"], 2, "the filter {} has a row already")
    found += _twice(rows["filter"], 0, "the place {} is taken already")
    found += _twice(rows["scorer"], 1, "the place {} is taken already")
    found += _twice(rows["scorer"], 2, "the scorer {} has a row already")
    return found


Message = tuple[str, str]
"""What is wrong, and a hint."""


Cells = Sequence[Value | None]
"""The constants of an atom; None where a variable stands."""


def _cells(atom: Atom) -> Cells:
    return tuple(term.value if isinstance(term, Constant) else None for term in atom.terms)


def _filter(book: Rulebook, row: Cells) -> Iterator[Message]:
    _, plugin, predicate, scope, helps, code, words = map(str, row)
    if not plugin:
        yield "a filter needs the name of its plugin", ""
    if helps not in ("yes", "no"):
        yield f"whether evictions help is 'yes' or 'no', not {helps!r}", ""
    if not FORM.fullmatch(code):
        yield f"{code!r} is no code: capital letters, then digits", "KL200 is for filters without a code of their own"
    if scope not in _SCOPES:
        yield f"there is no scope {scope!r}", _listed(_SCOPES)
    declaration = book.declarations.get(predicate)
    if declaration is None:
        yield f"{predicate} is not declared", _near(predicate, book.declarations)
        return
    if scope not in _SCOPES:
        return
    arguments = {argument.name: argument for argument in declaration.arguments}
    wanted = ("Shape", *_SCOPES[scope][1])
    yield from _arguments(declaration, arguments, wanted, scope)
    for name in PLACEHOLDER.findall(words):
        if name not in arguments and not (scope == "before" and name == _PLUGINS):
            yield f"{predicate} has no argument {{{name}}} for the words", _listed(arguments)


def _arguments(
    declaration: Declaration, arguments: Mapping[str, Argument], wanted: Iterable[str], scope: str
) -> Iterator[Message]:
    predicate = declaration.predicate
    if not declaration.arguments or declaration.arguments[0].name != "Shape":
        yield f"the first argument of {predicate} has to be Shape: shape", f"it is declared as {declaration.signature}"
    for name in wanted:
        kind = _TYPES.get(name, "str")
        if name not in arguments:
            hint = f"it is declared as {declaration.signature}"
            yield f"a filter of scope {scope!r} needs an argument {name}: {kind}, which {predicate} lacks", hint
        elif arguments[name].type != kind:
            yield f"the argument {name} of {predicate} has to be of type {kind}, not {arguments[name].type}", ""


def _about(book: Rulebook, row: Cells) -> Iterator[Message]:
    predicate = str(row[0])
    if predicate not in book.declarations:
        yield f"{predicate} is not declared", _near(predicate, book.declarations)


def _decided(book: Rulebook, row: Cells) -> Iterator[Message]:
    yield from _about(book, row)
    _, kind, path = map(str, row)
    if kind not in _KINDS:
        yield f"{kind!r} has no field that decides: it is Pod or Node", ""
    if not re.fullmatch(r"(metadata|spec|status)(\.[A-Za-z]+)+", path):
        yield f"{path!r} is not the path of a field", "such as metadata.annotations or spec.nodeSelector"


SCORERS = (
    "preference",
    "least_allocated",
    "most_allocated",
    "requested_to_capacity",
    "balanced_allocation",
    "devices",
    "soft_spread",
    "soft_affinity",
)
_NORMALIZED = ("max", "reversed", "none")


def _scorer(_: Rulebook, row: Cells) -> Iterator[Message]:
    _profile, _place, name, weight, kind, normalize, always = row
    if isinstance(weight, int) and weight < 1:
        yield f"the weight of {name} has to be at least 1, not {weight}", ""
    if kind not in (*SCORERS, None):
        yield f"there is no kind of scorer {kind!r}", _listed(SCORERS)
    if normalize not in (*_NORMALIZED, None):
        yield f"there is no normalisation {normalize!r}", _listed(_NORMALIZED)
    if always not in ("yes", "no", None):
        yield f"whether {name} always takes part is 'yes' or 'no', not {always!r}", ""


_CHECKS = {
    "filter": _filter,
    "constraint": _about,
    "assumption": _about,
    "reports_first": lambda book, row: _about(book, row[1:]),
    "decided_by": _decided,
    "scorer": _scorer,
}
"""Tables, and what is looked at in their rows."""


def _twice(facts: Iterable[Atom], column: int, message: str) -> Iterator[RuleFault]:
    seen: dict[object, Atom] = {}
    for fact in facts:
        before = seen.setdefault(_cells(fact)[column], fact)
        if before is not fact:
            hint = f"{before.place.file}:{before.place.line} has it"
            yield RuleFault(place=fact.place, message=message.format(_cells(fact)[column]), hint=hint)


def _listed(names: Iterable[str]) -> str:
    return f"there are: {', '.join(names)}"


def _near(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(names), n=1)
    return f"did you mean {near[0]}?" if near else ""
