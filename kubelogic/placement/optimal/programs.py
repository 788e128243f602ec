"""Linear programs, and the same in whole numbers, by HiGHS. What it finds guides; nothing is proved by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from kubelogic.placement.optimal.model import Floats

_NODES = 4000
"""Nodes of a branch and bound: a limit that does not depend on how busy the machine is."""

_OPTIONS: tuple[tuple[str, bool | int | float], ...] = (
    ("log_to_console", False),
    ("output_flag", False),
    ("threads", 1),
    ("random_seed", 1),
    ("mip_rel_gap", 0.0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """A solution: the ``value`` of each column and of all, the ``prices`` of rows, and what no solution exceeds.

    ``prices`` are there for linear programs only. ``most`` is a float that HiGHS vouches for.
    """

    values: Floats
    total: float
    prices: Floats
    most: float


class Program:
    """A program to be maximised, to which rows and columns are added."""

    def __init__(self) -> None:
        # The public class prints a banner when it is made; this is what it is made of.
        self._highs = _core()._core._Highs()
        for option, value in _OPTIONS:
            self._highs.setOptionValue(option, value)
        self._highs.changeObjectiveSense(_core().ObjSense.kMaximize)
        self._columns = 0

    def row(self, parts: Mapping[int, float], *, least: float | None = None, most: float | None = None) -> None:
        """A row over columns that are there."""
        endless = _core().kHighsInf
        self._highs.addRow(
            -endless if least is None else least, endless if most is None else most, len(parts), *_parts(parts)
        )

    def column(self, gain: float, most: float, parts: Mapping[int, float]) -> int:
        """A column between 0 and ``most`` with its place in rows; answers its number."""
        self._highs.addCol(gain, 0.0, most, len(parts), *_parts(parts))
        self._columns += 1
        return self._columns - 1

    def bound(self, column: int, most: float) -> None:
        """Let a column be at most that much."""
        self._highs.changeColBounds(column, 0.0, most)

    def gain(self, column: int, gain: float) -> None:
        """Let a column gain that much."""
        self._highs.changeColCost(column, gain)

    def relaxed(self) -> Solved:
        """The best solution in any numbers."""
        return self._run(whole=False)

    def whole(self, *, seconds: float, reach: float, start: Mapping[int, float] | None = None) -> Solved | None:
        """The best solution in whole numbers that is found.

        Args:
            seconds: how long to look.
            reach: a total that is enough.
            start: values of a solution that is known; other columns are 0.
        """
        if start is not None:
            known = _core().HighsSolution()
            known.col_value = [start.get(column, 0.0) for column in range(self._columns)]
            self._highs.setSolution(known)
        self._highs.setOptionValue("time_limit", max(seconds, 0.01))
        self._highs.setOptionValue("mip_max_nodes", _NODES)
        self._highs.setOptionValue("objective_target", reach - 0.5)
        found = self._run(whole=True)
        self._highs.setOptionValue("time_limit", _core().kHighsInf)
        return found if len(found.values) else None

    def _run(self, *, whole: bool) -> Solved:
        kind = _core().HighsVarType.kInteger if whole else _core().HighsVarType.kContinuous
        numbers = np.arange(self._columns, dtype=np.int32)
        self._highs.changeColsIntegrality(self._columns, numbers, np.array([kind] * self._columns))
        self._highs.run()
        solution, about = self._highs.getSolution(), self._highs.getInfo()
        values = np.array(solution.col_value, dtype=np.float64)
        usable = about.primal_solution_status == 2
        return Solved(
            values=values if usable else np.zeros(0),
            total=float(about.objective_function_value),
            prices=np.array([] if whole else solution.row_dual, dtype=np.float64),
            most=float(about.mip_dual_bound) if whole else float(about.objective_function_value),
        )


def _parts(parts: Mapping[int, float]) -> tuple[Any, Any]:
    numbers = sorted(parts)
    return np.array(numbers, dtype=np.int32), np.array([parts[n] for n in numbers], dtype=np.float64)


@cache
def _core() -> Any:
    import highspy  # takes a quarter of a second, and few problems need it

    return highspy
