"""Rule files against tables: ``tests/rules/<folder>/<file>.yaml`` has facts and the whole set that they derive.

A table names the predicates that it is about (``derives``); a case gives facts (and ``parameters`` that differ) and
lists, under ``derived``, every row of those predicates. What is not listed must not be derived. A case that is about
other predicates than its table names them itself. Of open predicates, such as actions, only the clauses of the file
itself count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from kubelogic.facts.rulebook import builtin_rules, load_rulebook
from tests.rules.deletion import Bench, case_of, read_tables

BOOK = load_rulebook()
TABLES = {table.name: table for table in read_tables()}


@cache
def bench(name: str) -> Bench:
    """The bench on which all cases of a table are evaluated."""
    table = TABLES[name]
    return Bench(BOOK, table.file, [case_of(table.content, case) for case in table.content["cases"]])


def cases() -> Iterator[Any]:
    for table in TABLES.values():
        for case in table.content["cases"]:
            yield pytest.param(table.name, case, id=f"{table.name}: {case['name']}")


@pytest.mark.parametrize(("name", "case"), list(cases()))
def test_rules_derive_exactly_what_the_table_says(name: str, case: dict[str, Any]) -> None:
    asked = case_of(TABLES[name].content, case)
    listed = case.get("derived", {})
    assert not listed.keys() - set(asked.derives), "rows of a predicate that the case is not about"
    expected = {name: sorted(tuple(row) for row in listed.get(name, ())) for name in asked.derives}
    assert bench(name).derived(asked) == expected


@pytest.mark.parametrize("name", TABLES)
def test_tables_use_only_what_is_declared(name: str) -> None:
    table = TABLES[name]
    assert (builtin_rules().parent / table.file).is_file(), f"the table is about {table.file}, which does not exist"
    for case in table.content["cases"]:
        asked = case_of(table.content, case)
        for predicate, rows in asked.facts.items():
            assert predicate in BOOK.declarations, f"{case['name']}: {predicate} is not declared"
            arity = BOOK.declarations[predicate].arity
            assert {len(row) for row in rows} <= {arity}, f"{case['name']}: {predicate} takes {arity} arguments"
        for predicate, rows in (*asked.facts.items(), *case.get("derived", {}).items()):
            strange = [value for row in rows for value in row if type(value) not in (str, int)]
            assert not strange, f"{case['name']}: {predicate}: neither text nor a number: {strange}"
        unknown = set(asked.derives) - BOOK.declarations.keys()
        assert not unknown, f"{case['name']}: not declared: {', '.join(sorted(unknown))}"


@pytest.mark.parametrize("name", TABLES)
def test_cases_of_a_table_have_names_of_their_own(name: str) -> None:
    counts = Counter(case["name"] for case in TABLES[name].content["cases"])
    assert [case for case, count in counts.items() if count > 1] == []


def test_every_table_has_a_predicate_that_one_case_derives_and_another_does_not() -> None:
    lacking = []
    for table in TABLES.values():
        rows: dict[str, set[bool]] = {}
        for case in table.content["cases"]:
            for predicate in case_of(table.content, case).derives:
                rows.setdefault(predicate, set()).add(bool(case.get("derived", {}).get(predicate)))
        if {True, False} not in rows.values():
            lacking.append(table.name)
    assert lacking == []


def test_every_rule_file_with_clauses_has_a_table() -> None:
    with_clauses = {clause.place.file for clause in BOOK.clauses}
    assert sorted(with_clauses - {table.file for table in TABLES.values()}) == []
