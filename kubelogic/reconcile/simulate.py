"""Running a scenario: events at their times, ticks between them, a timeline of both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from heapq import heapify, heappop, heappush

import msgspec

from kubelogic.apiserver.requests import at
from kubelogic.cluster.state import State
from kubelogic.facts.parameters import parameters_of
from kubelogic.facts.rulebook import builtin_rulebook
from kubelogic.reconcile.actions import KillContainer
from kubelogic.reconcile.ailments import Ailment, open_questions
from kubelogic.reconcile.choices import ForEach
from kubelogic.reconcile.drains import DrainAgain
from kubelogic.reconcile.entries import ENDPOINTS, FAILED, REPEAT, Entry
from kubelogic.reconcile.expectations import Expectation, Expected
from kubelogic.reconcile.kin import Kin
from kubelogic.reconcile.playing import Player, Rebuild
from kubelogic.reconcile.restarts import Restarts, restarts
from kubelogic.reconcile.rollouts import Rollout, rollouts
from kubelogic.reconcile.scenario import Event, Operation, Scenario
from kubelogic.reconcile.settle import MAX_TICKS, Refusals, Ticker
from kubelogic.reconcile.times import clock
from kubelogic.text.location import Location

__all__ = ["DEFAULT_HORIZON", "ENDPOINTS", "FAILED", "REPEAT", "Entry", "Simulated", "clock", "simulate"]

DEFAULT_HORIZON = 7 * 86_400_000
"""Milliseconds after the last step up to which clusters with periodic things are looked at, unless told otherwise."""

_ASSUMED_STEPS = 500
"""Steps without a loop up to which clusters with periodic things are looked at, unless told otherwise."""

_Due = tuple[int, int, Event]
"""When something is due, its place among what is due then, and what."""

_PATIENCE = 120
"""Tries in vain after which a drain that other things go on beside is tried less often (ten minutes)."""

_PERIODIC = ("CronJob", "HorizontalPodAutoscaler")
"""Kinds that may go on acting for ever."""


class GivenUp(msgspec.Struct, frozen=True, kw_only=True):
    """How far a run came in the time that it was given.

    Attributes:
        at: milliseconds from the start that were played.
        left: how many steps were not done.
        first: where the first of them stands, if anywhere.
    """

    at: int
    left: int = 0
    first: Location | None = None


class Simulated(msgspec.Struct, frozen=True, kw_only=True):
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
        expected: what came of each expectation of the scenario.
        kin: who belonged to whom in the course of the run.
        remarks: what nobody said, so that something stays as it is.
        assumed_horizon: milliseconds from the start up to which it was run because nobody said how long; None if it was
            said, or not needed. Sooner than the default, and not settled, if new things go on to happen.
        given_up: how far it came, if the time that it was given was over before its end; None if it was not.
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
    expected: tuple[Expected, ...] = ()
    kin: Kin = msgspec.field(default_factory=Kin)
    remarks: tuple[str, ...] = ()
    given_up: GivenUp | None = None


def simulate(
    ticker: Ticker,
    state: State,
    scenario: Scenario,
    *,
    max_ticks: int = MAX_TICKS,
    progress: Callable[[int], None] | None = None,
    rebuild: Rebuild | None = None,
    enough: Callable[[], bool] | None = None,
) -> Simulated:
    """Run a scenario.

    Args:
        ticker: decides what the control plane does: a ``Reconciler``.
        state: where to start; its time is the scenario's time 0.
        scenario: what happens when; events after its horizon do not happen.
        max_ticks: ticks after which one stretch of time gives up.
        progress: told the time that is reached, in milliseconds from the start.
        rebuild: gives the ticker while some components are down; without it steps that stop one are refused.
        enough: asked before every tick: whether to stop, because the time that the run may take is over.

    Returns:
        The run. An event that the API server refuses is in the timeline with the reason; a drain that a budget
        holds up is tried again every five seconds.
    """
    run = Player(ticker, state, state.now, progress, rebuild=rebuild, enough=enough)
    run.look(state, scenario)
    horizon = scenario.horizon
    assumed = None
    if horizon is None and any(state.cluster.objects(kind) for kind in _PERIODIC):
        last_step = max((event.at for event in scenario.events), default=0)
        horizon = assumed = last_step + DEFAULT_HORIZON
    retry = int(parameters_of(state.rules or builtin_rulebook())["drain_retry"])
    steps = _Steps(run=run, horizon=horizon, retry=retry, max_ticks=max_ticks)
    given_up = steps.play(scenario)
    end = None if horizon is None else run.start + horizon
    last = run.until(end, max_ticks, None if assumed is None else _ASSUMED_STEPS)
    if given_up is None and run.over and not last.settled and not last.cycle:
        given_up = GivenUp(at=run.state.now - run.start)
    if given_up is not None:
        assumed = None
    elif assumed is not None and end is not None and run.state.now < end:
        assumed = run.state.now - run.start
    cycle = tuple(entry for step in last.cycle for entry in run.entries(step))
    killed = {
        (each.arguments["pod"], each.arguments["container"]): str(each.arguments["message"])
        for each in run.timeline
        if each.type == KillContainer.__name__
    }
    return Simulated(
        state=run.state,
        timeline=tuple(run.timeline),
        settled=last.settled,
        cycle=cycle,
        period=last.period,
        rollouts=rollouts(run.state.cluster),
        ticks=run.ticks,
        refusals=tuple(run.refusals[key] for key in sorted(run.refusals)),
        next_at=run.next_at,
        restarts=restarts(state.cluster, run.state.cluster, killed),
        ailments=run.unwell(),
        expected=run.expected(whole=given_up is None),
        kin=run.kin,
        remarks=open_questions(run.state),
        start=run.start,
        assumed_horizon=assumed,
        given_up=given_up,
    )


class _Steps(msgspec.Struct, kw_only=True):
    """The steps of a scenario that are still to come, and what follows from them."""

    run: Player
    horizon: int | None
    retry: int
    max_ticks: int
    waiting: list[_Due] = msgspec.field(default_factory=list)
    count: int = 0

    def play(self, scenario: Scenario) -> GivenUp | None:
        """Do all of them, with the ticks before each; how far it came if there was not time enough."""
        self.waiting = [(event.at, number, event) for number, event in enumerate(scenario.events)]
        heapify(self.waiting)
        self.count = len(self.waiting)
        run = self.run
        while self.waiting and (self.horizon is None or self.waiting[0][0] <= self.horizon):
            moment, _, event = heappop(self.waiting)
            before = run.state.cluster
            stretch = run.until(run.start + moment, self.max_ticks)
            if run.over and run.state.now < run.start + moment:
                left = sorted([event, *(item[2] for item in self.waiting)], key=lambda each: each.at)
                done = [each for each in left if not isinstance(each.operation, Expectation | DrainAgain)]
                first = done[0].location if done else None
                return GivenUp(at=run.state.now - run.start, left=len(done), first=first)
            run.state = at(run.state, run.start + moment)
            if isinstance(event.operation, ForEach):
                each = event.operation.on(run.state.cluster)
                for operation in each:
                    self._do(replace(event, operation=operation), moment, quiet=False)
                if not each:
                    run.nobody(event)
            elif isinstance(event.operation, Expectation):
                run.expect(event.operation)
            else:
                self._do(event, moment, quiet=run.state.cluster is before and not stretch.steps)
        return None

    def _do(self, event: Event, moment: int, *, quiet: bool) -> None:
        """Do one thing now, and note what follows from it; ``quiet``: nothing has happened since the one before."""
        done = self.run.do(event)
        if done.later is not None:
            self._add(moment + done.later.after, done.later.operation, event)
        if done.again is not None:
            self._try_again(moment, done.again, event, quiet=quiet)

    def _last_try(self, moment: int, again: Operation) -> int | None:
        """When a drain that gives up at some time tries the last time; None if it never gives up."""
        if not isinstance(again, DrainAgain) or again.until is None:
            return None
        return moment + (again.until - self.run.start - moment) // self.retry * self.retry

    def _add(self, moment: int, operation: Operation, event: Event) -> None:
        self.count += 1
        heappush(self.waiting, (moment, self.count, replace(event, at=moment, operation=operation)))

    def _try_again(self, moment: int, again: Operation, event: Event, *, quiet: bool) -> None:
        """A drain goes on: in five seconds, or, if nothing can have changed till then, when something has.

        Args:
            moment: now, from the start.
            again: what to try.
            event: what was tried.
            quiet: nothing has happened since the last try.
        """
        known = self.run.drains[str(again.arguments()["node"])]
        following = moment + self.retry
        if isinstance(event.operation, DrainAgain) and quiet:
            ahead = [item[0] for item in self.waiting if not isinstance(item[2].operation, DrainAgain)]
            ahead += [self.horizon] if self.horizon is not None else []
            change = self.run.next_change(min(ahead, default=None))
            last = self._last_try(moment, again)
            if change is None and last is None:
                return  # nothing will ever happen that could let it through
            if change is not None:
                following = max(following, moment + -(-(change - moment) // self.retry) * self.retry)
            if last is not None:
                following = max(min(following, last) if change is not None else last, moment + self.retry)
            known.skip((following - moment) // self.retry - 1)
        elif known.tried >= _PATIENCE:
            following = moment + _PATIENCE * self.retry
        if self.horizon is not None or known.tried < 2 * _PATIENCE:
            self._add(following, again, event)
