"""Running a scenario: events at their times, ticks between them, a timeline of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush
from typing import Any

from kubelogic.apiserver.requests import at
from kubelogic.cluster.state import State
from kubelogic.reconcile.actions import KillContainer
from kubelogic.reconcile.restarts import Restarts, restarts
from kubelogic.reconcile.rollouts import Rollout, rollouts
from kubelogic.reconcile.scenario import DRAIN_RETRY, Event, Operation, Scenario, perform
from kubelogic.reconcile.settle import MAX_TICKS, Folded, Refusals, Run, Step, Ticker, settle

REPEAT = "Repeat"
"""The type of entry for rounds of a loop that are not told one by one."""

FAILED_CREATE = "FailedCreate"
"""The type of entry for what the API server refuses to a controller: the reason of the event that there is then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a timeline. ``time`` is in milliseconds from the start."""

    time: int
    type: str
    arguments: Mapping[str, Any]
    cause: str = ""
    refused: str = ""
    """Why the API server refused a request; empty if it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """What a scenario came to.

    Attributes:
        state: at the end.
        timeline: what people, the world and controllers did, in order.
        settled: whether nothing more would happen within the horizon.
        cycle: the shortest loop that the cluster is in at the end; empty if it is in none.
        period: milliseconds that a round of it takes.
        rollouts: how far each rollout is at the end.
        ticks: how many ticks were evaluated.
        refusals: what the API server refused to controllers, by owner.
        next_at: when something more may happen after the horizon, in milliseconds from the start; None if never.
        restarts: the containers that were restarted, or that wait at the end; worst first.
    """

    state: State
    timeline: tuple[Entry, ...]
    settled: bool
    cycle: tuple[Entry, ...] = ()
    period: int = 0
    rollouts: tuple[Rollout, ...] = ()
    ticks: int = 0
    refusals: tuple[Refusals, ...] = ()
    next_at: int | None = None
    restarts: tuple[Restarts, ...] = ()


@dataclass(slots=True)
class _Run:
    ticker: Ticker
    state: State
    start: int
    progress: Callable[[int], None] | None
    timeline: list[Entry] = field(default_factory=list)
    ticks: int = 0
    refusals: dict[tuple[str, str, str], Refusals] = field(default_factory=dict)
    next_at: int | None = None
    told: list[int] = field(default_factory=list)
    """How long the timeline was after each step of the last stretch."""

    def until(self, moment: int | None, max_ticks: int) -> Run:
        """Let the control plane run until a moment."""
        self.told = [len(self.timeline)]
        run = settle(self.ticker, self.state, until=moment, max_ticks=max_ticks, progress=self._watch)
        self.ticks += run.ticks
        self.state = run.state
        self.next_at = None if run.next_at is None else run.next_at - self.start
        for each in run.refusals:
            known = self.refusals.get((each.owner_kind, each.owner, each.kind))
            more = each if known is None else replace(each, since=known.since, count=known.count + each.count)
            self.refusals[each.owner_kind, each.owner, each.kind] = more
        for folded in reversed(run.folded):
            self._fold(run.steps, folded)
        return run

    def _fold(self, steps: Sequence[Step], folded: Folded) -> None:
        """Tell the rounds of a loop once, and that they go on."""
        size, first = len(folded.steps), folded.after - len(folded.steps)
        while first >= size and _same_round(steps[first - size : first], steps[first : first + size], folded.period):
            first -= size
        begin = steps[first].now if folded.after else folded.since
        entry = Entry(
            time=steps[first + size - 1].now - self.start if folded.after >= size else folded.since - self.start,
            type=REPEAT,
            arguments={"every": folded.period, "since": begin - self.start, "until": folded.until - self.start},
        )
        self.timeline[self.told[max(first + size, 0)] : self.told[folded.after]] = [entry]

    def _watch(self, step: Step, _state: State) -> None:
        self.timeline.extend(self.entries(step))
        if step.actions:
            self.told.append(len(self.timeline))
        else:
            self.told[-1] = len(self.timeline)
        if self.progress is not None:
            self.progress(step.now - self.start)

    def entries(self, step: Step) -> list[Entry]:
        time = step.now - self.start
        done = [
            Entry(time=time, type=action.type, arguments=action.arguments(), cause=str(action.cause))
            for action in step.actions
        ]
        refused = [
            Entry(
                time=time,
                type=FAILED_CREATE,
                arguments={"kind": each.kind, "owner_kind": each.owner_kind, "owner": each.owner},
                refused=each.answer.message,
            )
            for each in step.refused
        ]
        return done + refused

    def do(self, operation: Operation) -> Operation | None:
        """Perform an operation now; what has to be tried again."""
        done = perform(operation, self.state)
        refused = "" if done.answer.accepted else done.answer.message or done.answer.reason
        self.timeline.append(
            Entry(
                time=self.state.now - self.start,
                type=operation.type,
                arguments=operation.arguments(),
                refused=refused,
            )
        )
        self.state = done.state
        return done.again


