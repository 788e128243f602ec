"""Rule files against tables: ``tests/rules/<folder>/<file>.yaml`` has facts and the whole set that they derive.

A table names the predicates that it is about (``derives``); a case gives facts (and ``parameters`` that differ) and
lists, under ``derived``, every row of those predicates. What is not listed must not be derived. Of open predicates,
such as actions, only the clauses of the file itself count. Tables under ``recorded/`` hold situations of recorded and
simulated runs, made as small as they can be; each of their cases is about the predicates under its own ``derived``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kubelogic.facts.rulebook import builtin_rules, load_rulebook
from tests.rules.deletion import Case, case_of, derived, own_clauses, read_tables

BOOK = load_rulebook()
TABLES = read_tables()


def cases() -> Iterator[Any]:
    for table in TABLES:
        for case in table.content["cases"]:
            yield pytest.param(table.file, table.content, case, id=f"{table.name}: {case['name']}")


@pytest.mark.parametrize(("file", "table", "case"), list(cases()))
def test_rules_derive_exactly_what_the_table_says(file: str, table: dict[str, Any], case: dict[str, Any]) -> None:
    assert (builtin_rules().parent / file).is_file(), f"the table is about {file}, which does not exist"
    asked: Case = case_of(table, case)
    unknown = {*asked.facts, *case.get("derived", {}), *asked.derives} - BOOK.declarations.keys()
    assert not unknown, f"not declared: {', '.join(sorted(unknown))}"
    assert not case.get("derived", {}).keys() - set(asked.derives)
    expected = {name: sorted(tuple(row) for row in case.get("derived", {}).get(name, ())) for name in asked.derives}
    assert derived(own_clauses(BOOK, file), asked) == expected


def test_every_table_has_a_case_that_derives_and_one_that_does_not() -> None:
    lacking = []
    for table in TABLES:
        derives = [any(case.get("derived", {}).values()) for case in table.content["cases"]]
        if not table.recorded and (not any(derives) or all(derives)):
            lacking.append(table.name)
    assert lacking == []


FACTS_ONLY = {"rules/actions.dl", "rules/clock.dl", "rules/parameters.dl"}
"""Files without a clause that derives anything from facts of the cluster: declarations, and one clause on the clock."""


def test_every_rule_file_has_a_table() -> None:
    with_clauses = {clause.place.file for clause in BOOK.clauses} - FACTS_ONLY
    assert sorted(with_clauses - {table.file for table in TABLES}) == []
