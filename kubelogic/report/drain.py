"""What comes of draining a node, as text and as a document."""

from __future__ import annotations

from typing import Any

from kubelogic.explain.units import count, some
from kubelogic.reconcile.times import clock
from kubelogic.report.documents import pending_document
from kubelogic.report.parts import paragraphs, part
from kubelogic.report.plan import blocker_lines
from kubelogic.report.style import PLAIN, Style
from kubelogic.verbs.drain import PATIENCE, NodeDrain, told_order

_SHOWN = 4


def render_drain(found: NodeDrain, style: Style = PLAIN) -> str:
    """The verdict, what kubectl has to be told, the order, what blocks, what helps."""
    homeless = []
    for each in found.homeless:
        elsewhere = [blocker for blocker in each.blockers if blocker.node != found.node]
        homeless += [f"  {each.owner}: {each.pod}", *(f"    - {line}" for line in blocker_lines(elsewhere, most=6))]
    helps = [f"  {each.summary}: then it is done in {clock(each.done)}" for each in found.helps]
    flags = [f"  {flag}: {some(pods, _SHOWN)}: {meaning}" for flag, meaning, pods in found.flags]
    order = [f"  {clock(time)}  {some(pods, _SHOWN)}" for time, pods in told_order(found.order)]
    unserved = [
        f"  {service}: from {clock(since)} {'on' if until is None else f'to {clock(until)}'}"
        for service, since, until in found.unserved
    ]
    return paragraphs(
        _verdict(found, style),
        "\n".join(found.unknown),
        part("What stays, and why", (f"  {each.pod}: {each.why}" for each in found.blocked), style),
        part("Who finds no other node", homeless, style),
        part("What helps (each was tried)", helps, style),
        part("What kubectl has to be told", flags, style),
        part("In which order pods are gone", order, style),
        part("Services without a ready endpoint", unserved, style),
        f"{style.bold('Left alone')}: {', '.join(found.stays)}" if found.stays else "",
        f"{style.bold('Next')}: {found.command}" if found.works else _next(found, style),
    )


def _verdict(found: NodeDrain, style: Style) -> str:
    name = style.bold(found.node)
    if found.works:
        return f"{name} {style.good('can be drained')}: {count(len(found.order), 'pod')} in {clock(found.done or 0)}."
    if found.unsure and found.blocked:
        why = f"{count(len(found.blocked), 'pod')} may stay, which hangs on what custom resources want and make"
        return f"{name}: {style.warn('whether it can be drained is not known')}: {why}."
    said = []
    if found.blocked:
        always = all(each.always for each in found.blocked)
        how = "ever" if always else f"within {clock(PATIENCE)}"
        said.append(f"{count(len(found.blocked), 'pod')} cannot be evicted {how}")
    if found.homeless:
        said.append(f"{count(len(found.homeless), 'pod')} would find no other node")
    verdict = "cannot be drained" if found.blocked else "gets empty, but not every pod finds a place"
    return f"{name} {style.bad(verdict)}: {', and '.join(said)}."


def _next(found: NodeDrain, style: Style) -> str:
    if found.helps:
        return f"{style.bold('Next')}: {found.helps[0].summary}, then {found.command}"
    if found.unsure:
        return f"{style.bold('Next')}: {found.command} tries it, and evicts nothing that a budget does not allow"
    comes = "would try again and again" if found.blocked else "would leave these pods without a node"
    return f"{style.bold('Nothing that was tried helps')}: {found.command} {comes}."


def drain_document(found: NodeDrain) -> dict[str, Any]:
    """The drain within a document; times in seconds."""
    return {
        "works": found.works,
        "unsure": found.unsure,
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
        "unknown": list(found.unknown),
        "helps": [{"summary": each.summary, "done": each.done / 1000} for each in found.helps],
    }
