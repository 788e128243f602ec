"""Disruption budgets: what one look at a budget writes.

Source: pkg/controller/disruption/disruption.go (trySync, getExpectedPodCount, countHealthyPods, updatePdbStatus).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.differential.reading import (
    Document,
    World,
    by_key,
    controller,
    deleting,
    is_ready,
    meta,
    moment,
    number,
    scaled,
    selects,
    spec,
    status,
)

Effect = tuple[Any, ...]

_SCALED = ("ReplicaSet", "StatefulSet", "ReplicationController", "Deployment")
PATIENCE = 120_000
"""DeletionTimeout."""


def look(world: World) -> Iterator[Effect]:
    """Effects: ``(budget, key, expected, healthy, desired, allowed)``."""
    for key, budget in by_key(world.of("PodDisruptionBudget")):
        pods = {
            name: pod
            for name, pod in by_key(world.of("Pod"))
            if name.partition("/")[0] == key.partition("/")[0]
            and selects(spec(budget).get("selector"), meta(pod).get("labels"))
        }
        goal = _goal(world, budget, pods)
        if goal is None:
            continue
        expected, desired = goal
        healthy = sum(is_ready(pod) and not deleting(pod) and not _granted(world, budget, pod) for pod in pods.values())
        allowed = 0 if expected <= 0 else max(0, healthy - desired)
        yield ("budget", key, expected, healthy, desired, allowed)


def _granted(world: World, budget: Document, pod: Document) -> bool:
    """Whether an eviction of the pod was granted a short time ago."""
    since = (status(budget).get("disruptedPods") or {}).get(meta(pod)["name"])
    return since is not None and moment(since) + PATIENCE > world.now


def _goal(world: World, budget: Document, pods: Mapping[str, Document]) -> tuple[int, int] | None:
    least, most = spec(budget).get("minAvailable"), spec(budget).get("maxUnavailable")
    if isinstance(least, int):
        return len(pods), least
    sizes: dict[str, int] = {}
    for pod in pods.values():
        owner = _sized(world, pod)
        if owner == "unknown":
            return None
        if owner is not None:
            sizes[owner[0]] = owner[1]
    expected = sum(sizes.values())
    if most is not None:
        return expected, max(0, expected - scaled(most, expected, up=True))
    if least is not None:
        return expected, scaled(least, expected, up=True)
    return 0, 0


def _sized(world: World, pod: Document) -> Any:
    """The uid and the size of what controls a pod: nothing for a bare pod, ``unknown`` for what has no size."""
    reference = controller(pod)
    if reference is None:
        return None
    kind, namespace = str(reference["kind"]), str(meta(pod)["namespace"])
    owner = world.of(kind).get(f"{namespace}/{reference['name']}")
    if kind not in _SCALED or owner is None or meta(owner)["uid"] != reference["uid"]:
        return "unknown"
    above = controller(owner)
    if kind == "ReplicaSet" and above is not None and above.get("kind") == "Deployment":
        deployment = world.of("Deployment").get(f"{namespace}/{above['name']}")
        if deployment is None or meta(deployment)["uid"] != above["uid"]:
            return "unknown"
        owner = deployment
    return meta(owner)["uid"], number(spec(owner), "replicas", 1)
