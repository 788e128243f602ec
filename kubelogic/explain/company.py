"""Company among those who would have to make room: why kube-scheduler evicts nobody for a pod that needs it."""

from __future__ import annotations

from collections.abc import Sequence

from kubelogic.placement.placement import Placement
from kubelogic.placement.problem import Affinity, Pod, Problem


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
    priority = {shape.name: shape.priority for shape in given.shapes}
    lower = [each for each in given.running if each.node == entry.node and priority[each.shape] < priority[entry.shape]]
    rules = [rule for rule in given.affinities if rule.owner == entry.shape and not rule.anti]
    company = next((found for rule in rules if (found := _all_of_it(given, rule, lower))), [])
    if not company:
        return ()
    names = f"{company[0]} and {len(company) - 1} more" if len(company) > 1 else company[0]
    words = (
        f"kube-scheduler evicts nobody for it on {entry.node}: it looks whether the pod fits there without all pods "
        f"of lower priority, and without {names} it has no company. With a priority as high, {company[0]} would stay."
    )
    return (words,)


def _all_of_it(given: Problem, rule: Affinity, lower: Sequence[Pod]) -> list[str]:
    """The company by a rule among some pods of one node, if there is no other in its domain."""
    place = {node.name: node.topology.get(rule.key) for node in given.nodes}
    mine = sorted(each.name for each in lower if each.shape in rule.matches)
    domain = place.get(lower[0].node) if mine else None
    there = [each for each in given.running if each.shape in rule.matches and place.get(each.node) == domain]
    return mine if len(there) == len(mine) else []
