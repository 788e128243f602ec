"""How many pods of each kind fit at most, per node and in all: what every placement has to keep to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kubelogic.placement.optimal.coupling import Coupling
from kubelogic.placement.optimal.model import Ints, Mask, Model, reach_mask
from kubelogic.placement.optimal.state import request_of
from kubelogic.placement.problem import Pod


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """Necessary limits: ``room`` is kinds by nodes, ``count`` per kind, ``conflict`` kinds that share no
    node.

    ``free`` is resources by nodes with the ``stay``ing pods alone there; ``leave`` could be evicted.
    """

    room: Ints
    count: Ints
    conflict: Mask
    free: Ints
    leave: tuple[Pod, ...]


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
    for k, kind in enumerate(model.kinds):
        if kind.coupled:
            _limit(model, coupling, k, room=room, count=count, leaving=leaving)
    return Rooms(room=room, count=count, conflict=_conflicts(model), free=free, leave=tuple(leave))


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


def _limit(model: Model, coupling: Coupling, kind: int, *, room: Ints, count: Ints, leaving: set[str]) -> None:
    """Lower ``room`` and ``count`` of a coupled kind to what its own constraints leave in any case."""
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
        else:
            room[kind] = 0
    for i, spread in enumerate(model.problem.spreads):
        if spread.owner != name:
            continue
        domain, many = coupling.domain(spread.key)
        has = domain >= 0
        room[kind][~has] = 0
        if (
            waiting & spread.matches - {name}
            or leaving & spread.matches
            or not spread.counts_self
            or name not in spread.matches
        ):
            continue
        there = coupling.spread_matching(i)
        valid = np.zeros(many, dtype=np.bool_)
        valid[domain[reach_mask(model, spread.eligible) & has]] = True
        totals = np.bincount(domain[has], weights=room[kind][has], minlength=many).astype(np.int64)
        few = int(valid.sum()) < spread.min_domains or not valid.any()
        least = 0 if few else int((there + totals)[valid].min())
        top = np.maximum(spread.max_skew + least - there, 0)
        count[kind] = min(count[kind], int(np.minimum(totals, np.where(valid, top, totals)).sum()))


def _conflicts(model: Model) -> Mask:
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
