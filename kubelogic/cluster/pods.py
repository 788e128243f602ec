"""What everybody asks of a pod, read in one place: its node, how far it is, and who looks after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kubelogic.cluster.cluster import Cluster
from kubelogic.cluster.edit import metadata
from kubelogic.cluster.objects import Object

_ENDED = ("Succeeded", "Failed")
"""The phases in which all containers of a pod have ended for good."""


def node_of(pod: Object) -> str:
    """The node of a pod; empty if it waits."""
    spec = pod.document.get("spec")  # asked of every pod of a large cluster, as what follows
    node = spec.get("nodeName") if spec else None
    return str(node) if node else ""


def nodes_of(cluster: Cluster) -> Mapping[str, str]:
    """The nodes of all pods that have one, by pod; read once of each cluster."""
    return cluster.of_each("nodes of pods", "Pod", lambda pods: pods.values("spec.nodeName"))


def phase_of(pod: Object) -> str:
    """The phase of a pod; empty if nobody has said one."""
    return str((pod.document.get("status") or {}).get("phase") or "")


def has_ended(pod: Object) -> bool:
    """Whether all containers of a pod have ended for good."""
    status = pod.document.get("status")
    return status is not None and status.get("phase") in _ENDED


def is_running(pod: Object) -> bool:
    """Whether a pod is in the phase Running."""
    return phase_of(pod) == "Running"


def is_active(pod: Object) -> bool:
    """Whether a pod has not ended and is not being deleted. Source: controller_utils.go, IsPodActive."""
    document = pod.document
    status, about = document.get("status"), document.get("metadata")
    has_ended = status and status.get("phase") in _ENDED
    return not has_ended and not (about and about.get("deletionTimestamp"))


def is_ready(pod: Object) -> bool:
    """Whether a pod is Ready."""
    conditions = (pod.document.get("status") or {}).get("conditions") or ()
    return any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)


def device_claims(pod: Object) -> list[str]:
    """The keys of the claims on devices that a pod names, and of those that were made for it from templates."""
    made = {
        each["name"]: each.get("resourceClaimName")
        for each in (pod.document.get("status") or {}).get("resourceClaimStatuses") or ()
    }
    names = (
        entry.get("resourceClaimName") or made.get(entry["name"])
        for entry in (pod.document.get("spec") or {}).get("resourceClaims") or ()
    )
    return [f"{pod.namespace}/{name}" for name in names if name]


def extended_claim(pod: Object) -> str:
    """The key of the claim that was made for the extended resources of a pod; empty if there is none."""
    status = (pod.document.get("status") or {}).get("extendedResourceClaimStatus") or {}
    name = status.get("resourceClaimName")
    return f"{pod.namespace}/{name}" if name else ""


def controller_reference(obj: Object) -> Mapping[str, Any] | None:
    """The reference of an object, a pod or what makes pods, to the owner that manages it."""
    references: Iterable[Mapping[str, Any]] = metadata(obj).get("ownerReferences") or ()
    for each in references:  # asked of every pod of a large cluster
        if each.get("controller"):
            return each
    return None
