"""Pods that run and matter to those that wait by the room that they take alone: taken off what nodes have.

In a large cluster nearly all pods are such, and a question about one pod need not go through them again and again.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from kubelogic.placement.problem import Affinity, Node, Pod, Problem, SoftSpread, Spread

_HELD = ("ports", "exclusive", "attaches", "claims")
"""What pods hold beside room, as fields of a shape."""


def lone_question(problem: Problem, pod: Pod) -> Problem:
    """The problem of one pod of those that wait, alone, without the pods that stay and matter by their room only.

    What these ask for is taken off what their nodes have, which may be below 0 then. Whether the pod can be placed is
    the same, under the same assumptions.
    """
    shapes, running = problem.shapes, problem.running
    if problem.devices is not None or problem.groups:
        return replace(problem, pods=(*running, pod))
    near = _near(problem, pod.shape)
    highest = next(shape.priority for shape in shapes if shape.name == pod.shape)
    apart = np.array([shape.name not in near for shape in shapes], dtype=np.bool_)
    firm = np.array([shape.priority >= highest for shape in shapes], dtype=np.bool_)
    at, of = (np.array(each, dtype=np.int64) for each in problem.places)
    movable = np.array([each.movable for each in running], dtype=np.bool_)
    leaves = np.array([each.terminating for each in running], dtype=np.bool_)
    out = apart[of] & (firm[of] | ~movable) & ~leaves
    stay = [running[i] for i in np.flatnonzero(~out).tolist()]
    kept = {*near, *(each.shape for each in stay), *_mentioned(problem)}
    return replace(
        problem,
        nodes=tuple(_lessened(problem, at[out], of[out])),
        shapes=tuple(shape for shape in shapes if shape.name in kept),
        pods=(*stay, pod),
        allowed={name: reach for name, reach in problem.allowed.items() if name in kept},
        preferences=tuple(each for each in problem.preferences if each.shape in kept),
        denials=tuple(each for each in problem.denials if each.shape in kept),
    )


def _near(problem: Problem, shape: str) -> set[str]:
    """A shape, those that some rule ties to it, and those that may hold what it wants."""
    found = {shape}
    rules: tuple[Affinity | Spread, ...] = (*problem.affinities, *problem.spreads)
    for rule in rules:
        if rule.owner == shape or shape in rule.matches:
            found |= {rule.owner, *rule.matches}
    wanted = [field for field in _HELD if any(getattr(each, field) for each in problem.shapes if each.name == shape)]
    return found | {each.name for each in problem.shapes if any(getattr(each, field) for field in wanted)}


def _mentioned(problem: Problem) -> Iterator[str]:
    """The shapes that rules and wishes name."""
    rules: tuple[Affinity | Spread | SoftSpread, ...] = (*problem.affinities, *problem.spreads, *problem.soft_spreads)
    for rule in rules:
        yield rule.owner
        yield from rule.matches
    for wish in problem.soft_affinities:
        yield wish.shape
        yield from wish.neighbours


def _lessened(problem: Problem, at: NDArray[np.int64], of: NDArray[np.int64]) -> Iterator[Node]:
    """The nodes with less of what pods of shapes (``of``) on some of them (``at``) ask for."""
    resources = sorted({name for shape in problem.shapes for name in shape.requests})
    asks = [[shape.requests.get(name, 0) for name in resources] for shape in problem.shapes]
    used = np.zeros((len(problem.nodes), len(resources)), dtype=np.int64)
    np.add.at(used, at, np.array(asks, dtype=np.int64).reshape(len(asks), len(resources))[of])
    for node, row in zip(problem.nodes, used.tolist(), strict=True):
        taken = {name: amount for name, amount in zip(resources, row, strict=True) if amount}
        left = {name: node.allocatable.get(name, 0) - amount for name, amount in taken.items()}
        yield replace(node, allocatable={**node.allocatable, **left}) if taken else node
