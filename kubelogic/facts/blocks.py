"""Blocks of addresses, and the smallest of some blocks that holds an address."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network


@lru_cache(maxsize=4096)
def block(text: str) -> Network | None:
    """The block of addresses that a text says; None if it says none, which the API server refuses."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


_THREE_BYTES = 24
"""The bits of an IPv4 address that most addresses of one node share."""


class Blocks:
    """Blocks, to be asked for the smallest that holds an address: one look-up for each length of a prefix.

    Addresses whose first three bytes are equal have one answer, unless there are blocks that divide these.

    >>> some = Blocks([ip_network("10.0.0.0/8"), ip_network("10.1.0.0/16")])
    >>> some.innermost("10.1.2.3"), some.innermost("10.2.0.0"), some.innermost("192.0.2.1"), some.innermost("x")
    ('10.1.0.0/16', '10.0.0.0/8', '', '')
    """

    def __init__(self, blocks: Iterable[Network] = ()) -> None:
        """Take the blocks.

        Args:
            blocks: of both versions.
        """
        found = sorted(set(blocks), key=lambda each: (each.version, -each.prefixlen, int(each.network_address)))
        self.blocks: tuple[Network, ...] = tuple(found)
        self._by_length: dict[int, list[tuple[int, dict[int, str]]]] = {}
        for each in self.blocks:
            lengths = self._by_length.setdefault(each.version, [])
            shift = each.max_prefixlen - each.prefixlen
            if not lengths or lengths[-1][0] != shift:
                lengths.append((shift, {}))
            lengths[-1][1][int(each.network_address) >> shift] = str(each)
        self._split = frozenset(
            str(each.network_address).rpartition(".")[0]
            for each in self.blocks
            if isinstance(each, IPv4Network) and each.prefixlen > _THREE_BYTES
        )
        self._known: dict[str, str] = {}

    def innermost(self, address: str) -> str:
        """The smallest block that holds an address; empty if none does."""
        if not self._by_length:
            return ""
        near = address.rpartition(".")[0]
        if (found := self._known.get(near)) is not None:
            return found
        looked_up = self._look_up(address)
        if near and near not in self._split and looked_up is not None:
            self._known[near] = looked_up
        return looked_up or ""

    def _look_up(self, address: str) -> str | None:
        """The smallest block; empty if there is none, None for what is no address."""
        try:
            here = ip_address(address)
        except ValueError:
            return None
        number = int(here)
        for shift, known in self._by_length.get(here.version, ()):
            if (found := known.get(number >> shift)) is not None:
                return found
        return ""
