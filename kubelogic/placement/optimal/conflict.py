"""Why pods cannot be placed: smallest sets of assumptions that cannot hold together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from kubelogic.placement.optimal.weaken import assumptions, without
from kubelogic.placement.placement import Assumption, Conflict, Placement
from kubelogic.placement.problem import Pod, Problem

Decide = Callable[[Problem], bool | None]
"""Whether all waiting pods of a problem can be placed; None if that was not decided."""


def conflicts(
    problem: Problem,
    placement: Placement,
    shapes: tuple[str, ...],
    *,
    decide: Decide,
    expired: Callable[[], bool],
) -> tuple[Conflict, ...]:
    """A conflict for each of ``shapes`` for which one can be proved.

    Asks ever more: can one pod of the shape be placed where only the running pods are; can all of it; can all of
    it with all other waiting pods of its priority or higher. The first refusal is explained.
    """
    found: list[Conflict] = []
    for shape in shapes:
        if expired():
            break
        for question, placeable, single in _questions(problem, placement, shape):
            if decide(question) is False:
                found.append(_explain(question, shape, placeable, decide=decide, single=single, expired=expired))
                break
    return tuple(found)


def _questions(problem: Problem, placement: Placement, shape: str) -> list[tuple[Problem, int, bool]]:
    """Problems of growing size, with how many pods of the shape were placed, and whether only one is asked for."""
    priority = {entry.name: entry.priority for entry in problem.shapes}
    running = [pod for pod in problem.pods if pod.node]
    mine = sorted((p for p in problem.pods if p.shape == shape and not p.node), key=lambda p: (p.order, p.name))
    waiting = [pod for pod in problem.pods if not pod.node]
    shapes = {pod.name: pod.shape for pod in waiting}
    placed = sum(shapes[entry.pod] == shape for entry in (*placement.bindings, *placement.nominations))
    others = [pod for pod in waiting if pod.shape != shape and priority[pod.shape] >= priority[shape]]

    def ask(chosen: Sequence[Pod]) -> Problem:
        return msgspec.structs.replace(problem, pods=(*running, *chosen))

    return [
        (ask(mine[:1]), 0, True),
        (ask(mine), placed, False),
        (ask([*mine, *others]), placed, False),
    ]


def _explain(
    problem: Problem,
    shape: str,
    placeable: int,
    *,
    decide: Decide,
    single: bool,
    expired: Callable[[], bool],
) -> Conflict:
    everything = assumptions(problem)
    if single:
        everything = tuple(entry for entry in everything if entry.kind != "count")
    sure = True

    def refused(kept: frozenset[Assumption]) -> bool:
        nonlocal sure
        if expired():
            sure = False
            return False
        answer = decide(without(problem, frozenset(everything) - kept))
        sure = sure and answer is not None
        return answer is False

    core = _smallest(refused, (), everything, changed=False)
    return Conflict(shape=shape, core=tuple(sorted(core)), placeable=placeable, minimal=sure)


def _smallest(
    refused: Callable[[frozenset[Assumption]], bool],
    base: tuple[Assumption, ...],
    choices: tuple[Assumption, ...],
    *,
    changed: bool,
) -> tuple[Assumption, ...]:
    """The least of ``choices`` that is refused with ``base``, by halving; earlier choices are preferred.

    Source: Junker, "QuickXplain: preferred explanations and relaxations for over-constrained problems" (2004).
    """
    if changed and refused(frozenset(base)):
        return ()
    if len(choices) == 1:
        return choices
    half = len(choices) // 2
    first, second = choices[:half], choices[half:]
    late = _smallest(refused, base + first, second, changed=bool(first))
    early = _smallest(refused, base + late, first, changed=bool(late))
    return early + late
