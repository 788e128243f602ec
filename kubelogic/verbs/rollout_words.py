"""Why a rollout that is under way goes no further: how far it is, and what its numbers come to after rounding.

Source: kubectl rollout status; pkg/controller/deployment/util/deployment_util.go, ResolveFenceposts:
the surge is rounded up, what may be unavailable down, and one may be unavailable if both come to 0.
"""

from __future__ import annotations

from kubelogic.cluster import Object
from kubelogic.facts.objects import scaled
from kubelogic.facts.schedules import in_zone, next_time
from kubelogic.reconcile.rollouts import daemon_set, deployment, stateful_set

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


def cron_words(obj: Object, now: int) -> str:
    """When a CronJob makes its next Job.

    Args:
        obj: a CronJob without fault.
        now: milliseconds since 1970.
    """
    spec = obj.document.get("spec") or {}
    if spec.get("suspend"):
        return "it is suspended (spec.suspend), and makes none before that is taken away"
    schedule, zone = str(spec["schedule"]), str(spec.get("timeZone") or "")
    due = next_time(schedule, zone, now)
    if due is None:
        return f'its schedule "{schedule}" is never due: it names a day that does not come within five years'
    where = f" ({in_zone(due, zone)} in {zone})" if zone else ""
    return f'its schedule "{schedule}" is due next at {in_zone(due, "")}{where}'


def rollout_words(obj: Object) -> tuple[str, ...]:
    """Sentences about a rollout that still has old pods to replace; empty for any other workload.

    Args:
        obj: a workload as its controllers left it.
    """
    describe = _DESCRIBE.get(obj.kind)
    found = describe(obj) if describe is not None else None
    if found is None or found.complete or not _has_old_pods(obj):
        return ()
    said = (found.message.rstrip("."),)
    return (*said, *_deployment(obj)) if obj.kind == "Deployment" else said


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
    if strategy.get("type") == "Recreate":
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
