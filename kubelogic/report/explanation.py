"""An explanation as text: the verdict, the dominant reasons, the conflict, the scheduler's line."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from kubelogic.explain.blockers import Blocker
from kubelogic.explain.conflicts import ConflictMember
from kubelogic.explain.message import NO_NODES
from kubelogic.explain.passing import CORDON_TAINT, MARKS, states_of
from kubelogic.explain.repairs import Repair
from kubelogic.explain.units import count
from kubelogic.reconcile.times import clock
from kubelogic.report.departures import render_departures
from kubelogic.report.lacking import said_beside, said_first
from kubelogic.report.parts import paragraphs, part
from kubelogic.report.plan import blocker_lines, render_notices, render_troubles, written_at
from kubelogic.report.style import PLAIN, Style
from kubelogic.text import Notice
from kubelogic.verbs.explain import Explanation

if TYPE_CHECKING:
    from kubelogic.explain.choice import Choice
    from kubelogic.explain.events import Pasted

_VERDICTS = {
    "placed": "is on {node}",
    "never": "can never be placed: no node of the input takes it, however empty and however long one waits",
    "no-room": "has no room: it is proved that no choice of nodes for the waiting pods leaves it one",
    "waiting": "waits for what the scheduler does not decide",
    "preemption": "will push out pods of lower priority",
    "movable": "has no room now, but would if running pods moved",
    "unknown": "is undecided: a limit was reached before anything was proved",
}


def _verdict(found: Explanation) -> str:
    if found.ended:
        return f"has ended{f' on {found.node}' if found.node else ''}: {found.ended}"
    if found.verdict == "unknown" and found.notices:
        if found.node:
            return f"is on {found.node} in this plan, but asks for what is not modelled: it is not known to fit there"
        return "is undecided: it asks for what is not modelled"
    if found.verdict == "unknown" and found.node:
        return f"is on {found.node} in this plan; whether it fits there hangs on what is not in the input"
    if found.verdict == "unknown" and not found.nodes:
        return "is undecided: there is no node in the input"
    return _VERDICTS[found.verdict].format(node=found.node)


_TITLES = {"placed": "Why not elsewhere", "waiting": "What else is in the way"}
"""Over the blockers, where something else has been said before."""


def conflict_title(found: Explanation) -> str:
    """What is said above the members of a conflict."""
    if found.minimal:
        return "These cannot all hold; without any one of them, they could"
    return "These cannot all hold, and perhaps fewer of them cannot"


def render_explanation(
    found: Explanation,
    style: Style = PLAIN,
    *,
    node: str = "",
    event: Pasted | None = None,
    told: Collection[Notice] = (),
) -> str:
    """The explanation for a person; with ``node`` only what concerns that node; without notices that were ``told``."""
    verdict = _verdict(found)
    if found.node and (coming := [each for each in found.departures if each.due]):
        verdict += f" until {clock(coming[0].time)}, when it is evicted"
    verdict += ", and is being deleted" if found.deleting else ""
    good = found.verdict == "placed" and not found.deleting and found.ended != "Failed"
    paint = style.good if good else style.bad
    fresh = [each for each in (*found.notices, *found.of_group) if each not in told]
    return paragraphs(
        *said_first(found.lacking),
        f"{style.bold(found.pod)} ({found.owner}) {paint(verdict)}.",
        *said_beside(found.lacking, style, told=found.notices),
        render_notices(fresh, style),
        render_troubles(found.unwell, style),
        render_departures(found.departures, style),
        _compared(found, event, style) if event is not None else "",
        *([_about(found, node, style)] if node else [] if found.ended else _everything(found, style)),
    )


def _everything(found: Explanation, style: Style) -> list[str]:
    parts = []
    if found.feasible:
        parts.append(f"{style.bold('Nodes that pass all filters')}: {', '.join(found.feasible)}")
    compared = _choice(found)
    if compared is not None:
        from kubelogic.report.choice import render_choice

        parts.append(render_choice(compared, found.scores, style, by=found.chosen_by))
    elif found.scores:
        ranked = sorted(found.scores.items(), key=lambda item: (-item[1]["total"], item[0]))[:5]
        lines = [
            f"  {name}  {parts_['total']}  ("
            + ", ".join(f"{k} {v}" for k, v in sorted(parts_.items()) if k != "total" and v)
            + ")"
            for name, parts_ in ranked
        ]
        parts.append(part("kube-scheduler's scores, best first", lines, style))
    said = [member.text for member in found.waits_for]
    blockers = [each for each in found.blockers if not any(_says(text, each) for text in said)]
    in_the_way = [f"  - {line}" for line in blocker_lines(blockers, most=30)]
    victims = [f"  {node}: {', '.join(pods)}" for node, pods in sorted(found.victims.items())]
    repairs = repair_lines(found.repairs, style)
    parts += [
        part("What it waits for", _members(found.waits_for, style), style),
        part(_TITLES.get(found.verdict, "What is in the way"), in_the_way, style),
        part("Who would have to go", victims, style),
        part(conflict_title(found), _members(found.conflict, style), style),
        part("Why", [f"  {sentence}" for sentence in found.because], style),
        _moves(found, style),
        part("Any one of these places all of it (each was tried)", repairs, style),
    ]
    if found.trials_stopped:
        tried = count(found.trials_stopped, "change")
        others = "others that may work were not, as each takes long here"
        parts.append(f"{tried} {'was' if found.trials_stopped == 1 else 'were'} tried, the cheapest first; {others}.")
    if found.message:
        says = "says" if found.nodes or found.message == NO_NODES else "said, as the pod's status has it"
        parts.append(f"{style.bold(f'kube-scheduler {says}')}\n  {found.message}")
    return parts


def _choice(found: Explanation) -> Choice | None:
    """The node of a placed pod beside those that it could have had."""
    if not found.node:
        return None
    from kubelogic.explain.choice import choice

    return choice(found.node, found.scores)


def _moves(found: Explanation, style: Style) -> str:
    if found.moves is None:
        return ""
    from kubelogic.report.moves import render_moves

    return render_moves(found.moves, style)


def _says(text: str, blocker: Blocker) -> bool:
    """Whether what a pod waits for says already what a blocker says."""
    if blocker.witness.get("Key") == CORDON_TAINT and f"{blocker.node} is cordoned" in text:
        return True
    return blocker.gist in text or (
        blocker.predicate in _PASSING and any(f"{state}:" in text for state in states_of(blocker))
    )


_PASSING = MARKS | {"rejects_fit", "rejects_pod_count"}
"""What a pod may wait for of a node."""


def _members(members: Sequence[ConflictMember], style: Style) -> list[str]:
    return [
        f"  {member.text}" + (f"  {style.dim(str(member.location))}" if member.location else "") for member in members
    ]


def _about(found: Explanation, node: str, style: Style) -> str:
    if node == found.node:
        return f"{node} is its node."
    if node in found.feasible:
        modelled = " that are modelled" if found.notices else ""
        compared = _choice(found)
        if compared is not None:
            from kubelogic.report.choice import render_choice

            told = render_choice(compared, found.scores, style, by=found.chosen_by, only=node)
            return f"{node} passes all filters{modelled}.\n\n{told}"
        total = found.scores.get(node, {}).get("total")
        best = max((scores["total"] for scores in found.scores.values()), default=None)
        if total is None or best is None:
            return " ".join([f"{node} passes all filters{modelled}.", *(found.because if found.node else ())])
        return f"{node} passes all filters{modelled}; it scores {total}, the best node {best}."
    mine = [blocker for blocker in found.blockers if blocker.node in (node, "")]
    lines = [f"  - {blocker.detail} [{blocker.code}]{written_at(blocker)}" for blocker in mine]
    return "\n".join([style.bold(f"Why not {node}"), *lines])


def _compared(found: Explanation, event: Pasted, style: Style) -> str:
    """The reasons of a pasted line, each with the nodes of this cluster that the scheduler would say it of."""
    from kubelogic.explain.events import matching_nodes
    from kubelogic.explain.message import NO_NODES

    lines = []
    for reason, wanted in sorted(event.counts.items(), key=lambda item: (-item[1], item[0])):
        nodes, behind = matching_nodes(reason, found.reported, found.blockers)
        here = ", ".join(nodes) if nodes else "no node here"
        note = ""
        if not event.autoscaler and len(nodes) != wanted:
            note = f"  (the line says {count(wanted, 'node')}, here it is {len(nodes)})"
        if behind:
            note += f"  (and, behind another reason that comes first: {', '.join(behind)})"
        lines.append(f"  {wanted} {reason}: {here}{note}")
    if event.everywhere == NO_NODES:
        lines.append(
            f"  {NO_NODES}: the scheduler knew of no node{f'; here it knows {found.nodes}' if found.nodes else ''}"
        )
    elif event.everywhere:
        lines.append(f"  {event.everywhere}: about the pod, not a node")
    for reason, wanted in sorted(event.preemption.items(), key=lambda item: (-item[1], item[0])):
        plain = _PREEMPTION.get(reason, reason)
        lines.append(f"  preemption: on {count(wanted, 'node')} {plain}")
    if event.ineligible:
        lines.append(f"  preemption: {event.ineligible}")
    if not lines:
        lines.append("  (it names no reason)")
    if event.cut:
        lines.append("  (the line was cut off: some counts are missing)")
    numbers = f"{found.nodes} here" if event.nodes is None else f"{event.nodes} in the line, {found.nodes} here"
    title = f"The line, on the nodes of this cluster ({numbers})"
    if event.autoscaler:
        title = f"The line of {event.autoscaler}, which counts groups of nodes, on the nodes of this cluster"
    return "\n".join([style.bold(title), *lines])


_PREEMPTION = {
    "Preemption is not helpful for scheduling": "evicting pods does not take the reason away",
    "No preemption victims found for incoming pod": "there is no pod of lower priority to evict",
}
"""What the scheduler says of preemption, in plain words."""


def repair_lines(repairs: Sequence[Repair], style: Style = PLAIN) -> list[str]:
    """Repairs, each with who can make it."""
    return [f"  {_told(repair)}  {style.dim(f'({repair.owner})')}" for repair in repairs]


def _told(repair: Repair) -> str:
    return f"{repair.summary} ({repair.how})" if repair.how else repair.summary
