"""The kinds that a plain Kubernetes 1.36 API server serves: names and scope."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

REMOVED: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("admissionregistration.k8s.io/v1beta1", "MutatingWebhookConfiguration"): "admissionregistration.k8s.io/v1",
        ("admissionregistration.k8s.io/v1beta1", "ValidatingWebhookConfiguration"): "admissionregistration.k8s.io/v1",
        ("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition"): "apiextensions.k8s.io/v1",
        ("apiregistration.k8s.io/v1beta1", "APIService"): "apiregistration.k8s.io/v1",
        ("apps/v1beta1", "Deployment"): "apps/v1",
        ("apps/v1beta1", "StatefulSet"): "apps/v1",
        ("apps/v1beta1", "ControllerRevision"): "apps/v1",
        ("apps/v1beta2", "ControllerRevision"): "apps/v1",
        ("apps/v1beta2", "DaemonSet"): "apps/v1",
        ("apps/v1beta2", "Deployment"): "apps/v1",
        ("apps/v1beta2", "ReplicaSet"): "apps/v1",
        ("apps/v1beta2", "StatefulSet"): "apps/v1",
        ("autoscaling/v2beta1", "HorizontalPodAutoscaler"): "autoscaling/v2",
        ("autoscaling/v2beta2", "HorizontalPodAutoscaler"): "autoscaling/v2",
        ("batch/v1beta1", "CronJob"): "batch/v1",
        ("batch/v2alpha1", "CronJob"): "batch/v1",
        ("certificates.k8s.io/v1beta1", "CertificateSigningRequest"): "certificates.k8s.io/v1",
        ("coordination.k8s.io/v1beta1", "Lease"): "coordination.k8s.io/v1",
        ("discovery.k8s.io/v1beta1", "EndpointSlice"): "discovery.k8s.io/v1",
        ("events.k8s.io/v1beta1", "Event"): "events.k8s.io/v1",
        ("extensions/v1beta1", "DaemonSet"): "apps/v1",
        ("extensions/v1beta1", "Deployment"): "apps/v1",
        ("extensions/v1beta1", "Ingress"): "networking.k8s.io/v1",
        ("extensions/v1beta1", "NetworkPolicy"): "networking.k8s.io/v1",
        ("extensions/v1beta1", "PodSecurityPolicy"): "",
        ("extensions/v1beta1", "ReplicaSet"): "apps/v1",
        ("flowcontrol.apiserver.k8s.io/v1beta1", "FlowSchema"): "flowcontrol.apiserver.k8s.io/v1",
        ("flowcontrol.apiserver.k8s.io/v1beta1", "PriorityLevelConfiguration"): "flowcontrol.apiserver.k8s.io/v1",
        ("flowcontrol.apiserver.k8s.io/v1beta2", "FlowSchema"): "flowcontrol.apiserver.k8s.io/v1",
        ("flowcontrol.apiserver.k8s.io/v1beta2", "PriorityLevelConfiguration"): "flowcontrol.apiserver.k8s.io/v1",
        ("flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema"): "flowcontrol.apiserver.k8s.io/v1",
        ("flowcontrol.apiserver.k8s.io/v1beta3", "PriorityLevelConfiguration"): "flowcontrol.apiserver.k8s.io/v1",
        ("networking.k8s.io/v1beta1", "Ingress"): "networking.k8s.io/v1",
        ("networking.k8s.io/v1beta1", "IngressClass"): "networking.k8s.io/v1",
        ("node.k8s.io/v1beta1", "RuntimeClass"): "node.k8s.io/v1",
        ("policy/v1beta1", "PodDisruptionBudget"): "policy/v1",
        ("policy/v1beta1", "PodSecurityPolicy"): "",
        ("rbac.authorization.k8s.io/v1beta1", "ClusterRole"): "rbac.authorization.k8s.io/v1",
        ("rbac.authorization.k8s.io/v1beta1", "ClusterRoleBinding"): "rbac.authorization.k8s.io/v1",
        ("rbac.authorization.k8s.io/v1beta1", "Role"): "rbac.authorization.k8s.io/v1",
        ("rbac.authorization.k8s.io/v1beta1", "RoleBinding"): "rbac.authorization.k8s.io/v1",
        ("scheduling.k8s.io/v1beta1", "PriorityClass"): "scheduling.k8s.io/v1",
        ("snapshot.storage.k8s.io/v1beta1", "VolumeSnapshot"): "snapshot.storage.k8s.io/v1",
        ("snapshot.storage.k8s.io/v1beta1", "VolumeSnapshotClass"): "snapshot.storage.k8s.io/v1",
        ("snapshot.storage.k8s.io/v1beta1", "VolumeSnapshotContent"): "snapshot.storage.k8s.io/v1",
        ("storage.k8s.io/v1beta1", "CSIDriver"): "storage.k8s.io/v1",
        ("storage.k8s.io/v1beta1", "CSINode"): "storage.k8s.io/v1",
        ("storage.k8s.io/v1beta1", "CSIStorageCapacity"): "storage.k8s.io/v1",
        ("storage.k8s.io/v1beta1", "StorageClass"): "storage.k8s.io/v1",
        ("storage.k8s.io/v1beta1", "VolumeAttachment"): "storage.k8s.io/v1",
    }
)
"""Kinds that were served once: the apiVersion to write instead, or empty where there is none."""


NOT_SERVED = frozenset(
    {
        "apiserver.config.k8s.io",
        "kubescheduler.config.k8s.io",
        "pod-security.admission.config.k8s.io",
        "policy.networking.k8s.io",
        "settings.k8s.io",
        "snapshot.storage.k8s.io",
    }
)
"""Groups of files, of resources that are not Kubernetes' own, and of those that it serves no more."""


