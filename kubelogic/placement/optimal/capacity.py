"""How many more pods fit, and how few nodes hold everything."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

from kubelogic.placement.optimal.bounding import solo
from kubelogic.placement.optimal.cheapest import cheapest_nodes
from kubelogic.placement.optimal.compile import compile_problem
from kubelogic.placement.optimal.limits import Clock, Limits
from kubelogic.placement.optimal.offers import Offer
from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.placement import Placement
from kubelogic.placement.problem import Node, Pod, Problem

_QUIET = Limits()
_STEPS = (1, 3)
"""How many nodes of a type are tried together before it is said not to help."""


class Fits(msgspec.Struct, frozen=True, kw_only=True):
    """``more`` pods of the shape fit beside everything that waits; no placement has room for more than ``most``."""

    more: int
    most: int
    placement: Placement


class NodesNeeded(msgspec.Struct, frozen=True, kw_only=True):
    """``nodes`` per type hold everything with ``placement``; fewer than ``least`` in all never do.

    ``enough`` is False if even the most nodes allowed do not; ``placement`` then leaves pods out.
    """

    nodes: Mapping[str, int]
    least: int
    enough: bool
    placement: Placement


def how_many(problem: Problem, shape: str, *, limits: Limits = _QUIET, clock: Clock | None = None) -> Fits:
    """How many more pods of ``shape`` could be placed, all other waiting pods first.

    Nobody is evicted for them: they count as the lowest priority.
    """
    own = next(entry for entry in problem.shapes if entry.name == shape)
    lowest = min((entry.priority for entry in problem.shapes), default=0) - 1
    extra = msgspec.structs.replace(own, name=f"{shape}+", priority=lowest, preempts=False)
    like = _like(problem, shape, extra.name)
    probe = msgspec.structs.replace(
        like,
        shapes=(*like.shapes, extra),
        allowed={**like.allowed, extra.name: like.allowed[shape]},
        pods=(*like.pods, Pod(name=f"{shape}+", shape=extra.name)),
    )
    model = compile_problem(probe)
    item_class = next(
        k for k, entry in enumerate(model.item_classes) if model.shapes[entry.shapes[0]].name == extra.name
    )
    plenty = np.full(len(model.item_classes), 1 << 20, dtype=np.int64)
    limit = int(solo(model, np.array(model.free.T, order="C"), plenty)[item_class].sum())
    pods = tuple(Pod(name=f"{shape}+{n:06}", shape=extra.name, order=n) for n in range(min(limit, 1 << 20)))
    placement = solve(msgspec.structs.replace(probe, pods=(*like.pods, *pods)), limits=limits, clock=clock)
    names = {pod.name for pod in pods}
    more = sum(binding.pod in names for binding in (*placement.bindings, *placement.nominations))
    slack = placement.bounds[-1].most - placement.bounds[-1].placed if placement.bounds else 0
    return Fits(more=more, most=min(limit, more + slack), placement=placement)


def _like(problem: Problem, shape: str, extra: str) -> Problem:
    """``problem`` with ``extra`` in every rule that mentions ``shape``."""

    def widen(names: frozenset[str]) -> frozenset[str]:
        return names | {extra} if shape in names else names

    affinities = [msgspec.structs.replace(rule, matches=widen(rule.matches)) for rule in problem.affinities]
    spreads = [msgspec.structs.replace(rule, matches=widen(rule.matches)) for rule in problem.spreads]
    affinities += [msgspec.structs.replace(rule, owner=extra) for rule in affinities if rule.owner == shape]
    spreads += [msgspec.structs.replace(rule, owner=extra) for rule in spreads if rule.owner == shape]
    return msgspec.structs.replace(problem, affinities=tuple(affinities), spreads=tuple(spreads))


def fewest_nodes(
    problem: Problem,
    types: tuple[Node, ...],
    *,
    most: int = 1000,
    limits: Limits = _QUIET,
    clock: Clock | None = None,
) -> NodesNeeded:
    """How many nodes of which types to add so that every waiting pod is placed, as few as can be found.

    Args:
        problem: Its own nodes are used first; it may have none. ``allowed`` covers the classes of ``types``.
        types: A node of each type. A topology value equal to the type's name becomes the new node's own name.
        most: How many nodes of a type may be added at most.
        limits: When to stop looking.
        clock: Seconds from any origin, monotonic.
    """
    offers = [Offer(node=node, most=most) for node in types]
    found = cheapest_nodes(problem, offers, limits=limits, clock=clock)
    return NodesNeeded(nodes=found.nodes, least=found.least, enough=found.enough, placement=found.placement)
