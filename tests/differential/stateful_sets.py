"""StatefulSets: what one look at a set does.

Source: pkg/controller/statefulset/stateful_set_control.go (updateStatefulSet, processReplica, processCondemned,
updateStatus), stateful_set_utils.go (isUnavailable, newVersionedStatefulSetPod, completeRollingUpdate).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.differential.reading import (
    Document,
    World,
    by_key,
    controlled_by,
    deleting,
    ended,
    is_available,
    meta,
    number,
    phase,
    runs_ready,
    selects,
    spec,
    status,
)

Effect = tuple[Any, ...]

LABEL = "controller-revision-hash"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    world: World
    key: str
    sts: Document
    pods: Mapping[int, tuple[str, Document]]
    current: str
    update: str

    @property
    def start(self) -> int:
        return number(spec(self.sts).get("ordinals") or {}, "start")

    @property
    def ordinals(self) -> range:
        return range(self.start, self.start + number(spec(self.sts), "replicas", 1))

    @property
    def partition(self) -> int:
        rolling = (spec(self.sts).get("updateStrategy") or {}).get("rollingUpdate") or {}
        return self.start + number(rolling, "partition")

    @property
    def is_parallel(self) -> bool:
        return spec(self.sts).get("podManagementPolicy") == "Parallel"

    @property
    def on_delete(self) -> bool:
        return (spec(self.sts).get("updateStrategy") or {}).get("type") == "OnDelete"

    def available(self, pod: Document) -> bool:
        return runs_ready(pod) and is_available(pod, number(spec(self.sts), "minReadySeconds"), self.world.now)

    def unavailable(self, ordinal: int) -> bool:
        found = self.pods.get(ordinal)
        return found is None or not self.available(found[1]) or deleting(found[1])


def look(world: World) -> Iterator[Effect]:
    """Effects: ``(make member, pod, revision label)``, ``(delete, pod)``, ``(status, StatefulSet, key, field, n)``."""
    for key, sts in by_key(world.of("StatefulSet")):
        revisions = _revisions(world, key, sts)
        template = spec(sts).get("template") or {}
        same = [name for name, each in revisions if _template(each) == template]
        if not same:
            yield ("revision first", "StatefulSet", key)
            continue
        named = {name.partition("/")[2]: _label(name, each) for name, each in revisions}
        update = same[-1].partition("/")[2]
        current = str(status(sts).get("currentRevision") or "")
        here = _Look(
            world=world,
            key=key,
            sts=sts,
            pods=_members(world, key, sts),
            current=named.get(current, named[update]),
            update=named[update],
        )
        yield from _numbers(here)
        if not deleting(sts):
            yield from _act(here)


def _revisions(world: World, key: str, sts: Document) -> list[tuple[str, Document]]:
    mine = [each for each in by_key(world.of("ControllerRevision")) if controlled_by(each[1], meta(sts)["uid"])]
    return sorted(mine, key=lambda each: (number(each[1], "revision"), each[0]))


def _template(revision: Document) -> Document:
    template = dict(((revision.get("data") or {}).get("spec") or {}).get("template") or {})
    template.pop("$patch", None)
    return template


def _label(name: str, revision: Document) -> str:
    return str((meta(revision).get("labels") or {}).get(LABEL) or name.partition("/")[2])


def _members(world: World, key: str, sts: Document) -> Mapping[int, tuple[str, Document]]:
    form = re.compile(rf"{re.escape(key)}-(\d+)$")
    found: dict[int, tuple[str, Document]] = {}
    for name, pod in by_key(world.of("Pod")):
        hit = form.match(name)
        mine = hit and controlled_by(pod, meta(sts)["uid"])
        if hit and mine and selects(spec(sts).get("selector"), meta(pod).get("labels")):
            found[int(hit[1])] = (name, pod)
    return found


def _act(here: _Look) -> Iterator[Effect]:
    gone: set[str] = set()
    for ordinal in here.ordinals:
        blocked = False
        for effect in _replica(here, ordinal):
            if effect == ("block",):
                blocked = True
            else:
                gone.add(effect[1])
                yield effect
        if blocked and not here.is_parallel:
            return
    condemned = sorted((each for each in here.pods if each not in here.ordinals), reverse=True)
    everywhere = [*here.ordinals, *sorted(condemned)]
    first = next((each for each in everywhere if here.unavailable(each)), None)
    for ordinal in condemned:
        name, pod = here.pods[ordinal]
        if deleting(pod):
            if not here.is_parallel:
                return
            continue
        if not here.is_parallel and not here.available(pod) and ordinal != first:
            return
        yield ("delete", name)
        if not here.is_parallel:
            return
    if here.on_delete:
        return
    for ordinal in sorted((each for each in here.ordinals if each >= here.partition), reverse=True):
        if ordinal not in here.pods:
            return
        name, pod = here.pods[ordinal]
        if (meta(pod).get("labels") or {}).get(LABEL) != here.update and not deleting(pod):
            if name not in gone:
                yield ("delete", name)
            return
        if here.unavailable(ordinal):
            return


def _replica(here: _Look, ordinal: int) -> Iterator[Effect]:
    """processReplica; ``(block,)`` where it returns true."""
    if ordinal not in here.pods:
        name = f"{here.key}-{ordinal}"
        if name in here.world.of("Pod"):  # a pod of that name is not of the set: it cannot be made
            yield ("block",)
            return
        is_current = not here.on_delete and ordinal < here.partition
        yield ("make member", name, here.current if is_current else here.update)
        yield ("block",)
        return
    name, pod = here.pods[ordinal]
    if ended(pod):
        if not deleting(pod):
            yield ("delete", name)
        yield ("block",)
    elif deleting(pod) or phase(pod) != "Running" or not here.available(pod):
        yield ("block",)


def _numbers(here: _Look) -> Iterator[Effect]:
    pods = [pod for _, pod in here.pods.values()]
    staying = [pod for pod in pods if not deleting(pod)]
    labels = [(meta(pod).get("labels") or {}).get(LABEL) for pod in staying]
    numbers = {
        "replicas": len(pods),
        "readyReplicas": sum(map(runs_ready, pods)),
        "availableReplicas": sum(map(here.available, pods)),
        "updatedReplicas": labels.count(here.update),
        "currentReplicas": labels.count(here.current),
        "observedGeneration": number(meta(here.sts), "generation"),
    }
    wanted = number(spec(here.sts), "replicas", 1)
    done = all(numbers[field] == wanted for field in ("replicas", "readyReplicas", "updatedReplicas"))
    if done and not here.on_delete:
        numbers["currentReplicas"] = numbers["updatedReplicas"]
    for field, value in sorted(numbers.items()):
        yield ("status", "StatefulSet", here.key, field, value)
