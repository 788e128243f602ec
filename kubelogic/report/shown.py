"""The results of verbs by their type: the document, the text, and the HTML that a notebook shows."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import msgspec

from kubelogic.report.about import render_about
from kubelogic.report.capacity import capacity_document, render_capacity
from kubelogic.report.check import check_document, render_check
from kubelogic.report.diff import diff_document, render_diff
from kubelogic.report.documents import plan_document
from kubelogic.report.explanation import render_explanation
from kubelogic.report.explanation_documents import about_document, explanation_document
from kubelogic.report.plan import render_plan
from kubelogic.report.proofs import answer_document, render_answer, render_why, why_document
from kubelogic.report.simulation import render_simulation, simulation_document
from kubelogic.report.verification import render_verification, verification_document
from kubelogic.verbs.about import NodeExplanation, ServiceExplanation, WorkloadExplanation
from kubelogic.verbs.capacity import Capacity
from kubelogic.verbs.check import Check
from kubelogic.verbs.diff import Diff
from kubelogic.verbs.explain import Explanation
from kubelogic.verbs.query import QueryResult, WhyResult
from kubelogic.verbs.results import Plan
from kubelogic.verbs.simulate import Simulation
from kubelogic.verify.results import Verification

_WAYS: dict[type[Any], tuple[Callable[[Any], dict[str, Any]], Callable[[Any], str]]] = {
    Plan: (plan_document, render_plan),
    Explanation: (explanation_document, render_explanation),
    WorkloadExplanation: (about_document, render_about),
    NodeExplanation: (about_document, render_about),
    ServiceExplanation: (about_document, render_about),
    Capacity: (capacity_document, render_capacity),
    Simulation: (simulation_document, render_simulation),
    Check: (check_document, render_check),
    Diff: (diff_document, render_diff),
    QueryResult: (answer_document, render_answer),
    WhyResult: (why_document, render_why),
    Verification: (verification_document, render_verification),
}


def document(result: object) -> dict[str, Any]:
    """The JSON document of a result, of plain values only.

    Raises:
        TypeError: if it is no result.
    """
    found: dict[str, Any] = msgspec.to_builtins(_way(result)[0](result))
    return found


def text(result: object) -> str:
    """The text of a result.

    Raises:
        TypeError: if it is no result.
    """
    return _way(result)[1](result)


def html(result: object) -> str:
    """A line with the text of a result below it, closed if it is long.

    Raises:
        TypeError: if it is no result.
    """
    told = text(result)
    state = " open" if told.count("\n") < _LONG else ""
    return f"<details{state}><summary><code>{escape(repr(result))}</code></summary><pre>{escape(told)}</pre></details>"


_LONG = 60
"""Lines from which on a notebook shows the first line only, until it is asked for more."""


def _way(result: object) -> tuple[Callable[[Any], dict[str, Any]], Callable[[Any], str]]:
    found = _WAYS.get(type(result))
    if found is None:
        raise TypeError(f"{type(result).__name__} is no result of a verb")
    return found
