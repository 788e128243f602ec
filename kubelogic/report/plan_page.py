"""A plan as one HTML file: pods by state, why each pending one waits, nodes with what they hold, the rest unfolded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby

from kubelogic.explain.pending import PendingPod
from kubelogic.explain.units import amount, count, share
from kubelogic.reconcile.entries import Entry
from kubelogic.reconcile.times import clock
from kubelogic.report.departures import DUE, EVICTED, horizon
from kubelogic.report.documents import reasons_document
from kubelogic.report.markup import Html, Part, bar, element, escaped, page, section, table, unfold
from kubelogic.report.moves import render_moves
from kubelogic.report.plan import blocker_lines, later, not_done, render_plan
from kubelogic.report.style import PLAIN
from kubelogic.report.terminal import one_line
from kubelogic.report.timeline import timeline
from kubelogic.text import Notice
from kubelogic.verbs.results import Departure, NodeLoad, Plan, RefusedObjects, TimedAction, Trouble

MOST = 500
"""Rows of one kind that a page shows; the rest are counted."""

_TIME = 10
"""Characters of a line of a timeline that say when."""


def plan_page(plan: Plan, *, first: Sequence[str] = ()) -> str:
    """The whole plan as a file for a browser; ``first`` are texts that come before it."""
    verdict, *remarks = render_plan(plan).split("\n\n")
    said = [each for each in remarks if each in plan.remarks]
    head = [
        element("small", "kubelogic plan"),
        element("h1", verdict),
        *(element("p", each, class_="warn") for each in said),
        element("p", later(plan)) if later(plan) else "",
    ]
    return page("kubelogic plan", head, [*(element("pre", each) for each in first), plan_sections(plan)])


def plan_sections(plan: Plan) -> Html:
    """All that a plan has to say, below its verdict."""
    parts: list[Part] = [_tiles(plan)]
    if plan.pending:
        parts.append(section("Pending", pending_cards(plan.pending)))
    if plan.moves is not None:
        parts.append(section("Moves", element("pre", render_moves(plan.moves))))
    if plan.refusals:
        parts.append(section("Refused", element("ul", [_refused(each) for each in plan.refusals], class_="cards")))
    if plan.troubles:
        parts.append(section("Not well", troubles_list(plan.troubles)))
    if plan.nodes:
        held: dict[str, list[str]] = defaultdict(list)
        for pod in plan.placements:
            held[pod.node].append(pod.pod)
        cards = [node_card(each, held[each.node]) for each in plan.nodes[:MOST]]
        parts.append(section("Nodes", element("ul", cards, class_="cards"), more(len(plan.nodes))))
    if plan.placements:
        parts.append(section("Workloads", _workloads(plan)))
    if plan.endpoints:
        rows = [
            [each.service, f"{len(each.ready)} of {len(each.ready) + len(each.not_ready)}", ", ".join(each.ready)]
            for each in plan.endpoints[:MOST]
        ]
        parts.append(section("Services", table(["Service", "Ready", "Endpoints"], rows, label="Services")))
    if plan.groups:
        rows = [
            [each.group, f"{each.placed} of {each.pods}", str(each.least or "-"), each.reason or "not tried"]
            for each in plan.groups[:MOST]
        ]
        titles = ["Group", "Placed", "Minimum", "Status"]
        parts.append(section("Groups of pods", table(titles, rows, label="Groups of pods"), more(len(plan.groups))))
    parts += departure_sections(plan.departures)
    if plan.gone:
        rows = [[each.pod, each.node, each.reason or "removed"] for each in plan.gone[:MOST]]
        parts.append(
            section("Gone", table(["Pod", "Node", "Why"], rows, label="Pods that are gone"), more(len(plan.gone)))
        )
    if plan.actions:
        inner = unfold(
            f"{count(len(plan.actions), 'action')} of controllers, kubelets and the scheduler", _actions(plan.actions)
        )
        parts.append(section("What happens", inner))
    if plan.notices:
        parts.append(section("Notices", notices(plan.notices)))
    return escaped(parts)


def departure_sections(found: Sequence[Departure]) -> list[Part]:
    """The pods that were evicted, and those that are due to be."""
    parts: list[Part] = []
    for title, mine in ((EVICTED, [e for e in found if not e.due]), (DUE, [e for e in found if e.due])):
        rows = [[each.pod, each.node, clock(each.time), each.why, each.then] for each in mine[:MOST]]
        titles = ["Pod", "From", "At", "Why", "In its place"]
        if mine:
            seen = element("p", f"See what follows with --horizon {horizon(mine)}") if mine[0].due else ""
            parts.append(
                section(title.capitalize(), table(titles, rows, label=title.capitalize()), more(len(mine)), seen)
            )
    return parts


def more(number: int) -> Part:
    """How many are not shown."""
    return element("p", f"... and {number - MOST:,} more; -o json has them all", class_="soft") if number > MOST else ""


def tile(number: int, what: str, kind: str = "") -> Html:
    """A number with what it counts."""
    return element("li", element("b", f"{number:,}", class_=kind), what)


def _tiles(plan: Plan) -> Html:
    refused = sum(each.missing for each in plan.refusals)
    tiles = [
        tile(len(plan.placements), "placed", "good"),
        tile(len(plan.pending), "pending", "bad" if plan.pending else ""),
        tile(refused, "refused", "bad") if refused else "",
        tile(len(plan.troubles), "not well", "bad") if plan.troubles else "",
        tile(len(plan.gone), "gone", "warn") if plan.gone else "",
        tile(len(plan.nodes), "nodes"),
    ]
    return element("ul", tiles, class_="tiles")


def pending_cards(pending: Sequence[PendingPod]) -> Html:
    """Why each pending pod waits; those of a workload with the same reason share a card."""
    ordered = sorted(pending, key=lambda pod: (pod.owner, pod.verdict, pod.message, pod.pod))
    alike = [list(found) for _, found in groupby(ordered, key=lambda pod: (pod.owner, pod.verdict, pod.message))]
    return escaped([element("ul", [_pending(pods) for pods in alike[:MOST]], class_="cards"), more(len(alike))])


def _pending(pods: Sequence[PendingPod]) -> Html:
    first = pods[0]
    names = first.pod if len(pods) == 1 else f"{first.pod} and {len(pods) - 1} more of {first.owner}"
    reasons = [[str(each["nodes"] or "-"), each["reason"], each["code"]] for each in reasons_document(first.blockers)]
    parts: list[Part] = [
        element("h3", names),
        element("p", element("span", first.verdict, class_="bad"), " ", element("span", first.owner, class_="soft")),
        element("p", one_line(first.message)) if first.message else "",
        element("ul", [element("li", one_line(line)) for line in blocker_lines(first.blockers)]),
    ]
    if reasons:
        parts.append(unfold("Reasons by number of nodes", table(["Nodes", "Reason", "Code"], reasons, label="Reasons")))
    if len(pods) > 1:
        parts.append(unfold(count(len(pods), "pod"), chips([each.pod for each in pods])))
    return element("li", parts, class_="card waits")


def chips(names: Sequence[str]) -> Html:
    """A list of short names."""
    return escaped([element("ul", [element("li", each) for each in names[:MOST]], class_="chips"), more(len(names))])


def node_card(node: NodeLoad, pods: Sequence[str]) -> Html:
    """A node: how full it is, and what it holds."""
    well = node.status == "Ready"
    limit = node.allocatable.get("pods", 0)
    bars = [bar("pods", node.pods / limit if limit else 0, f"{node.pods} of {limit}")]
    for resource, has in sorted(node.allocatable.items()):
        asked = node.requested.get(resource, 0)
        if resource != "pods" and (has or asked) and (resource != "ephemeral-storage" or asked):
            text = f"{amount(resource, asked)} of {amount(resource, has)} ({share(asked, has)})"
            bars.append(bar(resource.rpartition("/")[2], asked / has if has else 1, text))
    return element(
        "li",
        element("h3", node.node),
        element("p", node.status or "-", class_="good" if well else "warn"),
        bars,
        unfold(count(len(pods), "pod"), chips(sorted(pods))) if pods else "",
        class_="card" if well else "card down",
    )


def _workloads(plan: Plan) -> Html:
    placed: dict[str, list[str]] = defaultdict(list)
    for pod in plan.placements:
        placed[pod.owner].append(pod.node)
    waiting: dict[str, int] = defaultdict(int)
    for each in plan.pending:
        waiting[each.owner] += 1
    names = sorted({*placed, *waiting})
    rows = [
        [name, f"{len(placed[name])} of {len(placed[name]) + waiting[name]}", ", ".join(sorted(set(placed[name])))]
        for name in names[:MOST]
    ]
    return escaped([table(["Workload", "Placed", "Nodes"], rows, label="Workloads"), more(len(names))])


def _refused(each: RefusedObjects) -> Html:
    remedies = [element("li", f"{remedy.text}: {remedy.object}") for remedy in each.remedies]
    return element(
        "li",
        element("h3", each.owner),
        element("p", f"{not_done(each)} ({each.reason})", class_="bad"),
        element("p", each.message),
        element("ul", remedies),
        element("p", str(each.location), class_="soft") if each.location else "",
        class_="card waits",
    )


def troubles_list(troubles: Sequence[Trouble]) -> Html:
    """What is not well, a row each."""
    rows = [
        [f"{each.kind} {each.key}", each.reason, each.message, str(each.location or "")] for each in troubles[:MOST]
    ]
    return escaped([table(["Object", "Reason", "What is wrong", "Where"], rows, label="Not well"), more(len(troubles))])


def _actions(actions: Sequence[TimedAction]) -> Html:
    entries = [Entry(time=each.time, type=each.action.type, arguments=each.action.arguments()) for each in actions]
    return moments(entries, label="Actions")


def moments(entries: Sequence[Entry], *, label: str) -> Html:
    """What happens when."""
    lines = timeline(entries, PLAIN)
    rows = [[line[:_TIME].strip(), line[_TIME:].strip()] for line in lines[:MOST]]
    return escaped([table(["Time", "What happens"], rows, label=label), more(len(lines))])


def notices(found: Sequence[Notice]) -> Html:
    """What was noticed on the way."""
    return escaped([element("ul", [element("li", one_line(str(each))) for each in found[:MOST]]), more(len(found))])
