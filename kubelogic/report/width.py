"""How many columns there are where text goes."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

_LEAST = 20
"""A terminal that says it is narrower is taken to be so wide."""


def width_of(stream: TextIO | None) -> int | None:
    """The columns that a stream has: ``COLUMNS`` if it is set, else those of its terminal; None if it is none."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and given.isascii() and 0 < len(given) < 6 and int(given) > 0:
        return max(_LEAST, int(given))
    if stream is None or not is_terminal(stream):
        return None
    try:
        return max(_LEAST, os.get_terminal_size(stream.fileno()).columns or 80)
    except (OSError, ValueError):
        return 80


def is_terminal(stream: TextIO) -> bool:
    """Whether a person may be looking; not at a stream that is closed."""
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False
