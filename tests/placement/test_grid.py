"""The best mix of pods on one node: against going through all mixes."""

from __future__ import annotations

from itertools import product
from random import Random

import numpy as np
import pytest

from kubelogic.placement.optimal import grid
from kubelogic.placement.optimal.grid import best_on_grid


def _case(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    random = Random(seed)
    request = np.array([[random.choice((2, 4, 6, 10)), random.randint(0, 5), 1] for _ in range(4)], dtype=np.int64)
    worth = np.array([random.randint(0, 9) for _ in range(4)], dtype=np.int64)
    room = np.array([random.randint(0, 3) for _ in range(4)], dtype=np.int64)
    return worth, request, np.array([random.randint(0, 24), random.randint(0, 12), 6], dtype=np.int64), room


def _most(worth: np.ndarray, request: np.ndarray, free: np.ndarray, room: np.ndarray) -> int:
    mixes = product(*(range(int(n) + 1) for n in room))
    return max(int(np.array(mix) @ worth) for mix in mixes if (np.array(mix) @ request <= free).all())


@pytest.mark.parametrize("seed", range(30))
def test_no_mix_is_worth_more_and_the_pattern_is_worth_it(seed: int) -> None:
    case = _case(seed)
    found, most = best_on_grid(*case), _most(*case)
    assert found.limit >= most
    if found.pattern is not None:
        assert int(np.array(found.pattern) @ case[0]) == found.limit == most


def test_rounded_amounts_leave_the_limit_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid, "_CELLS", 12)
    for seed in range(20):
        case = _case(seed)
        assert best_on_grid(*case).limit >= _most(*case)


def test_two_resources_are_exact() -> None:
    """Pods of 3 and 5 on a node of 11: three small ones and nothing else would waste two."""
    found = best_on_grid(
        np.array([3, 5]), np.array([[3, 1], [5, 1]]), np.array([11, 9]), np.array([3, 2], dtype=np.int64)
    )
    assert found.limit == 11
    assert found.pattern == (2, 1)
