"""One document in, the document as the API server would store it out, or everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Any

import msgspec

from kubelogic.kinds import defaults
from kubelogic.kinds.table import Kind, lookup
from kubelogic.kinds.validation import names
from kubelogic.kinds.validation.common import metadata
from kubelogic.kinds.validation.problems import Problem, Report, Tree
from kubelogic.kinds.validation.structure import MISSING, decoder
from kubelogic.text.location import Path

Validator = Callable[[Report, Tree], None]

VALIDATORS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("v1", "Pod"): "pods.pod",
        ("v1", "PodTemplate"): "pods.pod_template_object",
        ("v1", "ReplicationController"): "workloads.replication_controller",
        ("v1", "Node"): "nodes.node",
        ("v1", "Namespace"): "nodes.namespace",
        ("v1", "ServiceAccount"): "nodes.service_account",
        ("v1", "ConfigMap"): "nodes.config_map",
        ("v1", "Secret"): "nodes.secret",
        ("v1", "PersistentVolume"): "storage.volume",
        ("v1", "PersistentVolumeClaim"): "storage.claim",
        ("v1", "ResourceQuota"): "policy.resource_quota",
        ("v1", "LimitRange"): "policy.limit_range",
        ("v1", "Endpoints"): "services.endpoints",
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"): "extensions.definition",
        ("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy"): "policies.mutating",
        ("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicyBinding"): "policies.mutating_binding",
        ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy"): "policies.validating",
        ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding"): "policies.validating_binding",
        ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"): "extensions.webhooks",
        ("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"): "extensions.webhooks",
        ("apps/v1", "Deployment"): "workloads.deployment",
        ("apps/v1", "ReplicaSet"): "workloads.replica_set",
        ("apps/v1", "StatefulSet"): "workloads.stateful_set",
        ("apps/v1", "DaemonSet"): "workloads.daemon_set",
        ("apps/v1", "ControllerRevision"): "workloads.controller_revision",
        ("batch/v1", "Job"): "batch.job",
        ("batch/v1", "CronJob"): "batch.cron_job",
        ("autoscaling/v1", "HorizontalPodAutoscaler"): "autoscaling.autoscaler",
        ("autoscaling/v2", "HorizontalPodAutoscaler"): "autoscaling.autoscaler",
        ("coordination.k8s.io/v1", "Lease"): "policy.lease",
        ("discovery.k8s.io/v1", "EndpointSlice"): "services.endpoint_slice",
        ("kubescheduler.config.k8s.io/v1", "KubeSchedulerConfiguration"): "scheduler_configuration.configuration",
        ("networking.k8s.io/v1", "Ingress"): "networking.ingress",
        ("networking.k8s.io/v1", "IngressClass"): "networking.ingress_class",
        ("networking.k8s.io/v1", "NetworkPolicy"): "networking.network_policy",
        ("node.k8s.io/v1", "RuntimeClass"): "policy.runtime_class",
        ("policy/v1", "PodDisruptionBudget"): "policy.disruption_budget",
        ("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy"): "cluster_policies.admin",
        ("policy.networking.k8s.io/v1alpha1", "BaselineAdminNetworkPolicy"): "cluster_policies.baseline",
        ("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy"): "cluster_policies.cluster",
        ("rbac.authorization.k8s.io/v1", "Role"): "rbac.role",
        ("rbac.authorization.k8s.io/v1", "ClusterRole"): "rbac.cluster_role",
        ("rbac.authorization.k8s.io/v1", "RoleBinding"): "rbac.role_binding",
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): "rbac.cluster_role_binding",
        ("resource.k8s.io/v1", "DeviceClass"): "devices.device_class",
        ("resource.k8s.io/v1", "ResourceClaim"): "devices.claim",
        ("resource.k8s.io/v1", "ResourceClaimTemplate"): "devices.claim_template",
        ("resource.k8s.io/v1", "ResourceSlice"): "devices.resource_slice",
        ("scheduling.k8s.io/v1", "PriorityClass"): "policy.priority_class",
        ("scheduling.k8s.io/v1alpha2", "PodGroup"): "groups.pod_group",
        ("scheduling.k8s.io/v1alpha2", "Workload"): "groups.workload",
        ("scheduling.k8s.io/v1beta1", "PodGroup"): "groups.pod_group",
        ("scheduling.k8s.io/v1beta1", "Workload"): "groups.workload",
        ("storage.k8s.io/v1", "CSIDriver"): "storage.csi_driver",
        ("storage.k8s.io/v1", "CSINode"): "storage.csi_node",
        ("storage.k8s.io/v1", "CSIStorageCapacity"): "storage.storage_capacity",
        ("snapshot.storage.k8s.io/v1", "VolumeSnapshot"): "snapshots.snapshot",
        ("snapshot.storage.k8s.io/v1", "VolumeSnapshotClass"): "snapshots.snapshot_class",
        ("snapshot.storage.k8s.io/v1", "VolumeSnapshotContent"): "snapshots.content",
        ("storage.k8s.io/v1", "StorageClass"): "storage.storage_class",
        ("storage.k8s.io/v1", "VolumeAttachment"): "storage.attachment",
        ("storage.k8s.io/v1", "VolumeAttributesClass"): "storage.attributes_class",
    }
)
"""The module and function that check each kind, loaded with the first object of it. Services need to know the cluster's
address families as well."""


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a document.

    ``document`` has the defaults filled in; it is a new mapping whose parts may be shared with other documents
    and must not be changed. With ``problems`` it is the input as it was. ``faults`` are the fields that the API server
    names and what it says of each, in its order.
    """

    document: Mapping[str, Any]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    faults: tuple[tuple[str, str], ...] = ()


