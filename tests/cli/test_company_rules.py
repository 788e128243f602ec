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


def test_what_is_against_the_rules_of_the_house_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "cluster.yaml", "--rules", "policy", "--select", "HOUSE"]) == 1
    shown = TUTORIAL.read_text(encoding="utf-8").partition("--select HOUSE\n```\n\n```\n")[2].partition("```")[0]
    assert shown.count("[HOUSE") == 3
    assert capsys.readouterr().out.startswith(shown)


@pytest.mark.parametrize(
    ("image", "told"),
    [("web", True), ("web:latest", True), ("web:1", False), ("web:latest@sha256:" + "0" * 64, False)],
)
def test_only_what_a_tag_names_is_the_latest(image: str, told: bool, capsys: pytest.CaptureFixture[str]) -> None:
    containers = f'containers: [{{name: c, image: a:1}}], initContainers: [{{name: i, image: "{image}"}}]'
    spec = f"spec: {{template: {{spec: {{restartPolicy: Never, {containers}}}}}}}"
    meta = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j, labels: {owner: me}}\n"
    Path("job.yaml").write_text(meta + spec)
    assert main(["check", "job.yaml", "--rules", "policy", "--select", "HOUSE1"]) == int(told)
    place = f"job.yaml:4:{spec.index(image, spec.index('name: i'))}: error: The image"
    assert (f"{place} {image} of Job default/j is whatever is newest. [HOUSE1]" in capsys.readouterr().out) == told


def test_a_demanded_spread_and_a_policy_are_told_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    main(["explain", "ledger", "cluster.yaml", "--rules", "policy"])
    assert "breaks a skew of 1 (a rule demands it of payments)" in capsys.readouterr().out
    main(["explain", "research/miner", "cluster.yaml", "--rules", "policy"])
    cannot = capsys.readouterr().out.partition("These cannot all hold")[2].partition("\n\n")[0]
    assert "policy 7, untrusted image: research/miner may not go to gpu" in cannot


def test_databases_are_told_by_name_on_the_nodes_where_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    def database(kind: str, name: str, replicas: int) -> str:
        labels = f"{{app: {name}, example.com/tier: database}}"
        return (
            f"{{apiVersion: apps/v1, kind: {kind}, metadata: {{name: {name}}}, spec: {{serviceName: {name}, "
            f"replicas: {replicas}, selector: {{matchLabels: {{app: {name}}}}}, template: {{metadata: "
            f"{{labels: {labels}}}, spec: {{containers: [{{name: c, image: i}}]}}}}}}}}\n---\n"
        )

    nodes = host("n1") + host("n2") + host("n3")
    Path("db.yaml").write_text(nodes + database("StatefulSet", "pg", 3) + database("StatefulSet", "redis", 1))
    assert main(["explain", "pg-2", "db.yaml", "--rules", "policy/databases.dl"]) == 1
    told = capsys.readouterr().out
    assert (
        "default/pg is in kubernetes.io/hostname=n1 already and must not share it with default/pg; likewise n3" in told
    )
    assert "default/pg must not share kubernetes.io/hostname=n2 with default/redis, which is there already" in told
    conflict = "pods of default/pg must not share their kubernetes.io/hostname with pods of default/pg, default/redis"
    assert f"{conflict}, as a rule demands" in told


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
