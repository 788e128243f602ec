"""Linear programs, and the same in whole numbers, by HiGHS. What it finds guides; nothing is proved by it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec
import numpy as np

from kubelogic.placement.optimal.model import Floats

_NODES = 4000
"""Nodes of a branch and bound: a limit that does not depend on how busy the machine is."""

_FEASIBLE = 2
_NEAR = 1e-4

_OPTIONS: tuple[tuple[str, bool | int | float], ...] = (
    ("log_to_console", False),
    ("output_flag", False),
    ("threads", 1),
    ("random_seed", 1),
    ("mip_rel_gap", 0.0),
)


class Solved(msgspec.Struct, frozen=True, kw_only=True):
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
        self._highs = _made()
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

    def bound(self, column: int, most: float, *, least: float = 0.0) -> None:
        """Let a column be at most that much, and at least so much."""
        self._highs.changeColBounds(column, least, most)

    def gain(self, column: int, gain: float) -> None:
        """Let a column gain that much."""
        self._highs.changeColCost(column, gain)

    def relaxed(self) -> Solved:
        """The best solution in any numbers."""
        self._highs.run()
        solution, total = self._highs.getSolution(), float(self._highs.getInfo().objective_function_value)
        values = np.array(solution.col_value, dtype=np.float64)
        return Solved(values=values, total=total, prices=np.array(solution.row_dual, dtype=np.float64), most=total)

    def whole(self, *, seconds: float, start: Mapping[int, float] | None = None) -> Solved | None:
        """The best solution in whole numbers that is found; None if none is.

        Args:
            seconds: how long to look.
            start: values of a solution that is known; other columns are 0.
        """
        # A solver of its own, and another one where it gives a solution of less than the total that it names: HiGHS
        # 1.16 did so after linear programs, and with a start.
        highs = _made()
        highs.passModel(self._highs.getModel())
        numbers = np.arange(self._columns, dtype=np.int32)
        highs.changeColsIntegrality(self._columns, numbers, np.array([_core().HighsVarType.kInteger] * self._columns))
        for option, value in (("time_limit", max(seconds, 0.01)), ("mip_max_nodes", _NODES)):
            highs.setOptionValue(option, value)
        if start is not None:
            known = _core().HighsSolution()
            known.col_value = [start.get(column, 0.0) for column in range(self._columns)]
            highs.setSolution(known)
        highs.run()
        about = highs.getInfo()
        if about.primal_solution_status != _FEASIBLE:
            return None
        values = np.rint(np.array(highs.getSolution().col_value, dtype=np.float64))
        total = float(np.array(self._highs.getLp().col_cost_, dtype=np.float64) @ values)
        if start is not None and abs(total - float(about.objective_function_value)) > _NEAR * max(1.0, abs(total)):
            return self.whole(seconds=seconds)
        return Solved(values=values, total=total, prices=np.zeros(0), most=float(about.mip_dual_bound))


def _made() -> Any:
    # The public class prints a banner when it is made; this is what it is made of.
    highs = _core()._core._Highs()
    for option, value in _OPTIONS:
        highs.setOptionValue(option, value)
    return highs


def _parts(parts: Mapping[int, float]) -> tuple[Any, Any]:
    numbers = sorted(parts)
    return np.array(numbers, dtype=np.int32), np.array([parts[n] for n in numbers], dtype=np.float64)


@cache
def _core() -> Any:
    import highspy  # takes a quarter of a second, and few problems need it

    return highspy
