"""What the API server does not take from controllers, and what would help."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from kubelogic.apiserver.answers import Status
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import metadata, uid_of
from kubelogic.cluster.owners import owner_with_origin, workload
from kubelogic.cluster.pods import has_ended
from kubelogic.cluster.state import State
from kubelogic.facts.workloads import replica_set_constant
from kubelogic.reconcile.refusals import next_retry, own_retries
from kubelogic.reconcile.settle import Refusals
from kubelogic.verbs.results import RefusedObjects, Remedy

_DEFAULT_PARALLELISM = 1


def refused_objects(refusals: Iterable[Refusals], state: State, start: int) -> tuple[RefusedObjects, ...]:
    """The refusals that last, by owner.

    Args:
        refusals: all of a run.
        state: at its end.
        start: its first moment, in milliseconds of the simulated clock.
    """
    last = tuple(refusals)
    made: Counter[str] = _made(state.cluster) if last else Counter()
    found: list[RefusedObjects] = []
    for each in last:
        if each.subject:
            found += _own(each, state, start)
            continue
        owner = state.cluster.get(each.owner_kind, each.owner)
        again = next_retry(state.memory, replica_set_constant(each.owner_kind, each.owner))
        if owner is None or again is None:
            continue
        have = made[uid_of(owner)] if each.kind == "Pod" else 0
        wanted = _wanted(owner) if each.kind == "Pod" else 1
        if have >= wanted:
            continue
        source = owner_with_origin(state.cluster, owner)
        found.append(
            RefusedObjects(
                kind=each.kind,
                owner=str(owner),
                workload=workload(state.cluster, owner),
                missing=wanted - have,
                wanted=wanted,
                reason="FailedCreate",
                message=each.answer.message,
                tries=each.count,
                next_try=max(again - start, 0),
                location=source.place(),
                remedies=tuple(_remedies(each.answer, state.cluster)),
            )
        )
    return tuple(found)


_REASONS = {"make": "FailedCreate", "change": "FailedUpdate", "delete": "FailedDelete"}


def _own(refused: Refusals, state: State, start: int) -> list[RefusedObjects]:
    """What the control plane wanted for itself and still does not get."""
    again = own_retries(state).get(refused.subject)
    if again is None:
        return []
    obj = state.cluster.get(refused.kind, refused.owner)
    source = obj.origin if obj is not None else None
    named = f"{refused.kind} {refused.owner}"
    return [
        RefusedObjects(
            kind=refused.kind,
            owner=named,
            workload=workload(state.cluster, obj) if obj is not None else named,
            missing=int(refused.verb == "make"),
            wanted=int(refused.verb == "make"),
            reason=_REASONS[refused.verb],
            message=refused.answer.message,
            tries=refused.count,
            next_try=max(again - start, 0),
            location=source.locate(("metadata", "name")) if source is not None else None,
            remedies=tuple(_remedies(refused.answer, state.cluster)),
            verb=refused.verb,
        )
    ]


def refused_manifests(left_out: Iterable[tuple[Object, Status]], cluster: Cluster) -> tuple[RefusedObjects, ...]:
    """Objects that were read and that the API server would not take beside the others of a cluster."""
    return tuple(
        RefusedObjects(
            kind=each.kind,
            owner=str(each),
            workload=str(each),
            missing=1,
            wanted=1,
            reason=answer.reason,
            message=answer.message,
            tries=1,
            next_try=None,
            location=each.place(answer.path or ("metadata", "name")),
            remedies=tuple(_remedies(answer, cluster)),
        )
        for each, answer in left_out
    )


def _made(cluster: Cluster) -> Counter[str]:
    """How many living pods each owner has, by uid."""
    made: Counter[str] = Counter()
    for pod in cluster.objects("Pod").values():
        if has_ended(pod):
            continue
        if metadata(pod).get("deletionTimestamp"):
            continue
        made.update(str(ref.get("uid")) for ref in metadata(pod).get("ownerReferences") or () if ref.get("controller"))
    return made


def _wanted(owner: Object) -> int:
    """How many living pods an owner wants."""
    spec, status = owner.document.get("spec") or {}, owner.document.get("status") or {}
    match owner.kind:
        case "DaemonSet":
            return int(status.get("desiredNumberScheduled") or 0)
        case "Job":
            parallelism = spec.get("parallelism")
            most = _DEFAULT_PARALLELISM if parallelism is None else int(parallelism)
            completions = spec.get("completions")
            left = most if completions is None else int(completions) - int(status.get("succeeded") or 0)
            return min(most, left)
        case _:
            replicas = spec.get("replicas")
            return 1 if replicas is None else int(replicas)


def _remedies(answer: Status, cluster: Cluster) -> Iterator[Remedy]:
    for each in answer.obstacles:
        found = cluster.get(each.kind, each.key)
        yield Remedy(
            text=each.remedy,
            object=f"{each.kind} {each.key}",
            location=found.place(each.path) if found is not None else None,
        )
