"""When schedules are due."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kubelogic.facts.schedules import next_time, recent_time


def moment(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("schedule", "zone", "after", "expected"),
    [
        ("*/15 * * * *", "", "2026-01-01T00:00", "2026-01-01T00:15"),
        ("0 0 1 1 *", "", "2026-01-01T00:00", "2027-01-01T00:00"),
        ("@weekly", "", "2026-01-01T00:00", "2026-01-04T00:00"),
        ("30 6-16/4 * * mon-fri", "", "2026-01-02T14:30", "2026-01-05T06:30"),
        ("0 0 13 * 5", "", "2026-01-01T00:00", "2026-01-02T00:00"),
        ("0 0 13 * *", "", "2026-01-01T00:00", "2026-01-13T00:00"),
        ("0 0 */2 * 1", "", "2026-01-01T00:00", "2026-01-03T00:00"),
        ("0 9 * * *", "Asia/Tokyo", "2026-01-01T00:00", "2026-01-02T00:00"),
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", "2026-03-30T00:30"),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30", "2026-10-25T01:30"),
        ("TZ=Asia/Tokyo 0 9 * * *", "", "2026-01-01T00:00", "2026-01-02T00:00"),
        ("0 0 29 2 *", "", "2026-01-01T00:00", "2028-02-29T00:00"),
    ],
)
def test_the_next_time(schedule: str, zone: str, after: str, expected: str) -> None:
    """An hour that summer time skips brings nothing that day; one that comes twice brings two."""
    assert next_time(schedule, zone, moment(after)) == moment(expected)


def test_a_day_that_never_comes() -> None:
    assert next_time("59 23 31 2 *", "", moment("2026-01-01T00:00")) is None
    assert recent_time("59 23 31 2 *", "", moment("2020-01-01T00:00"), moment("2026-01-01T00:00")) is None


def test_an_unknown_zone_brings_nothing() -> None:
    assert next_time("* * * * *", "Nowhere/At_All", 0) is None


@pytest.mark.parametrize("schedule", ["*/7 * * * *", "0 */5 * * *", "0 0 1 * *", "@every 90s"])
def test_the_recent_time_is_the_last_of_the_next_ones(schedule: str) -> None:
    start, now = moment("2026-01-01T00:03"), moment("2026-03-02T10:11")
    found, upcoming = None, next_time(schedule, "", start)
    while upcoming is not None and upcoming <= now:
        found, upcoming = upcoming, next_time(schedule, "", upcoming)
    assert recent_time(schedule, "", start, now) == found
