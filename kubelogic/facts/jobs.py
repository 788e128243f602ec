"""Jobs, and what the Job controller reads of their pods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from kubelogic.cluster import Object
from kubelogic.cluster.clock import milliseconds
from kubelogic.facts.base import Fact, FactModule, reader
from kubelogic.facts.objects import identity_facts, status_facts
from kubelogic.facts.selectors import selector
from kubelogic.text.numbers import whole

TRACKING = "batch.kubernetes.io/job-tracking"
"""The finalizer of pods that their Job has not counted yet."""

INDEX = "batch.kubernetes.io/job-completion-index"
INDEX_FAILURES = "batch.kubernetes.io/job-index-failure-count"
INDEX_IGNORED = "batch.kubernetes.io/job-index-ignored-failure-count"
CONTROLLER = "kubernetes.io/job-controller"
FINISHED = ("Complete", "Failed")

COUNTERS = ("active", "ready", "terminating", "succeeded", "failed")
_POINTERS = ("ready", "terminating")
"""Counters of which the controller tells whether they are 0 or not there."""

_AHEAD = 500
"""How many indexes beyond those that its pods can have a Job is told of; it never makes more pods than it may run."""


def job_facts(obj: Object) -> Iterator[Fact]:
    """Facts of one Job."""
    key = obj.key
    spec: Mapping[str, Any] = obj.document.get("spec") or {}
    status: Mapping[str, Any] = obj.document.get("status") or {}
    yield from identity_facts(obj)
    yield from status_facts(obj, ())
    for name in COUNTERS:
        if name not in _POINTERS or status.get(name) is not None:
            yield "job_counter", (key, name, int(status.get(name) or 0))
    yield "job", (key, obj.namespace)
    yield from _spec_facts(key, spec)
    yield from _policy_facts(key, spec)
    yield from _status_facts(key, spec, status)
    chosen = spec.get("selector")
    if chosen:
        text = selector(chosen)
        yield "job_selector", (key, obj.namespace, text)
        yield "selector", (text,)


def _spec_facts(key: str, spec: Mapping[str, Any]) -> Iterator[Fact]:
    parallelism, completions = spec.get("parallelism"), spec.get("completions")
    if completions is None and parallelism is None:
        completions = 1
    yield "job_parallelism", (key, 1 if parallelism is None else int(parallelism))
    if completions is not None:
        yield "job_completions", (key, int(completions))
    yield "job_mode", (key, spec.get("completionMode") or "NonIndexed")
    per_index = spec.get("backoffLimitPerIndex")
    limit = spec.get("backoffLimit")
    yield "job_backoff_limit", (key, (_UNLIMITED if per_index is not None else 6) if limit is None else int(limit))
    for field, predicate, unit in (
        ("backoffLimitPerIndex", "job_index_backoff_limit", 1),
        ("maxFailedIndexes", "job_max_failed_indexes", 1),
        ("activeDeadlineSeconds", "job_deadline", 1000),
        ("ttlSecondsAfterFinished", "job_ttl", 1000),
    ):
        if spec.get(field) is not None:
            yield predicate, (key, unit * int(spec[field]))
    if spec.get("suspend"):
        yield "job_suspended", (key,)
    if spec.get("podFailurePolicy") or spec.get("podReplacementPolicy") == "Failed":
        yield "job_replaces_failed_only", (key,)
    if spec.get("managedBy") not in (None, CONTROLLER):
        yield "job_managed_elsewhere", (key,)
    pod = (spec.get("template") or {}).get("spec") or {}
    yield "job_restart_policy", (key, pod.get("restartPolicy") or "Always")


_UNLIMITED = 2**31 - 1


def _policy_facts(key: str, spec: Mapping[str, Any]) -> Iterator[Fact]:
    for number, rule in enumerate((spec.get("podFailurePolicy") or {}).get("rules") or ()):
        yield "job_failure_rule", (key, number, rule["action"])
        codes = rule.get("onExitCodes")
        if codes:
            container = codes.get("containerName") or ""
            yield "job_failure_codes", (key, number, codes["operator"], container)
            for code in codes.get("values") or ():
                yield "job_failure_code", (key, number, int(code))
            continue
        for pattern in rule.get("onPodConditions") or ():
            yield "job_failure_condition", (key, number, pattern["type"], pattern.get("status") or "True")
    completions = int(spec.get("completions") or 0)
    for number, rule in enumerate((spec.get("successPolicy") or {}).get("rules") or ()):
        if rule.get("succeededCount") is not None:
            yield "job_success_count", (key, number, int(rule["succeededCount"]))
        if rule.get("succeededIndexes") is not None:
            yield "job_success_names_indexes", (key, number)
            for index in indexes(rule["succeededIndexes"], completions):
                yield "job_success_index", (key, number, index)


def _status_facts(key: str, spec: Mapping[str, Any], status: Mapping[str, Any]) -> Iterator[Fact]:
    if status.get("startTime"):
        yield "job_started", (key, whole_second(status["startTime"]))
    for condition in status.get("conditions") or ():
        if condition["type"] in FINISHED and condition["status"] == "True":
            text = condition.get("lastTransitionTime")
            yield "job_finished", (key, condition["type"], whole_second(text) if text else 0)
    uncounted = status.get("uncountedTerminatedPods") or {}
    for outcome in ("succeeded", "failed"):
        for uid in uncounted.get(outcome) or ():
            yield "job_uncounted", (key, outcome, uid)
    if spec.get("completionMode") != "Indexed":
        return
    completions = int(spec.get("completions") or 0)
    done = list(indexes(status.get("completedIndexes") or "", completions))
    failed = list(indexes(status.get("failedIndexes") or "", completions))
    for index in done:
        yield "job_index_done", (key, index)
    for index in failed:
        yield "job_index_failed", (key, index)
    for outcome in ("completed", "failed"):
        if _last(status.get(f"{outcome}Indexes") or "") >= completions:
            yield "job_lists_beyond", (key, outcome)
    if status.get("failedIndexes") is not None:
        yield "job_says_failed_indexes", (key,)
    ahead = len(done) + len(failed) + 3 * int(spec.get("parallelism") or 0) + _AHEAD
    for index in range(min(completions, ahead)):
        yield "job_index", (key, index)


def indexes(text: str, completions: int) -> Iterator[int]:
    """The numbers below ``completions`` in a list of intervals. What is not a number is passed over.

    >>> list(indexes("0,2-4,7", 4))
    [0, 2, 3]
    """
    for interval in text.split(",") if text else ():
        first, _, last = interval.partition("-")
        low, high = whole(first), whole(last or first)
        if low is not None and high is not None:
            yield from range(low, min(high, completions - 1) + 1)


def _last(text: str) -> int:
    """The greatest number in a list of intervals; -1 if there is none."""
    ends = (interval.rpartition("-")[2] for interval in text.split(","))
    return max((number for end in ends if (number := whole(end)) is not None), default=-1)


def intervals(numbers: Iterable[int]) -> str:
    """Numbers as a list of intervals; two neighbours are not an interval.

    >>> intervals([0, 1, 3, 4, 5])
    '0,1,3-5'
    """
    found: list[list[int]] = []
    for number in sorted(set(numbers)):
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    separators = {0: "", 1: ","}
    return ",".join(
        str(first) if first == last else f"{first}{separators.get(last - first) or '-'}{last}" for first, last in found
    )


def whole_second(text: str) -> int:
    """A moment as the API keeps it: in whole seconds."""
    return milliseconds(text) // 1000 * 1000


# -- pods ----------------------------------------------------------------------------------------------------


def pod_facts(obj: Object) -> Sequence[Fact]:
    """What only Jobs want to know of a pod."""
    meta: Mapping[str, Any] = obj.document.get("metadata") or {}
    annotations = meta.get("annotations") or {}
    if not (annotations or meta.get("finalizers")):
        return ()
    index = whole(annotations.get(INDEX))
    facts: list[Fact] = [] if index is None else [("pod_index", (obj.key, index))]
    if TRACKING in (meta.get("finalizers") or ()):
        facts += [
            ("pod_tracked", (obj.key,)),
            ("pod_index_failures", (obj.key, whole(annotations.get(INDEX_FAILURES)) or 0)),
            ("pod_index_ignored", (obj.key, whole(annotations.get(INDEX_IGNORED)) or 0)),
            ("pod_finished_at", (obj.key, _finished(obj, meta))),
        ]
    return facts


def _finished(obj: Object, meta: Mapping[str, Any]) -> int:
    """When a pod ended, as far as anyone says. Source: job controller, getFinishedTime."""
    status: Mapping[str, Any] = obj.document.get("status") or {}
    sidecars = {
        c["name"]
        for c in (obj.document.get("spec") or {}).get("initContainers") or ()
        if c.get("restartPolicy") == "Always"
    }
    containers = [
        *(status.get("containerStatuses") or ()),
        *(c for c in status.get("initContainerStatuses") or () if c.get("name") in sidecars),
    ]
    ends = [((c.get("state") or {}).get("terminated") or {}).get("finishedAt") for c in containers]
    if ends and all(ends):
        return max(whole_second(str(end)) for end in ends)
    for condition in status.get("conditions") or ():
        if condition["type"] == "Ready" and condition["status"] == "False" and condition.get("lastTransitionTime"):
            return whole_second(condition["lastTransitionTime"])
    if meta.get("deletionTimestamp"):
        return whole_second(meta["deletionTimestamp"]) - 1000 * int(meta.get("deletionGracePeriodSeconds") or 0)
    return whole_second(meta["creationTimestamp"]) if meta.get("creationTimestamp") else 0


def job_labels(job: Object, uid: str) -> dict[str, str]:
    """The labels that the API server adds to the pod template of a Job. Source: the Job strategy, generateSelector."""
    name = job.name
    return {
        "controller-uid": uid,
        "job-name": name,
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
    }


_POD = (
    "metadata.annotations",
    "metadata.creationTimestamp",
    "metadata.deletionGracePeriodSeconds",
    "metadata.deletionTimestamp",
    "metadata.finalizers",
    "spec.initContainers",
    "status.conditions",
    "status.containerStatuses",
    "status.initContainerStatuses",
)

MODULE = FactModule(
    name="jobs",
    extractors={
        "Job": job_facts,
        "Pod": (reader(pod_facts, *_POD, by=_POD),),
    },
)
