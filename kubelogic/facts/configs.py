"""ConfigMaps and Secrets with their keys, and what pods that have not started need of them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator

from kubelogic.cluster import Object
from kubelogic.cluster.state import TOKEN_SECRET
from kubelogic.facts.base import Fact, FactModule, reader
from kubelogic.kinds.references import OF_EVERY_NAMESPACE, references

_ACCOUNT = "kubernetes.io/service-account"


def config_facts(obj: Object) -> Iterator[Fact]:
    """One ConfigMap or Secret."""
    yield "config", (obj.kind, obj.key)
    for part in ("data", "binaryData", "stringData"):
        for key in sorted(obj.document.get(part) or ()):
            yield "config_has", (obj.kind, obj.key, str(key))


def token_facts(obj: Object) -> Iterator[Fact]:
    """A Secret, and the account whose token it is for, if it is for one."""
    yield from config_facts(obj)
    annotations = (obj.document.get("metadata") or {}).get("annotations") or {}
    account = annotations.get(f"{_ACCOUNT}.name")
    if obj.document.get("type") == TOKEN_SECRET and account:
        encoded = b64encode(obj.namespace.encode()).decode()
        yield "token_secret", (obj.key, obj.namespace, str(account), encoded)
        if uid := annotations.get(f"{_ACCOUNT}.uid"):
            yield "token_secret_uid", (obj.key, str(uid))


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


_NEEDS = (
    "status.phase",
    "spec.containers",
    "spec.initContainers",
    "spec.volumes",
    "spec.imagePullSecrets",
    "spec.serviceAccount",
    "spec.serviceAccountName",
)
"""What ``need_facts`` reads; ``references`` gives accounts and pull secrets, too."""

MODULE = FactModule(
    name="configs",
    extractors={
        "ConfigMap": config_facts,
        "Secret": token_facts,
        "Pod": (reader(need_facts, *_NEEDS, by=_NEEDS),),
    },
)
