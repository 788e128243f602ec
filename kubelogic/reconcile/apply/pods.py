"""Actions on pods: making, binding, deleting them, and what kubelets report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from kubelogic.cluster import Object
from kubelogic.cluster.edit import edited, metadata, uid_of
from kubelogic.reconcile.actions import (
    Action,
    BindPod,
    CreatePod,
    DeletePod,
    EndContainer,
    EvictPod,
    HoldContainer,
    KillContainer,
    NominateNode,
    PreemptPod,
    RemovePod,
    ReportContainer,
    ReportPhase,
    ReportStarted,
    StartContainer,
)
from kubelogic.reconcile.addresses import pod_address
from kubelogic.reconcile.apply.objects import conditions_with, is_being_deleted, with_condition
from kubelogic.reconcile.draft import Draft
from kubelogic.reconcile.functions import container_key
from kubelogic.reconcile.pods import pod_document
from kubelogic.reconcile.refusals import admit_created_pod
from kubelogic.reconcile.slow_start import SlowStart

_POD = "Pod"


def create_pod(draft: Draft, action: CreatePod) -> None:
    owner = draft.get(action.owner_kind, action.owner)
    if owner is None or draft.get(_POD, action.pod) is not None:
        return
    start = draft.starts.setdefault((action.owner_kind, action.owner), SlowStart())
    if not start.goes_on():
        draft.undone = True
        return
    template = _template(draft, action, owner)
    document = pod_document(draft, owner, template, action)
    pod = draft.create(api_version="v1", kind=_POD, key=action.pod, document=document, owner=owner)
    start.note(succeeded=admit_created_pod(draft, pod, owner))
    if not draft.undone:
        counter = f"{action.owner_kind} {action.owner}"
        draft.names[counter] = draft.names.get(counter, draft.state.names.get(counter, 0)) + 1


def _template(draft: Draft, action: CreatePod, owner: Object) -> Mapping[str, Any]:
    if action.revision:
        revision = draft.get("ControllerRevision", action.revision)
        if revision is not None:
            stored: Mapping[str, Any] = revision.document["data"]["spec"]["template"]
            return stored
    template: Mapping[str, Any] = owner.document["spec"]["template"]
    return template


def delete_pod(draft: Draft, action: DeletePod) -> None:
    draft.delete(_POD, action.pod)


def remove_pod(draft: Draft, action: RemovePod) -> None:
    draft.delete(_POD, action.pod, grace=0)


def evict_pod(draft: Draft, action: EvictPod) -> None:
    _disrupt(draft, action.pod, reason=action.reason, message=action.message)


def preempt_pod(draft: Draft, action: PreemptPod) -> None:
    message = f"preempted by {action.beneficiary} on node {action.node}"
    _disrupt(draft, action.pod, reason="PreemptionByScheduler", message=message)


def _disrupt(draft: Draft, key: str, *, reason: str, message: str) -> None:
    pod = draft.get(_POD, key)
    if pod is None:
        return
    if not is_being_deleted(pod):
        draft.put(
            with_condition(pod, now=draft.now, name="DisruptionTarget", status="True", reason=reason, message=message)
        )
    draft.delete(_POD, key)


def bind_pod(draft: Draft, action: BindPod) -> None:
    pod = draft.get(_POD, action.pod)
    if pod is None or is_being_deleted(pod):
        return
    conditions = conditions_with(pod, now=draft.now, name="PodScheduled", status="True")
    pod = edited(pod, ["spec"], {"nodeName": action.node})
    draft.put(edited(pod, ["status"], {"nominatedNodeName": None, "conditions": conditions}))


def nominate_node(draft: Draft, action: NominateNode) -> None:
    draft.edit(_POD, action.pod, ["status"], {"nominatedNodeName": action.node})


# -- what kubelets report ----------------------------------------------------------------------------------


def start_container(draft: Draft, action: StartContainer) -> None:
    def started(old: Mapping[str, Any]) -> dict[str, Any]:
        ended = (old.get("state") or {}).get("terminated") or (old.get("lastState") or {}).get("terminated")
        status = {
            **old,
            "state": {"running": {"startedAt": draft.now}},
            "started": not _has_startup_probe(draft.get(_POD, action.pod), action.container),
            "ready": False,
            "restartCount": int(old.get("restartCount") or 0) + (1 if ended else 0),
        }
        if ended:
            status["lastState"] = {"terminated": ended}
        return status

    _report(draft, action.pod, action.container, started)


def hold_container(draft: Draft, action: HoldContainer) -> None:
    def held(old: Mapping[str, Any]) -> dict[str, Any]:
        ended = (old.get("state") or {}).get("terminated")
        waiting = {"reason": action.reason, "message": action.message}
        status = {**old, "state": {"waiting": waiting}, "started": False, "ready": False}
        if ended:
            status["lastState"] = {"terminated": ended}
        return status

    _report(draft, action.pod, action.container, held)


def kill_container(draft: Draft, action: KillContainer) -> None:
    pod = draft.get(_POD, action.pod)
    if pod is not None:
        draft.memory["kill", f"{container_key(uid_of(pod), action.container)} {action.probe}"] = draft.state.now


def end_container(draft: Draft, action: EndContainer) -> None:
    def ended(old: Mapping[str, Any]) -> dict[str, Any]:
        running = (old.get("state") or {}).get("running")
        terminated = {
            "exitCode": action.exit_code,
            "reason": _end_reason(action.exit_code, started=running is not None),
            "startedAt": (running or {}).get("startedAt", draft.now),
            "finishedAt": draft.now,
        }
        status = {**old, "state": {"terminated": terminated}, "started": False, "ready": False}
        before = (old.get("state") or {}).get("terminated") or (old.get("lastState") or {}).get("terminated")
        if running is None and before:
            status.update(restartCount=int(old.get("restartCount") or 0) + 1, lastState={"terminated": before})
        return status

    _report(draft, action.pod, action.container, ended)


def _end_reason(code: int, *, started: bool) -> str:
    if not started:
        return "StartError"
    return "Completed" if code == 0 else "Error"


def report_started(draft: Draft, action: ReportStarted) -> None:
    pod = draft.get(_POD, action.pod)
    if pod is None:
        return
    draft.memory["started", container_key(uid_of(pod), action.container)] = draft.state.now
    _report(draft, action.pod, action.container, lambda old: {**old, "started": True})


def report_container(draft: Draft, action: ReportContainer) -> None:
    _report(draft, action.pod, action.container, lambda old: {**old, "ready": bool(action.ready)})


def report_phase(draft: Draft, action: ReportPhase) -> None:
    pod = draft.get(_POD, action.pod)
    if pod is None:
        return
    fields: dict[str, Any] = {"phase": action.phase}
    if not (pod.document.get("status") or {}).get("startTime"):
        fields["startTime"] = _acknowledged(pod, draft.now)
    if action.phase == "Running" and not (pod.document.get("status") or {}).get("podIP"):
        address = pod_address(draft, pod)
        if address:
            fields.update(podIP=address, podIPs=[{"ip": address}])
    draft.put(edited(pod, ["status"], fields))


def _acknowledged(pod: Object, now: str) -> str:
    """When the kubelet got a pod: when it was bound, if anybody said so."""
    for condition in (pod.document.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "True":
            return str(condition.get("lastTransitionTime") or now)
    return str(metadata(pod).get("creationTimestamp") or now)


def _has_startup_probe(pod: Object | None, container: str) -> bool:
    spec = (pod.document.get("spec") or {}) if pod else {}
    return any(
        each["name"] == container and each.get("startupProbe")
        for part in ("initContainers", "containers")
        for each in spec.get(part) or ()
    )


def _report(draft: Draft, key: str, container: str, change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
    """Change the status of one container, made if the kubelet has not reported it before."""
    pod = draft.get(_POD, key)
    if pod is None:
        return
    spec = pod.document.get("spec") or {}
    initial = {c["name"] for c in spec.get("initContainers") or ()}
    field = "initContainerStatuses" if container in initial else "containerStatuses"
    statuses = list((pod.document.get("status") or {}).get(field) or ())
    position = next((i for i, s in enumerate(statuses) if s.get("name") == container), None)
    if position is None:
        image = next(
            (
                c.get("image", "")
                for part in ("initContainers", "containers")
                for c in spec.get(part) or ()
                if c["name"] == container
            ),
            "",
        )
        statuses.append(change({"name": container, "image": image, "restartCount": 0}))
    else:
        statuses[position] = change(statuses[position])
    fields: dict[str, Any] = {field: statuses}
    if not (pod.document.get("status") or {}).get("startTime"):
        fields["startTime"] = _acknowledged(pod, draft.now)
    draft.put(edited(pod, ["status"], fields))


APPLIERS: Mapping[type[Action], Callable[[Draft, Any], None]] = MappingProxyType(
    {
        CreatePod: create_pod,
        DeletePod: delete_pod,
        RemovePod: remove_pod,
        EvictPod: evict_pod,
        PreemptPod: preempt_pod,
        BindPod: bind_pod,
        NominateNode: nominate_node,
        StartContainer: start_container,
        HoldContainer: hold_container,
        KillContainer: kill_container,
        EndContainer: end_container,
        ReportStarted: report_started,
        ReportContainer: report_container,
        ReportPhase: report_phase,
    }
)
