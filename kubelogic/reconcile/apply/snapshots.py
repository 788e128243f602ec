"""Snapshots that are taken: their contents and status, as the snapshot controller and the sidecar write them."""

from __future__ import annotations

from typing import Any

from kubelogic.apiserver.posting import change, post
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.clock import timestamp
from kubelogic.cluster.edit import uid_of
from kubelogic.kinds.quantity import written
from kubelogic.reconcile import object_actions
from kubelogic.reconcile.refusals import note_own, subject_of

_VERSION = "snapshot.storage.k8s.io/v1"
_NANOSECONDS = 1_000_000
"""Of a millisecond: contents say when they were made in nanoseconds."""

_BILLION = 1_000 * _NANOSECONDS
"""Parts in which amounts are counted."""


def take_snapshot(tx: Transaction, action: object_actions.TakeSnapshot) -> None:
    """Bind a snapshot to its content, which is made if it is of a claim, and say that it is ready.

    Source: external-snapshotter, pkg/common-controller/snapshot_controller.go: createSnapshotContent,
    updateSnapshotStatus, SetDefaultSnapshotClass; pkg/sidecar-controller: updateSnapshotContentStatus.
    """
    snapshot = tx.get("VolumeSnapshot", action.snapshot)
    if snapshot is None:
        return
    name = action.content or f"snapcontent-{uid_of(snapshot)}".replace(":", "-").replace("/", "-").lower()
    if not action.content:
        _make_content(tx, action, snapshot, name)
    content = tx.get("VolumeSnapshotContent", name)
    if content is None:
        return
    made = (content.document.get("status") or {}).get("creationTime")
    status: dict[str, Any] = {
        "boundVolumeSnapshotContentName": name,
        "creationTime": timestamp(tx.state.now if made is None else int(made) // _NANOSECONDS),
        "readyToUse": True,
    }
    if action.bytes:
        status["restoreSize"] = written(action.bytes * _BILLION, like="1Ki")
    fields: dict[str, Any] = {"status": status}
    if action.class_name:
        fields["spec"] = {"volumeSnapshotClassName": action.class_name}
    posted = change(tx, "VolumeSnapshot", action.snapshot, fields)
    if posted is not None:
        note_own(tx, posted, subject=subject_of(action))


def _make_content(tx: Transaction, action: object_actions.TakeSnapshot, snapshot: Object, name: str) -> None:
    claim = tx.get("PersistentVolumeClaim", action.claim)
    of_class = tx.get("VolumeSnapshotClass", action.class_name)
    volume = tx.get("PersistentVolume", str((claim.document.get("spec") or {}).get("volumeName"))) if claim else None
    if of_class is None or volume is None or tx.get("VolumeSnapshotContent", name) is not None:
        return
    spec = volume.document.get("spec") or {}
    document = {
        "spec": {
            "deletionPolicy": of_class.document.get("deletionPolicy"),
            "driver": of_class.document.get("driver"),
            "source": {"volumeHandle": str((spec.get("csi") or {}).get("volumeHandle") or volume.name)},
            "sourceVolumeMode": spec.get("volumeMode") or "Filesystem",
            "volumeSnapshotClassName": action.class_name,
            "volumeSnapshotRef": {
                "apiVersion": _VERSION,
                "kind": "VolumeSnapshot",
                "namespace": snapshot.namespace,
                "name": snapshot.name,
                "uid": uid_of(snapshot),
            },
        },
        "status": {
            "creationTime": tx.state.now * _NANOSECONDS,
            "readyToUse": True,
            "restoreSize": action.bytes,
            "snapshotHandle": name.replace("snapcontent-", "snapshot-"),
        },
    }
    posted = post(tx, api_version=_VERSION, kind="VolumeSnapshotContent", key=name, document=document)
    note_own(tx, posted, subject=subject_of(action))
