"""Results as JSON documents: stable keys, ``schemaVersion``; more keys may be added, none goes or changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import islice, zip_longest
from typing import Any

from kubelogic.explain.blockers import Blocker
from kubelogic.explain.pending import PendingPod
from kubelogic.explain.written import Written
from kubelogic.report.departures import departure_document
from kubelogic.text import Location, Notice
from kubelogic.verbs.group_status import GroupStatus
from kubelogic.verbs.results import GonePod, Plan, RefusedObjects, TimedAction, Trouble

SCHEMA_VERSION = 1

_SCALARS = frozenset({str, int, bool, float, type(None)})
"""Types of values that stand in documents as they are."""

ALL_BLOCKERS, MOST_BLOCKERS, LEAST_BLOCKERS = 20_000, 500, 5
"""Blockers in a document: of all pending pods together, about, and of each, at most and at least."""


def header(kind: str) -> dict[str, Any]:
    """What every document starts with."""
    return {"schemaVersion": SCHEMA_VERSION, "kind": kind}


def fields(value: object, *names: str) -> dict[str, Any]:
    """Some fields of a value, by their names as documents write them; tuples are lists."""
    found = ((name, getattr(value, name)) for name in names)
    return {camel(name): list(each) if isinstance(each, tuple) else each for name, each in found}


def _moves(plan: Plan) -> dict[str, Any] | None:
    if plan.moves is None:
        return None
    from kubelogic.report.moves import moves_document

    return moves_document(plan.moves)


def group_document(group: GroupStatus) -> dict[str, Any]:
    """How a group of pods stands."""
    return {
        **fields(group, "group", "pods", "placed"),
        "minCount": group.least,
        "status": group.status or None,
        "reason": group.reason or None,
        "message": group.message,
    }


def plan_document(plan: Plan) -> dict[str, Any]:
    """A plan as the document ``Plan``."""
    return {
        **header("Plan"),
        "settled": plan.settled,
        "nextAt": None
        if plan.next_at is None
        else plan.next_at / 1000
        if plan.next_at % 1000
        else plan.next_at // 1000,
        "ticks": plan.ticks,
        "placements": [
            {"pod": each.pod, "node": each.node, "owner": each.owner, "new": each.new} for each in plan.placements
        ],
        "pending": [pending_document(each, most=_share(len(plan.pending))) for each in plan.pending],
        "gone": [gone_document(each) for each in plan.gone],
        "evictions": [action_document(each) for each in plan.evictions],
        "departures": [departure_document(each) for each in plan.departures],
        "endpoints": [fields(each, "service", "ready", "not_ready") for each in plan.endpoints],
        "groups": [group_document(each) for each in plan.groups],
        "actions": [action_document(each) for each in plan.actions],
        "cycle": [action_document(each) for each in plan.cycle] or None,
        "nodes": [
            {
                "node": each.node,
                "pods": each.pods,
                "requested": dict(sorted(each.requested.items())),
                "allocatable": dict(sorted(each.allocatable.items())),
            }
            for each in plan.nodes
        ],
        "solves": [fields(each, "placed", "left", "found", "proof") for each in plan.solves],
        "refusals": [refusal_document(each) for each in plan.refusals],
        "troubles": [trouble_document(each) for each in plan.troubles],
        "remarks": list(plan.remarks),
        "notices": [notice_document(each) for each in plan.notices],
        "moves": _moves(plan),
        "unsure": list(plan.unsure),
        "unknown": list(plan.unknown),
    }


def _share(pending: int) -> int:
    """How many blockers each of so many pending pods gets in a document."""
    return min(MOST_BLOCKERS, max(LEAST_BLOCKERS, ALL_BLOCKERS // max(pending, 1)))


def pending_document(pod: PendingPod, *, most: int) -> dict[str, Any]:
    """A pending pod within a document, with this many blockers at most; all are counted."""
    shown = first_of_each(pod.blockers, most)
    return {
        "pod": pod.pod,
        "owner": pod.owner,
        "verdict": pod.verdict,
        "message": pod.message,
        "blockers": [blocker_document(each) for each in shown],
        "blockersLeftOut": len(pod.blockers) - len(shown),
        "reasons": reasons_document(pod.blockers),
        "notices": [notice_document(each) for each in pod.notices],
    }


def reasons_document(blockers: Sequence[Blocker]) -> list[dict[str, Any]]:
    """On how many nodes there is which reason, the most frequent first. A reason that is about the pod has 0."""
    nodes: dict[tuple[str, str], set[str]] = defaultdict(set)
    for blocker in blockers:
        nodes[blocker.code, blocker.reason] |= {blocker.node} - {""}
    ranked = sorted(nodes.items(), key=lambda item: (-len(item[1]), item[0]))
    return [{"code": code, "reason": reason, "nodes": len(found)} for (code, reason), found in ranked]


def first_of_each(blockers: Sequence[Blocker], most: int) -> Sequence[Blocker]:
    """So many blockers, in their order: of each reason in turn, of a shortage the nodes that come closest first."""
    if len(blockers) <= most:
        return blockers
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i, blocker in enumerate(blockers):
        groups[blocker.code, blocker.reason].append(i)
    for found in groups.values():
        found.sort(key=lambda i: (-int(blockers[i].witness.get("Free", 0)), i))
    turns = zip_longest(*(groups[key] for key in sorted(groups)))
    chosen = islice((i for turn in turns for i in turn if i is not None), most)
    return [blockers[i] for i in sorted(chosen)]


def blocker_document(blocker: Blocker) -> dict[str, Any]:
    """A blocker within a document."""
    return {
        "node": blocker.node,
        "code": blocker.code,
        "reason": blocker.reason,
        "detail": blocker.detail,
        "plugin": blocker.plugin,
        "witness": dict(blocker.witness),
        **({"places": [written_document(each) for each in blocker.places]} if blocker.places else {}),
    }


def action_document(each: TimedAction) -> dict[str, Any]:
    """An action within a document. ``time`` is in seconds from the start."""
    action = each.action
    document = {
        "tick": each.tick,
        "time": each.time / 1000 if each.time % 1000 else each.time // 1000,
        "type": action.type,
    }
    for name, value in action.arguments().items():
        document[camel(name)] = value if type(value) in _SCALARS else plain(value)
    document["cause"] = str(action.cause)
    return document


def trouble_document(each: Trouble) -> dict[str, Any]:
    """What is not well within a document; ``new`` if the input was free of it."""
    told = fields(each, "reason", "message", "new")
    return {"kind": each.kind, "name": each.key, **told, **located(each.location)}


def refusal_document(each: RefusedObjects) -> dict[str, Any]:
    """Refused objects within a document. ``nextTry`` is in seconds from the start."""
    return {
        **fields(each, "kind", "owner", "workload", "missing", "wanted", "reason", "verb", "message", "tries"),
        "nextTry": None if each.next_try is None else each.next_try / 1000,
        "remedies": [{**fields(remedy, "text", "object"), **located(remedy.location)} for remedy in each.remedies],
        **located(each.location),
    }


def notice_document(notice: Notice) -> dict[str, Any]:
    """A notice within a document."""
    return {"code": notice.code, "message": notice.message, "count": notice.count, **located(notice.location)}


def written_document(written: Written) -> dict[str, Any]:
    """Where a value was written, within a document: the place that matters most, others, and the author."""
    first, *others = [location_document(place) for place in written.places] or [{}]
    author = {"author": written.author} if written.author else {}
    return {**first, **({"others": others} if others else {}), **author}


def gone_document(each: GonePod) -> dict[str, Any]:
    """A pod that is not there any more, within a document."""
    return {"pod": each.pod, "node": each.node, "owner": each.owner, "reason": each.reason}


def located(place: Location | None) -> dict[str, Any]:
    """The place of something within its document; nothing where it has none."""
    return {"location": location_document(place)} if place is not None else {}


def location_document(location: Location) -> dict[str, Any]:
    """A place within a document."""
    written = {"written": location.written} if location.written else {}
    return {"file": location.file, "line": location.line, "column": location.column, "path": location.path, **written}


@cache
def camel(name: str) -> str:
    """A name as documents write it."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def plain(value: Any) -> Any:
    """A value as documents hold it: lists, and mappings in the order of their keys."""
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in sorted(value.items())}
    return value
