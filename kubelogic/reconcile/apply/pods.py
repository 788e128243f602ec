"""Actions on pods: making, binding, deleting them, and what kubelets report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from kubelogic.apiserver.allocators.pod_addresses import sandbox_addresses
from kubelogic.apiserver.conditions import INITIALIZING, STARTED, conditions_after, pod_conditions, put_condition
from kubelogic.apiserver.posting import amend, erase, post
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.edit import edited, is_being_deleted, metadata, uid_of
from kubelogic.cluster.slow_start import SlowStart
from kubelogic.facts.shapes import FINISHED
from kubelogic.facts.storage import SELECTED_NODE, claim_class
from kubelogic.reconcile.actions import (
    Action,
    BindPod,
    CreatePod,
    DeletePod,
    EndContainer,
    EvictPod,
    ExplainEnd,
    FailPod,
    HoldContainer,
    KillContainer,
    NominateNode,
    PreemptPod,
    RejectPod,
    RemovePod,
    ReportContainer,
    ReportPhase,
    ReportStarted,
    RestorePod,
    StartContainer,
    argument_names,
)
from kubelogic.reconcile.apply.devices import give_devices
from kubelogic.reconcile.functions import container_key
from kubelogic.reconcile.pods import pod_document
from kubelogic.reconcile.refusals import note_pod

_POD = "Pod"

ContainerAction = StartContainer | HoldContainer | EndContainer | ExplainEnd | ReportStarted | ReportContainer


def create_pod(tx: Transaction, action: CreatePod) -> None:
    owner = tx.get(action.owner_kind, action.owner)
    if owner is None or tx.get(_POD, action.pod) is not None:
        return
    start = tx.starts.setdefault((action.owner_kind, action.owner), SlowStart(size=tx.parameter("slow_start_batch")))
    if not start.goes_on():
        tx.undone = True
        return
    template = _template(tx, action, owner)
    document = pod_document(owner, template, action)
    posted = post(tx, api_version="v1", kind=_POD, key=action.pod, document=document, owner=owner)
    start.note(succeeded=note_pod(tx, posted, owner))
    if not tx.undone:
        counter = f"{action.owner_kind} {action.owner}"
        tx.names[counter] = tx.names.get(counter, tx.state.names.get(counter, 0)) + 1


def _template(tx: Transaction, action: CreatePod, owner: Object) -> Mapping[str, Any]:
    if action.revision:
        revision = tx.get("ControllerRevision", action.revision)
        if revision is not None:
            stored: Mapping[str, Any] = revision.document["data"]["spec"]["template"]
            return stored
    template: Mapping[str, Any] = owner.document["spec"]["template"]
    return template


def delete_pod(tx: Transaction, action: DeletePod) -> None:
    erase(tx, _POD, action.pod)


def remove_pod(tx: Transaction, action: RemovePod) -> None:
    erase(tx, _POD, action.pod, grace=0)


def restore_pod(tx: Transaction, action: RestorePod) -> None:
    """Source: kubelet, SyncPod (a static pod whose mirror pod was deleted, or that starts again with its node)."""
    pod = tx.get(_POD, action.pod)
    if pod is None:
        return
    if not erase(tx, _POD, action.pod, grace=0):
        return
    meta = {name: value for name, value in metadata(pod).items() if name not in _OF_ONE_COPY}
    document = {**pod.document, "metadata": meta}
    if (document.get("status") or {}).get("phase") in FINISHED:
        del document["status"]
    post(tx, api_version=pod.api_version, kind=_POD, key=action.pod, document=document)


_OF_ONE_COPY = frozenset(
    {"uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "resourceVersion"}
)
"""What a pod that is made anew does not take over."""


def evict_pod(tx: Transaction, action: EvictPod) -> None:
    _disrupt(tx, action.pod, reason=action.reason, message=action.message)


def preempt_pod(tx: Transaction, action: PreemptPod) -> None:
    message = f"preempted by {action.beneficiary} on node {action.node}"
    _disrupt(tx, action.pod, reason="PreemptionByScheduler", message=message)


def _disrupt(tx: Transaction, key: str, *, reason: str, message: str) -> None:
    pod = tx.get(_POD, key)
    if pod is None:
        return
    present = (pod.document.get("status") or {}).get("conditions") or ()
    marked = any((each.get("type"), each.get("reason")) == ("DisruptionTarget", reason) for each in present)
    if not marked and not is_being_deleted(pod):
        put_condition(tx, pod, name="DisruptionTarget", status="True", reason=reason, message=message)
    erase(tx, _POD, key)


def bind_pod(tx: Transaction, action: BindPod) -> None:
    pod = tx.get(_POD, action.pod)
    if pod is None or is_being_deleted(pod):
        return
    _select_node(tx, pod, action.node)
    conditions = conditions_after(tx, pod, name="PodScheduled", status="True")
    give_devices(tx, pod, action.node, action.devices)
    pod = tx.get(_POD, action.pod) or pod
    bound = edited(pod, ["spec"], {"nodeName": action.node})
    tx.set_status(bound, {"nominatedNodeName": None, "conditions": conditions})


def _select_node(tx: Transaction, pod: Object, node: str) -> None:
    """Say for which node volumes are to be made. Source: kube-scheduler, volumebinding, BindPodVolumes."""
    for volume in (pod.document.get("spec") or {}).get("volumes") or ():
        named = volume.get("persistentVolumeClaim")
        name = named["claimName"] if named else f"{pod.name}-{volume['name']}" if "ephemeral" in volume else ""
        claim = tx.get("PersistentVolumeClaim", f"{pod.namespace}/{name}") if name else None
        if claim is None or (claim.document.get("spec") or {}).get("volumeName"):
            continue
        storage_class = tx.get("StorageClass", claim_class(claim.document))
        if storage_class is not None and storage_class.document.get("volumeBindingMode") == "WaitForFirstConsumer":
            amend(tx, "PersistentVolumeClaim", claim.key, ["metadata", "annotations"], {SELECTED_NODE: node})


def nominate_node(tx: Transaction, action: NominateNode) -> None:
    tx.edit(_POD, action.pod, ["status"], {"nominatedNodeName": action.node})


# -- what kubelets report ----------------------------------------------------------------------------------

Status = Mapping[str, Any]


def _started(action: StartContainer, old: Status, spec: Mapping[str, Any], now: str) -> Status:
    ended = (old.get("state") or {}).get("terminated") or (old.get("lastState") or {}).get("terminated")
    status = {
        **old,
        "state": {"running": {"startedAt": now}},
        "started": not (_container(spec, action.container) or {}).get("startupProbe"),
        "ready": False,
        "restartCount": int(old.get("restartCount") or 0) + (1 if ended else 0),
    }
    if ended:
        status["lastState"] = {"terminated": ended}
    return status


def _held(action: HoldContainer, old: Status, _spec: Mapping[str, Any], _now: str) -> Status:
    ended = (old.get("state") or {}).get("terminated")
    waiting = {"reason": action.reason, "message": action.message}
    status = {**old, "state": {"waiting": waiting}, "started": False, "ready": False}
    if ended:
        status["lastState"] = {"terminated": ended}
    return status


def _ended(action: EndContainer, old: Status, spec: Mapping[str, Any], now: str) -> Status:
    running = (old.get("state") or {}).get("running")
    terminated = {
        "exitCode": action.exit_code,
        "reason": _end_reason(action.exit_code, started=running is not None),
        "startedAt": (running or {}).get("startedAt", now),
        "finishedAt": now,
    }
    done = action.exit_code == 0 and _is_plain_init(spec, action.container)
    status = {**old, "state": {"terminated": terminated}, "started": False, "ready": done}
    before = (old.get("state") or {}).get("terminated") or (old.get("lastState") or {}).get("terminated")
    if running is None and before:
        status.update(restartCount=int(old.get("restartCount") or 0) + 1, lastState={"terminated": before})
    return status


def _end_reason(code: int, *, started: bool) -> str:
    if not started:
        return "StartError"
    return "Completed" if code == 0 else "Error"


def _explained(action: ExplainEnd, old: Status, _spec: Mapping[str, Any], _now: str) -> Status:
    ended = (old.get("state") or {}).get("terminated")
    return {**old, "state": {"terminated": {**ended, "reason": action.reason}}} if ended else old


def _startup_succeeded(_action: ReportStarted, old: Status, _spec: Mapping[str, Any], _now: str) -> Status:
    return {**old, "started": True}


def _ready_or_not(action: ReportContainer, old: Status, _spec: Mapping[str, Any], _now: str) -> Status:
    return {**old, "ready": bool(action.ready)}


CONTAINER_REPORTS: Mapping[type[Action], Callable[[Any, Status, Mapping[str, Any], str], Status]] = MappingProxyType(
    {
        StartContainer: _started,
        HoldContainer: _held,
        EndContainer: _ended,
        ExplainEnd: _explained,
        ReportStarted: _startup_succeeded,
        ReportContainer: _ready_or_not,
    }
)
"""What becomes of the status of one container, given the action, the status before, the pod's spec and the time."""


