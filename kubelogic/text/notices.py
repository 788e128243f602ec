"""Things worth telling the user that do not stop anything."""

from __future__ import annotations

import msgspec

from kubelogic.text.location import Location


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was read but is not modelled, or that was taken with a warning. Never silence.

    ``code`` is permanent (``KL...``). ``location`` is where it was first met (None if it has no place in a
    file); ``count`` is how many objects it is about.
    """

    code: str
    message: str
    location: Location | None = None
    count: int = 1

    @property
    def order(self) -> tuple[str, Location, str, int]:
        """What notices are sorted by: code, place, text."""
        return self.code, self.location or Location(file=""), self.message, self.count

    def __str__(self) -> str:
        place = f"{self.location}: " if self.location else ""
        return f"{place}{self.message} [{self.code}]"
