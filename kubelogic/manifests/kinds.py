"""The kinds that a plain API server of Kubernetes 1.36 serves."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One served kind: whether it lives in namespaces, and whether some rule reads it."""

    api_version: str
    kind: str
    namespaced: bool
    modelled: bool


_TABLE = """
v1: Pod Service ConfigMap- Secret- ServiceAccount Endpoints PersistentVolumeClaim ReplicationController
v1: ResourceQuota LimitRange Event- PodTemplate-
v1 cluster: Node Namespace PersistentVolume
apps/v1: Deployment ReplicaSet StatefulSet DaemonSet ControllerRevision-
batch/v1: Job CronJob
policy/v1: PodDisruptionBudget
autoscaling/v2: HorizontalPodAutoscaler
autoscaling/v1: HorizontalPodAutoscaler
discovery.k8s.io/v1: EndpointSlice
coordination.k8s.io/v1: Lease
networking.k8s.io/v1: Ingress- NetworkPolicy-
networking.k8s.io/v1 cluster: IngressClass-
scheduling.k8s.io/v1 cluster: PriorityClass
node.k8s.io/v1 cluster: RuntimeClass
storage.k8s.io/v1 cluster: StorageClass CSIDriver CSINode VolumeAttachment
rbac.authorization.k8s.io/v1: Role- RoleBinding-
rbac.authorization.k8s.io/v1 cluster: ClusterRole- ClusterRoleBinding-
apiextensions.k8s.io/v1 cluster: CustomResourceDefinition-
apiregistration.k8s.io/v1 cluster: APIService-
admissionregistration.k8s.io/v1 cluster: MutatingWebhookConfiguration- ValidatingWebhookConfiguration-
"""


def _kinds() -> Mapping[tuple[str, str], Kind]:
    found: dict[tuple[str, str], Kind] = {}
    for row in _TABLE.strip().splitlines():
        head, _, names = row.partition(": ")
        api_version, _, scope = head.partition(" ")
        for name in names.split():
            kind = name.removesuffix("-")
            found[api_version, kind] = Kind(
                api_version=api_version, kind=kind, namespaced=not scope, modelled=kind == name
            )
    return found


_KINDS = _kinds()
GROUPS = frozenset(api_version.rpartition("/")[0] for api_version, _ in _KINDS)
REMOVED: Mapping[tuple[str, str], str] = {
    ("extensions/v1beta1", "Deployment"): "apps/v1",
    ("policy/v1beta1", "PodDisruptionBudget"): "policy/v1",
    ("policy/v1beta1", "PodSecurityPolicy"): "",
    ("batch/v1beta1", "CronJob"): "batch/v1",
    ("autoscaling/v2beta2", "HorizontalPodAutoscaler"): "autoscaling/v2",
}


def lookup(api_version: str, kind: str) -> Kind | None:
    """The served kind, or None."""
    return _KINDS.get((api_version, kind))


def did_you_mean(api_version: str, kind: str) -> Kind | None:
    """The served kind that is most like a misspelt one."""
    near = difflib.get_close_matches(f"{api_version} {kind}".lower(), {f"{a} {k}".lower(): 0 for a, k in _KINDS}, 1)
    return next(
        (found for found in _KINDS.values() if near and f"{found.api_version} {found.kind}".lower() == near[0]),
        None,
    )
