"""Whole commands end: too many pods are told at once, and the time of a command is bounded."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from kubelogic.api import load, plan, to_text
from kubelogic.cli import limits, main
from kubelogic.cli.parser import whole_parser
from kubelogic.logic import compiler
from kubelogic.text.location import InputError

HEAD = "apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: web}}\nspec:\n"
REST = """\
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: a, image: a, resources: {requests: {cpu: "1"}}}]
"""


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        path = tmp_path / "web.yaml"
        path.write_text(text)
        return str(path)

    return write


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (HEAD.format(kind="Deployment") + "  replicas: 100000000\n" + REST, "web.yaml:5:13"),
        (HEAD.format(kind="ReplicaSet") + "  replicas: 100000000\n" + REST, "web.yaml:5:13"),
        (HEAD.format(kind="StatefulSet") + "  replicas: 2000000\n  serviceName: a\n" + REST, "web.yaml:5:13"),
        (
            "apiVersion: batch/v1\nkind: Job\nmetadata: {name: web}\nspec:\n  parallelism: 9000000\n  template:\n"
            "    spec: {restartPolicy: Never, containers: [{name: a, image: a}]}\n",
            "web.yaml:5:16",
        ),
    ],
)
@pytest.mark.parametrize("verb", ["plan", "simulate", "query"])
def test_more_pods_than_any_cluster_has(
    verb: str, text: str, place: str, written: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["query", "pod_node(Pod, Node)"] if verb == "query" else [verb]
    assert main([*asked, written(text), "--nodes", "3"]) == 3
    said = capsys.readouterr().err
    assert place in said
    assert "more than 200,000 are not looked at" in said


def test_ordinals_far_out_are_planned(written: Callable[[str], str]) -> None:
    start = "  replicas: 2\n  ordinals: {start: 2000000000}\n  serviceName: a\n"
    assert main(["plan", written(HEAD.format(kind="StatefulSet") + start + REST), "--nodes", "3"]) == 0


def test_capacity_for_any_number(written: Callable[[str], str], capsys: pytest.CaptureFixture[str]) -> None:
    path = written(HEAD.format(kind="Deployment") + "  replicas: 1\n" + REST)
    assert main(["capacity", path, "--pod", path, "--replicas", "100000000", "--nodes", "2"]) == 1
    said = capsys.readouterr().out
    assert "7 more of Deployment default/web fit; no placement has room for more." in said
    assert "were not looked for" in said


def test_a_command_that_takes_too_long_is_ended(
    written: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(limits, "BASE", 0.0)
    before = signal.getsignal(signal.SIGALRM)
    path = written(HEAD.format(kind="Deployment") + "  replicas: 3000\n" + REST)
    assert main(["plan", path, "--nodes", "9", "--timeout", "0.05"]) == 3
    assert "no answer within 0.05 s" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


CLAIM = """\
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  containers: [{name: a, image: a}]
  volumes: [{name: v, persistentVolumeClaim: {claimName: data}}]
"""
CLASS = "---\napiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: %s}\nprovisioner: example.com/x\n"


@pytest.mark.parametrize(
    ("classes", "named", "code", "words"),
    [
        ("", "", 1, "--set default_storage_class=NAME names it"),
        ("", "gp3", 0, ""),
        (CLASS % "fast", "fast", 0, ""),
        (CLASS % "fast", "", 1, "--set default_storage_class=NAME names it"),
    ],
)
def test_a_default_storage_class_that_is_named(
    classes: str, named: str, code: int, words: str, written: Callable[[str], str]
) -> None:
    cluster = load([written(CLAIM + classes)], nodes=["1:2cpu:4Gi"], default_storage_class=named)
    found = plan(cluster)
    assert len(found.pending) == code
    assert words in to_text(found)


def test_a_default_storage_class_that_is_assumed_is_told(
    written: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--nodes", "1:2cpu:4Gi", "--set", "default_storage_class=gp3"]
    assert main(["plan", written(CLAIM), *flags]) == 0
    assert "StorageClass gp3 is not in the input: taken to make a volume" in capsys.readouterr().out


def test_a_default_storage_class_needs_a_name(
    written: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", written(CLAIM), "--set", "default_storage_class=No/Name"]) == 2
    assert "is no name of a StorageClass" in capsys.readouterr().err


def test_nodes_alone_are_a_cluster() -> None:
    """``kubelogic serve --nodes 3:4cpu:16Gi`` needs no file."""
    assert len(load([], nodes=["3:4cpu:16Gi"]).objects("Node")) == 3
    with pytest.raises(InputError, match="there is no object in it"):
        load([])


@pytest.mark.parametrize(
    ("words", "seconds"),
    [
        (["plan", "a.yaml"], 60),
        (["verify", "a.yaml", "--survive", "node:1"], 60),
        (["verify", "a.yaml", "--limit", "300"], 300),
        (["verify", "a.yaml", "--limit", "5"], 60),
        (["verify", "a.yaml", "--each"], None),
    ],
)
def test_a_command_has_the_time_of_its_search_and_a_sweep_that_of_each_cluster(
    words: list[str], seconds: float | None
) -> None:
    assert limits.allowed(whole_parser().parse_args(words)) == seconds


GROWS = '#! title: t\n#! source: s\n#: output up(N: int) "{N} is reached"\n'
SHOP = "fixtures/shop"


@pytest.mark.parametrize("verb", ["plan", "check", "capacity"])
def test_more_rows_than_a_built_in_rule_may_have_are_a_limit_and_no_fault(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compiler, "MOST_ROWS", 3)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    own = tmp_path / "own.dl"  # a rulebook of its own: what is compiled of the built-in one has the usual bound
    own.write_text(f"{GROWS}up(N) <= now(N) & (N < {len(verb)})\n", encoding="utf-8")
    assert main([verb, SHOP, "--rules", str(own)]) == 3
    told = capsys.readouterr().err
    assert re.match(rf"kubelogic {verb}: unknown: \w+ has more than 3 rows \(rules/\S+\.dl:\d+\): a limit", told)
    assert "--exclude" in told


def test_a_rule_of_ones_own_without_end_is_at_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "own.dl"
    own.write_text(f"{GROWS}up(N) <= now(N) & (N >= 0)\nup((N + 2) * (N + 2)) <= up(N)\n", encoding="utf-8")
    assert main(["query", "up(N)", SHOP, "--rules", str(own)]) == 2
    assert re.match(r"\S*own\.dl:5:1: up grows without end: ", capsys.readouterr().err)


def test_what_an_interruption_leaves_behind_does_not_hide_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was half done when the time was up may fail when it is put in order; that is no fault of the program."""

    def half_done() -> None:
        try:
            while True:
                pass
        finally:
            raise KeyError("half done")

    monkeypatch.setattr(limits, "BASE", 0.0)
    with pytest.raises(limits.OutOfTimeError, match=r"0\.05 s"), limits.bounded(0.05):
        half_done()
    with pytest.raises(KeyError), limits.bounded(5):
        raise KeyError("a fault")
