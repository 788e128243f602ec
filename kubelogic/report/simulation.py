"""A simulation as text and as the document ``Simulation``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelogic.explain.units import count
from kubelogic.reconcile.simulate import Entry
from kubelogic.report.documents import header, plan_document
from kubelogic.report.plan import render_pending, render_refusals
from kubelogic.report.style import PLAIN, Style
from kubelogic.report.timeline import clock, timeline
from kubelogic.verbs.simulate import Simulation


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
    """The verdict, what happened when, and what is not as it should be at the end."""
    run = simulation.run
    parts = [_verdict(simulation, style)]
    told = timeline(run.timeline, style)
    parts.append("\n".join([style.bold("     TIME  WHAT HAPPENS"), *told]) if told else "Nothing happens.")
    if run.cycle:
        parts.append("\n".join([style.bold("FOR EVER"), *timeline(run.cycle, style)]))
    unfinished = [each for each in run.rollouts if not each.complete]
    if unfinished:
        rows = [f"  {each.kind} {each.key}: {each.message}" for each in unfinished]
        parts.append("\n".join([style.bold("ROLLOUTS THAT ARE NOT COMPLETE"), *rows]))
    if simulation.final.pending:
        parts.append(render_pending(simulation.final.pending, style))
    if simulation.final.refusals:
        parts.append(render_refusals(simulation.final.refusals, style))
    return "\n\n".join(parts)


def _verdict(simulation: Simulation, style: Style) -> str:
    run, final = simulation.run, simulation.final
    unfinished = sum(not each.complete for each in run.rollouts)
    end = clock(run.timeline[-1].time) if run.timeline else "0s"
    if run.cycle:
        verdict = style.bad("The cluster never settles: what is listed last goes on for ever")
    elif run.settled:
        verdict = f"Nothing more happens after {end}"
    else:
        verdict = style.warn(f"Not settled when the horizon was reached; the last thing happened at {end}")
    counts = [f"{count(len(final.placements), 'pod')} placed"]
    if final.pending:
        counts.append(style.bad(f"{len(final.pending):,} pending"))
    if refused := sum(each.missing for each in final.refusals):
        counts.append(style.bad(f"{refused:,} refused"))
    if unfinished:
        counts.append(style.bad(f"{count(unfinished, 'rollout')} not complete"))
    line = f"{verdict}: {', '.join(counts)}."
    return style.good(line) if run.settled and len(counts) == 1 else line
