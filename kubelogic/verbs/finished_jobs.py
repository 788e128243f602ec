"""How a Job ended: what its controller counted and decided, by which of its fields, and what helps if it failed.

Source: pkg/controller/job/job_controller.go (syncJob, enactJobFinished) of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubelogic.cluster import Object
from kubelogic.cluster.pods import controller_reference, has_ended, node_of, phase_of
from kubelogic.explain.units import count
from kubelogic.facts.jobs import FINISHED
from kubelogic.reconcile.words import exit_words

_PODS_SHOWN = 3

_DECIDED: Mapping[str, tuple[tuple[str, ...], str, str]] = {
    "BackoffLimitExceeded": (
        ("backoffLimit",),
        "more pods failed, or containers were started again more often, than that; no other pod is made",
        "more tries: a larger backoffLimit",
    ),
    "DeadlineExceeded": (
        ("activeDeadlineSeconds",),
        "it took longer than that, waiting for nodes and images included, and its pods were ended",
        "more time: a larger activeDeadlineSeconds, or none",
    ),
    "PodFailurePolicy": (
        ("podFailurePolicy",),
        "a rule of it says FailJob of how a pod failed; no other pod is made",
        "if such a failure may pass: another action in that rule",
    ),
    "MaxFailedIndexesExceeded": (
        ("maxFailedIndexes",),
        "more indexes failed than that; its pods were ended",
        "more tries for each index: a larger backoffLimitPerIndex",
    ),
    "FailedIndexes": (
        ("backoffLimitPerIndex",),
        "every index has succeeded or failed, and some failed more often than that",
        "more tries for each index: a larger backoffLimitPerIndex",
    ),
}
"""By the reason of the condition Failed: the fields that decided it, what they mean, and which change helps."""


def finished_words(job: Object, pods: Sequence[Object]) -> tuple[str, ...]:
    """Sentences about a Job that has ended, how first; empty for one that has not, and for other workloads.

    Args:
        job: any workload as its controllers left it.
        pods: those of its pods that are there.
    """
    status = job.document.get("status") or {}
    ended = next((each for each in status.get("conditions") or () if _is_end(each)), None)
    if job.kind != "Job" or ended is None:
        return ()
    failed = ended["type"] == "Failed"
    reason = f": {ended['reason']}" if ended.get("reason") else ""
    since = f" (at {ended['lastTransitionTime']})" if ended.get("lastTransitionTime") else ""
    how = f"it has failed{reason}{since}" if failed else f"it is complete{since}"
    return (how, *_counted(job.document), *_of_pods(pods), *(_what_helps(job, ended, pods) if failed else ()))


def _is_end(condition: Mapping[str, Any]) -> bool:
    return condition.get("type") in FINISHED and condition.get("status") == "True"


def _counted(document: Mapping[str, Any]) -> Iterator[str]:
    """How many pods ended how, as the controller counted them."""
    spec, status = document.get("spec") or {}, document.get("status") or {}
    wanted = f" of {spec['completions']}" if spec.get("completions") is not None else ""
    yield f"succeeded: {int(status.get('succeeded') or 0)}{wanted}; failed: {int(status.get('failed') or 0)}"
    if status.get("failedIndexes"):
        yield f"failed indexes: {status['failedIndexes']}"
    if spec.get("ttlSecondsAfterFinished") is not None:
        yield f"ttlSecondsAfterFinished is {spec['ttlSecondsAfterFinished']}: so long after its end it is deleted"


def _of_pods(pods: Sequence[Object]) -> Iterator[str]:
    """What became of its pods, those that failed first."""
    ended = sorted((pod for pod in pods if has_ended(pod)), key=lambda pod: (phase_of(pod), pod.key))
    for pod in ended[:_PODS_SHOWN]:
        where = f" on {node_of(pod)}" if node_of(pod) else ""
        yield f"pod {pod.name}{where}: {_end_of(pod)}"
    if len(ended) > _PODS_SHOWN:
        yield f"and {count(len(ended) - _PODS_SHOWN, 'pod')} more that ended"


def _end_of(pod: Object) -> str:
    status = pod.document.get("status") or {}
    told = [str(status["reason"])] if status.get("reason") else []
    for each in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        found = (each.get("state") or {}).get("terminated") or {}
        if found.get("exitCode"):
            why = f" ({found['reason']})" if found.get("reason") else ""
            told.append(exit_words(str(each.get("name")), int(found["exitCode"])) + why)
    return f"{phase_of(pod)}" + (f": {'; '.join(told)}" if told else "")


def _what_helps(job: Object, ended: Mapping[str, Any], pods: Sequence[Object]) -> Iterator[str]:
    spec = job.document.get("spec") or {}
    fields, means, change = _DECIDED.get(str(ended.get("reason")), ((), "", ""))
    for field in fields:
        value = spec.get(field)
        yield f"{field}{f' is {value}' if isinstance(value, int) else ''}: {means}"
    failed = next((pod for pod in pods if phase_of(pod) == "Failed"), None)
    if failed is not None:
        yield f"kubectl logs {failed.name} -n {job.namespace} shows what its containers said"
    owner = controller_reference(job)
    if owner is not None:
        yield f"{owner.get('kind')} {owner.get('name')} made it, and makes others as its own spec says"
    delete = f"kubectl delete job {job.name} -n {job.namespace}"
    again = f"{delete}, and make it anew: a Job that has ended starts no pod again"
    yield again + (f"; {change}" if change else "")
