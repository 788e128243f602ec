"""Rule files against tables: ``tests/rules/<folder>/<file>.yaml`` has facts and the whole set that they derive.

A table names the predicates that it is about (``derives``); a case gives facts (and ``parameters`` that differ) and
lists, under ``derived``, every row of those predicates. What is not listed must not be derived. Of open predicates,
such as actions, only the clauses of the file itself count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from kubelogic.facts.rulebook import builtin_rules, load_rulebook
from kubelogic.logic import Evaluation, Rulebook
from kubelogic.reconcile.functions import FUNCTIONS

HERE = Path(__file__).parent
BOOK = load_rulebook()


def tables() -> Iterator[Any]:
    for path in sorted(HERE.rglob("*.yaml")):
        table = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        for case in table["cases"]:
            name = f"{path.relative_to(HERE).with_suffix('').as_posix()}: {case['name']}"
            yield pytest.param(path, table["derives"], case, id=name)


def alone(path: Path) -> Rulebook:
    """The rules, but for the clauses that other files add to open predicates (actions, moments of interest)."""
    name = f"rules/{path.relative_to(HERE).with_suffix('.dl').as_posix()}"
    open_ones = {name for name, declaration in BOOK.declarations.items() if declaration.role == "open"}
    kept = tuple(c for c in BOOK.clauses if c.head.predicate not in open_ones or c.place.file == name)
    return replace(BOOK, clauses=kept)


@pytest.mark.parametrize(("path", "derives", "case"), list(tables()))
def test_rules_derive_exactly_what_the_table_says(path: Path, derives: list[str], case: dict[str, Any]) -> None:
    rules = builtin_rules() / path.relative_to(HERE).with_suffix(".dl")
    assert rules.is_file(), f"{path.name} is about {rules}, which does not exist"
    unknown = {*case.get("facts", {}), *case.get("derived", {}), *derives} - BOOK.declarations.keys()
    assert not unknown, f"not declared: {', '.join(sorted(unknown))}"
    assert not case.get("derived", {}).keys() - set(derives)
    book = alone(path).with_facts({"parameter": sorted(case.get("parameters", {}).items())})
    evaluation = Evaluation(book, FUNCTIONS, goals=derives)
    evaluation.update({name: [tuple(row) for row in rows] for name, rows in case.get("facts", {}).items()})
    derived = {name: sorted(evaluation.rows(name)) for name in derives}
    expected = {name: sorted(tuple(row) for row in case.get("derived", {}).get(name, ())) for name in derives}
    assert derived == expected


def test_every_table_has_a_case_that_derives_and_one_that_does_not() -> None:
    lacking = []
    for path in sorted(HERE.rglob("*.yaml")):
        cases = YAML(typ="safe").load(path.read_text(encoding="utf-8"))["cases"]
        derived = [any(case.get("derived", {}).values()) for case in cases]
        if not any(derived) or all(derived):
            lacking.append(path.name)
    assert lacking == []
