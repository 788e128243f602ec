"""Colour for terminals: on only where a person looks and has not asked for none."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TextIO


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """Marks up text for a terminal, or leaves it as it is."""

    color: bool = False

    def _sgr(self, text: str, code: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self.color else text

    def bold(self, text: str) -> str:
        return self._sgr(text, "1")

    def dim(self, text: str) -> str:
        return self._sgr(text, "2")

    def good(self, text: str) -> str:
        return self._sgr(text, "32")

    def bad(self, text: str) -> str:
        return self._sgr(text, "31")

    def warn(self, text: str) -> str:
        return self._sgr(text, "33")


PLAIN = Style()


def style_for(stream: TextIO, *, no_color: bool = False) -> Style:
    """The style for a stream: colour only on a terminal, without ``NO_COLOR`` and without ``--no-color``."""
    wanted = not no_color and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Style(color=wanted and stream.isatty())
