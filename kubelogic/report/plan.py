"""A plan as text: verdict first, then nodes, workloads, what stays pending and why, notices, the next step."""

from __future__ import annotations

import math
import shlex
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby

from kubelogic.cluster.owners import workload
from kubelogic.explain.blockers import Blocker, worth_telling
from kubelogic.explain.pending import PendingPod
from kubelogic.explain.units import amount, count, share, some
from kubelogic.reconcile.entries import Entry
from kubelogic.reconcile.times import clock
from kubelogic.report.departures import far_enough, render_departures
from kubelogic.report.following import Again, next_step, unnamed
from kubelogic.report.parts import paragraphs, part
from kubelogic.report.style import PLAIN, Style
from kubelogic.report.tables import short_names, table
from kubelogic.report.terminal import one_line
from kubelogic.report.timeline import timeline
from kubelogic.text import Notice
from kubelogic.verbs.group_status import GroupStatus
from kubelogic.verbs.missing import NO_NODES
from kubelogic.verbs.results import STUCK, GonePod, NodeLoad, Plan, RefusedObjects, ServiceEndpoints, Trouble
from kubelogic.verbs.targets import WORKLOADS

"""The taint that a cordoned node gets: it says again that the node is cordoned."""
_NODES_SHOWN = 30
_WORKLOADS_SHOWN = 60
_PENDING_SHOWN = 30
_NOTICES_SHOWN = 4
_GONE_SHOWN = 20
_GROUPS_SHOWN = 20
_SERVICES_SHOWN = 20
_TROUBLES_SHOWN = 20
_ALIKE = 4
"""So many objects with the same trouble are told in one line."""
_BLOCKERS_SHOWN = 6


def render_plan(plan: Plan, style: Style = PLAIN, *, again: Again = unnamed) -> str:
    """The whole plan for a person.

    Args:
        plan: what to tell.
        style: for the terminal.
        again: what names the same input.
    """
    first = [each for each in plan.remarks if each == NO_NODES]
    return paragraphs(
        *map(style.warn, first),
        _verdict(plan, style),
        *(each for each in plan.remarks if each not in first),
        _loop(plan, style),
        _nodes(plan.nodes, style) if plan.nodes else "",
        _workloads(plan, style) if plan.placements else "",
        _groups(plan.groups, style) if plan.groups else "",
        _services(plan.endpoints, style) if plan.endpoints else "",
        render_pending(plan.pending, style),
        _moves(plan, style),
        render_refusals(plan.refusals, style),
        render_troubles(plan.troubles, style),
        render_departures(plan.departures, style),
        _gone([each for each in plan.gone if each.pod not in {departure.pod for departure in plan.departures}], style),
        render_notices(plan.notices, style),
        later(plan, style),
        *(_explain(name, again) for name in [*(pod.pod for pod in plan.pending), *_stuck(plan)][:1]),
    )


def _stuck(plan: Plan) -> Iterator[str]:
    """The workloads that are stuck without a pending pod, and of which an explanation tries what helps."""
    names = [each.workload for each in plan.refusals if each.kind == "Pod" and each.missing]
    names += [
        workload(plan.cluster, pod) if (pod := plan.cluster.get("Pod", each.key)) else f"{each.kind} {each.key}"
        for each in plan.troubles
        if each.reason in STUCK
    ]
    for kind, _, key in (name.partition(" ") for name in names):
        if kind in WORKLOADS:
            yield f"{kind.lower()}/{key}"


def later(plan: Plan, style: Style = PLAIN) -> str:
    """That more may happen after the horizon, where no departure says so already, and how to see it."""
    if plan.next_at is None or not plan.settled or any(each.due for each in plan.departures):
        return ""
    return style.dim(
        f"More may happen at {clock(plan.next_at)}; --horizon {far_enough(plan.next_at)} looks so far ahead."
    )


def _explain(pod: str, again: Again) -> str:
    return next_step(f"kubelogic explain {shlex.quote(pod)} {again('explain')}", "all about one of them")


def _moves(plan: Plan, style: Style) -> str:
    if plan.moves is None:
        return ""
    from kubelogic.report.moves import render_moves

    return render_moves(plan.moves, style)


def _period(period: int) -> str:
    return f" of {clock(period)}" if period else " in which no time passes"


def _loop(plan: Plan, style: Style) -> str:
    """One round of the loop that the run ends in."""
    entries = [Entry(time=each.time, type=each.action.type, arguments=each.action.arguments()) for each in plan.cycle]
    return part("AGAIN AND AGAIN", timeline(entries, style), style)


