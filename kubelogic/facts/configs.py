"""ConfigMaps and Secrets with their keys, and what pods that have not started need of them."""

from __future__ import annotations

from collections.abc import Iterator

from kubelogic.cluster import Object
from kubelogic.facts.base import Fact, FactModule
from kubelogic.kinds.references import OF_EVERY_NAMESPACE, references


def config_facts(obj: Object) -> Iterator[Fact]:
    """One ConfigMap or Secret."""
    yield "config", (obj.kind, obj.key)
    for part in ("data", "binaryData", "stringData"):
        for key in sorted(obj.document.get(part) or ()):
            yield "config_has", (obj.kind, obj.key, str(key))


def need_facts(obj: Object) -> Iterator[Fact]:
    """What a pod needs that its kubelet has not got to run; the container is empty for what volumes need."""
    if (obj.document.get("status") or {}).get("phase") not in (None, "", "Pending"):
        return
    spec = obj.document.get("spec") or {}
    for each in references(spec):
        part = each.path[0]
        if part not in ("initContainers", "containers", "volumes") or (
            each.kind == "ConfigMap" and each.name in OF_EVERY_NAMESPACE
        ):
            continue
        container = "" if part == "volumes" else str(spec[part][each.path[1]]["name"])
        yield "pod_needs_config", (obj.key, container, each.kind, obj.namespace, f"{obj.namespace}/{each.name}")
        for key in each.keys:
            yield "pod_needs_key", (obj.key, container, each.kind, f"{obj.namespace}/{each.name}", key)


MODULE = FactModule(name="configs", extractors={"ConfigMap": config_facts, "Secret": config_facts, "Pod": need_facts})
