"""How many pods each workload has at a moment, and how many it promises to have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import metadata
from kubelogic.testing.names import Names

_RS_HASH = "pod-template-hash"


@dataclass(slots=True, kw_only=True)
class Moment:
    """The pods of one workload at one moment.

    Attributes:
        ready: how many are ready and stay.
        nonterminating: how many stay.
        everything: how many there are.
        specs: how many the ReplicaSets of a Deployment want together; None for other workloads.
        least: how many ready pods a rollout leaves, as the workload promises.
        most: how many pods, but for terminating ones, it may come to.
        templates: from how many templates the pods of a Deployment with the strategy Recreate were made.
    """

    least: int
    most: int
    ready: int = 0
    nonterminating: int = 0
    everything: int = 0
    specs: int | None = None
    templates: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The extremes of one workload's pods over every moment of a step; see ``Moment``."""

    min_ready: int
    max_nonterminating: int
    max_including_terminating: int
    max_sum_of_replicaset_specs: int | None
    least: int
    most: int
    templates: int


def owner_moments(cluster: Cluster, names: Names) -> dict[str, Moment]:
    """Per owner (Deployment, StatefulSet, DaemonSet, bare ReplicaSet) what its pods are like.

    An owner counts from the moment at which its controller has seen it: only then does it own its pods.
    """
    found: dict[str, Moment] = {}
    above: dict[str, str] = {}
    recreate: dict[str, set[str]] = {}
    for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"):
        for obj in cluster.objects(kind).values():
            top = names.owner(obj) if kind == "ReplicaSet" else ""
            if not top and not (obj.document.get("status") or {}).get("observedGeneration"):
                continue
            own = f"{kind}/{names.name(obj)}"
            above[own] = top or own
            entry = found.setdefault(top or own, _promise(obj))
            spec = obj.document.get("spec") or {}
            if kind == "ReplicaSet" and top.startswith("Deployment"):
                entry.specs = (entry.specs or 0) + int(spec.get("replicas", 1))
            if (spec.get("strategy") or {}).get("type") == "Recreate":
                recreate[own] = set()
    for pod in cluster.objects("Pod").values():
        owner = above.get(names.owner(pod), "")
        if owner not in found:
            continue
        entry = found[owner]
        entry.everything += 1
        ended = (pod.document.get("status") or {}).get("phase") in ("Succeeded", "Failed")
        if owner in recreate and not ended:
            recreate[owner].add(str((metadata(pod).get("labels") or {}).get(_RS_HASH)))
            entry.templates = len(recreate[owner])
        if not metadata(pod).get("deletionTimestamp"):
            entry.nonterminating += 1
            conditions = (pod.document.get("status") or {}).get("conditions") or ()
            if any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions):
                entry.ready += 1
    return found


def bounds(moments: Sequence[Mapping[str, Moment]]) -> dict[str, Bounds]:
    """The extremes over all moments, for owners that existed at some of them."""
    result: dict[str, Bounds] = {}
    for owner in sorted({owner for moment in moments for owner in moment}):
        seen = [moment[owner] for moment in moments if owner in moment]
        specs = [m.specs for m in seen if m.specs is not None]
        result[owner] = Bounds(
            min_ready=min(m.ready for m in seen),
            max_nonterminating=max(m.nonterminating for m in seen),
            max_including_terminating=max(m.everything for m in seen),
            max_sum_of_replicaset_specs=max(specs) if specs else None,
            least=min(m.least for m in seen),
            most=max(m.most for m in seen),
            templates=max(m.templates for m in seen),
        )
    return result


def _promise(obj: Object) -> Moment:
    spec, status = obj.document.get("spec") or {}, obj.document.get("status") or {}
    replicas = int(spec.get("replicas", 1))
    match obj.kind:
        case "Deployment":
            strategy = spec.get("strategy") or {}
            if strategy.get("type") == "Recreate":
                return Moment(least=0, most=replicas)
            pace = strategy.get("rollingUpdate") or {}
            surge = _amount(pace.get("maxSurge", "25%"), replicas, up=True)
            unavailable = _amount(pace.get("maxUnavailable", "25%"), replicas, up=False)
            return Moment(least=replicas - (unavailable or int(not surge)), most=replicas + surge)
        case "DaemonSet":
            desired = int(status.get("desiredNumberScheduled") or 0)
            pace = (spec.get("updateStrategy") or {}).get("rollingUpdate") or {}
            surge = _amount(pace.get("maxSurge", 0), desired, up=True)
            unavailable = _amount(pace.get("maxUnavailable", 1), desired, up=True)
            return Moment(least=desired - (unavailable or int(not surge)), most=desired + surge)
        case "StatefulSet":
            return Moment(least=replicas - 1, most=replicas)
        case _:
            return Moment(least=replicas, most=replicas)


def _amount(written: Any, total: int, *, up: bool) -> int:
    """A number of pods that may be written as a percentage."""
    if isinstance(written, int):
        return written
    share = int(str(written).removesuffix("%")) * total
    return -(-share // 100) if up else share // 100
