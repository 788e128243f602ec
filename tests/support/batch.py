"""What traces show of Jobs, CronJobs and autoscalers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from kubelogic.cluster import Object
from tests.support.names import Names

Described = dict[str, Any]


def _conditions(status: Mapping[str, Any]) -> dict[str, str]:
    return {c["type"]: f"{c['status']}/{c.get('reason') or ''}" for c in status.get("conditions") or ()}


def job(obj: Object, names: Names) -> Described:
    """A Job: moments are only said to be set."""
    spec: Mapping[str, Any] = obj.document.get("spec") or {}
    status: Mapping[str, Any] = obj.document.get("status") or {}
    shown: Described = {
        name: status.get(name) for name in ("active", "ready", "succeeded", "failed", "terminating", "completedIndexes")
    }
    shown["failedIndexes"] = status.get("failedIndexes")
    for name in ("startTime", "completionTime"):
        if status.get(name):
            shown[name] = "set"
    uncounted = status.get("uncountedTerminatedPods") or {}
    shown["uncounted"] = sum(len(uids) for uids in uncounted.values())
    return {
        "owner": names.owner(obj) or None,
        "spec": {
            name: spec[name] for name in ("parallelism", "completions", "backoffLimit", "suspend") if name in spec
        },
        "status": shown,
        "conditions": _conditions(status),
    }


def cron_job(obj: Object, _names: Names) -> Described:
    """A CronJob."""
    spec: Mapping[str, Any] = obj.document.get("spec") or {}
    status: Mapping[str, Any] = obj.document.get("status") or {}
    return {
        "spec": {name: spec.get(name) for name in ("schedule", "suspend", "concurrencyPolicy")},
        "status": {
            "active": len(status.get("active") or ()),
            "scheduled": bool(status.get("lastScheduleTime")),
            "succeeded": bool(status.get("lastSuccessfulTime")),
        },
    }


def autoscaler(obj: Object, _names: Names) -> Described:
    """A HorizontalPodAutoscaler."""
    spec: Mapping[str, Any] = obj.document.get("spec") or {}
    status: Mapping[str, Any] = obj.document.get("status") or {}
    return {
        "spec": {name: spec.get(name) for name in ("minReplicas", "maxReplicas")},
        "status": {name: status.get(name) for name in ("currentReplicas", "desiredReplicas")},
        "conditions": _conditions(status),
    }


DESCRIBE = MappingProxyType({"Job": job, "CronJob": cron_job, "HorizontalPodAutoscaler": autoscaler})
"""How each kind is described."""
