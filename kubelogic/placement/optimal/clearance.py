"""What could be placed if everybody left who may be evicted: a way to show that something is possible at all."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kubelogic.placement.placement import Eviction, Placement, Unplaced
from kubelogic.placement.problem import Pod, Problem


def cleared(problem: Problem) -> tuple[Problem, tuple[Pod, ...]]:
    """The problem without the pods that go away or may be evicted; and the latter. None of these, if nobody may be."""
    shapes = {shape.name: shape for shape in problem.shapes}
    strong = [shapes[pod.shape].priority for pod in problem.pods if not pod.node and shapes[pod.shape].preempts]
    top = max(strong, default=None)
    victims = tuple(
        pod
        for pod in problem.pods
        if pod.node and pod.movable and not pod.terminating and top is not None and shapes[pod.shape].priority < top
    )
    gone = {pod.name for pod in victims}
    stay = tuple(pod for pod in problem.pods if pod.name not in gone and not (pod.node and pod.terminating))
    return msgspec.structs.replace(problem, pods=stay), victims


def afterwards(problem: Problem, placement: Placement, victims: Sequence[Pod]) -> Placement | None:
    """A placement that was made after the ``victims`` left, as an answer to ``problem``, which evicts them first.

    None if nobody is placed who may evict them.
    """
    shapes = {shape.name: shape for shape in problem.shapes}
    shape_of = {pod.name: pod.shape for pod in problem.pods}
    winners = [entry.pod for entry in placement.bindings if shapes[shape_of[entry.pod]].preempts]
    if not winners:
        return None
    winner = max(winners, key=lambda pod: (shapes[shape_of[pod]].priority, pod))
    left = {budget.name: budget.allowed for budget in problem.budgets}
    evictions: list[Eviction] = []
    for pod in victims:
        for budget in pod.budgets:
            left[budget] -= 1
        breaks = tuple(budget for budget in pod.budgets if left[budget] < 0)
        evictions.append(Eviction(pod=pod.name, node=pod.node, beneficiary=winner, breaks=breaks))
    waiting = (
        Unplaced(pod=entry.pod, shape=shape_of[entry.pod], verdict="waiting", node=entry.node)
        for entry in placement.bindings
    )
    return Placement(
        scheduler=placement.scheduler,
        evictions=tuple(evictions),
        nominations=placement.bindings,
        unplaced=(*placement.unplaced, *waiting),
        complete=placement.complete,
    )
