"""``kubelogic plan`` says which workloads have fewer pods than they want, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kubelogic.cli import main

NODE = """\
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {allocatable: {cpu: "4", memory: 4Gi, pods: "10"}}
---
"""
SLOW = """\
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 3
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers:
      - {name: c, image: db, readinessProbe: {initialDelaySeconds: 50, httpGet: {port: 80}}}
"""
QUOTA = """\
apiVersion: v1
kind: ResourceQuota
metadata: {name: few}
spec: {hard: {pods: "1"}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: web}]}
"""


def remarks(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> list[str]:
    (tmp_path / "all.yaml").write_text(NODE + text)
    main(["plan", str(tmp_path / "all.yaml"), "-o", "json", *options])
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert document["settled"]
    return [remark for remark in document["remarks"] if " has made " in remark]


def test_pods_whose_turn_has_not_come_are_spoken_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = remarks(SLOW, tmp_path, capsys)
    assert len(found) == 1
    assert found[0].startswith("StatefulSet default/db has made 2 of 3 pods within the horizon; ")
    assert remarks(SLOW, tmp_path, capsys, "--horizon", "600") == []


def test_pods_that_a_quota_refuses_are_spoken_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = remarks(QUOTA, tmp_path, capsys)
    assert len(found) == 1
    assert found[0].startswith("ReplicaSet default/web has made 1 of 2 pods within the horizon; pods ")
    assert "exceeded quota: few" in found[0]
