"""Ticks until nothing happens any more: actions are applied, and time jumps to the next moment of interest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec
from msgspec.structs import replace

from kubelogic.apiserver.answers import Refused, Status
from kubelogic.cluster.state import State
from kubelogic.facts.workloads import replica_set_constant
from kubelogic.reconcile.actions import Action
from kubelogic.reconcile.apply.carry_out import Carried, carry_out
from kubelogic.reconcile.loops import Loop, Search, is_routine, leap, unmoved
from kubelogic.reconcile.refusals import own_retries, waiting_for_retry
from kubelogic.reconcile.tick import Tick

MAX_TICKS = 100_000
"""Ticks after which a run gives up."""

_LEAPT_OVER = 100
"""Ticks of a loop that are gone through without a word; what is longer is leapt over."""

_QUIET_TICKS = 8
"""Ticks without actions that are looked back at to see that the same goes on happening: nothing."""

_LOOPS = 8
"""So many loops with an end are gone through before a run without a time limit stops at the next one."""


class Ticker(Protocol):
    """What decides a tick: a ``Reconciler``."""

    def tick(self, state: State) -> Tick:
        """What happens in a state."""

    def due(self, now: int) -> frozenset[int]:
        """The moments after ``now`` at which something is due, as of the last tick."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A tick in which something happened. ``now`` is in milliseconds of the simulated clock.

    ``refused`` holds what the API server refused then and had not refused in the same words before. A step of nothing
    but refusals, and what controllers remember of them, is no part of ``Run.steps``.
    """

    number: int
    now: int
    actions: tuple[Action, ...]
    refused: tuple[Refused, ...] = ()


class Refusals(msgspec.Struct, frozen=True, kw_only=True):
    """What the API server refused to one controller's object in a row, from ``since`` to ``last`` (milliseconds).

    Attributes:
        kind: what kind of object was to be made.
        owner_kind: kind of the controller's object.
        owner: its key.
        answer: the last refusal.
        since: when the first of them was.
        last: when the last of them was.
        count: how many objects were refused.
        verb: ``make``, ``change`` or ``delete``.
        subject: what is tried again, where it is the system's own; see ``Refused``.
    """

    kind: str
    owner_kind: str
    owner: str
    answer: Status
    since: int
    last: int
    count: int
    verb: str = "make"
    subject: str = ""


class Folded(msgspec.Struct, frozen=True, kw_only=True):
    """Rounds of a loop that were gone through without being told.

    Attributes:
        steps: one round: the last steps that were told before.
        period: milliseconds of a round.
        since: when the loop had been found.
        until: when it was left: something else happened, or the time limit was reached.
        after: how many steps had been told before.
    """

    steps: tuple[Step, ...]
    period: int
    since: int
    until: int
    after: int


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What happened until nothing did.

    Attributes:
        state: at the end.
        steps: the ticks with actions, in order, without those of ``folded``.
        settled: whether nothing more happens within the horizon.
        cycle: the shortest loop that the run goes on repeating at its end; empty if it does not.
        period: milliseconds of a round of ``cycle``.
        folded: the loops that the run went through, and how long.
        ticks: how many ticks were evaluated.
        refusals: what the API server refused, by owner.
        next_at: the moment after ``until`` at which something more may happen; None if there is none. For a run that
            ends in a loop, when something else than the loop is due.
    """

    state: State
    steps: tuple[Step, ...]
    settled: bool
    cycle: tuple[Step, ...] = ()
    period: int = 0
    folded: tuple[Folded, ...] = ()
    ticks: int = 0
    refusals: tuple[Refusals, ...] = ()
    next_at: int | None = None


Progress = Callable[[Step, State], None]


