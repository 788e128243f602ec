"""``kubelogic plan`` on the shop: what it prints, what it answers, and that the order of the input does not matter."""

from __future__ import annotations

import ast
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from kubelogic.cli import COMMANDS, main

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "shop"


@pytest.fixture(autouse=True)
def _at_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def golden(name: str, text: str, update: bool) -> None:
    """Compare with a golden file, or write it."""
    path = GOLDEN / name
    if update:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_the_plan_of_the_shop(capsys: pytest.CaptureFixture[str], update_golden: bool) -> None:
    assert main(["plan", "fixtures/shop"]) == 1
    golden("plan.txt", capsys.readouterr().out, update_golden)


def document(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    main([*arguments, "-o", "json"])
    parsed: dict[str, Any] = json.loads(capsys.readouterr().out)
    return parsed


def test_the_document_of_the_shop(capsys: pytest.CaptureFixture[str]) -> None:
    plan = document(capsys, "plan", "fixtures/shop")
    assert (plan["schemaVersion"], plan["kind"], plan["settled"]) == (1, "Plan", True)
    assert len(plan["placements"]) == 33
    assert {pod["owner"]: pod["verdict"] for pod in plan["pending"]} == {
        "Deployment shop/fraud": "no-room",
        "Deployment shop/ledger": "never",
        "Deployment shop/model-training": "never",
        "Deployment shop/warehouse-sync": "never",
        "Pod shop/vault": "waiting",
    }
    for pod in plan["pending"]:
        assert pod["message"].startswith("0/6 nodes are available: ")
        assert all(blocker["code"].startswith("KL2") for blocker in pod["blockers"])
    fit = next(p for p in plan["pending"] if p["owner"] == "Deployment shop/warehouse-sync")["blockers"]
    assert {"node": "general-1", "reason": "Insufficient cpu"}.items() <= fit[0].items()
    assert fit[0]["witness"]["Requested"] == 6000
    assert {action["type"] for action in plan["actions"]} >= {"CreateReplicaSet", "CreatePod", "BindPod"}


def test_one_at_a_time_places_the_same_pods_here(capsys: pytest.CaptureFixture[str]) -> None:
    joint = document(capsys, "plan", "fixtures/shop")
    single = document(capsys, "plan", "fixtures/shop", "--scheduler", "kube")
    assert [p["pod"] for p in joint["placements"]] == [p["pod"] for p in single["placements"]]
    assert [p["pod"] for p in joint["pending"]] == [p["pod"] for p in single["pending"]]


def test_the_order_of_files_and_documents_does_not_matter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["plan", "fixtures/shop", "-o", "json"])
    expected = capsys.readouterr().out
    yaml = YAML(typ="safe")
    documents = [
        each
        for path in sorted(Path("fixtures/shop").glob("*.yaml"))
        for each in yaml.load_all(path.read_text())
        if each
    ]
    draw = random.Random(7)
    draw.shuffle(documents)
    for number in range(3):
        (tmp_path / f"part-{number}.json").write_text(
            json.dumps({"apiVersion": "v1", "kind": "List", "items": documents[number::3]})
        )
    main(["plan", *(str(path) for path in sorted(tmp_path.glob("*.json"), reverse=True)), "-o", "json"])
    assert capsys.readouterr().out == expected


def test_bad_input_has_places_and_a_code_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: Upper}\nspec:\n  containers: [{name: a, image: b, imgae: c}]\n"
    )
    assert main(["plan", str(bad)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"{bad}:3:18: error: " in captured.err
    assert f"{bad}:5:36: error: " in captured.err
    assert "2 errors in 1 file" in captured.err


def test_keep_going_leaves_out_what_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("apiVersion: v1\nkind: Pod\nmetadata: {name: Upper}\nspec: {containers: [{name: a, image: b}]}\n")
    assert main(["plan", str(bad), "fixtures/nodes/ten.yaml"]) == 2
    assert main(["plan", "--keep-going", str(bad), "fixtures/nodes/ten.yaml"]) == 0
    assert f"{bad}:3:18: error: " in capsys.readouterr().err


def test_unknown_parameters_and_rule_directories_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "fixtures/shop", "--set", "no_such_parameter=3"]) == 2
    assert main(["plan", "fixtures/shop", "--set", "nonsense"]) == 2
    assert main(["plan", "fixtures/shop", "--rules", "no/such/directory"]) == 2
    assert capsys.readouterr().out == ""


def test_help_imports_next_to_nothing() -> None:
    code = (
        "import os, sys; before = set(sys.modules); from kubelogic.cli import main\n"
        "assert main(['--help']) == 0\n"
        "print(sorted({each for each in set(sys.modules) - before if 'kubelogic' not in each}))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert set(ast.literal_eval(out.splitlines()[-1])) <= {"__future__", "errno", "gc", "types", "unicodedata"}


def test_no_command_shows_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    """It said that COMMAND is required, and named none."""
    assert main(["--help"]) == 0
    page = capsys.readouterr().out
    assert "kubelogic demo plans a small shop" in page
    assert main([]) == 2
    assert capsys.readouterr() == ("", page)


def test_a_hint_names_each_option_once(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["plan", "--hlep"])
    assert capsys.readouterr().err.endswith("unrecognized arguments: --hlep; did you mean --help or --live?\n")


@pytest.mark.parametrize("command", [["step", "5m"], ["fail", "node/n1"]])
def test_a_server_that_was_not_started_is_told(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    assert main(command) == 2
    assert capsys.readouterr().err == (
        f"kubelogic {command[0]}: kubelogic.kubeconfig: no such file or directory; "
        "kubelogic serve writes one, start it first\n"
    )


def test_help_is_the_same_through_the_parser(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    at_once = capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["--help", "--help"])
    assert capsys.readouterr().out == at_once
    for name, told in COMMANDS.items():
        assert f"  {name} " in at_once
        assert told.split()[0] in at_once


@pytest.mark.parametrize(
    ("project", "pending"),
    [("online-boutique", 0), ("kube-prometheus", 0), ("podinfo", 1)],
)
def test_real_projects_are_placed(corpus: Path, project: str, pending: int, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(corpus / "manifests" / project)
    code = main(["plan", "--keep-going", "fixtures/nodes/ten.yaml", folder, "-o", "json"])
    plan = json.loads(capsys.readouterr().out)
    assert code == (1 if pending else 0)
    assert plan["placements"]
    assert len(plan["pending"]) == pending
    assert all(pod["verdict"] == "waiting" for pod in plan["pending"])
