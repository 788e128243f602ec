"""Objects of controllers that the API server does not take: what becomes of them, and what the controller remembers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from kubelogic.apiserver.admission import namespace_lifecycle
from kubelogic.apiserver.answers import Refused, Status
from kubelogic.apiserver.posting import Posted
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.state import Memory, State
from kubelogic.facts.ownership import ROOT_CA
from kubelogic.facts.workloads import replica_set_constant
from kubelogic.reconcile import object_actions
from kubelogic.reconcile.actions import Action, CreateControllerRevision, Remember

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


def note_pod(tx: Transaction, posted: Posted, owner: Object) -> bool:
    """Note what became of a pod that a controller sent.

    In a namespace that is being deleted controllers give up without a word; otherwise they remember the refusal, and
    when to try again.

    Returns:
        Whether the controller got no error.
    """
    constant = replica_set_constant(owner.kind, owner.key)
    refusal = posted.refusal
    if refusal is None:
        if owner.kind in _ONE_BY_ONE and ("pod refusals", constant) in tx.state.memory:
            for topic in ("pod refusals", "pod refused", "pod refused until"):
                tx.memory[topic, constant] = None
        return True
    if refusal.kind_of_cause == namespace_lifecycle.ENDING:
        tx.memory["pod refused until", constant] = tx.state.now + tx.parameter(f"{_BACKOFF}_maximum")
        return True
    _refuse(tx, posted.obj, owner, refusal)
    _hold_back(tx, constant, refusal, _BACKOFF_OF_JOB if owner.kind == "Job" else _BACKOFF)
    return False


def note_made(tx: Transaction, posted: Posted, owner: Object) -> bool:
    """Note what became of something that a controller sent beside pods, a claim, say.

    Returns:
        Whether the object is there.
    """
    refusal = posted.refusal
    if refusal is None:
        return True
    _refuse(tx, posted.obj, owner, refusal)
    _hold_back(tx, replica_set_constant(owner.kind, owner.key), refusal, _BACKOFF)
    return False


def note_job(tx: Transaction, posted: Posted, owner: Object) -> bool:
    """Note what became of a Job that a CronJob sent, and when to try anew.

    Returns:
        Whether the Job is there.
    """
    refusal = posted.refusal
    if refusal is None:
        tx.memory["cron job refusals", owner.key] = None
        tx.memory["cron job refused until", owner.key] = None
        return True
    _refuse(tx, posted.obj, owner, refusal)
    _try_later(tx, "cron job", owner.key)
    return False


def _refuse(tx: Transaction, made: Object, owner: Object, refusal: Status) -> None:
    tx.refused.append(Refused(kind=made.kind, owner_kind=owner.kind, owner=owner.key, answer=refusal))


def _hold_back(tx: Transaction, constant: str, refusal: Status, backoff: str) -> None:
    """Remember a refusal, once a tick, and when to try again."""
    if ("pod refused until", constant) not in tx.memory:
        tx.memory["pod refused", constant] = refusal.message
        _try_later(tx, "pod", constant, backoff)


def _try_later(tx: Transaction, what: str, subject: str, backoff: str = _BACKOFF) -> None:
    """Count a refusal, and remember when to try again: each time after twice as long, up to a limit.

    Args:
        tx: what there is by now.
        what: is refused, as topics of the memory name it: ``pod``, ``cron job``, ``own object``.
        subject: what is tried again.
        backoff: the parameter that says how long the first pause is.
    """
    count = int(tx.state.memory.get((f"{what} refusals", subject), 0)) + 1
    tx.memory[f"{what} refusals", subject] = count
    last = tx.parameter(f"{backoff}_maximum")
    pause = min(tx.parameter(backoff) << min(count - 1, last.bit_length()), last)
    tx.memory[f"{what} refused until", subject] = tx.state.now + pause


def _taken(tx: Transaction, subject: str) -> None:
    """Forget that something of the system's own was refused."""
    if (_OWN_UNTIL, subject) in tx.state.memory:
        tx.memory[_OWN_UNTIL, subject] = tx.memory["own object refusals", subject] = None


# -- what the system itself makes: endpoints, revisions, accounts, volumes -------------------------------------


