"""How far rollouts are, in the words of ``kubectl rollout status``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import metadata


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """One workload's rollout. ``stuck``: it missed its deadline or will not go on by itself."""

    kind: str
    key: str
    complete: bool
    message: str
    stuck: bool = False


def rollouts(cluster: Cluster) -> tuple[Rollout, ...]:
    """The rollouts of all Deployments, StatefulSets and DaemonSets, by kind and key."""
    kinds = ("DaemonSet", "Deployment", "StatefulSet")
    found = [rollout_of(obj) for kind in kinds for _, obj in sorted(cluster.objects(kind).items())]
    return tuple(each for each in found if each is not None)


def rollout_of(obj: Object) -> Rollout | None:
    """The rollout of a Deployment, StatefulSet or DaemonSet; None for any other object."""
    match obj.kind:
        case "Deployment":
            return deployment(obj)
        case "StatefulSet":
            return stateful_set(obj)
        case "DaemonSet":
            return daemon_set(obj)
    return None


def deployment(obj: Object) -> Rollout:
    """The rollout of a Deployment. Source: kubectl, rollout_status.go."""
    spec, status = _parts(obj)
    replicas = _number(spec, "replicas", 1)
    if not _is_observed(obj):
        return _waiting(obj, "Waiting for deployment spec update to be observed...")
    reasons = {c["type"]: c.get("reason") for c in status.get("conditions") or ()}
    if reasons.get("Progressing") == "ProgressDeadlineExceeded":
        return _waiting(obj, f'error: deployment "{obj.name}" exceeded its progress deadline', stuck=True)
    updated, total = _number(status, "updatedReplicas"), _number(status, "replicas")
    available = _number(status, "availableReplicas")
    prefix = f'Waiting for deployment "{obj.name}" rollout to finish: '
    if updated < replicas:
        return _waiting(obj, f"{prefix}{updated} out of {replicas} new replicas have been updated...")
    if total > updated:
        return _waiting(obj, f"{prefix}{total - updated} old replicas are pending termination...")
    if available < updated:
        return _waiting(obj, f"{prefix}{available} of {updated} updated replicas are available...")
    return _complete(obj, f'deployment "{obj.name}" successfully rolled out')


def daemon_set(obj: Object) -> Rollout:
    """The rollout of a DaemonSet. Source: kubectl, rollout_status.go."""
    _, status = _parts(obj)
    updated, desired = _number(status, "updatedNumberScheduled"), _number(status, "desiredNumberScheduled")
    available = _number(status, "numberAvailable")
    if _by_hand(obj):
        return _of_pods_made_by_hand(obj, available, desired)
    if not _is_observed(obj):
        return _waiting(obj, "Waiting for daemon set spec update to be observed...")
    prefix = f'Waiting for daemon set "{obj.name}" rollout to finish: '
    if updated < desired:
        return _waiting(obj, f"{prefix}{updated} out of {desired} new pods have been updated...")
    if available < desired:
        return _waiting(obj, f"{prefix}{available} of {desired} updated pods are available...")
    return _complete(obj, f'daemon set "{obj.name}" successfully rolled out')


def stateful_set(obj: Object) -> Rollout:
    """The rollout of a StatefulSet. Source: kubectl, rollout_status.go."""
    spec, status = _parts(obj)
    strategy = spec.get("updateStrategy") or {}
    replicas = _number(spec, "replicas", 1)
    ready, updated = _number(status, "readyReplicas"), _number(status, "updatedReplicas")
    if _by_hand(obj):
        return _of_pods_made_by_hand(obj, ready, replicas)
    if not _is_observed(obj):
        return _waiting(obj, "Waiting for statefulset spec update to be observed...")
    if ready < replicas:
        return _waiting(obj, f"Waiting for {replicas - ready} pods to be ready...")
    partition = _number(strategy.get("rollingUpdate") or {}, "partition")
    if partition:
        if updated < replicas - partition:
            return _waiting(
                obj,
                "Waiting for partitioned roll out to finish: "
                f"{updated} out of {replicas - partition} new pods have been updated...",
            )
        return _complete(obj, f"partitioned roll out complete: {updated} new pods have been updated...")
    if status.get("updateRevision") != status.get("currentRevision"):
        return _waiting(
            obj,
            "waiting for statefulset rolling update to complete "
            f"{updated} pods at revision {status.get('updateRevision')}...",
        )
    return _complete(
        obj,
        "statefulset rolling update complete "
        f"{_number(status, 'currentReplicas')} pods at revision {status.get('currentRevision')}...",
    )


def is_up_to_date(obj: Object) -> bool | None:
    """Whether all pods of a workload are ready and have its present template; None if it has no rollouts."""
    rollout = rollout_of(obj)
    if rollout is None or not rollout.complete or not _by_hand(obj):
        return None if rollout is None else rollout.complete
    spec, status = _parts(obj)
    if obj.kind == "DaemonSet":
        updated, wanted = _number(status, "updatedNumberScheduled"), _number(status, "desiredNumberScheduled")
    else:
        updated, wanted = _number(status, "updatedReplicas"), _number(spec, "replicas", 1)
    return _is_observed(obj) and updated >= wanted


def _by_hand(obj: Object) -> bool:
    """Whether pods of an old template are replaced only when somebody deletes them."""
    strategy = (obj.document.get("spec") or {}).get("updateStrategy") or {}
    return (strategy.get("type") or "RollingUpdate") != "RollingUpdate"


def _of_pods_made_by_hand(obj: Object, ready: int, wanted: int) -> Rollout:
    """With OnDelete there is no rollout to wait for; pods that are not ready are told all the same."""
    if ready < wanted:
        return _waiting(obj, f"{ready} of {wanted} pods are ready (OnDelete)")
    return _complete(obj, "rollout status is only available for RollingUpdate strategy type")


def _parts(obj: Object) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return obj.document.get("spec") or {}, obj.document.get("status") or {}


def _number(fields: Mapping[str, Any], name: str, default: int = 0) -> int:
    value = fields.get(name)
    return default if value is None else int(value)


def _is_observed(obj: Object) -> bool:
    _, status = _parts(obj)
    return _number(status, "observedGeneration") >= int(metadata(obj).get("generation") or 1)


def _waiting(obj: Object, message: str, *, stuck: bool = False) -> Rollout:
    return Rollout(kind=obj.kind, key=obj.key, complete=False, message=message, stuck=stuck)


def _complete(obj: Object, message: str) -> Rollout:
    return Rollout(kind=obj.kind, key=obj.key, complete=True, message=message)
