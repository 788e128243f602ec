"""What is to be said of the schedule of a CronJob: when it is due, how its last Job ended, what holds the next one.

Source: pkg/controller/cronjob/cronjob_controllerv2.go (syncCronJob) of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.pods import controller_reference
from kubelogic.cluster.state import State
from kubelogic.explain.units import some
from kubelogic.facts.jobs import whole_second
from kubelogic.facts.schedules import in_zone, next_time, recent_time
from kubelogic.logic import Rulebook
from kubelogic.reconcile.apply.jobs import SCHEDULED
from kubelogic.reconcile.relations import Relations
from kubelogic.verbs.checking.relational import sentence_of
from kubelogic.verbs.finished_jobs import finished_words

_LATE = "KL318"
"""The finding about one that may miss its time. Of one that is never due, the sentence about its schedule tells."""

_POLICIES: Mapping[str, str] = {
    "Allow": "the next one starts beside it all the same",
    "Forbid": "the next one does not start before it has ended",
    "Replace": "the next one takes its place: it is deleted when that is due",
}
"""What a concurrencyPolicy means while a Job runs."""


def schedule_words(rulebook: Rulebook, state: State, obj: Object, start: int) -> tuple[str, ...]:
    """Sentences about the schedule of a CronJob; none for other workloads, and for one that was refused.

    Args:
        rulebook: the rules of the run.
        state: as the run left it.
        obj: any workload of that state or of the input.
        start: when the run began, in milliseconds since 1970. A run ends when it is left, not when something is due.
    """
    if obj.kind != "CronJob" or state.cluster.get(obj.kind, obj.key) is None:
        return ()
    jobs = sorted(_jobs(state.cluster, obj), key=lambda job: (_moment(job), job.name))
    running = [job.name for job in jobs if not finished_words(job, ())]
    held = _held(state.cluster, obj, start)
    return (
        *held,
        _due(obj, start),
        *([] if held else _policy(obj, running)),
        _last(obj, jobs),
        *_late(rulebook, state, obj),
    )


def _due(obj: Object, start: int) -> str:
    """When it makes its next Job."""
    spec, status = _parts(obj)
    if spec.get("suspend"):
        return "it is suspended (spec.suspend), and makes none before that is taken away"
    schedule, zone = str(spec["schedule"]), str(spec.get("timeZone") or "")
    last = whole_second(status["lastScheduleTime"]) if status.get("lastScheduleTime") else start
    due = next_time(schedule, zone, max(start, last))
    if due is None:
        return f'its schedule "{schedule}" is never due: it names a day that does not come within five years'
    where = f" ({in_zone(due, zone)} in {zone})" if zone else ""
    return f'its schedule "{schedule}" is due next at {in_zone(due, "")}{where}'


def _held(cluster: Cluster, obj: Object, now: int) -> tuple[str, ...]:
    """Which Jobs keep it from starting the one that is due (event JobAlreadyActive), and what ends them."""
    spec, status = _parts(obj)
    if spec.get("concurrencyPolicy") != "Forbid" or spec.get("suspend"):
        return ()
    last = whole_second(status["lastScheduleTime"]) if status.get("lastScheduleTime") else now
    missed = recent_time(str(spec["schedule"]), str(spec.get("timeZone") or ""), last, now)
    listed = [str(each.get("name")) for each in status.get("active") or ()]
    names = [name for name in listed if cluster.get("Job", f"{obj.namespace}/{name}") is not None]
    if missed is None or not names:
        return ()
    return (
        f"Job {some(names, 3)} has not ended, and with concurrencyPolicy Forbid no other starts before: the one of "
        f"{in_zone(missed, '')} did not",
        f"kubectl delete job {names[0]} -n {obj.namespace} ends it; activeDeadlineSeconds in spec.jobTemplate.spec "
        "ends the next ones in time",
    )


def _policy(obj: Object, running: list[str]) -> Iterator[str]:
    """What its concurrencyPolicy means now."""
    spec, _ = _parts(obj)
    policy = str(spec.get("concurrencyPolicy") or "Allow")
    if spec.get("suspend"):
        return
    if running:
        yield f"Job {some(running, 3)} has not ended: with concurrencyPolicy {policy} {_POLICIES[policy]}"
    elif policy != "Allow":
        yield f"no Job of it runs, so that concurrencyPolicy {policy} changes nothing now"


def _last(obj: Object, jobs: list[Object]) -> str:
    """Its last Job, and how that ended."""
    _, status = _parts(obj)
    last, completed = (_parts(jobs[-1])[1] if jobs else {}), status.get("lastSuccessfulTime")
    success = f"; one succeeded last at {completed}" if completed and completed != last.get("completionTime") else ""
    if not jobs:
        if status.get("lastScheduleTime"):
            return f"its last Job, that of {status['lastScheduleTime']}, is not in the input{success}"
        return f"the input has no Job of it, and it has started none{success}"
    job = jobs[-1]
    how = next(iter(finished_words(job, ())), "it has not ended")
    return f"its last Job is {job.name}: {how}{success}; kubelogic explain job/{job.name} -n {job.namespace} tells more"


def _late(rulebook: Rulebook, state: State, obj: Object) -> Iterator[str]:
    """That it may miss its time, as rules find."""
    alone = replace(state, cluster=Cluster.of([obj]))
    for row in sorted(Relations.of(rulebook, alone, ["finding"]).rows("finding"), key=repr):
        if row[0] == _LATE and row[2] == obj.key:
            yield f"{sentence_of(rulebook, row)} [{_LATE}]"


def _jobs(cluster: Cluster, obj: Object) -> Iterator[Object]:
    for job in cluster.objects("Job").values():
        owner = controller_reference(job) or {}
        if job.namespace == obj.namespace and (owner.get("kind"), owner.get("name")) == (obj.kind, obj.name):
            yield job


def _moment(job: Object) -> int:
    """When a Job was due, or else made, in milliseconds since 1970."""
    metadata = job.document["metadata"]
    told = (metadata.get("annotations") or {}).get(SCHEDULED) or metadata.get("creationTimestamp")
    return whole_second(told) if told else 0


def _parts(obj: Object) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return obj.document.get("spec") or {}, obj.document.get("status") or {}
