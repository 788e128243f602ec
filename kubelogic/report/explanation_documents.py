"""Explanations of pods, workloads, nodes and Services as documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubelogic.cluster import Object
from kubelogic.explain.choice import choice
from kubelogic.explain.conflicts import ConflictMember
from kubelogic.explain.derivations import derivation_document
from kubelogic.explain.repairs import Change, Create, Delete, Patch, Repair
from kubelogic.report.choice import choice_document
from kubelogic.report.departures import departure_document
from kubelogic.report.documents import (
    blocker_document,
    fields,
    gone_document,
    header,
    location_document,
    notice_document,
    pending_document,
    refusal_document,
    trouble_document,
)
from kubelogic.report.lacking import lacking_document, noticed_documents
from kubelogic.report.moves import moves_document
from kubelogic.verbs.about import About, NodeExplanation, ServiceExplanation, WorkloadExplanation
from kubelogic.verbs.explain import Explanation

if TYPE_CHECKING:
    from kubelogic.verbs.drain import NodeDrain


def about_document(found: About) -> dict[str, Any]:
    """What was found, as a document: an Explanation, a Node explanation or a Service explanation."""
    match found:
        case WorkloadExplanation():
            held = {
                "name": found.workload,
                "wanted": found.wanted,
                "placed": len(found.placed),
                "pending": [pending_document(each, most=50) for each in found.pending],
                "refused": [refusal_document(each) for each in found.refused],
                **fields(found, "uncreated", "without_pods", "rollout", "schedule", "finished", "absent", "unprinted"),
                "troubles": [trouble_document(each) for each in found.unwell],
                "gone": gone_document(found.gone) if found.gone is not None else None,
                "departures": [departure_document(each) for each in found.departures],
                "repairs": [_repair_document(each) for each in found.repairs],
            }
            if found.pod is not None:
                document = explanation_document(found.pod)
                document["notices"] = [*noticed_documents(found.lacking), *document["notices"]]
                return {**document, "workload": held, **lacking_document(found.lacking)}
            verdict = "waiting" if found.refused or found.uncreated else "gone" if found.gone is not None else None
            return {
                **header("Explanation"),
                "pod": None,
                "owner": found.workload,
                "verdict": verdict,
                "workload": held,
                "notices": noticed_documents(found.lacking),
                **lacking_document(found.lacking),
            }
        case NodeExplanation():
            return {
                **header("NodeExplanation"),
                "node": found.node,
                "status": found.load.status if found.load else None,
                "pods": list(found.pods),
                "leaving": list(found.leaving),
                "requested": dict(sorted(found.load.requested.items())) if found.load else {},
                "allocatable": dict(sorted(found.load.allocatable.items())) if found.load else {},
                "refuses": {pod: [blocker_document(b) for b in why] for pod, why in sorted(found.refuses.items())},
                "departures": [departure_document(each) for each in found.departures],
                "drain": _drain(found.drain) if found.drain is not None else None,
                "notices": noticed_documents(found.lacking),
                **lacking_document(found.lacking),
            }
        case ServiceExplanation():
            return {
                **header("ServiceExplanation"),
                **fields(found, "service", "type", "ready", "not_ready"),
                "pods": [{"pod": pod, "reason": why or None} for pod, why in found.pods],
                "remarks": list(found.remarks),
                "outside": found.outside or None,
                "inside": found.inside or None,
                "near": list(found.near),
                "rollouts": [
                    {
                        **fields(each, "workload", "least", "before", "gap", "since", "finished"),
                        "helps": each.helps or None,
                    }
                    for each in found.rolled
                ],
                "notices": noticed_documents(found.lacking),
                **lacking_document(found.lacking),
            }
        case _:
            return explanation_document(found)


def _drain(found: NodeDrain) -> dict[str, Any]:
    from kubelogic.report.drain import drain_document

    return drain_document(found)


def explanation_document(found: Explanation) -> dict[str, Any]:
    """An explanation as the document ``Explanation``."""
    return {
        **header("Explanation"),
        **fields(found, "pod", "owner", "verdict"),
        "node": found.node or None,
        "message": found.message,
        "feasible": list(found.feasible),
        "scores": {node: dict(sorted(parts.items())) for node, parts in sorted(found.scores.items())},
        "choice": choice_document(choice(found.node, found.scores) if found.node else None, found.chosen_by),
        "blockers": [blocker_document(each) for each in found.blockers],
        "conflict": [_member_document(each) for each in found.conflict],
        "conflictMinimal": found.minimal,
        "because": list(found.because),
        "derivation": derivation_document(found.derivation) if found.derivation is not None else None,
        "waitsFor": [_member_document(each) for each in found.waits_for],
        "moves": moves_document(found.moves) if found.moves is not None else None,
        "repairs": [_repair_document(repair) for repair in found.repairs],
        "trialsStopped": found.trials_stopped,
        "victims": {node: list(pods) for node, pods in sorted(found.victims.items())},
        "notices": [notice_document(each) for each in (*found.lacking.noticed, *found.notices, *found.of_group)],
        "troubles": [trouble_document(each) for each in found.unwell],
        "deleting": found.deleting,
        "ended": found.ended or None,
        "departures": [departure_document(each) for each in found.departures],
        "workload": None,
        **lacking_document(found.lacking),
    }


def _member_document(member: ConflictMember) -> dict[str, Any]:
    location = location_document(member.location) if member.location else None
    return {"text": member.text, "object": member.object, "location": location}


def _repair_document(repair: Repair) -> dict[str, Any]:
    return {
        **fields(repair, "summary", "cost", "owner"),
        "verified": True,
        "how": repair.how or None,
        "changes": [_change_document(change) for change in repair.changes],
    }


def _change_document(change: Change) -> dict[str, Any]:
    match change:
        case Create(document=document):
            return {"create": document}
        case Delete(target=target):
            return {"delete": _named(target)}
        case Patch(target=target, operations=operations):
            return {"patch": _named(target), "jsonPatch": [dict(operation) for operation in operations]}


def _named(target: Object) -> dict[str, str]:
    named = {"apiVersion": target.api_version, "kind": target.kind}
    if target.namespace:
        named["namespace"] = target.namespace
    return {**named, "name": target.name}
