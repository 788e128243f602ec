"""The relaxation: real counts per kind and node class. A refusal is a proof, an answer is a guide."""

from __future__ import annotations

import numpy as np
import z3

from kubelogic.placement.optimal.model import Floats, Ints, Model
from kubelogic.placement.optimal.rooms import Rooms, solo


def guide(model: Model, free: Ints, counts: Ints, *, rlimit: int) -> Floats:
    """How many pods of each kind each class should get so that as many as possible fit: kinds by classes.

    First asks whether everything fits, in fine units; failing that, for the most that fit, in coarse ones.

    Args:
        free: Free amounts, resources by nodes.
        counts: How many pods of each kind to place.
        rlimit: z3's deterministic resource limit for each check.
    """
    alone = solo(model, free, counts)
    if (alone.sum(axis=1) >= counts).all():
        quota = _Relaxed(model, free, counts, alone, steps=4096).everything(rlimit)
        if quota is not None:
            return quota
    return _Relaxed(model, free, counts, alone, steps=256).most(rlimit)


def limits(model: Model, known: Rooms, placed: Ints, *, rlimit: int) -> tuple[tuple[int, int], ...]:
    """For each priority, how many pods of it or higher can be placed at most, by priority downwards.

    Each limit holds for all placements that place at least as many of the higher priorities as ``placed``
    does. Amounts are rounded in favour of a fit, so what this proves holds for the exact amounts too.

    Args:
        known: What every placement keeps to.
        placed: How many pods of each kind are placed.
        rlimit: z3's deterministic resource limit for each check.
    """
    relaxed = _Relaxed(model, known.free, known.count, known.room, steps=4096)
    priority = np.array([kind.priority for kind in model.kinds], dtype=np.int64)
    found: list[tuple[int, int]] = []
    reached: list[tuple[int, int]] = []
    for level in sorted(set(priority.tolist()), reverse=True):
        here, wanted = int(placed[priority >= level].sum()), int(model.counts[priority >= level].sum())
        most = wanted if here == wanted else relaxed.limit(level, reached, wanted, rlimit)
        found.append((level, most))
        reached.append((level, here))
    return tuple(found)


class _Relaxed:
    """Capacities and requests in units of the largest request over ``steps``; variables for usable pairs."""

    def __init__(self, model: Model, free: Ints, counts: Ints, alone: Ints, *, steps: int) -> None:
        kinds, classes = len(model.kinds), len(model.classes)
        # A context of its own: what z3 finds must not depend on what it was asked before.
        self._context = z3.Context()
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
        self._variables = {
            (k, int(c)): z3.Real(f"x{k}_{c}", self._context) for k in range(kinds) for c in np.flatnonzero(limit[k])
        }
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
        solver = z3.SolverFor("QF_LRA", ctx=self._context)
        solver.set("rlimit", rlimit)
        solver.add(*self._facts)
        for mine, count in zip(self._mine, self._counts, strict=True):
            if count:
                solver.add(z3.Sum(mine) == int(count))
        return self._quota(solver.model()) if solver.check() == z3.sat else None

    def most(self, rlimit: int) -> Floats:
        """Quotas that place the most pods by priority; even shares if z3 gives up."""
        optimizer = self._optimizer(rlimit)
        for level in sorted({kind.priority for kind in self._model.kinds}, reverse=True):
            optimizer.maximize(self._total(level))
        if optimizer.check() == z3.sat:
            return self._quota(optimizer.model())
        share = np.zeros(self._shape)
        for k, c in self._variables:
            share[k, c] = 1.0
        even: Floats = share * self._counts[:, None] / np.maximum(share.sum(axis=1, keepdims=True), 1.0)
        return even

    def limit(self, level: int, reached: list[tuple[int, int]], wanted: int, rlimit: int) -> int:
        """The most pods of ``level`` or higher with as many of the higher ones as ``reached``."""
        optimizer = self._optimizer(rlimit)
        for above, count in reached:
            optimizer.add(self._total(above) >= count)
        goal = optimizer.maximize(self._total(level))
        if optimizer.check() != z3.sat:
            return wanted
        value = optimizer.upper(goal)
        fraction = z3.simplify(z3.ToReal(value) if value.is_int() else value)
        return min(wanted, int(fraction.numerator_as_long() // fraction.denominator_as_long()))

    def _optimizer(self, rlimit: int) -> z3.Optimize:
        optimizer = z3.Optimize(ctx=self._context)
        optimizer.set("rlimit", rlimit)
        optimizer.add(*self._facts)
        for mine, count in zip(self._mine, self._counts, strict=True):
            if mine:
                optimizer.add(z3.Sum(mine) <= int(count))
        return optimizer

    def _total(self, level: int) -> z3.ArithRef:
        pairs = zip(self._mine, self._model.kinds, strict=True)
        upto = [variable for mine, kind in pairs if kind.priority >= level for variable in mine]
        return z3.Sum(upto) if upto else z3.RealVal(0, self._context)

    def _quota(self, answer: z3.ModelRef) -> Floats:
        quota = np.zeros(self._shape, dtype=np.float64)
        for (k, c), variable in self._variables.items():
            value = answer.eval(variable, model_completion=True)
            quota[k, c] = value.numerator_as_long() / value.denominator_as_long()
        return quota
