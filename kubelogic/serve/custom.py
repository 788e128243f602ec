"""Custom resources: what a CustomResourceDefinition adds to what is served."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubelogic.kinds.table import served
from kubelogic.serve.resources import SCALE, Resource, status_of
from kubelogic.serve.statuses import failure


def custom_resources(definition: Mapping[str, Any]) -> Iterator[Resource]:
    """The resources that a definition adds, one for each version that it serves."""
    spec = definition.get("spec") or {}
    names = spec.get("names") or {}
    group, kind, plural = str(spec.get("group")), str(names.get("kind")), str(names.get("plural"))
    versions = [each for each in spec.get("versions") or () if each.get("served")]
    stored = next((each for each in spec.get("versions") or () if each.get("storage")), {"name": "v1"})
    for version in versions:
        parts = {"scale": SCALE, "status": status_of(kind)}
        known = version.get("subresources") or {}
        yield Resource(
            group=group,
            version=str(version.get("name")),
            plural=plural,
            singular=str(names.get("singular") or kind.lower()),
            kind=kind,
            namespaced=spec.get("scope") != "Cluster",
            verbs=_VERBS,
            short=tuple(names.get("shortNames") or ()),
            categories=tuple(names.get("categories") or ()),
            subresources=tuple(part for name, part in parts.items() if name in known),
            stored_as=f"{group}/{stored.get('name')}",
            stored_kind=stored_kind(group, kind),
            custom=definition,
        )


_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")


def stored_kind(group: str, kind: str) -> str:
    """The name by which the state keeps a custom kind: one that no built-in kind has.

    >>> stored_kind("example.com", "Widget"), stored_kind("serving.knative.dev", "Service")
    ('Widget', 'Service.serving.knative.dev')
    """
    return f"{kind}.{group}" if any(name == kind for _, name in served()) else kind


def schema_of(resource: Resource) -> Mapping[str, Any]:
    """The schema of a custom resource; empty if none is given."""
    return (resource.definition.get("schema") or {}).get("openAPIV3Schema") or {}


def check_conversion(resource: Resource) -> None:
    """Refuse a version that only a webhook could make of what is stored.

    Raises:
        RequestError: 501.
    """
    if resource.api_version == resource.stored_as or not unconverted(resource.custom or {}):
        return
    words = f"conversion webhook for {resource.api_version}, Kind={resource.kind}: no webhooks are called here"
    raise failure(501, "NotImplemented", f"{words}; ask for {resource.stored_as}, in which objects are stored")


def unconverted(definition: Mapping[str, Any]) -> str:
    """What is not modelled of a definition: its webhook converts versions; empty if it has none."""
    spec = definition.get("spec") or {}
    stored = next((each.get("name") for each in spec.get("versions") or () if each.get("storage")), "")
    if (spec.get("conversion") or {}).get("strategy") != "Webhook":
        return ""
    return f"no webhooks are called here: only {spec.get('group')}/{stored} is answered, in which objects are stored"
