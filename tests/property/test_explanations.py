"""Explanations of generated clusters with a workload that is stuck: what must hold of each, whatever the cluster."""

from __future__ import annotations

import random
import re

import pytest

from kubelogic.api import load
from kubelogic.explain.asked import asked
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.reconcile.problem import problem
from kubelogic.reconcile.relations import Relations
from kubelogic.reconcile.schedulers import OptimalScheduler
from kubelogic.report.explanation import render_explanation
from kubelogic.verbs.about import WorkloadExplanation, explain_any
from kubelogic.verbs.explain import Explanation
from kubelogic.verbs.reconciled import Options, reconcile
from tests.support.cores import faults_of
from tests.support.stuck import Document, stuck_cluster


def texts_and_faults(seed: int) -> tuple[str, str, list[str]]:
    """What is said of a generated cluster, of the same objects in another order, and what is wrong with it."""
    documents, (kind, name) = stuck_cluster(seed)
    what = f"{kind.lower()}/{name}"
    found = explained(documents, what)
    if found is None:
        return "", "", []
    other = explained(shuffled(documents, seed), what)
    text = said(found)
    return text, said(other) if other is not None else "nothing", faults(documents, found, text)


def said(found: Explanation) -> str:
    """What is printed, without the places in the one document that holds all objects."""
    return re.sub(r"<stdin>:\d+:\d+", "<stdin>", render_explanation(found))


def explained(documents: list[Document], what: str) -> Explanation | None:
    """The explanation of a workload's pod; None if it has none."""
    found = explain_any(load(documents), what, Options())
    return found.pod if isinstance(found, WorkloadExplanation) else found if isinstance(found, Explanation) else None


def shuffled(documents: list[Document], seed: int) -> list[Document]:
    """The same objects in an order that follows from a number."""
    other = list(documents)
    random.Random(seed).shuffle(other)
    return other


def faults(documents: list[Document], found: Explanation, text: str) -> list[str]:
    """Names of predicates in a text, and a conflict that is none: with it alone pods must not fit."""
    told = [f"{word} is no word for people" for word in sorted(predicates() & set(re.findall(r"[a-z0-9_]+", text)))]
    if not found.conflict:
        return told
    done = reconcile(load(documents), Options())
    case = problem(Relations.of(done.rulebook, done.run.state, asked(done.rulebook)))
    judge = OptimalScheduler()
    placement = judge.place(case)
    for shape in sorted({entry.shape for entry in placement.unplaced if entry.pod == found.pod}):
        conflict = judge.conflict(case, placement, shape)
        told += faults_of(case, conflict) if conflict is not None else ["the solver names no conflict"]
    return told


def predicates() -> set[str]:
    """The names of relations that are no English words."""
    return {name for name in load_rulebook().declarations if "_" in name}


@pytest.mark.parametrize("seed", [12])
def test_a_few_explanations(seed: int) -> None:
    text, other, told = texts_and_faults(seed)
    assert text
    assert told == []
    assert other == text


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(300))
def test_explanations(seed: int) -> None:
    """The order of the input changes nothing, no relation is named, what is cited suffices and is needed."""
    text, other, told = texts_and_faults(seed)
    assert told == []
    assert other == text
