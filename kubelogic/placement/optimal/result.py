"""From the arrays back to pods by name: bindings in an order that works, evictions, verdicts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

import msgspec
import numpy as np

from kubelogic.placement.constraints.claims import ClaimsPart
from kubelogic.placement.optimal.model import ItemClass, Model
from kubelogic.placement.optimal.state import State
from kubelogic.placement.optimal.tighten import achieved
from kubelogic.placement.placement import Binding, Bound, Conflict, Eviction, Placement, Unplaced, Verdict
from kubelogic.placement.problem import Pod

PLACED = "every pod is placed"
"""The proof where nothing is left."""


def result(
    model: Model,
    state: State,
    *,
    most: Mapping[int, int],
    conflicts: tuple[Conflict, ...],
    statistics: Mapping[str, int],
    proof: str = "",
) -> Placement:
    """The placement that ``state`` holds, with the proven limits ``most`` per priority (none: reached).

    ``proof`` names what proves the limits; where every pod has its place, that is proof enough.
    """
    queues = [_Queue(model, item_class) for item_class in model.item_classes]
    bindings: list[Binding] = []
    nominations: list[Binding] = []
    for item_class, node, volumes, now in _replay(model, state):
        name = model.nodes[node].name
        entry = Binding(pod=queues[item_class].take(name).name, node=name, volumes=volumes)
        (bindings if now else nominations).append(entry)
    evictions = tuple(_evictions(state, nominations))
    bounds, verdicts = _bounds(model, achieved(model, state), most)
    unplaced = [
        Unplaced(pod=pod.name, shape=pod.shape, verdict=verdicts[model.item_classes[k].priority])
        for k, queue in enumerate(queues)
        for pod in queue.left()
    ]
    shape_of = {pod.name: pod.shape for item_class in model.item_classes for pod in item_class.pods}
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
        found=state.found,
        proof=proof if unplaced else PLACED,
    )


class _Queue:
    """The pods of an item class in turn; who was promised a node comes there first, and elsewhere last."""

    def __init__(self, model: Model, item_class: ItemClass) -> None:
        ours = {model.nodes[node].name for k, node in model.reserved if model.item_classes[k] is item_class}
        self._promised: dict[str, list[Pod]] = defaultdict(list)
        self._others: list[Pod] = []
        for pod in reversed(item_class.pods):
            if pod.nominated in ours:
                self._promised[pod.nominated].append(pod)
            else:
                self._others.append(pod)

    def take(self, node: str) -> Pod:
        """The next pod for the node."""
        if promised := self._promised.get(node):
            return promised.pop()
        if self._others:
            return self._others.pop()
        return next(pods for _, pods in sorted(self._promised.items()) if pods).pop()

    def left(self) -> tuple[Pod, ...]:
        """Those that were not taken, in their order."""
        rest = [*self._others, *(pod for pods in self._promised.values() for pod in pods)]
        return tuple(sorted(rest, key=lambda pod: (pod.order, pod.name)))


def _puts(model: Model, state: State) -> Iterator[tuple[int, int, tuple[tuple[str, str], ...]]]:
    """Each placed pod as item class, node and volumes: the ordered ones as they came, then low priorities first."""
    for step in state.steps:
        yield step.item_class, step.node, step.volumes
    for k in reversed(range(len(model.item_classes))):
        if not model.item_classes[k].ordered:
            for n in np.repeat(np.arange(len(model.nodes)), state.placed[k]).tolist():
                yield k, n, ()


def _replay(model: Model, state: State) -> Iterator[tuple[int, int, tuple[tuple[str, str], ...], bool]]:
    """Each placed pod and whether it can be bound now, that is with all running pods still there.

    A pod for which another was evicted always waits; low priorities come first, so that the others are
    those who wait for room.
    """
    puts = _puts(model, state)
    if not state.released:
        yield from ((*put, True) for put in puts)
        return
    fresh = State(model, reserve=False)
    reserved = {(entry.item_class, entry.node) for entry in state.evicted}
    later = []
    for item_class, node, _ in puts:
        entry = model.item_classes[item_class]
        plain = not entry.coupled and node not in state.released
        if (item_class, node) in reserved or not (
            plain or (fresh.open(item_class)[node] and _settled(fresh, state, item_class, node))
        ):
            reserved.discard((item_class, node))
            later.append((item_class, node))
        else:
            yield item_class, node, fresh.put(item_class, node), True
    for pod in state.gone:
        fresh.release(pod)
    for item_class, node in later:
        yield item_class, node, fresh.put(item_class, node), False


def _settled(fresh: State, state: State, item_class: int, node: int) -> bool:
    """Whether a binding now would give the claims of the item class what they have in ``state``.

    The pod that was to settle a claim may have to wait; what comes after it relies on its choice.
    """
    shape = state.model.item_classes[item_class].shapes[0]
    return fresh.coupling.of(ClaimsPart).would_give(shape, node) == state.coupling.of(ClaimsPart).gave(shape)


def _evictions(state: State, nominations: list[Binding]) -> Iterator[Eviction]:
    waiting: dict[str, list[str]] = defaultdict(list)
    for entry in nominations:
        waiting[entry.node].append(entry.pod)
    for evicted in state.evicted:
        node = state.model.nodes[evicted.node].name
        item_class = {pod.name for pod in state.model.item_classes[evicted.item_class].pods}
        winners = [pod for pod in waiting[node] if pod in item_class]
        yield Eviction(
            pod=evicted.pod.name, node=node, beneficiary=winners[0] if winners else "", breaks=evicted.breaks
        )


def adopted(model: Model, theirs: Placement, *, most: Mapping[int, int]) -> Placement:
    """What the one-by-one scheduler decided, as far as it comes true, with the limits ``most``.

    Evictions for pods that found their room taken in the end are left out.
    """
    nominated = {entry.pod: entry.node for entry in theirs.nominations}
    evictions = tuple(entry for entry in theirs.evictions if entry.beneficiary in nominated)
    bound = {entry.pod for entry in theirs.bindings}
    placed = Counter({item_class.priority: 0 for item_class in model.item_classes})
    priority = {shape.name: shape.priority for shape in model.shapes}
    shape_of = {pod.name: pod.shape for pod in model.problem.pods}
    placed.update(priority[shape_of[name]] for name in (*bound, *nominated))
    placed.subtract(priority[shape_of[entry.pod]] for entry in evictions)
    bounds, verdicts = _bounds(model, placed, most)
    unplaced = tuple(
        Unplaced(
            pod=pod.name,
            shape=pod.shape,
            verdict="waiting" if pod.name in nominated else verdicts[item_class.priority],
            node=nominated.get(pod.name, ""),
        )
        for item_class in model.item_classes
        for pod in item_class.pods
        if pod.name not in bound
    )
    return Placement(
        scheduler="optimal",
        bindings=tuple(msgspec.structs.replace(entry, ties=(), tied=0) for entry in theirs.bindings),
        evictions=tuple(msgspec.structs.replace(entry, breaks=broken) for entry, broken in _broken(model, evictions)),
        nominations=tuple(msgspec.structs.replace(entry, ties=(), tied=0) for entry in theirs.nominations),
        unplaced=unplaced,
        bounds=bounds,
        complete=all(entry.verdict != "unknown" for entry in unplaced),
    )


def _broken(model: Model, evictions: tuple[Eviction, ...]) -> Iterator[tuple[Eviction, tuple[str, ...]]]:
    """The evictions with the budgets that each goes beyond, in their order."""
    left = {budget.name: budget.allowed for budget in model.problem.budgets}
    budgets = {pod.name: pod.budgets for pod in model.there}
    for entry in evictions:
        for name in budgets[entry.pod]:
            left[name] -= 1
        yield entry, tuple(sorted(name for name in budgets[entry.pod] if left[name] < 0))


def standing(model: Model, placement: Placement, *, above: int | None = None) -> tuple[int, ...]:
    """How good a placement is, higher first: pods gained by priority, then budgets broken, then evictions.

    Args:
        above: Count the pods of higher priorities only.
    """
    priority = {shape.name: shape.priority for shape in model.shapes}
    shape_of = {pod.name: pod.shape for pod in model.problem.pods}
    gained = Counter(priority[shape_of[entry.pod]] for entry in (*placement.bindings, *placement.nominations))
    gained.subtract(priority[shape_of[entry.pod]] for entry in placement.evictions)
    levels = sorted(set(priority.values()), reverse=True)
    if above is not None:
        return tuple(gained[level] for level in levels if level > above)
    broken = sum(len(entry.breaks) for entry in placement.evictions)
    return (*(gained[level] for level in levels), -broken, -len(placement.evictions))


def _bounds(
    model: Model, gained: Mapping[int, int], most: Mapping[int, int]
) -> tuple[tuple[Bound, ...], Mapping[int, Verdict]]:
    """What is proved of each priority of the waiting pods, from pods gained by priority."""
    bounds: list[Bound] = []
    verdicts: dict[int, Verdict] = {}
    tight = True
    for priority in sorted({item_class.priority for item_class in model.item_classes}, reverse=True):
        total = sum(n for level, n in gained.items() if level >= priority)
        limit = most.get(priority, total)
        tight = tight and limit == total
        verdicts[priority] = "impossible" if tight else "unknown"
        bounds.append(Bound(priority=priority, most=limit, placed=total))
    return tuple(bounds), verdicts
