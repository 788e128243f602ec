"""How many more pods fit, and how few nodes hold everything."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

import msgspec
import numpy as np
import z3

from kubelogic.placement.optimal.limits import Clock, Deadline, Limits
from kubelogic.placement.optimal.model import Ints, Model, compile_problem
from kubelogic.placement.optimal.rooms import alone, rooms, solo
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
    kind = next(k for k, entry in enumerate(model.kinds) if model.shapes[entry.shapes[0]].name == extra.name)
    plenty = np.full(len(model.kinds), 1 << 20, dtype=np.int64)
    limit = int(solo(model, np.array(model.free.T, order="C"), plenty)[kind].sum())
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
        most: How many nodes may be added at most.
        limits: When to stop looking.
        clock: Seconds from any origin, monotonic.
    """
    types = tuple(sorted(types, key=lambda node: node.name))
    deadline = Deadline(limits, clock)
    counts = _relaxed(problem, types, most=most, deadline=deadline)
    least = sum(counts)
    counts = _enough_for_each(problem, types, counts, most=most, deadline=deadline)
    best = _with(problem, types, counts, limits=limits, clock=clock)
    tried = [] if _full(best) else [counts]
    while not _full(best) and not deadline():
        larger = _grown(problem, types, counts, best, most=most, limits=limits, clock=clock)
        if larger is None:
            break
        counts, best = larger
        tried += [] if _full(best) else [counts]
    for t in range(len(types)):
        while _full(best) and counts[t] > 0 and sum(counts) > least and not deadline():
            fewer = [n - (i == t) for i, n in enumerate(counts)]
            if fewer in tried or _short(compile_problem(_extended(problem, types, fewer))).any():
                break
            smaller = _with(problem, types, fewer, limits=limits, clock=clock)
            if not _full(smaller):
                break
            counts, best = fewer, smaller
    names = {node.name: n for node, n in zip(types, counts, strict=True)}
    return NodesNeeded(nodes=names, least=least, enough=_full(best), placement=best)


def _short(model: Model) -> Ints:
    """How many pods of each kind find no node even if all other kinds are gone."""
    left: Ints = np.maximum(model.counts - alone(rooms(model)), 0)
    return left


def _enough_for_each(
    problem: Problem, types: tuple[Node, ...], counts: list[int], *, most: int, deadline: Deadline
) -> list[int]:
    """The counts with more nodes until each kind by itself has room, as far as a node of some type brings it any.

    Cheap, where a placement that cannot be whole is searched for at length.
    """
    while sum(counts) < most and not deadline():
        short = _short(compile_problem(_extended(problem, types, counts)))
        if not short.any():
            break
        gains = []
        for t in range(len(types)):
            more = [n + (i == t) for i, n in enumerate(counts)]
            gains.append((int((short - _short(compile_problem(_extended(problem, types, more)))).sum()), -t))
        gain, best = max(gains)
        if gain <= 0:
            break
        counts = [n + (i == -best) for i, n in enumerate(counts)]
    return counts


def _full(placement: Placement) -> bool:
    return not placement.unplaced


def _grown(
    problem: Problem,
    types: tuple[Node, ...],
    counts: list[int],
    placement: Placement,
    *,
    most: int,
    limits: Limits,
    clock: Clock | None,
) -> tuple[list[int], Placement] | None:
    """A few more nodes of one type, with which more is placed; None if no type helps.

    The type that can take most of what was left out is tried first; one node of it, then as many as make a difference
    where pods have to be apart.
    """
    for number in _STEPS:
        for chosen in _by_gain(problem, types, placement):
            more = [n + number * (i == chosen) for i, n in enumerate(counts)]
            if sum(more) <= most:
                better = _with(problem, types, more, limits=limits, clock=clock)
                if len(better.unplaced) < len(placement.unplaced):
                    return more, better
    return None


def _by_gain(problem: Problem, types: tuple[Node, ...], placement: Placement) -> list[int]:
    """The types that take some of what was left out, each pod for itself; those that take most first."""
    left = Counter(entry.shape for entry in placement.unplaced)
    model = compile_problem(_extended(problem, types, [1] * len(types)))
    room = solo(model, np.array(model.free.T, order="C"), model.counts)
    gains = []
    for i, node in enumerate(types):
        column = model.node_index[f"{node.name}-00000"]
        wanted = (sum(left[model.shapes[s].name] for s in kind.shapes) for kind in model.kinds)
        gains.append((sum(min(int(room[k, column]), n) for k, n in enumerate(wanted)), -i))
    return [-i for gain, i in sorted(gains, reverse=True) if gain > 0]


def _extended(problem: Problem, types: tuple[Node, ...], counts: list[int]) -> Problem:
    nodes = list(problem.nodes)
    for node, count in zip(types, counts, strict=True):
        for n in range(count):
            name = f"{node.name}-{n:05}"
            topology = {key: name if value == node.name else value for key, value in node.topology.items()}
            nodes.append(msgspec.structs.replace(node, name=name, topology=topology))
    return msgspec.structs.replace(problem, nodes=tuple(nodes))


def _with(
    problem: Problem, types: tuple[Node, ...], counts: list[int], *, limits: Limits, clock: Clock | None
) -> Placement:
    return solve(_extended(problem, types, counts), limits=limits, clock=clock)


def _relaxed(problem: Problem, types: tuple[Node, ...], *, most: int, deadline: Deadline) -> list[int]:
    """Counts that no answer goes below in sum: capacities summed over all nodes of a class."""
    model = compile_problem(_extended(problem, types, [1] * len(types)))
    known = rooms(model)
    context = z3.Context()
    optimizer = z3.Optimize(ctx=context)
    optimizer.set(**deadline.options())
    added = [z3.Int(f"n{t}", context) for t in range(len(types))]
    optimizer.add(*(n >= 0 for n in added), z3.Sum(added) <= most)
    columns = [model.node_index[f"{node.name}-00000"] for node in types]
    old = [n for n in range(len(model.nodes)) if n not in columns]
    groups: dict[int, list[int]] = defaultdict(list)
    for n in old:
        groups[int(model.node_class[n])].append(n)
    loads: dict[tuple[str, int, int], list[z3.ArithRef]] = defaultdict(list)
    for k, kind in enumerate(model.kinds):
        shares = []
        for c, nodes in sorted(groups.items()):
            share = z3.Real(f"x{k}_{c}", context)
            optimizer.add(share >= 0, share <= int(known.room[k, nodes].sum()))
            shares.append(share)
            for r in np.flatnonzero(model.request[k]).tolist():
                loads["old", c, r].append(int(model.request[k, r]) * share)
        for t, column in enumerate(columns):
            share = z3.Real(f"y{k}_{t}", context)
            optimizer.add(share >= 0, share <= int(known.room[k, column]) * added[t])
            shares.append(share)
            for r in np.flatnonzero(model.request[k]).tolist():
                loads["new", t, r].append(int(model.request[k, r]) * share)
        optimizer.add(z3.Sum(shares) >= len(kind.pods))
    for (age, place, r), terms in sorted(loads.items()):
        if age == "old":
            optimizer.add(z3.Sum(terms) <= int(np.maximum(known.free[r, groups[place]], 0).sum()))
        else:
            optimizer.add(z3.Sum(terms) <= int(known.free[r, columns[place]]) * added[place])
    optimizer.minimize(z3.Sum(added))
    if optimizer.check() != z3.sat:
        return [0] * len(types)
    answer = optimizer.model()
    return [answer.eval(n, model_completion=True).as_long() for n in added]
