"""A plan of moves as text and within documents."""

from __future__ import annotations

from typing import Any

from kubelogic.explain.units import count, some
from kubelogic.patterns import regex
from kubelogic.report.style import PLAIN, Style
from kubelogic.verbs.moves import MovePlan

_SHOWN = 8
_NUMBERED = regex(r"(?P<pod>.+)\+\d+$")
"""The name of a pod that capacity thinks up; no name of a pod has a plus sign."""


def moves_document(found: MovePlan) -> dict[str, Any]:
    """A plan of moves within a document."""
    from kubelogic.report.documents import fields

    return {
        **fields(found, "verdict", "allowed", "least"),
        "steps": [
            {"pod": each.pod, "owner": each.owner, "from": each.source, "to": each.target} for each in found.moves
        ],
        "placements": [{"pod": pod, "node": node} for pod, node in found.placements],
        **fields(found, "left", "hopeless", "waiting"),
        "commands": "\n".join(found.commands) or None,
        "staying": [{"what": what, "pods": pods} for what, pods in found.staying.items()],
    }


def render_moves(found: MovePlan, style: Style = PLAIN) -> str:
    """A plan of moves for a person: the verdict, the steps, where the waiting pods go, who stays."""
    lines = [style.bold("MOVES"), f"  {_verdict(found, style)}"]
    goes = "comes to" if found.commands else "fits"
    for number, each in enumerate(found.moves, start=1):
        lines.append(f"    {number}. cordon {each.source}, evict {each.pod} from it; it {goes} {each.target}")
    if found.placements and found.moves:
        shown = [f"{_named(pod)} on {node}" for pod, node in found.placements[:_SHOWN]]
        more = f" and {len(found.placements) - _SHOWN} more" if len(found.placements) > _SHOWN else ""
        lines.append(f"  Then there is room for {', '.join(shown)}{more}.")
    if found.commands:
        lines.append(
            style.dim("  Followed to the letter, with kube-scheduler, it came out so; evictions keep the budgets.")
        )
        lines += ["  To type:", *(f"    {command}" for command in found.commands)]
    if found.hopeless:
        lines.append(f"  {some(found.hopeless, _SHOWN)}: no node would take even one alone; moving pods does not help.")
    if found.waiting:
        verb = "waits" if len(found.waiting) == 1 else "wait"
        who = some(found.waiting, _SHOWN)
        lines.append(f"  {who}: {verb} for something else than room; moving pods does not give it.")
    if found.staying:
        kinds = ", ".join(f"{number} {what}" for what, number in found.staying.items())
        lines.append(style.dim(f"  Running pods that are not moved: {kinds}."))
    return "\n".join(lines)


def _verdict(found: MovePlan, style: Style) -> str:
    steps = count(len(found.moves), "move")
    fewest = "the fewest there can be" if found.least == len(found.moves) else f"at least {found.least} are needed"
    match found.verdict:
        case "enough" if not found.moves:
            if found.hopeless or (found.waiting and not found.placements):
                return "Moving pods would not help."
            rest = " but what is named below" if found.waiting else ""
            return f"Nothing has to move: placed jointly, all{rest} fit."
        case "enough":
            rest = " but what is named below" if found.hopeless else ""
            makes = "makes" if len(found.moves) == 1 else "make"
            return style.good(f"{steps} {makes} room for everything{rest}") + f" ({fewest})."
        case "too_few":
            allowed = f"{count(found.allowed, 'move')} {'is' if found.allowed == 1 else 'are'} too few"
            return style.bad(f"{allowed}: it takes {steps} to make room for everything") + f" ({fewest})."
        case "impossible":
            some = f" With {steps}, {count(len(found.placements), 'pending pod')} of {_total(found)} get a node:"
            return style.bad("No moves make room for everything; that is proved.") + (some if found.moves else "")
        case _:
            some = f" With {steps}, {count(len(found.placements), 'pending pod')} of {_total(found)} get a node:"
            return style.warn("No moves that make room for everything were found within the limits.") + (
                some if found.moves else ""
            )


def _named(pod: str) -> str:
    return _NUMBERED.sub("one more \\g<pod>", pod)


def _total(found: MovePlan) -> int:
    return len(found.placements) + len(found.left)
