"""Snapshots of volumes, and what claims are to be filled from.

Source: external-snapshotter, client/apis/volumesnapshot/v1/types.go; k8s.io/api 1.36, core/v1 (TypedObjectReference).
"""

from __future__ import annotations

from collections.abc import Iterator

from kubelogic.cluster import Object
from kubelogic.facts.base import Fact, FactModule
from kubelogic.kinds.quantity import whole

_DEFAULT = "snapshot.storage.kubernetes.io/is-default-class"
_BUILT_IN = {"PersistentVolumeClaim": "", "VolumeSnapshot": "snapshot.storage.k8s.io"}
"""Kinds that drivers fill volumes from by themselves, with their groups."""


def snapshot_facts(obj: Object) -> Iterator[Fact]:
    """One VolumeSnapshot."""
    spec, status = obj.document.get("spec") or {}, obj.document.get("status") or {}
    source = spec.get("source") or {}
    yield "snapshot", (obj.key,)
    if name := source.get("persistentVolumeClaimName"):
        yield "snapshot_of_claim", (obj.key, f"{obj.namespace}/{name}")
    if name := source.get("volumeSnapshotContentName"):
        yield "snapshot_of_content", (obj.key, name)
    if name := spec.get("volumeSnapshotClassName"):
        yield "snapshot_names_class", (obj.key, name)
    if status.get("readyToUse"):
        yield "snapshot_ready", (obj.key, whole(status.get("restoreSize") or 0))


def content_facts(obj: Object) -> Iterator[Fact]:
    """One VolumeSnapshotContent."""
    status = obj.document.get("status") or {}
    yield "snapshot_content", (obj.name, int(status.get("restoreSize") or 0))
    about = (obj.document.get("spec") or {}).get("volumeSnapshotRef") or {}
    yield "snapshot_content_for", (obj.name, f"{about.get('namespace') or 'default'}/{about.get('name')}")


def class_facts(obj: Object) -> Iterator[Fact]:
    """One VolumeSnapshotClass."""
    driver = str(obj.document.get("driver") or "")
    yield "snapshot_class", (obj.name, driver)
    annotations = (obj.document.get("metadata") or {}).get("annotations") or {}
    if annotations.get(_DEFAULT) == "true":
        yield "snapshot_class_default", (obj.name, driver)


def claim_facts(obj: Object) -> Iterator[Fact]:
    """What one claim is to be filled from, in its own namespace."""
    spec = obj.document.get("spec") or {}
    source = spec.get("dataSourceRef") or spec.get("dataSource")
    if source:
        kind = str(source.get("kind"))
        known = _BUILT_IN.get(kind) == (source.get("apiGroup") or "")
        key = f"{obj.namespace}/{source.get('name')}"
        yield ("claim_source", (obj.key, kind, key)) if known else ("claim_populated", (obj.key, kind, key))


MODULE = FactModule(
    name="snapshots",
    extractors={
        "VolumeSnapshot": snapshot_facts,
        "VolumeSnapshotContent": content_facts,
        "VolumeSnapshotClass": class_facts,
        "PersistentVolumeClaim": claim_facts,
    },
)
