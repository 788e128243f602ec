"""The resources that are served: names, verbs, subresources and the documents of discovery.

Source: pkg/registry/*/rest/storage_*.go and the ShortNames and Categories of each storage; staging/src/k8s.io/
apiserver, pkg/endpoints/discovery (StorageVersionHash) of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any

import msgspec

from kubelogic.facts.quota_costs import plural_of
from kubelogic.kinds.short_names import SHORT_NAMES
from kubelogic.kinds.table import NOT_SERVED, served

_STANDARD = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
_ON_STATUS = ("get", "patch", "update")

_IN_ALL = frozenset(
    {
        "pods",
        "replicationcontrollers",
        "services",
        "daemonsets",
        "deployments",
        "replicasets",
        "statefulsets",
        "horizontalpodautoscalers",
        "cronjobs",
        "jobs",
    }
)
_EXTENSIONS = ("api-extensions",)
_CATEGORIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        **dict.fromkeys(_IN_ALL, ("all",)),
        **dict.fromkeys(
            (
                "customresourcedefinitions",
                "apiservices",
                "mutatingadmissionpolicies",
                "mutatingadmissionpolicybindings",
                "mutatingwebhookconfigurations",
                "validatingadmissionpolicies",
                "validatingadmissionpolicybindings",
                "validatingwebhookconfigurations",
            ),
            _EXTENSIONS,
        ),
    }
)

_WITH_STATUS = frozenset(
    {
        "namespaces",
        "nodes",
        "persistentvolumeclaims",
        "persistentvolumes",
        "pods",
        "replicationcontrollers",
        "resourcequotas",
        "services",
        "daemonsets",
        "deployments",
        "replicasets",
        "statefulsets",
        "horizontalpodautoscalers",
        "cronjobs",
        "jobs",
        "certificatesigningrequests",
        "flowschemas",
        "prioritylevelconfigurations",
        "ingresses",
        "servicecidrs",
        "poddisruptionbudgets",
        "resourceclaims",
        "volumeattachments",
        "customresourcedefinitions",
        "apiservices",
        "validatingadmissionpolicies",
    }
)
_SCALABLE = frozenset({"replicationcontrollers", "deployments", "replicasets", "statefulsets"})
_CREATE_ONLY = frozenset({"Binding", "LocalSubjectAccessReview", "SelfSubjectAccessReview", "SelfSubjectReview"}) | {
    "SelfSubjectRulesReview",
    "SubjectAccessReview",
    "TokenReview",
}


class Subresource(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an object with verbs of its own; ``kind``, ``group`` and ``version`` are of what travels."""

    name: str
    kind: str
    verbs: tuple[str, ...]
    group: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One served resource.

    Attributes:
        group: API group; empty for the core group.
        version: version that this entry serves.
        plural: name in paths.
        singular: name of one.
        kind: its kind.
        namespaced: whether its objects live in namespaces.
        verbs: what can be asked of it.
        short: short names.
        categories: groups of resources that it belongs to, as ``all``.
        subresources: its parts.
        stored_as: the apiVersion in which objects are kept.
        stored_kind: the name of the kind by which the state keeps them.
        type_name: its type in ``fields.json``; empty for custom resources.
        custom: the CustomResourceDefinition's document that defines it; None for built-in ones.
    """

    group: str
    version: str
    plural: str
    singular: str
    kind: str
    namespaced: bool
    verbs: tuple[str, ...] = _STANDARD
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[Subresource, ...] = ()
    stored_as: str = ""
    stored_kind: str = ""
    type_name: str = ""
    custom: Mapping[str, Any] | None = field(default=None, compare=False)

    @property
    def api_version(self) -> str:
        """Group and version as objects write it."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """The plural with its group, as messages name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def path(self) -> str:
        """Where its version stands, without the first slash."""
        return f"apis/{self.api_version}" if self.group else f"api/{self.version}"

    @property
    def type_meta(self) -> dict[str, str]:
        """Group, version and kind."""
        return {"group": self.group, "version": self.version, "kind": self.kind}

    @property
    def definition(self) -> Mapping[str, Any]:
        """What the definition of a custom resource says of this version; empty for built-in ones."""
        versions: Iterable[Mapping[str, Any]] = ((self.custom or {}).get("spec") or {}).get("versions") or ()
        return next((each for each in versions if each.get("name") == self.version), {})

    def subresource(self, name: str) -> Subresource | None:
        """A part by name."""
        return next((each for each in self.subresources if each.name == name), None)


