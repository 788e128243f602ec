"""The whole problem, node by node, as integer counts in z3: for problems small enough, and for what couples
pods.

What it asks of a placement is necessary, so a refusal is a proof. Its answers are replayed in some order;
the order may not exist, then an answer is only a hint.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import z3

from kubelogic.placement.optimal.assumed import add_all
from kubelogic.placement.optimal.assumed_rows import AssumedRows
from kubelogic.placement.optimal.limits import Deadline
from kubelogic.placement.optimal.model import Ints, Model


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """An answer: ``counts`` item classes by nodes, or a proof that there are none, or neither (a limit was reached)."""

    counts: Ints | None
    impossible: bool


class Exact:
    """Counts per shape and node over the running pods as they are: nobody is evicted."""

    def __init__(self, model: Model, *, deadline: Deadline) -> None:
        self._model = model
        self._deadline = deadline
        pods = tuple(msgspec.structs.replace(pod, movable=False) if pod.node else pod for pod in model.problem.pods)
        problem = msgspec.structs.replace(model.problem, pods=pods)
        self._rows = AssumedRows(problem, frozenset(), frozenset(), fine=True)
        add_all(self._rows, whole=False)

    def find(self, wanted: Mapping[int, int]) -> Found:
        """Counts with at least the ``wanted`` number of pods of each priority."""
        rows = self._rows
        rows.solver.set(**self._deadline.options(0.2))
        rows.solver.push()
        for level, count in sorted(wanted.items(), reverse=True):
            names = [name for name, shape in rows.shapes.items() if shape.priority == level]
            rows.solver.add(rows.sum(names, range(len(rows.groups))) >= count)
        answer = rows.solver.check()
        counts = self._model.cells(rows.counts()) if answer == z3.sat else None
        rows.solver.pop()
        return Found(counts=counts, impossible=answer == z3.unsat)
