"""Plans of upgrades, as text and as a document."""

from __future__ import annotations

from typing import Any

from kubelogic.report.documents import header
from kubelogic.report.following import Again, next_step, unnamed
from kubelogic.report.lacking import lacking_document, noticed_documents, said_beside, said_first
from kubelogic.report.style import PLAIN, Style
from kubelogic.report.tables import table
from kubelogic.report.terminal import one_line
from kubelogic.verify.upgrade import UpgradePlan


def render_upgrade(found: UpgradePlan, style: Style = PLAIN, *, again: Again = unnamed) -> str:
    """The verdict, what blocks, the steps, and what is proved of the drains; ``again`` names the same input."""
    what = f"from 1.{found.before} to 1.{found.after}"
    count = f"{len(found.steps)} step{'s' if len(found.steps) != 1 else ''}"
    match found.verdict:
        case "yes" if not found.steps:
            verdict = style.good("yes") + f": nothing to do {what} (minor versions are looked at, not patch releases)"
        case "yes":
            verdict = style.good("yes") + f": {what} in {count}"
        case "no":
            verdict = style.bad("no") + f": not {what} as things are"
        case _:
            verdict = style.warn("unknown") + f": whether {what} can be done"
    parts = [verdict]
    told = [*found.blocks, *found.unknown]
    if found.drains is not None:
        told += _drains(found, again)
    if told:
        parts.append("\n".join(f"- {one_line(each)}" for each in told))
    if found.steps:
        rows = [["STEP", "VERSION", "NODE", "DO"]]
        for number, step in enumerate(found.steps, start=1):
            do = f"drain, {step.command}, upgrade kubelet, uncordon" if step.drain else step.command
            rows.append([str(number), f"1.{step.version}", one_line(step.node), do])
        parts.append("\n".join(table(rows, style)))
    parts += [*said_first(found.lacking), *said_beside(found.lacking, style)]
    return "\n\n".join(parts)


def _drains(found: UpgradePlan, again: Again) -> list[str]:
    drains = found.drains
    assert drains is not None
    match drains.verdict:
        case "holds":
            return [f"every node can be drained, one after the other, with budgets kept ({drains.scope})"]
        case "broken":
            shown = drains.counterexample
            words = [] if shown is None else [*(each.message for each in shown.violations), *shown.told]
            told = [f"not every node can be drained: {each}" for each in words] or ["not every node can be drained"]
            return [*told, *drains.proved, next_step(f"kubelogic verify {again('verify')} --drain-all", "the run")]
        case _:
            return [f"whether every node can be drained is not known: {drains.reason or 'the search ended before'}"]


def upgrade_document(found: UpgradePlan, again: Again = unnamed) -> dict[str, Any]:
    """The document ``UpgradePlan``; ``again`` names the same input."""
    return {
        **header("UpgradePlan"),
        "verdict": found.verdict,
        "from": f"1.{found.before}",
        "to": f"1.{found.after}",
        "blocks": list(found.blocks),
        "unknown": [*found.unknown, *found.lacking.remarks],
        "missing": lacking_document(found.lacking)["missing"],
        "notices": noticed_documents(found.lacking),
        "drains": None
        if found.drains is None
        else {"verdict": found.drains.verdict, "scope": found.drains.scope, "told": _drains(found, again)},
        "steps": [
            {"version": f"1.{each.version}", "node": each.node, "command": each.command, "drain": each.drain}
            for each in found.steps
        ],
    }
