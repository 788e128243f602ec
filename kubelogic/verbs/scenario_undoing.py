"""Steps that take back what nothing did: nodes that are healed and never fell silent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubelogic.cluster import Cluster
from kubelogic.cluster.edit import metadata
from kubelogic.cluster.state import world_of
from kubelogic.facts.selectors import matches
from kubelogic.reconcile.choices import ForEach, NodeChoice, named
from kubelogic.reconcile.machines import Machine, Shutdown
from kubelogic.reconcile.scenario import Apply, Event, FailNode, HealNode, Operation
from kubelogic.reconcile.world_steps import Reboot


def undoes_nothing(cluster: Cluster, events: Sequence[Event], operation: Operation) -> str:
    """What a step takes back although nothing did it before, as a sentence; empty if it may mean something.

    Args:
        cluster: where the scenario begins.
        events: all events of the scenario, in the order in which they happen.
        operation: the step.
    """
    before = list(_before(events, operation))
    match operation:
        case HealNode(node=node):
            if not _may_be_silent(cluster, before, node):
                return f"node {node} is heard of: nothing makes it silent before"
        case ForEach(template=HealNode(), choice=NodeChoice() as choice):
            meant = choice.of(cluster)
            if meant and not any(_may_be_silent(cluster, before, node) for node in meant):
                return f"all of {choice} are heard of: nothing makes one silent before"
    return ""


def _before(events: Sequence[Event], operation: Operation) -> Iterator[Operation]:
    """What happens before the last time at which an operation is done."""
    last = max((number for number, each in enumerate(events) if each.operation is operation), default=0)
    return (each.operation for each in events[:last])


def _may_be_silent(cluster: Cluster, before: Sequence[Operation], node: str) -> bool:
    if any(row[0] == node for row in world_of(cluster).get("node_silent_since", ())):
        return True
    return any(_silences(each, cluster, node) for each in before)


def _silences(operation: Operation, cluster: Cluster, node: str) -> bool:
    match operation:
        case (
            FailNode(node=name) | Reboot(node=name) | Shutdown(node=name) | Machine(node=name, state="gone" | "stopped")
        ):
            return name == node
        case Apply(silent=True, objects=objects):
            return any(obj.kind == "Node" and obj.name == node for obj in objects)
        case ForEach(choice=NodeChoice() as choice, template=template):
            found = cluster.get("Node", node)
            meant = (
                node in choice.names
                if choice.names
                else found is None or matches(choice.wanted, metadata(found).get("labels") or {})
            )
            return meant and _silences(named(template, node), cluster, node)
    return False
