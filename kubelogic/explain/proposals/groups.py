"""Proposals about groups of pods: a lower minimum, or the group that pods name and that is not there.

The minimum of a group cannot be changed: the group is made anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from kubelogic.explain.group_blockers import outranked
from kubelogic.explain.proposals.case import Candidate, Case, Create, Delete, by_app
from kubelogic.explain.proposals.patches import dig, put
from kubelogic.explain.proposals.workloads import is_of_nobody_here
from kubelogic.explain.remade import remade

_SCALED = {
    "Deployment": "replicas",
    "ReplicaSet": "replicas",
    "ReplicationController": "replicas",
    "StatefulSet": "replicas",
    "Job": "parallelism",
}
"""Kinds of workloads, and the field that says how many pods they have at a time."""

_NAME, _SCHEDULER = ("spec", "schedulingGroup", "podGroupName"), ("spec", "schedulerName")


def lower_minimum(case: Case) -> Iterator[Candidate]:
    """As many pods as there are, or as room at once is found for, instead of more."""
    key, there = _group(case)
    group = case.cluster.get("PodGroup", key)
    least = dig(group.document, ("spec", "schedulingPolicy", "gang", "minCount")) if group is not None else None
    if group is None or not isinstance(least, int) or is_of_nobody_here(group):
        return
    at_once = {
        int(blocker.witness["Found"]) for blocker in case.about("group_incomplete") if "Found" in blocker.witness
    }
    for number in sorted({there, *at_once, case.desired}, reverse=True):
        if 0 < number < least:
            field = _SCALED.get(case.workload.kind, "")
            fewer = number in at_once and number < case.desired and bool(field)
            made: dict[str, Any] = deepcopy(dict(remade(group.document)))
            made["spec"]["schedulingPolicy"]["gang"]["minCount"] = number
            yield by_app(
                "minCount",
                3 + (least - number) + fewer,
                f"make the group {key} anew with minCount {number} instead of {least}"
                + (f" and set {field} to {number}" if fewer else ""),
                alters=put(("spec", field), number) if fewer else None,
                changes=(Delete(target=group), Create(document=made)),
            )


def group_priority(case: Case) -> Iterator[Candidate]:
    """The class of the pods for their group, whose priority is the one that counts when room is made for it."""
    key, _ = _group(case)
    group = case.cluster.get("PodGroup", key)
    name = case.spec.get("priorityClassName")
    if group is None or not name or is_of_nobody_here(group) or not outranked(case.cluster, case.pod):
        return
    made: dict[str, Any] = deepcopy(dict(remade(group.document)))
    made["spec"] = {field: value for field, value in made["spec"].items() if field not in _OF_CLASS}
    made["spec"]["priorityClassName"] = name
    yield by_app(
        "group priority",
        4,
        f"make the group {key} anew with the PriorityClass {name}, as its pods have it",
        changes=(Delete(target=group), Create(document=made)),
    )


_OF_CLASS = ("priority", "preemptionPolicy")
"""What admission writes beside the name of a class."""


def make_group(case: Case) -> Iterator[Candidate]:
    """The group that the pods name, with all of them as its minimum."""
    key, there = _group(case)
    if not key or case.cluster.get("PodGroup", key) is not None:
        return
    namespace, _, name = key.partition("/")
    number = max(there, case.desired)
    yield by_app(
        "group",
        2,
        f"create the group {key} with minCount {number}",
        changes=(
            Create(
                document={
                    "apiVersion": "scheduling.k8s.io/v1beta1",
                    "kind": "PodGroup",
                    "metadata": {"name": name, "namespace": namespace},
                    "spec": {"schedulingPolicy": {"gang": {"minCount": number}}},
                }
            ),
        ),
    )


def _group(case: Case) -> tuple[str, int]:
    """The group that the pod names, and how many pods of its scheduler name it."""
    name = dig(case.pod.document, _NAME)
    if not name:
        return "", 0
    pods = case.cluster.objects("Pod").values()
    own, scheduler = case.pod.namespace, dig(case.pod.document, _SCHEDULER)
    there = sum(
        (pod.namespace, dig(pod.document, _NAME), dig(pod.document, _SCHEDULER)) == (own, name, scheduler)
        for pod in pods
    )
    return f"{case.pod.namespace}/{name}", there
