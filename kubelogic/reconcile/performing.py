"""Operations of scenarios, done: each is a request to the API server, or something that befalls the world."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import singledispatch
from typing import Any

import msgspec
from msgspec.structs import replace

from kubelogic.apiserver import history, requests, rollback
from kubelogic.apiserver.answers import Status
from kubelogic.apiserver.requests import Outcome
from kubelogic.cluster import Object
from kubelogic.cluster.clock import timestamp
from kubelogic.cluster.edit import uid_of
from kubelogic.cluster.state import State
from kubelogic.logic import Row
from kubelogic.reconcile import scenario
from kubelogic.reconcile.scenario import Operation
from kubelogic.text import documents
from kubelogic.text.origin import ItemOrigin


class Later(msgspec.Struct, frozen=True, kw_only=True):
    """What follows an operation by itself, so many milliseconds later."""

    operation: Operation
    after: int


class Performed(msgspec.Struct, frozen=True, kw_only=True):
    """What an operation did.

    Attributes:
        state: afterwards.
        answer: of the API server; for what is no request, that it is done.
        again: what to try again after the parameter ``drain_retry``, if anything.
        later: what follows at its own time, if anything.
    """

    state: State
    answer: Status
    again: Operation | None = None
    later: Later | None = None


@singledispatch
def perform(operation: Operation, state: State) -> Performed:  # noqa: ARG001 - the argument of all that follow
    """Do it now.

    Args:
        operation: what to do.
        state: as it is.
    """
    raise TypeError(f"no way to perform {operation.type}")


def performed(outcome: Outcome) -> Performed:
    """What a request did."""
    return Performed(state=outcome.state, answer=outcome.answer)


def done(state: State) -> Performed:
    """What befell the world; nobody could refuse it."""
    return Performed(state=state, answer=Status(status=200))


def refused(state: State, message: str, *, status: int = 400, reason: str = "BadRequest") -> Performed:
    """Nothing, because a client or the world refuses it."""
    return Performed(state=state, answer=Status(status=status, reason=reason, message=message))


def missing(state: State, kind: str, key: str) -> Performed:
    """Nothing, because an object is not there."""
    return refused(state, f"{kind} {key} does not exist", status=404, reason="NotFound")


@perform.register
def _(operation: scenario.Apply, state: State) -> Performed:
    refusals: list[Status] = []
    before = {(obj.kind, obj.key): written_document(obj) or obj.document for obj in operation.last_applied}
    for obj in operation.objects:
        written = written_document(obj) or obj.document
        if operation.replace:
            outcome = requests.replace_object(state, obj.document, namespace=obj.namespace or "default")
        elif obj.kind == "Node" and state.cluster.get("Node", obj.key) is None:
            outcome = requests.create(state, obj.document)  # a kubelet registers it, with what it has
        else:
            outcome = requests.apply(
                state,
                written,
                namespace=obj.namespace or "default",
                server_side=operation.server_side,
                last_applied=before.get((obj.kind, obj.key)),
            )
        state = outcome.state
        if operation.silent and obj.kind == "Node" and outcome.answer.accepted:
            state = state.with_world(add=[("node_silent_since", (obj.name, state.now))])
        if not outcome.answer.accepted:
            refusals.append(outcome.answer)
    if not refusals:
        return done(state)
    return Performed(state=state, answer=replace(refusals[0], message="; ".join(each.message for each in refusals)))


def written_document(obj: Object) -> Mapping[str, Any] | None:
    """The document of an object as it stands in its file, without defaults; None if no file holds it."""
    if not isinstance(obj.origin, ItemOrigin):
        return None
    found = documents.written(obj.origin)
    return found if isinstance(found, dict) else None


@perform.register
def _(operation: scenario.Patch, state: State) -> Performed:
    kind, key, part = operation.kind, operation.key, operation.subresource
    if operation.how == "json":
        outcome = requests.json_patch(state, kind, key, operation.operations, subresource=part)
    elif operation.how == "merge":
        outcome = requests.patch(state, kind, key, operation.patch, subresource=part)
    else:
        outcome = requests.strategic_patch(state, kind, key, operation.patch, subresource=part)
    return performed(outcome)


@perform.register
def _(operation: scenario.Scale, state: State) -> Performed:
    return performed(requests.scale(state, operation.kind, operation.key, operation.replicas))


@perform.register
def _(operation: scenario.SetImage, state: State) -> Performed:
    obj = state.cluster.get(operation.kind, operation.key)
    if obj is None:
        return missing(state, operation.kind, operation.key)
    spec = obj.document["spec"]["template"]["spec"]
    change = {
        field: [
            {"name": c["name"], "image": operation.image}
            for c in spec.get(field) or ()
            if operation.container in ("", c["name"])
        ]
        for field in ("initContainers", "containers")
    }
    if not operation.container:
        del change["initContainers"]
    change = {field: found for field, found in change.items() if found}
    if not change:
        return refused(state, f'unable to find container named "{operation.container}"')
    return performed(
        requests.strategic_patch(state, operation.kind, operation.key, {"spec": {"template": {"spec": change}}})
    )


@perform.register
def _(operation: scenario.Undo, state: State) -> Performed:
    if operation.kind == "Deployment":
        return performed(rollback.undo(state, operation.key, operation.revision))
    return performed(history.undo_revision(state, operation.kind, operation.key, operation.revision))


@perform.register
def _(operation: scenario.Pause, state: State) -> Performed:
    obj = state.cluster.get("Deployment", operation.key)
    if obj is not None and bool(obj.document["spec"].get("paused")) == operation.paused:
        what = "is already paused" if operation.paused else "is not paused"
        return refused(state, f'deployments.apps "{obj.name}" {what}')
    change = {"spec": {"paused": True if operation.paused else None}}
    return performed(requests.patch(state, "Deployment", operation.key, change))


@perform.register
def _(operation: scenario.Delete, state: State) -> Performed:
    return performed(
        requests.delete(state, operation.kind, operation.key, propagation=operation.propagation, grace=operation.grace)
    )


@perform.register
def _(operation: scenario.Evict, state: State) -> Performed:
    return performed(requests.evict(state, operation.key))


@perform.register
def _(operation: scenario.FailNode, state: State) -> Performed:
    if state.cluster.get("Node", operation.node) is None:
        return missing(state, "Node", operation.node)
    if world_rows(state, operation.node, "node_silent_since"):
        return done(state)
    return done(state.with_world(add=[("node_silent_since", (operation.node, state.now))]))


@perform.register
def _(operation: scenario.HealNode, state: State) -> Performed:
    if (off := machine_off(state, operation.node)) is not None:
        return off
    return done(state.with_world(remove=world_rows(state, operation.node, "node_silent_since")))


@perform.register
def _(operation: scenario.Cordon, state: State) -> Performed:
    return performed(requests.cordon(state, operation.node, unschedulable=operation.unschedulable))


@perform.register
def _(operation: scenario.Taint, state: State) -> Performed:
    node = state.cluster.get("Node", operation.node)
    if node is None:
        return missing(state, "Node", operation.node)
    taints = [
        taint
        for taint in (node.document.get("spec") or {}).get("taints") or ()
        if (taint.get("key"), taint.get("effect")) != (operation.taint, operation.effect)
    ]
    if not operation.present and len(taints) == len((node.document.get("spec") or {}).get("taints") or ()):
        message = f'taint "{operation.taint}:{operation.effect}" not found'
        return refused(state, message, status=404, reason="NotFound")
    if operation.present:
        added = {"key": operation.taint, "effect": operation.effect}
        if operation.value:
            added["value"] = operation.value
        if operation.effect == "NoExecute":
            added["timeAdded"] = timestamp(state.now)
        taints.append(added)
    return performed(requests.patch(state, "Node", operation.node, {"spec": {"taints": taints or None}}))


@perform.register
def _(operation: scenario.Measure, state: State) -> Performed:
    about: Row = (operation.kind, operation.key, operation.container, operation.metric)
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
    return done(state.with_world(remove=remove, add=add))


@perform.register
def _(operation: scenario.Behave, state: State) -> Performed:
    image = operation.image
    remove: list[tuple[str, Row]] = []
    add: list[tuple[str, Row]] = []

    def choose(predicate: str, chosen: Sequence[Row] | None) -> None:
        if chosen is not None:
            remove.extend(world_rows(state, image, predicate))
            add.extend((predicate, row) for row in chosen)

    flag: Callable[[bool | None], Sequence[Row] | None] = lambda off: (  # noqa: E731
        None if off is None else ([] if off else [(image,)])
    )
    was_missing = bool(world_rows(state, image, "image_cannot_be_pulled"))
    choose("image_cannot_be_pulled", flag(operation.pull))
    if operation.pull is not None:
        choose("image_pulled_again", [(image, state.now)] if operation.pull and was_missing else [])
    choose("image_cannot_start", flag(operation.start))
    choose("image_stays_unready", flag(operation.ready))
    choose("image_ignores_stop", flag(operation.stops))
    choose("image_runs_out_of_memory", flag(None if operation.of_memory is None else not operation.of_memory))
    if operation.ready_after is not None:
        choose("image_ready_after", [(image, operation.ready_after)])
    if operation.exits is False:
        choose("image_exits", [])
        choose("image_waits_for", [])
    if operation.waits_for is not None:
        choose("image_waits_for", [(image, *operation.waits_for)])
    if operation.exit_after is not None:
        choose("image_exits", [(image, operation.exit_after, operation.exit_code)])
    return done(state.with_world(remove=remove, add=add))


@perform.register
def _(operation: scenario.TellPod, state: State) -> Performed:
    pod = state.cluster.get("Pod", operation.key)
    if pod is None:
        return missing(state, "Pod", operation.key)
    uid = uid_of(pod)
    if operation.exit_code is not None:
        state = state.with_world(add=[("pod_told_to_end", (uid, operation.exit_code))])
    if operation.ready is not None:
        said = 1 if operation.ready else 0
        state = state.with_world(remove=[("pod_said_ready", (uid, 1 - said))], add=[("pod_said_ready", (uid, said))])
    return done(state)


def world_rows(state: State, first: str, *predicates: str) -> list[tuple[str, Row]]:
    """What is said of something, named in the first column, in some relations of the world."""
    return [(name, row) for name in predicates for row in state.world.get(name, ()) if row[0] == first]


def machine_off(state: State, node: str) -> Performed | None:
    """Nothing, because a node cannot be heard of as its machine is gone or stopped; None if it is not."""
    for predicate, word in (("machine_gone", "gone"), ("machine_stopped", "stopped")):
        if world_rows(state, node, predicate):
            message = f'the machine of node "{node}" is {word}: only machine: {{state: running}} brings it back'
            return refused(state, message, status=409, reason="Conflict")
    return None
