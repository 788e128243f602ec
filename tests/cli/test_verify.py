"""``kubelogic verify``: exit codes, counter-examples as files, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kubelogic.cli import main

CLUSTER = """
apiVersion: v1
kind: Node
metadata: {name: ash, labels: {kubernetes.io/hostname: ash}}
status: {allocatable: {cpu: "4", memory: 8Gi, pods: "110"}}
---
apiVersion: v1
kind: Node
metadata: {name: elm, labels: {kubernetes.io/hostname: elm}}
status: {allocatable: {cpu: "4", memory: 8Gi, pods: "110"}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: app, image: "web:1", resources: {requests: {cpu: "3"}}}]}
"""


@pytest.fixture
def cluster(tmp_path: Path) -> str:
    file = tmp_path / "cluster.yaml"
    file.write_text(CLUSTER, encoding="utf-8")
    return str(file)


def test_a_counter_example_is_kept_and_replays(
    cluster: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "found"
    assert main(["verify", cluster, "--survive", "node:1", "--write", str(kept)]) == 1
    told = capsys.readouterr().out
    assert told.startswith("broken: survives any node\n")
    assert "Deployment default/web lacks 1 pod on nodes (1 now, 0 before) [every_pod_placed]" in told
    assert main(["simulate", cluster, "--scenario", str(kept / "scenario.yaml"), "--horizon", "30m"]) == 1
    assert "default/web" in capsys.readouterr().out


def test_json_has_the_whole_answer(cluster: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", cluster, "--survive", "node:1", "--extra-nodes", "1", "-o", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["kind"], document["verdict"], document["counterexample"]) == ("Verification", "holds", None)
    assert document["cases"] == 3
    assert document["tried"] < 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--survive", "nodes"], "'nodes' is none of node:1, zone:1"),
        (["--survive", "zone:1"], "no node has the label topology.kubernetes.io/zone"),
        (["--invariant", "every_pod"], "did you mean every_pod_placed?"),
        (["--invariant", "missing.dl"], "--invariant missing.dl: no such file"),
        (["--during-rollout", "deploy/shop"], "there is no Deployment default/shop"),
        (["--during-rollout", "node/ash"], "has no rollouts"),
        (["--drain-all", "--any-order"], "ask one thing"),
        (["--extra-nodes", "-1"], "is no number of nodes"),
        (["--survive", ""], "argument --survive: its value is empty"),
        (["--invariant", ""], "argument --invariant: its value is empty"),
        (["--any-order", "--invariant", "budget_respected"], "takes no invariants"),
        (["--each", "--survive", "node:1", "--results", __file__], "it holds no results of verify --each"),
        (["--survive", "node:9"], "nodes, 9 cannot fail"),
        (["--engine", "foo"], "--engine is for many clusters: give --each, too"),
        (["--results", "kept.jsonl"], "--results is for many clusters"),
    ],
)
def test_what_makes_no_sense_is_refused(
    cluster: str, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(["verify", cluster, *arguments])
    except SystemExit as error:
        code = int(str(error.code))
    assert code == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
