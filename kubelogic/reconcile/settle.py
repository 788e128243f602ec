"""Ticks until nothing happens any more: actions are applied, and time jumps to the next moment of interest."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Protocol

from kubelogic.reconcile.actions import Action, CreatePod
from kubelogic.reconcile.apply import apply
from kubelogic.reconcile.state import State
from kubelogic.reconcile.tick import Tick

MAX_TICKS = 100_000
"""Ticks after which a run gives up."""

_SUSPICIOUS = 200
"""Ticks with actions before loops are looked for."""


class Ticker(Protocol):
    """What decides a tick: a ``Reconciler``."""

    def tick(self, state: State) -> Tick:
        """What happens in a state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A tick in which something happened. ``now`` is in milliseconds of the simulated clock."""

    number: int
    now: int
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What happened until nothing did.

    Attributes:
        state: at the end.
        steps: the ticks with actions, in order.
        settled: whether nothing more happens within the horizon.
        cycle: the shortest loop that the run went on repeating; empty if it did not.
        ticks: how many ticks were evaluated.
    """

    state: State
    steps: tuple[Step, ...]
    settled: bool
    cycle: tuple[Step, ...] = ()
    ticks: int = 0


def settle(
    ticker: Ticker,
    state: State,
    *,
    until: int | None = None,
    max_ticks: int = MAX_TICKS,
    progress: Callable[[Step, State], None] | None = None,
) -> Run:
    """Run until nothing happens before ``until``.

    Args:
        ticker: decides what happens.
        state: where to start.
        until: the moment at which to stop, in milliseconds of the simulated clock; the clock of the result stands
            there. None: until no moment of interest is left.
        max_ticks: after so many the run is not settled.
        progress: told of every step and the state after it.

    Returns:
        The run; not settled if ``max_ticks`` are over or the same steps come again and again.
    """
    steps: list[Step] = []
    for number in range(1, max_ticks + 1):
        tick = ticker.tick(state)
        if tick.actions:
            step = Step(number=number, now=state.now, actions=tick.actions)
            steps.append(step)
            state = apply(state, tick.actions)
            if progress is not None:
                progress(step, state)
            if len(steps) % _SUSPICIOUS == 0 and (loop := repeated(steps)):
                return Run(state=state, steps=tuple(steps), settled=False, cycle=loop, ticks=number)
            continue
        if tick.wakes_at is None or (until is not None and tick.wakes_at > until):
            end = state if until is None else replace(state, now=max(until, state.now))
            return Run(state=end, steps=tuple(steps), settled=True, ticks=number)
        state = replace(state, now=tick.wakes_at)
    return Run(state=state, steps=tuple(steps), settled=False, cycle=repeated(steps), ticks=max_ticks)


def repeated(steps: list[Step], *, times: int = 4) -> tuple[Step, ...]:
    """The shortest loop with which a list of steps ends, if it was gone through at least ``times`` times.

    Steps are equal if they do the same to the same objects, pods with generated names being the same if their owner is.
    """
    marks = [_mark(step) for step in steps]
    for length in range(1, len(steps) // times + 1):
        tail = marks[-length:]
        if all(marks[-length * (n + 1) : -length * n] == tail for n in range(1, times)):
            return tuple(steps[-length:])
    return ()


def _mark(step: Step) -> Hashable:
    owners = {a.pod: a.owner for a in step.actions if isinstance(a, CreatePod)}
    return tuple(sorted((type(action).__name__, _target(action, owners)) for action in step.actions))


def _target(action: Action, owners: dict[str, str]) -> str:
    fields = action.arguments()
    key = str(fields.get("pod") or fields.get("key") or fields.get("node") or "")
    if key in owners:
        return owners[key]
    return key.rpartition("-")[0] if fields.get("pod") or fields.get("kind") == "Pod" else key
