"""How groups of pods stand at the end: how many of their pods have a node, and what the scheduler says of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from kubelogic.cluster import Cluster
from kubelogic.logic import Evaluation
from kubelogic.reconcile.group_conditions import SCHEDULED


class GroupStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A group of pods.

    Attributes:
        group: its key.
        pods: how many of its pods have not finished.
        placed: how many of them have a node.
        least: without how many none starts; 0 if it is no gang.
        status: of its condition PodGroupScheduled: ``True`` or ``False``; empty before it was tried.
        reason: of the condition.
        message: of the condition.
    """

    group: str
    pods: int
    placed: int
    least: int
    status: str
    reason: str
    message: str


def group_statuses(cluster: Cluster, relations: Evaluation) -> Iterator[GroupStatus]:
    """All groups, by name.

    Args:
        cluster: at the end.
        relations: of it, with ``pod_in_group``.
    """
    groups = cluster.objects("PodGroup")
    if not groups:
        return
    members: dict[str, list[str]] = {}
    for pod, group in relations.rows("pod_in_group"):
        members.setdefault(str(group), []).append(str(pod))
    pods = cluster.objects("Pod")
    for key in sorted(groups):
        document = groups[key].document
        own = [pods[pod].document for pod in members.get(key, ()) if pod in pods]
        found: Any = (document.get("status") or {}).get("conditions") or ()
        condition: Any = next((each for each in found if each.get("type") == SCHEDULED), {})
        policy = (document.get("spec") or {}).get("schedulingPolicy") or {}
        yield GroupStatus(
            group=key,
            pods=len(own),
            placed=sum(bool((each.get("spec") or {}).get("nodeName")) for each in own),
            least=int((policy.get("gang") or {}).get("minCount") or 0),
            status=str(condition.get("status") or ""),
            reason=str(condition.get("reason") or ""),
            message=str(condition.get("message") or ""),
        )
