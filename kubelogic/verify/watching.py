"""A run under watch: every state that the control plane goes through is held against invariants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from msgspec.structs import replace

from kubelogic.cluster import Cluster
from kubelogic.cluster.state import State
from kubelogic.reconcile.scenario import Event, Scenario
from kubelogic.reconcile.simulate import Simulated, simulate
from kubelogic.reconcile.tick import Reconciler, Tick
from kubelogic.verify.demands import VIOLATES
from kubelogic.verify.invariants import Invariant
from kubelogic.verify.restless import SETTLES, restless


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """What was broken, and when: milliseconds from the start of the run."""

    time: int
    invariant: str
    message: str


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """A run and what it broke, in order; empty if all held."""

    run: Simulated
    violations: tuple[Violation, ...]


class _Watch(msgspec.Struct, kw_only=True):
    """A ticker that looks at each state before it passes it on."""

    ticker: Reconciler
    invariants: Sequence[Invariant]
    before: State
    given: frozenset[str]
    """Violations of rules that were there already."""
    since: int
    """The moment of the simulated clock up to which whatever is so is taken for what was before."""
    found: dict[tuple[str, str], Violation] = msgspec.field(default_factory=dict)

    def tick(self, state: State) -> Tick:
        """See ``settle.Ticker``."""
        self.look(state, at_end=False)
        tick = self.ticker.tick(state)
        if state.now < self.since:
            self.given = frozenset(violated(self.ticker))
            return tick
        for message in violated(self.ticker):
            if message not in self.given:
                self._note(state, VIOLATES, message)
        return tick

    def due(self, now: int) -> frozenset[int]:
        """See ``settle.Ticker``."""
        return self.ticker.due(now)

    def look(self, state: State, *, at_end: bool) -> None:
        """Hold a state against the invariants."""
        if state.now < self.since:
            self.before = replace(state, now=self.since)
            return
        for each in self.invariants:
            if each.always or at_end:
                for message in each.check(self.before, state):
                    self._note(state, each.name, message)

    def _note(self, state: State, invariant: str, message: str) -> None:
        key = (invariant, message)
        if key not in self.found:
            self.found[key] = Violation(time=state.now - self.before.now, invariant=invariant, message=message)


def watch(
    ticker: Reconciler,
    state: State,
    events: Sequence[Event],
    invariants: Sequence[Invariant],
    *,
    horizon: int,
    since: int = 0,
) -> Watched:
    """Run a scenario from a state and hold what it goes through against invariants.

    A control plane that never comes to rest at the end is broken, whatever the invariants.

    Args:
        ticker: decides what the control plane does.
        state: where nothing has happened yet.
        events: what happens.
        invariants: what has to hold.
        horizon: milliseconds to look ahead.
        since: milliseconds in which the state settles first; what is so then is what was before. Violations are dated
            from there on.
    """
    ticker.advance(state, begins=True)
    seen = _Watch(
        ticker=ticker,
        invariants=invariants,
        before=state,
        given=frozenset(violated(ticker)),
        since=state.now + since,
    )
    ordered = tuple(sorted(events, key=lambda event: event.at))
    run = simulate(seen, state, Scenario(events=ordered, horizon=horizon))
    seen.look(run.state, at_end=True)
    found = [*seen.found.values()]
    if run.cycle and not run.settled:
        at = run.cycle[0].time - since
        messages = restless(((each.type, each.arguments) for each in run.cycle), run.state.cluster)
        found += [Violation(time=at, invariant=SETTLES, message=message) for message in messages]
    return Watched(run=run, violations=tuple(sorted(found, key=lambda each: each.time)))


def broken_already(ticker: Reconciler, state: State, invariants: Sequence[Invariant]) -> tuple[Violation, ...]:
    """What is broken in a state, compared with nothing.

    Args:
        ticker: decides what the control plane does.
        state: the state.
        invariants: what has to hold.
    """
    ticker.advance(state)
    nothing = replace(state, cluster=Cluster.of(()))
    found = [
        Violation(time=0, invariant=each.name, message=message)
        for each in invariants
        for message in each.check(nothing, state)
    ]
    found += [Violation(time=0, invariant=VIOLATES, message=message) for message in violated(ticker)]
    return tuple(found)


def violated(ticker: Reconciler) -> Iterator[str]:
    """The violations of invariants that are rules, in the last state, as sentences."""
    book = ticker.relations.rulebook
    if VIOLATES not in book.declarations:
        return
    sentence = book.declarations[VIOLATES]
    names = [argument.name for argument in sentence.arguments]
    for row in sorted(ticker.relations.rows(VIOLATES), key=repr):
        told = sentence.sentence
        for name, value in zip(names, row, strict=True):
            told = told.replace(f"{{{name}}}", str(value))
        yield told
