"""The user's own manifests with generated disturbances: failures, drains, rollouts, changes of scale, broken images."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal, get_args

from hypothesis import strategies as st

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import metadata
from kubelogic.reconcile.scenario import (
    Behave,
    Cordon,
    Drain,
    Event,
    FailNode,
    HealNode,
    Operation,
    Patch,
    Scale,
)
from kubelogic.reconcile.troubles import FailProbe, HealProbe, Target
from kubelogic.testing.trials import Trial, World, world
from kubelogic.verbs.arguments import COUNT, TEXTS, expect, instance, maybe
from kubelogic.verbs.load import Source
from kubelogic.verbs.reconciled import Options

Disturbance = Literal["fail", "zone", "drain", "cordon", "rollout", "scale", "image", "probe"]
"""What may happen: a node fails (and perhaps heals), all nodes of a zone do, a node is drained (and perhaps comes back)
or cordoned, a workload is rolled out anew or gets other replicas, an image cannot be pulled, its readiness or liveness
probes fail or, without a probe, what starts of it does not become ready (for a while)."""

USUAL: frozenset[Disturbance] = frozenset({"fail", "drain", "rollout"})

_TIMES = (0, 60_000, 30_000, 300_000, 10_000, 600_000, 45_000, 1_000)
"""Milliseconds between two things that happen, the simplest first."""

_PROBES = {"readinessProbe": "readiness", "livenessProbe": "liveness"}
_ROLLED = ("Deployment", "StatefulSet", "DaemonSet")
_SCALED = ("Deployment", "StatefulSet")
_ZONE = "topology.kubernetes.io/zone"
_RESTARTED = "kubectl.kubernetes.io/restartedAt"


def around(
    source: Source | Cluster | World,
    disturbances: Collection[Disturbance] = USUAL,
    *,
    most: int = 3,
    down: int = 1,
    options: Options | None = None,
) -> st.SearchStrategy[Trial]:
    """Trials of manifests: what may happen to them, in any order and at any time.

    Args:
        source: see ``kubelogic.load``; a cluster; or a world, which trials of several tests can share.
        disturbances: which kinds of things happen.
        most: at most so many things.
        down: at most so many nodes (or zones) are ever failed or drained.
        options: how to reconcile; a world has its own.

    Raises:
        InputError: with every fault of every file.
        TypeError: an argument of another type.
        ValueError: for a disturbance that there is not, or options beside a world.
    """
    expect(TEXTS, disturbances=disturbances)
    expect(COUNT, most=most, down=down)
    expect(maybe(instance(Options, "an Options(...)")), options=options)
    if isinstance(source, World) and options is not None:
        raise ValueError("a world has its options already: world(source, options)")
    unknown = sorted({*disturbances} - {*get_args(Disturbance)})
    if unknown:
        raise ValueError(f"disturbances are {', '.join(get_args(Disturbance))}, not {', '.join(unknown)}")

    def made() -> st.SearchStrategy[Trial]:
        found = source if isinstance(source, World) else world(source, options)
        return _trials(found, frozenset(disturbances), most, down)

    # Hypothesis asks for it before the first example: the time that it takes counts neither against a deadline nor
    # against its health checks, and faults of manifests are told as what they are.
    return st.deferred(made)


@st.composite
def _trials(draw: st.DrawFn, made: World, disturbances: Collection[Disturbance], most: int, down: int) -> Trial:
    found = _events(draw, made.base.cluster, disturbances, most, down)
    return Trial(made, tuple(sorted(found, key=lambda event: event.at)))


def _events(draw: st.DrawFn, cluster: Cluster, kinds: Collection[Disturbance], most: int, down: int) -> Iterator[Event]:
    now = 0
    left = _victims(draw, cluster, kinds, down)
    others = _others(cluster, kinds)
    for _ in range(draw(st.integers(0, most))):
        choices: list[str] = [*(["node"] if left else []), *(["other"] if others else [])]
        if not choices:
            return
        now += draw(st.sampled_from(_TIMES))
        if draw(st.sampled_from(choices)) == "node":
            for node, operation, back in left.pop(0):
                yield Event(at=now, operation=operation)
                if back is not None:
                    yield Event(at=now + draw(st.sampled_from(_TIMES[1:])), operation=_back(operation, node))
        else:
            operation, undone = draw(st.sampled_from(others))
            yield Event(at=now, operation=operation)
            if undone is not None and draw(st.booleans()):
                yield Event(at=now + draw(st.sampled_from(_TIMES[1:])), operation=undone)


def _back(operation: Operation, node: str) -> Operation:
    return HealNode(node=node) if isinstance(operation, FailNode) else Cordon(node=node, unschedulable=False)


_Struck = list[tuple[str, Operation, bool | None]]
"""Nodes that are struck together, how, and whether they come back (None: never)."""


def _victims(draw: st.DrawFn, cluster: Cluster, kinds: Collection[Disturbance], down: int) -> list[_Struck]:
    nodes = sorted(cluster.objects("Node"))
    zones = sorted({zone for node in nodes if (zone := _zone(cluster.objects("Node")[node]))})
    ways = [each for each in ("fail", "drain", "cordon") if each in kinds]
    found: list[_Struck] = []
    if "zone" in kinds and zones:
        for zone in draw(st.lists(st.sampled_from(zones), max_size=down, unique=True)):
            back = draw(st.sampled_from([None, True]))
            found.append([(n, FailNode(node=n), back) for n in nodes if _zone(cluster.objects("Node")[n]) == zone])
    elif ways and nodes:
        for node in draw(st.lists(st.sampled_from(nodes), min_size=min(1, down), max_size=down, unique=True)):
            operation: Operation
            match draw(st.sampled_from(ways)):
                case "fail":
                    operation = FailNode(node=node)
                case "drain":
                    operation = Drain(node=node, force=True, delete_empty_dir=True)
                case _:
                    operation = Cordon(node=node, unschedulable=True)
            found.append([(node, operation, draw(st.sampled_from([None, True])))])
    return found


def _zone(node: Object) -> str:
    return str((metadata(node).get("labels") or {}).get(_ZONE, ""))


def _others(cluster: Cluster, kinds: Collection[Disturbance]) -> list[tuple[Operation, Operation | None]]:
    """What may happen beside nodes, each with what undoes it."""
    found: list[tuple[Operation, Operation | None]] = []
    for kind in _ROLLED if "rollout" in kinds else ():
        stamp = {"spec": {"template": {"metadata": {"annotations": {_RESTARTED: "2026-01-01T00:00:00Z"}}}}}
        found += [(Patch(kind=kind, key=key, patch=stamp), None) for key in sorted(cluster.objects(kind))]
    for kind in _SCALED if "scale" in kinds else ():
        for key, obj in sorted(cluster.objects(kind).items()):
            size = int((obj.document.get("spec") or {}).get("replicas", 1))
            back = Scale(kind=kind, key=key, replicas=size)
            found += [
                (Scale(kind=kind, key=key, replicas=other), back) for other in (size + 1, max(0, size - 1), 2 * size)
            ]
    containers = [each for pod in cluster.objects("Pod").values() for each in _containers(pod)]
    for image in sorted({str(each["image"]) for each in containers if each.get("image")}):
        if "image" in kinds:
            found.append((Behave(image=image, pull=False), Behave(image=image, pull=True)))
        if "probe" in kinds:
            asked = {name for each in containers for name in _PROBES if each.get("image") == image if each.get(name)}
            target = Target(image=image)
            for probe in (probe for name, probe in _PROBES.items() if name in asked):
                found.append((FailProbe(target=target, probe=probe), HealProbe(target=target, probe=probe)))
            if "readinessProbe" not in asked:
                found.append((Behave(image=image, ready=False), Behave(image=image, ready=True)))
    return found


def _containers(pod: Object) -> Iterator[Mapping[str, Any]]:
    yield from (pod.document.get("spec") or {}).get("containers") or ()
