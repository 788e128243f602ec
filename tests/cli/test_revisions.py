"""What a git revision held: files of the commit itself, under git's names, whatever is around the repository."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kubelogic.cli import main

Typed = Callable[..., tuple[int, str]]

NODE = """\
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {allocatable: {cpu: "4", memory: 8Gi, pods: "110"}, conditions: [{type: Ready, status: "True"}]}
"""


def deployment(name: str, replicas: int) -> str:
    return f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec: {{containers: [{{name: c, image: "app:1", resources: {{requests: {{cpu: "1", memory: 1Gi}}}}}}]}}
"""


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=n", "-c", "user.email=n@example.com", "-c", "protocol.file.allow=always"]
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    done = subprocess.run(
        ["git", "-C", str(folder), *who, *arguments], check=True, capture_output=True, text=True, env=env
    )
    return done.stdout


def commit(folder: Path, message: str, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_yaml", ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", message)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """``k8s/web.yaml`` with 2 replicas in the first commit, 20 in the second; nodes beside it."""
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (tmp_path / "nodes.yaml").write_text(NODE)
    commit(folder, "one", k8s__web_yaml=deployment("web", 2))
    commit(folder, "two", k8s__web_yaml=deployment("web", 20))
    return folder


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    def run(folder: Path, *words: str) -> tuple[int, str]:
        monkeypatch.chdir(folder)
        try:
            code = main(list(words))
        except SystemExit as end:
            code = int(end.code or 0)
        told = capsys.readouterr()
        return code, told.out + told.err

    return run


def test_places_have_the_names_that_git_has_and_two_runs_are_equal(repository: Path, typed: Typed) -> None:
    commit(repository, "three", k8s__old_yaml=deployment("old", 1))
    (repository / "k8s/old.yaml").unlink()
    words = "diff", "HEAD", "k8s", "--with", "../nodes.yaml"
    code, out = typed(repository, *words)
    assert "HEAD:k8s/old.yaml:3:18" in out
    assert "kubelogic-" not in out
    assert typed(repository, *words) == (code, out)
    _, document = typed(repository, *words, "-o", "json")
    assert "kubelogic-" not in document
    assert json.loads(document)


def test_a_fault_of_the_old_side_is_told_under_its_name(repository: Path, typed: Typed) -> None:
    commit(repository, "three", k8s__web_yaml="kind: [\n")
    commit(repository, "four", k8s__web_yaml=deployment("web", 1))
    code, out = typed(repository, "diff", "HEAD~1", "k8s")
    assert code == 2
    assert "HEAD~1:k8s/web.yaml:" in out
    assert "kubelogic-" not in out


def test_attributes_about_archives_do_not_matter(repository: Path, typed: Typed) -> None:
    (repository / ".gitattributes").write_text("k8s/web.yaml export-ignore\n")
    commit(repository, "three")
    code, out = typed(repository, "diff", "HEAD", "k8s", "--with", "../nodes.yaml")
    assert (code, out.splitlines()[0]) == (0, "No difference.")


def test_a_link_leads_to_what_stood_there(repository: Path, typed: Typed) -> None:
    (repository / "real.yaml").write_text(deployment("real", 1))
    (repository / "k8s/in.yaml").symlink_to("../real.yaml")
    commit(repository, "three")
    words = "--with", "../nodes.yaml"
    for folder in ("k8s", "k8s/in.yaml"):
        assert typed(repository, "diff", "HEAD", folder, *words) == (0, "No difference.\n")
    (repository / "real.yaml").write_text(deployment("real", 2))
    code, out = typed(repository, "diff", "HEAD", "k8s/in.yaml", *words)
    assert code == 0
    assert "Deployment default/real: 1 -> 2 pods" in out


def test_links_out_of_the_repository_lead_to_what_is_there_now(repository: Path, typed: Typed) -> None:
    (repository / "k8s/nodes.yaml").symlink_to("../../nodes.yaml")
    commit(repository, "three")
    assert typed(repository, "diff", "HEAD", "k8s")[0] == 0


