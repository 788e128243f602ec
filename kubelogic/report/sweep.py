"""Verifications of many clusters as a table, and as the document ``Verifications``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from kubelogic.explain.units import count
from kubelogic.report.documents import header
from kubelogic.report.following import next_step
from kubelogic.report.parts import part
from kubelogic.report.style import PLAIN, Style
from kubelogic.report.tables import table
from kubelogic.report.terminal import one_line

_NOTICES_SHOWN = 10


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
    parts += filter(None, [part("NOTICES", list(_notices(found)), style)])
    if counts["broken"]:
        first = next(str(each["name"]) for each in found if each["verdict"] == "broken")
        parts.append(next_step(f"kubelogic verify {again(first)}", "the run that breaks it"))
    return "\n\n".join(parts)


def _notices(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What was noticed, each text once, with the first cluster that it is about and how many others."""
    about: dict[str, list[str]] = {}
    for each in found:
        for notice in (each["document"] or {}).get("notices", ()):
            names = about.setdefault(f"{notice['message']} [{notice['code']}]", [])
            if each["name"] not in names:
                names.append(str(each["name"]))
    for text, names in list(about.items())[:_NOTICES_SHOWN]:
        more = f" and {count(len(names) - 1, 'other')}" if len(names) > 1 else ""
        yield f"  {one_line(f'{names[0]}{more}: {text}')}"
    if len(about) > _NOTICES_SHOWN:
        yield f"  ... and {len(about) - _NOTICES_SHOWN} more; -o json has them all"


def _why(result: Mapping[str, Any]) -> str:
    document = result["document"]
    if document is None:
        return str(result["text"]).partition("\n")[0]
    if document["counterexample"] is not None and document["counterexample"]["violations"]:
        return str(document["counterexample"]["violations"][0]["message"])
    return str(document["reason"] or document["scope"])
