"""What every result can do beside being a value: its document, its text, and how a notebook shows it.

How results are written is the affair of ``kubelogic.report``, which is above the verbs. It is looked up by name when it
is asked for, so that a result that was pickled can be shown in a process that has imported nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_REPORT = "kubelogic.report.shown"


class Shown:
    """A result. Every verb returns one."""

    __slots__ = ()

    def __hash__(self) -> int:
        """What is equal prints the same line, so that results can be kept in sets and as keys."""
        return hash((type(self), repr(self)))

    def to_dict(self) -> dict[str, Any]:
        """The JSON document of the result, as ``-o json`` prints it. Docs: reference/documents."""
        found: dict[str, Any] = import_module(_REPORT).document(self)
        return found

    def to_text(self) -> str:
        """The text of the result, as the command line prints it without a terminal."""
        found: str = import_module(_REPORT).text(self)
        return found

    def _repr_html_(self) -> str:
        """What a notebook shows: a line, and the text below it."""
        found: str = import_module(_REPORT).html(self)
        return found
