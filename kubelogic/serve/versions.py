"""Objects in the version that was asked for: kinds that are served in two versions and kept in one.

Source: pkg/apis/autoscaling/v1/conversion.go, pkg/apis/core and pkg/apis/events conversions of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

_EVENT_NAMES = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "count": "deprecatedCount",
    "reportingComponent": "reportingController",
}
"""Fields of an event of the core group, and what events.k8s.io calls them."""


def served_as(document: Mapping[str, Any], api_version: str) -> Json:
    """A stored object in the version of a request."""
    match document.get("apiVersion"), api_version:
        case "autoscaling/v2", "autoscaling/v1":
            return autoscaler_to_v1(document)
        case "autoscaling/v1", "autoscaling/v2":
            return autoscaler_to_v2(document)
        case "v1", "events.k8s.io/v1":
            renamed = {_EVENT_NAMES.get(key, key): value for key, value in document.items()}
            return {**renamed, "apiVersion": api_version}
        case "events.k8s.io/v1", "v1":
            back = {new: old for old, new in _EVENT_NAMES.items()}
            return {**{back.get(key, key): value for key, value in document.items()}, "apiVersion": api_version}
        case _:
            return dict(document)


def autoscaler_to_v2(document: Mapping[str, Any]) -> Json:
    """An autoscaler of autoscaling/v1, whose only metric is a share of cpu."""
    spec, status = dict(document.get("spec") or {}), dict(document.get("status") or {})
    share = spec.pop("targetCPUUtilizationPercentage", None)
    now = status.pop("currentCPUUtilizationPercentage", None)
    if share is not None and not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": share}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    if now is not None and not status.get("currentMetrics"):
        current = {"averageUtilization": now}
        status["currentMetrics"] = [{"type": "Resource", "resource": {"name": "cpu", "current": current}}]
    return {**document, "apiVersion": "autoscaling/v2", "spec": spec, "status": status}


def autoscaler_to_v1(document: Mapping[str, Any]) -> Json:
    """An autoscaler of autoscaling/v2 as autoscaling/v1 shows it: other metrics and behaviour are not shown."""
    spec, status = dict(document.get("spec") or {}), dict(document.get("status") or {})
    metrics = spec.pop("metrics", None) or ()
    spec.pop("behavior", None)
    for each in metrics:
        source = each.get("resource") or {}
        if source.get("name") == "cpu" and (share := (source.get("target") or {}).get("averageUtilization")):
            spec["targetCPUUtilizationPercentage"] = share
    for each in status.pop("currentMetrics", None) or ():
        source = each.get("resource") or {}
        if source.get("name") == "cpu" and (now := (source.get("current") or {}).get("averageUtilization")) is not None:
            status["currentCPUUtilizationPercentage"] = now
    status.pop("conditions", None)
    return {**document, "apiVersion": "autoscaling/v1", "spec": spec, "status": status}
