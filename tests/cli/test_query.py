"""``kubelogic query`` and ``kubelogic why``: rows, derivations down to the manifest's line, and refutations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kubelogic.cli import main

MANIFEST = """\
apiVersion: v1
kind: Node
metadata:
  name: gpu-1
spec:
  taints:
  - key: soft
    effect: PreferNoSchedule
  - key: gpu
    value: big
    effect: NoSchedule
status:
  allocatable: {cpu: "4", memory: 8Gi, pods: "110"}
---
apiVersion: v1
kind: Pod
metadata:
  name: cart
  namespace: shop
spec:
  containers:
  - name: main
    image: cart:1
"""


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "m.yaml").write_text(MANIFEST, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return "m.yaml"


def test_query_prints_the_values_that_were_asked_for(manifest: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "rejects_taint('shop/cart', Node, Key, _, Effect)", manifest]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "NODECLASS  KEY  VALUE  EFFECT",
        "gpu-1      gpu  big    NoSchedule",
        "1 row",
    ]


@pytest.mark.parametrize("atom", ["rejects_taint(S, N, K, V, E)", "rejects_taint(S, N, 'gpu', V, E)"])
def test_query_as_json_is_the_same_top_down_and_bottom_up(
    atom: str, manifest: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["query", atom, manifest, "-o", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["kind"] == "Query"
    assert document["columns"] == ["Shape", "NodeClass", "Key", "Value", "Effect"]
    assert document["rows"] == [["shop/cart", "gpu-1", "gpu", "big", "NoSchedule"]]
    assert document["text"] == ["gpu-1 has the taint gpu=big:NoSchedule, which shop/cart does not tolerate"]


def test_query_without_an_answer(manifest: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "rejects_taint(S, N, 'soft', V, E)", manifest]) == 1
    assert capsys.readouterr().out == (
        "Nothing fits rejects_taint(_, _, 'soft', _, _).\nhint: no Key is 'soft'; there is 'gpu'.\n"
    )


def test_a_misspelt_predicate_is_bad_input(manifest: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "reject_taint(S, N, K, V, E)", manifest]) == 2
    assert "did you mean rejects_taint?" in capsys.readouterr().err


def test_why_leads_to_the_line_of_the_manifest(manifest: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "rejects_taint('shop/cart', 'gpu-1', _, _, _)", manifest]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("gpu-1 has the taint gpu=big:NoSchedule, which shop/cart does not tolerate")
    assert "rules/scheduling/taint_toleration.dl:" in lines[0]
    assert "├─ gpu-1 has the taint gpu=big:NoSchedule  [given, m.yaml:9:5]" in lines
    assert lines[-1] == "└─ it is not so that shop/cart tolerates gpu=big:NoSchedule  [absent]"


def test_quantities_are_written_as_in_manifests_in_text_and_as_numbers_in_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "n.yaml"
    path.write_text(
        "{apiVersion: v1, kind: Node, metadata: {name: n1}, "
        "status: {allocatable: {cpu: '1.5', memory: 2Gi, pods: '110'}}}\n"
    )
    for resource, text, number in (("cpu", "1.5", 1500), ("memory", "2Gi", 2 << 30), ("pods", "110", 110)):
        assert main(["why", f"node_allocatable('n1', '{resource}', _)", str(path)]) == 0
        assert capsys.readouterr().out.startswith(f"n1 can hold {text} of {resource}  [given")
        assert main(["why", f"node_allocatable('n1', '{resource}', _)", str(path), "-o", "json"]) == 0
        (step,) = json.loads(capsys.readouterr().out)["proofs"][0]["steps"]
        assert step["values"] == ["n1", resource, number]
        assert step["text"] == f"n1 can hold {number} of {resource}"


def test_why_as_json(manifest: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "rejects_taint(S, N, K, V, E)", manifest, "-o", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["schemaVersion"], document["kind"], document["holds"]) == (1, "Proof", True)
    (proof,) = document["proofs"]
    taint = next(step for step in proof["steps"] if step["predicate"] == "node_taint")
    assert taint["origin"] == {"file": "m.yaml", "line": 9, "column": 5, "path": "spec.taints[1]"}


def test_why_not(manifest: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "rejects_taint('shop/cart', 'gpu-1', 'soft', _, _)", manifest]) == 1
    text = capsys.readouterr().out
    assert "meets 1 of 4" in text
    assert "- it should be so that a taint with the effect PreferNoSchedule keeps new pods away" in text
    assert main(["why", "rejects_taint('shop/cart', 'gpu-1', 'soft', _, _)", manifest, "-o", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["holds"] is False
    assert document["refutation"]["attempts"][0]["failed"]["literal"] == "hard_effect(Effect)"


def test_what_depends_on_the_time_can_be_asked(manifest: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["query", "now(T)", manifest]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "T"
