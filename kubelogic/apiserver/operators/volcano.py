"""Gangs of Volcano: a PodGroup is read as one of Kubernetes, a Job as its pods and their group.

What Volcano's gang plugin asks of a group is what Kubernetes asks of a gang: ``minMember`` pods go somewhere at once or
none does. Its predicates are kube-scheduler's filters.

Source: volcano-sh/volcano, pkg/scheduler/plugins/gang/gang.go, pkg/scheduler/plugins/predicates,
pkg/controllers/job/job_controller_util.go (createJobPod), job_controller_actions.go (createOrUpdatePodGroup),
pkg/webhooks/admission/jobs/mutate/mutate_job.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubelogic.apiserver.operators.made import Child, Fields, Operator
from kubelogic.facts.pod_groups import GROUP_NAME, SCHEDULER
from kubelogic.kinds.operated import KEPT_AS
from kubelogic.text.location import Path

_BATCH = "volcano.sh/"
_SCHEDULER = "volcano"


def gang(name: str, *, least: int, scheduler: str, priority_class: str = "") -> dict[str, Any]:
    """The PodGroup of Kubernetes that says what one of Volcano says.

    Args:
        name: of the group.
        least: pods without which none starts; with 0 it is no gang.
        scheduler: that looks after it.
        priority_class: of the group; empty for none.
    """
    spec: dict[str, Any] = {"schedulingPolicy": {"gang": {"minCount": least}} if least else {"basic": {}}}
    if priority_class:
        spec["priorityClassName"] = priority_class
    return {
        "apiVersion": "scheduling.k8s.io/v1alpha2",
        "kind": "PodGroup",
        "metadata": {"name": name, "annotations": {SCHEDULER: scheduler}},
        "spec": spec,
    }


def pod_group(given: Fields) -> Iterator[Child]:
    """The group that a PodGroup of Volcano stands for.

    Args:
        given: reads the PodGroup.
    """
    least = given.number("spec", "minMember", default=0)
    priority = given.text("spec", "priorityClassName")
    parts: tuple[tuple[Path, Path], ...] = (
        (("metadata",), ("metadata",)),
        (("spec",), ("spec",)),
        (("spec", "schedulingPolicy"), ("spec", "minMember")),
        (("spec", "priorityClassName"), ("spec", "priorityClassName")),
    )
    document = gang(given.name, least=least, scheduler=_SCHEDULER, priority_class=priority)
    yield Child(document=document, parts=parts, translates=True)


def pods(given: Fields) -> Iterator[Child]:
    """The pods of a Job of Volcano, and their group.

    Args:
        given: reads the Job.
    """
    if given.text("status", "state", "phase") in ("Completed", "Failed", "Aborted", "Terminated"):
        return
    given.required("spec", "tasks")
    scheduler = given.text("spec", "schedulerName", default=_SCHEDULER)
    tasks = range(given.length("spec", "tasks"))
    replicas = [given.number("spec", "tasks", i, "replicas", default=0) for i in tasks]
    least = [given.number("spec", "tasks", i, "minAvailable", default=replicas[i]) for i in tasks]
    if not given.few(("spec", "tasks"), sum(replicas)):
        return
    enough = given.number("spec", "minAvailable", default=0) or sum(least)
    if enough > sum(replicas):
        given.wrong(("spec", "minAvailable"), "KL122", f"is {enough}, more than the {sum(replicas)} pods of all tasks")
    priority = given.text("spec", "priorityClassName")
    yield Child(
        document=gang(given.name, least=enough, scheduler=scheduler, priority_class=priority),
        parts=(
            (("spec", "schedulingPolicy"), ("spec", "minAvailable")),
            (("spec", "priorityClassName"), ("spec", "priorityClassName")),
        ),
    )
    for i in tasks:
        for j in range(replicas[i]):
            yield _pod(given, i, j, scheduler, priority)


def _pod(given: Fields, i: int, j: int, scheduler: str, priority: str) -> Child:
    there: Path = ("spec", "tasks", i, "template")
    task = given.text("spec", "tasks", i, "name", default=f"default{i}")
    spec = dict(given.mapping(*there, "spec"))
    if not spec.get("schedulerName"):
        spec["schedulerName"] = scheduler
    if priority and not spec.get("priorityClassName"):
        spec["priorityClassName"] = priority
    if volumes := list(_volumes(given)):
        own = spec.get("volumes")
        spec["volumes"] = [*(own if isinstance(own, list) else ()), *volumes]
    queue = given.text("spec", "queue", default="default")
    labels = {
        _BATCH + "task-index": str(j),
        _BATCH + "job-name": given.name,
        _BATCH + "task-spec": task,
        _BATCH + "job-namespace": given.text("metadata", "namespace"),
        _BATCH + "queue-name": queue,
    }
    annotations = {
        _BATCH + "task-index": str(j),
        _BATCH + "task-spec": task,
        _BATCH + "job-name": given.name,
        _BATCH + "queue-name": queue,
        _BATCH + "template-uid": f"{given.name}-{task}",
        GROUP_NAME: given.name,
    }
    document = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{given.name}-{task}-{j}",
            "labels": {**given.texts(*there, "metadata", "labels"), **labels},
            "annotations": {**given.texts(*there, "metadata", "annotations"), **annotations},
        },
        "spec": spec,
    }
    parts: tuple[tuple[Path, Path], ...] = (
        (("spec",), (*there, "spec")),
        (("metadata",), (*there, "metadata")),
        (("metadata", "name"), ("spec", "tasks", i, "name")),
        (("metadata", "annotations", GROUP_NAME), ("spec", "minAvailable")),
    )
    return Child(document=document, parts=parts)


def _volumes(given: Fields) -> Iterator[dict[str, Any]]:
    """The volumes of claims that all pods of a Job have."""
    for i in range(given.length("spec", "volumes")):
        if claim := given.text("spec", "volumes", i, "volumeClaimName"):
            yield {"name": f"{given.name}-{i}", "persistentVolumeClaim": {"claimName": claim}}


POD_GROUP = Operator(kind=KEPT_AS["scheduling.volcano.sh", "PodGroup"], versions=("v1beta1",), make=pod_group)
JOB = Operator(kind=KEPT_AS["batch.volcano.sh", "Job"], versions=("v1alpha1",), make=pods)