def _groups(groups: Sequence[GroupStatus], style: Style) -> str:
    rows = [["GROUP", "PLACED", "MINIMUM", "STATUS"]]
    for each in groups[:_GROUPS_SHOWN]:
        said = each.reason or "not tried"
        rows.append([each.group, f"{each.placed}/{each.pods}", str(each.least) if each.least else "-", said])
    lines = table(rows, style)
    if len(groups) > _GROUPS_SHOWN:
        lines.append(style.dim(f"... and {count(len(groups) - _GROUPS_SHOWN, 'more group')}; -o json has them all"))
    return "\n".join(lines)


def _services(services: Sequence[ServiceEndpoints], style: Style) -> str:
    rows = [["SERVICE", "READY", "ENDPOINTS"]]
    for each in services[:_SERVICES_SHOWN]:
        total = len(each.ready) + len(each.not_ready)
        rows.append([each.service, f"{len(each.ready)}/{total}", some(each.ready)])
    lines = table(rows, style)
    if len(services) > _SERVICES_SHOWN:
        left = count(len(services) - _SERVICES_SHOWN, "more Service")
        lines.append(style.dim(f"... and {left}; -o json has them all"))
    return "\n".join(lines)


def _gone(gone: Sequence[GonePod], style: Style) -> str:
    lines = []
    for each in gone[:_GONE_SHOWN]:
        where = f" on {each.node}" if each.node else ""
        lines.append(f"  {each.pod}{where}: {each.reason or 'removed'}")
    if len(gone) > _GONE_SHOWN:
        lines.append(style.dim(f"  ... and {count(len(gone) - _GONE_SHOWN, 'more pod')}; -o json has them all"))
    return part("GONE", lines, style)


def render_notices(notices: Sequence[Notice], style: Style = PLAIN, *, title: str = "NOTICES") -> str:
    """What was noticed on the way: features that are not modelled, values that are accepted but not meant."""
    lines = []
    for code, group in groupby(notices, key=lambda notice: notice.code):
        alike = list(group)
        lines += [f"  {one_line(str(notice))}" for notice in alike[:_NOTICES_SHOWN]]
        if len(alike) > _NOTICES_SHOWN:
            lines.append(style.dim(f"  ... and {len(alike) - _NOTICES_SHOWN} more of {code}; -o json has them all"))
    return part(title, lines, style)


def render_troubles(troubles: Sequence[Trouble], style: Style = PLAIN) -> str:
    """What is not well at the end, and what is wrong with it."""
    lines = []
    alike: dict[tuple[str, str, str], list[Trouble]] = {}
    for each in troubles:
        alike.setdefault((each.kind, each.reason, each.message), []).append(each)
    shown = list(alike.items())[:_TROUBLES_SHOWN]
    for (kind, reason, message), found in shown:
        for each in found if len(found) < _ALIKE else found[:1]:
            place = f" ({each.location})" if each.location else ""
            others = f" and {len(found) - 1:,} others" if len(found) >= _ALIKE else ""
            lines.append(f"  {kind} {each.key}{place}{others}: {reason}: {message}")
    if left := len(troubles) - sum(len(found) for _, found in shown):
        lines.append(style.dim(f"  ... and {left:,} more; -o json has them all"))
    return part("NOT WELL", lines, style)


def not_done(refused: RefusedObjects) -> str:
    """What the API server does not grant, as people say it."""
    match refused.verb:
        case "change":
            return "not changed"
        case "delete":
            return "not deleted"
    return f"{refused.missing:,} of {count(refused.wanted, refused.kind.lower())} not made"


def render_refusals(refusals: Sequence[RefusedObjects], style: Style = PLAIN) -> str:
    """What the API server does not take, why and what would help."""
    lines = []
    for each in refusals:
        missing = not_done(each)
        place = f"  {style.dim(str(each.location))}" if each.location else ""
        lines.append(f"  {style.bold(each.owner)}  {style.bad(missing)} ({each.reason}){place}")
        lines.append(f"    {each.message}")
        for remedy in each.remedies:
            where = f" ({remedy.location})" if remedy.location else ""
            lines.append(f"    - {remedy.text}: {remedy.object}{where}")
    if any(each.next_try is not None for each in refusals):
        lines.append(style.dim("  The controllers go on trying, ever more slowly; as things are, in vain."))
    return part("REFUSED", lines, style)


