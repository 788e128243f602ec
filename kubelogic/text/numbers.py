"""Whole numbers that somebody wrote as text: annotations, labels, names, parameters."""

from __future__ import annotations

_LARGEST = (1 << 63) - 1


def whole(text: object) -> int | None:
    """The number that a text of digits stands for.

    Args:
        text: what was written, or nothing.

    Returns:
        The number, or ``None`` for what is no text, has other signs than the digits 0 to 9, or is larger than 64 bits
        hold. ``str.isdigit`` takes ``²`` and ``int`` ends at 4,300 digits: neither is asked.

    Source: Go's ``strconv.ParseInt``, which reads such annotations (a sign is not taken here).

    >>> whole("12"), whole("²"), whole("٣"), whole("9" * 5000), whole(""), whole(None)
    (12, None, None, None, None, None)
    """
    if not isinstance(text, str) or not text.isascii() or not text.isdigit() or len(text.lstrip("0")) > 19:
        return None
    number = int(text.lstrip("0") or "0")
    return number if number <= _LARGEST else None