def note_own(tx: Transaction, posted: Posted, *, subject: str) -> bool:
    """Note what became of an object that the system makes for itself: a refusal is tried again later.

    In a namespace that is being deleted its controller gives up without a word.

    Args:
        tx: what there is by now.
        posted: the object and the answer.
        subject: what is tried again, as ``subject_of`` the action names it.

    Returns:
        Whether the object is there.

    Source: client-go, workqueue; endpointslice_controller.go: syncService, for namespaces that end.
    """
    refusal = posted.refusal
    if refusal is None:
        _taken(tx, subject)
        return True
    if refusal.kind_of_cause == namespace_lifecycle.ENDING:
        tx.memory[_OWN_UNTIL, subject] = tx.state.now + tx.parameter(f"{_BACKOFF}_maximum")
        return False
    kind, key = posted.obj.kind, posted.obj.key
    tx.refused.append(Refused(kind=kind, owner_kind=kind, owner=key, answer=refusal, subject=subject))
    _try_later(tx, "own object", subject)
    return False


def note_verdict(tx: Transaction, action: Action) -> None:
    """Note which changes and deletions of an action were denied: whoever sent them tries again later, ever more slowly.

    Source: client-go, workqueue; pkg/controller/replicaset: manageReplicas, as an example of a controller's sync.
    """
    subject = _whole(action)
    if not tx.denied:
        _taken(tx, subject)
        return
    for each in tx.denied:
        tx.refused.append(
            Refused(
                kind=each.kind,
                owner_kind=each.kind,
                owner=each.key,
                answer=each.answer,
                verb=each.verb,
                subject=subject,
            )
        )
    _try_later(tx, "own object", subject)
    tx.denied.clear()


def _whole(action: Action) -> str:
    """An action with all that it says, for actions whose changes are denied."""
    if isinstance(action, object_actions.AssignPodRange):
        return _RANGES
    return f"{action.type} {' '.join(str(value) for value in action.arguments().values())}"


def own_retries(state: State) -> Mapping[str, int]:
    """When the system tries again what was denied to itself, by subject; only what lies ahead."""
    due = ((key, int(value)) for (topic, key), value in state.memory.items() if topic == _OWN_UNTIL)
    return {subject: moment for subject, moment in due if moment > state.now}


_RANGES = "address ranges of nodes"
"""What is tried again when a node may not have its range: not the range, of which the next is another."""


def _counted(action: Remember) -> str:
    """What is counted on for, in the memory; it is not while nothing is made."""
    match action.topic:
        case "endpoint slices":
            return f"EndpointSlices of {action.key}"
        case "next pod range":
            return _RANGES
    return ""


_OWN_UNTIL = "own object refused until"

_MADE: Mapping[type[Action], Callable[[Any], str]] = MappingProxyType(
    {
        object_actions.WriteEndpoints: lambda action: f"Endpoints {action.service}",
        object_actions.WriteSlicePorts: lambda action: f"EndpointSlices of {action.service}",
        object_actions.WriteMirrorPorts: lambda action: f"EndpointSlices of {action.service}",
        object_actions.WriteSlice: lambda action: f"EndpointSlices of {action.service}",
        Remember: _counted,
        object_actions.CreateServiceAccount: lambda action: f"ServiceAccount {action.namespace}/{action.name}",
        object_actions.PublishRootCa: lambda action: f"ConfigMap {action.namespace}/{ROOT_CA}",
        CreateControllerRevision: lambda action: f"ControllerRevision of {action.kind} {action.key}",
        object_actions.SetField: lambda action: f"fields of {action.kind} {action.key}",
        object_actions.CreateObject: lambda action: f"{action.kind} {action.key}",
        object_actions.TakeSnapshot: lambda action: f"VolumeSnapshotContent of {action.snapshot}",
        object_actions.ProvisionVolume: lambda action: f"PersistentVolume of {action.claim}",
    }
)
"""Actions that make an object of the system or count its names, and which."""


def subject_of(action: Action) -> str:
    """What an action makes, as the memory names it; empty if it makes nothing of the system's own."""
    named = _MADE.get(type(action))
    return "" if named is None else named(action)


def held_back(state: State, actions: Iterable[Action]) -> tuple[list[Action], int | None]:
    """The actions without those that would only be refused again, and when the first of these is tried again."""
    later = own_retries(state)
    if not later:
        return list(actions), None
    kept: list[Action] = []
    moments: list[int] = []
    for action in actions:
        until = later.get(subject_of(action)) or later.get(_whole(action))
        if until is not None:
            moments.append(until)
        else:
            kept.append(action)
    return kept, min(moments, default=None)
