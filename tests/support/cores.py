"""Whether a conflict is one: its members cannot hold together, and without any one of them they could."""

from __future__ import annotations

from msgspec import structs

from kubelogic.placement.optimal.assumptions import assumptions, without
from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.placement import Conflict
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
    if all(entry.verdict == "waiting" for entry in solve(without(asked, rest)).unplaced):
        told.append("the members can hold together")
    for member in found.core if found.minimal else ():
        left = solve(without(asked, rest | {member})).unplaced
        if not all(entry.verdict == "waiting" for entry in left):
            told.append(f"{member} is not needed")
    return told
