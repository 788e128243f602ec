"""The relaxation: real counts per item class and node class. A refusal is a proof, an answer is a guide."""

from __future__ import annotations

import numpy as np
import z3

from kubelogic.placement.optimal.bounding import solo
from kubelogic.placement.optimal.limits import Deadline
from kubelogic.placement.optimal.model import Floats, Ints, Model
from kubelogic.placement.optimal.smt import smt_solver
from kubelogic.placement.optimal.upper_bounds import UpperBounds


def guide(model: Model, free: Ints, counts: Ints, *, deadline: Deadline) -> Floats:
    """How many pods of each item class each class should get so that as many as possible fit: item classes by classes.

    First asks whether everything fits; failing that, for the most that fit.

    Args:
        free: Free amounts, resources by nodes.
        counts: How many pods of each item class to place.
        deadline: Limits for each check.
    """
    alone = solo(model, free, counts)
    if not alone.any():
        return np.zeros((len(model.item_classes), len(model.classes)))
    relaxed = _Relaxed(model, free, counts, alone, steps=_COARSE)
    quota = None
    if (alone.sum(axis=1) >= counts).all():
        # Classes that are not filled to the brim are easier to split, and more even.
        for fill in sorted({min(1.0, relaxed.load * 1.04), (1.0 + relaxed.load) / 2, 1.0}):
            quota = relaxed.everything(deadline, fill=fill) if relaxed.load <= 1.0 else None
            if quota is not None:
                return quota
    return relaxed.most(deadline)


def limits(model: Model, known: UpperBounds, placed: Ints, *, deadline: Deadline) -> tuple[tuple[int, int], ...]:
    """For each priority, how many pods of it or higher can be placed at most, by priority downwards.

    Each limit holds for all placements that place at least as many of the higher priorities as ``placed``
    does. Amounts are rounded in favour of a fit, so what this proves holds for the exact amounts too.

    Args:
        known: What every placement keeps to.
        placed: How many pods of each item class are placed.
        deadline: Limits for each check.
    """
    relaxed: _Relaxed | None = None
    priority = np.array([item_class.priority for item_class in model.item_classes], dtype=np.int64)
    levels = sorted(set(priority.tolist()), reverse=True)
    if (known.room.sum(axis=1) >= model.counts).all():
        coarse = _Relaxed(model, known.free, known.count, known.room, steps=_COARSE)
        if coarse.everything(deadline) is not None:
            return tuple((level, int(model.counts[priority >= level].sum())) for level in levels)
        relaxed = coarse if coarse.size > _FINE_SIZE else None
    found: list[tuple[int, int]] = []
    reached: list[tuple[int, int]] = []
    for level in levels:
        here, wanted = int(placed[priority >= level].sum()), int(known.count[priority >= level].sum())
        most = wanted
        if here != wanted:
            relaxed = relaxed or _finest(model, known)
            most = relaxed.limit(level, reached, wanted, deadline)
        found.append((level, most))
        reached.append((level, here))
    return tuple(found)


# Amounts are counted in so many steps of the largest request: coarse ones are much faster.
_COARSE, _FINE, _FINE_SIZE = 256, 4096, 300


def _finest(model: Model, known: UpperBounds) -> _Relaxed:
    """The relaxation in the finest steps that can be afforded."""
    size = np.count_nonzero(_limits_of_classes(model, known.room))
    return _Relaxed(model, known.free, known.count, known.room, steps=_FINE if size <= _FINE_SIZE else _COARSE)


def _limits_of_classes(model: Model, alone: Ints) -> Ints:
    """How many pods of each item class each class can take at most, item classes by classes."""
    limit = np.zeros((len(model.item_classes), len(model.classes)), dtype=np.int64)
    for k in range(len(model.item_classes)):
        limit[k] = np.bincount(model.node_class, weights=alone[k], minlength=len(model.classes)).astype(np.int64)
    return limit


