"""Simulated time as people read it."""

from __future__ import annotations


def clock(time: int) -> str:
    """Milliseconds as a person reads them.

    >>> clock(340_000), clock(1_200), clock(600_000), clock(7_384_000), clock(0)
    ('5m40s', '1.2s', '10m', '2h3m4s', '0s')
    """
    hours, rest = divmod(time, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else "", f"{rest / 1000:g}s" if rest else ""]
    return "".join(parts) or "0s"
