"""``kubelogic plan`` on pods with volumes that live as long as they do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kubelogic.cli import main

SCRATCH = """\
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {allocatable: {cpu: "4", memory: 4Gi, pods: "10"}}
---
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers: [{name: c, image: web}]
  volumes:
  - name: scratch
    ephemeral:
      volumeClaimTemplate:
        spec: {accessModes: [ReadWriteOnce], storageClassName: fast, resources: {requests: {storage: 1Gi}}}
"""
CLASS = """\
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: fast}
provisioner: fast.example.com
volumeBindingMode: WaitForFirstConsumer
"""


def plan(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    (tmp_path / "all.yaml").write_text(text)
    main(["plan", str(tmp_path / "all.yaml"), "-o", "json"])
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document["settled"]
    return document


def test_the_claim_of_an_ephemeral_volume_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = plan(SCRATCH + CLASS, tmp_path, capsys)
    assert [placement["pod"] for placement in document["placements"]] == ["default/web"]
    made = [action for action in document["actions"] if action["type"] == "CreateEphemeralClaim"]
    assert [action["claim"] for action in made] == ["default/web-scratch"]


def test_without_its_class_the_claim_stays_unbound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = plan(SCRATCH, tmp_path, capsys)
    assert [pod["pod"] for pod in document["pending"]] == ["default/web"]
    assert "unbound immediate PersistentVolumeClaims" in document["pending"][0]["message"]
