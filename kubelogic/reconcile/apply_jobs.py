"""Actions on Jobs and on fields of statuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from kubelogic.cluster import naming
from kubelogic.facts.jobs import INDEX_FAILURES, INDEX_IGNORED, intervals
from kubelogic.reconcile.actions import Action, CreatePod
from kubelogic.reconcile.apply_pods import create_pod
from kubelogic.reconcile.draft import Draft
from kubelogic.reconcile.job_actions import (
    ClearStatus,
    CountJobPod,
    CreateIndexedPod,
    NoteJobPod,
    StampStatus,
    WriteJobIndexes,
)

_JOB = "Job"
_UNCOUNTED = "uncountedTerminatedPods"


def create_indexed_pod(draft: Draft, action: CreateIndexedPod) -> None:
    counter = f"{_JOB} {action.job}"
    number = draft.names.get(counter, draft.state.names.get(counter, 0))
    name = naming.pod_name(f"{action.job}-{action.index}", number)
    made = CreatePod(cause=action.cause, pod=name, owner_kind=_JOB, owner=action.job, index=action.index)
    create_pod(draft, made)
    if action.failures < 0:
        return
    notes = {INDEX_FAILURES: str(action.failures)}
    if action.ignored:
        notes[INDEX_IGNORED] = str(action.ignored)
    draft.edit("Pod", name, ["metadata", "annotations"], notes)


def _uncounted(draft: Draft, job: str) -> dict[str, list[str]]:
    obj = draft.get(_JOB, job)
    status = (obj.document.get("status") or {}) if obj is not None else {}
    return {outcome: list(uids) for outcome, uids in (status.get(_UNCOUNTED) or {}).items()}


def note_job_pod(draft: Draft, action: NoteJobPod) -> None:
    waiting = _uncounted(draft, action.job)
    waiting.setdefault(action.outcome, []).append(action.uid)
    draft.edit(_JOB, action.job, ["status"], {_UNCOUNTED: waiting})


def count_job_pod(draft: Draft, action: CountJobPod) -> None:
    obj = draft.get(_JOB, action.job)
    waiting = _uncounted(draft, action.job)
    if obj is None or action.uid not in waiting.get(action.outcome, ()):
        return
    waiting[action.outcome].remove(action.uid)
    before = int((obj.document.get("status") or {}).get(action.outcome) or 0)
    kept = {outcome: uids for outcome, uids in waiting.items() if uids}
    draft.edit(_JOB, action.job, ["status"], {_UNCOUNTED: kept, action.outcome: before + 1})


def write_job_indexes(draft: Draft, action: WriteJobIndexes) -> None:
    text = intervals(int(row[0]) for row in action.rows if int(row[0]) >= 0)
    draft.edit(_JOB, action.job, ["status"], {f"{action.outcome}Indexes": text})


def stamp_status(draft: Draft, action: StampStatus) -> None:
    draft.edit(action.kind, action.key, ["status"], {action.field: draft.now})


def clear_status(draft: Draft, action: ClearStatus) -> None:
    draft.edit(action.kind, action.key, ["status"], {action.field: None})


APPLIERS: Mapping[type[Action], Callable[[Draft, Any], None]] = MappingProxyType(
    {
        CreateIndexedPod: create_indexed_pod,
        NoteJobPod: note_job_pod,
        CountJobPod: count_job_pod,
        WriteJobIndexes: write_job_indexes,
        StampStatus: stamp_status,
        ClearStatus: clear_status,
    }
)
