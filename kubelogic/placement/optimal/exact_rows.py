"""What ``exact`` is made of: integer counts of pods per item class and node, and a z3 solver under construction."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import z3

from kubelogic.placement.optimal.coupling import Coupling
from kubelogic.placement.optimal.model import Ints, Model
from kubelogic.placement.optimal.smt import smt_solver

Cells = dict[tuple[int, int], z3.ArithRef]


class ExactRows:
    """Cells for the pairs of item class and node that may have pods, and rows over them.

    Attributes:
        model: the problem as arrays.
        coupling: the constraints between pods, with the running pods there.
        cells: how many pods of an item class a node gets.
    """

    def __init__(self, model: Model, coupling: Coupling, room: Ints) -> None:
        # A context of its own: what z3 finds must not depend on what it was asked before.
        self.context = z3.Context()
        self.model = model
        self.coupling = coupling
        self.solver = smt_solver(self.context)
        self.zero, self.one = (z3.IntVal(n, self.context) for n in (0, 1))
        self.cells: Cells = {
            (k, int(n)): z3.Int(f"x{k}_{n}", self.context)
            for k in range(len(model.item_classes))
            for n in np.flatnonzero(room[k])
        }

    def add(self, *facts: z3.BoolRef) -> None:
        """The facts hold."""
        self.solver.add(*facts)

    def sum(self, pairs: Iterable[tuple[int, int]]) -> z3.ArithRef:
        """How many pods some pairs of item class and node get."""
        cells = [self.cells[pair] for pair in pairs if pair in self.cells]
        return z3.Sum(cells) if cells else self.zero

    def item_classes(self, names: frozenset[str]) -> list[int]:
        """The coupled item classes of some shapes."""
        item_classes = enumerate(self.model.item_classes)
        return [
            k
            for k, item_class in item_classes
            if item_class.coupled and self.model.shapes[item_class.shapes[0]].name in names
        ]
