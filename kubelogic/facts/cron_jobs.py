"""CronJobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubelogic.cluster import Object
from kubelogic.facts.base import Fact, FactModule
from kubelogic.facts.jobs import whole_second
from kubelogic.facts.objects import created, identity_facts


def cron_job_facts(obj: Object) -> Iterator[Fact]:
    """Facts of one CronJob."""
    key = obj.key
    spec: Mapping[str, Any] = obj.document.get("spec") or {}
    status: Mapping[str, Any] = obj.document.get("status") or {}
    yield from identity_facts(obj)
    yield "cron_job", (key, obj.namespace)
    yield "cron_schedule", (key, str(spec.get("schedule") or ""), str(spec.get("timeZone") or ""))
    yield "cron_policy", (key, spec.get("concurrencyPolicy") or "Allow")
    if spec.get("suspend"):
        yield "cron_suspended", (key,)
    if spec.get("startingDeadlineSeconds") is not None:
        yield "cron_starting_deadline", (key, 1000 * int(spec["startingDeadlineSeconds"]))
    for field, outcome, usual in (
        ("successfulJobsHistoryLimit", "Complete", 3),
        ("failedJobsHistoryLimit", "Failed", 1),
    ):
        limit = spec.get(field)
        yield "cron_history", (key, outcome, usual if limit is None else int(limit))
    last = status.get("lastScheduleTime")
    if last:
        yield "cron_last", (key, whole_second(last))
    yield (
        "cron_since",
        (key, whole_second(last) if last else created(obj.document.get("metadata") or {}) // 1000 * 1000),
    )
    if status.get("lastSuccessfulTime"):
        yield "cron_last_success", (key, whole_second(status["lastSuccessfulTime"]))
    for reference in status.get("active") or ():
        if reference.get("uid"):
            yield "cron_lists", (key, reference["uid"])


def completion_facts(obj: Object) -> Iterator[Fact]:
    """What CronJobs want to know of a Job."""
    completed = (obj.document.get("status") or {}).get("completionTime")
    if completed:
        yield "job_completed_at", (obj.key, whole_second(completed))


MODULE = FactModule(name="cron jobs", extractors={"CronJob": cron_job_facts, "Job": completion_facts})
