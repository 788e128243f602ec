"""One line on stderr while the solver takes long; it is gone when the answer comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

import msgspec

PATIENCE = 3.0
"""Seconds of solving without a word."""
EVERY = 0.5
"""Seconds from one line on a terminal to the next."""
SELDOM = 10.0
"""Seconds from one line to the next where lines stay."""
_PAUSE = 1.0
"""Seconds without a look at the clock after which another solve has begun."""


class TellingClock(msgspec.Struct, kw_only=True):
    """A clock for solvers, which look at it again and again, that says how long the present solve takes already.

    Attributes:
        clock: monotonic seconds.
        stream: where to say it; None for nowhere.
        live: one line, written over and over, as on a terminal; else a new line now and then.
        limit: seconds that a solve may take.
    """

    clock: Callable[[], float]
    stream: TextIO | None
    live: bool
    limit: float
    _start: float | None = None
    _seen: float = 0.0
    _told: float = 0.0
    _shown: bool = False

    def __call__(self) -> float:
        """The time."""
        now = self.clock()
        if self._start is None or now - self._seen > _PAUSE:
            self._start, self._told = now, now + PATIENCE - (EVERY if self.live else SELDOM)
        self._seen = now
        if self.stream is not None and now - self._told >= (EVERY if self.live else SELDOM):
            self._told = now
            self._tell(self.stream, f"solving for {now - self._start:.0f} s, at most {self.limit:.0f} s (--timeout)")
        return now

    def clear(self) -> None:
        """Take the line back."""
        if self._shown and self.live and self.stream is not None:
            self.stream.write("\r\033[K")
            self.stream.flush()
        self._shown = False

    def _tell(self, stream: TextIO, text: str) -> None:
        stream.write(f"\r\033[K{text}" if self.live else f"{text}\n")
        stream.flush()
        self._shown = True
