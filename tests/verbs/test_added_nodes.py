"""Manifests without nodes: every verb says so first; ``--nodes`` adds some to every verb alike."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kubelogic.api import load, plan
from kubelogic.cli import main
from kubelogic.text import InputError

WEB = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      nodeSelector: {topology.kubernetes.io/zone: a}
      tolerations: [{key: gpu, operator: Exists}]
      containers: [{name: a, image: a, resources: {requests: {cpu: "3"}}}]
"""
NODE = """\
apiVersion: v1
kind: Node
metadata: {name: oak, labels: {topology.kubernetes.io/zone: a}}
status: {allocatable: {cpu: "16", memory: 8Gi, pods: "9"}}
"""


@pytest.fixture
def web(tmp_path: Path) -> str:
    path = tmp_path / "web.yaml"
    path.write_text(WEB)
    return str(path)


COMMANDS = {
    "plan": ["plan", "WEB"],
    "explain": ["explain", "web", "WEB"],
    "simulate": ["simulate", "WEB"],
    "capacity": ["capacity", "--pod", "WEB", "WEB"],
    "capacity of all": ["capacity", "WEB"],
    "query": ["query", "--settled", "pod_node(Pod, Node)", "WEB"],
    "why": ["why", "--settled", "pod_node(Pod, Node)", "WEB"],
}


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_verb_says_first_that_there_is_no_node(verb: str, web: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main([web if each == "WEB" else each for each in COMMANDS[verb]])
    said = capsys.readouterr().out
    assert said.startswith("There is no node in the input")
    assert "--nodes 3:4cpu:16Gi" in said.splitlines()[0]
    assert code == (1 if verb in ("query", "why") else 3)


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_verb_takes_pools(verb: str, web: str, capsys: pytest.CaptureFixture[str]) -> None:
    pool = ["--nodes", "4:3cpu:8Gi:zone=a:gpu=true!NoSchedule"]
    code = main([*(web if each == "WEB" else each for each in COMMANDS[verb]), *pool])
    said = capsys.readouterr().out
    assert code == 0
    assert "no node in the input" not in said
    assert "node-" in said or "3 pods placed" in said


def test_the_nodes_of_a_file_count_and_nothing_else_of_it(
    web: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "prod.yaml"
    other.write_text(f"{NODE}---\n{WEB.replace('name: web', 'name: other')}")
    assert main(["plan", web, "--nodes", str(other), "-o", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {(each["owner"], each["node"]) for each in document["placements"]} == {("Deployment default/web", "oak")}
    assert [each["code"] for each in document["notices"]] == ["KL119"]
    assert "1 other objects" in document["notices"][0]["message"]


def test_a_size_that_is_not_said_is_told(web: str) -> None:
    told = plan(load(web, nodes=["2"]))
    assert [each.node for each in told.nodes] == ["node-1", "node-2"]
    assert [dict(each.allocatable)["cpu"] for each in told.nodes] == [4000, 4000]


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        (["3:4"], "4 of what?"),
        (["./nothing.yaml"], r"no such file or directory \[KL105\]"),
        (["4cpu:3"], "no such file or directory; a pool in short form starts with its number of nodes"),
        (["9000", "9000"], "18,000 nodes together"),
    ],
)
def test_nodes_that_cannot_be_read(web: str, nodes: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        load(web, nodes=nodes)


def test_a_file_without_nodes(web: str) -> None:
    with pytest.raises(InputError, match=r"there is no Node in it; a pool in short form starts with its number"):
        load(web, nodes=[web])
