"""Objects that an older cluster printed, as Kubernetes 1.36 would hold them: other versions with the same meaning.

Only what a cluster printed is converted; a manifest of a version that is not served is refused, as by the API server.

Source: pkg/apis/{apps,autoscaling,batch,discovery,policy}/v*/conversion.go of the releases that served both versions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kubelogic.kinds.table import REMOVED

Document = dict[str, Any]

MATCHES_NOTHING = "pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match"
"""The label that the selector of a budget asks for which selected nothing in policy/v1beta1.

Source: pkg/apis/policy/v1beta1/conversion.go.
"""

_SAME = frozenset(
    {
        "ClusterRole",
        "ClusterRoleBinding",
        "ControllerRevision",
        "CronJob",
        "CSIDriver",
        "CSINode",
        "CSIStorageCapacity",
        "DaemonSet",
        "Deployment",
        "IngressClass",
        "Lease",
        "NetworkPolicy",
        "PriorityClass",
        "ReplicaSet",
        "Role",
        "RoleBinding",
        "RuntimeClass",
        "StatefulSet",
        "StorageClass",
        "VolumeAttachment",
    }
)
"""Kinds whose fields did not change but for those in ``_DROPPED``."""

_DROPPED = ("rollbackTo", "templateGeneration")
"""Fields of ``spec`` that only extensions/v1beta1 had; nothing follows from them for a cluster at rest."""


def is_removed(api_version: str, kind: str) -> bool:
    """Whether Kubernetes served a kind once, and no longer does."""
    return (api_version, kind) in REMOVED


def converted(document: Mapping[str, Any]) -> Document | None:
    """The object in the version that is served now; None if its meaning cannot be kept.

    >>> converted({"apiVersion": "batch/v1beta1", "kind": "CronJob", "spec": {"schedule": "@daily"}})
    {'apiVersion': 'batch/v1', 'kind': 'CronJob', 'spec': {'schedule': '@daily'}}
    """
    version, kind = str(document["apiVersion"]), str(document["kind"])
    present = REMOVED.get((version, kind))
    if not present:
        return None
    found = {**document, "apiVersion": present}
    if kind in _SAME:
        spec = document.get("spec")
        if isinstance(spec, Mapping) and kind != "IngressClass":
            found["spec"] = {name: value for name, value in spec.items() if name not in _DROPPED}
        return found
    convert = _CONVERSIONS.get(kind)
    return None if convert is None else convert(found, version)


def _budget(found: Document, _version: str) -> Document:
    spec = _mapping(found.get("spec"))
    selector = spec.get("selector")
    if isinstance(selector, Mapping) and not any(selector.values()):
        nothing = {"matchExpressions": [{"key": MATCHES_NOTHING, "operator": "Exists"}]}
        return {**found, "spec": {**spec, "selector": nothing}}
    return found


def _slice(found: Document, _version: str) -> Document:
    endpoints = [_endpoint(each) for each in found.get("endpoints") or () if isinstance(each, Mapping)]
    return {**found, "endpoints": endpoints}


def _endpoint(endpoint: Mapping[str, Any]) -> Document:
    rest = {name: value for name, value in endpoint.items() if name != "topology"}
    topology = dict(_mapping(endpoint.get("topology")))
    zone = topology.pop("topology.kubernetes.io/zone", None)
    if zone is not None:
        rest["zone"] = zone
    host = topology.get("kubernetes.io/hostname")
    if host is not None:
        rest.setdefault("nodeName", host)
    return {**rest, **({"deprecatedTopology": topology} if topology else {})}


def _autoscaler(found: Document, version: str) -> Document:
    spec = dict(_mapping(found.get("spec")))
    target = _mapping(spec.get("scaleTargetRef"))
    present = REMOVED.get((str(target.get("apiVersion")), str(target.get("kind"))))
    if present:
        spec["scaleTargetRef"] = {**target, "apiVersion": present}
    found = {**found, "spec": spec}
    if version.endswith("v2beta1"):
        if spec.get("metrics"):
            spec["metrics"] = [_metric(each) for each in spec["metrics"] if isinstance(each, Mapping)]
        status = _mapping(found.get("status"))
        found["status"] = {name: value for name, value in status.items() if name != "currentMetrics"}
    return found


def _metric(metric: Mapping[str, Any]) -> Document:
    """A metric of autoscaling/v2beta1, whose targets had names of their own."""
    kind = str(metric.get("type"))
    name = kind[:1].lower() + kind[1:]
    source = _mapping(metric.get(name))
    target: Document = {}
    if source.get("targetAverageUtilization") is not None:
        target = {"type": "Utilization", "averageUtilization": source["targetAverageUtilization"]}
    elif (average := source.get("targetAverageValue", source.get("averageValue"))) is not None:
        target = {"type": "AverageValue", "averageValue": average}
    elif source.get("targetValue") is not None:
        target = {"type": "Value", "value": source["targetValue"]}
    made: Document = {"target": target}
    if name in ("resource", "containerResource"):
        made |= {key: source[key] for key in ("name", "container") if key in source}
    else:
        selector = source.get("metricSelector", source.get("selector"))
        made["metric"] = {"name": source.get("metricName"), **({"selector": selector} if selector else {})}
    if name == "object":
        made["describedObject"] = source.get("target")
    return {"type": kind, name: made}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


_CONVERSIONS: Mapping[str, Callable[[Document, str], Document]] = {
    "EndpointSlice": _slice,
    "HorizontalPodAutoscaler": _autoscaler,
    "PodDisruptionBudget": _budget,
}
