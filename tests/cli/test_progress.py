"""The line about a long solve: only when it is long, on stderr, and gone afterwards."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from kubelogic.cli import main
from kubelogic.cli.progress import TellingClock

ROOT = Path(__file__).resolve().parents[2]


class Time:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def told(times: list[float], *, live: bool) -> str:
    """What is said if the solver looks at the clock at these moments."""
    stream, time = io.StringIO(), Time()
    clock = TellingClock(clock=time, stream=stream, live=live, limit=60.0)
    for each in times:
        time.now = 100.0 + each
        assert clock() == 100.0 + each
    clock.clear()
    return stream.getvalue()


def test_a_short_solve_passes_without_a_word() -> None:
    assert told([0.0, 1.0, 1.9, 2.8], live=True) == ""


def test_a_long_solve_is_told_and_the_line_is_taken_back() -> None:
    steps = [n / 2 for n in range(8)]
    assert told(steps, live=True) == (
        "\r\033[Ksolving for 3 s, at most 60 s (--timeout)\r\033[Ksolving for 4 s, at most 60 s (--timeout)\r\033[K"
    )


def test_each_solve_begins_anew() -> None:
    assert told([0.0, 0.9, 1.8, 10.0, 10.9, 11.8], live=True) == ""


def test_where_lines_stay_there_are_few() -> None:
    lines = told([n / 2 for n in range(60)], live=False).splitlines()
    assert lines == [f"solving for {n} s, at most 60 s (--timeout)" for n in (3, 13, 23)]


@pytest.mark.parametrize("command", [["plan"], ["plan", "--progress"]])
def test_data_stays_data(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, str(ROOT / "fixtures/moves"), "-o", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["kind"] == "Plan"