def report_container(tx: Transaction, action: ContainerAction) -> None:
    """Change the status of one container, made if the kubelet has not reported it before."""
    pod = tx.get(_POD, action.pod)
    if pod is None:
        return
    addresses = {} if isinstance(action, HoldContainer) else sandbox_addresses(tx, pod)
    if addresses is None:
        tx.undone = True
        return
    if isinstance(action, ReportStarted):
        tx.memory["started", container_key(uid_of(pod), action.container)] = tx.state.now
    spec, status = pod.document.get("spec") or {}, pod.document.get("status") or {}
    initial, main = spec.get("initContainers"), spec.get("containers")
    is_initial = any(each["name"] == action.container for each in initial or ())
    field = "initContainerStatuses" if is_initial else "containerStatuses"
    old = status.get(field)
    details = [getattr(action, name) for name in argument_names(type(action))[1:]]
    reported = tx.alike(
        (type(action), *details), (old, initial, main), lambda: _reported(action, old or (), spec, tx.now)
    )
    fields = {field: reported, **addresses, **_start_time(pod, tx.now)}
    if is_initial and isinstance(action, StartContainer) and not status.get(field):
        fields["conditions"] = pod_conditions(tx, pod, INITIALIZING)
    tx.set_status(pod, fields)


def _reported(
    action: ContainerAction, statuses: Sequence[Status], spec: Mapping[str, Any], now: str
) -> Sequence[Status]:
    """The statuses of a list of containers after a report of one."""
    change = CONTAINER_REPORTS[type(action)]
    if any(each.get("name") == action.container for each in statuses):
        return [change(action, each, spec, now) if each.get("name") == action.container else each for each in statuses]
    image = (_container(spec, action.container) or {}).get("image", "")
    return [*statuses, change(action, {"name": action.container, "image": image, "restartCount": 0}, spec, now)]


