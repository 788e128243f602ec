"""Jobs: what one look at a Job does about its pods, and whether it ends.

Without failure and success policies and limits per index. Source: pkg/controller/job/job_controller.go (syncJob,
manageJob, getNewFinishedPods, pastBackoffLimitOnFailure), indexed_job_utils.go (calculateSucceededIndexes,
firstPendingIndexes, appendDuplicatedIndexPodsForRemoval), pkg/controller/controller_utils.go (ActivePods).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.differential.reading import (
    Document,
    World,
    active,
    by_key,
    condition,
    controlled_by,
    deleting,
    ended,
    meta,
    moment,
    number,
    phase,
    ready_since,
    selects,
    spec,
    status,
)

Effect = tuple[Any, ...]

INDEX = "batch.kubernetes.io/job-completion-index"
FINALIZER = "batch.kubernetes.io/job-tracking"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    world: World
    job: Document
    pods: Mapping[str, Document]

    @property
    def is_indexed(self) -> bool:
        return spec(self.job).get("completionMode") == "Indexed"

    @property
    def completions(self) -> int | None:
        found = spec(self.job).get("completions")
        return None if found is None else int(found)

    @property
    def replaces_failed_only(self) -> bool:
        return spec(self.job).get("podReplacementPolicy") == "Failed"

    def uncounted(self, outcome: str) -> Sequence[str]:
        return (status(self.job).get("uncountedTerminatedPods") or {}).get(outcome) or ()

    def failed(self, pod: Document) -> bool:
        """isPodFailed."""
        if phase(pod) == "Failed":
            return True
        return not self.replaces_failed_only and deleting(pod) and phase(pod) != "Succeeded"

    def counts(self, pod: Document) -> bool:
        """Whether a pod has still to be counted."""
        if FINALIZER not in (meta(pod).get("finalizers") or ()):
            return False
        return not self.is_indexed or 0 <= _index(pod) < (self.completions or 0)

    @property
    def succeeded_indexes(self) -> set[int]:
        listed = {
            i for i in _indexes(str(status(self.job).get("completedIndexes") or "")) if i < (self.completions or 0)
        }
        return listed | {_index(pod) for pod in self.pods.values() if self.counts(pod) and phase(pod) == "Succeeded"}

    @property
    def succeeded(self) -> int:
        if self.is_indexed:
            return len(self.succeeded_indexes)
        noted = self.uncounted("succeeded")
        new = [
            p for p in self.pods.values() if self.counts(p) and phase(p) == "Succeeded" and meta(p)["uid"] not in noted
        ]
        return number(status(self.job), "succeeded") + len(noted) + len(new)

    @property
    def failures(self) -> int:
        noted = self.uncounted("failed")
        new = [p for p in self.pods.values() if self.counts(p) and self.failed(p) and meta(p)["uid"] not in noted]
        return number(status(self.job), "failed") + len(noted) + len(new)


def finished(job: Document) -> bool:
    """IsJobFinished."""
    return any((condition(job, name) or {}).get("status") == "True" for name in ("Complete", "Failed"))


def look(world: World) -> Iterator[Effect]:
    """Effects: ``(make job pods, key, n)``, ``(make index, key, i)``, ``(delete, pod)``, ``(turn, key, ...)``."""
    for key, job in by_key(world.of("Job")):
        if not finished(job):
            yield from look_at(world, key)


def look_at(world: World, key: str) -> Iterator[Effect]:
    """The effects for one Job that has not finished; back-off is not heeded."""
    job = world.of("Job")[key]
    pods = {
        name: pod
        for name, pod in by_key(world.of("Pod"))
        if controlled_by(pod, meta(job)["uid"]) and selects(spec(job).get("selector"), meta(pod).get("labels"))
    }
    here = _Look(world=world, job=job, pods=pods)
    living = {name: pod for name, pod in pods.items() if active(pod)}
    decided = any(
        (condition(job, name) or {}).get("status") == "True" for name in ("SuccessCriteriaMet", "FailureTarget")
    )
    reason = "" if decided else _failure(here)
    if reason:
        yield ("turn", key, "FailureTarget", reason)
    if decided or reason:
        yield from (("delete", pod) for pod in living)
        return
    makes: list[Effect] = []
    if not deleting(job):
        effects = list(_manage(here, key, living))
        yield from effects
        makes = effects
    stays = len(living) + sum(
        1 if each[0] == "make index" else each[2] if each[0] == "make job pods" else -1 for each in makes
    )
    wanted = here.completions
    done = here.succeeded >= wanted if wanted is not None else here.succeeded > 0
    if done and stays == 0:
        yield ("turn", key, "SuccessCriteriaMet", "CompletionsReached")


def _failure(here: _Look) -> str:
    limit = number(spec(here.job), "backoffLimit", 6)
    if here.failures > limit or _restarts_exceed(here, limit):
        return "BackoffLimitExceeded"
    deadline, started = spec(here.job).get("activeDeadlineSeconds"), status(here.job).get("startTime")
    if deadline is None or not started or spec(here.job).get("suspend"):
        return ""
    began = moment(str(started)) // 1000 * 1000  # metav1.Time is written in whole seconds
    return "DeadlineExceeded" if began + 1000 * int(deadline) <= here.world.now else ""


def _restarts_exceed(here: _Look, limit: int) -> bool:
    template = spec(spec(here.job).get("template") or {})
    if template.get("restartPolicy") != "OnFailure":
        return False
    restarts = sum(
        int(each.get("restartCount") or 0)
        for pod in here.pods.values()
        if phase(pod) in ("Running", "Pending")
        for field in ("initContainerStatuses", "containerStatuses")
        for each in status(pod).get(field) or ()
    )
    return restarts > 0 if limit == 0 else restarts >= limit


def _manage(here: _Look, key: str, living: Mapping[str, Document]) -> Iterator[Effect]:
    parallelism = number(spec(here.job), "parallelism", 1)
    if spec(here.job).get("suspend"):
        yield from (("delete", pod) for pod in living)
        return
    if here.completions is None:
        want = len(living) if here.succeeded > 0 else parallelism
    else:
        want = max(0, min(here.completions - here.succeeded, parallelism))
    doomed = _doomed(here, living, max(0, len(living) - want))
    if doomed:
        yield from (("delete", pod) for pod in doomed)
        return
    terminating = [pod for pod in here.pods.values() if deleting(pod) and not ended(pod)]
    lacking = want - len(living) - (len(terminating) if here.replaces_failed_only else 0)
    if lacking <= 0:
        return
    if not here.is_indexed:
        yield ("make job pods", key, min(lacking, 500))
        return
    taken = {_index(pod) for pod in living.values()} | here.succeeded_indexes
    if here.replaces_failed_only:
        taken |= {_index(pod) for pod in terminating}
    free = [index for index in range(here.completions or 0) if index not in taken]
    yield from (("make index", key, index) for index in free[: min(lacking, 500)])


def _standing(each: tuple[str, Document]) -> tuple[Any, ...]:
    """ActivePods: those that have come least far first."""
    name, pod = each
    since = ready_since(pod)
    restarts = max((int(c.get("restartCount") or 0) for c in status(pod).get("containerStatuses") or ()), default=0)
    return (
        1 if spec(pod).get("nodeName") else 0,
        {"Pending": 0, "Unknown": 1}.get(phase(pod), 2),
        0 if since is None else 1,
        0 if since is None else -since,
        -restarts,
        -moment(meta(pod).get("creationTimestamp")),
        name,
    )


def _doomed(here: _Look, living: Mapping[str, Document], least: int) -> Sequence[str]:
    """activePodsForRemoval."""
    order = sorted(living.items(), key=_standing)
    if not here.is_indexed:
        return [name for name, _ in order[:least]]
    gone: list[str] = []
    left: list[str] = []
    best: dict[int, str] = {}
    for name, pod in order:
        best[_index(pod)] = name
    for name, pod in order:
        misplaced = not 0 <= _index(pod) < (here.completions or 0) or best[_index(pod)] != name
        (gone if misplaced else left).append(name)
    return [*gone, *left[: max(0, least - len(gone))]]


def _index(pod: Document) -> int:
    text = (meta(pod).get("annotations") or {}).get(INDEX)
    return -1 if text is None else int(text)


def _indexes(text: str) -> set[int]:
    found: set[int] = set()
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found
