"""Addresses of pods: what a network plugin does when a pod's sandbox is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, repeat
from typing import Any

import msgspec

from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.columns import Columns
from kubelogic.facts.parameters import Pool, pool, pools

_ADDRESSES, _RANGE = "pod addresses in use", "range"

PLUGIN = "address plugin"
"""Topic of the memory: the network plugin gives addresses without ranges of nodes, as nodes that were read show."""

STRAYS = "address strays"
"""Topic of the memory: ranges of nodes in which pods elsewhere have addresses, which the rules have to count, too."""


class Sandboxes:
    """Gives pods addresses as long as a transaction changes no node: what nodes say is read once of each."""

    def __init__(self, tx: Transaction) -> None:
        """Nothing is read yet.

        Args:
            tx: what it has given out is in use from then on.
        """
        self._tx = tx
        self._ranges: dict[str, Sequence[_Range]] = {}

    def addresses(self, pod: Object) -> Mapping[str, Any] | None:
        """The fields of a pod's status that say where it is reached, once its sandbox is there.

        Nothing changes for a pod that has an address. A pod on the host network has those of its node.

        Returns:
            The fields; None if no address is left.

        Source: containernetworking/plugins, host-local, allocator.go: Get, which goes round the node's range; kubelet,
        generateAPIPodStatus, for pods on the host network.
        """
        document = pod.document
        status, spec = document.get("status"), document.get("spec") or {}
        if status and status.get("podIP"):
            return {}
        name = spec.get("nodeName") or ""
        tx = self._tx
        if spec.get("hostNetwork"):
            return _listed(_of_node(tx, tx.get("Node", name), name))
        ranges = self._ranges.get(name)
        if ranges is None:
            ranges = self._ranges[name] = [_range(tx, each) for each in _pools(tx, tx.get("Node", name))]
        given: list[str] = []
        for each in ranges:
            address = each.free(tx)
            if not address and _has_own_ranges(tx, tx.get("Node", name)):
                address = _range(tx, pool(tx.range_of("assumed_pod_range"))).free(tx)
            if not address:
                tx.memory[STRAYS, each.pool.text] = 1
                return None
            given.append(address)
        if not given:
            return None
        ranges[0].used.update(given)
        return _listed(given)


def sandbox_addresses(tx: Transaction, pod: Object) -> Mapping[str, Any] | None:
    """The same of one pod."""
    return Sandboxes(tx).addresses(pod)


def _has_own_ranges(tx: Transaction, node: Object | None) -> bool:
    """Whether the network plugin gives the pods of a node addresses that are not known here."""
    ranges = (node.document.get("spec") or {}).get("podCIDR") if node is not None else None
    own = (PLUGIN, "all") in tx.state.memory and tx.parameter("allocate_node_cidrs")
    return not ranges and bool(own)


def _listed(addresses: list[str]) -> Mapping[str, Any]:
    return {"podIP": addresses[0], "podIPs": [{"ip": each} for each in addresses]}


def _pools(tx: Transaction, node: Object | None) -> Sequence[Pool]:
    """Where pods of a node get addresses: its own ranges, or the cluster's where nodes get none."""
    spec = (node.document.get("spec") or {}) if node is not None else {}
    ranges = spec.get("podCIDRs") or ([spec["podCIDR"]] if spec.get("podCIDR") else [])
    if ranges:
        return [pool(text) for text in ranges]
    if node is not None and tx.parameter("allocate_node_cidrs") and (PLUGIN, "all") not in tx.state.memory:
        return []
    return pools(tx.range_of("cluster_cidr"))


def _of_node(tx: Transaction, node: Object | None, name: str) -> list[str]:
    """The addresses of a node; one that stands for them if they are not in the input."""
    listed = ((node.document.get("status") or {}).get("addresses") or ()) if node is not None else ()
    found = [str(each["address"]) for each in listed if each.get("type") == "InternalIP"]
    if found:
        return found
    assumed = pool(tx.range_of("assumed_node_range"))
    counter = f"address of {name}"
    number = tx.names.get(counter, tx.state.names.get(counter))
    if number is None:
        total = f"addresses of {assumed.text}"
        number = tx.names[counter] = _number(tx, total)
        tx.names[total] = number + 1
    return [assumed.address(number % assumed.size)]


class _Range(msgspec.Struct, kw_only=True):
    """A range while a transaction hands out its addresses."""

    pool: Pool
    counter: str
    used: set[str]
    is_exhausted: bool = False

    def free(self, tx: Transaction) -> str:
        """The next free address, round and round; empty if there is none, which holds for the transaction."""
        if self.is_exhausted:
            return ""
        given, used = self.pool, self.used
        start = _number(tx, self.counter)
        end = start + min(given.size, len(used) + 1)
        for number in range(start, end):
            address = given.address(number % given.size)
            if address not in used:
                tx.names[self.counter] = number + 1
                return address
        tx.names[self.counter], self.is_exhausted = end, True
        return ""


def _range(tx: Transaction, given: Pool) -> _Range:
    found: _Range | None = tx.shared.get((_RANGE, given.text))
    if found is None:
        counter = f"addresses of {given.text}"
        found = tx.shared[_RANGE, given.text] = _Range(pool=given, counter=counter, used=_in_use(tx))
    return found


def _number(tx: Transaction, counter: str) -> int:
    """How many addresses were handed out by a counter."""
    number = tx.names.get(counter)
    return tx.state.names.get(counter, 0) if number is None else number


def _in_use(tx: Transaction) -> set[str]:
    """The addresses that pods have: a pod that has ended has given its own back, though its status still says it."""
    found: set[str] | None = tx.shared.get(_ADDRESSES)
    if found is None:
        given = tx.state.cluster.of_each(_ADDRESSES, "Pod", _addresses_of)
        found = tx.shared[_ADDRESSES] = set(chain.from_iterable(given.values()))
    return found


def _addresses_of(pods: Columns) -> Iterator[Sequence[str]]:
    phases, lists = (pods.values(f"status.{name}") or repeat(None) for name in ("phase", "podIPs"))
    for address, phase, more in zip(pods.values("status.podIP"), phases, lists, strict=False):
        if not address or phase in ("Succeeded", "Failed"):
            yield ()
        elif not more or len(more) < 2:
            yield (address,)
        else:
            yield (address, *(str(each.get("ip")) for each in more[1:]))
