"""What became of an expression that could not be evaluated."""

from __future__ import annotations

import msgspec


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """An expression that could not be evaluated, and why."""

    why: str
