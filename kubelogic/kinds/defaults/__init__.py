"""What the API server fills in when an object is created: the defaults of Kubernetes 1.36.

Defaults come from the kinds themselves. What admission adds (priority values, the default tolerations, limit
ranges) is the business of ``rules/admission``; what an allocator adds (cluster IPs, node ports) of the simulation.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from kubelogic.kinds.defaults import cluster, pods, workloads

Tree = dict[str, Any]

DEFAULTERS: Mapping[tuple[str, str], Callable[[Tree], None]] = MappingProxyType(
    {
        ("v1", "Pod"): pods.pod,
        ("v1", "PodTemplate"): pods.pod_template_object,
        ("v1", "ReplicationController"): workloads.replication_controller,
        ("v1", "Service"): cluster.service,
        ("v1", "Endpoints"): cluster.endpoints,
        ("v1", "Node"): cluster.node,
        ("v1", "Namespace"): cluster.namespace,
        ("v1", "Secret"): cluster.secret,
        ("v1", "PersistentVolume"): cluster.persistent_volume,
        ("v1", "PersistentVolumeClaim"): cluster.persistent_volume_claim,
        ("v1", "ResourceQuota"): cluster.resource_quota,
        ("v1", "LimitRange"): cluster.limit_range,
        ("apps/v1", "Deployment"): workloads.deployment,
        ("apps/v1", "ReplicaSet"): workloads.replica_set,
        ("apps/v1", "StatefulSet"): workloads.stateful_set,
        ("apps/v1", "DaemonSet"): workloads.daemon_set,
        ("batch/v1", "Job"): workloads.job,
        ("batch/v1", "CronJob"): workloads.cron_job,
        ("autoscaling/v1", "HorizontalPodAutoscaler"): workloads.autoscaler_v1,
        ("autoscaling/v2", "HorizontalPodAutoscaler"): workloads.autoscaler_v2,
        ("discovery.k8s.io/v1", "EndpointSlice"): cluster.endpoint_slice,
        ("apiserver.config.k8s.io/v1", "AdmissionConfiguration"): cluster.admission_configuration,
        ("kubescheduler.config.k8s.io/v1", "KubeSchedulerConfiguration"): cluster.scheduler_configuration,
        ("pod-security.admission.config.k8s.io/v1", "PodSecurityConfiguration"): cluster.admission_configuration,
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"): cluster.custom_resource_definition,
        ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"): cluster.webhooks,
        ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"): cluster.webhooks,
        ("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy"): cluster.admission_policy,
        ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy"): cluster.admission_policy,
        ("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicyBinding"): cluster.admission_policy_binding,
        ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding"): cluster.admission_policy_binding,
        ("flowcontrol.apiserver.k8s.io/v1", "FlowSchema"): cluster.flow_schema,
        ("flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration"): cluster.priority_level,
        ("networking.k8s.io/v1", "NetworkPolicy"): cluster.network_policy,
        ("networking.k8s.io/v1", "IngressClass"): cluster.ingress_class,
        ("node.k8s.io/v1", "RuntimeClass"): cluster.runtime_class,
        ("scheduling.k8s.io/v1", "PriorityClass"): cluster.priority_class,
        ("scheduling.k8s.io/v1alpha2", "PodGroup"): cluster.pod_group,
        ("scheduling.k8s.io/v1alpha2", "Workload"): cluster.scheduled_workload,
        ("resource.k8s.io/v1", "ResourceClaim"): cluster.device_claim,
        ("resource.k8s.io/v1", "ResourceClaimTemplate"): cluster.device_claim_template,
        ("storage.k8s.io/v1", "StorageClass"): cluster.storage_class,
        ("storage.k8s.io/v1", "CSIDriver"): cluster.csi_driver,
        ("rbac.authorization.k8s.io/v1", "RoleBinding"): cluster.role_binding,
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): cluster.role_binding,
    }
)
"""How each kind is defaulted, in place."""

_STATUS_STRINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "conditions": ("type", "status"),
        "containerStatuses": ("name",),
        "initContainerStatuses": ("name",),
    }
)
"""The strings without which entries of a status are not stored."""


def fill(tree: Tree) -> None:
    """Fill the defaults into a tree that the caller owns, in place. Kinds without defaults stay as they are.

    Args:
        tree: a document with right types and without nulls (``validation.structure`` makes such).
    """
    defaulter = DEFAULTERS.get((tree.get("apiVersion", ""), tree.get("kind", "")))
    if defaulter is not None:
        defaulter(tree)
    _fill_status(tree.get("status"))


def _fill_status(status: Any) -> None:
    """Give entries of a status the strings that they cannot be without: a Go string that is not set is empty."""
    for field, names in _STATUS_STRINGS.items():
        entries = status.get(field) if isinstance(status, dict) else None
        for entry in entries if isinstance(entries, list) else ():
            for name in names if isinstance(entry, dict) else ():
                entry.setdefault(name, "")


def defaulted(document: Mapping[str, Any]) -> Tree:
    """A copy of a document with the API server's defaults filled in.

    >>> defaulted({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": 1})["preemptionPolicy"]
    'PreemptLowerPriority'
    """
    tree = copy.deepcopy(dict(document))
    fill(tree)
    return tree
