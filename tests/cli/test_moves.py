"""``--allow-moves``: which running pods to move so that all fit, in plan and capacity."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from kubelogic.cli import main

ROOT = Path(__file__).resolve().parents[2]


def node(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "status": {"allocatable": {"cpu": "4", "memory": "64Gi", "pods": "110"}},
    }


def pod(name: str, *, cpu: int, node: str = "", owner: str = "ReplicaSet", **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "app:1", "resources": {"requests": {"cpu": str(cpu)}}}
    owners = [{"apiVersion": "apps/v1", "kind": owner, "name": "set", "uid": "u", "controller": True}] if owner else []
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "ownerReferences": owners, "labels": {"app": "x" if node else "y"}},
        "spec": {"containers": [container], **({"nodeName": node} if node else {}), **spec},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]} if node else {},
    }


def budget(allowed: int) -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "b"},
        "spec": {"maxUnavailable": allowed, "selector": {"matchLabels": {"app": "x"}}},
    }


def replica_set(number: int) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": "x"}}, "spec": pod("t", cpu=1)["spec"]}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": "set", "uid": "u"},
        "spec": {"replicas": number, "selector": {"matchLabels": {"app": "x"}}, "template": template},
    }


def scattered(count: int = 3, **more: Any) -> list[dict[str, Any]]:
    """Nodes of four CPUs with a pod of one on each."""
    nodes = [node(f"n{i}") for i in range(count)]
    return [*nodes, replica_set(count), *(pod(f"x{i}", cpu=1, node=f"n{i}", **more) for i in range(count))]


def big(name: str = "big") -> dict[str, Any]:
    return pod(name, cpu=4, owner="")


def ask(
    path: Path, capsys: pytest.CaptureFixture[str], *documents: dict[str, Any], moves: int, code: int
) -> dict[str, Any]:
    file = path / "cluster.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": documents}))
    assert main(["plan", str(file), "--allow-moves", str(moves), "-o", "json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)["moves"]
    return found


def test_one_move(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = ask(tmp_path, capsys, *scattered(), big(), moves=3, code=0)
    (step,) = found["steps"]
    assert (found["verdict"], found["allowed"], found["least"]) == ("enough", 3, 1)
    assert step["owner"] == "ReplicaSet default/set"
    assert found["placements"] == [{"pod": "default/big", "node": step["from"]}]
    assert (found["left"], found["hopeless"], found["staying"]) == ([], [], [])


def test_more_moves_are_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    documents = (*scattered(4), big("big-1"), big("big-2"))
    found = ask(tmp_path, capsys, *documents, moves=1, code=1)
    assert (found["verdict"], found["least"], len(found["steps"])) == ("too_few", 2, 2)
    assert ask(tmp_path, capsys, *documents, moves=2, code=0)["verdict"] == "enough"


def test_none_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = ask(tmp_path, capsys, *scattered(), big("big-1"), big("big-2"), big("big-3"), moves=9, code=1)
    assert found["verdict"] == "impossible"
    assert len(found["left"]) == 1


def test_a_budget_that_allows_one_is_kept_one_at_a_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    documents = (*scattered(4), big("big-1"), big("big-2"))
    assert ask(tmp_path, capsys, *documents, budget(1), moves=2, code=0)["verdict"] == "enough"
    held = ask(tmp_path, capsys, *documents, budget(0), moves=2, code=1)
    assert held["steps"] == []
    assert held["staying"] == [{"what": "held by its disruption budget", "pods": 4}]


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"owner": ""}, "without a controller to make it anew"),
        ({"owner": "Job"}, "of a Job, which would start anew"),
        ({"owner": "Node"}, "static"),
        ({"volumes": [{"name": "scratch", "emptyDir": {}}]}, "with data on its node"),
        ({"priority": 2_000_001_000, "priorityClassName": "system-node-critical"}, "critical to the system"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_who_stays(more: dict[str, Any], what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = [each for each in scattered(2, **more) if each["kind"] != "ReplicaSet"]
    found = ask(tmp_path, capsys, *kept, big(), moves=3, code=1)
    assert found["staying"] == [{"what": what, "pods": 2}]
    assert found["steps"] == []


def test_what_fits_nowhere_does_not_hide_what_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = ask(tmp_path, capsys, *scattered(), big(), pod("huge", cpu=9, owner=""), moves=3, code=1)
    assert (found["verdict"], len(found["steps"])) == ("enough", 1)
    assert (found["left"], found["hopeless"]) == (["default/huge"], ["default/huge"])


def test_what_waits_for_something_else_is_not_said_to_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gone = {**node("n9"), "spec": {"taints": [{"key": "karpenter.sh/disrupted", "effect": "NoSchedule"}]}}
    file = tmp_path / "cluster.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [gone, big()]}))
    assert main(["plan", str(file), "--allow-moves", "2"]) == 1
    printed = capsys.readouterr().out
    assert "all fit" not in printed
    assert "default/big: waits for something else than room" in printed


def test_without_the_option_there_are_no_moves(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(ROOT / "fixtures/moves"), "-o", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["moves"] is None


def test_capacity_asks_for_one_more(capsys: pytest.CaptureFixture[str]) -> None:
    cluster, report = (str(ROOT / "fixtures/moves" / name) for name in ("cluster.yaml", "report.yaml"))
    assert main(["capacity", cluster, "--pod", report, "--allow-moves", "1", "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["fits"]["optimal"], found["movesFor"], found["moves"]["verdict"]) == (0, 1, "enough")
    assert main(["capacity", cluster, "--pod", report, "--allow-moves", "1", "--replicas", "3", "-o", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["moves"]["verdict"] == "impossible"


def test_the_pod_that_capacity_thinks_up_is_told_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    cluster, report = (str(ROOT / "fixtures/moves" / name) for name in ("cluster.yaml", "report.yaml"))
    assert main(["capacity", cluster, "--pod", report, "--allow-moves", "1"]) == 0
    printed = capsys.readouterr().out
    assert "there is room for one more " in printed
    assert "+1" not in printed


def test_text_tells_the_steps(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(ROOT / "fixtures/moves"), "--allow-moves", "2"]) == 0
    printed = capsys.readouterr().out
    assert "1 move makes room for everything (the fewest there can be)." in printed
    assert "1. cordon n2, evict shop/web-2 from it; it comes to n3" in printed
    assert "wait until the pod made in its place runs (it comes to n3)" in printed


def test_every_key_is_described(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(ROOT / "fixtures/moves"), "--allow-moves", "2", "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["moves"]
    page = (ROOT / "docs/reference/documents.md").read_text(encoding="utf-8")
    section = page.partition("\n## Moves\n")[2].partition("\n## ")[0]
    described = set(re.findall(r"`(\w+)(?:\[\])?`", section))
    used = {*found, *(key for value in found.values() if isinstance(value, list) for each in value for key in each)}
    assert {key for key in used if not key.startswith("shop/")} - described == set()
