"""What comes of draining a node, as text and as a document."""

from __future__ import annotations

from typing import Any

from kubelogic.explain.units import count
from kubelogic.reconcile.times import clock
from kubelogic.report.documents import pending_document
from kubelogic.report.plan import blocker_lines
from kubelogic.report.style import PLAIN, Style
from kubelogic.verbs.drain import PATIENCE, NodeDrain, told_order

_SHOWN = 4


def render_drain(found: NodeDrain, style: Style = PLAIN) -> str:
    """The verdict, what kubectl has to be told, the order, what blocks, what helps."""
    parts = [_verdict(found, style)]
    if found.blocked:
        lines = [f"  {each.pod}: {each.why}" for each in found.blocked]
        parts.append("\n".join([style.bold("What stays, and why"), *lines]))
    if found.homeless:
        lines = []
        for each in found.homeless:
            elsewhere = [blocker for blocker in each.blockers if blocker.node != found.node]
            lines += [f"  {each.owner}: {each.pod}", *(f"    - {line}" for line in blocker_lines(elsewhere, most=6))]
        parts.append("\n".join([style.bold("Who finds no other node"), *lines]))
    if found.helps:
        lines = [f"  {each.summary}: then it is done in {clock(each.done)}" for each in found.helps]
        parts.append("\n".join([style.bold("What helps (each was tried)"), *lines]))
    if found.flags:
        lines = [f"  {flag}: {_listed(pods)}: {meaning}" for flag, meaning, pods in found.flags]
        parts.append("\n".join([style.bold("What kubectl has to be told"), *lines]))
    if found.order:
        lines = [f"  {clock(time)}  {_listed(pods)}" for time, pods in told_order(found.order)]
        parts.append("\n".join([style.bold("In which order pods are gone"), *lines]))
    if found.unserved:
        lines = [
            f"  {service}: from {clock(since)} {'on' if until is None else f'to {clock(until)}'}"
            for service, since, until in found.unserved
        ]
        parts.append("\n".join([style.bold("Services without a ready endpoint"), *lines]))
    if found.stays:
        parts.append(f"{style.bold('Left alone')}: {', '.join(found.stays)}")
    parts.append(f"{style.bold('Next')}: {found.command}" if found.works else _next(found, style))
    return "\n\n".join(parts)


def _verdict(found: NodeDrain, style: Style) -> str:
    name = style.bold(found.node)
    if found.works:
        return f"{name} {style.good('can be drained')}: {count(len(found.order), 'pod')} in {clock(found.done or 0)}."
    said = []
    if found.blocked:
        always = all(each.always for each in found.blocked)
        how = "ever" if always else f"within {clock(PATIENCE)}"
        said.append(f"{count(len(found.blocked), 'pod')} cannot be evicted {how}")
    if found.homeless:
        said.append(f"{count(len(found.homeless), 'pod')} would find no other node")
    verdict = "cannot be drained" if found.blocked else "gets empty, but not every pod a place"
    return f"{name} {style.bad(verdict)}: {', and '.join(said)}."


def _next(found: NodeDrain, style: Style) -> str:
    if not found.helps and found.blocked:
        return f"{style.bold('Next')}: nothing that was tried helps; {found.command} would try again and again"
    first = f"{found.helps[0].summary}, then " if found.helps else "nothing that was tried helps; "
    return f"{style.bold('Next')}: {first}{found.command}"


def _listed(pods: tuple[str, ...]) -> str:
    return ", ".join(pods[:_SHOWN]) + (f" and {len(pods) - _SHOWN} more" if len(pods) > _SHOWN else "")


def drain_document(found: NodeDrain) -> dict[str, Any]:
    """The drain within a document; times in seconds."""
    return {
        "works": found.works,
        "command": found.command,
        "flags": [{"flag": flag, "meaning": meaning, "pods": list(pods)} for flag, meaning, pods in found.flags],
        "stays": list(found.stays),
        "order": [{"time": time / 1000, "pods": list(pods)} for time, pods in told_order(found.order)],
        "done": None if found.done is None else found.done / 1000,
        "blocked": [
            {"pod": each.pod, "budget": each.budget or None, "reason": each.why, "always": each.always}
            for each in found.blocked
        ],
        "homeless": [pending_document(each, most=50) for each in found.homeless],
        "unserved": [
            {"service": service, "from": since / 1000, "to": None if until is None else until / 1000}
            for service, since, until in found.unserved
        ],
        "helps": [{"summary": each.summary, "done": each.done / 1000} for each in found.helps],
    }
