"""Pods that were evicted, or are due to be, as text and as documents."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from kubelogic.explain.units import count, some
from kubelogic.reconcile.times import clock
from kubelogic.report.parts import part
from kubelogic.report.style import PLAIN, Style
from kubelogic.verbs.reconciled import HORIZON
from kubelogic.verbs.results import Departure

EVICTED, DUE = "EVICTED", "EVICTED AFTER THE HORIZON"
"""Titles of what happened, and of what is due."""
_SHOWN = 20
_NAMED = 3
_MINUTE = 60_000


def render_departures(found: Sequence[Departure], style: Style = PLAIN) -> str:
    """Who is evicted, from where, when and why, and what comes in its place; those of one cause together."""
    gone, coming = ([each for each in found if each.due is due] for due in (False, True))
    later = [*_lines(coming, style), f"  See what follows with --horizon {horizon(coming)}"] if coming else []
    return "\n\n".join(filter(None, (part(EVICTED, _lines(gone, style), style), part(DUE, later, style))))


def horizon(found: Sequence[Departure]) -> str:
    """What to type so that a run sees departures and what follows: whole minutes.

    >>> d = Departure(pod="a/b", owner="Pod a/b", node="n", time=300_000, reason="", why="", then="", due=True)
    >>> horizon([d])
    '6m'
    """
    return far_enough(max(each.time for each in found))


def far_enough(moment: int) -> str:
    """The horizon with which a run sees what happens at a moment, in milliseconds, and what follows at once.

    >>> far_enough(65_000)
    '3m'
    """
    return clock(-(-(moment + HORIZON) // _MINUTE) * _MINUTE)


def _lines(found: Sequence[Departure], style: Style) -> list[str]:
    groups: dict[tuple[int, str, str], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for each in found:
        groups[each.time, each.node, each.why][each.then].append(each.pod)
    lines = []
    told = 0
    for (time, node, why), by_then in groups.items():
        if told >= _SHOWN:
            break
        lines.append(f"  {f'from {node} ' if node else ''}at {clock(time)}: {why}")
        for then, pods in list(by_then.items())[: _SHOWN - told]:
            lines.append(f"    {some(pods, _NAMED)}: {then}")
            told += 1
    total = sum(len(by_then) for by_then in groups.values())
    if total > told:
        shown = [pods for by_then in groups.values() for pods in by_then.values()][:told]
        left = len(found) - sum(map(len, shown))
        lines.append(style.dim(f"  ... and {count(left, 'more pod')}; -o json has them all"))
    return lines


def departure_document(each: Departure) -> dict[str, Any]:
    """A departure within a document; ``time`` is in seconds from the start."""
    return {
        "time": each.time / 1000 if each.time % 1000 else each.time // 1000,
        "pod": each.pod,
        "owner": each.owner,
        "node": each.node or None,
        "reason": each.reason,
        "why": each.why,
        "then": each.then,
        "due": each.due,
        "lost": each.lost,
    }
