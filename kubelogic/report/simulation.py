"""A simulation as text and as the document ``Simulation``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from kubelogic.reconcile.simulate import Entry
from kubelogic.report.documents import header, plan_document
from kubelogic.report.style import PLAIN, Style
from kubelogic.verbs.simulate import Simulation

_QUIET = frozenset(
    {
        "WriteEndpoints",
        "WriteSlice",
        "UpdateStatus",
        "ReportContainer",
        "AnnotateObject",
        "Remember",
        "RememberMoment",
        "Forget",
        "StartContainer",
    }
)
"""Kinds of actions that the text leaves out; JSON has all."""

_EVENTS = frozenset(
    {
        "Apply",
        "Behave",
        "Cordon",
        "Delete",
        "Drain",
        "Evict",
        "FailNode",
        "HealNode",
        "Patch",
        "Pause",
        "Scale",
        "SetImage",
        "Taint",
        "TellPod",
        "Undo",
    }
)
_ALIKE = 3
"""So many entries of one kind at one time are written out; more are counted."""


def simulation_document(simulation: Simulation) -> dict[str, Any]:
    """A simulation as the document ``Simulation``. Times are in seconds from the start."""
    run = simulation.run
    return {
        **header("Simulation"),
        "settled": run.settled,
        "ticks": run.ticks,
        "timeline": [_entry(each) for each in run.timeline],
        "cycle": [_entry(each) for each in run.cycle] or None,
        "rollouts": [
            {
                "kind": each.kind,
                "name": each.key,
                "complete": each.complete,
                "stuck": each.stuck,
                "message": each.message,
            }
            for each in run.rollouts
        ],
        "final": plan_document(simulation.final),
    }


def _entry(entry: Entry) -> dict[str, Any]:
    document: dict[str, Any] = {
        "time": seconds(entry.time),
        "type": entry.type,
        **{_camel(name): _plain(value) for name, value in entry.arguments.items() if value not in ("", (), None)},
    }
    if entry.cause:
        document["cause"] = entry.cause
    if entry.refused:
        document["refused"] = entry.refused
    return document


def seconds(time: int) -> float | int:
    """Milliseconds as seconds, whole where they are."""
    return time / 1000 if time % 1000 else time // 1000


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in sorted(value.items())}
    return value


def render_simulation(simulation: Simulation, style: Style = PLAIN) -> str:
    """The timeline for a person, then the verdict."""
    run = simulation.run
    parts = ["\n".join(_lines(run.timeline, style)) or "Nothing happens."]
    if run.cycle:
        loop = "\n".join(_lines(run.cycle, style))
        parts.append(f"{style.bad('The cluster never settles.')} It goes on like this:\n{loop}")
    unfinished = [each for each in run.rollouts if not each.complete]
    if unfinished:
        rows = [f"  {each.kind} {each.key}: {each.message}" for each in unfinished]
        parts.append("\n".join([style.bold("ROLLOUTS THAT ARE NOT COMPLETE"), *rows]))
    final = simulation.final
    line = f"At the end: {len(final.placements):,} pods placed, {len(final.pending):,} pending"
    if not run.settled and not run.cycle:
        line += style.warn("; not settled when the horizon was reached")
    good = run.settled and not final.pending and not unfinished
    parts.append(style.good(line) if good else style.warn(line))
    return "\n\n".join(parts)


def _lines(timeline: Sequence[Entry], style: Style) -> Iterable[str]:
    shown = [entry for entry in timeline if entry.type not in _QUIET]
    for (time, kind), group in groupby(shown, key=lambda entry: (entry.time, entry.type)):
        alike = list(group)
        clock = style.dim(f"{_clock(time):>9}")
        for entry in alike[:_ALIKE]:
            words = f"{kind} {_words(entry)}"
            if entry.refused:
                words += style.bad(f" refused: {entry.refused}")
            yield f"{clock}  {style.bold(words) if kind in _EVENTS else words}"
        if len(alike) > _ALIKE:
            yield f"{clock}  {style.dim(f'... {len(alike) - _ALIKE} more {kind}')}"


def _clock(time: int) -> str:
    """
    >>> _clock(340_000), _clock(1_200)
    ('5m40s', '1.2s')
    """
    minutes, rest = divmod(time, 60_000)
    tail = f"{rest / 1000:g}s"
    return f"{minutes}m{tail}" if minutes else tail


def _words(entry: Entry) -> str:
    shown = []
    for name, value in entry.arguments.items():
        if name in ("ties", "owner_kind", "revision", "message") or value in ("", (), -1, None):
            continue
        shown.append(", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value))
    return " ".join(shown)
