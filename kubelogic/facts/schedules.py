"""When a CronJob is due: schedules of five fields, words such as ``@daily``, and ``@every``.

Source: github.com/robfig/cron v3, which kube-controller-manager uses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

import msgspec

_MONTHS: Mapping[str, int] = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_DAYS: Mapping[str, int] = {
    name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))
}
_WORDS: Mapping[str, str] = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_UNITS: Mapping[str, float] = {"h": 3600, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
_YEARS_AHEAD = 5
_EARLIEST, _LATEST = -62_100_000_000_000, 253_000_000_000_000
"""From year 2 to year 9987: there is room for time zones and for years ahead."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Fields(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers that each field of a schedule allows. ``either_day``: one of the two fields for days is enough."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool


@lru_cache(maxsize=4096)
def next_time(schedule: str, zone: str, after: int) -> int | None:
    """The first moment after ``after`` at which a schedule is due.

    Args:
        schedule: as in a CronJob, without fault.
        zone: name of the time zone; empty for UTC.
        after: milliseconds since 1970.

    Returns:
        Milliseconds since 1970; None if there is none within five years, or no such zone.

    >>> next_time("*/15 * * * *", "", 60_000), next_time("@every 90s", "", 500)
    (900000, 90000)
    """
    schedule = schedule.strip()
    if schedule.startswith("@every "):
        return after // 1000 * 1000 + 1000 * max(1, int(_seconds(schedule[7:])))
    zone, schedule = _zone_within(zone, schedule)
    try:
        place = _place(zone)
    except (LookupError, ValueError):  # ZoneInfoNotFoundError is a KeyError
        return None
    return _next(_parsed(_WORDS.get(schedule, schedule)), place, after)


def recent_time(schedule: str, zone: str, after: int, now: int) -> int | None:
    """The last moment after ``after`` and not after ``now`` at which a schedule was due; None for none.

    >>> recent_time("* * * * *", "", 0, 200_000)
    180000
    """
    step = 60_000
    found = None
    if schedule.strip().startswith("@every "):
        first = next_time(schedule, zone, after)
        second = next_time(schedule, zone, first) if first is not None else None
        if first is None or second is None or first > now:
            return None
        return first + (now - first) // (second - first) * (second - first)
    while found is None:
        since = max(after, now - step)
        moment = next_time(schedule, zone, since)
        while moment is not None and moment <= now:
            found = moment
            moment = next_time(schedule, zone, moment)
        if since == after:
            break
        step *= 8
    return found


@lru_cache(maxsize=1024)
def period_of(schedule: str) -> int | None:
    """The time after which a schedule goes on the same way, as long as its zone's clocks are not changed.

    Args:
        schedule: as in a CronJob, without fault.

    Returns:
        Milliseconds; None if it follows days of the month or months, which have no such time.

    >>> period_of("*/15 * * * *"), period_of("0 3 * * *"), period_of("0 3 * * 1-5"), period_of("0 0 1 * *")
    (900000, 86400000, 604800000, None)
    """
    schedule = schedule.strip()
    if schedule.startswith("@every "):
        return 1000 * max(1, int(_seconds(schedule[7:])))
    _, schedule = _zone_within("", schedule)
    fields = _parsed(_WORDS.get(schedule, schedule))
    if len(fields.months) < 12 or len(fields.days) < 31:
        return None
    week = [
        day in fields.weekdays and hour in fields.hours and minute in fields.minutes
        for day in range(7)
        for hour in range(24)
        for minute in range(60)
    ]
    return next(
        60_000 * minutes
        for minutes in range(1, len(week) + 1)
        if len(week) % minutes == 0 and week == week[minutes:] + week[:minutes]
    )


def in_zone(moment: int, zone: str) -> str:
    """A moment in a time zone, as Go writes it (RFC 3339).

    >>> in_zone(0, "Europe/Paris"), in_zone(0, "")
    ('1970-01-01T01:00:00+01:00', '1970-01-01T00:00:00Z')
    """
    within = max(_EARLIEST, min(moment, _LATEST))
    local = (_EPOCH + timedelta(milliseconds=within)).astimezone(_place(zone))
    text = local.replace(microsecond=0).isoformat()
    return text.replace("+00:00", "Z")


def _place(zone: str) -> tzinfo:
    if not zone:
        return UTC
    from zoneinfo import ZoneInfo

    return ZoneInfo(zone)


def _zone_within(zone: str, schedule: str) -> tuple[str, str]:
    """A zone that the schedule itself names (``TZ=...``) comes first."""
    if schedule.startswith(("TZ=", "CRON_TZ=")):
        named, _, rest = schedule.partition(" ")
        return named.partition("=")[2], rest.strip()
    return zone, schedule


def _seconds(duration: str) -> float:
    sign = -1 if duration.startswith("-") else 1
    parts = re.findall(r"([0-9]*\.?[0-9]+|[0-9]+\.)(h|ms|m|us|µs|μs|ns|s)", duration)
    return sign * sum(float(number) * _UNITS[unit] for number, unit in parts)


@lru_cache(maxsize=1024)
def _parsed(schedule: str) -> _Fields:
    minutes, hours, days, months, weekdays = schedule.split()
    return _Fields(
        minutes=_numbers(minutes, 0, 59, {}),
        hours=_numbers(hours, 0, 23, {}),
        days=_numbers(days, 1, 31, {}),
        months=_numbers(months, 1, 12, _MONTHS),
        weekdays=_numbers(weekdays, 0, 6, _DAYS),
        either_day=not _is_star(days) and not _is_star(weekdays),
    )


def _is_star(field: str) -> bool:
    """Whether a field leaves the choice to the other one: with a step above 1 it does not."""
    return any(
        part.partition("/")[0].partition("-")[0] in ("*", "?") and int(part.partition("/")[2] or 1) <= 1
        for part in field.split(",")
    )


def _numbers(field: str, low: int, high: int, words: Mapping[str, int]) -> frozenset[int]:
    found: set[int] = set()
    for part in filter(None, field.split(",")):
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-")
        if first in ("*", "?"):
            start, end = low, high
        else:
            start = _number(first, words)
            end = _number(last, words) if dash else (high if slash else start)
        found.update(range(start, end + 1, int(step or 1)))
    return frozenset(found)


def _number(text: str, words: Mapping[str, int]) -> int:
    return words[text.lower()] if text.lower() in words else int(text)


def _next(fields: _Fields, place: tzinfo, after: int) -> int | None:
    if after > _LATEST:
        return None
    moment = _EPOCH + timedelta(minutes=max(after, _EARLIEST) // 60_000 + 1)
    last = moment.year + _YEARS_AHEAD
    while True:
        local = moment.astimezone(place)
        if local.year > last:
            return None
        if not _day_matches(fields, local):
            day = (local + timedelta(days=1)).replace(hour=0, minute=0, fold=0)
            moment = max(day.astimezone(UTC), moment + timedelta(minutes=1))
        elif local.hour not in fields.hours:
            moment += timedelta(minutes=60 - local.minute)
        elif local.minute not in fields.minutes:
            moment += timedelta(minutes=1)
        else:
            return round((moment - _EPOCH).total_seconds()) * 1000


def _day_matches(fields: _Fields, local: datetime) -> bool:
    if local.month not in fields.months:
        return False
    day, weekday = local.day in fields.days, local.isoweekday() % 7 in fields.weekdays
    return (day or weekday) if fields.either_day else (day and weekday)
