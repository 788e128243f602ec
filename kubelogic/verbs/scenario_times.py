"""When a step happens: once, for a while, again and again; and when an expectation is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from kubelogic.reconcile.choices import ForEach
from kubelogic.reconcile.expectations import Expectation, When
from kubelogic.reconcile.machines import Machine, Shutdown
from kubelogic.reconcile.scenario import Cordon, Event, FailNode, HealNode, Operation, Pause, Taint
from kubelogic.reconcile.troubles import FailProbe, HealProbe
from kubelogic.reconcile.world_steps import Down, Report
from kubelogic.text.location import Location
from kubelogic.text.location import Path as FieldPath
from kubelogic.verbs.scenario_fields import WrongFieldError, from_start, milliseconds, no_duration, no_time

ENVELOPE: Mapping[str, str] = {
    "at": "when: seconds or `1m30s` from the start, or a moment such as `2026-11-02T08:00Z`; for `expect` also `end`",
    "for": "so long, then the opposite is done: with `fail`, `cordon`, `taint`, `report`, `machine` (stopped), "
    "`shutdown`, `stop` and `pause`",
    "repeat": "`{every, times}` or `{every, until}`: again and again; with neither, up to the horizon",
    "by": "`expect` only: it is so at this time (the answer says since when)",
    "always": "`expect` only, `true`: all the time, from the moment at which it is so first, or from `from` to `until`",
    "once": "`expect` only, `true`: at some moment, from `from` to `until`",
    "from": "`expect` only: see `always` and `once`",
    "until": "`expect` only: see `always` and `once`",
}
"""What a step has beside the one thing that it does."""

MOST = 10_000
"""So many times a step may be repeated."""


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """When a step happens, in milliseconds from the start.

    Attributes:
        moments: each time at which it does.
        lasts: how long, before the opposite is done; None: for good.
        when: how an expectation is looked at.
        since: from when on.
        until: up to when; None: to the end.
        path: where ``for`` stands.
    """

    moments: tuple[int, ...]
    lasts: int | None = None
    when: When = "at"
    since: int | None = None
    until: int | None = None
    path: FieldPath = ()

    def events(self, operation: Operation, location: Location) -> Iterator[Event]:
        """What happens when.

        Raises:
            WrongFieldError: if there is no opposite of an operation that is to last for a while.
        """
        if isinstance(operation, Expectation):
            moments = {0 if operation.since is None else operation.since, operation.until}
            for moment in sorted(each for each in moments if each is not None):
                yield Event(at=moment, operation=operation, location=location)
            return
        back = None
        if self.lasts is not None:
            back = opposite(operation)
            if back is None:
                allowed = "fail, cordon, taint, report, machine (stopped), shutdown, stop and pause"
                raise WrongFieldError(self.path, f"goes with {allowed}: nothing undoes this", on_key=True, code="KL142")
        for moment in self.moments:
            yield Event(at=moment, operation=operation, location=location)
            if back is not None and self.lasts is not None:
                yield Event(at=moment + self.lasts, operation=back, location=location)


def opposite(operation: Operation) -> Operation | None:
    """What undoes an operation; None if nothing does."""
    match operation:
        case ForEach(template=template):
            found = opposite(template)
            return None if found is None else replace(operation, template=found)
        case FailNode(node=node):
            return HealNode(node=node)
        case Shutdown(node=node) | Machine(node=node, state="stopped"):
            return Machine(node=node, state="running")
        case FailProbe(target=target, probe=probe):
            return HealProbe(target=target, probe=probe)
        case Cordon():
            return replace(operation, unschedulable=not operation.unschedulable)
        case Taint(present=True):
            return replace(operation, present=False)
        case Down():
            return replace(operation, down=not operation.down)
        case Pause():
            return replace(operation, paused=not operation.paused)
        case Report():
            return Report(
                node=operation.node,
                ready=_turned(operation.ready),
                memory_pressure=_turned(operation.memory_pressure),
                disk_pressure=_turned(operation.disk_pressure),
                pid_pressure=_turned(operation.pid_pressure),
            )
    return None


def _turned(said: bool | None) -> bool | None:
    return None if said is None else not said


def read_times(
    step: Mapping[str, Any],
    path: FieldPath,
    *,
    expects: bool,
    start: int,
    horizon: int | None,
    end: int | None = None,
) -> Times:
    """When a step happens.

    Args:
        step: as it was written.
        path: its place.
        expects: whether it is about an expectation.
        start: when the clock starts, in milliseconds since 1970.
        horizon: milliseconds from the start after which a step is refused; None: none is.
        end: milliseconds from the start up to which a step is repeated that says no end; None: it has to say one.

    Raises:
        WrongFieldError: it says no time, or one that never comes.
    """
    reader = _Times(step=step, path=path, start=start, horizon=horizon, end=horizon if end is None else end)
    return reader.expected() if expects else reader.done()


class _Times(msgspec.Struct, frozen=True, kw_only=True):
    step: Mapping[str, Any]
    path: FieldPath
    start: int
    horizon: int | None
    end: int | None

    def expected(self) -> Times:
        given = [name for name in ("at", "by", "always", "once") if name in self.step]
        if len(given) != 1:
            said = " and ".join(given) or "none"
            raise WrongFieldError(self.path, f"expect needs one of at, by, always and once, has {said}", code="KL142")
        for name in ("for", "repeat"):
            if name in self.step:
                raise WrongFieldError((*self.path, name), "does not go with expect", on_key=True, code="KL142")
        word = given[0]
        if word in ("at", "by"):
            for name in ("from", "until"):
                if name in self.step:
                    raise WrongFieldError((*self.path, name), "goes with always or once", on_key=True, code="KL142")
            at = None if self.step[word] == "end" else self._moment(word)
            return Times(moments=(), when="at", since=at, until=at)
        if self.step[word] is not True:
            raise WrongFieldError((*self.path, word), "must be true, or left out")
        since = self._moment("from") if "from" in self.step else None
        until = self._moment("until") if "until" in self.step else None
        if since is not None and until is not None and until < since:
            raise WrongFieldError((*self.path, "until"), "is before from", code="KL122")
        return Times(moments=(), when="always" if word == "always" else "once", since=since, until=until)

    def done(self) -> Times:
        for name in ("by", "always", "once", "from", "until"):
            if name in self.step:
                raise WrongFieldError((*self.path, name), "goes with expect only", on_key=True, code="KL142")
        if "at" not in self.step:
            raise WrongFieldError(self.path, "at is needed: when the step happens", code="KL120")
        at = self._moment("at")
        lasts = self._duration(self.step["for"], (*self.path, "for")) if "for" in self.step else None
        return Times(moments=self._moments(at, lasts), lasts=lasts, path=(*self.path, "for"))

    def _moment(self, name: str) -> int:
        found = from_start(self.step[name], self.start)
        if found is None or found < 0:
            raise WrongFieldError((*self.path, name), no_time(self.step[name], self.start))
        if self.horizon is not None and found > self.horizon:
            message = f"never comes: the horizon is {self.horizon / 1000:g}s"
            raise WrongFieldError((*self.path, name), message, code="KL142")
        return found

    def _duration(self, value: Any, path: FieldPath) -> int:
        found = milliseconds(value)
        if found is None:
            raise WrongFieldError(path, no_duration(value))
        if not found:
            raise WrongFieldError(path, "must be longer than 0")
        return found

    def _moments(self, at: int, lasts: int | None) -> tuple[int, ...]:
        if "repeat" not in self.step:
            return (at,)
        value, path = self.step["repeat"], (*self.path, "repeat")
        if not isinstance(value, Mapping) or not set(value) <= {"every", "times", "until"} or "every" not in value:
            raise WrongFieldError(path, f"must be {{every, times}} or {{every, until}}, is {value!r}")
        every = self._duration(value["every"], (*path, "every"))
        if lasts is not None and lasts >= every:
            raise WrongFieldError((*self.path, "for"), "is not over when the step is repeated", code="KL122")
        if "times" in value and "until" in value:
            raise WrongFieldError(path, "needs one of times and until, has both", code="KL142")
        if "times" in value:
            times = value["times"]
            if isinstance(times, bool) or not isinstance(times, int) or not 1 <= times <= MOST:
                raise WrongFieldError((*path, "times"), f"must be a whole number from 1 to {MOST:,}, is {times!r}")
            return tuple(at + number * every for number in range(times))
        end = self.end
        if "until" in value:
            end = from_start(value["until"], self.start)
            if end is None or end < at:
                raise WrongFieldError((*path, "until"), no_time(value["until"], self.start))
        if end is None:
            raise WrongFieldError(path, "needs times or until, or the scenario a horizon", code="KL142")
        if (end - at) // every >= MOST:
            raise WrongFieldError(path, f"would happen more than {MOST:,} times", code="KL122")
        return tuple(range(at, end + 1, every))
