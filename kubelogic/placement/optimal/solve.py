"""The joint placement of all waiting pods: a valid one always in hand, and how far it is from the best."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import msgspec
import numpy as np

from kubelogic.placement.check import check
from kubelogic.placement.optimal.improve import improve
from kubelogic.placement.optimal.model import Model, compile_problem
from kubelogic.placement.optimal.pack import insert, split
from kubelogic.placement.optimal.relax import relax
from kubelogic.placement.optimal.state import State
from kubelogic.placement.placement import Binding, Bound, Placement, Unplaced, Verdict
from kubelogic.placement.problem import Problem

Clock = Callable[[], float]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """When to stop looking. ``timeout`` is in seconds of the clock given; ``rlimit`` is z3's resource limit
    a check.

    Work is bounded by counts first, so that equal problems get equal answers unless ``timeout`` cuts in.
    """

    timeout: float = 60.0
    rlimit: int = 20_000_000


def solve(problem: Problem, *, limits: Limits | None = None, clock: Clock | None = None) -> Placement:
    """Place as many of the waiting pods as possible, by priority, with a verdict on each that stays out.

    Args:
        problem: What to place where. Its lists may come in any order.
        limits: When to stop looking.
        clock: Seconds from any origin, monotonic. Without it ``limits.timeout`` has no effect.

    Returns:
        A placement that ``check`` accepts.

    Raises:
        AssertionError: if the independent checker refuses the result, which is a fault in this package.
    """
    limits = limits or Limits()
    model = compile_problem(problem)
    state = State(model)
    place_coupled(state)
    guide = relax(model, state.free, state.left, rlimit=limits.rlimit)
    split(state, guide.quota)
    insert(state)
    started = clock() if clock else 0.0
    improve(state, expired=lambda: clock is not None and clock() - started > limits.timeout)
    most = dict(guide.most)
    if any(kind.coupled for kind in model.kinds):
        most = _most(model, limits) if state.left.any() else {}
    placement = _result(model, state, most)
    violations = check(problem, placement)
    if violations:
        raise AssertionError("; ".join(str(violation) for violation in violations[:5]))
    return placement


def _most(model: Model, limits: Limits) -> dict[int, int]:
    free = np.ascontiguousarray(model.free.T)
    return dict(relax(model, free, model.counts, rlimit=limits.rlimit).most)


def place_coupled(state: State) -> None:
    """First the pods that others constrain: by priority, then those with the fewest nodes to choose from."""
    model = state.model
    coupled = [k for k, kind in enumerate(model.kinds) if kind.coupled]
    choices = model.allowed.sum(axis=1)
    waiting = sorted(coupled, key=lambda k: (-model.kinds[k].priority, int(choices[k]), -state.size[k], k))
    progress = True
    while progress:
        progress = False
        for k in waiting:
            shape = model.kinds[k].shapes[0]
            while state.left[k] > 0:
                mask = state.open(k)
                if not mask.any():
                    break
                crowding = state.coupling.crowding(shape)
                mask &= crowding == crowding[mask].min()
                state.put(k, state.best(mask))
                progress = True


def _result(model: Model, state: State, most: dict[int, int]) -> Placement:
    queues = [list(reversed(kind.pods)) for kind in model.kinds]
    bindings: list[Binding] = []
    for step in state.steps:
        pod = queues[step.kind].pop()
        bindings.append(Binding(pod=pod.name, node=model.nodes[step.node].name, volumes=step.volumes))
    for k, kind in enumerate(model.kinds):
        if kind.ordered:
            continue
        for n in state.placed[k].nonzero()[0]:
            bindings.extend(
                Binding(pod=queues[k].pop().name, node=model.nodes[int(n)].name) for _ in range(state.placed[k, n])
            )
    placed: dict[int, int] = defaultdict(int)
    waiting: dict[int, int] = defaultdict(int)
    for k, kind in enumerate(model.kinds):
        placed[kind.priority] += int(state.placed[k].sum())
        waiting[kind.priority] += len(kind.pods)
    bounds: list[Bound] = []
    verdicts: dict[int, Verdict] = {}
    total = upto = 0
    tight = True
    for priority in sorted(placed, reverse=True):
        total += placed[priority]
        upto += waiting[priority]
        limit = min(most.get(priority, upto), upto)
        tight = tight and limit == total
        verdicts[priority] = "impossible" if tight else "unknown"
        bounds.append(Bound(priority=priority, most=limit, placed=total))
    unplaced = [
        Unplaced(pod=pod.name, shape=pod.shape, verdict=verdicts[model.kinds[k].priority])
        for k, queue in enumerate(queues)
        for pod in reversed(queue)
    ]
    return Placement(
        scheduler="optimal",
        bindings=tuple(bindings),
        unplaced=tuple(unplaced),
        bounds=tuple(bounds),
        complete=all(entry.verdict != "unknown" for entry in unplaced),
    )
