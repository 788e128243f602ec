"""Tables of pods and nodes. Source: pkg/printers/internalversion/printers.go, printPod, printNode."""

from __future__ import annotations

from typing import Any

from kubelogic.cluster.clock import milliseconds
from kubelogic.serve.tables.common import (
    AGE,
    AGED,
    NAME,
    NAMED,
    NONE,
    UNKNOWN,
    Cell,
    Cells,
    Column,
    Document,
    Printer,
    age,
    column,
    condition,
    containers,
    field,
    human_duration,
    labels_text,
    meta_of,
    name_of,
    printer,
    shown,
    spec_of,
    status_of,
    wide,
)

POD_COLUMNS = (
    NAME,
    column("Ready"),
    column("Status"),
    column("Restarts"),
    AGE,
    wide("IP"),
    wide("Node"),
    wide("Nominated Node"),
    wide("Readiness Gates"),
)

_ENDED = frozenset({"Succeeded", "Failed"})


def _restartable(container: Document) -> bool:
    return container.get("restartPolicy") == "Always"


def _waiting(status: Document) -> Document | None:
    return (status.get("state") or {}).get("waiting")


def _ended(status: Document) -> Document | None:
    return (status.get("state") or {}).get("terminated")


def _end_text(ended: Document) -> str:
    if ended.get("reason"):
        return str(ended["reason"])
    return f"Signal:{ended['signal']}" if ended.get("signal") else f"ExitCode:{ended.get('exitCode', 0)}"


def pod_cells(document: Document, now: int) -> Cells:  # noqa: PLR0915 - printPod from its first line to its last
    """The row of a pod."""
    spec, status = spec_of(document), status_of(document)
    reason = str(status.get("phase") or "")
    if status.get("reason"):
        reason = str(status["reason"])
    if condition(document, "PodScheduled").get("reason") == "SchedulingGated":
        reason = "SchedulingGated"
    restarts = sidecar_restarts = ready = 0
    last: list[int] = []
    last_sidecar: list[int] = []
    total = len(spec.get("containers") or ())
    inits = spec.get("initContainers") or ()
    sidecars = {str(c.get("name")) for c in inits if _restartable(c)}
    total += len(sidecars)
    initializing = False
    for number, each in enumerate(status.get("initContainerStatuses") or ()):
        count = int(each.get("restartCount") or 0)
        restarts += count
        _note_end(each, last)
        sidecar = each.get("name") in sidecars
        if sidecar:
            sidecar_restarts += count
            _note_end(each, last_sidecar)
        ended, waiting = _ended(each), _waiting(each)
        if ended is not None and not ended.get("exitCode"):
            continue
        if sidecar and each.get("started"):
            ready += bool(each.get("ready"))
            continue
        if ended is not None:
            reason = f"Init:{_end_text(ended)}"
        elif waiting is not None and waiting.get("reason") not in (None, "", "PodInitializing"):
            reason = f"Init:{waiting['reason']}"
        else:
            reason = f"Init:{number}/{len(inits)}"
        initializing = True
        break
    if not initializing or condition(document, "Initialized").get("status") == "True":
        restarts, last = sidecar_restarts, last_sidecar
        running = False
        for each in reversed(status.get("containerStatuses") or ()):
            restarts += int(each.get("restartCount") or 0)
            _note_end(each, last)
            ended, waiting = _ended(each), _waiting(each)
            if waiting is not None and waiting.get("reason"):
                reason = str(waiting["reason"])
            elif ended is not None:
                reason = _end_text(ended)
            elif each.get("ready") and (each.get("state") or {}).get("running") is not None:
                running = True
                ready += 1
        if reason == "Completed" and running:
            reason = "Running" if condition(document, "Ready").get("status") == "True" else "NotReady"
    if meta_of(document).get("deletionTimestamp") and status.get("reason") == "NodeLost":
        reason = "Unknown"
    elif meta_of(document).get("deletionTimestamp") and status.get("phase") not in _ENDED:
        reason = "Terminating"
    told = str(restarts)
    if restarts and last:
        told = f"{restarts} ({human_duration((now - max(last)) / 1000)} ago)"
    return [name_of(document), f"{ready}/{total}", reason, told, age(document, now), *_wide(document)]


def _note_end(status: Document, moments: list[int]) -> None:
    finished = ((status.get("lastState") or {}).get("terminated") or {}).get("finishedAt")
    if finished:
        moments.append(milliseconds(str(finished)))


def _wide(document: Document) -> Cells:
    spec, status = spec_of(document), status_of(document)
    addresses = status.get("podIPs") or ()
    address = addresses[0].get("ip") if addresses else status.get("podIP")
    gates = spec.get("readinessGates") or ()
    true = [gate for gate in gates if condition(document, str(gate.get("conditionType"))).get("status") == "True"]
    return [
        address or NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        f"{len(true)}/{len(gates)}" if gates else NONE,
    ]


_ROLE = "node-role.kubernetes.io/"


def _node_status(document: Document, _now: int) -> str:
    ready = condition(document, "Ready")
    word = "Unknown" if not ready else "Ready" if ready.get("status") == "True" else "NotReady"
    return f"{word},SchedulingDisabled" if spec_of(document).get("unschedulable") else word


def _node_address(name: str, kind: str) -> tuple[Column, Cell]:
    """A column that has the first address of a kind."""

    def cell(document: Document, _now: int) -> str:
        found = (each.get("address") for each in status_of(document).get("addresses") or () if each.get("type") == kind)
        return next(found, None) or NONE

    return shown(name, cell, priority=1)


def _kernel(document: Document, _now: int) -> str:
    info = status_of(document).get("nodeInfo") or {}
    version, architecture = info.get("kernelVersion"), info.get("architecture")
    return f"{version} ({architecture})" if version and architecture else str(version or UNKNOWN)


def _roles(document: Document, _now: int) -> str:
    labels: Any = meta_of(document).get("labels") or {}
    found = {key.removeprefix(_ROLE) for key in labels if key.startswith(_ROLE)} - {""}
    if labels.get("kubernetes.io/role"):
        found.add(str(labels["kubernetes.io/role"]))
    return ",".join(sorted(found)) or NONE


def _labels(document: Document, _now: int) -> str:
    return labels_text(meta_of(document.get("template") or {}).get("labels"))


_INFO = ("status", "nodeInfo")

PRINTERS: dict[str, Printer] = {
    "Pod": Printer(columns=POD_COLUMNS, cells=pod_cells),
    "Node": printer(
        NAMED,
        shown("Status", _node_status),
        shown("Roles", _roles),
        AGED,
        field("Version", *_INFO, "kubeletVersion"),
        _node_address("Internal-IP", "InternalIP"),
        _node_address("External-IP", "ExternalIP"),
        field("OS-Image", *_INFO, "osImage", default=UNKNOWN, priority=1),
        shown("Kernel-Version", _kernel, priority=1),
        field("Container-Runtime", *_INFO, "containerRuntimeVersion", default=UNKNOWN, priority=1),
    ),
    "PodTemplate": printer(NAMED, *containers("template", priority=0), shown("Pod Labels", _labels)),
}
