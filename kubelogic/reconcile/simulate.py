"""Running a scenario: events at their times, ticks between them, a timeline of both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush
from typing import Any

from kubelogic.apiserver.requests import at
from kubelogic.cluster.clock import timestamp
from kubelogic.cluster.state import State
from kubelogic.facts.parameters import parameters_of
from kubelogic.facts.rulebook import builtin_rulebook
from kubelogic.reconcile.actions import Action, KillContainer
from kubelogic.reconcile.ailments import Ailment, ailments, ready_endpoints
from kubelogic.reconcile.drains import DrainAgain
from kubelogic.reconcile.performing import perform
from kubelogic.reconcile.restarts import Restarts, restarts
from kubelogic.reconcile.rollouts import Rollout, rollouts
from kubelogic.reconcile.scenario import Event, Operation, Scenario
from kubelogic.reconcile.settle import MAX_TICKS, Folded, Refusals, Run, Step, Ticker, settle

REPEAT = "Repeat"
"""The type of entry for rounds of a loop that are not told one by one."""

DEFAULT_HORIZON = 7 * 86_400_000
"""Milliseconds after the last step up to which clusters with periodic things are looked at, unless told otherwise."""

_ASSUMED_STEPS = 500
"""Steps without a loop up to which clusters with periodic things are looked at, unless told otherwise."""

ENDPOINTS = "Endpoints"
"""The type of entry for a change of how many ready endpoints a Service has."""

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
        ailments: what else is not well at the end, and the steps that were refused.
        start: the moment of the simulated clock at which it begins.
        assumed_horizon: milliseconds from the start up to which it was run because nobody said how long; None if it was
            said, or not needed. Sooner than the default, and not settled, if new things go on to happen.
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
    ailments: tuple[Ailment, ...] = ()
    start: int = 0
    assumed_horizon: int | None = None


@dataclass(slots=True, kw_only=True)
class _Drain:
    """A drain that was not done at once."""

    since: int
    message: str
    tries: int = 1
    skipped: int = 0
    """Tries of these that are only counted, since nothing happened in between."""
    open: bool = True

    @property
    def tried(self) -> int:
        """How often the eviction was really tried."""
        return self.tries - self.skipped

    def skip(self, tries: int) -> None:
        """Count tries that can only come to the same."""
        self.tries += tries
        self.skipped += tries


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
    drains: dict[str, _Drain] = field(default_factory=dict)
    endpoints: dict[str, tuple[int, int]] = field(default_factory=dict)
    """How many ready endpoints each Service has, and since when."""
    served: dict[str, bool] = field(default_factory=dict)
    slices: object = None
    refused: list[Ailment] = field(default_factory=list)
    told: list[int] = field(default_factory=list)
    """How long the timeline was after each step of the last stretch."""

    def until(self, moment: int | None, max_ticks: int, max_steps: int | None = None) -> Run:
        """Let the control plane run until a moment."""
        self.told = [len(self.timeline)]
        run = settle(
            self.ticker, self.state, until=moment, max_ticks=max_ticks, max_steps=max_steps, progress=self._watch
        )
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

    def next_change(self, moment: int | None) -> int | None:
        """When something is done next, from the start on; the moment if nothing is before, None if nothing ever is."""
        end = None if moment is None else self.start + moment
        found = settle(self.ticker, self.state, until=end, quiet=True)
        self.ticks += found.ticks
        return None if end is None and found.next_at is None else found.state.now - self.start

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

    def _watch(self, step: Step, state: State) -> None:
        self.timeline.extend(self.entries(step))
        self.timeline.extend(self._endpoints(step.now - self.start, state))
        if step.actions:
            self.told.append(len(self.timeline))
        else:
            self.told[-1] = len(self.timeline)
        if self.progress is not None:
            self.progress(step.now - self.start)

    def entries(self, step: Step) -> list[Entry]:
        time = step.now - self.start
        done = [
            Entry(time=time, type=action.type, arguments=_arguments(action, step.now), cause=str(action.cause))
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

    def _endpoints(self, time: int, state: State) -> list[Entry]:
        """What has changed of the ready endpoints of Services that had one before."""
        slices = state.cluster.objects("EndpointSlice")
        if slices is self.slices:
            return []
        self.slices = slices
        entries: list[Entry] = []
        for service, count in sorted(ready_endpoints(state.cluster).items()):
            was = self.endpoints.get(service, (0, 0))[0]
            if count == was:
                continue
            self.endpoints[service] = count, time
            if not count or (not was and self.served.get(service)):
                entries.append(Entry(time=time, type=ENDPOINTS, arguments={"service": service, "ready": count}))
            self.served[service] = True
        return entries

    def look(self, state: State) -> None:
        """Take notice of the endpoints that there are at the start."""
        self._endpoints(0, state)

    def do(self, operation: Operation) -> Operation | None:
        """Perform an operation now; what has to be tried again."""
        done = perform(operation, self.state)
        refused = "" if done.answer.accepted else done.answer.message or done.answer.reason
        time = self.state.now - self.start
        arguments = operation.arguments()
        self.state = done.state
        node = str(arguments.get("node"))
        known = self.drains.get(node) if operation.type == DrainAgain.__name__ else None
        if known is not None:
            known.tries += 1
            if known.message == refused:
                return done.again
            known.message, known.open = refused or known.message, bool(refused)
        elif operation.type == "Drain" and refused:
            self.drains[node] = _Drain(since=time, message=refused)
        elif refused:
            self.refused.append(
                Ailment(kind="Step", key=clock(time), message=f"{operation.type} is refused: {refused}")
            )
        self.timeline.append(Entry(time=time, type=operation.type, arguments=arguments, refused=refused))
        return done.again

    def unwell(self) -> tuple[Ailment, ...]:
        """What is not well now."""
        drains = [
            Ailment(
                kind="Drain",
                key=node,
                message=f"is not done since {clock(each.since)}, after {each.tries} "
                f"{'try' if each.tries == 1 else 'tries'}: {each.message}",
            )
            for node, each in sorted(self.drains.items())
            if each.open
        ]
        found = [
            replace(each, message=f"{each.message} since {clock(self.endpoints[each.key][1])}")
            if each.kind == "Service" and each.key in self.endpoints
            else each
            for each in ailments(self.state.cluster, self.served)
        ]
        return (*self.refused, *drains, *found)


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
    run.look(state)
    waiting = [(event.at, number, event) for number, event in enumerate(scenario.events)]
    heapify(waiting)
    count = len(waiting)
    retry = int(parameters_of(state.rules or builtin_rulebook())["drain_retry"])
    horizon = scenario.horizon
    assumed = None
    if horizon is None and any(state.cluster.objects(kind) for kind in _PERIODIC):
        last_step = max((event.at for event in scenario.events), default=0)
        horizon = assumed = last_step + DEFAULT_HORIZON
    while waiting and (horizon is None or waiting[0][0] <= horizon):
        moment, _, event = heappop(waiting)
        before = run.state.cluster
        stretch = run.until(run.start + moment, max_ticks)
        run.state = at(run.state, run.start + moment)
        again = run.do(event.operation)
        if again is None:
            continue
        following = moment + retry
        known = run.drains[str(again.arguments()["node"])]
        if event.operation.type == DrainAgain.__name__ and run.state.cluster is before and not stretch.steps:
            ahead = [item[0] for item in waiting if item[2].operation.type != DrainAgain.__name__]
            ahead += [horizon] if horizon is not None else []
            change = run.next_change(min(ahead, default=None))
            if change is None:
                continue  # nothing will ever happen that could let it through
            following = max(following, moment + -(-(change - moment) // retry) * retry)
            known.skip((following - moment) // retry - 1)
        elif known.tried >= _PATIENCE:
            following = moment + _PATIENCE * retry
        if horizon is None and known.tried >= 2 * _PATIENCE:
            continue
        count += 1
        heappush(waiting, (following, count, Event(at=following, operation=again)))
    end = None if horizon is None else run.start + horizon
    last = run.until(end, max_ticks, None if assumed is None else _ASSUMED_STEPS)
    if assumed is not None and end is not None and run.state.now < end:
        assumed = run.state.now - run.start
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
        ailments=run.unwell(),
        start=run.start,
        assumed_horizon=assumed,
    )


def _arguments(action: Action, now: int) -> Mapping[str, Any]:
    """The arguments of an action; where a calendar matters, with the moment."""
    found = action.arguments()
    return {**found, "moment": timestamp(now - now % 1000)} if action.type == "StartCronRun" else found


def _same_round(one: Sequence[Step], other: Sequence[Step], period: int) -> bool:
    return all(
        now.now - was.now == period and [type(a) for a in was.actions] == [type(a) for a in now.actions]
        for was, now in zip(one, other, strict=True)
    )


_PATIENCE = 120
"""Tries in vain after which a drain that other things go on beside is tried less often (ten minutes)."""

_PERIODIC = ("CronJob", "HorizontalPodAutoscaler")
"""Kinds that may go on acting for ever."""


def clock(time: int) -> str:
    """Milliseconds as a person reads them.

    >>> clock(340_000), clock(1_200), clock(600_000), clock(7_384_000), clock(0)
    ('5m40s', '1.2s', '10m', '2h3m4s', '0s')
    """
    hours, rest = divmod(time, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else "", f"{rest / 1000:g}s" if rest else ""]
    return "".join(parts) or "0s"
