"""The whole problem, node by node, as integer counts in z3: for problems small enough, and for what couples
pods.

What it asks of a placement is necessary, so a refusal is a proof. Its answers are replayed in some order;
the order may not exist, then an answer is only a hint.
"""

from __future__ import annotations

import msgspec
import numpy as np
import z3

from kubelogic.placement.constraints.every import CONSTRAINTS, coupling
from kubelogic.placement.optimal.bounding import solo
from kubelogic.placement.optimal.exact_rows import ExactRows
from kubelogic.placement.optimal.limits import Deadline
from kubelogic.placement.optimal.model import Ints, Model
from kubelogic.placement.optimal.upper_bounds import UpperBounds


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """An answer: ``counts`` item classes by nodes, or a proof that there are none, or neither (a limit was reached)."""

    counts: Ints | None
    impossible: bool


class Exact:
    """Counts per item class and node over the running pods as they are: nobody leaves."""

    def __init__(self, model: Model, known: UpperBounds, *, deadline: Deadline) -> None:
        self._model = model
        self._deadline = deadline
        there = coupling(model)
        room = solo(model, np.array(model.free.T, order="C"), model.counts)
        for k, item_class in enumerate(model.item_classes):
            if item_class.coupled:
                room[k][~there.open_for_good(item_class.shapes[0])] = 0
        self._rows = rows = ExactRows(model, there, room)
        for (k, n), cell in rows.cells.items():
            rows.add(cell >= 0, cell <= int(min(room[k, n], known.room[k, n])))
        for k in range(len(model.item_classes)):
            rows.add(rows.sum((k, n) for n in range(len(model.nodes))) <= int(known.count[k]))
        for i, j in zip(*np.nonzero(np.triu(known.conflict)), strict=True):
            for n in range(len(model.nodes)):
                if (i, n) in rows.cells and (j, n) in rows.cells:
                    rows.add(z3.Or(rows.cells[i, n] == 0, rows.cells[j, n] == 0))
        for constraint in CONSTRAINTS:
            constraint.exact(rows)

    def find(self, wanted: dict[int, int]) -> Found:
        """Counts with at least the ``wanted`` number of pods of each priority."""
        self._rows.solver.set(**self._deadline.options(0.2))
        self._rows.solver.push()
        for level, count in sorted(wanted.items(), reverse=True):
            cells = [cell for (k, _), cell in self._rows.cells.items() if self._model.item_classes[k].priority == level]
            self._rows.solver.add((z3.Sum(cells) if cells else self._rows.zero) >= count)
        answer = self._rows.solver.check()
        counts: Ints | None = None
        if answer == z3.sat:
            values = self._rows.solver.model()
            counts = np.zeros((len(self._model.item_classes), len(self._model.nodes)), dtype=np.int64)
            for (k, n), cell in self._rows.cells.items():
                counts[k, n] = values.eval(cell, model_completion=True).as_long()
        self._rows.solver.pop()
        return Found(counts=counts, impossible=answer == z3.unsat)