class _Relaxed:
    """Capacities and requests in units of the largest request over ``steps``; variables for usable pairs."""

    def __init__(self, model: Model, free: Ints, counts: Ints, alone: Ints, *, steps: int) -> None:
        item_classes, classes = len(model.item_classes), len(model.classes)
        # A context of its own: what z3 finds must not depend on what it was asked before.
        self._context = z3.Context()
        self._model = model
        self._counts = counts
        self._shape = (item_classes, classes)
        limit = _limits_of_classes(model, alone)
        capacity = np.zeros((classes, len(model.resources)), dtype=np.int64)
        for r in range(len(model.resources)):
            np.add.at(capacity[:, r], model.node_class, np.maximum(free[r], 0))
        unit = np.maximum(model.request.max(axis=0, initial=1) // steps, 1)
        request, capacity = model.request // unit, -(-capacity // unit)
        demand = (request * counts[:, None]).sum(axis=0)
        self._variables = {
            (k, int(c)): z3.Real(f"x{k}_{c}", self._context)
            for k in range(item_classes)
            for c in np.flatnonzero(limit[k])
        }
        #: Demand over capacity of the scarcest resource.
        self.load = float((demand / np.maximum(capacity.sum(axis=0), 1)).max(initial=0.0))
        self._loads: list[tuple[z3.ArithRef, int]] = []
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
                    self._loads.append((z3.Sum(terms), int(capacity[c, r])))
        self._mine = [
            [self._variables[k, c] for c in range(classes) if (k, c) in self._variables] for k in range(item_classes)
        ]

    @property
    def size(self) -> int:
        """How many variables there are."""
        return len(self._variables)

    def everything(self, deadline: Deadline, *, fill: float = 1.0) -> Floats | None:
        """Quotas that place every pod and use no more than a share of each capacity, if the relaxation has them."""
        solver = smt_solver(self._context)
        solver.set(**deadline.options())
        solver.add(*self._facts)
        for load, capacity in self._loads:
            solver.add(load <= int(capacity * fill) if fill < 1.0 else load <= capacity)
        for mine, count in zip(self._mine, self._counts, strict=True):
            if count:
                solver.add(z3.Sum(mine) == int(count))
        return self._quota(solver.model()) if solver.check() == z3.sat else None

    def most(self, deadline: Deadline) -> Floats:
        """Quotas that place the most pods by priority; even shares if z3 gives up."""
        optimizer = self._optimizer(deadline)
        for level in sorted({item_class.priority for item_class in self._model.item_classes}, reverse=True):
            optimizer.maximize(self._total(level))
        if optimizer.check() == z3.sat:
            return self._quota(optimizer.model())
        share = np.zeros(self._shape)
        for k, c in self._variables:
            share[k, c] = 1.0
        even: Floats = share * self._counts[:, None] / np.maximum(share.sum(axis=1, keepdims=True), 1.0)
        return even

    def limit(self, level: int, reached: list[tuple[int, int]], wanted: int, deadline: Deadline) -> int:
        """The most pods of ``level`` or higher with as many of the higher ones as ``reached``."""
        optimizer = self._optimizer(deadline)
        for above, count in reached:
            optimizer.add(self._total(above) >= count)
        goal = optimizer.maximize(self._total(level))
        if optimizer.check() != z3.sat:
            return wanted
        value = optimizer.upper(goal)
        fraction = z3.simplify(z3.ToReal(value) if value.is_int() else value)
        return min(wanted, int(fraction.numerator_as_long() // fraction.denominator_as_long()))

    def _optimizer(self, deadline: Deadline) -> z3.Optimize:
        optimizer = z3.Optimize(ctx=self._context)
        optimizer.set(**deadline.options())
        optimizer.add(*self._facts)
        for load, capacity in self._loads:
            optimizer.add(load <= capacity)
        for mine, count in zip(self._mine, self._counts, strict=True):
            if mine:
                optimizer.add(z3.Sum(mine) <= int(count))
        return optimizer

    def _total(self, level: int) -> z3.ArithRef:
        pairs = zip(self._mine, self._model.item_classes, strict=True)
        upto = [variable for mine, item_class in pairs if item_class.priority >= level for variable in mine]
        return z3.Sum(upto) if upto else z3.RealVal(0, self._context)

    def _quota(self, answer: z3.ModelRef) -> Floats:
        quota = np.zeros(self._shape, dtype=np.float64)
        for (k, c), variable in self._variables.items():
            value = answer.eval(variable, model_completion=True)
            quota[k, c] = value.numerator_as_long() / value.denominator_as_long()
        return quota