def _verdict(plan: Plan, style: Style) -> str:
    refused = sum(each.missing for each in plan.refusals if each.kind == "Pod")
    others = sum(each.missing for each in plan.refusals if each.kind != "Pod")
    held = sum(each.verb != "make" for each in plan.refusals)
    total = len(plan.placements) + len(plan.pending) + refused
    text = f"{count(total, 'pod')} on {count(len(plan.nodes), 'node')}: {len(plan.placements):,} placed"
    bad = [f"{len(plan.pending):,} pending"] if plan.pending else []
    bad += [f"{refused:,} refused"] if refused else []
    bad += [f"{count(others, 'other object')} refused"] if others else []
    bad += [f"{count(held, 'change')} refused"] if held else []
    bad += [f"{len(plan.troubles):,} not well"] if plan.troubles else []
    line = style.bold(f"{text}, " + style.bad(", ".join(bad))) if bad else style.good(style.bold(text))
    if plan.gone:
        line += style.warn(f", {len(plan.gone):,} gone")
    if plan.evictions:
        line += style.warn(f", {count(len(plan.evictions), 'eviction')}")
    if coming := sum(each.due for each in plan.departures):
        line += style.warn(f", {count(coming, 'pod')} to be evicted later")
    if plan.cycle and not plan.settled:
        line += "\n" + style.bad(f"The controllers never settle: they go round in a loop{_period(plan.period)}.")
    elif not plan.settled:
        line += "\n" + style.warn("The controllers had not settled when the horizon was reached.")
    return line


def _nodes(nodes: Sequence[NodeLoad], style: Style) -> str:
    scarce = sorted({r for node in nodes for r in node.allocatable} - {"cpu", "memory", "pods", "ephemeral-storage"})
    extra = [resource for resource in scarce if any(node.allocatable.get(resource) for node in nodes)][:2]
    rows = [["NODE", "STATUS", "PODS", "CPU", "MEMORY", *(resource.upper() for resource in extra)]]
    names, ending = short_names([node.node for node in nodes[:_NODES_SHOWN]], style.width)
    for node, name in zip(nodes, names, strict=False):
        rows.append(
            [
                name,
                node.status,
                f"{node.pods}/{node.allocatable.get('pods', 0)}",
                *(_load(node, resource) for resource in ("cpu", "memory", *extra)),
            ]
        )
    lines = table(rows, style)
    if ending:
        lines.append(style.dim(f"The names of these nodes end in {ending}"))
    if len(nodes) > _NODES_SHOWN:
        lines.append(style.dim(f"... and {count(len(nodes) - _NODES_SHOWN, 'more node')}"))
    return "\n".join(lines)


def _load(node: NodeLoad, resource: str) -> str:
    has, asked = node.allocatable.get(resource, 0), node.requested.get(resource, 0)
    if not has and not asked:
        return "-"
    return f"{amount(resource, asked)}/{amount(resource, has)} ({share(asked, has)})"


def _workloads(plan: Plan, style: Style) -> str:
    waiting = Counter(pod.owner for pod in plan.pending)
    waiting.update({each.workload: each.missing for each in plan.refusals if each.kind == "Pod"})
    nodes: dict[str, list[str]] = defaultdict(list)
    loaded = [node.node for node in plan.nodes]
    short = dict(zip(loaded, short_names(loaded[:_NODES_SHOWN], style.width)[0], strict=False))
    for pod in plan.placements:
        nodes[pod.owner].append(short.get(pod.node, pod.node))
    rows = [["WORKLOAD", "PLACED", "NODES"]]
    for owner in sorted(nodes)[:_WORKLOADS_SHOWN]:
        placed = nodes[owner]
        rows.append([owner, f"{len(placed)}/{len(placed) + waiting[owner]}", _where(placed)])
    lines = table(rows, style)
    if len(nodes) > _WORKLOADS_SHOWN:
        left = count(len(nodes) - _WORKLOADS_SHOWN, "more workload")
        lines.append(style.dim(f"... and {left}; -o json has them all"))
    return "\n".join(lines)


def _where(nodes: Iterable[str]) -> str:
    counts = Counter(nodes)
    shown = [node if times == 1 else f"{node} x{times}" for node, times in sorted(counts.items())]
    return ", ".join(shown[:6]) + (f", ... ({len(shown)} nodes)" if len(shown) > 6 else "")