def _is_plain_init(spec: Mapping[str, Any], name: str) -> bool:
    """Whether a container is an init container that ends: it is ready once it has done its work."""
    return any(
        each["name"] == name and each.get("restartPolicy") != "Always" for each in spec.get("initContainers") or ()
    )


def _container(spec: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    return next(
        (each for part in ("initContainers", "containers") for each in spec.get(part) or () if each["name"] == name),
        None,
    )


def kill_container(tx: Transaction, action: KillContainer) -> None:
    pod = tx.get(_POD, action.pod)
    if pod is not None:
        tx.memory["kill", f"{container_key(uid_of(pod), action.container)} {action.probe}"] = tx.state.now


def report_phase(tx: Transaction, action: ReportPhase) -> None:
    pod = tx.get(_POD, action.pod)
    if pod is None:
        return
    addresses = sandbox_addresses(tx, pod) if action.phase == "Running" else {}
    if addresses is None:
        tx.undone = True
        return
    fields: dict[str, Any] = {"phase": action.phase, **addresses, **_start_time(pod, tx.now)}
    if action.phase == "Running":
        fields["conditions"] = pod_conditions(tx, pod, STARTED)
    tx.set_status(pod, fields)


def fail_pod(tx: Transaction, action: RejectPod | FailPod) -> None:
    """Source: kubelet, rejectPod, evictPod."""
    pod = tx.get(_POD, action.pod)
    if pod is not None:
        fields = {"phase": "Failed", "reason": action.reason, "message": action.message}
        tx.set_status(pod, {**fields, **_start_time(pod, tx.now)})


def _start_time(pod: Object, now: str) -> Mapping[str, Any]:
    """When the kubelet got a pod, unless its status says so: when it was bound, if anybody said so."""
    status = pod.document.get("status") or {}
    if status.get("startTime"):
        return {}
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "True":
            return {"startTime": str(condition.get("lastTransitionTime") or now)}
    return {"startTime": str(metadata(pod).get("creationTimestamp") or now)}


APPLIERS: Mapping[type[Action], Callable[[Transaction, Any], None]] = MappingProxyType(
    {
        CreatePod: create_pod,
        DeletePod: delete_pod,
        RemovePod: remove_pod,
        RestorePod: restore_pod,
        EvictPod: evict_pod,
        PreemptPod: preempt_pod,
        BindPod: bind_pod,
        NominateNode: nominate_node,
        **dict.fromkeys(CONTAINER_REPORTS, report_container),
        KillContainer: kill_container,
        ReportPhase: report_phase,
        RejectPod: fail_pod,
        FailPod: fail_pod,
    }
)
