"""The small things in which a stored object differs from the one that is sent: orders, twins of fields, owners.

Source: pkg/apis/core/v1/conversion.go; kubelet, generateAPIPodStatus; pkg/controller/deployment/util,
SetDeploymentCondition; k8s.io/apimachinery, ObjectMeta of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kubelogic.apiserver.patches import managing
from kubelogic.kinds.qos import qos_class
from kubelogic.kinds.references import TEMPLATES

Json = dict[str, Any]

_META = (
    "name generateName namespace selfLink uid resourceVersion generation creationTimestamp deletionTimestamp "
    "deletionGracePeriodSeconds labels annotations ownerReferences finalizers managedFields"
)
_POD_CONDITIONS = {
    name: number
    for number, name in enumerate(
        (
            "DisruptionTarget",
            "PodResizePending",
            "PodResizeInProgress",
            "PodReadyToStartContainers",
            "Initialized",
            "Ready",
            "ContainersReady",
            "PodScheduled",
        )
    )
}
_TEMPLATES: Mapping[str, tuple[str, ...]] = {**TEMPLATES, "PodTemplate": ("template", "spec")}
_BY_CONTROLLERS = frozenset({*_TEMPLATES, "HorizontalPodAutoscaler", "PodDisruptionBudget", "PersistentVolumeClaim"})
SHAPED_LAST = frozenset({"Deployment", "EndpointSlice"})
"""Kinds whose shape depends on how their fields are written: they are completed first."""
_REVISION = "deployment.kubernetes.io/revision"


def ordered_metadata(meta: Mapping[str, Any]) -> Json:
    """Metadata with its fields in the order of its type."""
    known = {name: meta[name] for name in _META.split() if name in meta}
    return {**known, **{name: value for name, value in meta.items() if name not in known}}


def shaped(body: Json, kind: str) -> Json:
    """An object without its metadata as it is sent.

    Args:
        body: the object; parts that change are copied.
        kind: its kind.
    """
    where = _TEMPLATES.get(kind)
    if where is not None:
        body = _with_account(body, where)
    status = body.get("status")
    if kind == "EndpointSlice" and body.get("ports"):
        ports = [{"name": "", **port} for port in body["ports"]]
        return {**body, "ports": ports}
    if kind == "Pod":
        status = status or {}
    if not isinstance(status, dict):
        return body
    if kind == "Pod":
        return {**body, "status": _of_pod(body.get("spec") or {}, status)}
    if kind == "Deployment":
        status = {**status}
        if status.get("conditions"):
            status["conditions"] = _of_deployment(status["conditions"])
        if status.get("observedGeneration") is not None:
            status.setdefault("terminatingReplicas", 0)
        return {**body, "status": status}
    return body


def _of_pod(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Json:
    """A pod's status with its class of service, and a state for each container once a kubelet has the pod."""
    found = {**status, "qosClass": status.get("qosClass") or qos_class(spec)}
    conditions = list(found.get("conditions") or ())
    if found.get("startTime") and found.get("phase") == "Pending":
        told = {each.get("type") for each in conditions}
        conditions += [each for each in _starting(spec, found) if each["type"] not in told]
    if conditions:
        found["conditions"] = sorted(conditions, key=_turn_of_pod)
    if not found.get("startTime") or found.get("phase") != "Pending":
        return found
    begins = bool(spec.get("initContainers"))
    for part, field in (("initContainers", "initContainerStatuses"), ("containers", "containerStatuses")):
        known = {each.get("name"): each for each in found.get(field) or ()}
        if begins and len(known) < len(spec.get(part) or ()):
            found[field] = [known.get(each.get("name")) or _waits(each) for each in spec[part]]
    return found


