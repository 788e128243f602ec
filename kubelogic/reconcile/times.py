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


def go_duration(time: int) -> str:
    """Whole seconds, in milliseconds, as kubectl prints a duration.

    Source: Go, time.Duration.String.

    >>> go_duration(30_000), go_duration(120_000), go_duration(3_600_000)
    ('30s', '2m0s', '1h0m0s')
    """
    minutes, seconds = divmod(time // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
