"""Bottom-up evaluation: the meaning of clauses, and that changes give what a fresh evaluation gives."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelogic.logic import Evaluation, Facts, Row, Rulebook
from kubelogic.logic.topdown import TopDown

PROGRAM = """
#: edge(A: str, B: str) "{A} leads to {B}"
#: blocked(A: str) "{A} is blocked"
#: cost(A: str, N: int) "{A} costs {N}"
#: reach(A: str, B: str) "{A} reaches {B}"
#: node(A: str) "{A} is a node"
#: dead_end(A: str) "{A} leads nowhere"
#: one_way(A: str, B: str) "{A} leads to {B}, not back"
#: open_edge(A: str, B: str) "{A} leads to {B}, which is open"
#: two_hops(A: str, C: str) "{A} leads to {C} in two steps"
#: degree[A: str] == N: int "{A} leads to {N} nodes"
#: total[A: str] == N: int "neighbours of {A} cost {N}"
#: cheapest[A: str] == B: str "{B} is the cheapest neighbour of {A}"
#: place[A: str, B: str] == N: int "{B} is neighbour {N} of {A} by cost"
#: dear(A: str, N: int) "the neighbours of {A} cost {N} too much"
#: all_edges[X: str] == N: int "there are {N} edges"

reach(A, B) <= edge(A, B)
reach(A, C) <= reach(A, B) & edge(B, C) & ~blocked(B)
node(A) <= edge(A, _)
node(B) <= edge(_, B)
dead_end(A) <= node(A) & ~edge(A, _)
one_way(A, B) <= edge(A, B) & ~edge(B, A)
open_edge(A, B) <= edge(A, B) & ~blocked(A) & ~blocked(B)
two_hops(A, C) <= edge(A, B) & edge(B, C)
(degree[A] == len_(B)) <= edge(A, B)
(total[A] == sum_(N, for_each=B)) <= edge(A, B) & cost(B, N)
(cheapest[A] == min_(B, order_by=N)) <= edge(A, B) & cost(B, N)
(place[A, B] == rank_(group_by=A, order_by=(-N, B))) <= edge(A, B) & cost(B, N)
dear(A, M) <= (total[A] == N) & (N > 3) & (M == N - 3)
(all_edges['all'] == len_(A, B)) <= edge(A, B)
"""


def derived(evaluation: Evaluation) -> dict[str, set[tuple[str | int, ...]]]:
    return {name: set(evaluation.rows(name)) for name in evaluation.rulebook.declarations}


def test_recursion_negation_and_aggregates() -> None:
    evaluation = Evaluation(Rulebook.parse({"p.dl": PROGRAM}))
    evaluation.update(
        {
            "edge": [("a", "b"), ("b", "c"), ("b", "a"), ("a", "d")],
            "blocked": [("b",)],
            "cost": [("a", 1), ("b", 2), ("c", 3), ("d", 4)],
        }
    )
    rows = derived(evaluation)
    assert rows["reach"] == {("a", "b"), ("b", "c"), ("b", "a"), ("a", "d"), ("b", "b"), ("b", "d")}
    assert rows["dead_end"] == {("c",), ("d",)}
    assert rows["one_way"] == {("b", "c"), ("a", "d")}
    assert rows["open_edge"] == {("a", "d")}
    assert rows["two_hops"] == {("a", "c"), ("a", "a"), ("b", "b"), ("b", "d")}
    assert rows["degree"] == {("a", 2), ("b", 2)}
    assert rows["total"] == {("a", 6), ("b", 4)}
    assert rows["cheapest"] == {("a", "b"), ("b", "a")}
    assert rows["place"] == {("a", "d", 0), ("a", "b", 1), ("b", "c", 0), ("b", "a", 1)}
    assert rows["dear"] == {("a", 3), ("b", 1)}


NAMES = st.sampled_from("abcde")
FACTS = st.fixed_dictionaries(
    {
        "edge": st.frozensets(st.tuples(NAMES, NAMES), max_size=8),
        "blocked": st.frozensets(st.tuples(NAMES), max_size=2),
        "cost": st.frozensets(st.tuples(NAMES, st.integers(0, 3)), max_size=5),
    }
)


@given(st.lists(st.tuples(FACTS, st.booleans()), min_size=2, max_size=5))
def test_changes_give_what_a_fresh_evaluation_gives(
    states: list[tuple[dict[str, frozenset[tuple[str, ...]]], bool]],
) -> None:
    """Also where a run begins again: the relations go back to where the last one began, and on from there."""
    book = Rulebook.parse({"p.dl": PROGRAM})
    evaluation = Evaluation(book)
    before: dict[str, frozenset[tuple[str, ...]]] = {name: frozenset() for name in states[0][0]}
    seen = derived(evaluation)
    for state, begins in states:
        added: Facts = {name: sorted(state[name] - before[name]) for name in state}
        removed: Facts = {name: sorted(before[name] - state[name]) for name in state}
        changes = evaluation.update(added, removed, begins=begins)
        fresh = Evaluation(book)
        fresh.update(state)
        assert derived(evaluation) == derived(fresh)
        for name, rows in seen.items():
            gone, come = set(changes.removed.get(name, ())), set(changes.added.get(name, ()))
            assert (rows - gone) | come == derived(evaluation)[name]
            assert not come & rows
            assert gone <= rows
        seen = derived(evaluation)
        before = state


def test_goals_limit_what_is_evaluated_and_kept() -> None:
    evaluation = Evaluation(Rulebook.parse({"p.dl": PROGRAM}), goals=["dead_end"])
    evaluation.update({"edge": [("a", "b")], "cost": [("a", 1)]})
    assert set(evaluation.rows("dead_end")) == {("b",)}
    with pytest.raises(KeyError):
        evaluation.rows("cost")
    with pytest.raises(KeyError):
        evaluation.update({"costs": [("a", 1)]})
    with pytest.raises(KeyError):
        Evaluation(Rulebook.parse({"p.dl": PROGRAM}), goals=["dead_ends"])


@pytest.mark.parametrize("edges", [2, 30_000])
def test_only_watched_predicates_are_reported(edges: int) -> None:
    """Small changes are passed on, large ones evaluated from nothing: both report the same."""
    rows = [(f"n{number}", f"n{number + 1}") for number in range(edges)]
    book = Rulebook.parse({"p.dl": PROGRAM_WITHOUT_RECURSION})
    evaluation, everything = Evaluation(book, watched=["leaf", "edge"]), Evaluation(book)
    for added, removed in (([("a", "b")], []), (rows, [("a", "b")]), ([], rows)):
        reported, whole = (each.update({"edge": added}, {"edge": removed}) for each in (evaluation, everything))
        assert set(reported.added) | set(reported.removed) <= {"leaf", "edge"}
        for name in ("leaf", "edge"):
            assert {*reported.added.get(name, ())} == {*whole.added.get(name, ())}
            assert {*reported.removed.get(name, ())} == {*whole.removed.get(name, ())}
        assert set(evaluation.rows("inner")) == set(everything.rows("inner"))
    assert whole.removed["inner"]


PROGRAM_WITHOUT_RECURSION = """
#: edge(A: str, B: str) "{A} leads to {B}"
#: leaf(A: str) "nothing follows {A}"
#: inner(A: str) "something follows {A}"
inner(A) <= edge(A, _)
leaf(B) <= edge(_, B) & ~edge(B, _)
"""


def test_arithmetic_in_arguments_waits_for_its_variables() -> None:
    text = """
    #: left(A: int, B: int) "{A} {B}"
    #: right(A: int, B: int) "{A} {B}"
    #: both(A: int, B: int) "{A} {B}"
    #: alone(A: int) "{A}"
    both(K, M) <= left(K, M + 1) & right(M, K + 1)
    alone(M) <= left(M, _) & ~right(M // 2, M % 2)
    """
    evaluation = Evaluation(Rulebook.parse({"p.dl": textwrap.dedent(text)}))
    evaluation.update({"left": [(1, 3), (2, 3), (5, 0)], "right": [(2, 2), (2, 1)]})
    assert set(evaluation.rows("both")) == {(1, 2)}
    assert set(evaluation.rows("alone")) == {(1,), (2,)}
    evaluation.update({"left": [(4, 3)]}, {"right": [(2, 1)]})
    assert set(evaluation.rows("both")) == {(1, 2)}
    assert set(evaluation.rows("alone")) == {(1,), (2,), (5,), (4,)}


def test_division_by_zero_derives_nothing() -> None:
    text = """
    #: number(A: int) "{A}"
    #: share(A: int) "{A}"
    #: odd(A: int) "{A}"
    share(12 // N) <= number(N)
    odd(N) <= number(N) & ~share(12 % N)
    """
    evaluation = Evaluation(Rulebook.parse({"p.dl": textwrap.dedent(text)}))
    evaluation.update({"number": [(0,), (3,), (5,)]})
    assert set(evaluation.rows("share")) == {(4,), (2,)}
    assert set(evaluation.rows("odd")) == {(3,)}


def test_a_join_is_planned_anew_when_sizes_change() -> None:
    evaluation = Evaluation(Rulebook.parse({"p.dl": PROGRAM}))
    evaluation.update({"edge": [("a", "b")]})
    rows = [(f"n{i}", f"n{i * 7 % 500}") for i in range(500)]
    evaluation.update({"edge": rows})
    fresh = Evaluation(Rulebook.parse({"p.dl": PROGRAM}))
    fresh.update({"edge": [("a", "b"), *rows]})
    assert derived(evaluation) == derived(fresh)


def test_a_fact_that_was_never_added_cannot_be_removed() -> None:
    evaluation = Evaluation(Rulebook.parse({"p.dl": PROGRAM}))
    evaluation.update({"edge": [("a", "b")]})
    before = derived(evaluation)
    for predicate in ("edge", "reach", "open_edge"):
        with pytest.raises(KeyError, match="never added"):
            evaluation.update(removed={"edge": [("a", "b")], predicate: [("x", "y"), ("a", "b"), ("a", "b")]})
        assert derived(evaluation) == before
    evaluation.update(removed={"edge": [("a", "b")]})
    assert not any(derived(evaluation).values())


def test_text_where_arithmetic_or_order_needs_a_number_makes_the_literal_fail() -> None:
    text = """
    #: field(Name: str, Value: any) "{Name} is {Value}"
    #: more(Name: str, Value: int) "{Name} is {Value}"
    #: small(Name: str) "{Name} is small"
    #: total[Key: str] == Sum: int "{Key} {Sum}"
    #: least[Key: str] == Value: any "{Key} {Value}"
    #: copy(Name: str, Value: int) "{Name} is {Value}"
    more(N, V + 1) <= field(N, V)
    small(N) <= field(N, V) & (V < 3)
    (total['all'] == sum_(V, for_each=N)) <= field(N, V)
    (least['all'] == min_(V)) <= field(_, V)
    copy(N, W * 2) <= field(N, V) & (W == V)
    """
    book = Rulebook.parse({"p.dl": textwrap.dedent(text)})
    facts = {"field": [("a", 1), ("b", "x"), ("c", 5)]}
    evaluation = Evaluation(book)
    evaluation.update(facts)
    top = TopDown(book, facts)
    expected: dict[str, list[Row]] = {
        "more": [("a", 2), ("c", 6)],
        "small": [("a",)],
        "total": [("all", 6)],
        "least": [("all", 1)],
        "copy": [("a", 2), ("c", 10)],
    }
    for name, rows in expected.items():
        assert sorted(evaluation.rows(name)) == rows
        assert top.ask(name, (None,) * book.declarations[name].arity) == rows
    evaluation.update({"field": [("d", "y"), ("e", 2)]}, {"field": [("a", 1)]})
    assert sorted(evaluation.rows("total")) == [("all", 7)]
    assert sorted(evaluation.rows("small")) == [("e",)]


def test_a_functional_predicate_with_two_values_is_found() -> None:
    text = """
    #: edge(A: str, B: str) "{A} {B}"
    #: next[A: str] == B: str "{B} is next to {A}"
    (next[A] == B) <= edge(A, B)
    """
    evaluation = Evaluation(Rulebook.parse({"p.dl": textwrap.dedent(text)}))
    evaluation.update({"edge": [("a", "b"), ("b", "c"), ("a", "c")]})
    assert evaluation.ambiguous("next") == [("a", "b"), ("a", "c")]


def test_what_was_a_key_may_be_none_any_more() -> None:
    book = Rulebook.parse(
        {
            "t.dl": textwrap.dedent(
                """
            #: home(A: str, B: str) "{A} lives in {B}"
            #: known(A: str, N: int) "{A} is known since {N}"
            #: known_at(A: str, B: str, N: int) "{A} in {B} is known since {N}"
            #: stranger(A: str) "{A} lives somewhere and is not known"
            #: crowd[B: str] == N: int "{N} live in {B}"
            known_at(A, B, N) <= known(A, N) & home(A, B)
            stranger(A) <= home(A, _) & ~known(A, _)
            (crowd[B] == len_(A)) <= home(A, B)
                """
            )
        }
    )
    many: dict[str, list[Row]] = {
        "home": [(f"a{i}", f"b{i % 7}") for i in range(3000)],
        "known": [(f"a{i}", i) for i in range(2990)],
    }
    kept = Evaluation(book)
    kept.update(many)
    changes: list[tuple[dict[str, list[Row]], dict[str, list[Row]]]] = [
        ({"known": [("a3", 8)]}, {"home": [("a9", "b2")]}),
        ({"home": [("a5", "elsewhere"), ("a9", "b2")]}, {}),
        ({"known": [("a2995", 1)]}, {"known": [("a5", 5), ("a3", 3)]}),
    ]
    for added, removed in changes:
        kept.update(added, removed)
        for name, rows in added.items():
            many[name] += rows
        for name, rows in removed.items():
            many[name] = [row for row in many[name] if row not in rows]
        fresh = Evaluation(book)
        fresh.update(many)
        for name in ("known_at", "stranger", "crowd"):
            assert set(kept.rows(name)) == set(fresh.rows(name)), name


def test_a_sum_that_is_given_too_stays_when_what_was_added_up_goes() -> None:
    book = Rulebook.parse(
        {
            "t.dl": textwrap.dedent(
                """
            #: costs(A: str, B: str, N: int) "{B} costs {A} {N}"
            #: in_all[A: str] == N: int "{A} pays {N}"
            (in_all[A] == sum_(N, for_each=B)) <= costs(A, B, N)
                """
            )
        }
    )
    evaluation = Evaluation(book)
    evaluation.update({"costs": [("a", "x", 3), ("a", "y", 4)], "in_all": [("a", 7), ("b", 1)]})
    assert set(evaluation.rows("in_all")) == {("a", 7), ("b", 1)}
    evaluation.update({"costs": [("a", "z", 0)]}, {"costs": [("a", "x", 3)]})
    assert set(evaluation.rows("in_all")) == {("a", 7), ("a", 4), ("b", 1)}
    evaluation.update({}, {"costs": [("a", "y", 4), ("a", "z", 0)]})
    assert set(evaluation.rows("in_all")) == {("a", 7), ("b", 1)}
    evaluation.update({}, {"in_all": [("a", 7)]})
    assert set(evaluation.rows("in_all")) == {("b", 1)}
