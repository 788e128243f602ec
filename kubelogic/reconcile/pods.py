"""The document of a new pod as its controller sends it: its owner's template, and what the owner adds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelogic.apiserver.registry.job_pods import job_index_labels, job_spec, missing_job_labels
from kubelogic.cluster import Object
from kubelogic.cluster.edit import with_fields
from kubelogic.facts.daemon_sets import GENERATION_LABEL, template_generation
from kubelogic.facts.jobs import TRACKING
from kubelogic.reconcile.actions import CreatePod

_DAEMON_TOLERATIONS = (
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)
_HOST_NETWORK_TOLERATION = ("node.kubernetes.io/network-unavailable", "NoSchedule")


def pod_document(owner: Object, template: Mapping[str, Any], action: CreatePod) -> dict[str, Any]:
    """What a controller sends to the API server for a new pod. Pods of one template share the spec where they can."""
    meta = template.get("metadata") or {}
    given: dict[str, Any] = {}
    labels: Mapping[str, str] = meta.get("labels") or {}
    match owner.kind:
        case "StatefulSet":
            spec = _stateful_spec(owner, template.get("spec") or {}, action)
            labels = {
                **labels,
                "apps.kubernetes.io/pod-index": str(action.index),
                "statefulset.kubernetes.io/pod-name": action.pod.rpartition("/")[2],
                "controller-revision-hash": action.revision.rpartition("/")[2],
            }
        case "DaemonSet":
            spec = _daemon_spec(template.get("spec") or {}, action.node)
            labels = {
                **labels,
                "controller-revision-hash": _hash_of_revision(action.revision, owner),
                GENERATION_LABEL: str(template_generation(owner.document)),
            }
            given["generateName"] = f"{owner.name}-"
        case "Job":
            spec = job_spec(owner, template.get("spec") or {}, action.index)
            labels = {**labels, **missing_job_labels(owner), **job_index_labels(action.index)}
            given["generateName"] = f"{owner.name}-" if action.index < 0 else f"{owner.name}-{action.index}-"
        case _:
            spec = template.get("spec") or {}
            given["generateName"] = f"{owner.name}-"
    if labels:
        given["labels"] = labels
    if meta.get("annotations"):
        given["annotations"] = meta["annotations"]
    finalizers = list(meta.get("finalizers") or ())
    if owner.kind == "Job":
        given["annotations"] = {**(meta.get("annotations") or {}), **job_index_labels(action.index)}
        finalizers = [*(f for f in finalizers if f != TRACKING), TRACKING]
    if finalizers:
        given["finalizers"] = finalizers
    return {"metadata": given, "spec": spec, "status": {"phase": "Pending"}}


def _stateful_spec(owner: Object, spec: Mapping[str, Any], action: CreatePod) -> Mapping[str, Any]:
    """Stable host name and the claims of the ordinal. Source: StatefulSet controller, newStatefulSetPod."""
    name = action.pod.rpartition("/")[2]
    wanted = owner.document["spec"]
    claims = {
        template["metadata"]["name"]: f"{template['metadata']['name']}-{name}"
        for template in wanted.get("volumeClaimTemplates") or ()
    }
    kept = [volume for volume in spec.get("volumes") or () if volume["name"] not in claims]
    made = [{"name": volume, "persistentVolumeClaim": {"claimName": claims[volume]}} for volume in sorted(claims)]
    fields: dict[str, Any] = {"hostname": name, "subdomain": wanted.get("serviceName") or None}
    if made:
        fields["volumes"] = [*made, *kept]
    return with_fields(spec, [], fields)


def _daemon_spec(spec: Mapping[str, Any], node: str) -> Mapping[str, Any]:
    """Bound to one node by affinity, and tolerant of its troubles.

    The terms of the template are replaced: the controller has checked them. Source: daemon controller,
    CreatePodTemplate and ReplaceDaemonSetPodNodeNameNodeAffinity.
    """
    affinity = dict(spec.get("affinity") or {})
    node_affinity = dict(affinity.get("nodeAffinity") or {})
    requirement = {"key": "metadata.name", "operator": "In", "values": [node]}
    node_affinity["requiredDuringSchedulingIgnoredDuringExecution"] = {
        "nodeSelectorTerms": [{"matchFields": [requirement]}]
    }
    affinity["nodeAffinity"] = node_affinity
    return {**spec, "affinity": affinity, "tolerations": daemon_tolerations(spec)}


def daemon_tolerations(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The tolerations of a pod of a DaemonSet with a spec: its own, and those of a node's troubles.

    Source: daemon controller, AddOrUpdateDaemonPodTolerations.
    """
    tolerations = list(spec.get("tolerations") or ())
    extra = (*_DAEMON_TOLERATIONS, _HOST_NETWORK_TOLERATION) if spec.get("hostNetwork") else _DAEMON_TOLERATIONS
    for key, effect in extra:
        toleration = {"key": key, "operator": "Exists", "effect": effect}
        tolerations = [t for t in tolerations if not _same_toleration(t, toleration)]
        tolerations.append(toleration)
    return tolerations


def _same_toleration(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all((one.get(field) or "") == (other.get(field) or "") for field in ("key", "operator", "effect", "value"))


def _hash_of_revision(revision: str, owner: Object) -> str:
    return revision.rpartition("/")[2].removeprefix(f"{owner.name}-")