def _starting(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Iterator[Json]:
    """The conditions of a pod whose containers do not run yet."""
    moment = status.get("startTime")
    inits = [str(each.get("name")) for each in spec.get("initContainers") or ()]
    names = [str(each.get("name")) for each in spec.get("containers") or ()]
    has_sandbox = bool(status.get("podIP"))
    unready = f"containers with unready status: [{' '.join(names)}]"
    yield _condition("PodReadyToStartContainers", moment, is_true=has_sandbox)
    if inits:
        words = f"containers with incomplete status: [{' '.join(inits)}]"
        yield _condition("Initialized", moment, reason="ContainersNotInitialized", message=words)
    else:
        yield _condition("Initialized", moment, is_true=True)
    for name in ("Ready", "ContainersReady"):
        yield _condition(name, moment, reason="ContainersNotReady", message=unready)


def _condition(name: str, moment: Any, *, is_true: bool = False, reason: str = "", message: str = "") -> Json:
    found = {
        "type": name,
        "status": "True" if is_true else "False",
        "lastProbeTime": None,
        "lastTransitionTime": moment,
    }
    return {**found, "reason": reason, "message": message} if reason else found


def _waits(container: Mapping[str, Any]) -> Json:
    """The status of a container that waits for the init containers before it."""
    return {
        "name": container.get("name"),
        "state": {"waiting": {"reason": "PodInitializing"}},
        "lastState": {},
        "ready": False,
        "restartCount": 0,
        "image": container.get("image"),
        "imageID": "",
        "started": False,
    }


def _with_account(body: Json, where: tuple[str, ...]) -> Json:
    """The body with the old name of the account of its pods beside the present one."""
    step, *rest = where
    part = body.get(step)
    if not isinstance(part, dict):
        return body
    if rest:
        return {**body, step: _with_account(part, tuple(rest))}
    account = part.get("serviceAccountName")
    return {**body, step: {**part, "serviceAccount": account}} if account else body


def _turn_of_pod(condition: Json) -> int:
    return _POD_CONDITIONS.get(str(condition.get("type")), -1)


def _in_turn(conditions: Iterable[Json], turn: list[str]) -> list[Json]:
    place = {name: number for number, name in enumerate(turn)}
    return sorted(conditions, key=lambda each: place.get(str(each.get("type")), -1))


def _of_deployment(conditions: Iterable[Json]) -> list[Json]:
    """Conditions in the order in which the controller set them: what changed last stands last."""
    found = {str(each.get("type")): each for each in conditions}
    progressing, available = found.get("Progressing", {}), found.get("Available", {})
    first = (
        progressing.get("reason") in ("NewReplicaSetCreated", "FoundNewReplicaSet")
        and available.get("status") == "False"
        and str(progressing.get("lastUpdateTime")) <= str(available.get("lastTransitionTime"))
    )
    turn = ["Progressing", "Available"] if first else ["Available", "Progressing"]
    return _in_turn(found.values(), [*turn, "ReplicaFailure"])


def with_system_entries(meta: Json, body: Json, kind: str, api_version: str) -> Json:
    """Metadata whose managers have those of the status, who are parts of Kubernetes itself.

    Args:
        meta: the metadata, as it is stored.
        body: the rest of the object.
        kind: its kind.
        api_version: its group and version.
    """
    entries, status = meta.get("managedFields"), body.get("status")
    if not entries:
        return meta
    if kind not in _BY_CONTROLLERS or not status:
        return {**meta, "managedFields": sorted(entries, key=_turn)}
    paths = managing.fields({"apiVersion": api_version, "kind": kind, "status": status}, part="status")
    owned = managing.nested(paths)
    if kind == "Deployment" and _REVISION in (meta.get("annotations") or {}):
        owned = {"f:metadata": {"f:annotations": {".": {}, f"f:{_REVISION}": {}}}, **owned}
    entry = {
        "apiVersion": api_version,
        "fieldsType": "FieldsV1",
        "fieldsV1": owned,
        "manager": managing.KUBELET if kind == "Pod" else managing.CONTROLLERS,
        "operation": "Update",
        "subresource": "status",
        "time": entries[-1].get("time"),
    }
    return {**meta, "managedFields": sorted([*entries, entry], key=_turn)}


def _turn(entry: Json) -> tuple[str, ...]:
    """Source: k8s.io/apimachinery, pkg/util/managedfields/internal/managedfields.go, sortEncodedManagedFields."""
    return tuple(str(entry.get(name) or "") for name in ("operation", "time", "manager", "apiVersion", "subresource"))
