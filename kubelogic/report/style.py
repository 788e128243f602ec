"""How text looks where it goes: colour only where a person looks and has not asked for none, lines no wider than that.

Style marks text with a token that is made anew in each process; ``report.terminal`` puts the escape sequences there
when the text is written. No input can hold the token.
"""

from __future__ import annotations

import os
from typing import NamedTuple, TextIO

from kubelogic.report.terminal import MARK
from kubelogic.report.width import is_terminal, width_of


class Style(NamedTuple):
    """Marks up text for a terminal, or leaves it as it is.

    Attributes:
        color: whether to mark anything.
        width: columns of the terminal; None where lines may be as long as they are.
    """

    color: bool = False
    width: int | None = None

    def _sgr(self, text: str, code: str) -> str:
        return f"{MARK}[{code}m{text}{MARK}[0m" if self.color else text

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


def style_for(stream: TextIO | None, *, no_color: bool = False) -> Style:
    """The style for a stream.

    Colour only on a terminal (or with ``FORCE_COLOR``), without ``NO_COLOR`` and without ``--no-color``.
    """
    unwanted = no_color or bool(os.environ.get("NO_COLOR"))
    live = stream is not None and is_terminal(stream) and os.environ.get("TERM") != "dumb"
    forced = os.environ.get("FORCE_COLOR", "") not in ("", "0")
    return Style(color=not unwanted and (live or forced), width=width_of(stream))