_PROXY = ("create", "delete", "get", "patch", "update")
_CONNECT = ("create", "get")
_PARTS: Mapping[str, tuple[Subresource, ...]] = {
    "certificatesigningrequests": (Subresource(name="approval", kind="CertificateSigningRequest", verbs=_ON_STATUS),),
    "namespaces": (Subresource(name="finalize", kind="Namespace", verbs=("update",)),),
    "nodes": (Subresource(name="proxy", kind="NodeProxyOptions", verbs=_PROXY),),
    "pods": (
        Subresource(name="attach", kind="PodAttachOptions", verbs=_CONNECT),
        Subresource(name="binding", kind="Binding", verbs=("create",)),
        Subresource(name="ephemeralcontainers", kind="Pod", verbs=_ON_STATUS),
        Subresource(name="eviction", kind="Eviction", verbs=("create",), group="policy", version="v1"),
        Subresource(name="exec", kind="PodExecOptions", verbs=_CONNECT),
        Subresource(name="log", kind="Pod", verbs=("get",)),
        Subresource(name="portforward", kind="PodPortForwardOptions", verbs=_CONNECT),
        Subresource(name="proxy", kind="PodProxyOptions", verbs=_PROXY),
        Subresource(name="resize", kind="Pod", verbs=_ON_STATUS),
    ),
    "serviceaccounts": (
        Subresource(name="token", kind="TokenRequest", verbs=("create",), group="authentication.k8s.io", version="v1"),
    ),
    "services": (Subresource(name="proxy", kind="ServiceProxyOptions", verbs=_PROXY),),
}
"""The parts that only one resource has."""

SCALE = Subresource(name="scale", kind="Scale", verbs=_ON_STATUS, group="autoscaling", version="v1")


def status_of(kind: str) -> Subresource:
    """The status as a part of objects of a kind."""
    return Subresource(name="status", kind=kind, verbs=_ON_STATUS)


def _subresources(plural: str, kind: str) -> tuple[Subresource, ...]:
    scale = (SCALE,) if plural in _SCALABLE else ()
    status = (status_of(kind),) if plural in _WITH_STATUS else ()
    return (*_PARTS.get(plural, ()), *scale, *status)


@cache
def built_in() -> tuple[Resource, ...]:
    """The resources of a plain API server, by group, version and plural."""
    found = []
    for (api_version, kind), entry in served().items():
        group, _, version = api_version.rpartition("/")
        if group in NOT_SERVED:
            continue
        plural = plural_of(kind)
        verbs = ("create",) if kind in _CREATE_ONLY else ("get", "list") if kind == "ComponentStatus" else _STANDARD
        found.append(
            Resource(
                group=group,
                version=version,
                plural=plural,
                singular=kind.lower(),
                kind=kind,
                namespaced=entry.namespaced,
                verbs=verbs,
                short=SHORT_NAMES.get(plural, ()),
                categories=_CATEGORIES.get(plural, ()),
                subresources=_subresources(plural, kind),
                stored_as=_STORED_AS.get((group, kind), api_version),
                stored_kind=kind,
                type_name=entry.type,
            )
        )
    return tuple(sorted(found, key=lambda each: (each.group, each.version, each.plural)))


_STORED_AS = {("autoscaling", "HorizontalPodAutoscaler"): "autoscaling/v2", ("events.k8s.io", "Event"): "v1"}
"""Kinds with several versions, and the one in which the state keeps them."""


def lookup(resources: Iterable[Resource], group: str, version: str, plural: str) -> Resource | None:
    """A resource by its path."""
    return next((r for r in resources if (r.plural, r.group, r.version) == (plural, group, version)), None)
