"""What stands in a pod's way has the places of what it rests on: the pod's side and the node's."""

from __future__ import annotations

from pathlib import Path

from kubelogic.report.explanation import explanation_document, render_explanation
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
