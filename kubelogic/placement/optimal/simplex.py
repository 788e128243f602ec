"""A small revised simplex for packing programs: maximise c z with A z <= b, z >= 0 and b >= 0; columns may be added."""

from __future__ import annotations

import numpy as np

from kubelogic.placement.optimal.model import Floats, Ints

_EPSILON = 1e-9


class Packing:
    """Starts at zero, keeps its basis while columns are added. Results guide; nothing is proved by them.

    The last ``floors`` rows are the other way round, A z >= b, as far as that can be had: each missing unit costs
    ``penalty``.
    """

    def __init__(self, limits: Floats, *, floors: int = 0, penalty: float = 0.0) -> None:
        self._limits = limits
        rows = len(limits)
        self._given = rows + floors
        self._inverse: Floats = np.eye(rows)
        # What is missing to a floor costs the penalty; what is beyond it is taken off again.
        self._columns: Floats = np.concatenate([np.eye(rows), -np.eye(rows)[:, rows - floors :]], axis=1)
        self._gains: Floats = np.zeros(rows + floors)
        self._gains[rows - floors : rows] = -penalty
        self._basis: Ints = np.arange(rows, dtype=np.int64)

    def add(self, columns: Floats, gains: Floats) -> None:
        """More columns, one below the other, and what each gains."""
        self._columns = np.concatenate([self._columns, columns.T], axis=1)
        self._gains = np.concatenate([self._gains, gains])

    def run(self, steps: int) -> None:
        """Improve until optimal, or for a number of pivots."""
        values = self._inverse @ self._limits
        stuck = 0
        for step in range(steps):
            if step % 64 == 63:
                self._inverse = np.linalg.inv(self._columns[:, self._basis]).astype(np.float64)
                values = self._inverse @ self._limits
            prices = self._gains[self._basis] @ self._inverse
            reduced = self._gains - prices @ self._columns
            reduced[self._basis] = 0.0
            enter = int(np.argmax(reduced)) if stuck < 20 else int(np.argmax(reduced > _EPSILON))
            if reduced[enter] <= _EPSILON:
                return
            column = self._inverse @ self._columns[:, enter]
            ratios = np.full(len(column), np.inf)
            positive = column > _EPSILON
            ratios[positive] = np.maximum(values[positive], 0.0) / column[positive]
            leave = int(np.argmin(ratios))
            if not np.isfinite(ratios[leave]):
                return
            stuck = stuck + 1 if ratios[leave] <= _EPSILON else 0
            pivot = self._inverse[leave] / column[leave]
            self._inverse -= np.outer(column, pivot)
            self._inverse[leave] = pivot
            values -= column * ratios[leave]
            values[leave] = ratios[leave]
            self._basis[leave] = enter

    @property
    def prices(self) -> Floats:
        """The dual value of each row."""
        prices: Floats = self._gains[self._basis] @ self._inverse
        return prices

    @property
    def levels(self) -> Floats:
        """The value of each added column."""
        values = np.zeros(len(self._gains))
        values[self._basis] = np.maximum(self._inverse @ self._limits, 0.0)
        return values[self._given :]
