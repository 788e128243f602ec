"""Which nodes can go, as text and as a document."""

from __future__ import annotations

from typing import Any

from kubelogic.explain.units import count, some
from kubelogic.report.documents import header, notice_document
from kubelogic.report.lacking import lacking_document, lines_beside, said_beside, said_first
from kubelogic.report.plan import render_notices
from kubelogic.report.style import PLAIN, Style
from kubelogic.verbs.consolidation import Consolidation


def consolidation_document(found: Consolidation) -> dict[str, Any]:
    """The document ``Consolidation``."""
    return {
        **header("Consolidation"),
        "nodes": found.nodes,
        "leastNodes": found.least,
        "goes": [
            {"node": each.node, "command": each.command, "pods": [pod for _, pod in each.order]} for each in found.goes
        ],
        "stays": [{"node": each.node, "why": each.why} for each in found.stays],
        "unsure": [{"node": each.node, "why": each.why} for each in found.unsure],
        "untried": list(found.untried),
        "held": [{"node": node, "why": list(why)} for node, why in found.held.items()],
        "notices": [notice_document(each) for each in found.notices],
        **lacking_document(found.lacking),
    }


def render_consolidation(found: Consolidation, style: Style = PLAIN) -> str:
    """The answer for a person."""
    if not found.nodes:
        return "\n\n".join([*said_first(found.lacking), *said_beside(found.lacking, style)])
    left = found.nodes - len(found.goes)
    verdict = f"{len(found.goes)} of {count(found.nodes, 'node')} can go" if found.goes else "No node can go"
    if found.unsure:
        verdict += f"{'' if found.goes else ' for sure'} (of {len(found.unsure)} it is not known)"
    if found.untried:
        verdict += f"; for {len(found.untried)} there was no time"
    elif found.least:
        needed = f"{count(found.least, 'node')} of these types {'is' if found.least == 1 else 'are'} needed"
        if left == found.least:
            verdict += f": {needed}, whatever is moved"
        elif left > found.least:
            verdict += f"; proved is only that {needed}"
        else:
            verdict += f"; with the pods that go with them and that nothing makes anew, {needed}"
    lines = [style.bold(f"{verdict}."), *lines_beside(found.lacking, style)]
    if found.goes:
        lines += ["", style.bold("IN THIS ORDER (each was drained in a run, budgets kept)")]
        for each in found.goes:
            lines.append(f"  {each.command}")
            lost = {pod for flag, _, pods in each.flags if flag == "--force" for pod in pods}
            moves = sum(pod not in lost for _, pod in each.order)
            lines += [f"    {count(moves, 'pod')} move{'s' if moves == 1 else ''}"] if moves else []
            lines += [f"    {flag}: {some(pods, 3)}: {meaning}" for flag, meaning, pods in each.flags]
    if found.held:
        lines += ["", style.bold("AUTOSCALERS LEAVE (by their default flags; a drain does not)")]
        lines += [f"  {node}: {'; '.join(why)}" for node, why in found.held.items()]
    if found.stays:
        lines += ["", style.bold("STAYS"), *(f"  {each.node}: {each.why}" for each in found.stays)]
    if found.unsure:
        lines += ["", style.bold("NOT KNOWN"), *(f"  {each.node}: {each.why}" for each in found.unsure)]
    if found.untried:
        lines += ["", style.warn(f"Not tried: {', '.join(found.untried)}; --timeout gives more time.")]
    if found.notices:
        lines += ["", render_notices(found.notices, style)]
    return "\n".join(lines)
