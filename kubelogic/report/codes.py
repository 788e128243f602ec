"""What a permanent code stands for: of faults in manifests, of filters, of what is not modelled."""

from __future__ import annotations

from typing import Any

from kubelogic.kinds.codes import CODES
from kubelogic.logic import Rulebook
from kubelogic.logic.terms import Declaration
from kubelogic.report.documents import header

_OTHERS = {
    "KL200": "a filter of a rule file that gives no code of its own",
    "KL291": "devices that a pod asks for and that capacity does not count",
    "KL294": "the pod is left to another scheduler",
    "KL297": "a big cluster, of which kube-scheduler looks at a share of the nodes only",
}
"""Codes that are in no table and no rule file's header."""

_DOCS = "https://kubernetes.io/docs/"


def code_document(book: Rulebook, code: str) -> dict[str, Any] | None:
    """The document ``Code``; None if nothing has that code."""
    witnesses, says = _witnesses(book, code)
    files = [
        file
        for file in book.files
        if file.header.get("code") == code or any(each in witnesses for each in file.declarations)
    ]
    omits = [(file, each) for file in book.files for each in file.omits if each.code == code]
    finding = next((fact.row for fact in book.facts if fact.predicate == "finding_code" and fact.row[0] == code), None)
    meaning = (
        CODES.get(code)
        or (str(finding[2]) if finding else "")
        or _OTHERS.get(code)
        or (files[0].header.get("title") if files else "")
    )
    if not meaning and not omits:
        return None
    places = {fact.place.file for fact in book.facts if fact.predicate == "finding_code" and fact.row[0] == code}
    sources = [file for file, _ in omits] or files or [file for file in book.files if file.path in places]
    first = sources[0] if sources else None
    return {
        **header("Code"),
        "code": code,
        "meaning": meaning or f"not modelled: {omits[0][1].words}",
        "schedulerSays": says or (files[0].header.get("reason") if files else None),
        "severity": str(finding[1]) if finding else None,
        "helps": str(finding[4]) if finding else None,
        "rules": [file.path for file in sources],
        "source": first.header.get("source") if first else None,
        "docs": f"{_DOCS}{first.header['docs']}/" if first and first.header.get("docs") else None,
        "sentences": [each.sentence for each in witnesses],
        "omits": [{"subject": each.subject, "words": each.words} for _, each in omits],
    }


def _witnesses(book: Rulebook, code: str) -> tuple[list[Declaration], str]:
    """The predicates of the filters that have a code, and what the scheduler says for them."""
    rows = sorted(fact.row for fact in book.facts if fact.predicate == "filter" and fact.row[5] == code)
    return [book.declarations[str(row[2])] for row in rows], "; ".join(dict.fromkeys(str(row[6]) for row in rows))


def render_code(document: dict[str, Any]) -> str:
    """The same for a person."""
    lines = [f"{document['code']}: {document['meaning']}"]
    if document["schedulerSays"]:
        lines.append(f"  kube-scheduler says  {document['schedulerSays']}")
    lines += [f"  it reads             {each}" for each in document["sentences"]]
    lines += [f"  not modelled         {each['subject']}: {each['words']}" for each in document["omits"]]
    if document["severity"]:
        lines.append(f"  severity             {document['severity']}, in kubelogic check")
    if document["helps"]:
        lines.append(f"  what helps           {document['helps']}")
    if document["source"]:
        lines.append(f"  source               {document['source']}")
    if document["docs"]:
        lines.append(f"  docs                 {document['docs']}")
    lines += [f"  rules                {path}  (kubelogic rules show {path})" for path in document["rules"]]
    if document["code"] in CODES:
        lines.append("  list                 docs/reference/manifest-codes.md")
    return "\n".join(lines)
