"""Pods of controllers that the API server does not take: what becomes of the pod, and what the controller remembers."""

from __future__ import annotations

from kubelogic.cluster import Object
from kubelogic.facts.workloads import replica_set_constant
from kubelogic.reconcile.admission.limits import admit_claim_by_limits, admit_pod_by_limits
from kubelogic.reconcile.admission.objects import admit_claim, refuse_in_ending_namespace, refuse_unknown_priority
from kubelogic.reconcile.admission.quota import admit_by_quota
from kubelogic.reconcile.answers import Answer, Refused
from kubelogic.reconcile.draft import Draft
from kubelogic.reconcile.state import Memory, State

_FIRST_RETRY = 5
_LAST_RETRY = 1_000_000
"""Milliseconds after which a refused controller tries again, doubled each time. Source: client-go's rate limiter."""

_FIRST_RETRY_OF_JOB = 1000
_LAST_RETRY_OF_JOB = 60_000
"""The same for Jobs. Source: job controller, DefaultJobApiBackOff and MaxJobApiBackOff."""


_MOST_DOUBLINGS = 32

_UNTIL = ("pod refused until", "cron job refused until")
"""Topics of the memory that say when a controller tries again."""

_ONE_BY_ONE = frozenset({"StatefulSet", "DaemonSet"})
"""Kinds whose controllers forget a refusal when a pod was taken; others do when no pod is missing."""


def waiting_for_retry(state: State) -> frozenset[str]:
    """Whose objects were refused and will be tried again later: names as in the topics of the memory."""
    due = {where: int(value) for where, value in state.memory.items() if where[0] in _UNTIL}
    later = [where for where, moment in due.items() if moment > state.now]
    return frozenset(key if topic == _UNTIL[0] else replica_set_constant("CronJob", key) for topic, key in later)


def next_retry(memory: Memory, owner: str) -> int | None:
    """When an owner tries again to make what was refused: milliseconds of the simulated clock, or None.

    Args:
        memory: of a state.
        owner: named as in ``waiting_for_retry``.
    """
    job = owner.removeprefix("CronJob ")
    found = memory.get(("pod refused until", owner)) if job == owner else memory.get(("cron job refused until", job))
    return None if found is None else int(found)


def admit_created_pod(draft: Draft, pod: Object, owner: Object) -> bool:
    """Admit a pod that a controller made in the draft, or take it away again.

    In a namespace that is being deleted controllers give up without a word; otherwise they remember the refusal, and
    when to try again.

    Returns:
        Whether the controller got no error.
    """
    constant = replica_set_constant(owner.kind, owner.key)
    refusal = refuse_in_ending_namespace(draft, pod)
    if refusal is not None:
        _take_back(draft, pod)
        draft.memory["pod refused until", constant] = draft.state.now + _LAST_RETRY
        return True
    refusal = refuse_unknown_priority(draft, pod) or admit_pod_by_limits(draft, pod)
    if refusal is None:
        refusal = admit_by_quota(draft, draft.get(pod.kind, pod.key) or pod)
    if refusal is None:
        if owner.kind in _ONE_BY_ONE and ("pod refusals", constant) in draft.state.memory:
            for topic in ("pod refusals", "pod refused", "pod refused until"):
                draft.memory[topic, constant] = None
        return True
    _take_back(draft, pod)
    draft.refused.append(Refused(kind=pod.kind, owner_kind=owner.kind, owner=owner.key, answer=refusal))
    first, last = (_FIRST_RETRY_OF_JOB, _LAST_RETRY_OF_JOB) if owner.kind == "Job" else (_FIRST_RETRY, _LAST_RETRY)
    _hold_back(draft, constant, refusal, first, last)
    return False


def admit_created_claim(draft: Draft, claim: Object, owner: Object) -> bool:
    """Admit a claim that was made for a StatefulSet or a pod in the draft, or take it away again.

    Returns:
        Whether the claim is there.
    """
    refusal = refuse_in_ending_namespace(draft, claim)
    for admit in (admit_claim, admit_claim_by_limits, admit_by_quota):
        present = draft.get(claim.kind, claim.key)
        if refusal is None and present is not None:
            refusal = admit(draft, present)
    if refusal is None:
        return True
    _take_back(draft, claim)
    draft.refused.append(Refused(kind=claim.kind, owner_kind=owner.kind, owner=owner.key, answer=refusal))
    _hold_back(draft, replica_set_constant(owner.kind, owner.key), refusal, _FIRST_RETRY, _LAST_RETRY)
    return False


def admit_created_replica_set(draft: Draft, made: Object, owner: Object) -> bool:
    """Admit a ReplicaSet that a Deployment made in the draft, or take it away again.

    Returns:
        Whether the ReplicaSet is there.
    """
    refusal = refuse_in_ending_namespace(draft, made) or admit_by_quota(draft, made)
    if refusal is None:
        return True
    _take_back(draft, made)
    draft.refused.append(Refused(kind=made.kind, owner_kind=owner.kind, owner=owner.key, answer=refusal))
    _hold_back(draft, replica_set_constant(owner.kind, owner.key), refusal, _FIRST_RETRY, _LAST_RETRY)
    return False


def _hold_back(draft: Draft, constant: str, refusal: Answer, first: int, last: int) -> None:
    """Remember a refusal, once a tick, and when to try again."""
    if ("pod refused until", constant) in draft.memory:
        return
    count = int(draft.state.memory.get(("pod refusals", constant), 0)) + 1
    draft.memory["pod refusals", constant] = count
    draft.memory["pod refused", constant] = refusal.message
    draft.memory["pod refused until", constant] = draft.state.now + _pause(count, first, last)


def admit_created_job(draft: Draft, job: Object, owner: Object) -> bool:
    """Admit a Job that a CronJob made in the draft, or take it away again and remember when to try anew.

    Returns:
        Whether the Job is there.
    """
    refusal = refuse_in_ending_namespace(draft, job) or admit_by_quota(draft, job)
    if refusal is None:
        draft.memory["cron job refusals", owner.key] = None
        draft.memory["cron job refused until", owner.key] = None
        return True
    _take_back(draft, job)
    draft.refused.append(Refused(kind=job.kind, owner_kind=owner.kind, owner=owner.key, answer=refusal))
    count = int(draft.state.memory.get(("cron job refusals", owner.key), 0)) + 1
    draft.memory["cron job refusals", owner.key] = count
    draft.memory["cron job refused until", owner.key] = draft.state.now + _pause(count, _FIRST_RETRY, _LAST_RETRY)
    return False


def _pause(count: int, first: int, last: int) -> int:
    return min(first << min(count - 1, _MOST_DOUBLINGS), last)


def _take_back(draft: Draft, obj: Object) -> None:
    draft.changed.pop((obj.kind, obj.key))
    draft.undone = True
