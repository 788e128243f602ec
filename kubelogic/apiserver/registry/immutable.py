"""What may not change any more once an object exists.

Source: the update validation of each kind (``Validate...Update`` under pkg/apis) of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from kubelogic.apiserver.answers import Status, invalid
from kubelogic.apiserver.registry import storage_updates
from kubelogic.apiserver.registry.pod_updates import Fault, compact, refuse_pod
from kubelogic.cluster import Object
from kubelogic.kinds.go_shape import in_go
from kubelogic.kinds.validation import admit, api_words

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
_SCHEDULING = ("nodeSelector", "tolerations", "schedulingGates")
"""Fields of a pod template's spec that may change in a suspended Job, beside affinity to nodes and resources."""

TOLD_FIRST = frozenset({"DaemonSet", "ConfigMap", "Secret", "StorageClass", "PriorityClass", "RuntimeClass"})
"""Kinds whose changes are judged before what they became is validated."""


def refuse_change(old: Object, new: Object) -> Status | None:
    """The refusal of a change that touches what may not change; None if it does not.

    Args:
        old: the object as it is.
        new: the object as it should become, with defaults.
    """
    found = faults(old, new)
    return invalid(new, found) if found else None


def faults(old: Object, new: Object) -> list[Fault]:
    """The fields of an object that may not change and do, with what the API server says of them.

    Args:
        old: the object as it is.
        new: the object as it should become.
    """
    whole = _WHOLE.get(new.kind)
    if whole is not None:
        return list(whole(old.document, new.document))
    check = _CHECKS.get(new.kind)
    before, after = _spec(old.document), _spec(new.document)
    if check is None or before == after:
        return []
    stored = admit(old.document, namespace=old.namespace or "default")
    known = before if stored.problems else _spec(stored.document)
    if new.kind == "Job":
        return list(_job(known, after, at_rest=_at_rest(old.document)))
    return list(check(known, after))


def _frozen(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Fault]:
    """What may not change in a ConfigMap or Secret that says so, and the type of a Secret."""
    if before.get("type") and after.get("type") != before["type"]:
        yield "type", _immutable(after.get("type"))
    if not before.get("immutable"):
        return
    words = "Forbidden: field is immutable when `immutable` is set"
    if not after.get("immutable"):
        yield "immutable", words
    for field in ("data", "binaryData"):
        if (before.get(field) or {}) != (after.get(field) or {}):
            yield field, words


def _immutable(value: Any) -> str:
    return api_words.invalid(value, "field is immutable")[0]


def _top(*fields: str) -> Callable[[Mapping[str, Any], Mapping[str, Any]], Iterator[Fault]]:
    """What may not change beside the spec."""

    def check(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Fault]:
        for field in fields:
            if compact(before.get(field)) != compact(after.get(field)):
                yield field, _immutable(after.get(field))

    return check


def _role_binding(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Fault]:
    if before.get("roleRef") != after.get("roleRef"):
        reference = after.get("roleRef") or {}
        shown = {"APIGroup": reference.get("apiGroup", ""), "Kind": reference.get("kind", "")}
        shown["Name"] = reference.get("name", "")
        yield "roleRef", api_words.invalid(shown, "cannot change roleRef")[0]


def _priority_class(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Fault]:
    if before.get("value", 0) != after.get("value", 0):
        yield "value", "Forbidden: may not be changed in an update."
    yield from _top("preemptionPolicy")(before, after)


def _attributes_class(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Fault]:
    for field in ("driverName", "parameters"):
        if compact(before.get(field)) != compact(after.get(field)):
            yield field, f"Forbidden: updates to {field} are forbidden."


def _definition(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Fault]:
    """What resources are called stays, and once they are established also of what kind they are and where they live.

    Source: apiextensions-apiserver, pkg/apis/apiextensions/validation/validation.go,
    ValidateCustomResourceDefinitionUpdate.
    """
    old, new = _spec(before), _spec(after)
    conditions = (before.get("status") or {}).get("conditions") or ()
    established = any(c.get("type") == "Established" and c.get("status") == "True" for c in conditions)
    names, others = old.get("names") or {}, new.get("names") or {}
    if established:
        yield from _same(old, new, "scope")
        yield from (("spec.names.kind", words) for _, words in _same(names, others, "kind"))
    yield from _same(old, new, "group")
    yield from (("spec.names.plural", words) for _, words in _same(names, others, "plural"))


def _devices(type_name: str) -> Callable[[Spec, Spec], Iterator[Fault]]:
    """What is asked for of devices may not change."""

    def check(before: Spec, after: Spec) -> Iterator[Fault]:
        if compact(before) != compact(after):
            yield "spec", _immutable(in_go(after, type_name))

    return check


def _slice(before: Spec, after: Spec) -> Iterator[Fault]:
    """A slice stays in its pool and on its node.

    Source: pkg/apis/resource/validation/validation.go, validateResourceSliceSpec.
    """
    old, new = ((each.get("pool") or {}).get("name") for each in (before, after))
    if old != new:
        yield "spec.pool.name", _immutable(new)
    yield from _same(before, after, "driver", "nodeName")


def _spec(document: Mapping[str, Any]) -> Spec:
    found: Spec = document.get("spec") or {}
    return found


