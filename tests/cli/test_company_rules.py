"""The tutorial on rules of one's own does what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from kubelogic.cli import main

TUTORIAL = Path(__file__).parents[2] / "docs/tutorial/company-rules.md"


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of the tutorial, in the current directory."""
    for match in re.finditer(r"```\w*\n# file: (\S+)\n(.*?)```", TUTORIAL.read_text(encoding="utf-8"), re.S):
        path = tmp_path / match[1]
        path.parent.mkdir(exist_ok=True)
        path.write_text(match[2], encoding="utf-8")
    monkeypatch.chdir(tmp_path)


def test_the_rules_are_clean() -> None:
    assert main(["rules", "check", "--rules", "policy"]) == 0


@pytest.mark.parametrize("scheduler", ["optimal", "kube"])
def test_the_policies_are_enforced_and_cited(scheduler: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "cluster.yaml", "--scheduler", scheduler]) == 0
    capsys.readouterr()
    assert main(["plan", "cluster.yaml", "--rules", "policy", "--scheduler", scheduler, "-o", "json"]) == 1
    plan = json.loads(capsys.readouterr().out)
    racks = {"a1": "a", "a2": "a", "b1": "b", "gpu": "b"}
    ledgers = sorted(racks[p["node"]] for p in plan["placements"] if p["pod"].startswith("payments/ledger"))
    assert ledgers == ["a", "a", "b", "b"]
    (pending,) = plan["pending"]
    assert pending["pod"] == "research/miner"
    reasons = {blocker["node"]: json.dumps(blocker) for blocker in pending["blockers"]}
    assert "policy 7, untrusted image" in reasons["gpu"]
    assert "policy" not in reasons["a1"]


def test_the_proof_leads_to_rule_and_manifest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", "rejects_policy('research/miner', NodeClass, _)", "cluster.yaml", "--rules", "policy"]) == 0
    text = capsys.readouterr().out
    assert "[policy/registries.dl:7]" in text
    assert "research/miner uses the image files.example.org/miner:3  [given, cluster.yaml:16:12]" in text
    assert "images from files.example.org are banned from GPU nodes  [given, policy/registries.dl:5]" in text


def host(name: str) -> str:
    return (
        f"{{apiVersion: v1, kind: Node, metadata: {{name: {name}, labels: {{kubernetes.io/hostname: {name}}}}}, "
        'status: {allocatable: {cpu: "4", pods: "9"}}}\n---\n'
    )


def tenant(name: str, owner: str, *, on: str = "") -> str:
    node = f"nodeName: {on}, " if on else ""
    labels = f"labels: {{example.com/tenant: {owner}}}" if owner else "labels: {}"
    return (
        f"{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, {labels}}}, spec: {{{node}containers: "
        "[{name: c, image: i, resources: {requests: {cpu: 500m}}}]}}\n---\n"
    )


@pytest.mark.parametrize("scheduler", ["optimal", "kube"])
def test_tenants_do_not_share_a_node(scheduler: str, capsys: pytest.CaptureFixture[str]) -> None:
    pods = [tenant("a0", "red", on="n1"), tenant("a1", "red"), tenant("a2", "red"), tenant("b1", "blue")]
    pods += [tenant("c1", "green"), tenant("x1", "")]
    Path("tenants.yaml").write_text(host("n1") + host("n2") + "".join(pods), encoding="utf-8")
    rules = ["--rules", "policy/tenants.dl", "--scheduler", scheduler, "-o", "json"]
    assert main(["plan", "tenants.yaml", *rules]) == 1
    plan = json.loads(capsys.readouterr().out)
    on = {p["pod"].removeprefix("default/"): p["node"] for p in plan["placements"]}
    owners = {"a1": "red", "a2": "red", "b1": "blue", "c1": "green"}
    assert "x1" in on
    for node, whose in (("n1", {"red"}), ("n2", {"red", "blue", "green"})):
        there = {owners[name] for name, where in on.items() if where == node and name in owners}
        assert there <= whose
        assert len(there) <= 1
    assert plan["pending"]
