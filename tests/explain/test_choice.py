"""Why a pod is on its node: node against node, score by score."""

from __future__ import annotations

import pytest

from kubelogic.api import explain, load
from kubelogic.explain.choice import Rival, choice
from kubelogic.reconcile.schedulers import SchedulerName
from kubelogic.report.choice import choice_document, render_choice
from kubelogic.report.explanation import render_explanation
from kubelogic.report.explanation_documents import explanation_document
from kubelogic.verbs.reconciled import Options
from tests.explain.small import node, pod, spec, workload

SCORES = {
    "oak": {"fit": 80, "affinity": 0, "total": 80},
    "elm": {"fit": 60, "affinity": 30, "total": 90},
    "ash": {"fit": 80, "affinity": 0, "total": 80},
}


def test_rivals_are_compared_point_by_point() -> None:
    found = choice("oak", SCORES)
    assert found is not None
    assert found.rivals == (
        Rival(node="elm", lead=10, differences=(("affinity", 30), ("fit", -20)), decided_by=("affinity",)),
        Rival(node="ash", lead=0, differences=(), decided_by=()),
    )
    assert (found.anew, found.instead) == (("elm",), ("elm",))


@pytest.mark.parametrize(
    ("node", "anew", "instead", "said"),
    [
        (
            "elm",
            ("elm",),
            ("ash", "oak"),
            "made anew with all else as it is now, kube-scheduler would put it on elm again",
        ),
        ("oak", ("elm",), ("elm",), "made anew with all else as it is now, kube-scheduler would put it on elm"),
    ],
)
def test_what_would_move_it(node: str, anew: tuple[str, ...], instead: tuple[str, ...], said: str) -> None:
    found = choice(node, SCORES)
    assert found is not None
    assert (found.anew, found.instead) == (anew, instead)
    text = render_choice(found, SCORES, by="kube")
    assert f"  - {said}\n" in text
    assert f"it would go to {' or '.join(instead)}" in text


def test_a_tie_is_decided_by_lot() -> None:
    scores = {"a": {"total": 5}, "b": {"total": 5}, "c": {"total": 1}}
    found = choice("b", scores)
    assert found is not None
    text = render_choice(found, scores, by="kube")
    assert "a scores the same as b" in text
    assert "would put it on b again or to a, which the lot decides" in text
    assert "if b took no pods (cordoned, drained), it would go to a" in text


def test_the_text_names_both_sides() -> None:
    found = choice("oak", SCORES)
    assert found is not None
    text = render_choice(found, SCORES, by="kube")
    assert "elm scores 10 points more than oak (elm: affinity +30, fit -20); without affinity it would be" in text
    lines = [line.split() for line in text.splitlines()]
    assert ["SCORER", "oak", "elm", "ash"] in lines
    assert ["affinity", "0", "30", "0"] in lines
    assert ["total", "80", "90", "80"] in lines
    only = render_choice(found, SCORES, by="kube", only="ash")
    assert "ash scores the same as oak" in only
    assert "elm scores" not in only


@pytest.mark.parametrize("node", ["oak", "gone"])
def test_without_a_rival_there_is_no_choice(node: str) -> None:
    assert choice(node, {"oak": {"total": 1}}) is None
    assert choice_document(None, "kube") is None


def test_many_nodes_are_cut_and_ordered() -> None:
    scores = {f"n{i}": {"fit": i, "total": i} for i in range(9)}
    found = choice("n8", scores)
    assert found is not None
    text = render_choice(found, scores, by="kube")
    assert "and 4 more nodes; -o json has them all" in text
    document = choice_document(found, "kube")
    assert document is not None
    assert [each["node"] for each in document["rivals"]] == [f"n{i}" for i in range(7, -1, -1)]
    assert document["rivals"][0] == {"node": "n7", "lead": -1, "differences": {"fit": -1}, "decidedBy": ["fit"]}


@pytest.mark.parametrize("kind", ["Pod", "Deployment"])
def test_a_node_that_a_manifest_names_was_no_choice(kind: str) -> None:
    named = spec("1", nodeName="n2")
    made = pod("web", named) if kind == "Pod" else workload(kind, "web", named)
    found = explain(load([node("n1"), node("n2", cpu="2"), made]), "default/web")
    assert found.because == (
        f"{kind} default/web names the node n2 (spec.nodeName): no scheduler is asked, and made anew it comes "
        "there again.",
    )
    assert found.scores == {}


def test_a_node_that_a_cluster_printed_was_one() -> None:
    printed = pod("web", spec("1"), on="n2", uid="u-1")
    found = explain(load([node("n1"), node("n2", cpu="2"), printed]), "default/web")
    assert found.because == ()
    assert set(found.scores) == {"n1", "n2"}


@pytest.mark.parametrize(
    ("scheduler", "on", "by", "told"),
    [
        ("optimal", "", "optimal", "kube-scheduler's scores did not decide"),
        ("kube", "", "kube", "kube-scheduler chose n1 when the pod had its turn"),
        ("optimal", "n1", "input", "n1 is its node in the input"),
        ("kube", "n1", "input", "n1 is its node in the input"),
    ],
)
def test_who_chose_the_node_is_said_and_what_the_scores_are_then(
    scheduler: SchedulerName, on: str, by: str, told: str
) -> None:
    """Two pods that together fill n1 and n2: the first scores n2 higher, beside the other one."""
    printed = {"on": on, "uid": "u"} if on else {}
    small, large = pod("a-small", spec("1"), **printed), pod("b-large", spec("3"))
    found = explain(load([node("n1"), node("n2", cpu="2"), small, large]), "a-small", Options(scheduler=scheduler))
    assert found.chosen_by == by
    text = render_explanation(found)
    assert text.count(told) == 1
    assert [other for other in ("did not decide", "had its turn", "in the input") if other in text] == [
        each for each in ("did not decide", "had its turn", "in the input") if each in told
    ]
    assert explanation_document(found)["choice"]["by"] == by
