"""``--watch``, ``-q`` and ``demo``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from kubelogic.cli import UsageError, main
from kubelogic.cli.follow import follow

NODE = """\
apiVersion: v1
kind: Node
metadata: {name: oak}
status: {allocatable: {cpu: "4", memory: 8Gi, pods: "110"}, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web}
spec: {containers: [{name: app, image: i, resources: {requests: {cpu: "1"}}}]}
"""


def _later(path: Path, text: str) -> None:
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(before + 10**9, before + 10**9))


def _pauses(*steps: Callable[[], object]) -> Callable[[], None]:
    """Does one thing at each look; after the last somebody presses Ctrl-C."""
    left = list(steps)

    def pause() -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop(0)()

    return pause


def test_it_answers_again_when_something_changes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "k8s"
    folder.mkdir()
    path, more = folder / "a.yaml", folder / "b.yaml"
    _later(path, "a")
    seen: list[str] = []

    def answer() -> int:
        seen.append(" ".join(each.read_text(encoding="utf-8") for each in sorted(folder.iterdir())))
        return 0

    steps = (lambda: None, lambda: _later(path, "aa"), lambda: _later(more, "b"), more.unlink)
    with pytest.raises(KeyboardInterrupt):
        follow(answer, argparse.Namespace(paths=[str(folder)]), pause=_pauses(*steps))
    assert seen == ["a", "aa", "aa b", "aa"]
    told = [line for line in capsys.readouterr().err.splitlines() if line]
    assert told == [f"--- changed: {each}" for each in (path, more, more)]


def test_a_change_while_it_answers_is_not_missed(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    _later(path, "a")
    count = 0

    def answer() -> int:
        nonlocal count
        count += 1
        if count == 1:
            _later(path, "b")
        return 0

    with pytest.raises(KeyboardInterrupt):
        follow(answer, argparse.Namespace(paths=[str(path)]), pause=_pauses())
    assert count == 2


@pytest.mark.parametrize("paths", [["-"], []])
def test_what_never_changes_is_refused(paths: list[str], tmp_path: Path) -> None:
    named = argparse.Namespace(paths=paths, rules=[str(tmp_path)] if paths else [])
    with pytest.raises(UsageError, match="--watch waits for files to change"):
        follow(lambda: 0, named, pause=_pauses())


def test_watch_with_standard_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--watch", "-"]) == 2
    assert "kubelogic plan: --watch waits for files to change" in capsys.readouterr().err


def test_quiet_says_the_verdict_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(NODE, encoding="utf-8")
    assert main(["plan", "-q", str(path)]) == 0
    assert capsys.readouterr().out == "1 pod on 1 node: 1 placed\n"
    assert main(["explain", "-q", "web", str(path)]) == 0
    assert capsys.readouterr().out == "default/web (Pod default/web) is on oak.\n"


def test_the_demo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "shop"
    assert main(["demo", "-q", "--copy", str(copy)]) == 0
    out = capsys.readouterr().out
    assert f"$ kubelogic plan {copy}\n\n38 pods on 6 nodes: 33 placed, 5 pending\n" in out
    assert f"$ kubelogic explain shop/fraud {copy}\n" in out
    assert (copy / "nodes.yaml").exists()
    assert main(["demo", "--copy", str(copy)]) == 2
    assert "file exists" in capsys.readouterr().err