def _same(before: Spec, after: Spec, *fields: str) -> Iterator[Fault]:
    for field in fields:
        if (before.get(field) or None) != (after.get(field) or None):
            yield f"spec.{field}", _immutable(_shown(field, after.get(field)))


def _shown(field: str, value: Any) -> Any:
    """A value of a field as the API server's own types hold it."""
    if field == "template" and isinstance(value, Mapping):
        meta = value.get("metadata") or {}
        kept = {name: meta[name] for name in ("name", "labels", "annotations") if meta.get(name)}
        return {**kept, "Spec": in_go(value.get("spec") or {}, "PodSpec")}
    if field == "selector" and isinstance(value, Mapping):
        return {name: value[name] for name in ("matchLabels", "matchExpressions") if value.get(name)}
    return value


def _selector(before: Spec, after: Spec) -> Iterator[Fault]:
    yield from _same(before, after, "selector")


def _stateful_set(before: Spec, after: Spec) -> Iterator[Fault]:
    if _without(before, *_MUTABLE_OF_STATEFUL_SET) != _without(after, *_MUTABLE_OF_STATEFUL_SET):
        *most, last = (f"'{field}'" for field in _MUTABLE_OF_STATEFUL_SET)
        yield (
            "spec",
            f"Forbidden: updates to statefulset spec for fields other than {', '.join(most)} and {last} are forbidden",
        )


def _job(before: Spec, after: Spec, *, at_rest: bool = False) -> Iterator[Fault]:
    if after.get("completionMode") != "Indexed":
        yield from _same(before, after, "completions")
    elif before.get("completions") != after.get("completions") != after.get("parallelism"):
        words = "can only be modified in tandem with spec.parallelism"
        yield "spec.completions", f"Invalid value: {after.get('completions')}: {words}"
    yield from _same(before, after, "selector")
    old, new = before.get("template") or {}, after.get("template") or {}
    if (_settled(old) != _settled(new)) if at_rest else (old != new):
        yield "spec.template", _immutable(_shown("template", new))
    yield from _same(
        before, after, "completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"
    )


def _at_rest(job: Mapping[str, Any]) -> bool:
    """Whether a Job is suspended, has no active pods, and never started or is told to be suspended.

    Source: pkg/registry/batch/job/strategy.go, validationOptionsForJob.
    """
    status = job.get("status") or {}
    told = any(c.get("type") == "Suspended" and c.get("status") == "True" for c in status.get("conditions") or ())
    return bool(_spec(job).get("suspend")) and not status.get("active") and (told or not status.get("startTime"))


def _settled(template: Spec) -> Spec:
    """What a suspended Job may not change of its pods: all but where they go, their labels and what they request.

    Source: pkg/apis/batch/validation/validation.go, validatePodTemplateUpdate.
    """
    inner = _without(template.get("spec") or {}, *_SCHEDULING, "affinity")
    for part in ("initContainers", "containers"):
        inner[part] = [_without(each, "resources") for each in inner.get(part) or ()]
    inner["affinity"] = _without((template.get("spec") or {}).get("affinity") or {}, "nodeAffinity")
    return {"metadata": _without(template.get("metadata") or {}, "labels", "annotations"), "spec": inner}


def _node(before: Spec, after: Spec) -> Iterator[Fault]:
    words = 'Forbidden: node updates may not change {} except from "" to valid'
    if before.get("podCIDRs") and before["podCIDRs"] != after.get("podCIDRs"):
        yield "spec.podCIDRs", words.format("podCIDR")
    if before.get("providerID") and before["providerID"] != after.get("providerID"):
        yield "spec.providerID", words.format("providerID")


def _quota(before: Spec, after: Spec) -> Iterator[Fault]:
    if sorted(before.get("scopes") or ()) != sorted(after.get("scopes") or ()):
        yield "spec.scopes", _immutable(after.get("scopes"))


def _ingress_class(before: Spec, after: Spec) -> Iterator[Fault]:
    yield from _same(before, after, "controller")


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
        "Pod": refuse_pod,
        "Node": _node,
        "ResourceQuota": _quota,
        "IngressClass": _ingress_class,
        "PodGroup": _pod_group,
        "Workload": _workload,
        "ResourceClaim": _devices("ResourceClaimSpec"),
        "ResourceClaimTemplate": _devices("ResourceClaimTemplateSpec"),
        "ResourceSlice": _slice,
    }
)
_WHOLE: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any]], Iterator[Fault]]] = MappingProxyType(
    {
        "PersistentVolume": storage_updates.volume,
        "PersistentVolumeClaim": storage_updates.claim,
        "CustomResourceDefinition": _definition,
        "CSIDriver": storage_updates.driver,
        "VolumeAttachment": storage_updates.attachment,
        "CSINode": storage_updates.node_drivers,
        "ConfigMap": _frozen,
        "Secret": _frozen,
        "StorageClass": _top("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"),
        "RoleBinding": _role_binding,
        "ClusterRoleBinding": _role_binding,
        "PriorityClass": _priority_class,
        "RuntimeClass": _top("handler"),
        "EndpointSlice": _top("addressType"),
        "ControllerRevision": _top("data"),
        "VolumeAttributesClass": _attributes_class,
    }
)
"""Kinds of which more than the spec may not change."""
