"""The top-down engine: answers, and that nothing of pyDatalog leaks. Agreement is tested in test_agreement."""

from __future__ import annotations

import threading

import pytest
from pyDatalog import pyDatalog

from kubelogic.logic import Rulebook
from kubelogic.logic.topdown import TopDown

TEXT = """
#: edge(A: str, B: str) "{A} leads to {B}"
#: reach(A: str, B: str) "{A} reaches {B}"
#: lost(A: str, B: str) "{A} does not reach {B}"
#: same(A: str) "{A} leads to itself"
#: degree[A: str] == N: int "{A} leads to {N}"
#: busy(A: str) "{A} leads to many"
#: dead_end(A: str) "{A} leads nowhere"
#: size(A: str) -> N: int "{A} has {N} letters"
#: long_names(A: str, N: int) "{A} has {N} letters"
#: quarter(A: str, N: int) "{N}"
reach(A, B) <= edge(A, B)
reach(A, C) <= reach(A, B) & reach(B, C)
lost(A, B) <= edge(A, _) & edge(_, B) & ~reach(A, B)
same(A) <= edge(A, A)
(degree[A] == len_(B)) <= edge(A, B)
busy(A) <= (degree[A] == N) & (N > 1)
dead_end(A) <= edge(_, A) & ~edge(A, _)
long_names(A, N) <= edge(A, _) & size(A, N) & (N > 1)
quarter(A, 12 // N) <= (degree[A] == M) & (N == M - 2)
"""
FACTS = {"edge": [("a", "b"), ("b", "c"), ("c", "a"), ("a", "d"), ("e", "e"), ("ee", "b"), ("a", "f")]}
FUNCTIONS = {"size": len}


def engine() -> TopDown:
    return TopDown(Rulebook.parse({"p.dl": TEXT}), FACTS, FUNCTIONS)


def test_answers() -> None:
    top = engine()
    assert top.ask("reach", ("ee", None)) == [("ee", x) for x in "abcdf"]
    assert top.ask("lost", (None, "e")) == [("a", "e"), ("b", "e"), ("c", "e"), ("ee", "e")]
    assert top.ask("same", (None,)) == [("e",)]
    assert top.ask("degree", (None, None)) == [("a", 3), ("b", 1), ("c", 1), ("e", 1), ("ee", 1)]
    assert top.ask("degree", ("a", 2)) == []
    assert top.ask("busy", ("a",)) == [("a",)]
    assert top.ask("dead_end", (None,)) == [("d",), ("f",)]
    assert top.ask("long_names", (None, None)) == [("ee", 2)]
    assert top.ask("quarter", (None, None)) == [("a", 12), ("b", -12), ("c", -12), ("e", -12), ("ee", -12)]


def test_a_question_that_makes_no_sense_is_refused() -> None:
    top = engine()
    with pytest.raises(KeyError):
        top.ask("rich", (None,))
    with pytest.raises(ValueError, match="takes 2 arguments"):
        top.ask("reach", (None,))


def test_the_program_of_the_thread_is_left_alone() -> None:
    pyDatalog.clear()
    pyDatalog.load("+ edge('x', 'y')\nreach(X, Y) <= edge(X, Y)")
    top = engine()
    assert top.ask("edge", ("a", None)) == [("a", "b"), ("a", "d"), ("a", "f")]
    assert top.ask("busy", (None,)) == [("a",)]
    answer = pyDatalog.ask("reach(X, Y)")
    assert answer is not None
    assert answer.answers == [("x", "y")]
    pyDatalog.clear()
    assert top.ask("busy", (None,)) == [("a",)]


def test_two_engines_do_not_mix() -> None:
    one = engine()
    other = TopDown(Rulebook.parse({"q.dl": TEXT}), {"edge": [("x", "x")]}, FUNCTIONS)
    for _ in range(2):
        assert one.ask("same", (None,)) == [("e",)]
        assert other.ask("same", (None,)) == [("x",)]
        assert other.ask("busy", (None,)) == []
        assert one.ask("busy", (None,)) == [("a",)]


def test_threads_share_an_engine_and_have_their_own() -> None:
    shared = engine()
    wrong: list[object] = []

    def work(name: str) -> None:
        own = TopDown(Rulebook.parse({"q.dl": TEXT}), {"edge": [(name, name), (name, "z")]}, FUNCTIONS)
        for _ in range(5):
            if own.ask("busy", (None,)) != [(name,)] or own.ask("dead_end", (None,)) != [("z",)]:
                wrong.append(name)
            if shared.ask("busy", (None,)) != [("a",)]:
                wrong.append("shared")

    threads = [threading.Thread(target=work, args=(f"t{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
