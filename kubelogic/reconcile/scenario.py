"""Scenarios: what people and the world do to a cluster at given times."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import singledispatch
from typing import Any

from kubelogic.apiserver import requests, rollback
from kubelogic.apiserver.answers import Status
from kubelogic.apiserver.requests import Outcome
from kubelogic.cluster import Object
from kubelogic.cluster.clock import timestamp
from kubelogic.cluster.edit import uid_of
from kubelogic.cluster.state import State
from kubelogic.logic import Row
from kubelogic.text import documents
from kubelogic.text.origin import ItemOrigin

DRAIN_RETRY = 5_000
"""Milliseconds after which ``kubectl drain`` tries again to evict what a budget protects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that someone does."""

    @property
    def type(self) -> str:
        """Its name in timelines."""
        return type(self).__name__

    def arguments(self) -> dict[str, Any]:
        """Its arguments by field name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Apply(Operation):
    """Objects are made, or changed as ``kubectl apply`` does it: fields that the manifest never had stay.

    ``replace``: they replace those of the same name, as ``kubectl replace`` does; their status stays.
    """

    objects: tuple[Object, ...]
    server_side: bool = True
    replace: bool = False

    def arguments(self) -> dict[str, Any]:
        """The names of the objects."""
        return {"objects": [str(obj) for obj in self.objects], "replaced": self.replace}


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch(Operation):
    """A patch: ``strategic`` (as kubectl patch does by itself), ``merge``, or ``json`` with its ``operations``."""

    kind: str
    key: str
    patch: Mapping[str, Any]
    how: str = "strategic"
    operations: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale(Operation):
    """The number of replicas."""

    kind: str
    key: str
    replicas: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SetImage(Operation):
    """The image of a container of a pod template; of all containers if ``container`` is empty."""

    kind: str
    key: str
    image: str
    container: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Undo(Operation):
    """Back to a revision of a Deployment; 0 is the one before."""

    key: str
    revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause(Operation):
    """A Deployment is paused, or goes on."""

    key: str
    paused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete(Operation):
    """An object is deleted; ``grace``: seconds for a pod to end, 0 to remove it at once."""

    kind: str
    key: str
    propagation: str = ""
    grace: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evict(Operation):
    """A pod is evicted, unless a budget forbids it."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FailNode(Operation):
    """Nothing is heard of a node from now on."""

    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HealNode(Operation):
    """A node is back."""

    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cordon(Operation):
    """A node takes no new pods, or does again."""

    node: str
    unschedulable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain(Operation):
    """A node is cordoned and its pods are evicted, as ``kubectl drain`` does it (see ``drains``).

    Attributes:
        node: its name.
        force: also pods that no controller makes anew.
        delete_empty_dir: also pods whose emptyDir volumes are lost with them.
        ignore_daemon_sets: leave pods of DaemonSets alone, instead of refusing because of them.
    """

    node: str
    force: bool = False
    delete_empty_dir: bool = False
    ignore_daemon_sets: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Taint(Operation):
    """A taint is put on a node, or taken off (``present`` False)."""

    node: str
    taint: str
    effect: str
    value: str = ""
    present: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Behave(Operation):
    """How containers of an image behave from now on; what is None stays.

    Attributes:
        image: its name.
        pull: whether it can be pulled.
        start: whether its containers can be started.
        ready: whether its containers become ready.
        ready_after: milliseconds that they take for it.
        exit_after: milliseconds after which they end, with ``exit_code``.
        exit_code: see ``exit_after``.
        exits: False takes back what was said of ``exit_after``.
        stops: whether they stop when asked to, before their grace period is over.
    """

    image: str
    pull: bool | None = None
    start: bool | None = None
    ready: bool | None = None
    ready_after: int | None = None
    exit_after: int | None = None
    exit_code: int = 0
    exits: bool | None = None
    stops: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure(Operation):
    """What the pods of a workload use from now on, for autoscalers.

    Attributes:
        kind: kind of the workload.
        key: its key.
        metric: name of the metric, such as ``cpu``.
        each: what every running pod uses: bytes for memory, thousandths for everything else.
        total: what the ready pods share, in the same unit, instead.
    """

    kind: str
    key: str
    metric: str
    each: int | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TellPod(Operation):
    """A pod becomes ready or unready, or its containers end with a code."""

    key: str
    ready: bool | None = None
    exit_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An operation at a time, in milliseconds from the start."""

    at: int
    operation: Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Events, and how long to look ahead after the start (milliseconds; None: until nothing happens any more)."""

    events: tuple[Event, ...] = ()
    horizon: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Performed:
    """What an operation did; ``again`` is the operation to try once more after ``DRAIN_RETRY``, if any."""

    state: State
    answer: Status
    again: Operation | None = None


_DONE = Status(status=200)


@singledispatch
def perform(operation: Operation, state: State) -> Performed:  # noqa: ARG001 - the argument of all that follow
    """Do it now.

    Args:
        operation: what to do.
        state: as it is.
    """
    raise TypeError(f"no way to perform {operation.type}")


def _performed(outcome: Outcome) -> Performed:
    return Performed(state=outcome.state, answer=outcome.answer)


@perform.register
def _(operation: Apply, state: State) -> Performed:
    refused: list[Status] = []
    for obj in operation.objects:
        written = written_document(obj) or obj.document
        if operation.replace:
            outcome = requests.replace_object(state, obj.document, namespace=obj.namespace or "default")
        elif obj.kind == "Node" and state.cluster.get("Node", obj.key) is None:
            outcome = requests.create(state, obj.document)  # a kubelet registers it, with what it has
        else:
            outcome = requests.apply(
                state, written, namespace=obj.namespace or "default", server_side=operation.server_side
            )
        state = outcome.state
        if not outcome.answer.accepted:
            refused.append(outcome.answer)
    if len(refused) > 1:
        return Performed(state=state, answer=replace(refused[0], message="; ".join(each.message for each in refused)))
    return Performed(state=state, answer=refused[0] if refused else _DONE)


def written_document(obj: Object) -> Mapping[str, Any] | None:
    """The document of an object as it stands in its file, without defaults; None if no file holds it."""
    if not isinstance(obj.origin, ItemOrigin):
        return None
    found = documents.written(obj.origin)
    return found if isinstance(found, dict) else None


@perform.register
def _(operation: Patch, state: State) -> Performed:
    if operation.how == "json":
        outcome = requests.json_patch(state, operation.kind, operation.key, operation.operations)
    elif operation.how == "merge":
        outcome = requests.patch(state, operation.kind, operation.key, operation.patch)
    else:
        outcome = requests.strategic_patch(state, operation.kind, operation.key, operation.patch)
    return _performed(outcome)


@perform.register
def _(operation: Scale, state: State) -> Performed:
    return _performed(requests.scale(state, operation.kind, operation.key, operation.replicas))


@perform.register
def _(operation: SetImage, state: State) -> Performed:
    obj = state.cluster.get(operation.kind, operation.key)
    if obj is None:
        return Performed(state=state, answer=_missing(operation.kind, operation.key))
    template = obj.document["spec"]["template"]
    containers = [
        {**c, "image": operation.image} if operation.container in ("", c["name"]) else c
        for c in template["spec"]["containers"]
    ]
    change = {"spec": {"template": {"spec": {"containers": containers}}}}
    return _performed(requests.patch(state, operation.kind, operation.key, change))


@perform.register
def _(operation: Undo, state: State) -> Performed:
    return _performed(rollback.undo(state, operation.key, operation.revision))


@perform.register
def _(operation: Pause, state: State) -> Performed:
    change = {"spec": {"paused": True if operation.paused else None}}
    return _performed(requests.patch(state, "Deployment", operation.key, change))


@perform.register
def _(operation: Delete, state: State) -> Performed:
    return _performed(
        requests.delete(state, operation.kind, operation.key, propagation=operation.propagation, grace=operation.grace)
    )


@perform.register
def _(operation: Evict, state: State) -> Performed:
    return _performed(requests.evict(state, operation.key))


@perform.register
def _(operation: FailNode, state: State) -> Performed:
    if state.cluster.get("Node", operation.node) is None:
        return Performed(state=state, answer=_missing("Node", operation.node))
    if _world_rows(state, "node_silent_since", operation.node):
        return Performed(state=state, answer=_DONE)
    return Performed(state=state.with_world(add=[("node_silent_since", (operation.node, state.now))]), answer=_DONE)


@perform.register
def _(operation: HealNode, state: State) -> Performed:
    return Performed(
        state=state.with_world(remove=_world_rows(state, "node_silent_since", operation.node)), answer=_DONE
    )


@perform.register
def _(operation: Cordon, state: State) -> Performed:
    return _performed(requests.cordon(state, operation.node, unschedulable=operation.unschedulable))


@perform.register
def _(operation: Taint, state: State) -> Performed:
    node = state.cluster.get("Node", operation.node)
    if node is None:
        return Performed(state=state, answer=_missing("Node", operation.node))
    taints = [
        taint
        for taint in (node.document.get("spec") or {}).get("taints") or ()
        if (taint.get("key"), taint.get("effect")) != (operation.taint, operation.effect)
    ]
    if operation.present:
        added = {"key": operation.taint, "effect": operation.effect}
        if operation.value:
            added["value"] = operation.value
        if operation.effect == "NoExecute":
            added["timeAdded"] = timestamp(state.now)
        taints.append(added)
    return _performed(requests.patch(state, "Node", operation.node, {"spec": {"taints": taints or None}}))


@perform.register
def _(operation: Measure, state: State) -> Performed:
    about: Row = (operation.kind, operation.key, "", operation.metric)
    remove = [
        (predicate, row)
        for predicate in ("workload_uses", "workload_carries")
        for row in state.world.get(predicate, ())
        if row[:4] == about
    ]
    add: list[tuple[str, Row]] = []
    if operation.each is not None:
        add.append(("workload_uses", (*about, operation.each)))
    if operation.total is not None:
        add.append(("workload_carries", (*about, operation.total)))
    return Performed(state=state.with_world(remove=remove, add=add), answer=_DONE)


@perform.register
def _(operation: Behave, state: State) -> Performed:
    image = operation.image
    remove: list[tuple[str, Row]] = []
    add: list[tuple[str, Row]] = []

    def choose(predicate: str, chosen: Sequence[Row] | None) -> None:
        if chosen is not None:
            remove.extend(_world_rows(state, predicate, image))
            add.extend((predicate, row) for row in chosen)

    flag: Callable[[bool | None], Sequence[Row] | None] = lambda off: (  # noqa: E731
        None if off is None else ([] if off else [(image,)])
    )
    was_missing = bool(_world_rows(state, "image_cannot_be_pulled", image))
    choose("image_cannot_be_pulled", flag(operation.pull))
    if operation.pull is not None:
        choose("image_pulled_again", [(image, state.now)] if operation.pull and was_missing else [])
    choose("image_cannot_start", flag(operation.start))
    choose("image_stays_unready", flag(operation.ready))
    choose("image_ignores_stop", flag(operation.stops))
    if operation.ready_after is not None:
        choose("image_ready_after", [(image, operation.ready_after)])
    if operation.exits is False:
        choose("image_exits", [])
    if operation.exit_after is not None:
        choose("image_exits", [(image, operation.exit_after, operation.exit_code)])
    return Performed(state=state.with_world(remove=remove, add=add), answer=_DONE)


@perform.register
def _(operation: TellPod, state: State) -> Performed:
    pod = state.cluster.get("Pod", operation.key)
    if pod is None:
        return Performed(state=state, answer=_missing("Pod", operation.key))
    uid = uid_of(pod)
    if operation.exit_code is not None:
        state = state.with_world(add=[("pod_told_to_end", (uid, operation.exit_code))])
    if operation.ready is not None:
        said = 1 if operation.ready else 0
        state = state.with_world(remove=[("pod_said_ready", (uid, 1 - said))], add=[("pod_said_ready", (uid, said))])
    return Performed(state=state, answer=_DONE)


def _world_rows(state: State, predicate: str, first: str) -> list[tuple[str, Row]]:
    return [(predicate, row) for row in state.world.get(predicate, ()) if row[0] == first]


def _missing(kind: str, key: str) -> Status:
    return Status(status=404, reason="NotFound", message=f"{kind} {key} does not exist")


def later(event: Event, by: int) -> Event:
    """The same event, later by so many milliseconds."""
    return replace(event, at=event.at + by)
