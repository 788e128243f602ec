"""Schedules of CronJobs: five fields, or a word such as ``@daily``."""

from __future__ import annotations

import re

_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES, 1)}
_DAYS = {name: number for number, name in enumerate(_DAY_NAMES)}
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
_WORDS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")
_DURATION = re.compile(r"[-+]?(0|([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+", re.ASCII)


def wrong(schedule: str) -> str:
    """What is wrong with a schedule, or nothing.

    >>> wrong("*/5 8-18 * * mon-fri"), wrong("@daily")
    ('', '')
    >>> wrong("60 * * * *")
    'has the minute 60; it must be between 0 and 59'
    """
    if schedule.startswith("@"):
        if schedule in _WORDS or (schedule.startswith("@every ") and _DURATION.fullmatch(schedule[7:])):
            return ""
        return f"is not known; use one of {', '.join(_WORDS)}, or five fields"
    fields = schedule.split()
    if len(fields) != len(_FIELDS):
        return f"has {len(fields)} fields; a schedule has five: minute, hour, day of the month, month, day of the week"
    for text, (name, low, high, words) in zip(fields, _FIELDS, strict=True):
        for part in filter(None, text.split(",")):
            if found := _part(part, name, low, high, words):
                return found
    return ""


def _number(text: str, words: dict[str, int]) -> int | None:
    if text.lower() in words:
        return words[text.lower()]
    digits = text.removeprefix("+")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else None


def _part(part: str, name: str, low: int, high: int, words: dict[str, int]) -> str:
    span, *steps = part.split("/")
    ends = span.split("-")
    if len(steps) > 1 or len(ends) > 2:
        return f"has {part!r} as {name}, which is no number, range or step"
    if ends[0] in ("*", "?"):
        first, last = low, high
    else:
        numbers = [_number(end, words) for end in ends]
        if None in numbers:
            return f"has {part!r} as {name}, which is no number"
        first, last = numbers[0] or 0, numbers[-1] or 0
    if steps:
        step = _number(steps[0], {})
        if not step:
            return f"has the step {steps[0]!r}; it must be a number above 0"
        if len(ends) == 1:
            last = high
    for number in (first, last):
        if not low <= number <= high:
            return f"has the {name} {number}; it must be between {low} and {high}"
    return f"has the range {span!r}, which ends before it begins" if first > last else ""
