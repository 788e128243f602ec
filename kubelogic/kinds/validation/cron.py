"""Schedules of CronJobs: five fields, or a word such as ``@daily``."""

from __future__ import annotations

import re

from kubelogic.patterns import regex

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
_DURATION = regex(r"[-+]?(0|([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+", re.ASCII)


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


def told(schedule: str) -> str:
    """What the API server says of a schedule that it refuses.

    >>> told("* * *"), told("61 * * * *")
    ('expected exactly 5 fields, found 3: [* * *]', 'end of range (61) above maximum (59): 61')

    Source: github.com/robfig/cron, v3/parser.go, ParseStandard.
    """
    if schedule.startswith("@"):
        if schedule.startswith("@every "):
            rest = schedule.removeprefix("@every ")
            return f'failed to parse duration {schedule}: time: invalid duration "{rest}"'
        return f"unrecognized descriptor: {schedule}"
    fields = schedule.split()
    if len(fields) != len(_FIELDS):
        return f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]"
    for text, (_, low, high, words) in zip(fields, _FIELDS, strict=True):
        for part in filter(None, text.split(",")):
            if found := _told_of(part, low, high, words):
                return found
    return ""


def _told_of(part: str, low: int, high: int, words: dict[str, int]) -> str:
    span, *steps = part.split("/")
    ends = span.split("-")
    if ends[0] in ("*", "?"):
        first, last = low, high
    else:
        numbers: list[int] = []
        for end in ends[:2]:
            number = _number(end, words)
            if number is None:
                return _unparsed(end)
            numbers.append(number)
        if len(ends) > 2:
            return f"too many hyphens: {part}"
        first, last = numbers[0], numbers[-1]
    if len(steps) > 1:
        return f"too many slashes: {part}"
    step: int | None = 1
    if steps:
        step = _number(steps[0], {})
        if step is None:
            return _unparsed(steps[0])
        if len(ends) == 1:
            last = high
    if first < low:
        return f"beginning of range ({first}) below minimum ({low}): {part}"
    if last > high:
        return f"end of range ({last}) above maximum ({high}): {part}"
    if first > last:
        return f"beginning of range ({first}) beyond end of range ({last}): {part}"
    return "" if step else f"step of range should be a positive number: {part}"


def _unparsed(text: str) -> str:
    if text.startswith("-") and text[1:].isdigit():
        return f"negative number ({int(text)}) not allowed: {text}"
    return f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax'
