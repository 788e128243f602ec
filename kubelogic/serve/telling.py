"""What is told about nodes: that they are registered or removed, and that they are not ready any more.

Source: pkg/controller/nodelifecycle/node_lifecycle_controller.go, monitorNodeHealth (every --node-monitor-period);
pkg/controller/util/node/controller_utils.go: RecordNodeEvent, RecordNodeStatusChange, MarkPodsNotReady.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from kubelogic.cluster import Object
from kubelogic.cluster.edit import uid_of
from kubelogic.cluster.pods import is_ready, node_of
from kubelogic.cluster.state import State

MONITORED = 5_000
"""Milliseconds between two looks of the controller at all nodes. Source: --node-monitor-period."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What is told about an object."""

    about: Object
    reason: str
    message: str
    component: str
    warning: bool = False
    scheduler: bool = False


def renewed(before: State, after: State, kind: str) -> Iterator[tuple[Object | None, Object]]:
    """The objects of a kind that are new or other than in an earlier state, each with what it was, by key."""
    old, new = before.cluster.objects(kind), after.cluster.objects(kind)
    if old is not new:
        yield from ((old.get(key), new[key]) for key in sorted(new) if old.get(key) is not new[key])


class NodeMonitor(msgspec.Struct, kw_only=True):
    """Notices which nodes come and go, as often as the controller looks.

    Attributes:
        begun: moment of the first look, in milliseconds.
    """

    begun: int = 0
    _seen: Mapping[str, Object] = msgspec.field(default_factory=dict)
    _waiting: Mapping[str, Object] | None = None

    def resumed(self, state: State) -> None:
        """Go on where an earlier server has ended: its nodes have been told."""
        self._seen = state.cluster.objects("Node")

    def look(self, state: State) -> tuple[tuple[Told, ...], int | None]:
        """What is told now, and the moment of the next look at which there is something to tell."""
        nodes = state.cluster.objects("Node")
        if nodes is self._seen:
            return (), None
        if nodes is self._waiting and state.now < self.begun + MONITORED:
            return (), self.begun + MONITORED
        new = [nodes[key] for key in sorted(nodes) if uid_of(self._seen.get(key, nodes[key])) != uid_of(nodes[key])]
        new += [nodes[key] for key in sorted(nodes.keys() - self._seen.keys())]
        gone = [self._seen[key] for key in sorted(self._seen.keys() - nodes.keys())]
        if not new and not gone:
            self._seen = nodes
            return (), None
        if not self.begun:
            self.begun = state.now
        if state.now < self.begun + MONITORED:
            self._waiting = nodes
            return (), self.begun + MONITORED
        self.begun = state.now - (state.now - self.begun) % MONITORED
        self._seen, self._waiting = nodes, None
        return (*map(_registered, new), *map(_removed, gone)), None


def of_nodes(before: State, after: State) -> Iterator[Told]:
    """Of nodes that are not ready any more, and of their pods."""
    for was, node in renewed(before, after, "Node"):
        if was is None or not _ready(was) or _ready(node):
            continue
        yield _told(node, "NodeNotReady", f"Node {node.name} status is now: NodeNotReady")
        for _, pod in sorted(after.cluster.objects("Pod").items()):
            if node_of(pod) == node.name and _ready(pod, or_was=before):
                yield _told(pod, "NodeNotReady", "Node is not ready", warning=True)


def _ready(obj: Object, or_was: State | None = None) -> bool:
    """Whether an object is ready, or was in an earlier state."""
    found = is_ready(obj)
    earlier = or_was.cluster.get(obj.kind, obj.key) if or_was is not None and not found else None
    return found or (earlier is not None and _ready(earlier))


def _registered(node: Object) -> Told:
    return _told(node, "RegisteredNode", f"Node {node.name} event: Registered Node {node.name} in Controller")


def _removed(node: Object) -> Told:
    return _told(node, "RemovingNode", f"Node {node.name} event: Removing Node {node.name} from Controller")


def _told(about: Object, reason: str, message: str, *, warning: bool = False) -> Told:
    return Told(about=about, reason=reason, message=message, component="node-controller", warning=warning)
