"""Snapshots of volumes, volumes made from them, and copies of claims."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kubelogic.api import load, plan, simulate
from kubelogic.text.location import InputError
from kubelogic.verbs.simulate import Simulation

FIXTURES = Path(__file__).parents[2] / "fixtures" / "storage"
TEXT = "\n---\n".join((FIXTURES / name).read_text(encoding="utf-8") for name in ("shop.yaml", "snapshots.yaml"))


def run(*steps: dict[str, Any], text: str = TEXT) -> Simulation:
    return simulate(load(text), [*steps])


def bound(found: Simulation) -> set[str]:
    claims = found.run.state.cluster.objects("PersistentVolumeClaim")
    return {name for name, each in claims.items() if (each.document.get("status") or {}).get("phase") == "Bound"}


def test_a_claim_is_filled_from_a_snapshot_and_not_if_it_is_too_small() -> None:
    found = run()
    assert bound(found) == {"default/data-db-0", "default/archive", "default/restored"}
    assert ("default/cramped", "ProvisioningFailed") in {(each.key, each.reason) for each in found.final.troubles}


def test_a_snapshot_is_bound_to_its_content_and_says_how_large_it_is() -> None:
    cluster = run().run.state.cluster
    snapshot = cluster.objects("VolumeSnapshot")[SNAPSHOT].document
    (content,) = cluster.objects("VolumeSnapshotContent").values()
    status = snapshot["status"]
    assert status["boundVolumeSnapshotContentName"] == content.name
    assert (status["readyToUse"], status["restoreSize"]) == (True, "10Gi")
    assert "creationTime" in status
    assert snapshot["spec"]["volumeSnapshotClassName"] == "disk"
    spec = content.document["spec"]
    assert spec["volumeSnapshotRef"] == {
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "kind": "VolumeSnapshot",
        "namespace": "default",
        "name": "before-upgrade",
        "uid": spec["volumeSnapshotRef"]["uid"],
    }
    assert (spec["driver"], spec["deletionPolicy"]) == ("disk.example.com", "Delete")
    assert content.document["status"]["restoreSize"] == 10 << 30


def test_a_snapshot_of_a_content_that_is_there_says_what_that_says() -> None:
    text = """
apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshotContent
metadata: {name: old}
spec:
  deletionPolicy: Retain
  driver: disk.example.com
  source: {snapshotHandle: abc}
  volumeSnapshotRef: {namespace: default, name: from-tape}
status: {readyToUse: true, restoreSize: 1073741824, creationTime: 1700000000000000000}
---
apiVersion: snapshot.storage.k8s.io/v1
kind: VolumeSnapshot
metadata: {name: from-tape}
spec: {source: {volumeSnapshotContentName: old}}
"""
    found = run(text=text).run.state.cluster.objects("VolumeSnapshot")["default/from-tape"].document
    assert found["status"] == {
        "boundVolumeSnapshotContentName": "old",
        "creationTime": "2023-11-14T22:13:20Z",
        "readyToUse": True,
        "restoreSize": "1Gi",
    }


def test_a_snapshot_outlives_its_claim() -> None:
    stop = {"at": "1m", "scale": {"kind": "StatefulSet", "name": "db", "replicas": 0}}
    gone = {"at": "2m", "delete": {"kind": "PersistentVolumeClaim", "name": "data-db-0"}}
    found = run(stop, gone)
    assert "default/data-db-0" not in found.run.state.cluster.objects("PersistentVolumeClaim")
    assert "default/before-upgrade" not in {each.key for each in found.final.troubles}


def test_what_is_not_played_of_drivers_and_snapshots_is_said() -> None:
    driver = "\n---\napiVersion: storage.k8s.io/v1\nkind: CSIDriver\nmetadata: {name: disk.example.com}\nspec: {}"
    told = {notice.code: notice.message for notice in plan(load(TEXT + driver)).notices}
    assert "calls that fail" in told["KL284"]
    assert "health of volumes" in told["KL284"]
    assert "as soon as it is taken" in told["KL285"]
    without = "\n---\n".join(part for part in TEXT.split("\n---\n") if "Snapshot" not in part)
    assert not {"KL284", "KL285"} & {notice.code for notice in plan(load(without)).notices}


SOURCE = "{apiGroup: snapshot.storage.k8s.io, kind: VolumeSnapshot, name: before-upgrade}"
FROM_SNAPSHOT = f"{SOURCE}\n  resources: {{requests: {{storage: 10Gi"
SNAPSHOT, RESTORED = "default/before-upgrade", "default/restored"
OF_CLAIM = "persistentVolumeClaimName: data-db-0"


def other(source: str) -> tuple[str, str]:
    """The claim that is restored has another source."""
    return FROM_SNAPSHOT, f"{{{source}}}\n  resources: {{requests: {{storage: 10Gi"


@pytest.mark.parametrize(
    ("change", "about", "words"),
    [
        (("driver: disk.example.com\ndeletion", "driver: tape\ndeletion"), SNAPSHOT, "it names no class of the driver"),
        ((OF_CLAIM, "persistentVolumeClaimName: none"), SNAPSHOT, "its claim is not there"),
        ((OF_CLAIM, "volumeSnapshotContentName: none"), SNAPSHOT, "the content that it names is not there"),
        (other("apiGroup: snapshot.storage.k8s.io, kind: VolumeSnapshot, name: none"), RESTORED, "or not ready"),
        (other("kind: PersistentVolumeClaim, name: cramped"), RESTORED, "to be a copy of is not there, or not bound"),
    ],
)
def test_what_keeps_a_snapshot_or_a_claim(change: tuple[str, str], about: str, words: str) -> None:
    assert change[0] in TEXT
    found = run(text=TEXT.replace(*change))
    assert [each.message for each in found.final.troubles if each.key == about and words in each.message]
    assert "default/restored" not in bound(found)


def test_a_copy_of_a_claim() -> None:
    assert RESTORED in bound(run(text=TEXT.replace(*other("kind: PersistentVolumeClaim, name: data-db-0"))))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("deletionPolicy: Delete", "deletionPolicy: Keep"), "deletionPolicy"),
        (("\ndeletionPolicy: Delete", ""), "Delete or Retain"),
        (("driver: disk.example.com\n", ""), "driver"),
        (("{source: {persistentVolumeClaimName: data-db-0}}", "{source: {}}"), "exactly one of"),
        (
            ("{persistentVolumeClaimName: data-db-0}", "{persistentVolumeClaimName: a, volumeSnapshotContentName: b}"),
            "exactly one of",
        ),
    ],
)
def test_what_the_definitions_refuse(change: tuple[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        load(TEXT.replace(*change))
