"""What is told about nodes: that they are registered or removed, and that they are not ready any more.

Source: pkg/controller/nodelifecycle/node_lifecycle_controller.go, monitorNodeHealth (every --node-monitor-period);
pkg/controller/util/node/controller_utils.go: RecordNodeEvent, RecordNodeStatusChange, MarkPodsNotReady.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from kubelogic.cluster import Object
from kubelogic.cluster.edit import uid_of
from kubelogic.cluster.pods import node_of
from kubelogic.cluster.state import State

MONITORED = 5_000
"""Milliseconds between two looks of the controller at all nodes. Source: --node-monitor-period."""

_COMPONENT = "node-controller"


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What is told about an object."""

    about: Object
    reason: str
    message: str
    component: str
    warning: bool = False
    scheduler: bool = False


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
    old, new = before.cluster.objects("Node"), after.cluster.objects("Node")
    if old is new:
        return
    for key in sorted(new):
        was = old.get(key)
        if was is None or was is new[key] or not _ready(was) or _ready(new[key]):
            continue
        words = f"Node {new[key].name} status is now: NodeNotReady"
        yield Told(about=new[key], reason="NodeNotReady", message=words, component=_COMPONENT)
        pods = after.cluster.objects("Pod")
        for name in sorted(pods):
            if node_of(pods[name]) == new[key].name and _ready(pods[name], or_was=before):
                yield Told(
                    about=pods[name],
                    reason="NodeNotReady",
                    message="Node is not ready",
                    component=_COMPONENT,
                    warning=True,
                )


def _ready(obj: Object, or_was: State | None = None) -> bool:
    """Whether an object is ready, or was in an earlier state."""
    status: Mapping[str, Any] = obj.document.get("status") or {}
    found = any(each.get("type") == "Ready" and each.get("status") == "True" for each in status.get("conditions") or ())
    earlier = or_was.cluster.get(obj.kind, obj.key) if or_was is not None and not found else None
    return found or (earlier is not None and _ready(earlier))


def _registered(node: Object) -> Told:
    words = f"Node {node.name} event: Registered Node {node.name} in Controller"
    return Told(about=node, reason="RegisteredNode", message=words, component=_COMPONENT)


def _removed(node: Object) -> Told:
    words = f"Node {node.name} event: Removing Node {node.name} from Controller"
    return Told(about=node, reason="RemovingNode", message=words, component=_COMPONENT)
