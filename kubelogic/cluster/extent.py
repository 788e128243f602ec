"""How many pods a cluster asks for, and how many are more than anything here is made for."""

from __future__ import annotations

from collections.abc import Iterator

from kubelogic.cluster.cluster import Cluster
from kubelogic.cluster.objects import Object

MOST_PODS = 200_000
"""Pods of a cluster, at most. Kubernetes is built for 150,000. Docs: setup/best-practices/cluster-large."""


class TooManyPodsError(Exception):
    """More pods are asked for than any cluster has: nothing is known of where they go."""


def check_extent(cluster: Cluster) -> None:
    """Refuse to think about more pods than any cluster has.

    Raises:
        TooManyPodsError: says how many, and who asks for the most, with its place.
    """
    counts = sorted(_asked(cluster), key=lambda each: (-each[0], each[1].kind, each[1].key))
    total = sum(count for count, _, _ in counts)
    if total <= MOST_PODS or not counts:
        return
    count, most, path = counts[0]
    place = f" ({most.origin.locate(path)})" if most.origin is not None else ""
    raise TooManyPodsError(
        f"{most} asks for {count:,} pods{place}, and {total:,} are asked for in all: more than {MOST_PODS:,} are not "
        "looked at, as no cluster has so many (Kubernetes is built for 150,000), so nothing is known of where they go"
    )


def _asked(cluster: Cluster) -> Iterator[tuple[int, Object, tuple[str, ...]]]:
    """How many pods each object wants at once, and the field that says so."""
    for kind in ("Deployment", "ReplicaSet", "ReplicationController", "StatefulSet"):
        for each in cluster.objects(kind).values():
            if kind == "ReplicaSet" and (each.document.get("metadata") or {}).get("ownerReferences"):
                continue
            yield _number(each, "replicas"), each, ("spec", "replicas")
    for each in cluster.objects("Job").values():
        spec = each.document.get("spec") or {}
        at_once, whole = _number(each, "parallelism"), _number(each, "completions")
        if not spec.get("suspend"):
            yield (
                (min(at_once, whole) if spec.get("completions") is not None else at_once),
                each,
                ("spec", "parallelism"),
            )


def _number(obj: Object, field: str) -> int:
    value = (obj.document.get("spec") or {}).get(field)
    return value if isinstance(value, int) and not isinstance(value, bool) else 1
