"""The tutorial on property tests does what it says, command by command."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from kubelogic.cli import main

TUTORIAL = (Path(__file__).parents[2] / "docs/tutorial/property-tests.md").read_text(encoding="utf-8")
_SHOWN = re.compile(r"```sh\n(.*?)```(?:[^`]*?```text\n(.*?)```)?", re.DOTALL)


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of the tutorial, in the current directory."""
    for match in re.finditer(r"```\w*\n# file: (\S+)\n(.*?)```", TUTORIAL, re.DOTALL):
        (tmp_path / match[1]).write_text(match[2], encoding="utf-8")
    monkeypatch.chdir(tmp_path)


COMMANDS = [(command.strip(), shown.splitlines()) for command, shown in _SHOWN.findall(TUTORIAL)]


def test_all_commands_are_known() -> None:
    assert [command.split()[0] for command, _ in COMMANDS].count("kubelogic") == 4
    assert {command.split()[0] for command, _ in COMMANDS} == {"pip", "kubelogic", "pytest"}


@pytest.mark.parametrize(("command", "shown"), [each for each in COMMANDS if each[0].startswith("kubelogic")])
def test_the_commands_print_what_is_shown(command: str, shown: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(command)[1:]) in (0, 1)
    printed = capsys.readouterr().out.splitlines()
    assert all(line in printed for line in shown), printed


@pytest.mark.slow
def test_the_property_fails_as_shown() -> None:
    (command, shown) = next(each for each in COMMANDS if each[0].startswith("pytest"))
    words = shlex.split(command)[1:]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    for line in shown:
        assert line in done.stdout, done.stdout
    assert "  fail: ash" in done.stdout
    assert "run it again: kubelogic simulate" in done.stdout
