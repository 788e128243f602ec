"""Warnings: clauses that stand twice, predicates that nobody reads, files that are too long."""

from __future__ import annotations

import pytest

from kubelogic.logic import Rulebook
from kubelogic.logic.lint import LONGEST, same_clause

HEADER = "#! title: Hops\n#! source: here\n"
EDGES = """#: input edge(A: str, B: str) "{A} leads to {B}"
#: input size(A: str, N: int) "{A} is {N} large"
#: output hop(A: str, B: str) "{A} leads to {B} in two steps"
#: output most[A: str] == N: int "{A} leads to something {N} large"
#: output least[A: str] == N: int "{A} leads to something {N} small"
"""


def twins(text: str) -> list[str]:
    """What is told of clauses that stand twice."""
    book = Rulebook.parse({"t.dl": HEADER + EDGES + text})
    found = [f"{warning.place.line}: {warning.message}" for warning in book.warnings()]
    return [message for message in found if "this clause says" in message]


FIRST = (HEADER + EDGES).count("\n") + 1

SAME = {
    "other names": ("hop(A, C) <= edge(A, B) & edge(B, C)", "hop(X, Y) <= edge(X, Z) & edge(Z, Y)"),
    "another order": ("hop(A, C) <= edge(A, B) & edge(B, C)", "hop(A, C) <= edge(B, C) & edge(A, B)"),
    "names that cross": ("hop(A, B) <= edge(A, B) & ~edge(B, A)", "hop(B, A) <= ~edge(A, B) & edge(B, A)"),
    "a comparison turned round": (
        "hop(A, B) <= edge(A, B) & size(A, M) & size(B, N) & (M < N)",
        "hop(A, B) <= edge(A, B) & size(A, M) & size(B, N) & (N > M)",
    ),
    "variables that are used once": ("hop(A, A) <= edge(A, _) & edge(_, A)", "hop(A, A) <= edge(_X, A) & edge(A, _Y)"),
}
DIFFERENT = {
    "another constant": ("hop(A, B) <= edge(A, B) & size(A, 1)", "hop(A, B) <= edge(A, B) & size(A, 2)"),
    "other direction": ("hop(A, C) <= edge(A, B) & edge(B, C)", "hop(A, C) <= edge(C, B) & edge(B, A)"),
    "one is negated": ("hop(A, B) <= edge(A, B) & edge(B, A)", "hop(A, B) <= edge(A, B) & ~edge(B, A)"),
    "one asks for more": ("hop(A, B) <= edge(A, B)", "hop(A, B) <= edge(A, B) & edge(A, B)"),
    "one joins what the other does not": (
        "hop(A, A) <= edge(A, B) & size(B, _)",
        "hop(A, A) <= edge(A, _) & size(_, _)",
    ),
    "a comparison the other way": (
        "hop(A, B) <= edge(A, B) & size(A, M) & size(B, N) & (M < N)",
        "hop(A, B) <= edge(A, B) & size(A, M) & size(B, N) & (M > N)",
    ),
    "another sum": (
        "hop(A, B) <= edge(A, B) & size(A, M) & size(B, M + 1)",
        "hop(A, B) <= edge(A, B) & size(A, M) & size(B, M - 1)",
    ),
}


@pytest.mark.parametrize("clauses", SAME.values(), ids=SAME)
def test_a_clause_that_stands_twice_is_told_at_its_second_place(clauses: tuple[str, str]) -> None:
    assert twins("\n".join(clauses) + "\n") == [f"{FIRST + 1}: this clause says what the one at t.dl:{FIRST}:1 says"]


@pytest.mark.parametrize("clauses", DIFFERENT.values(), ids=DIFFERENT)
def test_clauses_that_differ_are_not_told(clauses: tuple[str, str]) -> None:
    assert twins("\n".join(clauses) + "\n") == []


def test_aggregates_are_compared_too() -> None:
    book = Rulebook.parse(
        {
            "t.dl": HEADER
            + EDGES
            + "(most[A] == max_(N, order_by=(M, -B))) <= edge(A, B) & size(B, N) & size(A, M)\n"
            + "(least[X] == min_(N, order_by=(M, -B))) <= edge(X, B) & size(B, N) & size(X, M)\n"
        }
    )
    most, least = book.clauses
    assert same_clause(most, most)
    assert not same_clause(most, least)


def test_each_further_one_is_told_once() -> None:
    clause = "hop(A, B) <= edge(A, B)\n"
    assert twins(clause * 3) == [
        f"{FIRST + 1}: this clause says what the one at t.dl:{FIRST}:1 says",
        f"{FIRST + 2}: this clause says what the one at t.dl:{FIRST}:1 says",
    ]


def test_facts_that_no_clause_reads_have_to_be_declared_as_answers() -> None:
    book = Rulebook.parse(
        {
            "facts.dl": HEADER
            + '#: node(Node: node) "{Node}"\n#: rack(Node: node) "{Node}"\n#: output zone(Node: node) "{Node}"',
            "rules.dl": HEADER
            + '#: output all(Node: node) "{Node}"\n#: input spare(Node: node) "{Node}"\nall(N) <= node(N)',
        }
    )
    assert [f"{warning.place}: {warning.message}" for warning in book.warnings()] == [
        "facts.dl:4:1: nothing uses rack",
        "rules.dl:4:1: nothing uses spare",
    ]


def test_a_long_file_says_why_it_is_one() -> None:
    book = '#: output all(Node: node) "{Node}"\n#: input node(Node: node) "{Node}"\nall(N) <= node(N)\n'
    longer = HEADER + book + "# more\n" * (LONGEST - 4)
    assert [str(each.message) for each in Rulebook.parse({"t.dl": longer}).warnings()] == [
        f"the file has {LONGEST + 1} lines, more than {LONGEST}"
    ]
    assert Rulebook.parse({"t.dl": "#! length: one function\n" + longer}).warnings() == ()
    needless = Rulebook.parse({"t.dl": "#! length: one function\n" + HEADER + book}).warnings()
    assert [each.message for each in needless] == [
        "the header gives a reason for its length, but the file has only 6 lines"
    ]


def test_a_name_that_no_fact_has_is_told_with_the_one_that_was_meant() -> None:
    text = (
        "#: parameter(Name: str, N: int) \"{Name} is {N}\"\n+ parameter('most', 3)\n"
        "hop(A, B) <= edge(A, B) & size(A, N) & parameter('mots', N)\n"
        "hop(A, B) <= edge(B, A) & size(A, N) & parameter('most', N) & ~parameter('', 4)\n"
    )
    found = [
        warning for warning in Rulebook.parse({"t.dl": HEADER + EDGES + text}).warnings() if "begins" in warning.message
    ]
    assert [(each.message, each.hint) for each in sorted(found, key=lambda each: each.place.line)] == [
        ("no fact of parameter begins with 'mots'", "did you mean 'most'?"),
        ("no fact of parameter begins with ''", ""),
    ]


def test_names_that_a_clause_may_give_are_not_told() -> None:
    text = "hop('a', B) <= size(B, _)\n+ hop('b', 'c')\nmost_hop(B) <= hop('d', B)\n"
    text += '#: output most_hop(B: str) "something leads to {B}"\n'
    assert not [each for each in Rulebook.parse({"t.dl": HEADER + EDGES + text}).warnings() if "begins" in each.message]
