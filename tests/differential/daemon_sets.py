"""DaemonSets: what one look at a set does.

Source: pkg/controller/daemon/daemon_controller.go (getNodesToDaemonPods, NodeShouldRunDaemonPod, podsShouldBeOnNode,
manage, updateDaemonSetStatus), update.go (rollingUpdate, findUpdatedPodsOnNode), util/daemonset_util.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.differential.reading import (
    Document,
    World,
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
    scaled,
    selects,
    spec,
    status,
)

Effect = tuple[Any, ...]

LABEL = "controller-revision-hash"

_OWN_TOLERATIONS: Sequence[Document] = (
    {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"},
    {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"},
    {"key": "node.kubernetes.io/disk-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/memory-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/pid-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"},
)
"""AddOrUpdateDaemonPodTolerations, for pods that are not on the host network."""


@dataclass(slots=True)
class Backoffs:
    """When failed pods of a set were last deleted on a node, and how long the next one waits (milliseconds)."""

    entries: dict[str, tuple[int, int]] = field(default_factory=dict)

    def waits(self, key: str, now: int) -> bool:
        """IsInBackOffSinceUpdate."""
        last, wait = self.entries.get(key, (0, 0))
        return now - last < wait

    def next(self, key: str, now: int) -> None:
        """Next: 1 s, doubling, at most 15 minutes; forgotten after twice as long."""
        last, wait = self.entries.get(key, (0, 0))
        expired = now - last > 1_800_000
        self.entries[key] = (now, 1000 if wait == 0 or expired else min(2 * wait, 900_000))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    world: World
    key: str
    ds: Document
    label: str
    on: Mapping[str, Sequence[tuple[str, Document]]]
    backoffs: Backoffs
    runs: frozenset[str] = field(default_factory=frozenset)
    stays: frozenset[str] = field(default_factory=frozenset)

    def available(self, pod: Document) -> bool:
        return is_available(pod, number(spec(self.ds), "minReadySeconds"), self.world.now)

    def is_new(self, pod: Document) -> bool:
        return (meta(pod).get("labels") or {}).get(LABEL) == self.label

    @property
    def rolling(self) -> Document:
        return (spec(self.ds).get("updateStrategy") or {}).get("rollingUpdate") or {}

    @property
    def on_delete(self) -> bool:
        return (spec(self.ds).get("updateStrategy") or {}).get("type") == "OnDelete"

    @property
    def surge(self) -> int:
        return scaled(self.rolling.get("maxSurge", 0), len(self.runs), up=True)

    @property
    def allows_surge(self) -> bool:
        written = self.rolling.get("maxSurge", 0)
        return not self.on_delete and written not in (0, "0", "0%")


def look(world: World, backoffs: Backoffs) -> Iterator[Effect]:
    """Effects: ``(make daemon, set, node)``, ``(delete, pod)``, ``(status, DaemonSet, key, field, n)``."""
    for key, ds in by_key(world.of("DaemonSet")):
        revisions = _revisions(world, ds)
        template = spec(ds).get("template") or {}
        same = [each for each in revisions if _template(each) == template]
        if not same:
            yield ("revision first", "DaemonSet", key)
            continue
        label = str((meta(same[-1]).get("labels") or {}).get(LABEL))
        here = _Look(
            world=world,
            key=key,
            ds=ds,
            label=label,
            on=_by_node(world, key, ds),
            backoffs=backoffs,
            runs=frozenset(
                n for n, node in world.of("Node").items() if _should(ds, n, node, ("NoSchedule", "NoExecute"))
            ),
            stays=frozenset(n for n, node in world.of("Node").items() if _should(ds, n, node, ("NoExecute",))),
        )
        if not deleting(ds):
            effects = list(_manage(here))
            yield from effects
            if not effects and not here.on_delete:
                yield from _roll(here)
            yield from _numbers(here)


def _revisions(world: World, ds: Document) -> list[Document]:
    mine = [each for _, each in by_key(world.of("ControllerRevision")) if controlled_by(each, meta(ds)["uid"])]
    return sorted(mine, key=lambda each: number(each, "revision"))


def _template(revision: Document) -> Document:
    template = dict(((revision.get("data") or {}).get("spec") or {}).get("template") or {})
    template.pop("$patch", None)
    return template


def _by_node(world: World, key: str, ds: Document) -> Mapping[str, Sequence[tuple[str, Document]]]:
    found: dict[str, list[tuple[str, Document]]] = {}
    for name, pod in by_key(world.of("Pod")):
        if name.partition("/")[0] != key.partition("/")[0] or (ended(pod) and deleting(pod)):
            continue
        if not selects(spec(ds).get("selector"), meta(pod).get("labels")):
            continue
        if controlled_by(pod, meta(ds)["uid"]):
            found.setdefault(_target(pod), []).append((name, pod))
        elif controller(pod) is None:
            pass  # an orphan is adopted first; it counts from the next look on
    return found


def _target(pod: Document) -> str:
    """GetTargetNodeName: the node of a pod, or the one that its affinity names."""
    if spec(pod).get("nodeName"):
        return str(spec(pod)["nodeName"])
    affinity = (spec(pod).get("affinity") or {}).get("nodeAffinity") or {}
    for term in (affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms") or ():
        for part in term.get("matchFields") or ():
            if part.get("key") == "metadata.name" and part.get("operator") == "In":
                return str(part["values"][0])
    return ""


def _should(ds: Document, name: str, node: Document, effects: Sequence[str]) -> bool:
    """NodeShouldRunDaemonPod for the taints of some effects; node selectors only of equal labels."""
    pod = spec(spec(ds).get("template") or {})
    labels = meta(node).get("labels") or {}
    if any(labels.get(key) != value for key, value in (pod.get("nodeSelector") or {}).items()):
        return False
    if pod.get("nodeName") and pod["nodeName"] != name:
        return False
    tolerations = [*(pod.get("tolerations") or ()), *_OWN_TOLERATIONS]
    taints = [taint for taint in spec(node).get("taints") or () if taint["effect"] in effects]
    return all(any(_tolerates(each, taint) for each in tolerations) for taint in taints)


def _tolerates(toleration: Document, taint: Document) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    if toleration.get("operator") == "Exists":
        return True
    return (toleration.get("value") or "") == (taint.get("value") or "")


# -- daemon_controller.go: manage -----------------------------------------------------------------------------


def _manage(here: _Look) -> Iterator[Effect]:
    for name in sorted(here.world.of("Node")):
        yield from _node(here, name)
    for name, pods in sorted(here.on.items()):  # getUnscheduledPodsWithoutNode
        if name not in here.world.of("Node"):
            yield from (
                ("delete", pod)
                for pod, document in pods
                if not spec(document).get("nodeName") and not deleting(document)
            )


def _node(here: _Look, name: str) -> Iterator[Effect]:
    pods = here.on.get(name, ())
    if name in here.runs and not pods:
        yield ("make daemon", here.key, name)
    elif name in here.stays:
        running = []
        for pod, document in pods:
            if deleting(document):
                continue
            if phase(document) == "Failed":
                backoff = f"{meta(here.ds)['uid']}/{number(status(here.ds), 'observedGeneration')}/{name}"
                if not here.backoffs.waits(backoff, here.world.now):
                    here.backoffs.next(backoff, here.world.now)
                    yield ("delete", pod)
            elif phase(document) == "Succeeded":
                yield ("delete", pod)
            else:
                running.append((pod, document))
        if not running and pods and name in here.runs and here.allows_surge:
            yield ("make daemon", here.key, name)  # with surge, a new pod need not wait for the last one to go
        if len(running) > 1:
            yield from _too_many(here, running)
    else:
        yield from (("delete", pod) for pod, document in pods if not deleting(document))


def _age(each: tuple[str, Document]) -> tuple[Any, ...]:
    """podByCreationTimestampAndPhase: pods with a node first, then by age."""
    name, pod = each
    return 0 if spec(pod).get("nodeName") else 1, moment(meta(pod).get("creationTimestamp")), name


def _too_many(here: _Look, running: Sequence[tuple[str, Document]]) -> Iterator[Effect]:
    order = sorted(running, key=_age)
    if not here.allows_surge:
        yield from (("delete", pod) for pod, _ in order[1:])
        return
    sides: dict[bool, list[tuple[str, Document]]] = {True: [], False: []}
    for pod, document in order:
        sides[here.is_new(document)].append((pod, document))
    for side in sides.values():
        yield from (("delete", pod) for pod, _ in side[1:])
    if sides[True] and sides[False]:
        (_, new), (name, old) = sides[True][0], sides[False][0]
        if not is_ready(old) or here.available(new):
            yield ("delete", name)


# -- update.go: rollingUpdate ---------------------------------------------------------------------------------


def _sides(here: _Look, pods: Sequence[tuple[str, Document]]) -> tuple[Any, Any, bool]:
    """The new and the old pod of a node that are not terminating; whether there is at most one of each."""
    new = [each for each in pods if not deleting(each[1]) and here.is_new(each[1])]
    old = [each for each in pods if not deleting(each[1]) and not here.is_new(each[1])]
    return (new or [None])[0], (old or [None])[0], len(new) <= 1 and len(old) <= 1


def _roll(here: _Look) -> Iterator[Effect]:
    yield from _roll_by_surge(here) if here.surge > 0 else _roll_by_deletion(here)


def _roll_by_deletion(here: _Look) -> Iterator[Effect]:
    most = scaled(here.rolling.get("maxUnavailable", 1), len(here.runs), up=True)
    if most == 0 and len(here.runs) > 0:
        most = 1
    unavailable, replaced, candidates = 0, [], []
    for _, pods in sorted(here.on.items()):
        new, old, single = _sides(here, pods)
        if not single or (new is None) == (old is None):
            unavailable += 1
        elif new is not None:
            unavailable += not here.available(new[1])
        elif not here.available(old[1]):
            replaced.append(old[0])
            unavailable += 1
        else:
            candidates.append(old[0])
    yield from (("delete", pod) for pod in [*replaced, *candidates[: max(0, most - unavailable)]])


def _roll_by_surge(here: _Look) -> Iterator[Effect]:
    surged, available = 0, 0
    dropped: list[str] = []
    leaving: list[str] = []
    added: list[str] = []
    candidates: list[str] = []
    for name, pods in sorted(here.on.items()):
        new, old, single = _sides(here, pods)
        if not single:
            surged += 1
            continue
        counted = old or new
        available += counted is not None and here.available(counted[1])
        if old is None:
            continue
        if new is not None:
            if here.available(new[1]):
                dropped.append(old[0])
            else:
                surged += 1
        elif name not in here.world.of("Node"):
            return  # an error, tried again
        elif not here.available(old[1]):
            (added if name in here.runs else dropped).append(name if name in here.runs else old[0])
        elif name not in here.runs:
            leaving.append(old[0])
        else:
            candidates.append(name)
    dropped += leaving[: max(0, available - len(here.runs))]
    added += candidates[: max(0, here.surge - surged)]
    yield from (("delete", pod) for pod in dropped)
    yield from (("make daemon", here.key, node) for node in added)


# -- updateDaemonSetStatus ------------------------------------------------------------------------------------


def _numbers(here: _Look) -> Iterator[Effect]:
    counted = {name: min(here.on[name], key=_age)[1] for name in here.runs if here.on.get(name)}
    available = sum(here.available(pod) for pod in counted.values() if is_ready(pod))
    numbers = {
        "desiredNumberScheduled": len(here.runs),
        "currentNumberScheduled": len(counted),
        "numberMisscheduled": sum(1 for name in here.world.of("Node") if name not in here.runs and here.on.get(name)),
        "numberReady": sum(map(is_ready, counted.values())),
        "numberAvailable": available,
        "numberUnavailable": len(here.runs) - available,
        "updatedNumberScheduled": sum(map(here.is_new, counted.values())),
        "observedGeneration": number(meta(here.ds), "generation"),
    }
    for name, value in sorted(numbers.items()):
        yield ("status", "DaemonSet", here.key, name, value)
