"""Who may open connections to whom, as text and as a document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubelogic.logic.words import Words
from kubelogic.report.documents import fields, header, located
from kubelogic.report.lacking import lacking_document, noticed_documents, said_beside
from kubelogic.report.proofs import place_document
from kubelogic.report.quantities import FORMATS
from kubelogic.report.style import PLAIN, Style
from kubelogic.report.tables import table
from kubelogic.report.terminal import one_line
from kubelogic.verbs.reach import Reach, Way, grouped
from kubelogic.verbs.reach_reasons import Reason

_SHOWN = 40
"""Ways in a table; a document has all."""


def render_reach(found: Reach, style: Style = PLAIN, *, proof: bool = False) -> str:
    """The verdict, the ways with the policies behind them, and what the answer rests on."""
    parts = [_verdict(found, style)]
    if found.ways:
        parts.append("\n".join(_table(found, style)))
    if proof and found.proof is not None:
        parts.append(Words(found.rulebook, FORMATS).proof(found.proof))
    parts += found.remarks
    parts += said_beside(found.lacking, style)
    return "\n\n".join(parts)


_ANY = "any "
"""How a source begins that is everybody: *any may not* would say that some may."""


def _verdict(found: Reach, style: Style) -> str:
    port = f" on {found.port}" if found.port else ""
    what = f"{one_line(found.source)} may {{}}reach {one_line(found.target)}{port}"
    if found.only:
        return _verdict_of_others(found, style)
    open_ways = sum(way.verdict == "yes" for way in found.ways)
    match found.verdict:
        case "yes":
            some = "" if open_ways == len(found.ways) else f": {open_ways} of {len(found.ways)} ways are open"
            return style.good("yes") + f": {what.format('')}{some}"
        case "no" if found.source.startswith(_ANY):
            return style.bad("no") + f": no {what.removeprefix(_ANY).format('')}"
        case "no":
            return style.bad("no") + f": {what.format('not ')}"
        case _:
            return style.warn("unknown") + f": whether {what.format('')}"


def _verdict_of_others(found: Reach, style: Style) -> str:
    """Whether anybody but those who may reaches the target."""
    port = f" on {found.port}" if found.port else ""
    nobody = f"nobody but {one_line(', '.join(found.only))} may reach {one_line(found.target)}{port}"
    several = len(found.ways)
    match found.verdict:
        case "no":
            told = "; nobody else is there" if not several else f": the {several} other ways are shut"
            return style.good("proved") + f": {nobody}{told}"
        case "yes":
            others = sorted({way.source for way in found.ways if way.verdict == "yes"})
            more = f" and {len(others) - 3} more" if len(others) > 3 else ""
            return (
                style.bad("not so")
                + f": {one_line(', '.join(others[:3]))}{more} may reach {one_line(found.target)}{port}, too"
            )
        case _:
            return style.warn("unknown") + f": whether {nobody}"


def _table(found: Reach, style: Style) -> list[str]:
    rows = [["FROM", "TO", "PORT", "VERDICT", "BECAUSE"]]
    ways = grouped(found.ways)
    for way, _ in ways[:_SHOWN]:
        because = "; ".join(reason_text(each) for each in way.reasons)
        rows.append([*map(one_line, (way.source, way.target, way.port)), way.verdict, one_line(because)])
    more = len(ways) - _SHOWN
    return [*table(rows, style), *([f"{more} more; -o json has all"] if more > 0 else [])]


def reason_text(reason: Reason) -> str:
    """A reason with its place."""
    return f"{reason.text} ({reason.location})" if reason.location else reason.text


def reach_document(found: Reach) -> dict[str, Any]:
    """``kind: Reach``."""
    words = Words(found.rulebook)
    return {
        **header("Reach"),
        "from": found.source,
        "to": found.target,
        **fields(found, "port", "only", "verdict"),
        "ways": [_way(way) for way in found.ways],
        "proof": None if found.proof is None else words.proof_document(found.proof, place_document),
        "remarks": list(found.remarks),
        "notices": noticed_documents(found.lacking),
        **lacking_document(found.lacking),
    }


def _way(way: Way) -> dict[str, Any]:
    reasons = reasons_document(way.reasons)
    return {"from": way.source, "to": way.target, "port": way.port, "verdict": way.verdict, "reasons": reasons}


def reasons_document(reasons: Sequence[Reason]) -> list[dict[str, Any]]:
    """Why a way is open or shut, within a document."""
    return [{"text": each.text, **located(each.location)} for each in reasons]
