"""A placement in the making: what is free where, and how many pods of each item class each node got."""

from __future__ import annotations

import msgspec
import numpy as np

from kubelogic.placement.constraints.every import coupling
from kubelogic.placement.optimal.model import Floats, Ints, Mask, Model
from kubelogic.placement.optimal.wishes import Wishes
from kubelogic.placement.problem import Pod


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One binding of an ordered item class, with the volumes its claims got."""

    item_class: int
    node: int
    volumes: tuple[tuple[str, str], ...]


class Evicted(msgspec.Struct, frozen=True, kw_only=True):
    """A running pod that leaves ``node`` for one of ``item_class``; ``breaks`` are the budgets this goes beyond."""

    pod: Pod
    node: int
    item_class: int
    breaks: tuple[str, ...]


class State:
    """Mutable within one solve. ``free`` is resources by nodes, ``placed`` item classes by nodes.

    Starts with the pods that were promised a node there. ``pinned`` nodes are those from which nothing is moved.
    ``found`` says which stage the placement comes from.
    """

    def __init__(self, model: Model, *, wishes: Wishes | None = None, reserve: bool = True) -> None:
        self.model = model
        self.free: Ints = np.array(model.free.T, order="C")
        self.placed: Ints = np.zeros((len(model.item_classes), len(model.nodes)), dtype=np.int64)
        self.left: Ints = model.counts
        self.coupling = coupling(model)
        self._wishes = wishes
        self.steps: list[Step] = []
        self.pinned: Mask = np.zeros(len(model.nodes), dtype=np.bool_)
        self.released: set[int] = set()
        self.gone: list[Pod] = []
        self.evicted: list[Evicted] = []
        self.found = ""
        scale = np.maximum(model.capacity.sum(axis=0), 1).astype(np.float64)
        demand = (model.request * model.counts[:, None]).sum(axis=0) / np.maximum(
            np.maximum(model.free, 0).sum(axis=0), 1
        )
        self.weight: Floats = np.maximum(demand, 1e-3) / scale * len(model.nodes)
        self.size: Floats = model.request @ self.weight
        self.slack: Floats = self.weight @ self.free
        self._columns = [[(c, int(row[c])) for c in np.flatnonzero(row)] for row in model.request]
        for item_class, node in model.reserved if reserve else ():
            # It may have to wait for pods that are terminating: then the node is overfull until they are gone.
            self.put(item_class, node)
            self.pinned[node] = True

    def copy(self) -> State:
        """An independent copy, for a neighbourhood that may be given up again."""
        other = State.__new__(State)
        other.model, other.weight, other.size = self.model, self.weight, self.size
        other._wishes, other.found = None, self.found
        other.free, other.placed, other.left = self.free.copy(), self.placed.copy(), self.left.copy()
        other.slack, other.steps, other._columns = self.slack.copy(), list(self.steps), self._columns
        other.evicted, other.gone = list(self.evicted), list(self.gone)
        other.pinned, other.released = self.pinned.copy(), set(self.released)
        other.coupling = self.coupling.copy()
        return other

    def room(self, item_class: int) -> Mask:
        """The allowed nodes with room for one more of the item class, constraints between pods aside."""
        mask: Mask = self.model.allowed[item_class].copy()
        for column, amount in self._columns[item_class]:
            mask &= self.free[column] >= amount
        return mask

    def has_room(self, item_class: int, node: int) -> bool:
        """The same of one node that is allowed."""
        return all(self.free[column, node] >= amount for column, amount in self._columns[item_class])

    def room_for(self, item_class: int) -> Ints:
        """How many more of the item class each node has resources for, up to how many are left."""
        room = np.full(len(self.model.nodes), self.left[item_class], dtype=np.int64)
        for column, amount in self._columns[item_class]:
            np.minimum(room, np.maximum(self.free[column], 0) // amount, out=room)
        return room

    def open(self, item_class: int, room: Mask | None = None) -> Mask:
        """The nodes that can take one more of the item class now, of those with ``room``, where that is known."""
        mask = self.room(item_class) if room is None else room.copy()
        entry = self.model.item_classes[item_class]
        if entry.coupled and mask.any():
            mask &= self.coupling.open(entry.shapes[0])
        return mask

    def put(self, item_class: int, node: int) -> tuple[tuple[str, str], ...]:
        """One more pod of the item class on the node, which has to be open to it; answers the volumes that its claims
        got.
        """
        self.free[:, node] -= self.model.request[item_class]
        self.placed[item_class, node] += 1
        self.left[item_class] -= 1
        self.slack[node] -= self.size[item_class]
        entry = self.model.item_classes[item_class]
        if self._wishes is not None:
            self._wishes.change(self.model.shapes[entry.shapes[0]].name, node, 1)
        if entry.coupled:
            volumes = self.coupling.add(entry.shapes[0], node)
            if entry.ordered:
                self.steps.append(Step(item_class=item_class, node=node, volumes=volumes))
            return volumes
        return ()

    def put_many(self, item_classes: Ints, counts: Ints) -> None:
        """More pods of item classes that are not coupled: ``counts`` has the item classes by nodes. Wishes do not
        hear of it.
        """
        self.placed[item_classes] += counts
        self.left[item_classes] -= counts.sum(axis=1)
        self.free -= self.model.request[item_classes].T @ counts
        self.slack -= self.size[item_classes] @ counts

    def take(self, item_class: int, node: int) -> None:
        """One pod of an item class that is not ordered leaves the node and waits again."""
        self.free[:, node] += self.model.request[item_class]
        self.placed[item_class, node] -= 1
        self.left[item_class] += 1
        self.slack[node] += self.size[item_class]
        entry = self.model.item_classes[item_class]
        if self._wishes is not None:
            self._wishes.change(self.model.shapes[entry.shapes[0]].name, node, -1)
        if entry.coupled:
            self.coupling.remove(entry.shapes[0], node)

    def evict(self, pod: Pod, node: int, *, item_class: int, breaks: tuple[str, ...]) -> None:
        """A running pod leaves for one of ``item_class``."""
        self.release(pod)
        self.pinned[node] = True
        self.evicted.append(Evicted(pod=pod, node=node, item_class=item_class, breaks=breaks))

    def release(self, pod: Pod) -> None:
        """Count on the room of a running pod that is going away."""
        shape, node = self.model.shape_index[pod.shape], self.model.node_index[pod.node]
        request = request_of(self.model, shape)
        self.released.add(node)
        self.gone.append(pod)
        self.free[:, node] += request
        self.slack[node] += self.weight @ request
        self.coupling.remove(shape, node, counted=not pod.terminating)

    def choose(self, item_class: int, mask: Mask) -> int:
        """The node of ``mask`` for one more of the item class: the fullest, or the one that wishes and balance
        prefer.
        """
        if self._wishes is None:
            return self.best(mask)
        nodes = np.flatnonzero(mask)
        worth = self._wishes.worth(item_class, nodes)
        nodes = nodes[worth >= worth.max() - 1e-9]
        used = np.zeros(len(nodes))
        for column, amount in self._columns[item_class]:
            capacity = np.maximum(self.model.capacity[nodes, column], 1)
            np.maximum(used, 1.0 - (self.free[column, nodes] - amount) / capacity, out=used)
        return int(nodes[np.argmin(used)])

    def best(self, mask: Mask) -> int:
        """The node of ``mask`` that the pod leaves fullest; the first by name of several."""
        nodes = np.flatnonzero(mask)
        return int(nodes[np.argmin(self.slack[nodes])])

    def score(self) -> tuple[int, ...]:
        """How many pods of each priority are placed, from the highest down."""
        placed = self.placed.sum(axis=1)
        levels = sorted({item_class.priority for item_class in self.model.item_classes}, reverse=True)
        return tuple(
            int(sum(placed[k] for k, item_class in enumerate(self.model.item_classes) if item_class.priority == level))
            for level in levels
        )


def request_of(model: Model, shape: int) -> Ints:
    """What a pod of the shape asks, by the model's resources."""
    requests = model.shapes[shape].requests
    return np.array([requests.get(resource, 0) for resource in model.resources], dtype=np.int64)
