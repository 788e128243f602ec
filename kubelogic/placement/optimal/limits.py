"""When to stop looking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from enum import IntEnum

import msgspec

Clock = Callable[[], float]


class Effort(IntEnum):
    """How much to do for one answer: no search; a search that is cut short where it branches; all there is."""

    QUICK = 0
    SOME = 1
    ALL = 2


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """When to stop looking. ``timeout`` is in seconds of the clock given; ``rlimit`` is z3's resource limit a
    check.

    ``conflicts``: for how many shapes at most to look for one,
    which takes many solves.
    Work is bounded by counts first, so that equal problems get equal answers unless ``timeout`` cuts in.
    """

    timeout: float = 60.0
    rlimit: int = 5_000_000
    conflicts: int = 0


class Deadline:
    """Tells whether the time of one solve is over (never, without a clock), and counts what was done in it."""

    def __init__(self, limits: Limits, clock: Clock | None) -> None:
        self.rlimit = limits.rlimit
        self._counts: Counter[str] = Counter()
        self._clock = clock
        self._end = clock() + limits.timeout if clock else 0.0

    def __call__(self) -> bool:
        """Whether it is over."""
        return self._clock is not None and self._clock() > self._end

    def note(self, work: str) -> None:
        """Count one piece of work."""
        self._counts[work] += 1

    @property
    def statistics(self) -> Mapping[str, int]:
        """How much of which work was done: counts, never times, so that equal problems give equal answers."""
        return dict(sorted(self._counts.items()))

    def options(self, share: float = 1.0) -> dict[str, int]:
        """Options for a question to z3, which is counted: a share of the resource limit, and the time that is left."""
        self.note("questions")
        found = {"rlimit": max(1, int(self.rlimit * share))}
        if self._clock is not None:
            found["timeout"] = max(1, int((self._end - self._clock()) * 1000))
        return found
