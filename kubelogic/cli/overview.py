"""What ``kubelogic --help`` prints: made from the table of commands, so that it waits for no parser."""

from __future__ import annotations

import os
import sys

from kubelogic.cli import COMMANDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DESCRIPTION = "A Kubernetes control plane written as logic: plan, explain and prove placements, offline"
EXITS = (
    "exit codes: 0 yes; 1 no (pods pending, findings); 2 bad input or usage; 3 unknown (limit reached); "
    "70 a fault of kubelogic; 74 the answer cannot be written; 130 interrupted"
)
BEGIN = (
    "To begin: kubelogic demo plans a small shop and needs no files; kubelogic plan PATH does so with your manifests. "
    "kubelogic COMMAND --help has what a command takes, with examples."
)
VERSION = "which kubelogic this is"
_OPTIONS = {"-h, --help": "show this help message and exit", "--version": VERSION}
_INDENT = 16
"""Columns before what is said of a command."""
_NARROWEST = 11
"""Columns that are left for words, however narrow the terminal is."""


def overview(commands: Sequence[str]) -> str:
    """The page, as wide as the terminal.

    Args:
        commands: those to be offered.
    """
    width = columns() - 2
    lines = [
        "usage: kubelogic [-h] [--version] COMMAND ...",
        "",
        *_wrapped(DESCRIPTION, width),
        "",
        "commands:",
        *(line for name in commands for line in _entry(name, COMMANDS[name], width)),
        "",
        "options:",
        *(line for name, told in _OPTIONS.items() for line in _entry(name, told, width)),
        "",
        *_wrapped(BEGIN, width),
        "",
        *_wrapped(EXITS, width),
    ]
    return "\n".join(lines) + "\n"


def _entry(name: str, told: str, width: int) -> Iterator[str]:
    """A name and what is said of it, beside it where it is short enough."""
    first, *more = _wrapped(told, width - _INDENT)
    lead = f"  {name}".ljust(_INDENT)
    if len(lead) > _INDENT or lead[-1] != " ":
        yield lead
        lead = " " * _INDENT
    yield lead + first
    for line in more:
        yield " " * _INDENT + line


def _wrapped(text: str, width: int) -> list[str]:
    """The words in lines of at most so many columns."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > max(_NARROWEST, width):
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".lstrip()
    return lines


def columns() -> int:
    """``COLUMNS``, or the width of the terminal, or 80."""
    named = os.environ.get("COLUMNS", "")
    if named.isdecimal() and int(named):
        return int(named)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno() if sys.__stdout__ is not None else 1).columns or 80
    except (OSError, ValueError):
        return 80
