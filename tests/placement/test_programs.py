"""Programs: what the solver is told and what it says, in whole numbers and in any."""

from __future__ import annotations

import pytest

from kubelogic.placement.optimal.programs import Program


def _knapsack() -> Program:
    program = Program()
    program.row({}, most=10.0)
    for gain, size in ((6.0, 4.0), (5.0, 3.0), (3.0, 2.0)):
        program.column(gain, 2.0, {0: size})
    return program


def test_prices_and_totals_of_the_relaxation() -> None:
    solved = _knapsack().relaxed()
    assert solved.total == pytest.approx(10 + 3 * 2)
    assert solved.prices[0] == pytest.approx(1.5)


def test_whole_numbers_and_then_any_again(capfd: pytest.CaptureFixture[str]) -> None:
    program = _knapsack()
    program.bound(1, 1.0)
    whole = program.whole(seconds=5.0)
    assert whole is not None
    assert whole.total == pytest.approx(15.0)
    assert all(abs(value - round(value)) < 1e-6 for value in whole.values)
    assert program.relaxed().total == pytest.approx(15.5)
    assert capfd.readouterr() == ("", "")


def test_a_row_from_below_and_one_that_cannot_be() -> None:
    program = _knapsack()
    program.row({0: 1.0}, least=1.0)
    assert program.relaxed().values[0] >= 1.0 - 1e-6
    program.row({0: 1.0}, least=3.0)
    assert program.whole(seconds=5.0) is None
