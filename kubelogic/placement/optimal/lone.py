"""Whether a single waiting pod can be placed if whoever may be evicted for it leaves as is best for each node.

A pod that leaves helps or harms or does neither, by what it is to the one that waits: on a node it makes room there;
in another domain of a spread it makes the fewest fewer. Only those that do both have to be tried both ways.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, combinations
from typing import TYPE_CHECKING

import msgspec

from kubelogic.placement.optimal.clearance import afterwards, cleared
from kubelogic.placement.optimal.limits import Deadline, Effort
from kubelogic.placement.placement import Placement
from kubelogic.placement.problem import Node, Pod, Problem, Reach, Shape

if TYPE_CHECKING:
    from kubelogic.placement.optimal.oracle import Place

_NODES, _BOTH = 16, 5
"""How many allowed nodes are looked at, and how many pods that help and harm are tried both ways."""


def lone(problem: Problem, place: Place, deadline: Deadline) -> tuple[bool | None, Placement | None]:
    """Whether the only waiting pod can be placed (None: not decided), and a placement if so.

    Args:
        problem: with one waiting pod; neither groups nor devices.
        place: a joint scheduler.
        deadline: after it nothing is decided.
    """
    if len(problem.waiting) != 1 or problem.groups or problem.devices is not None:
        return None, None
    shapes = {shape.name: shape for shape in problem.shapes}
    shape, (_, victims) = shapes[problem.waiting[0].shape], cleared(problem)
    nodes = [node for node in problem.nodes if problem.allowed[shape.name].has(node)]
    if not victims or len(nodes) > _NODES:
        return None, None
    # What goes away by itself may be there or not: without it, that nothing fits is no proof.
    decided = not any(pod.terminating for pod in problem.running)
    for node in nodes:
        gone, doubtful = _leaving(problem, shape, node, victims)
        decided &= len(doubtful) <= _BOTH
        for more in _choices(doubtful):
            if deadline():
                return None, None
            out = {*gone, *more}
            pods = tuple(
                msgspec.structs.replace(pod, movable=False)
                for pod in problem.pods
                if pod.name not in out and not (pod.node and pod.terminating)
            )
            here = {**problem.allowed, shape.name: Reach(nodes=frozenset({node.name}))}
            possible, found = place(msgspec.structs.replace(problem, pods=pods, allowed=here), Effort.SOME)
            if possible:
                leavers = [pod for pod in victims if pod.name in out]
                return True, afterwards(problem, found, leavers) if leavers else found
            decided &= possible is False
    return (False if decided else None), None


def _choices(doubtful: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Who else leaves: all ways, or all and none of too many."""
    if len(doubtful) > _BOTH:
        yield from ((), doubtful)
    else:
        yield from chain.from_iterable(combinations(doubtful, size) for size in range(len(doubtful) + 1))


def _leaving(
    problem: Problem, shape: Shape, node: Node, victims: tuple[Pod, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Who only helps by leaving, and who helps and harms, if a pod of the shape is to come to the node."""
    nodes = {each.name: each for each in problem.nodes}
    shapes = {each.name: each for each in problem.shapes}
    only: list[str] = []
    both: list[str] = []
    for pod in victims:
        helps, harms = _effects(problem, shape, node, shapes[pod.shape], nodes[pod.node])
        if helps:
            (both if harms else only).append(pod.name)
    return tuple(only), tuple(both)


def _effects(problem: Problem, shape: Shape, node: Node, other: Shape, there: Node) -> tuple[bool, bool]:
    """Whether a pod of ``other`` that leaves ``there`` can help one of ``shape`` to come to ``node``, and harm it."""
    tokens = {use.token for use in shape.exclusive if use.scope == "cluster"}
    helps = there.name == node.name or any(use.token in tokens for use in other.exclusive)
    # A volume that the node has attached takes no further room only while a pod there uses it.
    harms = there.name == node.name and bool({*other.attaches} & {*shape.attaches})
    for rule in problem.affinities:
        if rule.anti:
            concerned = (rule.owner == shape.name and other.name in rule.matches) or (
                rule.owner == other.name and shape.name in rule.matches
            )
            helps |= concerned and _together(rule.key, node, there)
        elif rule.owner == shape.name and other.name in rule.matches:
            harms = True
            helps |= rule.self_satisfied  # the first of all needs no partner
    for spread in problem.spreads:
        if spread.owner == shape.name and other.name in spread.matches and spread.eligible.has(there):
            # In the domain itself fewer are never worse, even where it has the fewest.
            helps |= _together(spread.key, node, there)
            harms |= not _together(spread.key, node, there)
    return helps, harms


def _together(key: str, node: Node, there: Node) -> bool:
    return key in node.topology and node.topology[key] == there.topology.get(key)