def test_submodules_are_read_at_the_commit_that_is_recorded(repository: Path, tmp_path: Path, typed: Typed) -> None:
    above = tmp_path / "above"
    above.mkdir()
    git(above, "init", "-q", "-b", "main")
    git(above, "submodule", "--quiet", "add", str(repository), "sub")
    commit(above, "one")
    words = "check", "sub", "--base", "HEAD", "--fail-on", "warning"
    assert typed(above, *words)[0] == 0
    assert typed(above, "check", ".", "--base", "HEAD", "--fail-on", "warning")[0] == 0
    assert typed(tmp_path, "diff", "HEAD", "above")[0] == 0
    git(above, "submodule", "--quiet", "deinit", "-f", "sub")
    (above / "more.yaml").write_text(NODE)
    code, out = typed(above, "diff", "HEAD", ".")
    assert code == 2
    assert "the submodule sub is not there at" in out
    assert "git submodule update --init" in out


def test_variables_of_hooks_say_nothing(
    repository: Path, tmp_path: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "none"))
    code, out = typed(repository, "diff", "HEAD", "k8s", "--with", "../nodes.yaml")
    assert (code, out.splitlines()[0]) == (0, "No difference.")


@pytest.mark.parametrize("revision", [":/one", "HEAD~1", "HEAD^", "main@{0}~1"])
def test_whatever_git_takes_for_a_commit(revision: str, repository: Path, typed: Typed) -> None:
    code, out = typed(repository, "diff", revision, "k8s", "--with", "../nodes.yaml")
    assert code == 1, out
    assert "Deployment default/web" in out


@pytest.mark.parametrize("revision", ["nope", "HEAD^{tree}", "HEAD:k8s", "HEAD~1..HEAD", "HEAD~9"])
def test_what_is_no_commit_is_refused(revision: str, repository: Path, typed: Typed) -> None:
    code, out = typed(repository, "diff", revision, "k8s")
    assert (code, out) == (
        2,
        f"kubelogic diff: OLD {revision}: no such file, and no revision of the git repository\n",
    )


def test_an_empty_name_is_told(repository: Path, typed: Typed) -> None:
    assert typed(repository, "diff", "", "k8s") == (2, "kubelogic diff: OLD '': the name is empty\n")


def test_a_shallow_clone_says_so(repository: Path, tmp_path: Path, typed: Typed) -> None:
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{repository}", "shallow")
    code, out = typed(tmp_path / "shallow", "check", "k8s", "--base", "HEAD~1")
    assert code == 2
    assert "git fetch --unshallow" in out


@pytest.mark.parametrize("name", ["[w]eb.yaml", "*.yaml", ":(top)web.yaml", "ü b.yaml", 'q".yaml'])
def test_names_are_no_patterns(name: str, repository: Path, typed: Typed) -> None:
    (repository / "k8s" / name).write_text(deployment("other", 1))
    commit(repository, "three")
    (repository / "k8s/web.yaml").write_text(deployment("web", 1))
    code, out = typed(repository, "diff", "HEAD", f"k8s/{name}", "--with", "../nodes.yaml")
    assert (code, out.splitlines()[0]) == (0, "No difference.")


def test_rendered_folders_keep_their_names(
    repository: Path, tmp_path: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "bin" / "kubectl"
    tool.parent.mkdir()
    tool.write_text('#!/bin/sh\ncat "$2"/web.yaml\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    commit(repository, "three", k8s__kustomization_yaml="resources: [web.yaml]\n")
    (repository / "k8s/web.yaml").write_text(deployment("new", 1))
    code, out = typed(repository, "diff", "HEAD", "k8s", "--with", "../nodes.yaml")
    assert code in (0, 1)
    assert "HEAD:k8s/web.yaml:3:" in out, out
    assert "kubelogic-" not in out
