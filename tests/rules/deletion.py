"""Which clauses of a rule file its tables miss: each clause is left out in turn, and some case has to notice.

A clause can only matter where it derives a row that no other clause derives. So each case is evaluated once with every
clause of the file also deriving a predicate of its own, and only clauses that alone derive something there are tried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from msgspec import structs
from ruamel.yaml import YAML

from kubelogic.logic import Evaluation, Row, Rulebook
from kubelogic.logic.terms import Clause
from kubelogic.reconcile.functions import FUNCTIONS

Facts = Mapping[str, Sequence[Row]]


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

    @property
    def recorded(self) -> bool:
        """Whether it holds situations of runs."""
        return self.name.startswith("recorded/")


def read_tables() -> tuple[Table, ...]:
    """All tables beside this module."""
    here = Path(__file__).parent
    found = []
    for path in sorted(here.rglob("*.yaml")):
        name = path.relative_to(here).with_suffix("").as_posix()
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        found.append(Table(file=f"rules/{name.removeprefix('recorded/')}.dl", name=name, content=content))
    return tuple(found)


def case_of(table: Mapping[str, Any], case: Mapping[str, Any]) -> Case:
    """One case of a table."""
    facts = {name: [tuple(row) for row in rows] for name, rows in case.get("facts", {}).items()}
    derives = tuple(table.get("derives") or sorted(case["derived"]))
    return Case(facts=facts, parameters=case.get("parameters", {}), derives=derives)


def survivors(book: Rulebook, file: str, cases: Sequence[Case]) -> list[Clause]:
    """The clauses of a rule file that can be left out without any case noticing."""
    alive = [clause for clause in book.clauses if clause.place.file == file]
    for case in cases:
        if not alive:
            break
        for clause in alone_somewhere(book, alive, case):
            if derived(without(book, clause), case) != derived(book, case):
                alive.remove(clause)
    return alive


def derived(book: Rulebook, case: Case) -> dict[str, list[Row]]:
    """The rows of the predicates that a case compares."""
    evaluation = evaluated(book, case, case.derives)
    return {name: sorted(evaluation.rows(name)) for name in case.derives}


def evaluated(book: Rulebook, case: Case, goals: Sequence[str]) -> Evaluation:
    """The evaluation of a case."""
    evaluation = Evaluation(book.with_facts({"parameter": sorted(case.parameters.items())}), FUNCTIONS, goals=goals)
    evaluation.update(case.facts)
    return evaluation


def without(book: Rulebook, clause: Clause) -> Rulebook:
    """The rulebook but for one clause."""
    kept = tuple(each for each in book.clauses if each is not clause)
    return Rulebook.assemble(files=book.files, declarations=book.declarations, clauses=kept, facts=book.facts)


def named(number: int) -> str:
    """The predicate that tells which rows a clause derives."""
    return f"by_clause_{number}"


def telling(book: Rulebook, clauses: Sequence[Clause]) -> tuple[Rulebook, dict[str, list[tuple[str, Clause]]]]:
    """The rulebook in which all clauses of the heads of ``clauses`` tell what they derive, and by head who tells it."""
    heads = {clause.head.predicate for clause in clauses}
    declarations = dict(book.declarations)
    extra: list[Clause] = []
    told: dict[str, list[tuple[str, Clause]]] = {head: [] for head in heads}
    for number, clause in enumerate(book.clauses):
        head = clause.head.predicate
        if head in heads:
            name = named(number)
            declarations[name] = structs.replace(book.declarations[head], predicate=name)
            extra.append(structs.replace(clause, head=structs.replace(clause.head, predicate=name)))
            told[head].append((name, clause))
    whole = Rulebook.assemble(
        files=book.files, declarations=declarations, clauses=(*book.clauses, *extra), facts=book.facts
    )
    return whole, told


def alone_somewhere(book: Rulebook, clauses: Sequence[Clause], case: Case) -> list[Clause]:
    """Those of ``clauses`` that alone derive some row in a case, and whose head the case's predicates depend on."""
    whole, told = telling(book, clauses)
    evaluation = evaluated(whole, case, [*case.derives, *(name for each in told.values() for name, _ in each)])
    reached = needed_for(book, case.derives)
    found = []
    for clause in clauses:
        head = clause.head.predicate
        if head not in reached:
            continue
        mine = next(name for name, each in told[head] if each is clause)
        others = [set(evaluation.rows(name)) for name, each in told[head] if each is not clause]
        if set(evaluation.rows(mine)).difference(*others):
            found.append(clause)
    return found


def needed_for(book: Rulebook, goals: Sequence[str]) -> set[str]:
    """The predicates that the goals depend on, themselves included."""
    found: set[str] = set()
    todo = list(goals)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo.extend(book.uses.get(name, ()))
    return found


def own_clauses(book: Rulebook, file: str) -> Rulebook:
    """The rulebook without the clauses that other files add to open predicates (actions, moments of interest)."""
    open_ones = {name for name, declaration in book.declarations.items() if declaration.role == "open"}
    kept = tuple(c for c in book.clauses if c.head.predicate not in open_ones or c.place.file == file)
    return replace(book, clauses=kept)
