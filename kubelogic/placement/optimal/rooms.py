"""How many pods of each kind fit at most, per node and in all: what every placement has to keep to."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np

from kubelogic.placement.optimal.coupling import Coupling
from kubelogic.placement.optimal.model import Ints, Mask, Model, reach_mask
from kubelogic.placement.optimal.state import request_of
from kubelogic.placement.problem import Pod

_FEW, _MANY = 6, 1 << 40


class Link(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Pods of ``kind`` times the ``factors`` of their nodes, added up, are ``limit`` at most; it is not negative."""

    kind: int
    factors: Ints
    limit: int


class Option(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A case: each node gets ``least`` to ``most`` pods of a kind."""

    least: Ints
    most: Ints


class Decision(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Cases of which one holds in every placement."""

    kind: int
    options: tuple[Option, ...]


class Rooms(msgspec.Struct, frozen=True, kw_only=True):
    """Necessary limits: ``room`` is kinds by nodes, ``count`` per kind, ``conflict`` kinds that share no
    node.

    ``free`` is resources by nodes with the ``stay``ing pods alone there; ``leave`` could be evicted.
    ``fixed`` pods, kinds by nodes, are there in any case and already taken off the rest.
    """

    room: Ints
    count: Ints
    conflict: Mask
    free: Ints
    leave: tuple[Pod, ...]
    fixed: Ints
    links: tuple[Link, ...] = ()
    decisions: tuple[Decision, ...] = ()


def rooms(model: Model) -> Rooms:
    """The limits of the problem as a whole, before anything is placed, evictable pods not counted."""
    top = max((kind.priority for kind in model.kinds if model.shapes[kind.shapes[0]].preempts), default=None)
    leave: list[Pod] = []
    stay: list[Pod] = []
    free = np.array(model.free.T, order="C")
    for pod in model.running:
        shape = model.shape_index[pod.shape]
        evictable = pod.movable and top is not None and model.shapes[shape].priority < top
        if pod.terminating or evictable:
            free[:, model.node_index[pod.node]] += request_of(model, shape)
            if not pod.terminating:
                leave.append(pod)
        else:
            stay.append(pod)
    coupling = Coupling(model, running=tuple(stay))
    leaving = {pod.shape for pod in model.running} - {pod.shape for pod in stay}
    leaving |= {pod.shape for pod in leave}
    leaving |= {pod.shape for pod in model.running if pod.terminating}
    room = solo(model, free, model.counts)
    count = model.counts.copy()
    links: list[Link] = []
    decisions: list[Decision] = []
    for k, kind in enumerate(model.kinds):
        if kind.coupled:
            decisions += _limit(model, coupling, k, room=room, count=count, leaving=leaving, links=links)
    return Rooms(
        room=room,
        count=count,
        conflict=conflicts(model),
        free=free,
        leave=tuple(leave),
        links=tuple(links),
        fixed=np.zeros_like(room),
        decisions=tuple(decisions),
    )


def alone(known: Rooms) -> Ints:
    """How many pods of each kind there can be at most, whatever becomes of the other kinds."""
    most: Ints = np.minimum(known.count, known.room.sum(axis=1)) + known.fixed.sum(axis=1)
    return most


def solo(model: Model, free: Ints, counts: Ints) -> Ints:
    """How many pods of each kind each node could take if it were alone there: kinds by nodes."""
    room = np.where(model.allowed, counts[:, None], 0)
    for k in range(len(model.kinds)):
        for r in np.flatnonzero(model.request[k]):
            np.minimum(room[k], np.maximum(free[r], 0) // model.request[k, r], out=room[k])
        shape = model.shapes[model.kinds[k].shapes[0]]
        if shape.ports or any(not use.shared for use in shape.exclusive):
            np.minimum(room[k], 1, out=room[k])
    return room


def _limit(
    model: Model, coupling: Coupling, kind: int, *, room: Ints, count: Ints, leaving: set[str], links: list[Link]
) -> Iterator[Decision]:
    """Lower ``room`` and ``count`` of a coupled kind to what its own constraints leave in any case.

    Adds to ``links``, and yields the decisions that pods of the kind have to take.
    """
    name = model.shapes[model.kinds[kind].shapes[0]].name
    shape_index = model.kinds[kind].shapes[0]
    waiting = {model.shapes[i].name for other in model.kinds for i in other.shapes}
    # A pod that may leave can also help: a volume that it has on a node is not one more there.
    mine = set(model.shapes[shape_index].attaches)
    shared = any(mine & set(shape.attaches) for shape in model.shapes if shape.name in leaving)
    room[kind][~coupling.open_node_rules(shape_index, volumes=not shared)] = 0
    for use in model.shapes[shape_index].exclusive:
        if use.scope == "cluster" and not use.shared:
            count[kind] = min(count[kind], 1)
    for i, rule in enumerate(model.problem.affinities):
        if rule.owner != name:
            continue
        domain, many = coupling.domain(rule.key)
        has = domain >= 0
        if rule.anti:
            if name in rule.matches:
                room[kind][has] = np.minimum(room[kind][has], 1)
                usable = len(set(domain[has & (room[kind] > 0)].tolist()))
                if usable <= _FEW:
                    for d in range(many):
                        links.append(Link(kind=kind, factors=(domain == d).astype(np.int64), limit=1))
                if not room[kind][~has].any():
                    count[kind] = min(count[kind], usable)
            continue
        room[kind][~has] = 0
        if (waiting | leaving) & rule.matches - {name} or leaving & rule.matches:
            continue
        there = coupling.matching(i)
        if there.any():
            room[kind][has & (there[domain] == 0)] = 0
        elif rule.self_satisfied:
            totals = np.bincount(domain[has], weights=room[kind][has], minlength=many)
            count[kind] = min(count[kind], int(totals.max(initial=0)))
            if totals.any():
                places = tuple(np.where(domain == d, _MANY, 0) for d in np.flatnonzero(totals))
                yield Decision(kind=kind, options=tuple(Option(least=np.zeros_like(p), most=p) for p in places))
        else:
            room[kind] = 0
    for i, spread in enumerate(model.problem.spreads):
        if spread.owner == name:
            foreign = waiting & spread.matches - {name} or leaving & spread.matches
            alone = not foreign and spread.counts_self and name in spread.matches
            yield from _even(model, coupling, i, kind, room=room, count=count, alone=alone, links=links)


def _even(
    model: Model,
    coupling: Coupling,
    index: int,
    kind: int,
    *,
    room: Ints,
    count: Ints,
    alone: bool,
    links: list[Link],
) -> Iterator[Decision]:
    """What a spread leaves to its owner; more can be said if it counts those of the kind ``alone``.

    Over few domains, sums bound each other. Where every node is a domain, the decision is how many the emptiest has.
    """
    spread = model.problem.spreads[index]
    domain, many = coupling.domain(spread.key)
    has = domain >= 0
    room[kind][~has] = 0
    if not alone:
        return
    there = coupling.spread_matching(index)
    valid = np.zeros(many, dtype=np.bool_)
    counted = reach_mask(model, spread.eligible) & has
    valid[domain[counted]] = True
    totals = np.bincount(domain[counted], weights=room[kind][counted], minlength=many).astype(np.int64)
    few = int(valid.sum()) < spread.min_domains or not valid.any()
    # The emptiest domain has no more than all have on average.
    mean = (int(there[valid].sum()) + int(count[kind])) // max(int(valid.sum()), 1)
    least = 0 if few else min(int((there + totals)[valid].min()), mean)
    top = np.maximum(spread.max_skew + least - there, 0)
    room[kind][counted] = np.minimum(room[kind][counted], top[domain[counted]])
    uncounted = int(room[kind][has & ~counted].sum())
    count[kind] = min(count[kind], int(np.minimum(totals, top)[valid].sum()) + uncounted)
    if int(valid.sum()) <= _FEW:
        links.extend(_skews(kind, domain, counted, there=there, top=top, skew=None if few else spread.max_skew))
    elif least > 0 and int(np.bincount(domain[counted]).max()) == 1:
        options = []
        for level in range(least + 1):
            low, high = np.zeros_like(there[domain]), np.full(len(domain), _MANY)
            low[counted] = np.maximum(level - there[domain], 0)[counted]
            high[counted] = np.maximum(level + spread.max_skew - there[domain], 0)[counted]
            options.append(Option(least=low, most=high))
        yield Decision(kind=kind, options=tuple(options))


def _skews(kind: int, domain: Ints, counted: Mask, *, there: Ints, top: Ints, skew: int | None) -> Iterator[Link]:
    """How many a domain can get, and how many more than another one (with ``skew``) in the end."""
    valid = sorted(set(domain[counted].tolist()))
    for one in valid:
        mine = (counted & (domain == one)).astype(np.int64)
        yield Link(kind=kind, factors=mine, limit=int(top[one]))
        for other in valid if skew is not None else ():
            if other != one:
                theirs = (counted & (domain == other)).astype(np.int64)
                # A domain that gets none may be ahead already.
                yield Link(
                    kind=kind, factors=mine - theirs, limit=max(0, (skew or 0) + int(there[other]) - int(there[one]))
                )


def conflicts(model: Model) -> Mask:
    """Which kinds can never share a node: overlapping ports, anti-affinity, exclusive uses."""
    kinds = len(model.kinds)
    conflict = np.zeros((kinds, kinds), dtype=np.bool_)
    coupled = [k for k, kind in enumerate(model.kinds) if kind.coupled]
    index = {model.shapes[model.kinds[k].shapes[0]].name: k for k in coupled}
    for i in coupled:
        for j in coupled:
            one, other = (model.shapes[model.kinds[k].shapes[0]] for k in (i, j))
            ports = any(
                p[1:] == q[1:] and (p[0] == q[0] or "0.0.0.0" in (p[0], q[0])) for p in one.ports for q in other.ports
            )
            uses = any(
                a.token == b.token and not (a.shared and b.shared) for a in one.exclusive for b in other.exclusive
            )
            conflict[i, j] = i != j and (ports or uses)
    for rule in model.problem.affinities:
        if rule.anti and rule.owner in index and all(rule.key in node.topology for node in model.nodes):
            for name in rule.matches:
                if name in index and name != rule.owner:
                    conflict[index[rule.owner], index[name]] = conflict[index[name], index[rule.owner]] = True
    return conflict
