"""Answers in parts: a heading with lines, parts with a line between them; what is empty is left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kubelogic.report.style import PLAIN, Style


def part(title: str, lines: Iterable[str], style: Style = PLAIN) -> str:
    """Lines under a heading; empty where there are none.

    >>> part("GONE", ["  web-1"])
    'GONE\\n  web-1'
    >>> part("GONE", [])
    ''
    """
    shown = list(lines)
    return "\n".join([style.bold(title), *shown]) if shown else ""


def paragraphs(*parts: str) -> str:
    """Parts with a line between them, without those that are empty."""
    return "\n\n".join(filter(None, parts))


def cut(lines: Sequence[str], most: int, ending: str = "; -o json has them all") -> list[str]:
    """So many lines at most, and how many more there are.

    >>> cut(["  a", "  b", "  c"], 1)
    ['  a', '  ... and 2 more; -o json has them all']
    """
    return [*lines[:most], *([f"  ... and {len(lines) - most:,} more{ending}"] if len(lines) > most else [])]
