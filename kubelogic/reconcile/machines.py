"""Steps about the machines behind nodes: gone, stopped, running again, shut down in good order."""

from __future__ import annotations

from msgspec.structs import replace

from kubelogic.cluster.state import State
from kubelogic.logic import Row
from kubelogic.reconcile.performing import Later, Performed, done, missing, perform, refused, world_rows
from kubelogic.reconcile.scenario import FailNode, NodeOperation
from kubelogic.reconcile.world_steps import EndReboot

STATES = ("gone", "stopped", "running")
"""What a machine can be."""

_FACTS = {"gone": "machine_gone", "stopped": "machine_stopped"}


class Machine(NodeOperation, frozen=True, kw_only=True):
    """The machine of a node is deleted, switched off or on, or its cloud says where it is.

    Attributes:
        node: name of the node.
        state: one of ``STATES``; empty: as before. Nothing is heard of a node whose machine is gone or stopped.
        zone: the zone in which the cloud has it; empty: the cloud says none.
    """

    state: str = ""
    zone: str = ""


class Shutdown(NodeOperation, frozen=True, kw_only=True):
    """A machine is switched off, and its kubelet ends the pods before.

    Attributes:
        node: name of the node.
        periods: by ascending priority, how many milliseconds pods of at least this priority get.
    """

    periods: tuple[tuple[int, int], ...]


class EndShutdown(NodeOperation, frozen=True, kw_only=True):
    """A machine that was switched off is off."""


@perform.register
def _(operation: Machine, state: State) -> Performed:
    node = operation.node
    if state.cluster.get("Node", node) is None:
        return missing(state, "Node", node)
    if operation.zone:
        old = world_rows(state, node, "machine_zone")
        state = state.with_world(remove=old, add=[("machine_zone", (node, operation.zone))])
    if not operation.state:
        return done(state)
    was_off = world_rows(state, node, *_FACTS.values())
    state = state.with_world(remove=[*was_off, *world_rows(state, node, "node_shutdown", "shutdown_period")])
    if operation.state != "running":
        return perform(FailNode(node=node), state.with_world(add=[(_FACTS[operation.state], (node,))]))
    return perform(EndReboot(node=node), state) if was_off else done(state)


@perform.register
def _(operation: Shutdown, state: State) -> Performed:
    node = operation.node
    if state.cluster.get("Node", node) is None:
        return missing(state, "Node", node)
    if world_rows(state, node, "node_silent_since", "node_shutdown"):
        message = f'the kubelet of node "{node}" does not work: nobody ends its pods in good order'
        return refused(state, message, status=409, reason="Conflict")
    facts: list[tuple[str, Row]] = [("node_shutdown", (node, state.now))]
    facts += [("shutdown_period", (node, priority, period)) for priority, period in operation.periods]
    later = Later(operation=EndShutdown(node=node), after=sum(period for _, period in operation.periods))
    return replace(done(state.with_world(add=facts)), later=later)


@perform.register
def _(operation: EndShutdown, state: State) -> Performed:
    if not world_rows(state, operation.node, "node_shutdown"):  # it was switched on again, or deleted, meanwhile
        return done(state)
    return perform(Machine(node=operation.node, state="stopped"), state)
