"""``kubelogic plan`` on DaemonSets whose templates say themselves where their pods may go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kubelogic.cli import main

NODES = """\
{apiVersion: v1, kind: Node, metadata: {name: full, labels: {disk: ssd}}, status: {allocatable: {cpu: 100m, memory: 1Gi, pods: "10"}}}
---
{apiVersion: v1, kind: Node, metadata: {name: roomy, labels: {disk: ssd}}, status: {allocatable: {cpu: "4", memory: 1Gi, pods: "10"}}}
---
{apiVersion: v1, kind: Node, metadata: {name: other}, status: {allocatable: {cpu: "4", memory: 1Gi, pods: "10"}}}
---
"""  # noqa: E501 - one node a line
DAEMON = """\
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      containers: [{name: c, image: agent, resources: {requests: {cpu: 500m}}}]
"""
AFFINITY = """\
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms:
            - matchExpressions: [{key: disk, operator: In, values: [ssd]}]
            - matchExpressions: [{key: disk, operator: In, values: [nvme]}]
"""
SPREAD = """\
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: disk, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: agent}}}
"""


@pytest.mark.parametrize(("template", "placed"), [(AFFINITY, ["roomy"]), (SPREAD, ["other", "roomy"])])
def test_one_pod_a_node_though_one_cannot_be_placed(
    template: str, placed: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "all.yaml").write_text(NODES + DAEMON + template)
    assert main(["plan", str(tmp_path / "all.yaml"), "-o", "json"]) == 1
    plan: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert plan["settled"]
    assert sorted(placement["node"] for placement in plan["placements"]) == placed
    assert len(plan["pending"]) == 1
    assert plan["pending"][0]["message"]
    assert "Insufficient cpu" in {blocker["reason"] for blocker in plan["pending"][0]["blockers"]}
