"""How much more fits, as text and as a document."""

from __future__ import annotations

from typing import Any

from kubelogic.cluster.extent import MOST_PODS
from kubelogic.explain.units import count, some
from kubelogic.report.documents import fields, header, notice_document
from kubelogic.report.lacking import lacking_document, lines_beside, said_beside, said_first
from kubelogic.report.moves import moves_document, render_moves
from kubelogic.report.plan import render_notices
from kubelogic.report.style import PLAIN, Style
from kubelogic.verbs.capacity import Capacity


def capacity_document(found: Capacity) -> dict[str, Any]:
    """The document ``Capacity``. ``nodesNeeded`` is empty if it was not asked for or no number of nodes is enough."""
    return {
        **header("Capacity"),
        "pod": found.pod,
        "fits": {"optimal": found.optimal, "kube": found.kube},
        "most": found.most,
        "nodesNeeded": dict(found.nodes or {}),
        "leastNodes": found.least,
        **fields(found, "left_out", "short", "late"),
        "movesFor": found.moves_for or None,
        "moves": moves_document(found.moves) if found.moves is not None else None,
        "refusal": found.refusal or None,
        "means": found.means or None,
        "unsure": found.unsure,
        "notices": [notice_document(each) for each in found.notices],
        **lacking_document(found.lacking),
    }


_SHOWN = 8


def _more(replicas: int) -> str:
    return "one more" if replicas == 1 else f"{replicas:,} more"


def _what(found: Capacity) -> str:
    return f"everything and {_more(found.replicas)}" if found.replicas else "everything"


def _fits(found: Capacity, style: Style) -> str:
    line = style.bold(f"{found.more(found.optimal)} {'fits' if found.optimal == 1 else 'fit'}")
    if found.refusal:
        return f"{line}; the API server takes no more: {found.refusal}"
    proved = (
        "no placement has room for more" if found.most == found.optimal else f"none has room for {found.most + 1:,}"
    )
    return f"{line}; {proved}."


def render_capacity(found: Capacity, style: Style = PLAIN) -> str:
    """The answer for a person."""
    if found.nodeless:
        return "\n\n".join([*said_first(found.lacking), *said_beside(found.lacking, style)])
    lines = [_fits(found, style)] if found.pod else []
    if found.means:
        lines.append(found.means)
    if found.unsure and (found.pod or found.nodes is not None):
        what = "It asks" if found.pod else "Pods that wait ask"
        fewer = "it may be fewer" if found.pod else "it may need other nodes"
        lines.append(style.warn(f"{what} for what is not modelled or not in the input (see the notices): {fewer}."))
    if found.kube != found.optimal:
        lines.append(style.warn(f"kube-scheduler, one pod at a time, places {found.kube:,}."))
    if found.nodes is not None:
        total = sum(found.nodes.values())
        parts = ", ".join(f"{name} x{number}" for name, number in found.nodes.items())
        least = "the fewest possible" if total == found.least else f"at least {found.least} are needed"
        fit = "fit" if found.replicas else "fits"
        on = f"{count(total, 'node')} of these types ({least}){': ' if parts else ''}{parts}"
        lines.append(f"{_what(found).capitalize()} {fit} on {on}")
    if found.replicas > MOST_PODS:
        lines.append(f"The fewest nodes for so many were not looked for: no cluster has more than {MOST_PODS:,} pods.")
    if found.short:
        what = _what(found)
        named = some(found.short, _SHOWN)
        lines.append(
            style.warn(f"No number of nodes of these types that was tried holds {what}: {named} found no place.")
        )
    if found.late:
        lines.append(
            style.warn(f"Which nodes hold {_what(found)} was not found in time: a larger --timeout may find it.")
        )
    if found.left_out:
        lines.append(f"No node of these types takes {', '.join(found.left_out)}: not counted.")
    if found.moves is not None:
        lines += ["", f"For {found.moves_for:,} of it:", render_moves(found.moves, style)]
    if not lines:
        lines.append("There is no node in the input whose type counts.")
    beside = lines_beside(found.lacking, style)
    lines[1:1] = beside + ([""] if beside and lines[1:] else [])
    if found.notices:
        lines += ["", render_notices(found.notices, style)]
    return "\n".join(lines)
