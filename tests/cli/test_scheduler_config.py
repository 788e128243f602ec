"""``--scheduler-config`` takes a file that holds a configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.cli import main

NODE = "apiVersion: v1\nkind: Node\nmetadata: {name: n1}\nstatus: {allocatable: {cpu: '1', memory: 1Gi, pods: '9'}}\n"
CONFIGURATION = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"


@pytest.mark.parametrize("command", ["plan", "check"])
def test_a_file_without_one_is_refused(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "nodes.yaml").write_text(NODE)
    given = str(tmp_path / "nodes.yaml")
    assert main([command, given, "--scheduler-config", given]) == 2
    said = capsys.readouterr().err
    assert f"{given}: error: --scheduler-config: there is no KubeSchedulerConfiguration in it [KL102]" in said


def test_a_file_or_a_folder_with_one_is_read(tmp_path: Path) -> None:
    (tmp_path / "nodes.yaml").write_text(NODE)
    (tmp_path / "scheduler").mkdir()
    (tmp_path / "scheduler" / "main.yaml").write_text(CONFIGURATION)
    nodes = str(tmp_path / "nodes.yaml")
    for given in (tmp_path / "scheduler", tmp_path / "scheduler" / "main.yaml"):
        assert main(["plan", nodes, "--scheduler-config", str(given)]) == 0


def test_another_version_of_it_is_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "nodes.yaml").write_text(NODE)
    (tmp_path / "old.yaml").write_text(CONFIGURATION.replace("/v1", "/v1beta3"))
    assert main(["plan", str(tmp_path / "nodes.yaml"), "--scheduler-config", str(tmp_path / "old.yaml")]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "did you mean kubescheduler.config.k8s.io/v1 KubeSchedulerConfiguration?" in said
