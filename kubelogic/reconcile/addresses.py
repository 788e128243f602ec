"""Addresses of pods: what a network plugin does when a pod's sandbox is made."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_network

from kubelogic.cluster import Object
from kubelogic.reconcile.draft import Draft

CLUSTER_RANGE = ip_network("10.244.0.0/16")
"""Where pods get addresses on nodes that have no range of their own."""

_RESERVED = 2
"""Addresses at the start of a range that no pod gets: the network's and the bridge's."""


def pod_address(draft: Draft, pod: Object) -> str:
    """A free address for a pod that starts on its node: the node's own for a pod on the host network.

    Source: CNI plugin host-local, which goes round the node's range.
    """
    spec = pod.document.get("spec") or {}
    node = draft.get("Node", spec.get("nodeName") or "")
    if node is not None and spec.get("hostNetwork"):
        for address in (node.document.get("status") or {}).get("addresses") or ():
            if address.get("type") == "InternalIP":
                return str(address["address"])
    text = (node.document.get("spec") or {}).get("podCIDR") if node is not None else None
    network = CLUSTER_RANGE if text is None else ip_network(text)
    if network.version == 6:
        return str(network.network_address + _RESERVED + _next(draft, f"addresses of {network}"))
    size = network.num_addresses - _RESERVED - 1
    for _ in range(size):
        offset = _RESERVED + _next(draft, f"addresses of {network}") % size
        address = str(IPv4Address(int(network.network_address) + offset))
        if draft.names.get(f"addresses of {network}", 0) <= size or not _in_use(draft, address):
            return address
    return ""


def _next(draft: Draft, counter: str) -> int:
    number = draft.names.get(counter, draft.state.names.get(counter, 0))
    draft.names[counter] = number + 1
    return number


def _in_use(draft: Draft, address: str) -> bool:
    pods = draft.state.cluster.objects("Pod").values()
    return any((pod.document.get("status") or {}).get("podIP") == address for pod in pods)
