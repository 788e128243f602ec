"""Verifications of many clusters as a table, and as the document ``Verifications``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kubelogic.explain.units import count
from kubelogic.report.documents import header
from kubelogic.report.following import next_step
from kubelogic.report.style import PLAIN, Style
from kubelogic.report.tables import table
from kubelogic.report.terminal import one_line


def sweep_document(question: str, found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """``kind: Verifications``."""
    return {
        **header("Verifications"),
        "question": question,
        "results": [
            {
                "name": each["name"],
                "verdict": each["verdict"],
                "reason": "" if each["document"] is not None else each["text"],
                "verification": each["document"],
            }
            for each in found
        ],
    }


def render_sweep(
    question: str, found: Sequence[Mapping[str, Any]], style: Style = PLAIN, *, again: Callable[[str], str]
) -> str:
    """How many of each verdict, and a row for each cluster; ``again`` asks ``verify`` the same of one cluster."""
    counts = Counter(str(each["verdict"]) for each in found)
    order = ("holds", "broken", "unknown", "invalid")
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in order if counts[verdict])
    rows = [["CLUSTER", "VERDICT", "WHY"]]
    rows += [[one_line(str(each["name"])), str(each["verdict"]), one_line(_why(each))] for each in found]
    parts = [f"{question}: {told} of {count(len(found), 'cluster')}", "\n".join(table(rows, style))]
    if counts["broken"]:
        first = next(str(each["name"]) for each in found if each["verdict"] == "broken")
        parts.append(next_step(f"kubelogic verify {again(first)}", "the run that breaks it"))
    return "\n\n".join(parts)


def _why(result: Mapping[str, Any]) -> str:
    document = result["document"]
    if document is None:
        return str(result["text"]).partition("\n")[0]
    if document["counterexample"] is not None and document["counterexample"]["violations"]:
        return str(document["counterexample"]["violations"][0]["message"])
    return str(document["reason"] or document["scope"])
