"""How many pods each workload has at a moment, and the extremes over many moments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kubelogic.cluster import Cluster
from kubelogic.cluster.edit import metadata, uid_of
from tests.support.names import Names

_RS_HASH = "pod-template-hash"


@dataclass(slots=True, kw_only=True)
class Moment:
    """The pods of one workload at one moment.

    Attributes:
        ready: how many are ready and stay.
        nonterminating: how many stay.
        everything: how many there are.
        specs: how many the ReplicaSets of a Deployment want together; None for other workloads.
        templates: from how many templates the pods of a Deployment with the strategy Recreate were made.
    """

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
            entry = found.setdefault(top or own, Moment())
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
            templates=max(m.templates for m in seen),
        )
    return result


def ordered_sets(cluster: Cluster) -> list[str]:
    """The StatefulSets whose pods come and go one after the other."""
    return [
        each.name
        for each in cluster.objects("StatefulSet").values()
        if (each.document.get("spec") or {}).get("podManagementPolicy") != "Parallel"
        and not metadata(each).get("deletionTimestamp")
    ]


def member_changes(before: Cluster, after: Cluster) -> Iterator[tuple[str, str]]:
    """Which pods of ordered StatefulSets came and went: the set, and the pod with the change."""
    ordered = set(ordered_sets(after))
    removed, added = after.changes_since(before)
    old = {each.key: each for each in removed if each.kind == "Pod"}
    new = {each.key: each for each in added if each.kind == "Pod"}
    for key in sorted({*old, *new}):
        was, now = old.get(key), new.get(key)
        for pod, change, other in ((was, "deleted", now), (now, "added", was)):
            if pod is None or (other is not None and uid_of(pod) == uid_of(other)):
                continue
            owner = next((r["name"] for r in metadata(pod).get("ownerReferences") or () if r.get("controller")), "")
            if owner in ordered:
                yield f"StatefulSet/{owner}", f"{pod.name} {change}"
