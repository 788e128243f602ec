"""How many more pods fit beside everything that waits."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from kubelogic.placement.optimal.bounding import solo
from kubelogic.placement.optimal.compile import compile_problem
from kubelogic.placement.optimal.limits import Clock, Limits
from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.placement import Placement
from kubelogic.placement.problem import Pod, Problem

_QUIET = Limits()


class Fits(msgspec.Struct, frozen=True, kw_only=True):
    """``more`` pods of the shape fit beside everything that waits; no placement has room for more than ``most``."""

    more: int
    most: int
    placement: Placement


def how_many(
    problem: Problem,
    shape: str,
    *,
    copies: Sequence[Pod] | None = None,
    limits: Limits = _QUIET,
    clock: Clock | None = None,
) -> Fits:
    """How many more pods of ``shape`` could be placed, all other waiting pods first.

    Nobody is evicted for them: they count as the lowest priority. ``copies``: the pods to place, where each has claims
    on devices of its own; there is room for no more than these.
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
    if copies is not None:
        limit = min(limit, len(copies))
        pods = tuple(msgspec.structs.replace(each, shape=extra.name) for each in copies[:limit])
    else:
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
