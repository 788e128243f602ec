"""Node health, taints and taint-based eviction.

Source: pkg/controller/nodelifecycle/node_lifecycle_controller.go (monitorNodeHealth, tryUpdateNodeHealth,
doNoScheduleTaintingPass, processTaintBaseEviction, doNoExecuteTaintingPass, handleDisruption, ComputeZoneState),
scheduler/rate_limited_queue.go (SwapLimiter); pkg/controller/tainteviction/taint_eviction.go (processPodOnNode).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.differential.reading import Document, World, by_key, condition, deleting, spec

Effect = tuple[Any, ...]

GRACE, MONITOR = 40_000, 5_000
RATE_PERIOD = 10_000
"""One NoExecute taint in 10 s."""

_TAINTS = {
    ("Ready", "False"): "node.kubernetes.io/not-ready",
    ("Ready", "Unknown"): "node.kubernetes.io/unreachable",
    ("MemoryPressure", "True"): "node.kubernetes.io/memory-pressure",
    ("DiskPressure", "True"): "node.kubernetes.io/disk-pressure",
    ("PIDPressure", "True"): "node.kubernetes.io/pid-pressure",
    ("NetworkUnavailable", "True"): "node.kubernetes.io/network-unavailable",
}
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
MANAGED = frozenset({*_TAINTS.values(), UNSCHEDULABLE})


def ready(node: Document) -> str:
    """The status of the condition Ready."""
    return str((condition(node, "Ready") or {}).get("status") or "")


def schedule_taints(node: Document) -> frozenset[str]:
    """The NoSchedule taints that the state of a node calls for (doNoScheduleTaintingPass)."""
    wanted = {key for (kind, value), key in _TAINTS.items() if (condition(node, kind) or {}).get("status") == value}
    if spec(node).get("unschedulable"):
        wanted.add(UNSCHEDULABLE)
    return frozenset(wanted)


def has_taints(node: Document, effect: str) -> frozenset[str]:
    """The managed taints of an effect that a node has."""
    return frozenset(t["key"] for t in spec(node).get("taints") or () if t["effect"] == effect and t["key"] in MANAGED)


def goes_unknown(world: World, silent: Mapping[str, int]) -> Iterator[Effect]:
    """Nodes of which nothing was heard for the grace period, at a monitor pass."""
    for name, node in by_key(world.of("Node")):
        since = silent.get(name)
        if since is not None and ready(node) not in ("Unknown", ""):
            due = -(-(since + GRACE) // MONITOR) * MONITOR
            if due <= world.now:
                yield ("unknown", name)


@dataclass(slots=True)
class Evictions:
    """processPodOnNode: timers of pods on nodes with NoExecute taints."""

    timers: dict[str, int] = field(default_factory=dict)

    def look(self, world: World) -> Iterator[Effect]:
        """Effects: ``(evict, pod)``."""
        for name in [each for each in self.timers if each not in world.of("Pod")]:
            del self.timers[name]
        for name, pod in by_key(world.of("Pod")):
            node = world.of("Node").get(str(spec(pod).get("nodeName") or ""))
            taints = [t for t in spec(node or {}).get("taints") or () if t["effect"] == "NoExecute"]
            if self._due(name, pod, taints, world.now) and not deleting(pod):
                yield ("evict", name)

    def _due(self, name: str, pod: Document, taints: list[Document], now: int) -> bool:
        if not taints:
            self.timers.pop(name, None)
            return False
        used = [_first(spec(pod).get("tolerations") or (), taint) for taint in taints]
        if any(each is None for each in used):
            self.timers.pop(name, None)
            return True
        seconds = [int(each["tolerationSeconds"]) for each in used if each is not None and "tolerationSeconds" in each]
        if not seconds:
            self.timers.pop(name, None)
            return False
        if min(seconds) <= 0:
            return True
        return self.timers.setdefault(name, now + 1000 * min(seconds)) <= now


def _first(tolerations: Any, taint: Document) -> Document | None:
    for each in tolerations:
        if each.get("effect") and each["effect"] != taint["effect"]:
            continue
        if each.get("key") and each["key"] != taint["key"]:
            continue
        if each.get("operator") == "Exists" or (each.get("value") or "") == (taint.get("value") or ""):
            return dict(each)
    return None


@dataclass(slots=True)
class Rates:
    """NoExecute taints of one zone: a bucket of one token."""

    period: int | None = RATE_PERIOD
    """Milliseconds for a token; ``None``: no tokens."""
    next_token: int = 0
    queue: list[str] = field(default_factory=list)

    def look(self, world: World) -> Iterator[Effect]:
        """Effects: ``(taint, node, key)``, ``(untaint, node, key)``; call it at every tick."""
        nodes = world.of("Node")
        if world.now % MONITOR == 0:
            yield from self._monitor(world)
        self.queue = [each for each in self.queue if each in nodes and ready(nodes[each]) in ("False", "Unknown")]
        if self.queue and self.period is not None and self.next_token <= world.now:
            name = self.queue.pop(0)
            self.next_token = world.now + self.period
            yield ("taint", name, _TAINTS["Ready", ready(nodes[name])])

    def _monitor(self, world: World) -> Iterator[Effect]:
        nodes = world.of("Node")
        states = {name: ready(node) for name, node in nodes.items() if ready(node)}
        down = sum(state != "True" for state in states.values())
        full = bool(states) and down == len(states)
        partial = not full and down > 2 and 100 * down >= 55 * len(states)
        wanted = None if full or partial else RATE_PERIOD
        if wanted != self.period:
            was_empty = self.period is None or self.next_token > world.now
            self.period = wanted
            if wanted is not None and was_empty:
                self.next_token = world.now + wanted
        for name, node in by_key(nodes):
            own = _TAINTS.get(("Ready", states.get(name, "")))
            have = has_taints(node, "NoExecute") & {_TAINTS["Ready", "False"], _TAINTS["Ready", "Unknown"]}
            if full or states.get(name) == "True":
                yield from (("untaint", name, key) for key in sorted(have))
                if states.get(name) == "True" and name in self.queue:
                    self.queue.remove(name)
            elif own and have and own not in have:
                yield ("taint", name, own)
                yield from (("untaint", name, key) for key in sorted(have))
            elif own and not have and name not in self.queue:
                self.queue.append(name)
