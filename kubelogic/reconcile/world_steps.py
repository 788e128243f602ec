"""Steps about nodes, measurements and components: what the world does, and what is up or down."""

from __future__ import annotations

from msgspec.structs import replace

from kubelogic.apiserver import requests
from kubelogic.cluster.clock import timestamp
from kubelogic.cluster.state import State
from kubelogic.logic import Row
from kubelogic.reconcile.performing import Later, Performed, done, machine_off, missing, perform, performed, world_rows
from kubelogic.reconcile.scenario import FailNode, NodeOperation, ObjectOperation, Operation
from kubelogic.reconcile.troubles import Target

REBOOT_CODE = 255
"""The exit code of containers that a reboot ended: the runtime knows nothing better."""

PRESSURES = {
    "memory_pressure": ("MemoryPressure", "KubeletHasInsufficientMemory", "KubeletHasSufficientMemory"),
    "disk_pressure": ("DiskPressure", "KubeletHasDiskPressure", "KubeletHasNoDiskPressure"),
    "pid_pressure": ("PIDPressure", "KubeletHasInsufficientPID", "KubeletHasSufficientPID"),
}


class Report(NodeOperation, frozen=True, kw_only=True):
    """The kubelet of a node reports something else from now on; what is None stays."""

    ready: bool | None = None
    memory_pressure: bool | None = None
    disk_pressure: bool | None = None
    pid_pressure: bool | None = None


class Reboot(NodeOperation, frozen=True, kw_only=True):
    """A node goes down, and is up again after ``takes`` milliseconds."""

    takes: int


class EndReboot(NodeOperation, frozen=True, kw_only=True):
    """A node that went down is up again: its containers have ended, and start by their restart policy."""


class MeasureObject(ObjectOperation, frozen=True, kw_only=True):
    """A metric of an object, or one from outside the cluster, has a value from now on; None: there is none any more.

    Attributes:
        kind: of the object; empty for a metric from outside.
        key: of the object; for a metric from outside, the namespace in which autoscalers see it.
        metric: its name.
        value: in thousandths.
    """

    metric: str
    value: int | None


class Fill(ObjectOperation, frozen=True, kw_only=True):
    """An emptyDir volume of each running pod of a workload holds so much from now on.

    Attributes:
        kind: kind of the workload.
        key: its key.
        volume: the name of the volume.
        each: bytes.
    """

    volume: str
    each: int


class Down(Operation, frozen=True, kw_only=True):
    """The scheduler or a controller stops working, or works again; ``component``: see ``components``."""

    component: str
    down: bool


@perform.register
def _(operation: Report, state: State) -> Performed:
    if state.cluster.get("Node", operation.node) is None:
        return missing(state, "Node", operation.node)
    row: Row = (operation.node, "False")
    if operation.ready is not None:
        change = [("node_reports", row)]
        state = state.with_world(remove=change) if operation.ready else state.with_world(add=change)
    conditions = [
        {
            "type": kind,
            "status": "True" if said else "False",
            "reason": reason if said else relief,
            "lastTransitionTime": timestamp(state.now),
        }
        for name, (kind, reason, relief) in PRESSURES.items()
        if (said := getattr(operation, name)) is not None
    ]
    if not conditions:
        return done(state)
    told = {"status": {"conditions": conditions}}
    return performed(requests.strategic_patch(state, "Node", operation.node, told, subresource="status"))


@perform.register
def _(operation: Reboot, state: State) -> Performed:
    failed = perform(FailNode(node=operation.node), state)
    later = Later(operation=EndReboot(node=operation.node), after=operation.takes)
    return replace(failed, later=later) if failed.answer.accepted else failed


@perform.register
def _(operation: EndReboot, state: State) -> Performed:
    if state.cluster.get("Node", operation.node) is None:
        return missing(state, "Node", operation.node)
    if (off := machine_off(state, operation.node)) is not None:
        return off
    target = Target(kind="Node", key=operation.node)
    silent = world_rows(state, operation.node, "node_silent_since")
    told: tuple[str, Row] = ("exit_told", (str(target), REBOOT_CODE, state.now))
    return done(state.with_world(remove=silent, add=[*target.facts(), told]))


@perform.register
def _(operation: MeasureObject, state: State) -> Performed:
    predicate = "object_measures" if operation.kind else "external_measures"
    about: Row = (operation.kind, operation.key) if operation.kind else (operation.key,)
    about = (*about, operation.metric)
    remove = [(predicate, row) for row in state.world.get(predicate, ()) if row[: len(about)] == about]
    add = [] if operation.value is None else [(predicate, (*about, operation.value))]
    return done(state.with_world(remove=remove, add=add))


@perform.register
def _(operation: Fill, state: State) -> Performed:
    about: Row = (operation.kind, operation.key, operation.volume)
    remove = [("workload_fills", row) for row in state.world.get("workload_fills", ()) if row[:3] == about]
    add: list[tuple[str, Row]] = [("workload_fills", (*about, operation.each))]
    return done(state.with_world(remove=remove, add=add))


@perform.register
def _(operation: Down, state: State) -> Performed:  # noqa: ARG001 - who runs the simulation does it
    return done(state)
