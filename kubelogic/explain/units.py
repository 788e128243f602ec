"""Amounts as people write them."""

from __future__ import annotations

from collections.abc import Sequence

_BYTES = ("memory", "storage", "ephemeral-storage")
_BINARY = ((1 << 60, "Ei"), (1 << 50, "Pi"), (1 << 40, "Ti"), (1 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki"))


def in_bytes(resource: str) -> bool:
    """Whether a resource is counted in bytes."""
    return resource in _BYTES or resource.startswith("hugepages-") or resource.endswith("/ephemeral-storage")


def amount(resource: str, value: int) -> str:
    """An amount of a resource: CPUs from millicores, bytes with a binary suffix, else the number.

    >>> amount("cpu", 1300), amount("memory", 1610612736), amount("nvidia.com/gpu", 2)
    ('1.3', '1.5Gi', '2')
    """
    if resource == "cpu":
        return f"{value / 1000:.3f}".rstrip("0").rstrip(".")
    if in_bytes(resource):
        for unit, suffix in _BINARY:
            if abs(value) >= unit:
                return f"{value / unit:.1f}".removesuffix(".0") + suffix
    return str(value)


def share(part: int, whole: int) -> str:
    """A part of a whole in percent.

    >>> share(1, 3)
    '33%'
    """
    return f"{100 * part // whole}%" if whole else "-"


def seconds(milliseconds: int) -> str:
    """A time or duration as seconds.

    >>> seconds(340000), seconds(1500)
    ('340s', '1.5s')
    """
    return f"{milliseconds / 1000:.3f}".rstrip("0").rstrip(".") + "s"


def some(names: Sequence[str], most: int = 3) -> str:
    """Names, so many at most, and how many more there are.

    >>> some(["a", "b", "c", "d"]), some(["a", "b"])
    ('a, b, c and 1 more', 'a, b')
    """
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def count(number: int, noun: str) -> str:
    """A number with its noun.

    >>> count(1, "pod"), count(3, "pod")
    ('1 pod', '3 pods')
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