def settle(
    ticker: Ticker,
    state: State,
    *,
    until: int | None = None,
    max_ticks: int = MAX_TICKS,
    progress: Progress | None = None,
    fold: bool = True,
    max_steps: int | None = None,
    quiet: bool = False,
    enough: Callable[[], bool] | None = None,
) -> Run:
    """Run until nothing happens before ``until``.

    Args:
        ticker: decides what happens.
        state: where to start.
        until: the moment at which to stop, in milliseconds of the simulated clock; the clock of the result stands
            there. None: until no moment of interest is left, or nothing but a loop.
        max_ticks: after so many the run is not settled.
        progress: told of every step that is not folded, and the state after it.
        fold: whether to look for loops; without, every step is told.
        max_steps: after so many ticks with actions that are no loop the run is not settled, either.
        quiet: stop before the first action; ``next_at`` is the moment at which something happens.
        enough: asked before every tick but the first: whether to stop here; the run is not settled then.

    Returns:
        The run; not settled if ``max_ticks`` are over or it ends in a loop that is no routine of CronJobs and
        autoscalers. Without ``until`` it is settled, too, when all that is left is to try again what was refused and
        can only be refused again. A loop that something else may
        end is gone through up to there; its rounds are told once.
    """
    settling = _Settling(
        ticker=ticker,
        state=state,
        until=until,
        progress=progress,
        fold=fold,
        max_steps=max_steps,
        quiet=quiet,
        enough=enough,
    )
    return settling.run(max_ticks)


class _Ledger(msgspec.Struct):
    """Keeps account of refusals during one run.

    ``in_vain``: who was refused since anything last changed, so that trying again now must fail again.
    """

    entries: dict[tuple[str, str, str, str], Refusals] = msgspec.field(default_factory=dict)
    in_vain: set[str] = msgspec.field(default_factory=set)

    def enter(self, carried: Carried, before: State) -> tuple[Refused, ...]:
        """Enter what a tick came to; the refusals that are new or have other words than before."""
        if carried.state.cluster is not before.cluster or carried.state.world is not before.world:
            self.in_vain.clear()
        else:
            self.in_vain.update(
                each.subject or replica_set_constant(each.owner_kind, each.owner) for each in carried.refused
            )
        fresh: list[Refused] = []
        for each in carried.refused:
            key = (each.owner_kind, each.owner, each.kind, each.verb)
            known = self.entries.get(key)
            if known is None or known.answer.gist != each.answer.gist:
                fresh.append(each)
            self.entries[key] = Refusals(
                kind=each.kind,
                owner_kind=each.owner_kind,
                owner=each.owner,
                answer=each.answer,
                since=before.now if known is None else known.since,
                last=before.now,
                count=1 if known is None else known.count + 1,
                verb=each.verb,
                subject=each.subject,
            )
        return tuple(fresh)


