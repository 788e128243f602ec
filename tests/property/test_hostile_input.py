"""Hostile input through every command: an answer or a fault, never a fault of kubelogic, and each within its limits.

"An input never ends in a traceback" (README, exit codes). The seed decides everything; ``--hypothesis-profile`` has no
part in it. Each case runs in a process of its own, with limits that the kernel enforces (``tests.support.guarded``).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.support.guarded import Guard
from tests.support.hostile import KINDS, Kind, case

MANY: dict[Kind, int] = {"objects": 5000, "scenario": 1000, "rules": 500, "bytes": 500, "options": 500}
"""Cases of each kind in the slow test."""
PARTS = 10
"""The slow test is in so many parts, each of which has every kind."""


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    with Guard(tmp_path_factory.mktemp("guard")) as server:
        yield server


def fuzz(guard: Guard, kind: Kind, numbers: range, folder: Path) -> list[str]:
    """Run cases of a kind; what went wrong, each with its number and its command."""
    found = []
    for number in numbers:
        where = folder / "case"
        shutil.rmtree(where, ignore_errors=True)
        where.mkdir()
        command = case(kind, Random(f"{kind} {number}"), where)
        if wrong := guard.run(command).wrong():
            found.append(f"{kind} {number}: {' '.join(command)}: {wrong}")
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_few_hostile_inputs(kind: Kind, guard: Guard, tmp_path: Path) -> None:
    assert fuzz(guard, kind, range(3), tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("kind", KINDS)
def test_many_hostile_inputs(kind: Kind, part: int, guard: Guard, tmp_path: Path) -> None:
    size = MANY[kind] // PARTS
    assert fuzz(guard, kind, range(1000 + part * size, 1000 + (part + 1) * size), tmp_path) == []
