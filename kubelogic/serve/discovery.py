"""The documents of discovery, from the table of resources.

Source: staging/src/k8s.io/apiserver, pkg/endpoints/discovery (aggregated and StorageVersionHash) of Kubernetes 1.36.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from kubelogic.serve.resources import Resource


def versions(resources: Iterable[Resource]) -> dict[str, list[str]]:
    """The versions of each group but the core group, the preferred one first."""
    found: dict[str, list[str]] = {}
    for each in resources:
        if each.group and each.version not in found.setdefault(each.group, []):
            found[each.group].append(each.version)
    return {group: sorted(names, key=_preference) for group, names in sorted(found.items(), key=_group_order)}


def _preference(version: str) -> tuple[int, int, str]:
    """Newer before older, and stable before beta before alpha. Source: k8s.io/apimachinery, pkg/version."""
    number = version.removeprefix("v").split("alpha")[0].split("beta")[0]
    if not number.isdigit():
        return 3, 0, version
    return (2 if "alpha" in version else 1 if "beta" in version else 0), -int(number), version


def _group_order(item: tuple[str, Any]) -> tuple[int, str]:
    group = item[0]
    return (_GROUP_ORDER.index(group) if group in _GROUP_ORDER else len(_GROUP_ORDER)), group


_GROUP_ORDER = (
    "apiregistration.k8s.io",
    "apps",
    "events.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "storage.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "scheduling.k8s.io",
    "coordination.k8s.io",
    "node.k8s.io",
    "discovery.k8s.io",
    "resource.k8s.io",
    "flowcontrol.apiserver.k8s.io",
)
"""Source: pkg/controlplane/apiserver/aggregator.go, the priorities of groups."""


def group_document(group: str, names: Sequence[str], *, typed: bool = True) -> dict[str, Any]:
    """An ``APIGroup``."""
    entries = [{"groupVersion": f"{group}/{name}", "version": name} for name in names]
    head = {"kind": "APIGroup", "apiVersion": "v1"} if typed else {}
    return {**head, "name": group, "versions": entries, "preferredVersion": entries[0]}


def group_list(resources: Iterable[Resource]) -> dict[str, Any]:
    """The ``APIGroupList`` of ``/apis``."""
    groups = [group_document(group, names, typed=False) for group, names in versions(resources).items()]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def storage_hash(resource: Resource) -> str:
    """The hash of the version in which a kind is stored, as clients see it."""
    group, _, version = resource.stored_as.rpartition("/")
    return base64.b64encode(hashlib.sha256(f"{group}/{version}/{resource.kind}".encode()).digest()[:8]).decode()


def resource_list(resources: Iterable[Resource], group: str, version: str) -> dict[str, Any] | None:
    """The ``APIResourceList`` of a group's version; None if it has none."""
    found: list[dict[str, Any]] = []
    for each in resources:
        if (each.group, each.version) != (group, version):
            continue
        entry: dict[str, Any] = {
            "name": each.plural,
            "singularName": each.singular,
            "namespaced": each.namespaced,
            "kind": each.kind,
            "verbs": list(each.verbs),
            **_further(each),
        }
        if "list" in each.verbs and each.kind != "ComponentStatus":
            entry["storageVersionHash"] = storage_hash(each)
        found.append(entry)
        for part in each.subresources:
            foreign = {"group": part.group, "version": part.version} if part.group else {}
            found.append(
                {
                    "name": f"{each.plural}/{part.name}",
                    "singularName": "",
                    "namespaced": each.namespaced,
                    **foreign,
                    "kind": part.kind,
                    "verbs": list(part.verbs),
                }
            )
    if not found:
        return None
    name = f"{group}/{version}" if group else version
    head = {"kind": "APIResourceList"} if not group else {"kind": "APIResourceList", "apiVersion": "v1"}
    return {**head, "groupVersion": name, "resources": found}


def _further(resource: Resource) -> dict[str, Any]:
    """Short names and categories, where a resource has some."""
    further = {"shortNames": list(resource.short), "categories": list(resource.categories)}
    return {field: names for field, names in further.items() if names}


def aggregated(resources: Sequence[Resource], *, core: bool, api: str) -> dict[str, Any]:
    """The ``APIGroupDiscoveryList`` of ``/api`` or ``/apis``.

    Args:
        resources: all that are served.
        core: whether of the core group, else of all others.
        api: version of the document, ``v2`` or ``v2beta1``.
    """
    groups = {"": ["v1"]} if core else versions(resources)
    items = [
        {
            "metadata": {"name": group} if group else {},
            "versions": [
                {
                    "version": name,
                    "resources": [_discovered(r) for r in resources if (r.group, r.version) == (group, name)],
                    "freshness": "Current",
                }
                for name in names
            ],
        }
        for group, names in groups.items()
    ]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{api}",
        "metadata": {},
        "items": items,
    }


def _discovered(resource: Resource) -> dict[str, Any]:
    found: dict[str, Any] = {
        "resource": resource.plural,
        "responseKind": resource.type_meta,
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
        **_further(resource),
    }
    if resource.subresources:
        found["subresources"] = [
            {
                "subresource": part.name,
                "responseKind": {
                    "group": part.group or resource.group,
                    "version": part.version or resource.version,
                    "kind": part.kind,
                },
                "verbs": list(part.verbs),
            }
            for part in resource.subresources
        ]
    return found
