"""The control plane that is served: a state, its revisions, its clock, and the loops that go on in it.

Requests and ticks take turns: each works on the state as it is, and what comes of it is committed at once. A tick is
computed beside the loop that answers requests; where a request came in between, the tick is thought over again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

import msgspec
from msgspec.structs import replace

from kubelogic.apiserver.requests import at
from kubelogic.cluster.state import State
from kubelogic.reconcile.apply.carry_out import carry_out
from kubelogic.reconcile.settle import Ticker
from kubelogic.serve.history import Change, History

_PATIENCE = 5
"""How often a tick is thought over because requests came in between; then it is carried out on what is there."""

_LONGEST_NAP = 3600.0

_BREATH = 1.0
"""Seconds for which the loops rest at most after a tick."""

_REST = 2.0
"""The loops rest so many times as long as a tick took, so that requests have most of the processor."""


class Keeper(Protocol):
    """Keeps states durably."""

    def keep(self, state: State, history: History, changes: list[Change]) -> None:
        """Keep what was committed, before anybody is told of it."""


class Clock(msgspec.Struct, kw_only=True):
    """How simulated time passes.

    Attributes:
        speed: simulated seconds in a second; 0: only when told to.
        wall: the machine's monotonic clock, in seconds.
    """

    speed: float = 1.0
    wall: Callable[[], float] = time.monotonic
    paused: bool = False
    _since: float = 0.0
    _base: int = 0

    def start(self, moment: int) -> None:
        """Begin at a moment of simulated time, in milliseconds."""
        self._base, self._since = moment, self.wall()

    def now(self) -> int:
        """The moment of simulated time."""
        if self.paused or not self.speed:
            return self._base
        return self._base + int((self.wall() - self._since) * 1000 * self.speed)

    def jump(self, by: int) -> None:
        """Let simulated time pass at once."""
        self.start(self.now() + by)

    def until(self, moment: int) -> float | None:
        """Seconds until a moment of simulated time; None if it is not reached by itself."""
        if self.paused or not self.speed:
            return None
        return max((moment - self.now()) / 1000 / self.speed, 0.0)


Reaction = Callable[[State, State, tuple[object, ...]], State]
"""What else happens after a tick, given the state before and after and the actions: events, behaviour of containers."""


class ControlPlane(msgspec.Struct, kw_only=True):
    """A cluster that is served.

    Attributes:
        state: as it is now.
        ticker: decides what controllers, kubelets and the scheduler do.
        clock: see ``Clock``.
        history: revisions.
        keeper: where states are kept; None for memory only.
        react: see ``Reaction``.
        outside: what the world does at a moment, before a tick, and when it does the next thing.
        broken: why nothing can be kept any more; nothing is answered then.
        finish: gives objects that are new or changed what rules do not know of, before they are committed.
        thinking: held by who asks rules or the solver, beside the loop that answers requests: neither can be asked by
            two at a time.
    """

    state: State
    ticker: Ticker
    clock: Clock
    history: History = msgspec.field(default_factory=History)
    keeper: Keeper | None = None
    react: Reaction | None = None
    outside: Callable[[State], tuple[State, int | None]] | None = None
    waiting: set[asyncio.Event] = msgspec.field(default_factory=set)
    settled: asyncio.Event = msgspec.field(default_factory=asyncio.Event)
    finish: Callable[[State, State], State] | None = None
    failure: str = ""
    broken: str = ""
    ticks: int = 0
    thinking: asyncio.Lock = msgspec.field(default_factory=asyncio.Lock)
    _changed: asyncio.Event = msgspec.field(default_factory=asyncio.Event)

    def begin(self) -> None:
        """Number the objects that are there at the start."""
        from kubelogic.cluster import Cluster

        if self.finish is not None:
            self.state = self.finish(replace(self.state, cluster=Cluster()), self.state)
        changes = self.history.record(Cluster(), self.state.cluster)
        if self.keeper is not None:
            self.keeper.keep(self.state, self.history, changes)
        self.clock.start(self.state.now)

    def keep_time(self) -> None:
        """Keep where the clock stands."""
        if self.keeper is not None:
            self._kept(self.present(), [])

    def _kept(self, state: State, changes: list[Change]) -> None:
        """Keep a state durably; what cannot be kept ends the service, so that nobody is told of it.

        Raises:
            Exception: whatever the keeper raises.
        """
        if self.keeper is None:
            return
        try:
            self.keeper.keep(state, self.history, changes)
        except Exception as error:
            self.broken = str(error)
            raise

    def present(self) -> State:
        """The state with its clock at the present."""
        self.state = at(self.state, self.clock.now())
        return self.state

    def commit(self, state: State) -> list[Change]:
        """Make a state the current one and tell who watches."""
        before = self.state
        if self.finish is not None and state.cluster is not before.cluster:
            state = self.finish(before, state)
        self.state = state
        changes = self.history.record(before.cluster, state.cluster)
        other = state.world is not before.world or state.memory is not before.memory
        if changes or other:
            self._kept(state, changes)
        if changes:
            for each in self.waiting:
                each.set()
        if changes or other:
            self.wake()
        return changes

    def wake(self) -> None:
        """Let the loops look at the state again."""
        self.settled.clear()
        self._changed.set()

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            self._changed.clear()
            begun = self.clock.wall()
            wakes_at = await self._until_quiet()
            self.settled.set()
            await asyncio.sleep(min(_REST * (self.clock.wall() - begun), _BREATH))
            pause = _LONGEST_NAP if wakes_at is None else self.clock.until(wakes_at)
            try:
                await asyncio.wait_for(self._changed.wait(), _LONGEST_NAP if pause is None else min(pause, 3600.0))
            except TimeoutError:
                continue

    async def _until_quiet(self) -> int | None:
        """Tick until nothing is done any more; the moment at which time alone changes something."""
        while True:
            async with self.thinking:
                acted, wakes_at = await self._tick()
            if not acted:
                return wakes_at
            await asyncio.sleep(0)

    async def _tick(self) -> tuple[bool, int | None]:
        for attempt in range(_PATIENCE):
            state = self.present()
            further: int | None = None
            if self.outside is not None:
                changed, further = self.outside(state)
                if changed is not state:
                    self.commit(changed)
                    state = self.state
            tick = await asyncio.to_thread(self.ticker.tick, state)
            self.ticks += 1
            if self.state is state or attempt == _PATIENCE - 1:
                break
            if self.state.cluster is state.cluster and self.state.world is state.world:
                break
        moments = [each for each in (tick.wakes_at, further) if each is not None]
        wakes_at = min(moments, default=None)
        if not tick.actions:
            return self.state.cluster is not state.cluster, wakes_at
        before = self.state
        carried = carry_out(before, tick.actions)
        after = carried.state
        if self.react is not None:
            after = self.react(before, after, (*carried.done, *carried.refused))
        futile = after.cluster is before.cluster and after.memory == before.memory and after.world is before.world
        self.commit(after)
        return not futile, wakes_at

    async def pass_time(self, by: int) -> None:
        """Let simulated time pass, stopping at every moment at which something happens."""
        end = self.clock.now() + by
        if self.clock.speed and not self.clock.paused:
            self.clock.jump(by)
            self.wake()
            return
        while True:
            wakes_at = await self._until_quiet()
            if wakes_at is None or wakes_at > end:
                break
            self.clock.start(max(wakes_at, self.clock.now()))
        self.clock.start(end)
        self.state = replace(self.state, now=max(end, self.state.now))
        await self._until_quiet()
        self.keep_time()
        self.wake()
