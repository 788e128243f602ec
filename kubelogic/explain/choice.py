"""Why a pod is on one of several nodes that would take it: kube-scheduler's scores, node against node.

Source: kube-scheduler, pkg/scheduler/schedule_one.go, prioritizeNodes and selectHost: the node with the highest sum of
weighted scores takes the pod, one of several by lot.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.owners import owner_with_origin
from kubelogic.explain.proposals.patches import dig
from kubelogic.explain.proposals.workloads import template_path
from kubelogic.kinds.evidence import is_stored

TOTAL = "total"
"""The key of the sum among the scores of a node."""


class Rival(msgspec.Struct, frozen=True, kw_only=True):
    """Another node that passes all filters.

    Attributes:
        node: its name.
        lead: by how many points it leads the pod's node; below zero: by how many it trails it.
        differences: by scorer, its points less those of the pod's node; scorers that tell them apart only, the
            weightiest first.
        decided_by: scorers without any of which, alone, the order of the two would be another.
    """

    node: str
    lead: int
    differences: tuple[tuple[str, int], ...]
    decided_by: tuple[str, ...]


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What the scores say of a pod's node.

    Attributes:
        node: where the pod is.
        rivals: the other nodes that pass all filters, best first.
        anew: where kube-scheduler would put the pod if it were made anew now: one of these.
        instead: where it would put it if its node took no pods: one of these.
    """

    node: str
    rivals: tuple[Rival, ...]
    anew: tuple[str, ...]
    instead: tuple[str, ...]


def named_by_hand(before: Cluster, cluster: Cluster, pod: Object) -> tuple[str, ...]:
    """That a manifest names the node of a pod, so that no scheduler had a choice; nothing where one had.

    Args:
        before: the objects as they were read.
        cluster: with the pods that controllers made.
        pod: it has a node.
    """
    maker = owner_with_origin(cluster, pod)
    written = before.get(maker.kind, maker.key) or maker
    spec = dig(written.document, (*template_path(written), "spec")) or {}
    if not spec.get("nodeName") or (written.kind == "Pod" and is_stored(written.document)):
        return ()
    told = f"{written} names the node {spec['nodeName']} (spec.nodeName): no scheduler is asked"
    return (f"{told}, and made anew it comes there again.",)


def choice(node: str, scores: Mapping[str, Mapping[str, int]]) -> Choice | None:
    """Compare a pod's node with the others that would take it.

    Args:
        node: where the pod is.
        scores: of the nodes that pass all filters: points by scorer, and their sum as ``TOTAL``.

    Returns:
        None if the node has no scores: it does not pass all filters now, or no other does.
    """
    if node not in scores or len(scores) < 2:
        return None
    others = [_rival(scores[node], name, found) for name, found in scores.items() if name != node]
    return Choice(
        node=node,
        rivals=tuple(sorted(others, key=lambda each: (-each.lead, each.node))),
        anew=_best({name: found[TOTAL] for name, found in scores.items()}),
        instead=_best({name: found[TOTAL] for name, found in scores.items() if name != node}),
    )


def _rival(own: Mapping[str, int], name: str, found: Mapping[str, int]) -> Rival:
    apart = {scorer: found.get(scorer, 0) - own.get(scorer, 0) for scorer in {*own, *found} - {TOTAL}}
    lead = found[TOTAL] - own[TOTAL]
    told = sorted(
        ((scorer, points) for scorer, points in apart.items() if points), key=lambda each: (-abs(each[1]), each[0])
    )
    return Rival(
        node=name,
        lead=lead,
        differences=tuple(told),
        decided_by=tuple(scorer for scorer, points in told if lead and lead * (lead - points) <= 0),
    )


def _best(totals: Mapping[str, int]) -> tuple[str, ...]:
    most = max(totals.values())
    return tuple(sorted(name for name, total in totals.items() if total == most))
