"""``--set`` and its like: where a value was set is told of it, in proofs and in faults."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from kubelogic.cli import assigned, main
from kubelogic.facts.parameters import described
from kubelogic.facts.rulebook import builtin_rulebook
from kubelogic.text.settings import read

_POD = """
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{name: a, image: i}]}
"""
_CLAIM = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
"""


@pytest.fixture
def manifest(tmp_path: Path) -> str:
    path = tmp_path / "pod.yaml"
    path.write_text(_POD)
    return str(path)


def test_a_proof_names_what_was_typed(manifest: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("why", "parameter('node_monitor_period', _)", manifest)
    assert main([*asked]) == 0
    assert "[given, rules/parameters.dl:" in capsys.readouterr().out
    assert main([*asked, "--set", "node_monitor_period=7000"]) == 0
    said = "the parameter node_monitor_period is 7000  [given, --set node_monitor_period=7000]"
    assert said in capsys.readouterr().out.splitlines()
    assert main([*asked, "--set", "node_monitor_period=7000", "-o", "json"]) == 0
    (step,) = json.loads(capsys.readouterr().out)["proofs"][0]["steps"]
    assert step["origin"] == {"author": "--set node_monitor_period=7000"}
    assert "rule" not in step


def test_a_derived_fact_rests_on_what_was_typed(capsys: pytest.CaptureFixture[str]) -> None:
    action = "action_set_field('Node', 'node-01', '/metadata/annotations/node.alpha.kubernetes.io~1ttl', '0')"
    assert main(["why", action, "fixtures/nodes/ten.yaml", "--set", "ttl_controller=1"]) == 0
    assert "the parameter ttl_controller is 1  [given, --set ttl_controller=1]" in capsys.readouterr().out


def test_everything_that_is_wrong_is_told_in_the_order_typed(manifest: str, capsys: pytest.CaptureFixture[str]) -> None:
    typed = (
        ("node_monitor_perio=3", "there is no parameter 'node_monitor_perio'; did you mean node_monitor_period?"),
        ("gang_scheduling=4", "gang_scheduling is 0 or 1, not 4; it says whether"),
        ("nonsense", "it takes NAME=VALUE"),
        ("zzz=1", "there is no parameter 'zzz'; kubelogic rules parameters lists all"),
        ("default_storageclass=a", "did you mean default_storage_class?"),
        ("node_monitor_period=5s", "node_monitor_period takes a whole number (ms), not '5s'"),
        ("drain_retry=99999999999999999999", "this is no 64-bit number"),
        ("default_storage_class=A/b", "'A/b' is no name of a StorageClass"),
        ("gang_scheduling=0", "gang_scheduling was set before"),
        ("=4", "it takes NAME=VALUE"),
        ("cluster_cidr=10.0.0.1/8", "cluster_cidr takes a range"),
    )
    flags = [word for item, _ in typed for word in ("--set", item)]
    assert main(["plan", manifest, *flags]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert len(lines) == len(typed)
    for line, (item, message) in zip(lines, typed, strict=True):
        assert line.startswith(f"kubelogic plan: --set {item}: ")
        assert message in line


@pytest.mark.parametrize(
    "command",
    [
        ["plan"],
        ["explain", "p"],
        ["check"],
        ["simulate"],
        ["verify"],
        ["verify", "--each"],
        ["capacity"],
        ["query", "pod(P)"],
        ["why", "pod(P)"],
        ["can-i", "get", "pods"],
        ["reach", "p", "p"],
        ["upgrade-plan", "--to", "1.37"],
        ["serve"],
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_every_verb_blames_the_command_line(
    command: list[str], manifest: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, manifest, "--set", "node_monitor_perio=3"]) == 2
    assert capsys.readouterr().err == (
        f"kubelogic {command[0]}: --set node_monitor_perio=3: there is no parameter 'node_monitor_perio'; "
        "did you mean node_monitor_period?\n"
    )


def test_check_takes_the_class_of_claims_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was left out without a word."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "claim.yaml").write_text(_CLAIM)
    arguments = ["check", "claim.yaml", "--nodes", "1", "--show", "note"]
    main(arguments)
    assert "names no class" in capsys.readouterr().out
    main([*arguments, "--set", "default_storage_class=gp3"])
    assert "names no class" not in capsys.readouterr().out
    (tmp_path / "kubelogic.toml").write_text("[set]\ndefault_storage_class = 'gp3'\n")
    main(arguments)
    assert "names no class" not in capsys.readouterr().out


_SETTINGS = "[set]\nttl_controller = 1\nnode_monitor_period = 7000\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "claim.yaml").write_text(_CLAIM)
    (tmp_path / "kubelogic.toml").write_text(_SETTINGS)
    return tmp_path


def _settled(*typed: str) -> argparse.Namespace:
    settings = read("kubelogic.toml")
    return argparse.Namespace(parameters=list(typed), settings=settings)


def test_what_is_typed_leaves_the_other_settings_as_they_are(project: Path) -> None:
    """The whole table was forgotten as soon as one name was typed."""
    given = assigned.parameters(_settled("ttl_controller=0", "gang_scheduling=0"))
    assert dict(given) == {"node_monitor_period": 7000, "ttl_controller": 0, "gang_scheduling": 0}
    assert str(given.places["node_monitor_period"]) == "kubelogic.toml:3:1"
    assert given.places["ttl_controller"].file == "--set ttl_controller=0"
    assert assigned.flags(_settled("ttl_controller=0")) == ["node_monitor_period=7000", "ttl_controller=0"]


def test_faults_of_the_settings_and_of_what_is_typed_are_told_together(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "kubelogic.toml").write_text(_SETTINGS.replace("ttl_controller", "ttl_controler"))
    assert main(["check", "claim.yaml", "--set", "gang_schedulin=0"]) == 2
    said = capsys.readouterr().err
    assert "kubelogic.toml:2:1: error: there is no parameter 'ttl_controler'" in said
    assert "--set gang_schedulin=0: error: there is no parameter 'gang_schedulin'" in said
    assert main(["check", "claim.yaml", "--set", "node_monitor_period=many"]) == 2
    assert "node_monitor_period" in capsys.readouterr().err


def test_parameters_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "parameters", "-o", "json"]) == 0
    listed = {each["name"] for each in json.loads(capsys.readouterr().out)["parameters"]}
    assert listed == {each.name for each in described(builtin_rulebook())} | {"default_storage_class"}
    assert main(["rules", "parameters", "MONITOR_PERIOD"]) == 0
    assert capsys.readouterr().out == (
        "node_monitor_period=5000 ms\n"
        "    how often the node lifecycle controller looks at the nodes (--node-monitor-period)\n"
    )
    assert main(["rules", "parameters", "no-such-word"]) == 1
