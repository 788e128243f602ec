"""Least disruption: who has to leave so that as many pods as were placed can be, decided exactly for small problems.

The question is about the end, when the evicted and the terminating pods are gone: counts per item class and node, and
how many of each group of equal running pods leave. Pods under constraints between pods stay where they are; without
any, an answer that there is none is a proof.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

import msgspec
import numpy as np
import z3

from kubelogic.placement.optimal.limits import Deadline
from kubelogic.placement.optimal.model import Ints, Model
from kubelogic.placement.optimal.smt import smt_solver
from kubelogic.placement.optimal.state import State, request_of
from kubelogic.placement.optimal.tighten import Weights, achieved
from kubelogic.placement.optimal.upper_bounds import UpperBounds
from kubelogic.placement.problem import Pod

_CELLS, _GROUPS, _TRIES = 600, 200, 12


class _Group(msgspec.Struct, frozen=True, kw_only=True):
    """Equal running pods on one node, the youngest first; ``fixed``: how many leave in any case, no more, no less."""

    shape: int
    node: int
    priority: int
    budgets: tuple[str, ...]
    pods: tuple[Pod, ...]
    fixed: int | None


def disrupt_less(
    model: Model, known: UpperBounds, weights: Weights, state: State, expired: Deadline
) -> tuple[State, dict[int, int]]:
    """A state with more pods, or as many with fewer evictions; and what is proved of the most by priority.

    Args:
        known: The limits of the problem as a whole.
        weights: What a pod of each priority is worth.
        state: What preemption made of it, victims and all.
    """
    if not known.leave or len(known.leave) > _GROUPS or len(model.nodes) * len(model.item_classes) > _CELLS:
        return state, {}
    proved: dict[int, int] = {}
    plain = (
        not any(item_class.coupled for item_class in model.item_classes)
        and not _coupled_shapes(model)
        and not model.reserved
    )
    total = 0
    for level in weights.levels:
        for _ in range(_TRIES):
            question = _Question(model, known, state)
            gained = achieved(model, state)
            wanted = {above: gained[above] for above in weights.levels if above > level}
            verdict = question.ask(deadline=expired, gained={**wanted, level: gained[level] + 1})
            other = question.realised(state) if verdict == z3.sat else None
            if other is None or weights.value(model, other) <= weights.value(model, state):
                plain = plain and verdict == z3.unsat
                break
            state = other
        total += achieved(model, state)[level]
        if plain:
            proved[level] = total
    return _fewest(model, known, weights, state, expired), proved


def _fewest(model: Model, known: UpperBounds, weights: Weights, state: State, expired: Deadline) -> State:
    """As many pods with fewer budgets broken, and then with fewer evictions."""
    for measure in ("broken", "evicted"):
        for _ in range(_TRIES):
            cost = {"broken": sum(len(e.breaks) for e in state.evicted), "evicted": len(state.evicted)}
            if not cost[measure] or expired():
                break
            limits = {"broken": cost["broken"] - (measure == "broken")}
            if measure == "evicted":
                limits["evicted"] = cost["evicted"] - 1
            question = _Question(model, known, state)
            verdict = question.ask(deadline=expired, gained=achieved(model, state), limits=limits)
            other = question.realised(state) if verdict == z3.sat else None
            if other is None or weights.value(model, other) < weights.value(model, state):
                break
            state = other
    return state


class _Question:
    """The counts at the end, as integers in z3."""

    def __init__(self, model: Model, known: UpperBounds, state: State) -> None:
        self._model, self._known = model, known
        # A context of its own: what z3 finds must not depend on what it was asked before.
        self._context = z3.Context()
        self._solver = smt_solver(self._context)
        self._groups = tuple(_groups(model, known, state))
        self._leave = [self._int(f"e{g}", 0, len(group.pods)) for g, group in enumerate(self._groups)]
        for variable, group in zip(self._leave, self._groups, strict=True):
            if group.fixed is not None:
                self._solver.add(variable == group.fixed)
        self._cells: dict[tuple[int, int], z3.ArithRef] = {}
        for k, item_class in enumerate(model.item_classes):
            for n in range(len(model.nodes)):
                if item_class.coupled:
                    self._cells[k, n] = z3.IntVal(int(state.placed[k, n]), self._context)
                elif known.room[k, n] > 0:
                    kept = min(model.reserved.count((k, n)), int(state.placed[k, n]), int(known.room[k, n]))
                    self._cells[k, n] = self._int(f"x{k}_{n}", kept, int(known.room[k, n]))
            mine = [cell for (k2, _), cell in self._cells.items() if k2 == k]
            self._solver.add(self._sum(mine) <= len(item_class.pods))
        self._resources()
        self._beneficiaries()

    def ask(
        self, *, deadline: Deadline, gained: Mapping[int, int], limits: Mapping[str, int] | None = None
    ) -> z3.CheckSatResult:
        """Whether so many pods can be ``gained`` by priority, with no more ``broken`` budgets and ``evicted`` pods."""
        for level, count in sorted(gained.items(), reverse=True):
            more = [cell for (k, _), cell in self._cells.items() if self._model.item_classes[k].priority == level]
            less = [e for e, group in zip(self._leave, self._groups, strict=True) if group.priority == level]
            self._solver.add(self._sum(more) - self._sum(less) >= count)
        if limits and "evicted" in limits:
            self._solver.add(self._sum(self._leave) <= limits["evicted"])
        if limits and "broken" in limits:
            over = []
            for budget in self._model.problem.budgets:
                drawn = [e for e, group in zip(self._leave, self._groups, strict=True) if budget.name in group.budgets]
                if drawn:
                    over.append(z3.Int(f"over {budget.name}", self._context))
                    self._solver.add(over[-1] >= 0, over[-1] >= self._sum(drawn) - max(budget.allowed, 0))
            self._solver.add(self._sum(over) <= limits["broken"])
        self._solver.set(**deadline.options(0.05))
        return self._solver.check()

    def realised(self, state: State) -> State | None:
        """The answer as a state, ordered item classes in their order; None if some constraint between pods forbids
        it.
        """
        answer, model = self._solver.model(), self._model
        counts: Ints = np.zeros((len(model.item_classes), len(model.nodes)), dtype=np.int64)
        for (k, n), cell in self._cells.items():
            counts[k, n] = answer.eval(cell, model_completion=True).as_long()
        other = State(model, reserve=False)
        for pod in (pod for pod in model.running if pod.terminating):
            other.release(pod)
        left = {budget.name: budget.allowed for budget in model.problem.budgets}
        for variable, group in zip(self._leave, self._groups, strict=True):
            many = answer.eval(variable, model_completion=True).as_long()
            winners = [k for k in _winners(model, group.priority) if counts[k, group.node] > 0]
            if many and not winners:
                return None
            for pod in group.pods[:many]:
                for name in pod.budgets:
                    left[name] -= 1
                broken = tuple(sorted(name for name in pod.budgets if left[name] < 0))
                other.evict(pod, group.node, item_class=winners[0], breaks=broken)
        ordered = [(step.item_class, step.node) for step in state.steps]
        rest = [
            (k, int(n))
            for k, item_class in enumerate(model.item_classes)
            if not item_class.ordered
            for n in np.repeat(np.arange(len(model.nodes)), counts[k])
        ]
        for k, n in (*ordered, *rest):
            if not other.open(k)[n]:
                return None
            other.put(k, n)
        return other

    def _int(self, name: str, least: int, most: int) -> z3.ArithRef:
        variable = z3.Int(name, self._context)
        self._solver.add(variable >= least, variable <= most)
        return variable

    def _sum(self, terms: list[z3.ArithRef]) -> z3.ArithRef:
        return z3.Sum(terms) if terms else z3.IntVal(0, self._context)

    def _resources(self) -> None:
        model = self._model
        at: dict[int, list[int]] = defaultdict(list)
        for g, group in enumerate(self._groups):
            at[group.node].append(g)
        requests = [request_of(model, group.shape) for group in self._groups]
        for n in range(len(model.nodes)):
            for r in range(len(model.resources)):
                asks = [
                    (int(model.request[k, r]), self._cells[k, n])
                    for k in range(len(model.item_classes))
                    if (k, n) in self._cells and model.request[k, r] > 0
                ]
                if not asks:
                    continue
                stays = [int(requests[g][r]) * (len(self._groups[g].pods) - self._leave[g]) for g in at[n]]
                used = z3.Sum([ask * cell for ask, cell in asks]) + self._sum(stays)
                # What runs may stay where it takes more than there is; nobody comes who asks for that.
                nobody = z3.Sum([cell for _, cell in asks]) == 0
                self._solver.add(z3.Or(nobody, used <= int(self._known.free[r, n])))

    def _beneficiaries(self) -> None:
        """Who leaves makes room for a pod of higher priority on its node that may preempt."""
        for variable, group in zip(self._leave, self._groups, strict=True):
            winners = _winners(self._model, group.priority)
            cells = [self._cells[k, group.node] for k in winners if (k, group.node) in self._cells]
            self._solver.add(z3.Or(variable == 0, self._sum(cells) >= 1))


def _winners(model: Model, priority: int) -> list[int]:
    """The item classes that may evict a pod of that priority."""
    return [
        k
        for k, item_class in enumerate(model.item_classes)
        if item_class.priority > priority and model.shapes[item_class.shapes[0]].preempts
    ]


def _coupled_shapes(model: Model) -> set[str]:
    """Running shapes that matter to other pods in more than what they ask for."""
    problem = model.problem
    found = {name for rule in problem.affinities for name in (rule.owner, *rule.matches)}
    found |= {name for spread in problem.spreads for name in spread.matches}
    found |= {shape.name for shape in problem.shapes if shape.ports or shape.exclusive or shape.attaches}
    return found & {pod.shape for pod in model.there}


def _groups(model: Model, known: UpperBounds, state: State) -> Iterator[_Group]:
    gone = {entry.pod.name for entry in state.evicted}
    coupled = _coupled_shapes(model)
    members: dict[tuple[int, int, tuple[str, ...]], list[Pod]] = defaultdict(list)
    for pod in known.leave:
        budgets = tuple(sorted(Counter(pod.budgets)))
        members[model.shape_index[pod.shape], model.node_index[pod.node], budgets].append(pod)
    for (shape, node, budgets), pods in sorted(members.items()):
        fixed = model.shapes[shape].name in coupled
        # Where the group is settled, those that were chosen come first.
        pods.sort(key=lambda pod: (fixed and pod.name not in gone, -pod.started, pod.name))
        yield _Group(
            shape=shape,
            node=node,
            priority=model.shapes[shape].priority,
            budgets=budgets,
            pods=tuple(pods),
            fixed=sum(pod.name in gone for pod in pods) if fixed else None,
        )
