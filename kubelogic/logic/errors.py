"""What can be wrong with rules."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kubelogic.logic.terms import Place


class RuleFault(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One fault of a rule file, with the source line for a caret and, where there is one, a hint."""

    place: Place
    message: str
    hint: str = ""
    excerpt: str = ""

    def __str__(self) -> str:
        text = f"{self.place}: {self.message}"
        if self.excerpt:
            width = max(1, self.place.end_column - self.place.column)
            text += f"\n  {self.excerpt}\n  {' ' * (self.place.column - 1)}{'^' * width}"
        if self.hint:
            text += f"\n  {self.hint}"
        return text


class RuleErrors(Exception):  # noqa: N818 - several errors in one
    """The rulebook cannot be used. Holds every fault that was found, by file and line."""

    def __init__(self, faults: Iterable[RuleFault]) -> None:
        self.faults = tuple(sorted(faults))
        super().__init__(self.faults)

    def __str__(self) -> str:
        return "\n".join(map(str, self.faults))


class RunawayError(RuleErrors):
    """An evaluation has passed a bound, with the rule that did: it has no end, or the input is too large for it."""