def admit(
    document: Mapping[str, Any], *, namespace: str = "default", ip_families: Collection[str] = ("IPv4",)
) -> Admission:
    """Check one document and fill in its defaults, as the API server does on create with strict field validation.

    Args:
        document: any JSON mapping with ``apiVersion`` and ``kind``.
        namespace: where namespaced objects go that name no namespace.
        ip_families: the address families of the cluster's Services.

    Returns:
        The stored document, or all problems at once. Nothing is raised for any JSON tree.
    """
    kind = lookup(str(document.get("apiVersion")), str(document.get("kind")))
    if kind is None:
        return Admission(document=document, problems=(), warnings=())
    report = Report()
    tree = decoder(f"@{kind.type}")(document, (), report)
    if tree is MISSING:
        return _verdict(document, document, report, 0, kind)
    typed = len(report.problems)
    _place(tree, kind, namespace)
    defaults.fill(tree)
    _validate(report, tree, kind, ip_families)
    return _verdict(document, tree, report, typed, kind)


def _place(tree: Tree, kind: Kind, namespace: str) -> None:
    meta = tree.setdefault("metadata", {})
    if not kind.namespaced:
        meta.pop("namespace", None)
    elif not meta.get("namespace"):
        meta["namespace"] = namespace


def _validate(report: Report, tree: Tree, kind: Kind, ip_families: Collection[str]) -> None:
    if (kind.api_version, kind.kind) == ("v1", "Service"):
        from kubelogic.kinds.validation.services import service

        service(report, tree, ip_families)
    elif (kind.api_version, kind.kind) in VALIDATORS:
        _validator(kind.api_version, kind.kind)(report, tree)
    else:
        metadata(report, tree, names.path_segment, namespaced=kind.namespaced)


@cache
def _validator(api_version: str, kind: str) -> Validator:
    module, _, name = VALIDATORS[api_version, kind].partition(".")
    found: Validator = getattr(import_module(f"kubelogic.kinds.validation.{module}"), name)
    return found


def _verdict(
    document: Mapping[str, Any], tree: Tree | Mapping[str, Any], report: Report, typed: int, kind: Kind
) -> Admission:
    found = report.problems
    if any(problem.code in ("KL110", "KL112") for problem in found):
        from kubelogic.kinds.validation.indentation import with_causes

        found = with_causes(document, kind.type, found)
    problems = _told_once(document, found, typed) if found else ()
    return Admission(
        document=document if problems else tree,
        problems=problems,
        warnings=tuple(sorted(set(report.warnings))) if report.warnings else (),
        faults=tuple(dict.fromkeys(fault for problem in found for fault in problem.faults)) if problems else (),
    )


def _told_once(document: Mapping[str, Any], problems: list[Problem], typed: int) -> tuple[Problem, ...]:
    """Drop what only follows from something else that is told.

    Values of a wrong type were left out of the further checks, and a default that was copied from a wrong value
    is as wrong as that.
    """
    from kubelogic.kinds.validation.indentation import is_written

    unusable = {problem.path for problem in problems[:typed] if problem.code != "KL112"}
    kept = set(problems[:typed])
    kept.update(problem for problem in problems[typed:] if not _shadowed(problem.path, unusable))
    written = {(problem.code, problem.message) for problem in kept if is_written(document, problem.path)}
    return tuple(
        sorted(
            problem
            for problem in kept
            if (problem.code, problem.message) not in written or is_written(document, problem.path)
        )
    )


def _shadowed(path: Path, unusable: set[Path]) -> bool:
    if not unusable:
        return False
    if any(path[:length] in unusable for length in range(len(path) + 1)):
        return True
    return any(other[: len(path)] == path for other in unusable)
