"""How many pods of each item class fit at most, per node and in all: what every placement has to keep to."""

from __future__ import annotations

import numpy as np

from kubelogic.placement.constraints.attach import AttachPart
from kubelogic.placement.constraints.every import CONSTRAINTS, alone, coupling
from kubelogic.placement.constraints.resources import lower_to_free
from kubelogic.placement.optimal.model import Ints, Mask, Model
from kubelogic.placement.optimal.state import request_of
from kubelogic.placement.optimal.upper_bounds import Bounding, UpperBounds


def upper_bounds(model: Model) -> UpperBounds:
    """The limits of the problem as a whole, before anything is placed, evictable pods not counted."""
    top = max(
        (item_class.priority for item_class in model.item_classes if model.shapes[item_class.shapes[0]].preempts),
        default=None,
    )
    lower = {shape.name for shape in model.shapes if top is not None and shape.priority < top}
    leavers: dict[tuple[int, int], Ints] = {}
    free = np.array(model.free.T, order="C")
    going = [pod for pod in model.running if pod.terminating or (pod.movable and pod.shape in lower)]
    for pod in going:
        node, shape = model.node_index[pod.node], model.shape_index[pod.shape]
        request = leavers[node, shape] = request_of(model, shape)
        free[:, node] += request
    stay = model.running
    if going:
        stay = tuple(pod for pod in stay if not (pod.terminating or (pod.movable and pod.shape in lower)))
    bounds = Bounding(
        model=model,
        coupling=coupling(model, running=stay),
        waiting=frozenset(model.shapes[i].name for item_class in model.item_classes for i in item_class.shapes),
        leaving=frozenset(pod.shape for pod in going),
        leavers=leavers,
        free=free,
        room=solo(model, free, model.counts),
        count=model.counts.copy(),
        links=[],
        branchings=[],
    )
    for k, item_class in enumerate(model.item_classes):
        if item_class.coupled:
            _bound(bounds, k)
    return UpperBounds(
        room=bounds.room,
        count=bounds.count,
        conflict=conflicts(model),
        free=free,
        leave=tuple(pod for pod in going if not pod.terminating),
        links=tuple(bounds.links),
        fixed=np.zeros_like(bounds.room),
        branchings=tuple(bounds.branchings),
    )


def most_alone(known: UpperBounds) -> Ints:
    """How many pods of each item class there can be at most, whatever becomes of the other item classes."""
    most: Ints = np.minimum(known.count, known.room.sum(axis=1)) + known.fixed.sum(axis=1)
    return most


def solo(model: Model, free: Ints, counts: Ints) -> Ints:
    """How many pods of each item class each node could take if it were alone there: item classes by nodes."""
    room = np.where(model.allowed, counts[:, None], 0)
    for k in range(len(model.item_classes)):
        lower_to_free(model, free, k, room[k])
        if alone(model.shapes[model.item_classes[k].shapes[0]]):
            np.minimum(room[k], 1, out=room[k])
    return room


def _bound(bounds: Bounding, item_class: int) -> None:
    """Lower the bounds of a coupled item class to what its own constraints leave in any case."""
    model = bounds.model
    shape = model.item_classes[item_class].shapes[0]
    # A pod that may leave can also help: a volume that it has on a node is not one more there.
    mine = set(model.shapes[shape].attaches)
    shared = any(mine & set(other.attaches) for other in model.shapes if other.name in bounds.leaving)
    open_ = bounds.coupling.open_for_good(shape, without=AttachPart if shared else None)
    bounds.room[item_class][~open_] = 0
    for constraint in CONSTRAINTS:
        constraint.bound(bounds, item_class)


def conflicts(model: Model) -> Mask:
    """Which item classes can never share a node."""
    conflict = np.zeros((len(model.item_classes), len(model.item_classes)), dtype=np.bool_)
    coupled = [k for k, item_class in enumerate(model.item_classes) if item_class.coupled]
    for constraint in CONSTRAINTS:
        for one, other in constraint.apart(model, coupled):
            conflict[one, other] = True
    return conflict
