"""ReplicaSets: what one look at a set does.

Source: pkg/controller/replicaset/replica_set.go (syncReplicaSet, manageReplicas, getPodsToDelete), replica_set_utils.go
(calculateStatus), pkg/controller/controller_utils.go (ActivePodsWithRanks), controller_ref_manager.go (ClaimPods).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.differential.reading import (
    Document,
    World,
    active,
    by_key,
    controlled_by,
    controller,
    deleting,
    ended,
    is_available,
    is_ready,
    meta,
    moment,
    number,
    phase,
    ready_since,
    selects,
    spec,
    status,
)

Effect = tuple[Any, ...]

BURST = 500
"""BurstReplicas."""


def look(world: World) -> Iterator[Effect]:
    """Effects: ``(make, kind, key, n)``, ``(delete, pod)``, ``(status, kind, key, field, n)``."""
    adopters = _adopters(world)
    claimed = {key: _claimed(world, key, rs, adopters) for key, rs in by_key(world.of("ReplicaSet"))}
    for key, rs in by_key(world.of("ReplicaSet")):
        mine = claimed[key]
        if not deleting(rs):
            difference = len(mine) - number(spec(rs), "replicas", 1)
            if difference < 0:
                yield ("make", "ReplicaSet", key, min(-difference, BURST))
            elif difference > 0:
                related = _related(world, rs, claimed)
                doomed = sorted(mine, key=lambda pod: _rank(pod, mine[pod], related, world.now))
                yield from (("delete", pod) for pod in doomed[: min(difference, BURST)])
        yield from _status(world, key, rs, mine)


def _adopters(world: World) -> Mapping[str, str]:
    """Orphans go to the first set that selects them."""
    found: dict[str, str] = {}
    for pod, document in by_key(world.of("Pod")):
        if controller(document) is None and active(document):
            for key, rs in by_key(world.of("ReplicaSet")):
                if _same_namespace(pod, key) and not deleting(rs) and _matches(rs, document):
                    found[pod] = key
                    break
    return found


def _same_namespace(one: str, other: str) -> bool:
    return one.partition("/")[0] == other.partition("/")[0]


def _matches(rs: Document, pod: Document) -> bool:
    return selects(spec(rs).get("selector"), meta(pod).get("labels"))


def _claimed(world: World, key: str, rs: Document, adopters: Mapping[str, str]) -> dict[str, Document]:
    return {
        pod: document
        for pod, document in by_key(world.of("Pod"))
        if _same_namespace(pod, key)
        and active(document)
        and ((controlled_by(document, meta(rs)["uid"]) and _matches(rs, document)) or adopters.get(pod) == key)
    }


def _related(world: World, rs: Document, claimed: Mapping[str, Mapping[str, Document]]) -> Mapping[str, int]:
    """How many pods of the sets of the same controller each node has."""
    owner = controller(rs)
    counts: dict[str, int] = {}
    if owner is None:
        return counts
    for key, other in by_key(world.of("ReplicaSet")):
        theirs = controller(other)
        if theirs is not None and theirs.get("uid") == owner.get("uid"):
            for pod in claimed[key].values():
                node = spec(pod).get("nodeName") or ""
                counts[node] = counts.get(node, 0) + 1
    return counts


def _rank(key: str, pod: Document, related: Mapping[str, int], now: int) -> tuple[Any, ...]:
    node = spec(pod).get("nodeName") or ""
    since = ready_since(pod)
    restarts = max(
        (int(each.get("restartCount") or 0) for each in status(pod).get("containerStatuses") or ()), default=0
    )
    cost = int((meta(pod).get("annotations") or {}).get("controller.kubernetes.io/pod-deletion-cost") or 0)
    return (
        1 if node else 0,
        {"Pending": 0, "Unknown": 1}.get(phase(pod), 2),
        1 if since is not None else 0,
        cost,
        -(related.get(node, 0) if node else 0),
        _bucket(now, since) if since is not None else 0,
        -restarts,
        _bucket(now, moment(meta(pod).get("creationTimestamp"))),
        key,  # the real controller goes by the random uid
    )


def _bucket(now: int, since: int) -> int:
    """Logarithmic scale of ages: the power of two of the nanoseconds. The API has whole seconds."""
    age = (now - since // 1000 * 1000) * 1_000_000
    return age.bit_length() - 1 if age > 0 else -1


def _status(world: World, key: str, rs: Document, mine: Mapping[str, Document]) -> Iterator[Effect]:
    min_ready = number(spec(rs), "minReadySeconds")
    labels = (((spec(rs).get("template") or {}).get("metadata")) or {}).get("labels") or {}
    going = [
        pod
        for pod in world.of("Pod").values()
        if controlled_by(pod, meta(rs)["uid"]) and deleting(pod) and not ended(pod) and _matches(rs, pod)
    ]
    numbers = {
        "replicas": len(mine),
        "fullyLabeledReplicas": sum(selects({"matchLabels": labels}, meta(pod).get("labels")) for pod in mine.values()),
        "readyReplicas": sum(map(is_ready, mine.values())),
        "availableReplicas": sum(is_available(pod, min_ready, world.now) for pod in mine.values()),
        "terminatingReplicas": len(going),
        "observedGeneration": number(meta(rs), "generation"),
    }
    for field, value in sorted(numbers.items()):
        yield ("status", "ReplicaSet", key, field, value)
