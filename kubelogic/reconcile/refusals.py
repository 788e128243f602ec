"""Pods of controllers that the API server does not take: what becomes of the pod, and what the controller remembers."""

from __future__ import annotations

from kubelogic.apiserver.admission.limit_ranger import admit_claim_by_limits, admit_pod_by_limits
from kubelogic.apiserver.admission.objects import admit_claim, refuse_in_ending_namespace, refuse_unknown_priority
from kubelogic.apiserver.admission.resource_quota import admit_by_quota
from kubelogic.apiserver.answers import Refused, Status
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.state import Memory, State
from kubelogic.facts.workloads import replica_set_constant

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


def admit_created_pod(tx: Transaction, pod: Object, owner: Object) -> bool:
    """Admit a pod that a controller made in the transaction, or take it away again.

    In a namespace that is being deleted controllers give up without a word; otherwise they remember the refusal, and
    when to try again.

    Returns:
        Whether the controller got no error.
    """
    constant = replica_set_constant(owner.kind, owner.key)
    refusal = refuse_in_ending_namespace(tx, pod)
    if refusal is not None:
        _take_back(tx, pod)
        tx.memory["pod refused until", constant] = tx.state.now + _LAST_RETRY
        return True
    refusal = refuse_unknown_priority(tx, pod) or admit_pod_by_limits(tx, pod)
    if refusal is None:
        refusal = admit_by_quota(tx, tx.get(pod.kind, pod.key) or pod)
    if refusal is None:
        if owner.kind in _ONE_BY_ONE and ("pod refusals", constant) in tx.state.memory:
            for topic in ("pod refusals", "pod refused", "pod refused until"):
                tx.memory[topic, constant] = None
        return True
    _take_back(tx, pod)
    tx.refused.append(Refused(kind=pod.kind, owner_kind=owner.kind, owner=owner.key, answer=refusal))
    first, last = (_FIRST_RETRY_OF_JOB, _LAST_RETRY_OF_JOB) if owner.kind == "Job" else (_FIRST_RETRY, _LAST_RETRY)
    _hold_back(tx, constant, refusal, first, last)
    return False


def admit_created_claim(tx: Transaction, claim: Object, owner: Object) -> bool:
    """Admit a claim that was made for a StatefulSet or a pod in the transaction, or take it away again.

    Returns:
        Whether the claim is there.
    """
    refusal = refuse_in_ending_namespace(tx, claim)
    for admit in (admit_claim, admit_claim_by_limits, admit_by_quota):
        present = tx.get(claim.kind, claim.key)
        if refusal is None and present is not None:
            refusal = admit(tx, present)
    if refusal is None:
        return True
    _take_back(tx, claim)
    tx.refused.append(Refused(kind=claim.kind, owner_kind=owner.kind, owner=owner.key, answer=refusal))
    _hold_back(tx, replica_set_constant(owner.kind, owner.key), refusal, _FIRST_RETRY, _LAST_RETRY)
    return False


def admit_created_replica_set(tx: Transaction, made: Object, owner: Object) -> bool:
    """Admit a ReplicaSet that a Deployment made in the transaction, or take it away again.

    Returns:
        Whether the ReplicaSet is there.
    """
    refusal = refuse_in_ending_namespace(tx, made) or admit_by_quota(tx, made)
    if refusal is None:
        return True
    _take_back(tx, made)
    tx.refused.append(Refused(kind=made.kind, owner_kind=owner.kind, owner=owner.key, answer=refusal))
    _hold_back(tx, replica_set_constant(owner.kind, owner.key), refusal, _FIRST_RETRY, _LAST_RETRY)
    return False


def _hold_back(tx: Transaction, constant: str, refusal: Status, first: int, last: int) -> None:
    """Remember a refusal, once a tick, and when to try again."""
    if ("pod refused until", constant) in tx.memory:
        return
    count = int(tx.state.memory.get(("pod refusals", constant), 0)) + 1
    tx.memory["pod refusals", constant] = count
    tx.memory["pod refused", constant] = refusal.message
    tx.memory["pod refused until", constant] = tx.state.now + _pause(count, first, last)


def admit_created_job(tx: Transaction, job: Object, owner: Object) -> bool:
    """Admit a Job that a CronJob made in the transaction, or take it away again and remember when to try anew.

    Returns:
        Whether the Job is there.
    """
    refusal = refuse_in_ending_namespace(tx, job) or admit_by_quota(tx, job)
    if refusal is None:
        tx.memory["cron job refusals", owner.key] = None
        tx.memory["cron job refused until", owner.key] = None
        return True
    _take_back(tx, job)
    tx.refused.append(Refused(kind=job.kind, owner_kind=owner.kind, owner=owner.key, answer=refusal))
    count = int(tx.state.memory.get(("cron job refusals", owner.key), 0)) + 1
    tx.memory["cron job refusals", owner.key] = count
    tx.memory["cron job refused until", owner.key] = tx.state.now + _pause(count, _FIRST_RETRY, _LAST_RETRY)
    return False


def _pause(count: int, first: int, last: int) -> int:
    return min(first << min(count - 1, _MOST_DOUBLINGS), last)


def _take_back(tx: Transaction, obj: Object) -> None:
    tx.changed.pop((obj.kind, obj.key))
    tx.undone = True
