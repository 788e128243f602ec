"""The stages of the joint placement: each takes what there is and makes it better, or proves that it cannot be."""

from __future__ import annotations

from kubelogic.placement.optimal.improve import improve
from kubelogic.placement.optimal.limits import Deadline
from kubelogic.placement.optimal.model import Model
from kubelogic.placement.optimal.pack import LANE, insert, place_coupled, split
from kubelogic.placement.optimal.state import State
from kubelogic.placement.optimal.tighten import Weights
from kubelogic.placement.optimal.wishes import Wishes
from kubelogic.placement.placement import Placement

BRANCHES = 100
_EVEN_CELLS, _COMPARED_CELLS = 1_000_000, 20_000_000


def small(model: Model) -> bool:
    """Whether there are few enough pairs of pod and node to go pod by pod."""
    return int(model.counts.sum()) * len(model.nodes) <= _EVEN_CELLS


def comparable(model: Model) -> bool:
    """Whether there are few enough pairs of pod and node to see what one pod at a time would place."""
    return int(model.counts.sum()) * len(model.nodes) <= _COMPARED_CELLS


def waits(model: Model) -> bool:
    """Whether promised nodes may be taken until terminating pods are gone."""
    return bool(model.reserved) and any(pod.terminating for pod in model.there)


def promised(model: Model) -> tuple[tuple[int, int], ...]:
    """The item classes and nodes of waiting pods that still fit on the node promised to them, once terminating pods
    are gone.

    In the order of the queue, each beside those before it, as kube-scheduler reserves room for nominated pods.
    """
    nominated = [
        (-item_class.priority, pod.order, pod.name, k, model.node_index[pod.nominated])
        for k, item_class in enumerate(model.item_classes)
        for pod in item_class.pods
        if pod.nominated in model.node_index
    ]
    if not nominated:
        return ()
    state = State(model, reserve=False)
    for pod in model.running:
        if pod.terminating:
            state.release(pod)
    found: list[tuple[int, int]] = []
    for *_, item_class, node in sorted(nominated):
        if state.open(item_class)[node]:
            state.put(item_class, node)
            found.append((item_class, node))
    return tuple(found)


def evenly(model: Model, expired: Deadline) -> State:
    """Pod by pod, where wishes and balance prefer it: right if everything fits that way."""
    if not small(model):
        return State(model)
    state = State(model, wishes=Wishes(model))
    state.found = "pod by pod"
    place_coupled(state)
    insert(state)
    improve(state, expired=expired)
    return state


def tightly(model: Model, expired: Deadline) -> State:
    """Class by class, so that as much as possible fits: by even shares, and if those leave pods out, as z3 says."""
    start = State(model)
    place_coupled(start)
    rough = _roughly(start)
    if rough is not None and not rough.left.any():
        return rough
    from kubelogic.placement.optimal import relax  # z3, which takes long to load and most problems do not need

    quota = relax.guide(model, start.free, start.left, deadline=expired)
    found: list[State] = []
    for lane in (LANE, len(model.nodes)) if len(model.nodes) > LANE and comparable(model) else (LANE,):
        state = start.copy()
        state.found = "class counts by z3"
        split(state, quota, lane=lane)
        insert(state)
        improve(state, expired=expired)
        found.append(state)
        if not state.left.any():
            return state
    if rough is not None:
        improve(rough, expired=expired)
        found.append(rough)
    return max(found, key=State.score)


def _roughly(start: State) -> State | None:
    """``start`` with the other pods dealt out by even shares; None if those cannot place everything."""
    model = start.model
    if any(start.left[k] for k, item_class in enumerate(model.item_classes) if item_class.coupled):
        return None
    from kubelogic.placement.optimal.shares import even_shares

    quota, load = even_shares(model, start.free, start.left)
    if load > 1.0:
        return None
    state = start.copy()
    state.found = "even shares of classes"
    split(state, quota)
    insert(state)
    return state


def make_way(model: Model, weights: Weights, state: State, expired: Deadline) -> State:
    """What is left waits for terminating pods and for victims; or for victims alone, if that places more."""
    if not state.left.any() and not waits(model):
        return state
    later = state.copy()
    _wait_for_leavers(later, expired)
    _preempt(later, expired)
    if not later.released or waits(model) or not any(pod.terminating for pod in model.there):
        return later
    # A pod that terminates can help while it is there: by its affinity, or a volume that it shares.
    _preempt(state, expired)
    worth, other = weights.value(model, later), weights.value(model, state)
    return state if (other, -len(state.evicted)) > (worth, -len(later.evicted)) else later


def _wait_for_leavers(state: State, expired: Deadline) -> None:
    """Let what is left have the room of pods that are terminating already."""
    leaving = [pod for pod in state.model.running if pod.terminating]
    for pod in leaving:
        state.release(pod)
    if leaving:
        place_coupled(state)
        insert(state)
        improve(state, expired=expired)


def _preempt(state: State, expired: Deadline) -> None:
    running = min(
        (state.model.shapes[state.model.shape_index[p.shape]].priority for p in state.model.there), default=None
    )
    levels = {item_class.priority for item_class in state.model.item_classes}
    if len(levels) > 1 or (running is not None and running < max(levels, default=running)):
        from kubelogic.placement.optimal.preempt import Preemption

        Preemption(state).run(expired=expired)


def better(model: Model, weights: Weights, state: State, other: State) -> State:
    """The one that is worth more; the first if both are worth the same."""
    return other if weights.value(model, other) > weights.value(model, state) else state


def one_by_one(model: Model, theirs: Placement, weights: Weights, state: State, expired: Deadline) -> State:
    """The better of ``state`` and what the one-by-one scheduler binds."""
    return better(model, weights, state, resumed(model, theirs, expired))


def resumed(model: Model, placement: Placement, expired: Deadline) -> State:
    """What is right of a placement of these or other pods, improved."""
    item_classes = {
        model.shapes[shape].name: k for k, item_class in enumerate(model.item_classes) for shape in item_class.shapes
    }
    kind_of = {pod.name: item_classes[pod.shape] for pod in model.problem.pods if not pod.node}
    state = State(model)
    state.found = "one pod at a time"
    for binding in placement.bindings:
        item_class, node = kind_of.get(binding.pod), model.node_index[binding.node]
        if item_class is not None and state.left[item_class] > 0 and state.open(item_class)[node]:
            state.put(item_class, node)
    insert(state)
    improve(state, expired=expired)
    return state
