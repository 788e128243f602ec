"""The word after TO: a port, or a path; what is meant as a port and is none is told as such."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.cli import BAD_INPUT, YES, main


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("5432/ICMP", "5432/ICMP is no port: the protocols with ports are TCP, UDP and SCTP, not ICMP"),
        ("53/dns-tcp", "not dns-tcp"),
        ("70000/UDP", "70000/UDP is no port: ports are 1 to 65535"),
    ],
)
def test_what_is_no_port_is_told(word: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("{apiVersion: v1, kind: Namespace, metadata: {name: a}}\n")
    assert main(["reach", "any", "any", word, str(path)]) == BAD_INPUT
    assert told in capsys.readouterr().err


def test_a_path_that_looks_like_a_port_is_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("53").mkdir()
    Path("53/ICMP").write_text("{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: a}]}}\n")
    main(["reach", "any", "any", "53/ICMP"])
    assert "is no port" not in capsys.readouterr().err


def test_of_everybody_nobody_else_is_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("{apiVersion: v1, kind: Pod, metadata: {name: db}, spec: {containers: [{name: a, image: a}]}}\n")
    assert main(["reach", "any", "db", "--only", "any", str(path)]) == YES
    assert "There is nobody but any to ask about." in capsys.readouterr().out
