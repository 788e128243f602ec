"""How many more pods fit, how few nodes hold everything, and which running pods to move so that all fit."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

import msgspec
import numpy as np
import z3

from kubelogic.placement.check import check
from kubelogic.placement.optimal.improve import improve_kind
from kubelogic.placement.optimal.limits import Clock, Deadline, Limits
from kubelogic.placement.optimal.model import Model, compile_problem
from kubelogic.placement.optimal.pack import insert
from kubelogic.placement.optimal.rooms import rooms, solo
from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.optimal.state import State
from kubelogic.placement.placement import Binding, Placement
from kubelogic.placement.problem import Node, Pod, Problem

_QUIET = Limits()


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


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """A running pod is evicted from ``source`` and runs on ``target`` before the next one moves."""

    pod: str
    source: str
    target: str


class Moves(msgspec.Struct, frozen=True, kw_only=True):
    """``moves`` in an order in which each is feasible; then ``placement`` places the waiting pods."""

    moves: tuple[Move, ...]
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
    best = _with(problem, types, counts, limits=limits, clock=clock)
    while not _full(best) and sum(counts) < most and not deadline():
        counts = _grown(problem, types, counts, best)
        best = _with(problem, types, counts, limits=limits, clock=clock)
    for t in range(len(types)):
        while _full(best) and counts[t] > 0 and sum(counts) > least and not deadline():
            fewer = [n - (i == t) for i, n in enumerate(counts)]
            smaller = _with(problem, types, fewer, limits=limits, clock=clock)
            if not _full(smaller):
                break
            counts, best = fewer, smaller
    names = {node.name: n for node, n in zip(types, counts, strict=True)}
    return NodesNeeded(nodes=names, least=least, enough=_full(best), placement=best)


def _full(placement: Placement) -> bool:
    return not placement.unplaced


def _grown(problem: Problem, types: tuple[Node, ...], counts: list[int], placement: Placement) -> list[int]:
    """One more node, of the type that can take most of what was left out."""
    left = Counter(entry.shape for entry in placement.unplaced)
    model = compile_problem(_extended(problem, types, [1] * len(types)))
    room = solo(model, np.array(model.free.T, order="C"), model.counts)
    gains = []
    for i, node in enumerate(types):
        column = model.node_index[f"{node.name}-00000"]
        wanted = (sum(left[model.shapes[s].name] for s in kind.shapes) for kind in model.kinds)
        gains.append((sum(min(int(room[k, column]), n) for k, n in enumerate(wanted)), -i))
    chosen = -max(gains)[1]
    return [n + (i == chosen) for i, n in enumerate(counts)]


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


def make_room(problem: Problem, *, most: int, limits: Limits = _QUIET, clock: Clock | None = None) -> Moves:
    """Which running pods to move elsewhere, at most ``most`` of them, so that more of the waiting pods fit.

    One pod moves at a time, so a budget that allows one eviction is enough; pods under a budget that allows
    none stay, as do those that others' constraints mention.
    """
    deadline = Deadline(limits, clock)
    budget = {entry.name: entry.allowed for entry in problem.budgets}
    movers = {
        pod.name
        for pod in problem.pods
        if pod.node and pod.movable and not pod.terminating and all(budget[name] > 0 for name in pod.budgets)
    }
    loose = msgspec.structs.replace(
        problem,
        pods=tuple(msgspec.structs.replace(p, node="") if p.name in movers else p for p in problem.pods),
    )
    model = compile_problem(loose)
    homes = {pod.name: pod.node for pod in problem.pods}
    state = State(model)
    for k, kind in enumerate(model.kinds):
        for pod in kind.pods:
            if homes[pod.name]:
                state.put(k, model.node_index[homes[pod.name]])
    insert(state)
    moves: tuple[Move, ...] = ()
    for k in sorted(range(len(model.kinds)), key=lambda k: (-model.kinds[k].priority, state.size[k], k)):
        while state.left[k] > 0 and not deadline():
            ahead = state.copy()
            improve_kind(ahead, k, expired=deadline, most=1)
            planned = _ordered(problem, _moves(model, ahead, homes)) if ahead.left[k] < state.left[k] else None
            if planned is None or len(planned) > most:
                break
            state, moves = ahead, planned
    return Moves(moves=moves, placement=solve(_moved(problem, moves), limits=limits, clock=clock))


def _moves(model: Model, state: State, homes: Mapping[str, str]) -> list[Move]:
    """The fewest moves that lead from where the running pods are to what ``state`` has."""
    found: list[Move] = []
    for k, kind in enumerate(model.kinds):
        left = {model.nodes[int(n)].name: int(state.placed[k, n]) for n in np.flatnonzero(state.placed[k])}
        homeless: list[Pod] = []
        for pod in kind.pods:
            home = homes[pod.name]
            if home and left.get(home, 0) > 0:
                left[home] -= 1
            elif home:
                homeless.append(pod)
        places = [name for name, n in sorted(left.items()) for _ in range(n)]
        found.extend(
            Move(pod=pod.name, source=homes[pod.name], target=place)
            for pod, place in zip(homeless, places, strict=False)
        )
    return found


def _ordered(problem: Problem, moves: list[Move]) -> tuple[Move, ...] | None:
    """The moves in an order in which each passes all filters; None if there is no such order."""
    left, done = list(moves), []
    current = problem
    while left:
        for move in left:
            if _feasible(current, move):
                current = _moved(current, (move,))
                left.remove(move)
                done.append(move)
                break
        else:
            return None
    return tuple(done)


def _feasible(problem: Problem, move: Move) -> bool:
    """Whether the pod could run on its target if it were evicted now."""
    pods = tuple(
        msgspec.structs.replace(pod, node="") if pod.name == move.pod else pod
        for pod in problem.pods
        if pod.node or pod.name == move.pod
    )
    asked = msgspec.structs.replace(problem, pods=pods)
    return not check(asked, Placement(scheduler="moves", bindings=(Binding(pod=move.pod, node=move.target),)))


def _moved(problem: Problem, moves: tuple[Move, ...]) -> Problem:
    targets = {move.pod: move.target for move in moves}
    return msgspec.structs.replace(
        problem,
        pods=tuple(
            msgspec.structs.replace(pod, node=targets[pod.name]) if pod.name in targets else pod for pod in problem.pods
        ),
    )
