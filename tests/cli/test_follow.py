"""``--watch``, ``-q`` and ``demo``."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kubelogic.cli import UsageError, main
from kubelogic.cli.check import watched
from kubelogic.cli.follow import PAUSE, follow
from kubelogic.cli.parser import whole_parser

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


def _pauses(*steps: Callable[[], object]) -> Callable[[float], None]:
    """Does one thing at each look; after the last somebody presses Ctrl-C."""
    left = list(steps)

    def pause(seconds: float) -> None:
        if seconds != PAUSE:
            return
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


def _answers(named: list[str], *steps: Callable[[], object]) -> int:
    """How many times it answers while the steps are done one after the other."""
    count = 0

    def answer() -> int:
        nonlocal count
        count += 1
        return 0

    with pytest.raises(KeyboardInterrupt):
        follow(answer, argparse.Namespace(paths=named), pause=_pauses(*steps))
    return count


def test_what_editors_leave_beside_a_file_is_no_change(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a")
    leftovers = [tmp_path / each for each in (".a.yaml.swp", "a.yaml~", "#a.yaml#", "4913", "notes.txt", "a.yaml.tmp")]
    assert _answers([str(tmp_path)], *(lambda each=each: each.write_text("x") for each in leftovers)) == 1


def test_a_file_that_another_of_the_same_size_and_time_takes_the_place_of(tmp_path: Path) -> None:
    path, new = tmp_path / "a.yaml", tmp_path / "a.new"
    path.write_text("a")

    def replaced() -> None:
        new.write_text("b")
        os.utime(new, ns=(path.stat().st_mtime_ns, path.stat().st_mtime_ns))
        new.replace(path)

    assert _answers([str(path)], replaced) == 2


def test_permissions_folders_links_and_files_that_come_later(tmp_path: Path) -> None:
    folder, later, other = tmp_path / "k8s", tmp_path / "later.yaml", tmp_path / "other"
    for each in (folder, other):
        each.mkdir()
        (each / "a.yaml").write_text("a")
    (folder / "link").symlink_to(other)
    named = [str(folder), str(later)]
    steps = (
        lambda: (folder / "a.yaml").chmod(0o600),
        lambda: (other / "b.yaml").write_text("b"),
        lambda: later.write_text("c"),
        lambda: folder.rename(tmp_path / "gone"),
        lambda: (tmp_path / "gone").rename(folder),
    )
    assert _answers(named, *steps) == 6


def test_many_changes_one_after_the_other_are_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a")
    answers, left = 0, list(range(9))

    def answer() -> int:
        nonlocal answers
        answers += 1
        return 0

    def pause(seconds: float) -> None:
        if seconds == PAUSE and not left:
            raise KeyboardInterrupt
        if left:
            (tmp_path / f"b{left.pop()}.yaml").write_text("b")

    with pytest.raises(KeyboardInterrupt):
        follow(answer, argparse.Namespace(paths=[str(tmp_path)]), pause=pause)
    assert answers == 2
    assert "b2.yaml and 6 more" in capsys.readouterr().err


def test_what_a_kustomization_names_outside_is_watched(tmp_path: Path) -> None:
    for each in ("base", "overlay"):
        (tmp_path / each).mkdir()
    (tmp_path / "base" / "kustomization.yaml").write_text("resources: [web.yaml]\n")
    (tmp_path / "base" / "web.yaml").write_text("a")
    (tmp_path / "overlay" / "kustomization.yaml").write_text("resources:\n- ../base\n")
    (tmp_path / "overlay" / "app.properties").write_text("a")
    steps = (
        lambda: _later(tmp_path / "base" / "web.yaml", "b"),
        lambda: _later(tmp_path / "overlay" / "app.properties", "b"),
    )
    assert _answers([str(tmp_path / "overlay")], *steps) == 3


def test_pipes_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert main(["plan", "--watch", str(tmp_path / "pipe")]) == 2
    assert "is a pipe, which can be read once" in capsys.readouterr().err


def test_settings_and_what_they_name_are_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(NODE)
    (tmp_path / "kubelogic.toml").write_text('paths = ["a.yaml"]\n')
    args = whole_parser().parse_args(["check", "--watch"])
    assert sorted(watched(args)) == ["a.yaml", "kubelogic.toml"]
    (tmp_path / "kubelogic.toml").write_text("paths = [\n")
    assert watched(args) == ["kubelogic.toml"]


def test_it_ends_when_nobody_reads_any_more(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(NODE)
    with subprocess.Popen(
        [sys.executable, "-m", "kubelogic", "plan", "-q", "--watch", str(path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"1 pod on 1 node: 1 placed\n"
        process.stdout.close()
        assert process.wait(30) == 0
