"""From the arrays back to pods by name: bindings in an order that works, evictions, verdicts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np

from kubelogic.placement.optimal.model import Model
from kubelogic.placement.optimal.state import State
from kubelogic.placement.placement import Binding, Bound, Conflict, Eviction, Placement, Unplaced, Verdict


def result(
    model: Model,
    state: State,
    *,
    most: Mapping[int, int],
    conflicts: tuple[Conflict, ...],
    statistics: Mapping[str, int],
) -> Placement:
    """The placement that ``state`` holds, with the proven limits ``most`` per priority (none: reached)."""
    queues = [list(reversed(kind.pods)) for kind in model.kinds]
    bindings: list[Binding] = []
    nominations: list[Binding] = []
    for kind, node, volumes, now in _replay(model, state):
        pod = queues[kind].pop()
        entry = Binding(pod=pod.name, node=model.nodes[node].name, volumes=volumes)
        (bindings if now else nominations).append(entry)
    evictions = tuple(_evictions(state, nominations))
    bounds, verdicts = _bounds(model, state, most)
    unplaced = [
        Unplaced(pod=pod.name, shape=pod.shape, verdict=verdicts[model.kinds[k].priority])
        for k, queue in enumerate(queues)
        for pod in reversed(queue)
    ]
    shape_of = {pod.name: pod.shape for kind in model.kinds for pod in kind.pods}
    unplaced += [Unplaced(pod=b.pod, shape=shape_of[b.pod], verdict="waiting", node=b.node) for b in nominations]
    return Placement(
        scheduler="optimal",
        bindings=tuple(bindings),
        evictions=evictions,
        nominations=tuple(nominations),
        unplaced=tuple(unplaced),
        conflicts=conflicts,
        bounds=bounds,
        complete=all(entry.verdict != "unknown" for entry in unplaced),
        statistics=statistics,
    )


def _puts(model: Model, state: State) -> Iterator[tuple[int, int, tuple[tuple[str, str], ...]]]:
    """Each placed pod as kind, node and volumes: the ordered ones as they came, then low priorities first."""
    for step in state.steps:
        yield step.kind, step.node, step.volumes
    for k in reversed(range(len(model.kinds))):
        if not model.kinds[k].ordered:
            for n in np.flatnonzero(state.placed[k]):
                for _ in range(int(state.placed[k, n])):
                    yield k, int(n), ()


def _replay(model: Model, state: State) -> Iterator[tuple[int, int, tuple[tuple[str, str], ...], bool]]:
    """Each placed pod and whether it can be bound now, that is with all running pods still there.

    A pod for which another was evicted always waits; low priorities come first, so that the others are
    those who wait for room.
    """
    puts = _puts(model, state)
    if not state.released:
        yield from ((*put, True) for put in puts)
        return
    fresh = State(model)
    reserved = {(entry.kind, entry.node) for entry in state.evicted}
    later = []
    for kind, node, volumes in puts:
        plain = not model.kinds[kind].coupled and node not in state.released
        if (kind, node) in reserved or not (plain or fresh.open(kind)[node]):
            reserved.discard((kind, node))
            later.append((kind, node, volumes))
        else:
            fresh.put(kind, node)
            yield kind, node, volumes, True
    yield from ((*put, False) for put in later)


def _evictions(state: State, nominations: list[Binding]) -> Iterator[Eviction]:
    waiting: dict[str, list[str]] = defaultdict(list)
    for entry in nominations:
        waiting[entry.node].append(entry.pod)
    for evicted in state.evicted:
        node = state.model.nodes[evicted.node].name
        kind = {pod.name for pod in state.model.kinds[evicted.kind].pods}
        winners = [pod for pod in waiting[node] if pod in kind]
        yield Eviction(
            pod=evicted.pod.name, node=node, beneficiary=winners[0] if winners else "", breaks=evicted.breaks
        )


def _bounds(model: Model, state: State, most: Mapping[int, int]) -> tuple[tuple[Bound, ...], Mapping[int, Verdict]]:
    placed: dict[int, int] = defaultdict(int)
    for k, kind in enumerate(model.kinds):
        placed[kind.priority] += int(state.placed[k].sum())
    lost: dict[int, int] = defaultdict(int)
    for evicted in state.evicted:
        lost[model.shapes[model.shape_index[evicted.pod.shape]].priority] += 1
    bounds: list[Bound] = []
    verdicts: dict[int, Verdict] = {}
    tight = True
    for priority in sorted(placed, reverse=True):
        total = sum(n for level, n in placed.items() if level >= priority)
        total -= sum(n for level, n in lost.items() if level >= priority)
        limit = most.get(priority, total)
        tight = tight and limit == total
        verdicts[priority] = "impossible" if tight else "unknown"
        bounds.append(Bound(priority=priority, most=limit, placed=total))
    return tuple(bounds), verdicts
