"""What befalls a served cluster: annotations on nodes, and the steps of a scenario at their times."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kubelogic.cli import main
from kubelogic.cluster.objects import as_object
from kubelogic.serve.server import Settings, prepare
from kubelogic.verbs.scenario_file import read_scenario
from tests.support.serving import BEGIN, OPTIONS, Client, node, shared_engine

NODE = "/api/v1/nodes/n1"
MERGE = "application/merge-patch+json"


def ready(client: Client) -> str:
    return next(row[1] for row in client.table("/api/v1/nodes") if row[0] == "n1")


def test_an_annotation_lets_a_node_fail_and_come_back(client: Client) -> None:
    client.settle(1)
    fail = {"metadata": {"annotations": {"kubelogic.dev/fail": "true"}}}
    client.send("PATCH", NODE, fail, content_type=MERGE)
    client.settle(60)
    assert ready(client) == "NotReady"
    client.send("PATCH", NODE, {"metadata": {"annotations": {"kubelogic.dev/fail": None}}}, content_type=MERGE)
    client.settle(60)
    assert ready(client) == "Ready"


def test_a_scenario_is_played_from_the_start(tmp_path: Path) -> None:
    path = tmp_path / "bad-day.yaml"
    path.write_text("- {at: 30s, fail: n1}\n- {at: 5m, heal: n1}\n- {at: 10m, cordon: n2}\n")
    told: list[str] = []
    settings = Settings(
        options=OPTIONS,
        speed=0,
        begin=BEGIN,
        kubeconfig=Path("unused"),
        scenario=read_scenario(str(path)).events,
        warn=told.append,
    )
    served, _ = prepare([as_object(node("n1")), as_object(node("n2"))], settings, shared_engine())
    client = Client(served)
    client.settle(20)
    assert ready(client) == "Ready"
    client.settle(100)
    assert ready(client) == "NotReady"
    client.settle(300)
    assert ready(client) == "Ready"
    client.settle(300)
    assert client.table("/api/v1/nodes")[1][1] == "Ready,SchedulingDisabled"
    assert told == []


def test_what_is_no_deed_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nodes = tmp_path / "nodes.json"
    nodes.write_text(json.dumps(node("n1")))
    path = tmp_path / "s.yaml"
    path.write_text("- {at: 1m, expect: {pods: {ready: 1}}}\n")
    assert main(["serve", str(nodes), "--scenario", str(path), "--kubeconfig", str(tmp_path / "k")]) == 2
    assert str(path) in capsys.readouterr().err
