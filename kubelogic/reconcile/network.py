"""What the rules of networks ask of addresses and names: which block is in which, and how names are put together."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address

from kubelogic.facts.blocks import block


@lru_cache(maxsize=1 << 14)
def block_within(small: str, large: str) -> int:
    """1 if a block of addresses is a part of another, or the same; else 0.

    >>> block_within("10.1.0.0/16", "10.0.0.0/8"), block_within("::/0", "0.0.0.0/0")
    (1, 0)
    """
    one, other = block(small), block(large)
    if isinstance(one, IPv4Network):
        return int(isinstance(other, IPv4Network) and one.subnet_of(other))
    return int(isinstance(one, IPv6Network) and isinstance(other, IPv6Network) and one.subnet_of(other))


def block_size(text: str) -> int | None:
    """How many addresses a block has; None if a text is no block.

    >>> block_size("10.0.0.0/30"), block_size("nobody")
    (4, None)
    """
    found = block(text)
    return None if found is None else found.num_addresses


def block_length(text: str) -> int | None:
    """How many bits the prefix of a block has; None if a text is no block.

    >>> block_length("10.0.0.0/30"), block_length("nobody")
    (30, None)
    """
    found = block(text)
    return None if found is None else found.prefixlen


def block_around(text: str, length: int) -> str | None:
    """The block with a prefix of so many bits that a block is a part of; None if its own is shorter.

    >>> block_around("10.1.2.0/24", 8), block_around("10.1.2.0/24", 24), block_around("10.0.0.0/8", 24)
    ('10.0.0.0/8', '10.1.2.0/24', None)
    """
    found = block(text)
    if found is None or not 0 <= length <= found.prefixlen:
        return None
    return str(found.supernet(new_prefix=length))


def pods_may_have(text: str) -> int:
    """1 if pods may have addresses of a block: those of a link, of the loopback and of groups are never theirs.

    >>> pods_may_have("169.254.169.254/32"), pods_may_have("10.0.0.0/8"), pods_may_have("0.0.0.0/0")
    (0, 1, 1)
    """
    found = block(text)
    return int(found is not None and not (found.is_link_local or found.is_loopback or found.is_multicast))


def pool_address(text: str, number: int) -> str | None:
    """Address ``number``, from 0, of the first block of a text, after its own; None where there are none left.

    >>> pool_address("203.0.113.0/24", 0), pool_address("203.0.113.0/30", 2)
    ('203.0.113.1', None)
    """
    found = block(text.partition(",")[0])
    return str(found[number + 1]) if found is not None and 0 <= number < found.num_addresses - 2 else None


def dotted(first: str, rest: str) -> str:
    """A name below another.

    >>> dotted("web", "shop.svc.cluster.local")
    'web.shop.svc.cluster.local'
    """
    return f"{first}.{rest}"


def dashed(address: str) -> str:
    """An address as one label of a name.

    >>> dashed("10.3.0.7"), dashed("fd00::7")
    ('10-3-0-7', 'fd00--7')
    """
    return address.replace(".", "-").replace(":", "-")


def reverse_name(address: str) -> str | None:
    """The name under which DNS says who has an address; None for what is no address.

    >>> reverse_name("10.3.240.20"), reverse_name("nobody")
    ('20.240.3.10.in-addr.arpa', None)
    """
    try:
        return ip_address(address).reverse_pointer
    except ValueError:
        return None


def port_label(port: str, protocol: str) -> str | None:
    """The labels of a port with a name in service records; None without a name.

    >>> port_label("http", "TCP"), port_label("", "TCP")
    ('_http._tcp', None)
    """
    return f"_{port}._{protocol.lower()}" if port else None


def without_suffix(name: str, suffix: str) -> str | None:
    """What is before a suffix; None if the name does not end in it.

    >>> without_suffix("web.shop.svc.cluster.local", "svc.cluster.local"), without_suffix("a.example", "cluster.local")
    ('web.shop', None)
    """
    short = name.removesuffix(f".{suffix}")
    return short if short != name else None


def dots(name: str) -> int:
    """How many dots a name has.

    >>> dots("db.shop.svc.cluster.local")
    4
    """
    return name.count(".")
