"""Clause deletion: a clause that can be left out of a rule file without any case of its table noticing is untested.

``survivors.json`` lists the clauses that no case can notice, each with the reason why. A clause that survives without a
reason fails, and so does a reason for a clause that is gone or noticed by now.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from kubelogic.facts.rulebook import load_rulebook
from kubelogic.logic import Rulebook
from kubelogic.logic.terms import Clause
from tests.rules.deletion import Bench, Case, case_of, own_clauses, read_tables, survivors

FLOOR = 3
"""Per cent of all clauses that may survive, with a reason."""

BOOK = load_rulebook()
REASONS = {
    (each["file"], each["clause"]): each["reason"]
    for each in json.loads((Path(__file__).parent / "survivors.json").read_text(encoding="utf-8"))
}
FILES = sorted({clause.place.file for clause in BOOK.clauses})


@cache
def cases_by_file() -> Mapping[str, tuple[Case, ...]]:
    """The cases of each rule file's table."""
    return {each.file: tuple(case_of(each.content, case) for case in each.content["cases"]) for each in read_tables()}


def shown(clause: Clause) -> str:
    """A clause as it is written, on one line."""
    return " ".join(clause.text.split())


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES)
def test_each_clause_is_noticed_when_it_is_left_out_or_says_why_not(file: str) -> None:
    survive = {shown(clause) for clause in survivors(BOOK, file, cases_by_file().get(file, ()))}
    explained = {clause for where, clause in REASONS if where == file}
    assert sorted(survive - explained) == [], "no case notices when these are left out"
    assert sorted(explained - survive) == [], "these have a reason, but a case notices when they are left out"


def test_hardly_any_clause_may_go_unnoticed() -> None:
    assert len(REASONS) * 100 < FLOOR * len(BOOK.clauses)


def test_reasons_are_of_clauses_that_there_are() -> None:
    there = {(clause.place.file, shown(clause)) for clause in BOOK.clauses}
    assert sorted(REASONS.keys() - there) == []


def test_a_reason_is_a_sentence_of_its_own() -> None:
    for reason in REASONS.values():
        assert len(reason.split()) >= 12
        assert reason.endswith(".")
    assert len(set(REASONS.values())) == len(REASONS)


# -- the tool ---------------------------------------------------------------------------------------------------

SMALL = Rulebook.parse(
    {
        "rules/small.dl": """
#: input edge(A: str, B: str) "{A} leads to {B}"
#: input shut(A: str) "{A} is shut"
#: parameter(Name: str, Value: int) "{Name} is {Value}"
+ parameter('most', 1)
#: path(A: str, B: str) "a path leads from {A} to {B}"
#: degree[A: str] == N: int "{A} leads to {N}"
#: busy(A: str) "{A} leads to too many"
#: open told(A: str) "{A} is told"
path(A, B) <= edge(A, B) & ~shut(A)
path(A, C) <= path(A, B) & edge(B, C) & ~shut(B)
(degree[A] == len_(B)) <= path(A, B)
busy(A) <= (degree[A] == N) & parameter('most', Most) & (N > Most)
told(A) <= busy(A)
""",
        "rules/other.dl": "told(A) <= edge(A, _)",
    }
)


def left(*cases: Case) -> list[str]:
    return [shown(clause) for clause in survivors(SMALL, "rules/small.dl", cases)]


def case(*edges: str, derives: tuple[str, ...], shut: str = "", **parameters: int) -> Case:
    facts = {"edge": [(edge[0], edge[1]) for edge in edges], "shut": [(each,) for each in shut]}
    return Case(facts=facts, parameters=parameters, derives=derives)


def test_a_clause_that_no_case_needs_survives() -> None:
    assert left(case("ab", derives=("path",))) == [
        "path(A, C) <= path(A, B) & edge(B, C) & ~shut(B)",
        "(degree[A] == len_(B)) <= path(A, B)",
        "busy(A) <= (degree[A] == N) & parameter('most', Most) & (N > Most)",
        "told(A) <= busy(A)",
    ]


def test_recursion_and_what_depends_on_a_clause_count() -> None:
    assert left(case("ab", "bc", derives=("told",))) == []


def test_a_row_that_two_clauses_derive_needs_neither() -> None:
    assert left(case("ab", "bc", "ac", derives=("path",)))[0] == "path(A, C) <= path(A, B) & edge(B, C) & ~shut(B)"


def test_open_predicates_have_the_clauses_of_the_file_alone() -> None:
    assert "told(A) <= edge(A, _)" not in {shown(clause) for clause in own_clauses(SMALL, "rules/small.dl").clauses}


def test_a_bench_forgets_a_case_before_the_next_one() -> None:
    first = case("ab", "bc", derives=("busy",))
    second = case("ab", "bc", derives=("busy",), most=2)
    bench = Bench(SMALL, "rules/small.dl", [first, second])
    assert [bench.derived(each)["busy"] for each in (first, second, first)] == [[("a",)], [], [("a",)]]


def test_a_parameter_that_there_is_not_is_refused() -> None:
    strange = case("ab", derives=("busy",), mots=2)
    with pytest.raises(AssertionError, match="no such parameter: mots"):
        Bench(SMALL, "rules/small.dl", [strange]).derived(strange)