def render_pending(pending: Sequence[PendingPod], style: Style) -> str:
    """Pods that stay pending, those of one workload with one reason together, and what is in their way."""
    blocks = []
    lines: dict[int, tuple[str, ...]] = {}
    for pod in pending:
        if id(pod.blockers) not in lines:
            lines[id(pod.blockers)] = tuple(blocker_lines(pod.blockers))
    key = lambda pod: (pod.owner, pod.verdict, pod.message, lines[id(pod.blockers)])  # noqa: E731
    alike = [list(group) for _, group in groupby(sorted(pending, key=lambda pod: (pod.owner, pod.pod)), key=key)]
    for pods in alike[:_PENDING_SHOWN]:
        first = pods[0]
        names = first.pod if len(pods) == 1 else f"{first.pod} and {len(pods) - 1} more of {first.owner}"
        blocks.append(f"  {style.bold(names)}  {style.bad(first.verdict)}")
        if first.message:
            blocks.append(f"    {one_line(first.message)}")
        blocks.extend(f"    - {one_line(line)}" for line in lines[id(first.blockers)])
    if left := sum(map(len, alike[_PENDING_SHOWN:])):
        blocks.append(style.dim(f"  ... and {count(left, 'more pod')}; -o json has them all"))
    return part("PENDING", blocks, style)


_WHERE = frozenset({"Domain", "Node", "NodeClass"})
"""What of a witness says which node it is about, and what its label is."""


def blocker_lines(blockers: Sequence[Blocker], most: int = _BLOCKERS_SHOWN) -> list[str]:
    """Blockers put together: shortages by resource with the best node, others by gist.

    Those against all nodes come first, then those against most.
    """
    blockers = worth_telling(blockers)
    barred = {blocker.node for blocker in blockers if "Free" not in blocker.witness}
    shortages: dict[tuple[str, str], list[Blocker]] = {}
    others: dict[tuple[str, ...], list[Blocker]] = {}
    for blocker in blockers:
        if "Free" in blocker.witness:
            shortages.setdefault((blocker.code, str(blocker.witness.get("Resource", ""))), []).append(blocker)
        elif "Domain" in blocker.witness:
            said = (f"{name}={value}" for name, value in sorted(blocker.witness.items()) if name not in _WHERE)
            others.setdefault((blocker.code, *said), []).append(blocker)
        else:
            others.setdefault((blocker.code, blocker.gist), []).append(blocker)
    groups = [(-float(len(found)), _shortage(found, barred)) for found in shortages.values()]
    groups += [(-len(found) if found[0].node else -math.inf, _alike(found)) for found in others.values()]
    groups.sort()
    lines = [line for _, line in groups[:most]]
    if len(groups) > most:
        lines.append(f"... and {count(len(groups) - most, 'more reason')}")
    return lines


def _shortage(blockers: Sequence[Blocker], barred: Collection[str]) -> str:
    """The node that comes closest, among those that lack nothing but room if there are any."""
    open_ = [blocker for blocker in blockers if blocker.node not in barred]
    best = max(open_ or blockers, key=lambda blocker: (blocker.witness["Free"], blocker.node))
    if len(blockers) == 1:
        return f"{best.detail} [{best.code}]{written_at(best)}"
    some_open = 0 < len(open_) < len(blockers)
    if not some_open and {blocker.gist for blocker in blockers} == {best.gist} != {""}:
        return _alike(blockers)
    closest = "the most of those that nothing else bars" if some_open else "the most"
    return f"{best.detail}, {closest}; {count(len(blockers), 'node')} lack it [{best.code}]{written_at(best)}"


def _alike(blockers: Sequence[Blocker]) -> str:
    first = blockers[0]
    names = sorted({blocker.node for blocker in blockers})
    if len(names) == 1 or not first.node:
        return f"{first.detail} [{first.code}]{written_at(first)}"
    if len({blocker.gist for blocker in blockers}) == 1:
        return f"{some(names, 4)}: {first.gist} [{first.code}]{written_at(first)}"
    others = some([name for name in names if name != first.node], 4)
    return f"{first.detail}; likewise {others} [{first.code}]{written_at(first)}"


def written_at(blocker: Blocker) -> str:
    """Where what it rests on was written, if that was looked up."""
    places = list(dict.fromkeys(str(place) for written in blocker.places for place in written.places[:2]))
    return f"  {', '.join(places)}" if places else ""
