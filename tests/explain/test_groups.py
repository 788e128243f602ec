"""What is said of pods that stay out because of their group."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.cli import main

NODES = """
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {allocatable: {cpu: "2", memory: 8Gi, pods: "110"}, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: v1
kind: Node
metadata: {name: n2}
status: {allocatable: {cpu: "1", memory: 8Gi, pods: "110"}, conditions: [{type: Ready, status: "True"}]}
---
"""

GROUP = """
apiVersion: %s
kind: PodGroup
metadata: {name: train}
spec: {schedulingPolicy: {gang: {minCount: %d}}}
---
"""

POD = """
apiVersion: v1
kind: Pod
metadata: {name: %s}
spec:
  schedulingGroup: {podGroupName: train}
  containers: [{name: a, image: x, resources: {requests: {cpu: %s}}}]
---
"""


@pytest.mark.parametrize("version", ["scheduling.k8s.io/v1alpha2", "scheduling.k8s.io/v1beta1"])
def test_numbers_of_both_sides_and_who_blocks(version: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "all.yaml"
    path.write_text(NODES + GROUP % (version, 3) + "".join(POD % (name, "1500m") for name in ("a", "b", "c")))
    assert main(["explain", "default/b", str(path)]) == 1
    said = capsys.readouterr().out
    assert "has no room: it is proved that no choice" in said
    assert "the group default/train starts with 3 of its 3 waiting pods or with none (minCount 3)" in said
    assert "room at once is found for 1" in said
    assert "not eligible due to workload aware preemption enabled" in said


def test_a_gang_that_greedy_order_starves_is_placed_jointly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "all.yaml"
    path.write_text(
        NODES + GROUP % ("scheduling.k8s.io/v1alpha2", 2) + POD % ("a-small", "500m") + POD % ("b-large", "1800m")
    )
    assert main(["plan", str(path), "--scheduler", "kube"]) == 1
    assert "2 pending" in capsys.readouterr().out
    assert main(["plan", str(path)]) == 0
    assert "2 placed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("{schedulingPolicy: {gang: {minCount: 0}}}", "minCount"),
        ("{schedulingPolicy: {}}", "give either basic or gang"),
        ("{schedulingPolicy: {basic: {}, gang: {minCount: 1}}}", "exclude each other"),
        ("{schedulingPolicy: {basic: {}}, disruptionMode: Node}", "is not supported"),
        ("{schedulingPolicy: {basic: {}}, priorityClassName: nope}", "no PriorityClass with name nope"),
    ],
)
def test_groups_that_the_api_server_refuses(
    spec: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "all.yaml"
    path.write_text(
        f"{NODES}\napiVersion: scheduling.k8s.io/v1alpha2\nkind: PodGroup\nmetadata: {{name: g}}\nspec: {spec}\n"
    )
    assert main(["plan", str(path)]) in (1, 2)
    captured = capsys.readouterr()
    assert words in captured.out + captured.err


def test_a_group_that_makes_room_for_itself_runs_in_the_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "all.yaml"
    urgent = "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: high}\nvalue: 1000\n---"
    group = (GROUP % ("scheduling.k8s.io/v1alpha2", 2)).replace("spec: {", "spec: {priorityClassName: high, ")
    old = (POD % ("old", "800m")).replace("  schedulingGroup: {podGroupName: train}", "  nodeName: n1")
    pods = "".join(POD % (name, "900m") for name in ("a", "b", "c"))
    pods = pods.replace("spec:", "spec:\n  priorityClassName: high")
    path.write_text(urgent + NODES + group + old + pods)
    for scheduler in ("kube", "optimal"):
        assert main(["plan", str(path), "--scheduler", scheduler]) == 1  # nobody makes the old one anew
        assert "3 placed, 1 gone, 1 eviction" in capsys.readouterr().out