_GATED = frozenset(
    {
        ("certificates.k8s.io", "ClusterTrustBundle"),
        ("certificates.k8s.io", "PodCertificateRequest"),
        ("coordination.k8s.io", "LeaseCandidate"),
        ("internal.apiserver.k8s.io", "StorageVersion"),
        ("resource.k8s.io", "DeviceTaintRule"),
        ("resource.k8s.io", "ResourcePoolStatusRequest"),
        ("storagemigration.k8s.io", "StorageVersionMigration"),
    }
)
"""Groups and kinds of which every version is served only with a feature gate on."""


def is_gated(api_version: str, kind: str) -> bool:
    """Whether a kind is served only where its feature gate is on."""
    return (api_version.partition("/")[0], kind) in _GATED


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One served kind."""

    api_version: str
    kind: str
    namespaced: bool
    type: str


class _Table(msgspec.Struct, frozen=True, rename="camel"):
    kinds: dict[str, dict[str, str]]
    cluster_scoped: dict[str, list[str]]
    types: dict[str, dict[str, str]]


@cache
def _table() -> _Table:
    raw: Any = Path(__file__).with_name("fields.json").read_bytes()
    return msgspec.json.decode(raw, type=_Table)


@cache
def served() -> Mapping[tuple[str, str], Kind]:
    """Every served kind by (apiVersion, kind)."""
    table = _table()
    return MappingProxyType(
        {
            (api_version, kind): Kind(
                api_version=api_version,
                kind=kind,
                namespaced=kind not in table.cluster_scoped.get(api_version, ()),
                type=type_name,
            )
            for api_version, kinds in table.kinds.items()
            for kind, type_name in kinds.items()
        }
    )


GROUPS = frozenset(api_version.rpartition("/")[0] for api_version in _table().kinds)
"""The API groups of the served kinds; the core group is empty."""


def fields_of(type_name: str) -> Mapping[str, str]:
    """The JSON fields of a type and the code of what each holds.

    Codes: ``s`` text, ``i``/``l`` 32/64-bit integer, ``f`` number, ``b`` boolean, ``y`` base64, ``q`` quantity,
    ``x`` integer or text, ``t``/``T`` time in seconds/microseconds, ``*``/``o`` anything, ``[c`` list of ``c``,
    ``{c`` mapping of text to ``c``, ``@Name`` another type.
    """
    return _table().types[type_name]


def lookup(api_version: str, kind: str) -> Kind | None:
    """The kind, or None if a plain API server does not serve it."""
    return served().get((api_version, kind))


def is_namespaced(api_version: str, kind: str) -> bool | None:
    """Whether objects of the kind live in a namespace; None for kinds that are not served."""
    found = lookup(api_version, kind)
    return None if found is None else found.namespaced


def did_you_mean(api_version: str, kind: str) -> Kind | None:
    """The served kind that a misspelt one most likely means.

    >>> did_you_mean("apps/v1", "Deploymnet").kind
    'Deployment'
    """
    kinds = served()
    asked = kind.lower()
    folded = [entry for entry in kinds.values() if asked in (entry.kind.lower(), f"{entry.kind.lower()}s")]
    close = folded or [
        entry
        for name in difflib.get_close_matches(kind, sorted({key[1] for key in kinds}), n=1, cutoff=0.75)
        for entry in kinds.values()
        if entry.kind == name
    ]
    if not close:
        return None
    return max(
        sorted(close, key=lambda entry: entry.api_version),
        key=lambda entry: difflib.SequenceMatcher(a=entry.api_version, b=api_version.lower()).ratio(),
    )
