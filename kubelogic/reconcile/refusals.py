"""Objects of controllers that the API server does not take: what becomes of them, and what the controller remembers."""

from __future__ import annotations

from kubelogic.apiserver import chain
from kubelogic.apiserver.admission import namespace_lifecycle
from kubelogic.apiserver.answers import Refused, Status
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.state import Memory, State
from kubelogic.facts.workloads import replica_set_constant

_BACKOFF = "controller_backoff"
_BACKOFF_OF_JOB = "job_api_backoff"
"""Parameters: after how long a refused controller tries again, doubled each time; with ``_maximum``, at most."""

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
    refusal = chain.on_create(tx, pod)
    if refusal is None:
        if owner.kind in _ONE_BY_ONE and ("pod refusals", constant) in tx.state.memory:
            for topic in ("pod refusals", "pod refused", "pod refused until"):
                tx.memory[topic, constant] = None
        return True
    if refusal.kind_of_cause == namespace_lifecycle.ENDING:
        _take_back(tx, pod)
        tx.memory["pod refused until", constant] = tx.state.now + tx.parameter(f"{_BACKOFF}_maximum")
        return True
    _refuse(tx, pod, owner, refusal)
    _hold_back(tx, constant, refusal, _BACKOFF_OF_JOB if owner.kind == "Job" else _BACKOFF)
    return False


def admit_created(tx: Transaction, made: Object, owner: Object) -> bool:
    """Admit what a controller made beside pods in the transaction, a claim, say, or take it away again.

    Returns:
        Whether the object is there.
    """
    refusal = chain.on_create(tx, made)
    if refusal is None:
        return True
    _refuse(tx, made, owner, refusal)
    _hold_back(tx, replica_set_constant(owner.kind, owner.key), refusal, _BACKOFF)
    return False


def admit_created_job(tx: Transaction, job: Object, owner: Object) -> bool:
    """Admit a Job that a CronJob made in the transaction, or take it away again and remember when to try anew.

    Returns:
        Whether the Job is there.
    """
    refusal = chain.on_create(tx, job)
    if refusal is None:
        tx.memory["cron job refusals", owner.key] = None
        tx.memory["cron job refused until", owner.key] = None
        return True
    _refuse(tx, job, owner, refusal)
    count = int(tx.state.memory.get(("cron job refusals", owner.key), 0)) + 1
    tx.memory["cron job refusals", owner.key] = count
    tx.memory["cron job refused until", owner.key] = tx.state.now + _pause(tx, count, _BACKOFF)
    return False


def _refuse(tx: Transaction, made: Object, owner: Object, refusal: Status) -> None:
    _take_back(tx, made)
    tx.refused.append(Refused(kind=made.kind, owner_kind=owner.kind, owner=owner.key, answer=refusal))


def _hold_back(tx: Transaction, constant: str, refusal: Status, backoff: str) -> None:
    """Remember a refusal, once a tick, and when to try again."""
    if ("pod refused until", constant) in tx.memory:
        return
    count = int(tx.state.memory.get(("pod refusals", constant), 0)) + 1
    tx.memory["pod refusals", constant] = count
    tx.memory["pod refused", constant] = refusal.message
    tx.memory["pod refused until", constant] = tx.state.now + _pause(tx, count, backoff)


def _pause(tx: Transaction, count: int, name: str) -> int:
    """Milliseconds until the next try after so many refusals."""
    last = tx.parameter(f"{name}_maximum")
    return min(tx.parameter(name) << min(count - 1, last.bit_length()), last)


def _take_back(tx: Transaction, obj: Object) -> None:
    tx.changed.pop((obj.kind, obj.key))
    tx.undone = True
