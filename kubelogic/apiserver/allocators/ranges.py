"""The ranges that addresses and ports of Services come from, and in which order they are handed out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import chain

import msgspec

from kubelogic.apiserver.transaction import Transaction
from kubelogic.facts.parameters import Network, networks, ports
from kubelogic.logic import Value

_IPV4, _IPV6 = 4, 6
_BITS = 128


class Ranges(msgspec.Struct, frozen=True, kw_only=True):
    """Where cluster addresses and node ports come from.

    Attributes:
        services: the ranges of cluster addresses, that of the first family first.
        assumed: where IPv6 addresses come from in a cluster that has them although ``services`` does not say so.
        node_ports: the range of node ports.
        address_bounds: of the part of a network that is handed out last: its share, and its least and most addresses.
        port_bounds: the same for the node ports.
    """

    services: tuple[Network, ...]
    assumed: tuple[Network, ...]
    node_ports: range
    address_bounds: tuple[int, int, int]
    port_bounds: tuple[int, int, int]

    @classmethod
    def of(cls, tx: Transaction) -> Ranges:
        """The ranges as the parameters of a transaction have them."""
        return cls.named(tx.parameters())

    @classmethod
    def named(cls, parameters: Mapping[str, Value]) -> Ranges:
        """The ranges as parameters have them, by name."""
        return _ranges(
            str(parameters["service_cluster_ip_range"]),
            str(parameters["assumed_service_ipv6_range"]),
            str(parameters["service_node_port_range"]),
            tuple(int(parameters[f"static_addresses_{name}"]) for name in ("share", "least", "most")),
            tuple(int(parameters[f"static_ports_{name}"]) for name in ("share", "least", "most")),
        )

    @property
    def are_dual(self) -> bool:
        """Whether there are ranges of both families."""
        return len(self.services) > 1

    @property
    def every(self) -> tuple[Network, ...]:
        """All ranges in which an address may be."""
        return self.services if self.are_dual else (*self.services, *self.assumed)

    def addresses(self, family: str) -> Iterator[int]:
        """The addresses of a family, as ``number_of`` has them, in the order in which they are handed out.

        The lower part comes last. Source: pkg/registry/core/service/ipallocator/ipallocator.go, AllocateNext.
        """
        for network in self.every:
            if (network.version == _IPV4) == (family == "IPv4"):
                size = network.num_addresses
                last = size - 1 if network.version == _IPV4 else size
                offset = _offset(size, *self.address_bounds)
                first = number_of(str(network[0]))
                yield from chain(range(first + offset + 1, first + last), range(first + 1, first + offset + 1))
                return

    def free_ports(self) -> Iterator[int]:
        """The node ports in the order in which they are handed out, whoever has them.

        Source: pkg/registry/core/service/portallocator/allocator.go, AllocateNext.
        """
        offset = _offset(len(self.node_ports), *self.port_bounds)
        return chain(self.node_ports[offset:], self.node_ports[:offset])


def number_of(address: str) -> int:
    """An address as a number; those of the two families differ."""
    found = ip_address(address)
    return int(found) | (found.version == _IPV6) << _BITS


def address_of(number: int) -> str:
    """The address of a number.

    >>> [address_of(number_of(text)) for text in ("10.0.0.9", "::9")]
    ['10.0.0.9', '::9']
    """
    return str(IPv6Address(number ^ 1 << _BITS) if number >> _BITS else IPv4Address(number))


def _offset(size: int, share: int, least: int, most: int) -> int:
    """How many of a range are handed out last. Source: calculateRangeOffset of both allocators."""
    return 0 if size <= least else min(max(size // share, least), most)


@lru_cache(maxsize=16)
def _ranges(
    services: str, assumed: str, node_ports: str, addresses: tuple[int, int, int], held_ports: tuple[int, int, int]
) -> Ranges:
    return Ranges(
        services=networks(services),
        assumed=networks(assumed),
        node_ports=ports(node_ports),
        address_bounds=addresses,
        port_bounds=held_ports,
    )
