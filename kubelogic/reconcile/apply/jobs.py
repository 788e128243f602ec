"""Actions on Jobs and on fields of statuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelogic.apiserver.posting import amend, post
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object, naming
from kubelogic.cluster.clock import timestamp
from kubelogic.cluster.edit import uid_of
from kubelogic.facts.jobs import INDEX_FAILURES, INDEX_IGNORED, intervals
from kubelogic.facts.schedules import in_zone
from kubelogic.kinds.validation import admit
from kubelogic.reconcile import actions, job_actions
from kubelogic.reconcile.apply.pods import create_pod
from kubelogic.reconcile.refusals import note_job

_JOB = "Job"
_CRON_JOB = "CronJob"
SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"
_UNCOUNTED = "uncountedTerminatedPods"


def create_indexed_pod(tx: Transaction, action: job_actions.CreateIndexedPod) -> None:
    counter = f"{_JOB} {action.job}"
    number = tx.names.get(counter, tx.state.names.get(counter, 0))
    name = naming.pod_name(f"{action.job}-{action.index}", number)
    made = actions.CreatePod(cause=action.cause, pod=name, owner_kind=_JOB, owner=action.job, index=action.index)
    create_pod(tx, made)
    if action.failures < 0:
        return
    notes = {INDEX_FAILURES: str(action.failures)}
    if action.ignored:
        notes[INDEX_IGNORED] = str(action.ignored)
    tx.edit("Pod", name, ["metadata", "annotations"], notes)  # part of what was sent to make it


def _uncounted(tx: Transaction, job: str) -> dict[str, list[str]]:
    obj = tx.get(_JOB, job)
    status = (obj.document.get("status") or {}) if obj is not None else {}
    return {outcome: list(uids) for outcome, uids in (status.get(_UNCOUNTED) or {}).items()}


def note_job_pod(tx: Transaction, action: job_actions.NoteJobPod) -> None:
    waiting = _uncounted(tx, action.job)
    waiting.setdefault(action.outcome, []).append(action.uid)
    tx.edit(_JOB, action.job, ["status"], {_UNCOUNTED: waiting})


def count_job_pod(tx: Transaction, action: job_actions.CountJobPod) -> None:
    obj = tx.get(_JOB, action.job)
    waiting = _uncounted(tx, action.job)
    if obj is None or action.uid not in waiting.get(action.outcome, ()):
        return
    waiting[action.outcome].remove(action.uid)
    before = int((obj.document.get("status") or {}).get(action.outcome) or 0)
    kept = {outcome: uids for outcome, uids in waiting.items() if uids}
    tx.edit(_JOB, action.job, ["status"], {_UNCOUNTED: kept, action.outcome: before + 1})


def write_job_indexes(tx: Transaction, action: job_actions.WriteJobIndexes) -> None:
    text = intervals(int(row[0]) for row in action.rows if int(row[0]) >= 0)
    written = text or None if action.outcome == "completed" else text
    tx.edit(_JOB, action.job, ["status"], {f"{action.outcome}Indexes": written})


def stamp_status(tx: Transaction, action: job_actions.StampStatus) -> None:
    tx.edit(action.kind, action.key, ["status"], {action.field: tx.now})


def clear_status(tx: Transaction, action: job_actions.ClearStatus) -> None:
    tx.edit(action.kind, action.key, ["status"], {action.field: None})


def date_status(tx: Transaction, action: job_actions.DateStatus) -> None:
    tx.edit(action.kind, action.key, ["status"], {action.field: timestamp(action.t)})


# -- CronJobs ------------------------------------------------------------------------------------------------


def _listed(tx: Transaction, cron_job: str) -> list[dict[str, Any]]:
    obj = tx.get(_CRON_JOB, cron_job)
    return list(((obj.document.get("status") or {}).get("active") if obj is not None else None) or ())


def end_cron_run(tx: Transaction, action: job_actions.EndCronRun) -> None:
    kept = [reference for reference in _listed(tx, action.cron_job) if reference.get("uid") != action.uid]
    tx.edit(_CRON_JOB, action.cron_job, ["status"], {"active": kept or None})


def start_cron_run(tx: Transaction, action: job_actions.StartCronRun) -> None:
    """Source: cronjob controller, getJobFromTemplate2; a Job that is there already is only listed."""
    owner = tx.get(_CRON_JOB, action.cron_job)
    if owner is None:
        return
    job = tx.get(_JOB, action.job) or _new_run(tx, owner, action)
    if job is None:
        return
    reference = {
        "apiVersion": job.api_version,
        "kind": _JOB,
        "name": job.name,
        "namespace": job.namespace,
        "uid": uid_of(job),
    }
    fields = {"active": [*_listed(tx, action.cron_job), reference], "lastScheduleTime": timestamp(action.t)}
    tx.edit(_CRON_JOB, action.cron_job, ["status"], fields)


def _new_run(tx: Transaction, owner: Object, action: job_actions.StartCronRun) -> Object | None:
    made: Mapping[str, Any] = owner.document["spec"]["jobTemplate"]
    meta = made.get("metadata") or {}
    zone = owner.document["spec"].get("timeZone") or ""
    annotations = {**(meta.get("annotations") or {}), SCHEDULED: in_zone(action.t, zone)}
    document = {
        "apiVersion": "batch/v1",
        "kind": _JOB,
        "metadata": {
            "name": action.job.rpartition("/")[2],
            "annotations": annotations,
            **({"labels": meta["labels"]} if meta.get("labels") else {}),
        },
        "spec": made.get("spec") or {},
    }
    full = admit(document, namespace=owner.namespace).document
    posted = post(tx, api_version="batch/v1", kind=_JOB, key=action.job, document=full, owner=owner)
    return tx.get(_JOB, action.job) if note_job(tx, posted, owner) else None


def scale_target(tx: Transaction, action: job_actions.ScaleTarget) -> None:
    amend(tx, action.kind, action.key, ["spec"], {"replicas": action.replicas})
