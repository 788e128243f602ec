"""Lines of a timeline: what those who tell of a run need to know of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

REPEAT = "Repeat"
"""The type of entry for rounds of a loop that are not told one by one."""

ENDPOINTS = "Endpoints"
"""The type of entry for a change of how many ready endpoints a Service has."""

GONE = "Gone"
"""The type of entry for an object that was deleted before and that nothing holds any more."""

FAILED_CREATE, FAILED_UPDATE, FAILED_DELETE = "FailedCreate", "FailedUpdate", "FailedDelete"
FAILED = {"make": FAILED_CREATE, "change": FAILED_UPDATE, "delete": FAILED_DELETE}
"""What is told of a refusal, by what was refused."""
"""The type of entry for what the API server refuses to a controller: the reason of the event that there is then."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a timeline. ``time`` is in milliseconds from the start."""

    time: int
    type: str
    arguments: Mapping[str, Any]
    cause: str = ""
    refused: str = ""
    """Why the API server refused a request; empty if it did not."""
