"""Ranges of addresses for the rules of nodes and kubelets: which are whose, how many addresses they have, and words."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from kubelogic.facts.parameters import Network, networks, pool

_PLENTY = 1 << 31


def network_of(text: str, family: int) -> str | None:
    """The network of one family in a text of one or two.

    >>> network_of("10.0.0.0/16,fd00::/48", 6), network_of("10.0.0.0/16", 6)
    ('fd00::/48', None)
    """
    return next((str(each) for each in networks(text) if each.version == family), None)


@lru_cache(maxsize=1 << 14)
def _numbers(whole: str, size: int, part: str) -> tuple[int, int] | None:
    """The first and last number of those ranges of a size, of a whole network, that a part touches."""
    network, other = ip_network(whole), ip_network(part)
    if network.version != other.version or not network.overlaps(other):
        return None
    shift, first = network.max_prefixlen - size, int(network.network_address)
    low = max(int(other.network_address), first)
    high = min(int(other.broadcast_address), int(network.broadcast_address))
    return low - first >> shift, high - first >> shift


def first_number(whole: str, size: int, part: str) -> int | None:
    """The number of the first range of a size, of a whole network, that a part touches; None if it touches none.

    >>> first_number("10.244.0.0/16", 24, "10.244.4.0/23"), last_number("10.244.0.0/16", 24, "10.244.4.0/23")
    (4, 5)
    >>> first_number("10.244.0.0/16", 24, "10.9.0.0/24")
    """
    found = _numbers(whole, size, part) if _count(whole, size) else None
    return None if found is None else found[0]


def last_number(whole: str, size: int, part: str) -> int | None:
    """The number of the last one."""
    found = _numbers(whole, size, part) if _count(whole, size) else None
    return None if found is None else found[1]


def _count(whole: str, size: int) -> int:
    """How many ranges of a size a network has; 0 if it is smaller than one."""
    network = ip_network(whole)
    return 1 << size - network.prefixlen if network.prefixlen <= size <= network.max_prefixlen else 0


def number_round(whole: str, size: int, start: int, step: int) -> int | None:
    """The number that comes so many steps after another, round and round; None once all have been seen.

    >>> [number_round("10.244.0.0/22", 24, 2, step) for step in range(5)]
    [2, 3, 0, 1, None]
    """
    count = _count(whole, size)
    return (start + step) % count if step < count else None


def steps_round(whole: str, size: int, start: int, number: int) -> int:
    """How many steps one number comes after another, round and round.

    >>> steps_round("10.244.0.0/22", 24, 2, 1)
    3
    """
    return (number - start) % (_count(whole, size) or 1)


def numbered_range(whole: str, size: int, number: int) -> str | None:
    """The range of a number, from 0.

    >>> numbered_range("10.244.0.0/16", 24, 3), numbered_range("fd00::/48", 64, 1)
    ('10.244.3.0/24', 'fd00:0:0:1::/64')
    """
    network = ip_network(whole)
    first = int(network.network_address) + (number << network.max_prefixlen - size)
    made: type[Network] = IPv4Network if isinstance(network, IPv4Network) else IPv6Network
    return str(made((first, size)))


def range_holds(given: str, address: str) -> int:
    """1 if an address is in a range, else 0.

    >>> range_holds("10.9.0.0/30", "10.9.0.2"), range_holds("10.9.0.0/30", "10.8.0.2"), range_holds("10.9.0.0/30", "::")
    (1, 0, 0)
    """
    return int(ip_address(address) in pool(given).network)


def range_size(given: str) -> int:
    """How many addresses a range has for pods; more than pods can ever be are not told apart.

    >>> range_size("10.9.0.0/30"), range_size("fd00::/64") == _PLENTY
    (1, True)
    """
    return min(pool(given).size, _PLENTY)


def full_range_words(given: str) -> str:
    """What a kubelet says of a pod for which no address is left. Source: host-local, cmdAdd and allocator.go: Get.

    >>> full_range_words("10.9.0.0/30").rpartition(": ")[2]
    '10.9.0.1-10.9.0.2'
    """
    message = f"no IP addresses available in range set: {pool(given)}"
    return f"Failed to create pod sandbox: failed to allocate for range 0: {message}"


def no_node_range_words(node: str) -> str:
    """What is said of a pod on a node that has no range."""
    return f"Failed to create pod sandbox: node {node} has no range of addresses for its pods (spec.podCIDR)"


def no_range_words(network: str, size: int) -> str:
    """What is said of a node for which no range is left."""
    return (
        f"all {_count(network, size)} ranges /{size} of {network} are given to nodes, so its pods get no addresses: "
        "set cluster_cidr to a larger one, or allocate_node_cidrs to 0 if the network plugin gives addresses"
    )
