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


def test_pods_that_a_quota_refuses_are_listed_once_with_what_would_help(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(NODE + QUOTA)
    assert main(["plan", str(file), "-o", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["settled"]
    assert document["pending"] == document["remarks"] == []
    (refused,) = document["refusals"]
    assert (refused["kind"], refused["owner"], refused["missing"], refused["wanted"]) == (
        "Pod",
        "ReplicaSet default/web",
        1,
        2,
    )
    assert "exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1" in refused["message"]
    assert refused["location"]["line"] == 13
    (remedy,) = refused["remedies"]
    assert remedy["object"] == "ResourceQuota default/few"
    assert remedy["location"]["line"] == 9
    made = [action for action in document["actions"] if action["type"] == "CreatePod"]
    assert len(made) == 1, "what is refused is not done"
    assert main(["plan", str(file)]) == 1
    text = capsys.readouterr().out
    assert "2 pods on 1 node: 1 placed, 1 refused" in text
    assert "raise pods to 2 or more for the next one, or ask for less: ResourceQuota default/few" in text


SERVICES = """\
apiVersion: v1
kind: Service
metadata: {name: first}
spec: {type: NodePort, ports: [{port: 80, nodePort: 30080}]}
---
apiVersion: v1
kind: Service
metadata: {name: second}
spec: {type: NodePort, ports: [{port: 81, nodePort: 30080}]}
"""


def test_a_service_whose_port_is_taken_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(NODE + SERVICES)
    assert main(["plan", str(file), "-o", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    (refused,) = document["refusals"]
    assert (refused["owner"], refused["reason"], refused["nextTry"]) == ("Service default/second", "Invalid", None)
    assert refused["message"].endswith(
        "spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated"
    )
    assert refused["location"]["line"] == 13
    assert [each["service"] for each in document["endpoints"]] == ["default/first"]
    main(["plan", str(file)])
    assert "0 pods on 1 node: 0 placed, 1 other object refused" in capsys.readouterr().out
