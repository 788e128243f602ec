"""What kubelets say of their nodes: conditions, for taints that stand for one, and what they hold."""

from __future__ import annotations

from collections.abc import Mapping

from kubelogic.cluster import Object
from kubelogic.explain.filters import Relations
from kubelogic.explain.units import count
from kubelogic.kinds import quantity


def condition_types(relations: Relations) -> Mapping[str, str]:
    """By taint, the type of the condition that it stands for (``condition_taint`` of the rules)."""
    rows = [each.terms for each in relations.rulebook.facts if each.predicate == "condition_taint"]
    return {str(key).strip("'"): str(kind).strip("'") for kind, _, key in rows}


def said(node: Object | None, kind: str) -> str:
    """What a kubelet says in a condition of its node, in words that go on a sentence; empty if it says nothing.

    Args:
        node: the node, if it is there.
        kind: the type of the condition.
    """
    conditions = ((node.document.get("status") or {}).get("conditions") or ()) if node is not None else ()
    message = next((str(each.get("message") or "") for each in conditions if each.get("type") == kind), "")
    return f"; it says: {message}" if message else ""


def unhealthy(node: Object | None, resource: str) -> tuple[int, int]:
    """How many devices of a resource a node has that are not healthy, and how many in all; 0 for what is no device.

    Source: pkg/kubelet/cm/devicemanager/manager.go, GetCapacity, of Kubernetes 1.36: the capacity counts all devices
    that a plugin has told of, what is allocatable the healthy ones; of a plugin that is gone none is healthy.
    """
    if node is None or "/" not in resource or resource.partition("/")[0].endswith("kubernetes.io"):
        return 0, 0
    status = node.document.get("status") or {}
    written = [(status.get(each) or {}).get(resource) for each in ("allocatable", "capacity")]
    if None in written:
        return 0, 0
    healthy, whole = (quantity.amount(resource, str(each)) for each in written)
    return max(whole - healthy, 0), whole


def ailing(node: Object | None, resource: str) -> str:
    """That devices of a node are not healthy, in words that go on a sentence; empty if all are."""
    lost, whole = unhealthy(node, resource)
    return f"; {lost} of its {count(whole, 'device')} {'is' if lost == 1 else 'are'} not healthy" if lost else ""


def tells_nothing(node: Object | None) -> bool:
    """Whether a node's status has no amounts at all: its kubelet has not told them, or the input left them out.

    Source: pkg/kubelet/nodestatus/setters.go, MachineInfo, of Kubernetes 1.36: a kubelet tells all of them at once.
    """
    status = (node.document.get("status") or {}) if node is not None else {}
    return node is not None and not status.get("allocatable") and not status.get("capacity")
