"""What stands in a pod's way has the places of what it rests on: the pod's side and the node's."""

from __future__ import annotations

from pathlib import Path

from kubelogic.report.explanation import render_explanation
from kubelogic.report.explanation_documents import explanation_document
from kubelogic.verbs.explain import explain
from kubelogic.verbs.load import load

PLACES = Path(__file__).parents[2] / "fixtures" / "places"


def test_blockers_have_places() -> None:
    found = explain(load([PLACES]), "cpu/cpu")
    lines = (PLACES / "cluster.yaml").read_text(encoding="utf-8").splitlines()
    by_reason = {(each.reason, each.node): each for each in found.blockers}

    def marks(reason: str, node: str) -> set[str]:
        written = by_reason[reason, node].places
        places = [place for each in written for place in each.places if place.file.endswith("cluster.yaml")]
        return {lines[place.line - 1].partition("# ")[2] for place in places}

    assert {"allocatable", "overhead"} <= marks("Insufficient cpu", "n1")
    assert {"usual request"} <= marks("Insufficient memory", "n2")
    assert all(each.places for each in found.blockers)
    assert "cluster.yaml:" in render_explanation(found).partition("What is in the way")[2].partition("\n\n")[0]
    documents = explanation_document(found)["blockers"]
    assert all(document["places"][0]["line"] > 0 for document in documents)


def test_places_are_of_the_pod_that_is_asked_about(tmp_path: Path) -> None:
    """A pod that waits for more makes the rules look at its resource, too: its request is not the reason."""
    nodes = [_node("a"), _node("b")]
    asked = _pod("asked", 2) + "\n---\n" + _pod("most", 9)
    path = tmp_path / "c.yaml"
    path.write_text("\n---\n".join([*nodes, asked, _pod("there", 3, "a"), _pod("yonder", 3, "b")]), encoding="utf-8")
    lines = path.read_text(encoding="utf-8").splitlines()
    found = explain(load([path]), "default/asked")
    for blocker in found.blockers:
        cited = {lines[place.line - 1].strip() for each in blocker.places for place in each.places}
        assert cited == {"cpu: 4  # allocatable", "requests: {cpu: 2}  # asked"}, blocker.node


def _node(name: str) -> str:
    return f"""apiVersion: v1
kind: Node
metadata: {{name: {name}}}
status:
  allocatable:
    cpu: 4  # allocatable
    memory: 8Gi
    pods: 110"""


def _pod(name: str, cpu: int, node: str = "") -> str:
    return f"""apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  {f"nodeName: {node}" if node else "restartPolicy: Always"}
  containers:
  - name: main
    image: i
    resources:
      requests: {{cpu: {cpu}}}  # {name}"""
