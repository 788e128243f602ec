"""Explanations of workloads, nodes and Services as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kubelogic.explain.blockers import worth_telling
from kubelogic.explain.units import amount, count
from kubelogic.kinds.table import served
from kubelogic.reconcile.times import clock
from kubelogic.report.departures import render_departures
from kubelogic.report.explanation import render_explanation, repair_lines
from kubelogic.report.following import Again, next_step, unnamed
from kubelogic.report.lacking import said_beside, said_first
from kubelogic.report.parts import paragraphs, part
from kubelogic.report.plan import render_refusals, render_troubles
from kubelogic.report.style import PLAIN, Style
from kubelogic.verbs.about import About, NodeExplanation, ServiceExplanation, WorkloadExplanation

if TYPE_CHECKING:
    from kubelogic.explain.events import Pasted
    from kubelogic.verbs.interruptions import Interruption

_SHOWN = 20
_WELL = "Ready"


def render_about(
    found: About, style: Style = PLAIN, *, node: str = "", event: Pasted | None = None, again: Again = unnamed
) -> str:
    """What was found, for a person; ``again`` names the input for another command."""
    match found:
        case WorkloadExplanation():
            text = _workload(found, style, node, event)
        case NodeExplanation():
            text = _node(found, style)
        case ServiceExplanation():
            text = _service(found, style, again)
        case _:
            return render_explanation(found, style, node=node, event=event)
    head, gap, rest = text.partition("\n\n")
    parts = [*said_first(found.lacking), head, *said_beside(found.lacking, style)]
    return "\n\n".join([*parts, rest] if gap else parts)


def _workload(found: WorkloadExplanation, style: Style, node: str, event: Pasted | None) -> str:
    if found.gone is not None:
        where = f" any more; it was on {found.gone.node}" if found.gone.node else " at the end"
        head = f"{style.bold(found.workload)}: {style.bad(f'it is not there{where}')}."
        why = render_departures(found.departures, style) or f"  - {found.gone.reason or 'it was removed'}"
        return paragraphs(head, why)
    if found.finished and not found.placed and not found.pending:
        how, *rest = found.finished
        word = style.bad if found.unwell else style.good
        lines = [f"{style.bold(found.workload)}: {word(how)}.", *(f"  - {each}" for each in rest)]
        return paragraphs("\n".join(lines), render_troubles(found.unwell, style))
    if not found.wanted and not found.placed and not found.pending:
        lines = [style.bold(f"{found.workload} has no pods here.")]
        lines += [f"  - {each}" for each in found.without_pods]
        below = render_troubles(found.unwell, style), render_refusals(found.refused, style)
        return paragraphs("\n".join(lines), _schedule(found, style), *below)
    of = "" if found.absent else f"of {count(found.wanted, 'pod')} "
    parts = [f"{count(len(found.placed), 'pod') if found.absent else len(found.placed)} {of}placed"]
    words = Counter(each.verdict for each in found.pending)
    parts += [f"{number} pending ({verdict})" for verdict, number in sorted(words.items())]
    missing = sum(each.missing for each in found.refused if each.kind == "Pod")
    gist = next((each.message for each in found.refused), "")
    parts += [f"{missing} refused"] if missing else []
    parts += [f"{found.unprinted} not in the input"] if found.unprinted else []
    parts += [f"{found.uncreated} not created yet"] if found.uncreated else []
    parts += [f"{len(found.unwell)} not well"] if found.unwell else []
    good = len(parts) == 1 and not found.absent
    parts += [f"how many it wants is not known, as {_unread(found.workload)}"] if found.absent else []
    headline = f"{style.bold(found.workload)}: {(style.good if good else style.bad)(', '.join(parts))}"
    texts = [
        headline + (f": {gist}" if gist and not found.pending else "") + ".",
        part("Its rollout", (f"  - {each}" for each in found.rollout), style),
        _schedule(found, style),
        render_troubles(found.unwell, style),
        render_departures(found.departures, style),
        render_refusals(found.refused, style),
        part("Any one of these gives it all its pods (each was tried)", repair_lines(found.repairs, style), style),
    ]
    if found.uncreated and found.without_pods:
        texts.append("\n".join(f"  - {each}" for each in found.without_pods))
    elif found.uncreated and not found.refused and not _is_held(found):
        texts.append(
            "  The others wait for those that are pending."
            if found.pending
            else "  The others wait for their turn, or for a rollout to go on; --horizon looks further ahead."
        )
    if found.pod is not None:
        told = found.lacking.notices
        texts.append(render_explanation(found.pod, style, node=node, event=event, told=told))
    return paragraphs(*texts)


def _is_held(found: WorkloadExplanation) -> bool:
    """Whether what is told of the workload itself says already why it makes no more pods."""
    return any(f"{each.kind} {each.key}" == found.workload for each in found.unwell)


def _schedule(found: WorkloadExplanation, style: Style) -> str:
    return part("Its schedule", (f"  - {each}" for each in found.schedule), style)


def _node(found: NodeExplanation, style: Style) -> str:
    if found.drain is not None:
        from kubelogic.report.drain import render_drain

        return render_drain(found.drain, style)
    place = f"  {style.dim(str(found.location))}" if found.location else ""
    state = found.load.status if found.load is not None else _WELL
    named = style.bold(found.node) + ("" if state == _WELL else f" ({state})")
    lines = [f"{named} has {count(len(found.pods), 'pod')}{place}"]
    if found.load is not None:
        lines.append(style.bold("What is free"))
        for resource, has in sorted(found.load.allocatable.items()):
            used = found.load.pods if resource == "pods" else found.load.requested.get(resource, 0)
            free = amount(resource, has - used)
            lines.append(f"  {resource}: {free} of {amount(resource, has)}")
    refused = [(pod, why) for pod, why in sorted(found.refuses.items()) if why]
    if refused:
        lines.append(style.bold("Whom it refuses"))
        alike: dict[str, list[str]] = {}
        for pod, why in refused:
            told = "; ".join(f"{each.detail} [{each.code}]" for each in worth_telling(why))
            alike.setdefault(told, []).append(pod)
        shown = list(alike.items())
        for text, pods in shown[:_SHOWN]:
            more = f" and {len(pods) - 1} more" if len(pods) > 1 else ""
            lines.append(f"  {pods[0]}{more}: {text}")
        lines += _more(shown)
    if found.pods:
        lines.append(style.bold("Who is there"))
        lines += [f"  {pod}" for pod in found.pods[:_SHOWN]]
        lines += _more(found.pods)
    if found.leaving:
        lines.append(style.bold("Who is being deleted"))
        lines += [f"  {pod}" for pod in found.leaving[:_SHOWN]]
        lines += _more(found.leaving)
    return paragraphs("\n".join(lines), render_departures(found.departures, style))


def _service(found: ServiceExplanation, style: Style, again: Again) -> str:
    state = f"{count(len(found.ready), 'ready endpoint')}" + (
        f", {len(found.not_ready)} not ready" if found.not_ready else ""
    )
    paint = style.good if found.ready and not found.remarks else style.bad
    place = f"  {style.dim(str(found.location))}" if found.location else ""
    lines = [f"{style.bold(f'Service {found.service}')} ({found.type}): {paint(state)}{place}"]
    lines += [f"  - {each}" for each in found.remarks]
    lines += [f"  {address}" for address in found.ready[:_SHOWN]]
    lines += _more(found.ready)
    lines += [f"  {each}" for each in (found.outside, found.inside, *found.near) if each]
    if found.pods:
        lines.append(style.bold("The pods that it selects"))
        lines += [f"  {pod}: {why or 'served'}" for pod, why in found.pods[:_SHOWN]]
        lines += _more(found.pods)
    if found.rolled:
        lines.append(style.bold("In a rollout"))
        lines += [f"  {_interrupted(each, style)}" for each in found.rolled]
        if not all(each.finished for each in found.rolled):
            lines += ["", next_step(f"kubelogic check {again('check')}", "why it does not finish")]
    return "\n".join(lines)


def _interrupted(found: Interruption, style: Style) -> str:
    """Whether there is a moment without a ready endpoint, how long, and what was tried against it."""
    ends = "" if found.finished else "; the rollout does not finish"
    if found.least:
        least = f"at least {found.least} of {found.before} stay ready at every moment"
        return f"of {found.workload}: {style.good(least)}{ends}"
    if not found.gap:
        return f"of {found.workload}: {style.bad('no ready endpoint for an instant')}{ends}"
    gap = style.bad(f"no ready endpoint for {clock(found.gap)} or more, {clock(found.since)} after it begins")
    helps = f"; none is missing with {found.helps} (tried)" if found.helps else ""
    return f"of {found.workload}: {gap}{helps}{ends}"


def _more(rows: Sequence[object]) -> list[str]:
    return [f"  ... and {len(rows) - _SHOWN} more; -o json has them all"] if len(rows) > _SHOWN else []


def _unread(workload: str) -> str:
    """Why nothing is known of a workload itself: no input has it, or kinds like it are not read."""
    kind = workload.partition(" ")[0]
    known = any(name == kind for _, name in served())
    return "it is not in the input" if known else f"no {kind} is read"
