"""What a scheduler writes into the status of groups that it has tried: the condition PodGroupScheduled.

Source: kube-scheduler 1.36, schedule_one_podgroup.go: submitPodGroupAlgorithmResult, updatePodGroupCondition.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from kubelogic.cluster import Cluster, Object
from kubelogic.placement.placement import GroupVerdict, Placement
from kubelogic.placement.problem import Problem
from kubelogic.reconcile.actions import Cause, SetCondition

SCHEDULED = "PodGroupScheduled"
"""The condition's type."""


def group_conditions(given: Problem, placement: Placement, cluster: Cluster) -> Iterator[SetCondition]:
    """The conditions of groups that change, those of groups that are scheduled never back to ``False``.

    Args:
        given: what was asked.
        placement: the answer.
        cluster: with the groups as they are.
    """
    if not given.groups:
        return
    for verdict in placement.groups or _judged(given, placement):
        group = cluster.get("PodGroup", verdict.group)
        if group is None or _says(group, verdict):
            continue
        yield SetCondition(
            cause=Cause(predicate="pod_group", row=(verdict.group,)),
            kind="PodGroup",
            key=verdict.group,
            condition=SCHEDULED,
            status="True" if verdict.scheduled else "False",
            reason=verdict.reason,
            message=verdict.message,
        )


def _says(group: Object, verdict: GroupVerdict) -> bool:
    """Whether a group's condition says so already, or that it is scheduled, which stays."""
    for each in (group.document.get("status") or {}).get("conditions") or ():
        if each.get("type") == SCHEDULED:
            wanted = ("True" if verdict.scheduled else "False", verdict.reason, verdict.message)
            said = each.get("status"), each.get("reason"), each.get("message", "")
            return bool(said == wanted or (said[0] == "True" and not verdict.scheduled))
    return False


def _judged(given: Problem, placement: Placement) -> Iterator[GroupVerdict]:
    """The verdicts of a scheduler that places all groups at once and says nothing of each."""
    from kubelogic.placement.kube.groups import UNSCHEDULABLE, WAITING

    running = Counter(pod.group for pod in given.running if pod.group)
    own = {pod.name: pod.group for pod in given.waiting if pod.group}
    bound = Counter(own[each.pod] for each in placement.bindings if each.pod in own)
    promised = {own[each.pod] for each in placement.unplaced if each.pod in own and each.verdict == "waiting"}
    tried = set(own.values())
    for group in given.groups:
        name = group.name
        if name not in tried:
            continue
        if bound[name] and running[name] + bound[name] >= group.least:
            yield GroupVerdict(group=name, scheduled=True, reason="Scheduled")
            continue
        words = f"{UNSCHEDULABLE}, {WAITING}" if name in promised else UNSCHEDULABLE
        yield GroupVerdict(group=name, scheduled=False, reason="Unschedulable", message=words)
