"""What keeps a pod out because of its group: how many of the group's pods find a node, and how many it needs."""

from __future__ import annotations

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import metadata
from kubelogic.cluster.pods import has_ended
from kubelogic.explain.blockers import Blocker
from kubelogic.explain.units import count, some
from kubelogic.explain.verdicts import Answer, Standing, Verdict
from kubelogic.facts.pod_groups import SCHEDULER
from kubelogic.logic import Evaluation
from kubelogic.placement.placement import Placement
from kubelogic.placement.problem import Problem

CODE = "KL215"


def group_blockers(relations: Evaluation, given: Problem, pod: str, tried: Placement) -> tuple[Blocker, ...]:
    """What the group of a pod that stays out lacks; nothing for pods without such a group.

    Args:
        relations: derived for ``GOALS``.
        given: the placement problem.
        pod: its name.
        tried: what the one-by-one scheduler makes of it.
    """
    if not given.groups:
        return ()
    from kubelogic.placement.kube.groups import HELD

    own = next((each for each in given.waiting if each.name == pod), None)
    group = next((each for each in given.groups if own is not None and each.name == own.group), None)
    if own is None or group is None or not group.least:
        return ()
    running = sum(each.group == group.name for each in given.running)
    if running >= group.least and not group.key:
        return ()  # it has started: each further pod counts by itself
    members = {each.name for each in given.waiting if each.group == group.name}
    if any(binding.pod in members for binding in tried.bindings):
        return ()
    held = {
        entry.pod
        for entry in tried.unplaced
        if entry.pod in members and entry.refusal >= 0 and tried.refusals[entry.refusal].words == HELD
    }
    where = f" in one domain of {group.key}" if group.key else ""
    needs = group.least - running
    others = f", {running} more run" if running else ""
    detail = (
        f"the group {group.name} starts with {needs} of its {len(members)} waiting pods{where} or with none"
        f" (minCount {group.least}{others}); room at once is found for {len(held)}"
    )
    blocking = sorted(members - held)
    gist = f"{detail}; {blocking[0]} is the first that finds no node" if blocking and held else detail
    return (
        Blocker(
            node="",
            code=CODE,
            reason="pod group is unschedulable",
            detail=gist,
            gist=gist,
            plugin=next((str(row[1]) for row in relations.rows("holds_back") if row[2] == CODE), ""),
            predicate="group_incomplete",
            witness={"Group": group.name, "Least": group.least, "Found": len(held)},
        ),
    )


def group_words(given: Problem, cluster: Cluster, pod: Object) -> tuple[str, ...]:
    """What else holds up a pod of a group: members that are not there, and priority that does not count for it.

    Args:
        given: the placement problem.
        cluster: with the pod and its group.
        pod: it waits.
    """
    group = _group_of(cluster, pod)
    if group is None:
        return ()
    priority = (
        outranked(cluster, pod) if given.as_groups and any(each.name == pod.key for each in given.waiting) else ()
    )
    return (*_missing_members(cluster, pod, group), *priority)


def outranked(cluster: Cluster, pod: Object) -> tuple[str, ...]:
    """That the priority of a pod does not count, where that of its group is lower; nothing where it is not.

    Source: kube-scheduler 1.36, where preemption for a group goes by ``spec.priority`` of the PodGroup.
    """
    group = _group_of(cluster, pod)
    if group is None:
        return ()
    own, counts = (int((each.document.get("spec") or {}).get("priority") or 0) for each in (pod, group))
    if own <= counts:
        return ()
    words = f"Others make room for a group by its own priority: {group.key} has {counts}, and the {own} of its pods"
    return (f"{words} does not count (priorityClassName of the PodGroup).",)


def _missing_members(cluster: Cluster, pod: Object, group: Object) -> tuple[str, ...]:
    policy = (group.document.get("spec") or {}).get("schedulingPolicy") or {}
    least = int((policy.get("gang") or {}).get("minCount") or 0)
    members = [
        each
        for each in cluster.objects("Pod").values()
        if not has_ended(each) and _group_of(cluster, each) is group and each.namespace == pod.namespace
    ]
    ours = [each for each in members if _scheduler(each) == _scheduler(pod)]
    if len(ours) >= least:
        return ()
    foreign = sorted(each.key for each in members if each not in ours)
    others = f"; {some(foreign, 2)} of another scheduler {'do' if foreign[1:] else 'does'} not count" if foreign else ""
    there = f"there {'is' if len(ours) == 1 else 'are'} {len(ours)}"
    return (f"The group {group.key} starts with {count(least, 'pod')}, and {there}{others}.",)


def _scheduler(pod: Object) -> str:
    return str((pod.document.get("spec") or {}).get("schedulerName") or "")


def _group_of(cluster: Cluster, pod: Object) -> Object | None:
    """The PodGroup of Kubernetes that a pod names; none that stands for one of another scheduler."""
    name = ((pod.document.get("spec") or {}).get("schedulingGroup") or {}).get("podGroupName")
    group = cluster.get("PodGroup", f"{pod.namespace}/{name}") if name else None
    return None if group is None or SCHEDULER in (metadata(group).get("annotations") or {}) else group


def judged(found: Verdict, standing: Standing, answer: Answer, group: tuple[Blocker, ...]) -> Verdict:
    """The verdict on a pod of a group: nodes that would take it alone do not help where its group has no room."""
    if found == "waiting" and group and answer == "impossible" and not standing.early and not standing.everywhere:
        return "no-room"
    return found
