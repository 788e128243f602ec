"""A control plane that never comes to rest: whose pods it makes again and again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kubelogic.cluster import Cluster
from kubelogic.cluster.owners import workload

SETTLES = "settles"
"""The name under which it is told, beside those of invariants."""

Done = tuple[str, Mapping[str, Any]]
"""The type of something that was done, and its arguments."""


def restless(cycle: Iterable[Done], cluster: Cluster) -> Iterator[str]:
    """Whose pods are made again and again in a loop, a sentence each.

    A loop in which no pod is made, such as the restarts of a container that crashes, is no matter of the control plane.

    Args:
        cycle: what is done in one round.
        cluster: the cluster in the loop.
    """
    made: set[str] = set()
    why: set[str] = set()
    for kind, given in cycle:
        if kind == "CreatePod":
            owner = cluster.objects(str(given["owner_kind"])).get(str(given["owner"]))
            made.add(f"{given['owner_kind']} {given['owner']}" if owner is None else workload(cluster, owner))
        elif kind in ("EvictPod", "DeletePod"):
            why.add(str(given["reason"]))
    reasons = f" ({', '.join(sorted(why))})" if why else ""
    for each in sorted(made):
        yield f"{each} never comes to rest: its pods are made and go again{reasons}, for ever"
