"""Which clauses of a rule file its tables miss: each clause is left out in turn, and some case has to notice.

All cases of a table are evaluated on one ``Bench``: the rules are compiled once, the facts of a case go in and come out
again. To leave a clause out costs no new rulebook either: on a bench with switches every clause of the file asks that
its number is not ``left_out``, which is a fact like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from msgspec import structs

from kubelogic.logic import Evaluation, Row, Rulebook
from kubelogic.logic.terms import Argument, Atom, Clause, Constant, Declaration, Literal, Place
from kubelogic.reconcile.functions import FUNCTIONS

Facts = Mapping[str, Sequence[Row]]
Derived = dict[str, list[Row]]

LEFT_OUT = "left_out"
PARAMETERS = ("parameter", "range_parameter")
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Facts, parameters that differ, and the predicates whose whole relation is compared."""

    facts: Facts
    parameters: Mapping[str, Any]
    derives: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table as read: the rule file that it is about, what it is called, and its content."""

    file: str
    name: str
    content: Mapping[str, Any]


def read_tables() -> tuple[Table, ...]:
    """All tables beside this module."""
    here = Path(__file__).parent
    found = []
    for path in sorted(here.rglob("*.yaml")):
        name = path.relative_to(here).with_suffix("").as_posix()
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)
        found.append(Table(file=f"rules/{name}.dl", name=name, content=content))
    return tuple(found)


def case_of(table: Mapping[str, Any], case: Mapping[str, Any]) -> Case:
    """One case of a table."""
    facts = {name: [tuple(row) for row in rows] for name, rows in case.get("facts", {}).items()}
    derives = tuple(case.get("derives") or table.get("derives") or sorted(case["derived"]))
    return Case(facts=facts, parameters=case.get("parameters", {}), derives=derives)


class Bench:
    """The rules as a rule file's tables see them, compiled once for many cases.

    Of open predicates, such as actions, only the clauses of the file itself count.
    """

    def __init__(self, book: Rulebook, file: str, cases: Iterable[Case], *, switches: bool = False) -> None:
        """Compile the rules for what ``cases`` compare; with switches, clauses of ``file`` can be left out."""
        own = own_clauses(book, file)
        self.clauses = [clause for clause in own.clauses if clause.place.file == file]
        self._parameters = {fact.row[0]: fact for fact in own.facts if fact.predicate in PARAMETERS}
        book = with_switches(own, self.clauses) if switches else own
        goals = sorted({name for case in cases for name in case.derives})
        facts = tuple(fact for fact in book.facts if fact.predicate not in PARAMETERS)
        book = Rulebook.assemble(files=book.files, declarations=book.declarations, clauses=book.clauses, facts=facts)
        self._evaluation = Evaluation(book, FUNCTIONS, goals=goals, watched=())

    def derived(self, case: Case) -> Derived:
        """The rows of the predicates that a case compares."""
        facts = self._given(case)
        self._evaluation.update(facts)
        rows = self._rows(case)
        self._evaluation.update(None, facts)
        return rows

    def noticed(self, case: Case, clauses: Iterable[Clause]) -> list[Clause]:
        """Those of ``clauses`` without which a case comes out otherwise."""
        facts = self._given(case)
        self._evaluation.update(facts)
        whole = self._rows(case)
        found = []
        for clause in clauses:
            switch = {LEFT_OUT: [(self._number(clause),)]}
            self._evaluation.update(switch)
            if self._rows(case) != whole:
                found.append(clause)
            self._evaluation.update(None, switch)
        self._evaluation.update(None, facts)
        return found

    def _number(self, clause: Clause) -> int:
        return next(number for number, each in enumerate(self.clauses) if each is clause)

    def _given(self, case: Case) -> dict[str, list[Row]]:
        unknown = case.parameters.keys() - self._parameters.keys()
        assert not unknown, f"no such parameter: {', '.join(sorted(unknown))}"
        given: dict[str, list[Row]] = {name: list(rows) for name, rows in case.facts.items()}
        for name, fact in self._parameters.items():
            row = (name, case.parameters[name]) if name in case.parameters else fact.row
            given.setdefault(fact.predicate, []).append(row)
        return given

    def _rows(self, case: Case) -> Derived:
        return {name: sorted(self._evaluation.rows(name)) for name in case.derives}


def survivors(book: Rulebook, file: str, cases: Sequence[Case]) -> list[Clause]:
    """The clauses of a rule file that can be left out without any case noticing."""
    bench = Bench(book, file, cases, switches=True)
    alive = list(bench.clauses)
    for case in cases:
        noticed = {id(clause) for clause in bench.noticed(case, alive)}
        alive = [clause for clause in alive if id(clause) not in noticed]
    return alive


def with_switches(book: Rulebook, clauses: Sequence[Clause]) -> Rulebook:
    """The rulebook in which each of ``clauses`` holds only while its number is not left out."""
    place = Place(file=LEFT_OUT, line=1)
    number = Argument(name="Number", type="int")
    switch = Declaration(predicate=LEFT_OUT, arguments=(number,), sentence="", place=place, role="input")
    numbers = {id(clause): position for position, clause in enumerate(clauses)}

    def switched() -> Iterator[Clause]:
        for clause in book.clauses:
            position = numbers.get(id(clause))
            if position is None:
                yield clause
            else:
                atom = Atom(predicate=LEFT_OUT, terms=(Constant(position),), place=place)
                yield structs.replace(clause, body=(*clause.body, Literal(atom=atom, negated=True)))

    return Rulebook.assemble(
        files=book.files,
        declarations={**book.declarations, LEFT_OUT: switch},
        clauses=tuple(switched()),
        facts=book.facts,
    )


def own_clauses(book: Rulebook, file: str) -> Rulebook:
    """The rulebook without the clauses that other files add to open predicates (actions, moments of interest)."""
    open_ones = {name for name, declaration in book.declarations.items() if declaration.role == "open"}
    kept = tuple(c for c in book.clauses if c.head.predicate not in open_ones or c.place.file == file)
    return Rulebook.assemble(files=book.files, declarations=book.declarations, clauses=kept, facts=book.facts)
