"""What goes on during a scenario: stretches of ticks, steps between them, the timeline of both, what is watched."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from kubelogic.apiserver.answers import Status
from kubelogic.cluster.clock import timestamp
from kubelogic.cluster.state import State
from kubelogic.reconcile.actions import Action
from kubelogic.reconcile.ailments import Ailment, ailments, ready_endpoints
from kubelogic.reconcile.choices import ForEach
from kubelogic.reconcile.components import MANAGER, SCHEDULER
from kubelogic.reconcile.drains import DrainAgain
from kubelogic.reconcile.entries import ENDPOINTS, FAILED, GONE, REPEAT, Entry
from kubelogic.reconcile.expectations import Expectation, Expected, Watch
from kubelogic.reconcile.kin import Kin
from kubelogic.reconcile.performing import Performed, perform
from kubelogic.reconcile.quorum import control_plane_lost
from kubelogic.reconcile.scenario import Event, Scenario
from kubelogic.reconcile.settle import Folded, Refusals, Run, Step, Ticker, settle
from kubelogic.reconcile.times import clock
from kubelogic.reconcile.world_steps import Down
from kubelogic.text.location import Location

Rebuild = Callable[[frozenset[str]], Ticker]
"""Gives what decides ticks while some components are down."""


class OpenDrain(msgspec.Struct, kw_only=True):
    """A drain that was not done at once."""

    since: int
    message: str
    tries: int = 1
    location: Location | None = None
    """The line that asks for it."""
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


class Player(msgspec.Struct):
    """A run in progress: the state, and everything that is told of how it came about."""

    ticker: Ticker
    state: State
    start: int
    progress: Callable[[int], None] | None
    timeline: list[Entry] = msgspec.field(default_factory=list)
    ticks: int = 0
    refusals: dict[tuple[str, str, str], Refusals] = msgspec.field(default_factory=dict)
    next_at: int | None = None
    drains: dict[str, OpenDrain] = msgspec.field(default_factory=dict)
    endpoints: dict[str, tuple[int, int]] = msgspec.field(default_factory=dict)
    """How many ready endpoints each Service has, and since when."""
    served: dict[str, bool] = msgspec.field(default_factory=dict)
    slices: object = None
    refused: list[Ailment] = msgspec.field(default_factory=list)
    told: list[int] = msgspec.field(default_factory=list)
    """How long the timeline was after each step of the last stretch."""
    rebuild: Rebuild | None = None
    enough: Callable[[], bool] | None = None
    """Whether the time that the run may take is over."""
    down: dict[str, int] = msgspec.field(default_factory=dict)
    """The components that are down, and since when."""
    halted: tuple[str, ...] = ()
    """Those that are down because the control plane has lost its members."""
    why_halted: str = ""
    watches: dict[Expectation, Watch] = msgspec.field(default_factory=dict)
    kin: Kin = msgspec.field(default_factory=Kin)
    deleted: dict[tuple[str, str], int] = msgspec.field(default_factory=dict)
    """When objects were deleted."""

    def until(self, moment: int | None, max_ticks: int, max_steps: int | None = None) -> Run:
        """Let the control plane run until a moment."""
        self.told = [len(self.timeline)]
        run = settle(
            self.ticker,
            self.state,
            until=moment,
            max_ticks=max_ticks,
            max_steps=max_steps,
            progress=self._watch,
            enough=self.enough,
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

    @property
    def over(self) -> bool:
        """Whether the time that the run may take is over."""
        return self.enough is not None and self.enough()

    def next_change(self, moment: int | None) -> int | None:
        """When something is done next, from the start on; the moment if nothing is before, None if nothing ever is."""
        end = None if moment is None else self.start + moment
        found = settle(self.ticker, self.state, until=end, quiet=True, enough=self.enough)
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
        done = self.entries(step)
        self.timeline.extend(done)
        self.timeline.extend(self._freed(done, state))
        self._see(state, step.now - self.start)
        if step.actions:
            self.told.append(len(self.timeline))
        else:
            self.told[-1] = len(self.timeline)
        if self.progress is not None:
            self.progress(step.now - self.start)

    def _see(self, state: State, time: int) -> None:
        """Take notice of a state: endpoints, expectations, owners."""
        self.timeline.extend(self._endpoints(time, state))
        self.kin.see(state.cluster)
        for watch in self.watches.values():
            watch.see(state.cluster, time)

    def entries(self, step: Step) -> list[Entry]:
        time = step.now - self.start
        done = [
            Entry(time=time, type=action.type, arguments=_arguments(action, step.now), cause=str(action.cause))
            for action in step.actions
        ]
        refused = [
            Entry(
                time=time,
                type=FAILED[each.verb],
                arguments={"kind": each.kind, "owner_kind": each.owner_kind, "owner": each.owner},
                refused=each.answer.message,
            )
            for each in step.refused
        ]
        return done + refused

    def _freed(self, done: Sequence[Entry], state: State) -> list[Entry]:
        """Objects that were deleted before and are gone now, as nothing holds them any more."""
        found = []
        for each in done:
            about = str(each.arguments.get("kind", "")), str(each.arguments.get("key", ""))
            if each.type in ("Delete", "DeleteObject"):
                self.deleted[about] = each.time
            held = each.type in ("RemoveFinalizer", "Patch") and about[0] != "Pod" and not each.refused
            if held and state.cluster.get(*about) is None and self.deleted.get(about) != each.time:
                found.append(Entry(time=each.time, type=GONE, arguments={"kind": about[0], "key": about[1]}))
        return found

    def _endpoints(self, time: int, state: State) -> list[Entry]:
        """What has changed of the ready endpoints of Services that had one before."""
        slices = state.cluster.objects("EndpointSlice")
        if slices is self.slices:
            return []
        self.slices = slices
        entries: list[Entry] = []
        for service, count in sorted(ready_endpoints(state.cluster).items()):
            if count == self.endpoints.get(service, (0, 0))[0]:
                continue
            self.endpoints[service] = count, time
            arguments = {"service": service, "ready": count, "again": bool(self.served.get(service))}
            entries.append(Entry(time=time, type=ENDPOINTS, arguments=arguments))
            self.served[service] = True
        return entries

    def look(self, state: State, scenario: Scenario) -> None:
        """Take notice of what there is at the start, and of what is expected."""
        self._endpoints(0, state)
        self.kin.see(state.cluster)
        wanted = [event.operation for event in scenario.events]
        self.watches = {each: Watch(each) for each in wanted if isinstance(each, Expectation)}

    def expect(self, expectation: Expectation) -> None:
        """Look at what is expected now."""
        watch = self.watches[expectation]
        watch.see(self.state.cluster, self.state.now - self.start)
        if expectation.when == "at" and expectation.until is not None:
            watch.close()

    def nobody(self, event: Event) -> None:
        """Note that a step that describes whom it is about finds nobody."""
        assert isinstance(event.operation, ForEach)
        self._refuse(event, event.operation.nobody, event.operation.arguments())

    def do(self, event: Event) -> Performed:
        """Perform an operation now."""
        operation = event.operation
        done = perform(operation, self.state)
        refused = "" if done.answer.accepted else _why(done.answer)
        if isinstance(operation, Down):
            refused = self._switch(operation)
        time = self.state.now - self.start
        arguments = operation.arguments()
        self.state = done.state
        node = str(arguments.get("node"))
        known = self.drains.get(node) if isinstance(operation, DrainAgain) else None
        if known is not None:
            known.tries += 1
            if known.message == refused:
                return done
            known.message, known.open = refused or known.message, bool(refused)
        elif operation.type == "Drain" and refused and not done.answer.reason:
            self.drains[node] = OpenDrain(since=time, message=refused, location=event.location)
        elif refused:
            self._refuse(event, refused, arguments)
            return done
        elif operation.type == "Drain":
            self.drains.pop(node, None)
        told = Entry(time=time, type=operation.type, arguments=arguments, refused=refused)
        self.timeline.append(told)
        self.timeline.extend(self._freed([told], self.state))
        self._see(self.state, time)
        self._heed_quorum()
        return done

    def _heed_quorum(self) -> None:
        """Let the control plane stop when it has lost its members, and start when it has them again."""
        lost = control_plane_lost(self.state)
        if bool(lost) == bool(self.halted) or self.rebuild is None:
            return
        time = self.state.now - self.start
        if lost:
            self.halted = tuple(name for name in (MANAGER, SCHEDULER) if name not in self.down)
            self.down.update(dict.fromkeys(self.halted, time))
        else:
            for name in self.halted:
                self.down.pop(name, None)
        for name in self.halted:
            switch = Down(component=name, down=bool(lost))
            self.timeline.append(Entry(time=time, type=switch.type, arguments=switch.arguments()))
        self.why_halted = "; ".join(lost)
        self.halted = self.halted if lost else ()
        self.ticker = self.rebuild(frozenset(self.down))

    def _refuse(self, event: Event, why: str, arguments: Mapping[str, Any]) -> None:
        time = self.state.now - self.start
        kind = event.operation.type
        about = _subject(arguments)
        what = kind if not about or about in why else f"{kind} of {about},"
        message = f"{what} is refused: {why}"
        self.refused.append(Ailment(kind="Step", key=clock(time), message=message, location=event.location))
        self.timeline.append(Entry(time=time, type=kind, arguments=arguments, refused=why))

    def _switch(self, operation: Down) -> str:
        """Let a component stop or start; why not, if that cannot be."""
        name = operation.component
        if (name in self.down) == operation.down:
            return f"{name} {'is down already' if operation.down else 'is not down'}"
        if self.rebuild is None:
            return "nothing here can run without a component"
        if operation.down:
            self.down[name] = self.state.now - self.start
        else:
            del self.down[name]
        self.ticker = self.rebuild(frozenset(self.down))
        return ""

    def _because(self, name: str) -> str:
        return f": {self.why_halted}" if name in self.halted else ""

    def expected(self, *, whole: bool) -> tuple[Expected, ...]:
        """What came of what was expected, in the order of the scenario; ``whole``: the run came to its end."""
        for watch in self.watches.values():
            watch.see(self.state.cluster, self.state.now - self.start)
        found = [watch.result(whole=whole) for watch in self.watches.values()]
        return tuple(sorted(found, key=lambda each: _line(each.expectation)))

    def unwell(self) -> tuple[Ailment, ...]:
        """What is not well now."""
        drains = [
            Ailment(
                kind="Drain",
                key=node,
                message=f"is not done since {clock(each.since)}, after {each.tries} "
                f"{'try' if each.tries == 1 else 'tries'}: {each.message}",
                location=each.location,
            )
            for node, each in sorted(self.drains.items())
            if each.open
        ]
        found = [
            Ailment(
                kind=each.kind,
                key=each.key,
                message=f"{each.message} since {clock(self.endpoints[each.key][1])}",
                location=each.location,
            )
            if each.kind == "Service" and each.key in self.endpoints
            else each
            for each in ailments(self.state.cluster, self.served)
        ]
        down = [
            Ailment(kind="Component", key=name, message=f"is down since {clock(since)}{self._because(name)}")
            for name, since in sorted(self.down.items())
        ]
        return (*self.refused, *drains, *down, *found)


def _arguments(action: Action, now: int) -> Mapping[str, Any]:
    """The arguments of an action; where a calendar matters, with the moment."""
    found = action.arguments()
    return {**found, "moment": timestamp(now - now % 1000)} if action.type == "StartCronRun" else found


def _why(answer: Status) -> str:
    """Why the API server refuses something; of an eviction with the budget and its counts."""
    causes = answer.causes if answer.reason == "TooManyRequests" else ()
    return " ".join([answer.message or answer.reason, *causes])


def _subject(arguments: Mapping[str, Any]) -> str:
    """The object that a step is about, as far as one is."""
    if arguments.get("node"):
        return f"node {arguments['node']}"
    kind, key = arguments.get("kind"), arguments.get("key") or arguments.get("target")
    return " ".join(str(each) for each in (kind, key) if each)


def _same_round(one: Sequence[Step], other: Sequence[Step], period: int) -> bool:
    return all(
        now.now - was.now == period and [type(a) for a in was.actions] == [type(a) for a in now.actions]
        for was, now in zip(one, other, strict=True)
    )


def _line(expectation: Expectation) -> int:
    return 0 if expectation.location is None else expectation.location.line