def simulate(
    ticker: Ticker,
    state: State,
    scenario: Scenario,
    *,
    max_ticks: int = MAX_TICKS,
    progress: Callable[[int], None] | None = None,
) -> Simulated:
    """Run a scenario.

    Args:
        ticker: decides what the control plane does: a ``Reconciler``.
        state: where to start; its time is the scenario's time 0.
        scenario: what happens when; events after its horizon do not happen.
        max_ticks: ticks after which one stretch of time gives up.
        progress: told the time that is reached, in milliseconds from the start.

    Returns:
        The run. An event that the API server refuses is in the timeline with the reason; a drain that a budget
        holds up is tried again every five seconds.
    """
    run = _Run(ticker, state, state.now, progress)
    waiting = [(event.at, number, event) for number, event in enumerate(scenario.events)]
    heapify(waiting)
    count = len(waiting)
    settled = True
    cycle: tuple[Entry, ...] = ()
    period = 0
    horizon = scenario.horizon
    while waiting and (horizon is None or waiting[0][0] <= horizon):
        moment, _, event = heappop(waiting)
        run.until(run.start + moment, max_ticks)
        run.state = at(run.state, run.start + moment)
        again = run.do(event.operation)
        if again is not None:
            count += 1
            heappush(waiting, (moment + DRAIN_RETRY, count, Event(at=moment + DRAIN_RETRY, operation=again)))
            if _stuck(run.timeline, again):
                settled = False
                break
    else:
        end = None if horizon is None else run.start + horizon
        last = run.until(end, max_ticks)
        settled, period = last.settled, last.period
        cycle = tuple(entry for step in last.cycle for entry in run.entries(step))
    killed = {
        (each.arguments["pod"], each.arguments["container"]): str(each.arguments["message"])
        for each in run.timeline
        if each.type == KillContainer.__name__
    }
    return Simulated(
        state=run.state,
        timeline=tuple(run.timeline),
        settled=settled,
        cycle=cycle,
        period=period,
        rollouts=rollouts(run.state.cluster),
        ticks=run.ticks,
        refusals=tuple(run.refusals[key] for key in sorted(run.refusals)),
        next_at=run.next_at,
        restarts=restarts(state.cluster, run.state.cluster, killed),
    )


def _same_round(one: Sequence[Step], other: Sequence[Step], period: int) -> bool:
    return all(
        now.now - was.now == period and [type(a) for a in was.actions] == [type(a) for a in now.actions]
        for was, now in zip(one, other, strict=True)
    )


_PATIENCE = 120
"""How often a drain is tried in vain before it is given up (ten minutes)."""


def _stuck(timeline: list[Entry], operation: Operation) -> bool:
    """Whether an operation was tried so often that nothing but other events could help it."""
    tries = 0
    for entry in reversed(timeline):
        if entry.type == operation.type and entry.arguments == operation.arguments():
            tries += 1
            if tries >= _PATIENCE:
                return True
    return False
