"""Claims that ask for more: refused, or grown by the controller plugin and then on the node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kubelogic.api import load, simulate
from kubelogic.verbs.simulate import Simulation

SHOP = Path(__file__).parents[2] / "fixtures" / "storage" / "shop.yaml"
CLAIM = "default/data-db-0"


def asks(name: str, size: str, at: str = "1m") -> dict[str, Any]:
    wanted = {"spec": {"resources": {"requests": {"storage": size}}}}
    return {"at": at, "patch": {"kind": "PersistentVolumeClaim", "name": name, "patch": wanted}}


def run(*steps: dict[str, Any], more: str = "") -> Simulation:
    return simulate(load(SHOP.read_text(encoding="utf-8") + more), [*steps])


def claim(found: Simulation, key: str = CLAIM) -> dict[str, Any]:
    obj = found.run.state.cluster.get("PersistentVolumeClaim", key)
    assert obj is not None
    return dict(obj.document)


def size_of_volume(found: Simulation, key: str = CLAIM) -> str:
    volume = found.run.state.cluster.get("PersistentVolume", claim(found, key)["spec"]["volumeName"])
    assert volume is not None
    return str(volume.document["spec"]["capacity"]["storage"])


def test_a_claim_in_use_grows_at_once() -> None:
    found = run(asks("data-db-0", "20Gi"))
    status = claim(found)["status"]
    assert (status["capacity"]["storage"], size_of_volume(found)) == ("20Gi", "20Gi")
    assert status["allocatedResources"] == {"storage": "20Gi"}
    assert "allocatedResourceStatuses" not in status
    assert not status.get("conditions")


def test_one_that_nobody_uses_waits_for_a_pod() -> None:
    stop = {"at": "30s", "scale": {"kind": "StatefulSet", "name": "db", "replicas": 0}}
    found = run(stop, asks("data-db-0", "20Gi"))
    status = claim(found)["status"]
    assert (status["capacity"]["storage"], size_of_volume(found)) == ("10Gi", "20Gi")
    assert status["allocatedResourceStatuses"] == {"storage": "NodeResizePending"}
    assert [(each["type"], each["status"]) for each in status["conditions"]] == [("FileSystemResizePending", "True")]


def test_a_second_wish_follows_the_first() -> None:
    found = run(asks("data-db-0", "20Gi"), asks("data-db-0", "30Gi"))
    assert (claim(found)["status"]["capacity"]["storage"], size_of_volume(found)) == ("30Gi", "30Gi")


QUOTA = """
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: disks}
spec: {hard: {requests.storage: 1040Gi}}
"""


SPARE = """
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: spare}
spec: {storageClassName: disk, accessModes: [ReadWriteOnce], resources: {requests: {storage: 5Gi}}}
"""


@pytest.mark.parametrize(
    ("step", "more", "why"),
    [
        (asks("archive", "2Ti"), "", "the storageclass that provisions the pvc must support resize"),
        (asks("data-db-0", "5Gi"), "", "field can not be less than status.capacity"),
        (asks("spare", "20Gi"), SPARE, "spec is immutable after creation except resources.requests"),
        (asks("data-db-0", "20Gi"), QUOTA, "exceeded quota: disks, requested: requests.storage=10Gi"),
        (asks("data-db-0", "15Gi"), QUOTA, ""),
    ],
)
def test_what_the_api_server_says(step: dict[str, Any], more: str, why: str) -> None:
    found = run(step, more=more)
    (said,) = [entry.refused for entry in found.run.timeline if entry.type == "Patch"]
    assert (why in said) if why else said == ""


def test_a_volume_of_no_driver_is_left_to_somebody_else() -> None:
    more = """
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: share}
spec: {capacity: {storage: 5Gi}, accessModes: [ReadWriteMany], storageClassName: disk, nfs: {server: a, path: /b}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: share}
spec: {storageClassName: disk, volumeName: share, accessModes: [ReadWriteMany], resources: {requests: {storage: 5Gi}}}
"""
    found = run(asks("share", "6Gi"), more=more)
    assert [(each.key, each.reason) for each in found.final.troubles] == [("default/share", "ExternalExpanding")]
    assert size_of_volume(found, "default/share") == "5Gi"
