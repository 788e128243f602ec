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


class Blocks:
    """Blocks, to be asked for the smallest that holds an address: one look-up for each length of a prefix.

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

    def innermost(self, address: str) -> str:
        """The smallest block that holds an address; empty if none does."""
        if not self._by_length:
            return ""
        try:
            here = ip_address(address)
        except ValueError:
            return ""
        number = int(here)
        for shift, known in self._by_length.get(here.version, ()):
            if (found := known.get(number >> shift)) is not None:
                return found
        return ""
