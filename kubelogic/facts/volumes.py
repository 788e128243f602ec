"""What the volume binder reads of claims and volumes beyond what scheduling reads (``storage``)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubelogic.cluster import Object
from kubelogic.cluster.edit import uid_of
from kubelogic.facts.base import Fact, FactModule, reader
from kubelogic.facts.objects import created
from kubelogic.facts.storage import BIND_COMPLETED, CLASS_ANNOTATION, is_default_class
from kubelogic.kinds.quantity import whole


def claim_facts(obj: Object) -> Iterator[Fact]:
    """The facts of one PersistentVolumeClaim."""
    key, spec = obj.key, obj.document.get("spec") or {}
    annotations = (obj.document.get("metadata") or {}).get("annotations") or {}
    if "storageClassName" not in spec and CLASS_ANNOTATION not in annotations:
        yield "claim_names_no_class", (key,)
    if BIND_COMPLETED in annotations:
        yield "claim_bind_completed", (key,)
    yield "claim_uid", (key, uid_of(obj))
    yield "claim_created", (key, created(obj.document.get("metadata") or {}))
    yield "claim_phase", (key, (obj.document.get("status") or {}).get("phase") or "Pending")
    yield from _size_facts(obj)


def _size_facts(obj: Object) -> Iterator[Fact]:
    """How much a claim has, and how far it has come in growing."""
    spec, status = obj.document.get("spec") or {}, obj.document.get("status") or {}
    have = (status.get("capacity") or {}).get("storage")
    if have is None:
        return
    yield "claim_capacity", (obj.key, whole(have), str(have))
    wanted = ((spec.get("resources") or {}).get("requests") or {}).get("storage", 0)
    if whole(wanted) > whole(have):
        yield "claim_asks", (obj.key, str(wanted))
    step = (status.get("allocatedResourceStatuses") or {}).get("storage")
    allocated = (status.get("allocatedResources") or {}).get("storage")
    if step and allocated is not None:
        yield "claim_resize", (obj.key, str(step), str(allocated))


def volume_facts(obj: Object) -> Iterator[Fact]:
    """The facts of one PersistentVolume."""
    spec: Mapping[str, Any] = obj.document.get("spec") or {}
    if size := (spec.get("capacity") or {}).get("storage"):
        yield "volume_size", (obj.name, str(size))
    yield "volume_reclaim", (obj.name, spec.get("persistentVolumeReclaimPolicy") or "Retain")
    path = (spec.get("hostPath") or {}).get("path") or ""
    if "csi" in spec or path.startswith("/tmp/"):
        yield "volume_deletable", (obj.name,)
    claim = spec.get("claimRef")
    if claim:
        yield "volume_claim", (obj.name, f"{claim.get('namespace')}/{claim.get('name')}", claim.get("uid") or "")


def pod_claim_facts(obj: Object) -> Iterator[Fact]:
    """The claims that one pod uses, ephemeral ones included."""
    for volume in (obj.document.get("spec") or {}).get("volumes") or ():
        if "persistentVolumeClaim" in volume:
            yield "pod_uses_claim", (obj.key, f"{obj.namespace}/{volume['persistentVolumeClaim']['claimName']}")
        elif "ephemeral" in volume:
            claim = f"{obj.namespace}/{obj.name}-{volume['name']}"
            yield "pod_uses_claim", (obj.key, claim)
            yield "pod_ephemeral_claim", (obj.key, claim, volume["name"])


def class_facts(obj: Object) -> Iterator[Fact]:
    """Since when one StorageClass is a default."""
    if is_default_class(obj.document):
        yield "default_class_made", (obj.name, created(obj.document.get("metadata") or {}))


MODULE = FactModule(
    name="volumes",
    extractors={
        "PersistentVolumeClaim": claim_facts,
        "PersistentVolume": volume_facts,
        "StorageClass": class_facts,
        "Pod": (reader(pod_claim_facts, "spec.volumes", only="spec.volumes"),),
    },
)
