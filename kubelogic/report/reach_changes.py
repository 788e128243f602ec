"""What an edit changes in who reaches whom, as text and as a document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubelogic.report.documents import fields, header
from kubelogic.report.lacking import lacking_document, noticed_documents, said_beside
from kubelogic.report.reach import reason_text, reasons_document
from kubelogic.report.style import PLAIN, Style
from kubelogic.report.tables import table
from kubelogic.report.terminal import one_line
from kubelogic.verbs.reach_changes import Change, Changes

_SHOWN = 40
"""Changes in a table; a document has all."""

_UNSURE_TOLD = (
    "What addresses or priorities decide is not known: kubelogic reach without --before says what is missing."
)


def render_changes(found: Changes, style: Style = PLAIN) -> str:
    """The verdict, and the ways that are not what they were, with the policies behind them."""
    parts = [_verdict(found, style)]
    rows = [["CHANGE", "FROM", "TO", "PORT", "BEFORE", "AFTER", "BECAUSE"]]
    changes = list(_told(found))
    for what, change in changes[:_SHOWN]:
        because = "; ".join(map(reason_text, change.reasons))
        ends = map(one_line, (change.source, change.target, change.port))
        rows.append([what, *ends, change.before, change.after, one_line(because)])
    if changes:
        more = len(changes) - _SHOWN
        parts.append("\n".join([*table(rows, style), *([f"{more} more; -o json has all"] if more > 0 else [])]))
    parts += [f"Nobody of that name is there {when}." for when, each in _answers(found) if each is None]
    if found.unsure:
        parts.append(_UNSURE_TOLD)
    parts += said_beside(found.lacking, style)
    return "\n\n".join(parts)


def _answers(found: Changes) -> Iterator[tuple[str, object]]:
    yield "before", found.before
    yield "after", found.after


def _told(found: Changes) -> Iterator[tuple[str, Change]]:
    yield from (("opened", each) for each in found.opened)
    yield from (("shut", each) for each in found.shut)
    for each in found.meanwhile:
        yield ("open for a while" if each.meanwhile == "yes" else "shut for a while"), each
    yield from (("not known", each) for each in found.unsure)


def _verdict(found: Changes, style: Style) -> str:
    answer = found.after or found.before
    assert answer is not None, "one of them is there, or the question was refused"
    port = f" on {answer.port}" if answer.port else ""
    whom = f"who of {one_line(answer.source)} may reach {one_line(answer.target)}{port}"
    numbers = [
        f"{len(ways)} {words}"
        for ways, words in (
            (found.opened, "opened"),
            (found.shut, "shut"),
            (found.meanwhile, "other for a while"),
            (found.unsure, "not known"),
        )
        if ways
    ]
    match found.verdict:
        case "yes":
            return style.good("same") + f": {whom} is as it was, at every moment"
        case "no":
            return style.bad("changed") + f": {whom}; ways: {', '.join(numbers)}"
        case _:
            return style.warn("unknown") + f": whether {whom} changes; ways: {', '.join(numbers)}"


def changes_document(found: Changes) -> dict[str, Any]:
    """``kind: ReachChanges``."""
    answer = found.after or found.before
    assert answer is not None, "one of them is there, or the question was refused"
    return {
        **header("ReachChanges"),
        "from": answer.source,
        "to": answer.target,
        "port": answer.port,
        "verdict": {"yes": "same", "no": "changed", "unknown": "unknown"}[found.verdict],
        "opened": [_change(each) for each in found.opened],
        "shut": [_change(each) for each in found.shut],
        "meanwhile": [_change(each) for each in found.meanwhile],
        "unsure": [_change(each) for each in found.unsure],
        **lacking_document(found.lacking),
        "notices": noticed_documents(found.lacking),
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "from": change.source,
        "to": change.target,
        **fields(change, "port", "before", "after"),
        **({"meanwhile": change.meanwhile} if change.meanwhile else {}),
        "reasons": reasons_document(change.reasons),
    }
