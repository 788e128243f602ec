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


BY_NAME = """\
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms: [{matchFields: [{key: metadata.name, operator: In, values: [NAME]}]}]
"""


@pytest.mark.parametrize("said", [BY_NAME, "      nodeName: NAME\n"])
@pytest.mark.parametrize(("name", "nodes"), [("roomy", ["roomy"]), ("gone", [])])
def test_a_template_that_names_its_node(
    said: str, name: str, nodes: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Source: daemon_controller.go, NodeShouldRunDaemonPod: matchFields of the template count, as nodeName does."""
    (tmp_path / "all.yaml").write_text(NODES + DAEMON + said.replace("NAME", name))
    assert main(["plan", str(tmp_path / "all.yaml"), "-o", "json"]) == 0
    assert [each["node"] for each in json.loads(capsys.readouterr().out)["placements"]] == nodes
    main(["explain", "ds/agent", str(tmp_path / "all.yaml")])
    out = capsys.readouterr().out
    assert ("its template names the node gone, which the input does not have" in out) == (not nodes)


@pytest.mark.parametrize(
    ("spec", "status"),
    [
        ("{}", "conditions: [{type: Ready, status: 'False'}]"),
        ("{}", "conditions: [{type: Ready, status: Unknown}]"),
        ("{}", "conditions: [{type: Ready, status: 'True'}, {type: DiskPressure, status: 'True'}]"),
        ("{unschedulable: true}", "conditions: [{type: Ready, status: 'True'}]"),
        ("{taints: [{key: a, effect: NoSchedule}]}", "conditions: [{type: NetworkUnavailable, status: 'True'}]"),
    ],
)
def test_nodes_that_are_not_well_take_no_pod_before_they_are_tainted(
    spec: str, status: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A manifest of a node says how it is, not which taints a controller gave it since: it takes no pod in between."""
    node = """{apiVersion: v1, kind: Node, metadata: {name: NAME}, spec: SPEC,
      status: {allocatable: {cpu: "4", memory: 1Gi, pods: "10"}, STATUS}}\n---\n"""
    well = node.replace("NAME", "well").replace("SPEC", "{}").replace("STATUS", "conditions: []")
    sick = node.replace("NAME", "sick").replace("SPEC", spec).replace("STATUS", status)
    pod = "{apiVersion: v1, kind: Pod, metadata: {name: web}, spec: {containers: [{name: c, image: web}]}}"
    (tmp_path / "all.yaml").write_text(sick + well + pod)
    assert main(["plan", str(tmp_path / "all.yaml"), "-o", "json"]) == 0
    assert [each["node"] for each in json.loads(capsys.readouterr().out)["placements"]] == ["well"]
