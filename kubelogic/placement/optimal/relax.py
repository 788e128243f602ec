"""The relaxation: real counts per kind and node class. A refusal is a proof, an answer is a guide."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import z3

from kubelogic.placement.optimal.model import Floats, Ints, Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxation:
    """``quota``: how many pods of each kind each class should get; ``most``: proven limits, as in
    ``Bound``.

    ``most`` pairs each priority with a number of pods of it or higher that no placement exceeds.
    """

    quota: Floats
    most: tuple[tuple[int, int], ...]
    complete: bool


def solo(model: Model, free: Ints, counts: Ints) -> Ints:
    """How many pods of each kind each node could take if it were alone there: kinds by nodes."""
    kinds, nodes = model.allowed.shape
    room = np.where(model.allowed, counts[:, None], 0)
    for k in range(kinds):
        for r in np.flatnonzero(model.request[k]):
            np.minimum(room[k], np.maximum(free[r], 0) // model.request[k, r], out=room[k])
    singles = [k for k, kind in enumerate(model.kinds) if single(model, k)]
    if singles and nodes:
        room[singles] = np.minimum(room[singles], 1)
    return room


def single(model: Model, kind: int) -> bool:
    """Whether two pods of the kind can never share a node."""
    shape = model.shapes[model.kinds[kind].shapes[0]]
    return bool(shape.ports) or any(not use.shared for use in shape.exclusive)


def relax(model: Model, free: Ints, counts: Ints, *, rlimit: int) -> Relaxation:
    """The best that classes as a whole could hold, by priority from the highest down.

    Amounts are rounded in favour of a fit, so a limit that this proves holds for the exact amounts too.
    First asks whether everything fits, in fine units; failing that, for the most that fit, in coarse ones.

    Args:
        free: Free amounts, resources by nodes.
        counts: How many pods of each kind to place.
        rlimit: z3's deterministic resource limit for each check.
    """
    levels = sorted({kind.priority for kind in model.kinds}, reverse=True)
    priority = np.array([kind.priority for kind in model.kinds], dtype=np.int64)
    totals = [(level, int(counts[priority >= level].sum())) for level in levels]
    alone = solo(model, free, counts)
    fine = _Relaxed(model, free, counts, alone, steps=4096)
    if (alone.sum(axis=1) >= counts).all():
        quota = fine.everything(rlimit)
        if quota is not None:
            return Relaxation(quota=quota, most=tuple(totals), complete=True)
    return _Relaxed(model, free, counts, alone, steps=256).most(totals, rlimit)


class _Relaxed:
    """Capacities and requests in units of the largest request over ``steps``; variables for usable pairs."""

    def __init__(self, model: Model, free: Ints, counts: Ints, alone: Ints, *, steps: int) -> None:
        kinds, classes = len(model.kinds), len(model.classes)
        self._model = model
        self._counts = counts
        self._shape = (kinds, classes)
        limit = np.zeros(self._shape, dtype=np.int64)
        for k in range(kinds):
            limit[k] = np.bincount(model.node_class, weights=alone[k], minlength=classes).astype(np.int64)
        capacity = np.zeros((classes, len(model.resources)), dtype=np.int64)
        for r in range(len(model.resources)):
            np.add.at(capacity[:, r], model.node_class, np.maximum(free[r], 0))
        unit = np.maximum(model.request.max(axis=0, initial=1) // steps, 1)
        request, capacity = model.request // unit, -(-capacity // unit)
        demand = (request * counts[:, None]).sum(axis=0)
        self._variables = {(k, int(c)): z3.Real(f"x{k}_{c}") for k in range(kinds) for c in np.flatnonzero(limit[k])}
        self._facts: list[z3.BoolRef] = []
        members: list[list[int]] = [[] for _ in range(classes)]
        for (k, c), variable in self._variables.items():
            members[c].append(k)
            self._facts.append(variable >= 0)
            if limit[k, c] < counts[k]:
                self._facts.append(variable <= int(limit[k, c]))
        for c in range(classes):
            for r in range(len(model.resources)):
                terms = [int(request[k, r]) * self._variables[k, c] for k in members[c] if request[k, r] > 0]
                if terms and capacity[c, r] < demand[r]:
                    self._facts.append(z3.Sum(terms) <= int(capacity[c, r]))
        self._mine = [
            [self._variables[k, c] for c in range(classes) if (k, c) in self._variables] for k in range(kinds)
        ]

    def everything(self, rlimit: int) -> Floats | None:
        """Quotas that place every pod, if the relaxation has them."""
        solver = z3.SolverFor("QF_LRA")
        solver.set("rlimit", rlimit)
        solver.add(*self._facts)
        for mine, count in zip(self._mine, self._counts, strict=True):
            if count:
                solver.add(z3.Sum(mine) == int(count))
        return self._quota(solver.model()) if solver.check() == z3.sat else None

    def most(self, totals: list[tuple[int, int]], rlimit: int) -> Relaxation:
        """The most pods by priority, with the limits that this proves."""
        optimizer = z3.Optimize()
        optimizer.set("rlimit", rlimit)
        optimizer.add(*self._facts)
        kinds = self._model.kinds
        for mine, count in zip(self._mine, self._counts, strict=True):
            if mine:
                optimizer.add(z3.Sum(mine) <= int(count))
        goals = []
        for level, _ in totals:
            upto = [v for mine, kind in zip(self._mine, kinds, strict=True) if kind.priority >= level for v in mine]
            goals.append(optimizer.maximize(z3.Sum(upto) if upto else z3.RealVal(0)))
        if optimizer.check() != z3.sat:
            share = np.array(
                [[float((k, c) in self._variables) for c in range(self._shape[1])] for k in range(len(kinds))]
            )
            quota = share * self._counts[:, None] / np.maximum(share.sum(axis=1, keepdims=True), 1.0)
            return Relaxation(quota=quota, most=tuple(totals), complete=False)
        most = []
        for (level, total), goal in zip(totals, goals, strict=True):
            value = optimizer.upper(goal)
            fraction = z3.simplify(z3.ToReal(value) if value.is_int() else value)
            most.append((level, min(total, fraction.numerator_as_long() // fraction.denominator_as_long())))
        return Relaxation(quota=self._quota(optimizer.model()), most=tuple(most), complete=True)

    def _quota(self, answer: z3.ModelRef) -> Floats:
        quota = np.zeros(self._shape, dtype=np.float64)
        for (k, c), variable in self._variables.items():
            value = answer.eval(variable, model_completion=True)
            quota[k, c] = value.numerator_as_long() / value.denominator_as_long()
        return quota
