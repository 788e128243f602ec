"""Faults of manifests and rules as text: place, message, source line and caret."""

from __future__ import annotations

from collections.abc import Sequence

from kubelogic.logic.errors import RuleFault
from kubelogic.report.style import PLAIN, Style
from kubelogic.report.terminal import one_line
from kubelogic.text.characters import shortened
from kubelogic.text.location import Fault

_WIDEST = 100
"""Source lines are cut to this many characters around the caret."""


def render_faults(faults: Sequence[Fault], style: Style = PLAIN) -> str:
    """Every fault of the input, and how many there are."""
    blocks = [_fault(fault, style) for fault in faults]
    files = len({fault.location.file for fault in faults})
    blocks.append(f"{_count(len(faults), 'error')} in {_count(files, 'file')}")
    return "\n".join(blocks)


def render_rule_faults(faults: Sequence[RuleFault], style: Style = PLAIN) -> str:
    """Every fault of the rules, and how many there are."""
    blocks = [str(fault).replace(str(fault.place), style.bold(str(fault.place)), 1) for fault in faults]
    where = " in the rules" if any(fault.place.file.endswith(".dl") for fault in faults) else ""
    blocks.append(_count(len(faults), "error") + where)
    return "\n".join(blocks)


def _fault(fault: Fault, style: Style) -> str:
    who = f"{fault.object}: " if fault.object else ""
    place = style.bold(shortened(str(fault.location)))
    head = f"{place}: {style.bad('error')}: {one_line(who + fault.message)} [{fault.code}]"
    if not fault.excerpt or not fault.location.column:
        return head
    line, caret = window(fault.excerpt, fault.caret, _WIDEST if style.width is None else min(_WIDEST, style.width - 10))
    return f"{head}\n    {line}\n    {' ' * (caret - 1)}{style.bad('^')}"


def window(line: str, column: int, widest: int = _WIDEST) -> tuple[str, int]:
    """The part of a long line around a column, and the column within that part (both from 1).

    >>> window("short", 3)
    ('short', 3)
    """
    text = "".join(character if character.isprintable() else " " for character in line)
    if len(text) <= widest:
        return text, column
    start = max(0, min(column - 1 - widest // 2, len(text) - widest))
    part = text[start : start + widest]
    left = "..." if start else ""
    right = "..." if start + widest < len(text) else ""
    return f"{left}{part}{right}", column - start + len(left)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
