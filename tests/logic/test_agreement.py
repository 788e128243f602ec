"""All ways to evaluate the same rules agree, on programs nobody thought of."""

from __future__ import annotations

import pytest

from kubelogic.logic import Evaluation
from kubelogic.logic.terms import Pattern
from kubelogic.logic.topdown import TopDown
from tests.logic.naive import Rows, naive
from tests.logic.programs import FUNCTIONS, Program, State, program

PROGRAMS = 2_000
CHUNK = 250
MANY_PROGRAMS = 100_000
MANY = 1_000


def differences(found: Program) -> list[str]:
    """Where the evaluators disagree on one program; empty if nowhere."""
    wrong: list[str] = []
    evaluation = Evaluation(found.book, FUNCTIONS)
    before: State = {}
    seen: Rows = {name: set() for name in found.book.declarations}
    for number, state in enumerate(found.states):
        expected = naive(found.book, state, FUNCTIONS)
        changes = evaluation.update(
            {name: rows - before.get(name, set()) for name, rows in state.items()},
            {name: before[name] - rows for name, rows in state.items() if name in before},
            begins=number % 2 == 0,
        )
        for name, rows in expected.items():
            actual = set(evaluation.rows(name))
            if actual != rows:
                wrong.append(f"state {number}: {name} is {sorted(actual)}, not {sorted(rows)}")
            come, gone = set(changes.added.get(name, ())), set(changes.removed.get(name, ()))
            if come != rows - seen[name] or gone != seen[name] - rows:
                wrong.append(f"state {number}: {name} changed by +{sorted(come)} -{sorted(gone)}")
        seen, before = expected, state
    wrong += top_down_differences(found, seen)
    return wrong


def top_down_differences(found: Program, expected: Rows) -> list[str]:
    """Where pyDatalog disagrees on the last state of a program: all rows, and the rows with one value known."""
    wrong: list[str] = []
    engine = TopDown(found.book, found.states[-1], FUNCTIONS)
    for name, declaration in found.book.declarations.items():
        if declaration.function:
            continue
        rows = sorted(expected[name])
        questions: list[Pattern] = [(None,) * declaration.arity]
        if rows:
            first = rows[0]
            questions += [first, (*first[:-1], None), (None, *first[1:])]
        for pattern in questions:
            fitting = [r for r in rows if all(p is None or p == v for p, v in zip(pattern, r, strict=True))]
            answer = engine.ask(name, pattern)
            if answer != fitting:
                wrong.append(f"asked top-down, {name}{pattern} is {answer}, not {fitting}")
    return wrong


def check(numbers: range, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every other chunk takes the ways of large changes, every third those of large relations."""
    if numbers.start // len(numbers) % 3 == 0:
        monkeypatch.setattr("kubelogic.logic.relation._WORTH", 0)
    if numbers.start // len(numbers) % 2:
        monkeypatch.setattr("kubelogic.logic.recursion._SMALL", 0)
        monkeypatch.setattr("kubelogic.logic.evaluation._LARGE_CHANGE", 0)
    for number in numbers:
        found = program(number)
        wrong = differences(found)
        if wrong:
            pytest.fail("\n".join([f"program {number}", found.text, *map(str, found.states), *wrong]))


@pytest.mark.parametrize("start", range(0, PROGRAMS, CHUNK))
def test_generated_programs(start: int, monkeypatch: pytest.MonkeyPatch) -> None:
    check(range(start, start + CHUNK), monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(PROGRAMS, MANY_PROGRAMS, MANY))
def test_many_generated_programs(start: int, monkeypatch: pytest.MonkeyPatch) -> None:
    check(range(start, start + MANY), monkeypatch)
