"""Moments of the simulated clock: milliseconds since 1970, and the API's text for them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import msgspec

from kubelogic.patterns import regex

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST = 253_402_300_799_000
"""The last second of the year 9999, the end of what the API's text can say; later moments are written as this one."""
_FIRST = -62_135_596_800_000
PRESENT = 1_793_577_600_000
"""When the clock starts for manifests that mention no moment: Monday, 2026-11-02T00:00:00Z. Never the machine's clock,
so that equal input gives equal output."""

_MOMENT = regex(rb'T(?<="(\d{4}-\d\d-\d\dT))(\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))"(?!:)')
"""A value that is a moment, looked for by its T, of which a text has few."""

_AT_ONCE = 500
_FRACTION = regex(r"\.(\d+)")


@lru_cache(maxsize=65536)
def timestamp(moment: int) -> str:
    """The API's text for a moment; with milliseconds where it is not a whole second.

    >>> timestamp(60000), timestamp(250)
    ('1970-01-01T00:01:00Z', '1970-01-01T00:00:00.250Z')
    """
    moment = max(_FIRST, min(moment, LAST))
    when = _EPOCH + timedelta(milliseconds=moment)
    text = when.replace(tzinfo=None, microsecond=0).isoformat()
    return f"{text}.{moment % 1000:03d}Z" if moment % 1000 else f"{text}Z"


@lru_cache(maxsize=1 << 16)
def milliseconds(text: str) -> int:
    """RFC 3339 text in milliseconds since 1970.

    >>> milliseconds("1970-01-01T00:00:01.5Z")
    1500

    Raises:
        ValueError: not a timestamp.
    """
    micros = _FRACTION.sub(lambda match: "." + match[1][:6].ljust(6, "0"), text.replace("Z", "+00:00"))
    return (datetime.fromisoformat(micros) - _EPOCH) // timedelta(milliseconds=1)


def weekday(moment: int) -> str:
    """The day of the week of a moment, in UTC.

    >>> weekday(0)
    'Thursday'
    """
    return (_EPOCH + timedelta(milliseconds=max(_FIRST, min(moment, LAST)))).strftime("%A")


def moments_in(values: Sequence[object]) -> set[int]:
    """All moments that are values somewhere in JSON trees, at any depth, in milliseconds since 1970.

    >>> moments_in([{"at": "1970-01-01T00:00:01Z", "message": "1970-99-01T00:00:01Z", "1970-01-01T00:00:03Z": []}])
    {1000}
    """
    texts: set[tuple[bytes, bytes]] = set()
    for start in range(0, len(values), _AT_ONCE):
        texts.update(_MOMENT.findall(msgspec.json.encode(values[start : start + _AT_ONCE], enc_hook=dict)))
    found = set()
    for day, time in texts:
        with suppress(ValueError):  # it only looks like one
            found.add(milliseconds((day + time).decode()))
    return found
