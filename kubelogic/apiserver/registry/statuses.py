"""Statuses in requests: a request for the object leaves its status as it is, one for its status is validated.

Source: the strategies of each kind under pkg/registry (PrepareForUpdate), and ``Validate...StatusUpdate`` under
pkg/apis/{apps,autoscaling,batch,core,policy}/validation, of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from kubelogic.apiserver.answers import Status, invalid
from kubelogic.apiserver.registry.pod_updates import Fault
from kubelogic.cluster import Object
from kubelogic.kinds.table import lookup
from kubelogic.kinds.validation import admit, api_words

_OF_ALL, _OF_READY = "cannot be greater than status.replicas", "cannot be greater than readyReplicas"

_COUNTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "DaemonSet": (
            "currentNumberScheduled",
            "numberMisscheduled",
            "desiredNumberScheduled",
            "numberReady",
            "observedGeneration",
            "updatedNumberScheduled",
            "numberAvailable",
            "numberUnavailable",
            "collisionCount",
        ),
        "Deployment": (
            "observedGeneration",
            "replicas",
            "updatedReplicas",
            "readyReplicas",
            "terminatingReplicas",
            "availableReplicas",
            "unavailableReplicas",
            "collisionCount",
        ),
        "HorizontalPodAutoscaler": ("currentReplicas", "desiredReplicas"),
        "Job": ("active", "succeeded", "failed", "ready", "terminating"),
        "PodDisruptionBudget": ("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"),
        "ReplicaSet": (
            "replicas",
            "fullyLabeledReplicas",
            "readyReplicas",
            "availableReplicas",
            "terminatingReplicas",
            "observedGeneration",
        ),
        "ReplicationController": (
            "replicas",
            "fullyLabeledReplicas",
            "readyReplicas",
            "availableReplicas",
            "observedGeneration",
        ),
        "StatefulSet": (
            "replicas",
            "readyReplicas",
            "currentReplicas",
            "updatedReplicas",
            "availableReplicas",
            "observedGeneration",
            "collisionCount",
        ),
    }
)
"""By kind, the numbers of its status that are never negative."""

_MOST: Mapping[str, tuple[tuple[str, str, str], ...]] = MappingProxyType(
    {
        "Deployment": (
            ("updatedReplicas", "replicas", _OF_ALL),
            ("readyReplicas", "replicas", _OF_ALL),
            ("availableReplicas", "replicas", _OF_ALL),
            ("availableReplicas", "readyReplicas", _OF_READY),
        ),
        "ReplicaSet": (
            ("fullyLabeledReplicas", "replicas", _OF_ALL),
            ("readyReplicas", "replicas", _OF_ALL),
            ("availableReplicas", "replicas", _OF_ALL),
            ("availableReplicas", "readyReplicas", _OF_READY),
        ),
        "ReplicationController": (
            ("fullyLabeledReplicas", "replicas", _OF_ALL),
            ("readyReplicas", "replicas", _OF_ALL),
            ("availableReplicas", "replicas", _OF_ALL),
            ("availableReplicas", "readyReplicas", _OF_READY),
        ),
        "StatefulSet": (
            ("readyReplicas", "replicas", _OF_ALL),
            ("currentReplicas", "replicas", _OF_ALL),
            ("updatedReplicas", "replicas", _OF_ALL),
            ("availableReplicas", "replicas", _OF_ALL),
            ("availableReplicas", "readyReplicas", "cannot be greater than status.readyReplicas"),
        ),
    }
)
"""By kind: a number, another one that it may not exceed, and the words for that."""


def with_own_status(old: Object, document: Mapping[str, Any]) -> Mapping[str, Any]:
    """What becomes of an object by a request that is not about its status: that stays, whatever the request says.

    The status of a custom resource is a part like others here.
    """
    if document.get("status") == old.document.get("status") or lookup(old.api_version, old.kind) is None:
        return document
    rest = {name: value for name, value in document.items() if name != "status"}
    return {**rest, "status": old.document["status"]} if "status" in old.document else rest


def refuse_status(old: Object, document: Mapping[str, Any]) -> Status | None:
    """The refusal of a changed status: for fields of a wrong type, unknown ones, and numbers that cannot be.

    Args:
        old: the object as it is.
        document: it with its new status.
    """
    known = lookup(old.api_version, old.kind) is not None
    if document.get("status") == old.document.get("status") or not known:
        return None
    space = old.namespace or "default"
    before = admit(old.document, namespace=space).faults
    found = [each for each in admit(document, namespace=space).faults if each not in before]
    found = found or list(_wrong_counts(old.kind, document["status"]))
    return invalid(old, found) if found else None


def _wrong_counts(kind: str, status: Mapping[str, Any]) -> Iterator[Fault]:
    for name in _COUNTS.get(kind, ()):
        if (value := status.get(name) or 0) < 0:
            yield f"status.{name}", api_words.invalid(value, "must be greater than or equal to 0")[0]
    for name, other, words in _MOST.get(kind, ()):
        if (value := status.get(name) or 0) > (status.get(other) or 0):
            yield f"status.{name}", api_words.invalid(value, words)[0]