class _Settling(msgspec.Struct, kw_only=True):
    ticker: Ticker
    state: State
    until: int | None
    progress: Progress | None
    fold: bool
    max_steps: int | None
    quiet: bool
    enough: Callable[[], bool] | None
    steps: list[Step] = msgspec.field(default_factory=list)
    folded: list[Folded] = msgspec.field(default_factory=list)
    ledger: _Ledger = msgspec.field(default_factory=_Ledger)
    search: Search[Step] = msgspec.field(default_factory=Search)
    loop: Loop[Step] | None = None
    """The loop that is being gone through without a word."""
    since: int = 0
    idle: list[tuple[int, frozenset[int]]] = msgspec.field(default_factory=list)
    """The last ticks in which nothing was done, and what was due after each."""

    def run(self, max_ticks: int) -> Run:
        for number in range(1, max_ticks + 1):
            if number > 1 and self.enough is not None and self.enough():
                return self._ended(settled=False, ticks=number - 1)
            tick = self.ticker.tick(self.state)
            if self.loop is not None and self._leaves(self.state.now):
                self._leave()
            if tick.actions and self.quiet:
                return replace(self._ended(settled=True, ticks=number), next_at=self.state.now)
            if tick.actions:
                self._act(number, tick)
                self.idle.clear()
                if self.max_steps is not None and len(self.steps) >= self.max_steps and self.loop is None:
                    return self._ended(settled=False, ticks=number)
                if self.loop is not None and self._is_final(self.loop):
                    return self._ended(settled=is_routine(self.loop.steps), ticks=number)
                continue
            waiting = waiting_for_retry(self.state) | own_retries(self.state).keys()
            in_vain = tick.only_retries and waiting <= self.ledger.in_vain
            if tick.wakes_at is None or (self.until is not None and tick.wakes_at > self.until):
                if self.until is not None:
                    self.state = replace(self.state, now=max(self.until, self.state.now))
                ended = self._ended(settled=self.loop is None or is_routine(self.loop.steps), ticks=number)
                return ended if ended.cycle else replace(ended, next_at=None if in_vain else tick.wakes_at)
            if self.until is None and in_vain:
                return self._ended(settled=True, ticks=number)
            self.state = replace(self.state, now=self._next_change(tick.wakes_at))
        return self._ended(settled=False, ticks=max_ticks)

    def _next_change(self, wakes_at: int) -> int:
        """The next moment to look at, after a tick in which nothing was done.

        Where the same is due again and again and comes to nothing, as the syncs of an autoscaler that cannot work, many
        rounds are leapt over: up to the one before something else is due. A round is one in which all that comes again
        came once: of moments at even distances one may be another's, at which something does happen.
        """
        now = self.state.now
        due = self.ticker.due(now)
        for then, was in reversed(self.idle):
            other = unmoved(was, due, now, now - then) if then < now else None
            if other is not None and max(was - other, default=now) <= now:
                end = min([*other, *([] if self.until is None else [self.until])], default=None)
                if end is not None and (rounds := (end - now) // (now - then) - 1) > 0:
                    self.idle.clear()
                    return wakes_at + rounds * (now - then)
        self.idle = [*self.idle[1 - _QUIET_TICKS :], (now, due)]
        return wakes_at

    def _act(self, number: int, tick: Tick) -> None:
        before = self.state
        carried = carry_out(before, tick.actions)
        fresh = self.ledger.enter(carried, before)
        futile = bool(carried.refused) and carried.state.cluster is before.cluster
        step = Step(number=number, now=before.now, actions=() if futile else carried.done, refused=fresh)
        self.state = carried.state
        if self.loop is not None:
            return
        if step.actions:
            found = self.search.note(before, self.ticker.due(before.now), step) if self.fold else None
            if found is not None:
                self._enter(found, before)
                return
            self.steps.append(step)
        if self.progress is not None and (step.actions or step.refused):
            self.progress(step, self.state)

    # -- loops -----------------------------------------------------------------------------------------------

    def _enter(self, found: Loop[Step], at: State) -> None:
        """Go on without a word from the state in which a round was complete."""
        self.loop, self.since = found, at.now
        self.state = at
        end = self._end(found)
        if end is not None and (not found.period or (end - at.now) // found.period * len(found.steps) > _LEAPT_OVER):
            self.state = leap(found, at, end)

    def _end(self, loop: Loop[Step]) -> int | None:
        moments = [moment for moment in (loop.until, self.until) if moment is not None]
        return min(moments, default=None)

    def _leaves(self, now: int) -> bool:
        """Whether the moment has come at which something else ends the loop."""
        return self.loop is not None and self.loop.until is not None and now >= self.loop.until

    def _is_final(self, loop: Loop[Step]) -> bool:
        """Whether the run has nothing to wait for but the loop."""
        if self.until is not None:
            return not loop.period and self._end(loop) == self.until
        return loop.until is None or len(self.folded) >= _LOOPS

    def _leave(self) -> None:
        self._fold()
        self.loop = None
        self.search = Search()

    def _fold(self) -> None:
        assert self.loop is not None
        self.folded.append(
            Folded(
                steps=self.loop.steps,
                period=self.loop.period,
                since=self.since,
                until=self.state.now,
                after=len(self.steps),
            )
        )

    def _ended(self, *, settled: bool, ticks: int) -> Run:
        refusals = tuple(self.ledger.entries[key] for key in sorted(self.ledger.entries))
        cycle: tuple[Step, ...] = ()
        period, following = 0, None
        if self.loop is not None:
            if self.until is not None:
                self._fold()
            cycle, period, following = self.loop.steps, self.loop.period, self.loop.until
        return Run(
            state=self.state,
            steps=tuple(self.steps),
            settled=settled,
            cycle=cycle,
            period=period,
            folded=tuple(self.folded),
            ticks=ticks,
            refusals=refusals,
            next_at=following,
        )
