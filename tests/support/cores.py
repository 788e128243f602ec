"""Whether a conflict is one: its members cannot hold together, and without any one of them they could."""

from __future__ import annotations

from msgspec import structs

from kubelogic.placement.check import check
from kubelogic.placement.optimal.assumptions import assumptions, without
from kubelogic.placement.optimal.limits import Deadline, Effort, Limits
from kubelogic.placement.optimal.lone import lone
from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.placement import Conflict, Placement
from kubelogic.placement.problem import Problem


def faults_of(case: Problem, found: Conflict) -> list[str]:
    """What is wrong with a conflict: whatever else there is, pods must not fit with it, and fit without any member.

    Args:
        case: the problem that it is about.
        found: why pods of a shape cannot be placed.
    """
    names = {entry.subjects[0] for entry in found.core if entry.kind == "count"}
    mine = [pod for pod in case.pods if pod.shape == found.shape and not pod.node]
    mine = mine if names else mine[:1]
    others = [pod for pod in case.pods if pod.shape in names - {found.shape} and not pod.node]
    asked = structs.replace(case, pods=(*(pod for pod in case.pods if pod.node), *mine, *others))
    rest = frozenset(entry for entry in assumptions(asked) if entry.kind != "count") - frozenset(found.core)
    told = []
    if _complete(solve(without(asked, rest))):
        told.append("the members can hold together")
    for member in found.core if found.minimal else ():
        weaker = without(asked, rest | {member})
        possible, answer = solved(weaker)
        if not possible and {entry.verdict for entry in answer.unplaced} == {"unknown"}:
            # It did not find a way; one that the checker takes is a way all the same.
            _, other = lone(weaker, solved, Deadline(Limits(), None))
            possible = other is not None and _complete(other) and not check(weaker, other)
        if not possible:
            told.append(f"{member} is not needed")
    return told


def solved(
    problem: Problem, effort: Effort = Effort.ALL, near: Placement | None = None
) -> tuple[bool | None, Placement]:
    """Whether all pods are placed by the solver (None: not, and that is not proved), and the placement."""
    del effort, near
    found = solve(problem)
    proved = any(entry.verdict == "impossible" for entry in found.unplaced)
    return True if _complete(found) else False if proved else None, found


def _complete(placement: Placement) -> bool:
    return all(entry.verdict == "waiting" for entry in placement.unplaced)
