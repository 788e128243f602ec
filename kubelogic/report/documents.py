"""Results as JSON documents: stable keys, ``schemaVersion``; more keys may be added, none goes or changes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from kubelogic.explain.blockers import Blocker
from kubelogic.explain.pending import PendingPod
from kubelogic.manifests import Location, Notice
from kubelogic.report.moves import moves_document
from kubelogic.verbs.results import Plan, RefusedObjects, TimedAction

SCHEMA_VERSION = 1


def header(kind: str) -> dict[str, Any]:
    """What every document starts with."""
    return {"schemaVersion": SCHEMA_VERSION, "kind": kind}


def plan_document(plan: Plan) -> dict[str, Any]:
    """A plan as the document ``Plan``."""
    return {
        **header("Plan"),
        "settled": plan.settled,
        "ticks": plan.ticks,
        "placements": [
            {"pod": each.pod, "node": each.node, "owner": each.owner, "new": each.new} for each in plan.placements
        ],
        "pending": [pending_document(each) for each in plan.pending],
        "gone": [
            {"pod": each.pod, "node": each.node, "owner": each.owner, "reason": each.reason} for each in plan.gone
        ],
        "evictions": [action_document(each) for each in plan.evictions],
        "endpoints": [
            {"service": each.service, "ready": list(each.ready), "notReady": list(each.not_ready)}
            for each in plan.endpoints
        ],
        "actions": [action_document(each) for each in plan.actions],
        "nodes": [
            {
                "node": each.node,
                "pods": each.pods,
                "requested": dict(sorted(each.requested.items())),
                "allocatable": dict(sorted(each.allocatable.items())),
            }
            for each in plan.nodes
        ],
        "refusals": [refusal_document(each) for each in plan.refusals],
        "remarks": list(plan.remarks),
        "notices": [notice_document(each) for each in plan.notices],
        "moves": moves_document(plan.moves) if plan.moves is not None else None,
    }


def pending_document(pod: PendingPod) -> dict[str, Any]:
    """A pending pod within a document."""
    return {
        "pod": pod.pod,
        "owner": pod.owner,
        "verdict": pod.verdict,
        "message": pod.message,
        "blockers": [blocker_document(each) for each in pod.blockers],
    }


def blocker_document(blocker: Blocker) -> dict[str, Any]:
    """A blocker within a document."""
    return {
        "node": blocker.node,
        "code": blocker.code,
        "reason": blocker.reason,
        "detail": blocker.detail,
        "plugin": blocker.plugin,
        "witness": dict(blocker.witness),
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
        document[_camel(name)] = value if type(value) is str else _plain(value)
    document["cause"] = str(action.cause)
    return document


def refusal_document(each: RefusedObjects) -> dict[str, Any]:
    """Refused objects within a document. ``nextTry`` is in seconds from the start."""
    document: dict[str, Any] = {
        "kind": each.kind,
        "owner": each.owner,
        "workload": each.workload,
        "missing": each.missing,
        "wanted": each.wanted,
        "reason": each.reason,
        "message": each.message,
        "tries": each.tries,
        "nextTry": None if each.next_try is None else each.next_try / 1000,
        "remedies": [
            {
                "text": remedy.text,
                "object": remedy.object,
                **({"location": location_document(remedy.location)} if remedy.location else {}),
            }
            for remedy in each.remedies
        ],
    }
    if each.location is not None:
        document["location"] = location_document(each.location)
    return document


def notice_document(notice: Notice) -> dict[str, Any]:
    """A notice within a document."""
    document: dict[str, Any] = {"code": notice.code, "message": notice.message, "count": notice.count}
    if notice.location is not None:
        document["location"] = location_document(notice.location)
    return document


def location_document(location: Location) -> dict[str, Any]:
    """A place within a document."""
    return {"file": location.file, "line": location.line, "column": location.column, "path": location.path}


@cache
def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in sorted(value.items())}
    return value
