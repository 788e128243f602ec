"""Addresses of pods: what a network plugin does when a pod's sandbox is made."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from socket import AF_INET, AF_INET6, inet_ntop

from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object

_RESERVED = 2
"""Addresses at the start of a range that no pod gets: the network's and the bridge's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Range:
    """Addresses that pods get: how many there are, and under what they are counted."""

    network: IPv4Network | IPv6Network
    size: int
    counter: str

    def address(self, number: int) -> str:
        """The address of a number below ``size``."""
        first = int(self.network.network_address) + _RESERVED
        family, length = (AF_INET, 4) if self.network.version == 4 else (AF_INET6, 16)
        return inet_ntop(family, (first + number).to_bytes(length, "big"))


@lru_cache(maxsize=1 << 16)
def _range(text: str) -> _Range:
    network = ip_network(text)
    return _Range(network=network, size=network.num_addresses - _RESERVED - 1, counter=f"addresses of {network}")


def pod_address(tx: Transaction, pod: Object) -> str:
    """A free address for a pod that starts on its node: the node's own for a pod on the host network.

    Source: CNI plugin host-local, which goes round the node's range.
    """
    spec = pod.document.get("spec") or {}
    node = tx.get("Node", spec.get("nodeName") or "")
    if node is not None and spec.get("hostNetwork"):
        for address in (node.document.get("status") or {}).get("addresses") or ():
            if address.get("type") == "InternalIP":
                return str(address["address"])
    text = (node.document.get("spec") or {}).get("podCIDR") if node is not None else None
    given = _range(text or tx.range_of("cluster_cidr").partition(",")[0])
    for _ in range(given.size):
        address = given.address(_next(tx, given.counter) % given.size)
        if tx.names.get(given.counter, 0) <= given.size or not _in_use(tx, address):
            return address
    return ""


def _next(tx: Transaction, counter: str) -> int:
    number = tx.names.get(counter, tx.state.names.get(counter, 0))
    tx.names[counter] = number + 1
    return number


def _in_use(tx: Transaction, address: str) -> bool:
    pods = tx.state.cluster.objects("Pod").values()
    return any((pod.document.get("status") or {}).get("podIP") == address for pod in pods)
