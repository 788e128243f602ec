"""Why a rollout that is under way goes no further: how far it is, and what its numbers come to after rounding.

Source: kubectl rollout status; pkg/controller/deployment/util/deployment_util.go, ResolveFenceposts:
the surge is rounded up, what may be unavailable down, and one may be unavailable if both come to 0.
"""

from __future__ import annotations

from collections.abc import Collection

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import metadata
from kubelogic.explain.units import count
from kubelogic.facts.objects import scaled
from kubelogic.reconcile.rollouts import daemon_set, deployment, stateful_set

_ATTACHED = "FailedAttachVolume"
_OLD_ONE_FIRST = (
    "the old pod holds the volume until it goes: strategy Recreate, or maxSurge 0 with maxUnavailable 1, lets it go "
    "first"
)
_DESCRIBE = {"Deployment": deployment, "DaemonSet": daemon_set, "StatefulSet": stateful_set}


def paused_words(obj: Object) -> str:
    """What a Deployment that is paused does not do, and what makes it go on; empty if nothing waits for that."""
    spec, status = obj.document.get("spec") or {}, obj.document.get("status") or {}
    wanted = 1 if spec.get("replicas") is None else int(spec["replicas"])
    updated = int(status.get("updatedReplicas") or 0)
    if obj.kind != "Deployment" or not spec.get("paused") or updated >= wanted:
        return ""
    resume = f"kubectl rollout resume deployment/{obj.name} -n {obj.namespace}"
    return f"pods of its present template: {updated} of {wanted}, and it makes no more; {resume} lets it go on"


def resting(cluster: Cluster) -> tuple[str, ...]:
    """A sentence for each workload that leaves pods on an old template, or unmade, since somebody wants it so.

    Args:
        cluster: as its controllers left it.
    """
    found = [
        f"{each} is paused; {words}."
        for _, each in sorted(cluster.objects("Deployment").items())
        if (words := paused_words(each))
    ]
    for kind in ("DaemonSet", "StatefulSet"):
        for _, each in sorted(cluster.objects(kind).items()):
            if _has_old_pods(each):
                found += [f"{each}, {words}." for words in _left_alone(each)]
    return tuple(found)


def job_words(obj: Object) -> str:
    """Why a Job has no pod.

    Args:
        obj: a Job without pods that has not ended.
    """
    spec = obj.document.get("spec") or {}
    if spec.get("suspend"):
        return "it is suspended"
    return "its parallelism is 0" if spec.get("parallelism") == 0 else "it has no pod at this time"


def rollout_words(obj: Object, *, unwell: Collection[str] = ()) -> tuple[str, ...]:
    """Sentences about a rollout that still has old pods to replace, or leaves some; empty for any other workload.

    Args:
        obj: a workload as its controllers left it.
        unwell: the reasons for which it and its pods are not well, so that it does not end by itself.
    """
    describe = _DESCRIBE.get(obj.kind)
    found = describe(obj) if describe is not None else None
    if found is None:
        return ()
    if paused := paused_words(obj):
        return (f"it is paused; {paused}",)
    left = _left_alone(obj)
    if found.complete or not _has_old_pods(obj):
        return left
    said = (found.message.rstrip("."), *left)
    if obj.kind != "Deployment":
        return said
    first = (_OLD_ONE_FIRST,) if _ATTACHED in unwell and not _is_recreated(obj) else ()
    again = _undo(obj) if found.stuck or set(unwell) - {_ATTACHED} else ()
    return (*said, *_deployment(obj), *first, *again)


def _is_recreated(obj: Object) -> bool:
    return ((obj.document.get("spec") or {}).get("strategy") or {}).get("type") == "Recreate"


def _undo(obj: Object) -> tuple[str, ...]:
    """How to go back to the revision before, where there was one."""
    revision = str((metadata(obj).get("annotations") or {}).get("deployment.kubernetes.io/revision") or "")
    if not revision.isdigit() or int(revision) < 2:
        return ()
    return (f"kubectl rollout undo deployment/{obj.name} -n {obj.namespace} goes back to the template before this one",)


def _left_alone(obj: Object) -> tuple[str, ...]:
    """Which pods keep an old template since the strategy says so, and what gives them the present one."""
    spec, status = obj.document.get("spec") or {}, obj.document.get("status") or {}
    strategy = spec.get("updateStrategy") or {}
    if obj.kind == "DaemonSet":
        wanted = int(status.get("desiredNumberScheduled") or 0)
        updated = int(status.get("updatedNumberScheduled") or 0)
    else:
        wanted = 1 if spec.get("replicas") is None else int(spec["replicas"])
        updated = int(status.get("updatedReplicas") or 0)
    if obj.kind == "Deployment" or updated >= wanted:
        return ()
    told = f"{updated} of {count(wanted, 'pod')} have the present template"
    if strategy.get("type") == "OnDelete":
        return (f"OnDelete: {told}; each of the others gets it when somebody deletes the pod",)
    partition = int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
    if not partition or obj.kind != "StatefulSet":
        return ()
    patch = """'{"spec":{"updateStrategy":{"rollingUpdate":{"partition":0}}}}'"""
    patched = f"kubectl patch statefulset {obj.name} -n {obj.namespace} -p {patch}"
    return (f"partition {partition}: {told}; those below number {partition} keep theirs until {patched}",)


def _has_old_pods(obj: Object) -> bool:
    status = obj.document.get("status") or {}
    match obj.kind:
        case "Deployment":
            return int(status.get("replicas") or 0) > int(status.get("updatedReplicas") or 0)
        case "DaemonSet":
            return int(status.get("currentNumberScheduled") or 0) > int(status.get("updatedNumberScheduled") or 0)
        case _:
            return bool(status.get("updateRevision") != status.get("currentRevision"))


def _deployment(obj: Object) -> tuple[str, ...]:
    spec = obj.document.get("spec") or {}
    replicas = 1 if spec.get("replicas") is None else int(spec["replicas"])
    strategy = spec.get("strategy") or {}
    if _is_recreated(obj):
        return ("strategy Recreate: no new pod is made before all old ones are gone",)
    rolling = strategy.get("rollingUpdate") or {}
    surge, unavailable = rolling.get("maxSurge", "25%"), rolling.get("maxUnavailable", "25%")
    up, down = scaled(surge, replicas, up=True) or 0, scaled(unavailable, replicas, up=False) or 0
    both = not up and not down
    told = [
        f"maxSurge {surge}{_rounded(surge, replicas, up, 'up')}: {replicas + up} pods at most may be there",
        f"maxUnavailable {unavailable}{_rounded(unavailable, replicas, down, 'down')}"
        + ("; as both come to 0, one pod may be away" if both else "")
        + ("" if down or both else ": no old pod may go before a new one is available"),
    ]
    return tuple(told)


def _rounded(value: object, replicas: int, number: int, way: str) -> str:
    return f" of {replicas}, rounded {way}, is {number}" if str(value).endswith("%") else ""
