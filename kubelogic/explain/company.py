"""Company among those who would have to make room: why kube-scheduler evicts nobody for a pod that needs it."""

from __future__ import annotations

from kubelogic.placement.placement import Placement
from kubelogic.placement.problem import Problem


def company_words(given: Problem, placement: Placement, pod: str) -> tuple[str, ...]:
    """What keeps kube-scheduler from evicting for a pod for which a joint placement evicts others than its company.

    Source: pkg/scheduler/framework/plugins/defaultpreemption, SelectVictimsOnNode: the filters have to pass on a node
    without any pod of lower priority before it is asked which of them may stay.

    Args:
        given: the problem.
        placement: the joint answer to it.
        pod: by name.

    Returns:
        One sentence, or none if that is not what it is.
    """
    entry = next((each for each in placement.unplaced if each.pod == pod and each.verdict == "waiting"), None)
    if entry is None:
        return ()
    near = {shape for rule in given.affinities if rule.owner == entry.shape and not rule.anti for shape in rule.matches}
    priority = {shape.name: shape.priority for shape in given.shapes}
    company = sorted(
        each.name
        for each in given.running
        if each.node == entry.node and each.shape in near and priority[each.shape] < priority[entry.shape]
    )
    if not company:
        return ()
    names = f"{company[0]} and {len(company) - 1} more" if len(company) > 1 else company[0]
    words = (
        f"kube-scheduler evicts nobody for it on {entry.node}: it looks whether the pod fits there without all pods "
        f"of lower priority, and without {names} it has no company. With a priority as high, {names} would stay."
    )
    return (words,)
