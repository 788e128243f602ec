"""What may not change any more once an object exists.

Source: the update validation of each kind (``Validate...Update`` under pkg/apis) of Kubernetes 1.36.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from kubelogic.apiserver.answers import Status, invalid
from kubelogic.cluster import Object
from kubelogic.kinds.quantity import parse
from kubelogic.kinds.validation import admit

Fault = tuple[str, str]
Spec = Mapping[str, Any]

_MUTABLE_OF_STATEFUL_SET = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)
_MUTABLE_OF_POD = ("activeDeadlineSeconds", "terminationGracePeriodSeconds", "tolerations", "schedulingGates")
_MUTABLE_OF_GATED_POD = ("nodeSelector", "affinity")
_SCHEDULING = ("affinity", "nodeSelector", "tolerations", "schedulingGates")
"""Fields of a pod template that may change in a suspended Job."""


def refuse_change(old: Object, new: Object) -> Status | None:
    """The refusal of a change that touches what may not change; None if it does not.

    Args:
        old: the object as it is.
        new: the object as it should become, with defaults.
    """
    if new.kind in ("ConfigMap", "Secret"):
        frozen = list(_frozen(old.document, new.document))
        return invalid(new, frozen) if frozen else None
    check = _CHECKS.get(new.kind)
    before, after = _spec(old.document), _spec(new.document)
    if check is None or before == after:
        return None
    stored = admit(old.document, namespace=old.namespace or "default")
    before = before if stored.problems else _spec(stored.document)
    faults = list(check(before, after))
    if new.kind == "PersistentVolumeClaim":
        faults += _claim_size(before, after, old.document.get("status") or {}, known=bool(faults))
    return invalid(new, faults) if faults else None


def _frozen(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Fault]:
    """What may not change in a ConfigMap or Secret that says so, and the type of a Secret."""
    if before.get("type") and after.get("type") != before["type"]:
        yield "type", f"Invalid value: {json.dumps(after.get('type'))}: field is immutable"
    if not before.get("immutable"):
        return
    words = "Forbidden: field is immutable when `immutable` is set"
    if not after.get("immutable"):
        yield "immutable", words
    for field in ("data", "binaryData"):
        if (before.get(field) or {}) != (after.get(field) or {}):
            yield field, words


def _spec(document: Mapping[str, Any]) -> Spec:
    found: Spec = document.get("spec") or {}
    return found


def _same(before: Spec, after: Spec, *fields: str) -> Iterator[Fault]:
    for field in fields:
        if (before.get(field) or None) != (after.get(field) or None):
            value = json.dumps(after.get(field), separators=(",", ":"))
            yield f"spec.{field}", f"Invalid value: {value}: field is immutable"


def _selector(before: Spec, after: Spec) -> Iterator[Fault]:
    yield from _same(before, after, "selector")


def _stateful_set(before: Spec, after: Spec) -> Iterator[Fault]:
    if _without(before, *_MUTABLE_OF_STATEFUL_SET) != _without(after, *_MUTABLE_OF_STATEFUL_SET):
        *most, last = (f"'{field}'" for field in _MUTABLE_OF_STATEFUL_SET)
        yield (
            "spec",
            f"Forbidden: updates to statefulset spec for fields other than {', '.join(most)} and {last} are forbidden",
        )


def _job(before: Spec, after: Spec) -> Iterator[Fault]:
    if after.get("completionMode") != "Indexed":
        yield from _same(before, after, "completions")
    elif before.get("completions") != after.get("completions") != after.get("parallelism"):
        words = "can only be modified in tandem with spec.parallelism"
        yield "spec.completions", f"Invalid value: {after.get('completions')}: {words}"
    yield from _same(before, after, "selector")
    suspended = before.get("suspend")
    old, new = _template(before, suspended=suspended), _template(after, suspended=suspended)
    yield from _same({"template": old}, {"template": new}, "template")
    yield from _same(
        before, after, "completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"
    )


def _template(spec: Spec, *, suspended: Any) -> Spec:
    template: Spec = spec.get("template") or {}
    if not suspended:
        return template
    inner = _without(template.get("spec") or {}, *_SCHEDULING)
    containers = [_without(each, "resources") for each in inner.get("containers") or ()]
    return {"spec": {**inner, "containers": containers}}


def _pod(before: Spec, after: Spec) -> Iterator[Fault]:
    fields: tuple[str, ...] = _MUTABLE_OF_POD
    if before.get("schedulingGates"):
        fields = (*fields, *_MUTABLE_OF_GATED_POD)
    if _without_images(before, *fields) != _without_images(after, *fields):
        names = "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`"
        rest = "`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds`"
        more = "(allow it to be set to 1 if it was previously negative)"
        yield "spec", f"Forbidden: pod updates may not change fields other than {names},{rest} {more}"


def _without_images(spec: Spec, *fields: str) -> Spec:
    kept = _without(spec, *fields)
    for part in ("containers", "initContainers"):
        if kept.get(part):
            kept[part] = [_without(each, "image") for each in kept[part]]
    return kept


_CLAIM_STAYS = (
    "Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound "
    "claims"
)


def _claim(before: Spec, after: Spec) -> Iterator[Fault]:
    free = ["resources", "volumeAttributesClassName"]
    if not before.get("volumeName"):
        free.append("volumeName")
    if before.get("storageClassName") is None:
        free.append("storageClassName")
    limits = [(spec.get("resources") or {}).get("limits") or None for spec in (before, after)]
    if _without(before, *free) != _without(after, *free) or limits[0] != limits[1]:
        yield "spec", _CLAIM_STAYS


def _claim_size(before: Spec, after: Spec, status: Spec, *, known: bool) -> Iterator[Fault]:
    """Only a bound claim may ask for another size, and never for less than it has: there is no shrinking.

    Source: pkg/apis/core/validation, ValidatePersistentVolumeClaimUpdate.
    """
    old, new = (
        parse(((spec.get("resources") or {}).get("requests") or {}).get("storage", 0)) for spec in (before, after)
    )
    if new != old and status.get("phase") != "Bound" and not known:
        yield "spec", _CLAIM_STAYS
    if new < old and new <= parse((status.get("capacity") or {}).get("storage", 0)):
        yield "spec.resources.requests.storage", "Forbidden: field can not be less than status.capacity"


def _pod_group(before: Spec, after: Spec) -> Iterator[Fault]:
    fields = ("podGroupTemplateRef", "workloadRef", "schedulingPolicy", "schedulingConstraints", "resourceClaims")
    yield from _same(before, after, *fields, "disruptionMode", "priorityClassName", "priority")


def _workload(before: Spec, after: Spec) -> Iterator[Fault]:
    yield from _same(before, after, "podGroupTemplates")
    if before.get("controllerRef"):
        yield from _same(before, after, "controllerRef")


def _without(spec: Spec, *fields: str) -> dict[str, Any]:
    return {name: value for name, value in spec.items() if name not in fields}


_CHECKS: Mapping[str, Callable[[Spec, Spec], Iterator[Fault]]] = MappingProxyType(
    {
        "Deployment": _selector,
        "ReplicaSet": _selector,
        "DaemonSet": _selector,
        "StatefulSet": _stateful_set,
        "Job": _job,
        "Pod": _pod,
        "PersistentVolumeClaim": _claim,
        "PodGroup": _pod_group,
        "Workload": _workload,
    }
)
