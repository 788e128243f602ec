"""A simulation as text and as the document ``Simulation``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from kubelogic.cluster.clock import timestamp, weekday
from kubelogic.explain.units import count
from kubelogic.reconcile.entries import REPEAT, Entry
from kubelogic.reconcile.expectations import Expected, told
from kubelogic.reconcile.restarts import Restarts
from kubelogic.reconcile.simulate import GivenUp, Simulated
from kubelogic.reconcile.times import clock
from kubelogic.report.departures import render_departures
from kubelogic.report.documents import camel, fields, header, located, location_document, plain, plan_document
from kubelogic.report.parts import cut, paragraphs, part
from kubelogic.report.plan import render_notices, render_pending, render_refusals
from kubelogic.report.style import PLAIN, Style
from kubelogic.report.timeline import phrase_of, timeline
from kubelogic.verbs.missing import NO_NODES
from kubelogic.verbs.simulate import NotWell, Simulation

_GROUPS_SHOWN = 8
"""So many kinds of restarts are told."""

_WORDS = {"Drain": "the drain of node", "Step": "the step at", "Component": "the component"}

_UNWELL_SHOWN = 40
"""So many things that are not well are told."""

_PODS_SHOWN = 3
"""So many pods with restarts of one kind are named; the rest are counted."""


def simulation_document(simulation: Simulation) -> dict[str, Any]:
    """A simulation as the document ``Simulation``. Times are in seconds from the start."""
    run = simulation.run
    return {
        **header("Simulation"),
        "settled": run.settled,
        "ticks": run.ticks,
        "timeline": [_entry(each) for each in _told(simulation, run.timeline)],
        "cycle": [_entry(each) for each in run.cycle] or None,
        "nextAt": None if run.next_at is None else seconds(run.next_at),
        "restarts": [
            {
                "pod": each.pod,
                "container": each.container,
                "restarts": each.count,
                **fields(each, "exit_code", "cause", "waiting", "message"),
            }
            for each in run.restarts
        ],
        "rollouts": [
            {
                "kind": each.kind,
                "name": each.key,
                **fields(each, "complete", "stuck", "message"),
            }
            for each in run.rollouts
        ],
        "notWell": [_not_well(each) for each in simulation.not_well],
        "expectations": [_expected(each) for each in run.expected],
        "about": None if simulation.about is None else f"{simulation.about.kind} {simulation.about.key}",
        "remarks": list(run.remarks),
        "start": timestamp(run.start),
        "givenUp": None if run.given_up is None else {"at": seconds(run.given_up.at), "stepsLeft": run.given_up.left},
        "final": plan_document(simulation.final),
    }


def entries_told(simulation: Simulation) -> Sequence[Entry]:
    """The entries of the run that are wanted."""
    return _told(simulation, simulation.run.timeline)


def _told(simulation: Simulation, entries: Sequence[Entry]) -> Sequence[Entry]:
    """The entries that are wanted: all, or those about one object."""
    about = simulation.about
    if about is None:
        return entries
    run = simulation.run
    family = run.kin.family(about.kind, about.key, run.state.cluster)
    return [
        entry
        for entry in entries
        if entry.type == REPEAT or family.concerns(entry.arguments, event=phrase_of(entry).event)
    ]


def _not_well(each: NotWell) -> dict[str, Any]:
    reason = {"reason": each.reason} if each.reason else {}
    return {"kind": each.kind, "name": each.key, "message": each.message, **reason, **located(each.location)}


def _expected(each: Expected) -> dict[str, Any]:
    where = each.expectation.location
    moments = {"brokenAt": each.broken_at, "mendedAt": each.mended_at, "since": each.held_since}
    return {
        "expected": str(each.expectation),
        "when": each.expectation.when,
        "held": each.held,
        "found": each.amount,
        "message": told(each),
        **{name: seconds(time) for name, time in moments.items() if time is not None},
        "location": None if where is None else location_document(where),
    }


def _entry(entry: Entry) -> dict[str, Any]:
    document: dict[str, Any] = {
        "time": seconds(entry.time),
        "type": entry.type,
        **{camel(name): plain(value) for name, value in entry.arguments.items() if value not in ("", (), None)},
    }
    if entry.cause:
        document["cause"] = entry.cause
    if entry.refused:
        document["refused"] = entry.refused
    return document


def seconds(time: int) -> float | int:
    """Milliseconds as seconds, whole where they are."""
    return time / 1000 if time % 1000 else time // 1000


def render_simulation(simulation: Simulation, style: Style = PLAIN) -> str:
    """The verdict, what happened when, and what is not as it should be at the end."""
    run = simulation.run
    first = [each for each in simulation.final.unknown if each == NO_NODES]
    parts = [*first, _verdict(simulation, style), *(each for each in simulation.final.unknown if each not in first)]
    if any(simulation.final.cluster.objects("CronJob")):
        parts.append(f"The clock starts at {weekday(run.start)}, {timestamp(run.start)}.")
    if run.assumed_horizon is not None:
        why = "the default" if run.settled or run.cycle else "where it was left, as new things go on to happen"
        parts.append(f"Looked ahead up to {clock(run.assumed_horizon)}, {why}; --horizon changes it.")
    lines = timeline(_told(simulation, run.timeline), style)
    if simulation.about is not None:
        parts.append(f"Only what is about {simulation.about.kind} {simulation.about.key}:")
    parts.append(part("     TIME  WHAT HAPPENS", lines, style) or "Nothing happens.")
    if run.cycle:
        parts.append(part(f"FOR EVER{_period(run)}", timeline(run.cycle, style), style))
    unfinished = [f"  {each.kind} {each.key}: {each.message}" for each in run.rollouts if not each.complete]
    return paragraphs(
        *parts,
        part("AS EXPECTED", (f"  {_place(each)}{told(each)}" for each in run.expected if each.held), style),
        part("ROLLOUTS THAT ARE NOT COMPLETE", unfinished, style),
        part("CONTAINERS THAT WERE RESTARTED OR WAIT", _restarts(run.restarts), style),
        part("NOT WELL", cut([f"  {_sentence(each)}" for each in simulation.not_well], _UNWELL_SHOWN), style),
        render_departures(simulation.final.departures, style),
        render_pending(simulation.final.pending, style),
        render_refusals(simulation.final.refusals, style),
        *unsaid(simulation),
        render_notices(simulation.final.notices, style),
    )


def unsaid(simulation: Simulation) -> list[str]:
    """What nobody said, so that something stays as it is, as far as it is not among what is not well."""
    told = {f"{each.kind} {each.key}: {each.reason}: {each.message}" for each in simulation.not_well}
    return [each for each in simulation.run.remarks if each not in told]


def _place(each: Expected) -> str:
    return "" if each.expectation.location is None else f"{each.expectation.location}: "


def _sentence(each: NotWell) -> str:
    """What is not well, with its place."""
    place = f"{each.location}: " if each.location else ""
    if each.kind == "Expectation":
        return f"{place}{each.message}"
    if each.reason:
        where = f" ({each.location})" if each.location else ""
        return f"{each.kind} {each.key}{where}: {each.reason}: {each.message}"
    comma = "," if each.kind == "Step" else ""
    return f"{place}{_WORDS.get(each.kind, each.kind)} {each.key}{comma} {each.message}"


def _period(run: Simulated) -> str:
    """How long a round of the loop takes."""
    return f", every {clock(run.period)}" if run.period else ", and no time passes"


def _restarts(found: Sequence[Restarts]) -> Iterator[str]:
    groups: dict[tuple[str, str], list[str]] = {}
    for each in found:
        groups.setdefault((each.container, _restarted(each)), []).append(each.pod)
    for number, ((container, text), pods) in enumerate(groups.items()):
        if number == _GROUPS_SHOWN:
            yield f"  and {count(sum(map(len, list(groups.values())[number:])), 'more container')}"
            return
        more = f" and {len(pods) - _PODS_SHOWN:,} more" if len(pods) > _PODS_SHOWN else ""
        yield f"  container {container} of {', '.join(pods[:_PODS_SHOWN])}{more}: {text}"


def _restarted(each: Restarts) -> str:
    """What became of a container.

    >>> _restarted(Restarts(pod="shop/p", container="c", count=2, exit_code=1, waiting="CrashLoopBackOff"))
    'restarted 2 times, ended last with exit code 1, waits (CrashLoopBackOff)'
    """
    done = []
    if each.count:
        done.append(f"restarted {'once' if each.count == 1 else f'{each.count} times'}")
    if each.exit_code is not None:
        done.append(f"ended last with exit code {each.exit_code}")
    if each.cause:
        done.append(f"because it {each.cause.removesuffix(', will be restarted')}")
    if each.waiting:
        done.append(f"waits ({each.waiting}{', ' if each.message else ''}{each.message})")
    return ", ".join(done)


def _given_up(far: GivenUp) -> str:
    """How far a run came in its time.

    >>> _given_up(GivenUp(at=90_000))
    'the time limit (--timeout) was over at 1m30s of the simulated clock'
    """
    text = f"the time limit (--timeout) was over at {clock(far.at)} of the simulated clock"
    if not far.left:
        return text
    first = "" if far.first is None else f", from {far.first} on"
    return f"{text}, {count(far.left, 'step')} not done{first}"


def _verdict(simulation: Simulation, style: Style) -> str:
    run, final = simulation.run, simulation.final
    unfinished = sum(not each.complete for each in run.rollouts)
    end = clock(run.timeline[-1].time) if run.timeline else "0s"
    if run.given_up is not None:
        verdict = style.warn(f"Unknown: {_given_up(run.given_up)}; how it was then")
    elif run.cycle and run.settled:
        verdict = (
            f"The cluster goes round {f'every {clock(run.period)}' if run.period else 'at once'}, and all is as it was"
        )
    elif run.cycle:
        verdict = style.bad("The cluster never settles: what is listed last goes on for ever")
    elif run.settled and run.next_at is not None:
        verdict = f"Up to the horizon, the last thing happens at {end}; more may happen at {clock(run.next_at)}"
    elif run.settled:
        verdict = f"Nothing more happens after {end}"
    else:
        verdict = style.warn(f"Not settled when the horizon was reached; the last thing happened at {end}")
    counts = [f"{count(len(final.placements), 'pod')} placed"]
    if final.pending:
        counts.append(style.bad(f"{len(final.pending):,} pending"))
    if refused := sum(each.missing for each in final.refusals):
        counts.append(style.bad(f"{refused:,} refused"))
    if held := sum(each.verb != "make" for each in final.refusals):
        counts.append(style.bad(f"{count(held, 'change')} refused"))
    if waiting := sum(bool(each.waiting) for each in run.restarts):
        counts.append(style.bad(f"{count(waiting, 'container')} in back-off"))
    undecided = sum(not each.reached for each in run.expected) if run.given_up is not None else 0
    broken = sum(not each.held for each in run.expected) - undecided
    if undecided:
        counts.append(style.warn(f"{undecided:,} of {count(len(run.expected), 'expectation')} not decided"))
    if broken:
        counts.append(style.bad(f"{broken:,} of {count(len(run.expected), 'expectation')} broken"))
    elif run.expected and not undecided:
        counts.append(f"{count(len(run.expected), 'expectation')} kept")
    if unwell := len(simulation.not_well) - broken:
        counts.append(style.bad(f"{unwell:,} not well"))
    if unfinished:
        counts.append(style.bad(f"{count(unfinished, 'rollout')} not complete"))
    line = f"{verdict}: {', '.join(counts)}."
    return style.good(line) if run.settled and len(counts) == 1 else line
