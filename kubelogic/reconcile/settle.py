"""Ticks until nothing happens any more: actions are applied, and time jumps to the next moment of interest."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from kubelogic.apiserver.answers import Refused, Status
from kubelogic.cluster.state import State
from kubelogic.facts.workloads import replica_set_constant
from kubelogic.reconcile.actions import Action, CreatePod
from kubelogic.reconcile.apply.carry_out import Carried, carry_out
from kubelogic.reconcile.refusals import waiting_for_retry
from kubelogic.reconcile.tick import Tick

MAX_TICKS = 100_000
"""Ticks after which a run gives up."""

_UNLIKE = frozenset({"pod", "key", "node", "beneficiary", "ties", "restart"})
"""Names that are made up anew each time, the node that is chosen, counts of restarts."""

_SUSPICIOUS = 200
"""Ticks with actions before loops are looked for."""


class Ticker(Protocol):
    """What decides a tick: a ``Reconciler``."""

    def tick(self, state: State) -> Tick:
        """What happens in a state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A tick in which something happened. ``now`` is in milliseconds of the simulated clock.

    ``refused`` holds what the API server refused then and had not refused in the same words before. A step of nothing
    but refusals, and what controllers remember of them, is no part of ``Run.steps``.
    """

    number: int
    now: int
    actions: tuple[Action, ...]
    refused: tuple[Refused, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """What the API server refused to one controller's object in a row, from ``since`` to ``last`` (milliseconds).

    Attributes:
        kind: what kind of object was to be made.
        owner_kind: kind of the controller's object.
        owner: its key.
        answer: the last refusal.
        since: when the first of them was.
        last: when the last of them was.
        count: how many objects were refused.
    """

    kind: str
    owner_kind: str
    owner: str
    answer: Status
    since: int
    last: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What happened until nothing did.

    Attributes:
        state: at the end.
        steps: the ticks with actions, in order.
        settled: whether nothing more happens within the horizon.
        cycle: the shortest loop that the run went on repeating; empty if it did not.
        ticks: how many ticks were evaluated.
        refusals: what the API server refused, by owner.
        next_at: the moment after ``until`` at which something more may happen; None if there is none, or if the run is
            not settled.
    """

    state: State
    steps: tuple[Step, ...]
    settled: bool
    cycle: tuple[Step, ...] = ()
    ticks: int = 0
    refusals: tuple[Refusals, ...] = ()
    next_at: int | None = None


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
        The run; not settled if ``max_ticks`` are over or the same steps come again and again. Without ``until`` it is
        settled, too, when all that is left is to try again what was refused and can only be refused again.
    """
    steps: list[Step] = []
    ledger = _Ledger()

    def ended(*, settled: bool, ticks: int, loop: tuple[Step, ...] = ()) -> Run:
        refusals = tuple(ledger.entries[key] for key in sorted(ledger.entries))
        return Run(state=state, steps=tuple(steps), settled=settled, cycle=loop, ticks=ticks, refusals=refusals)

    for number in range(1, max_ticks + 1):
        tick = ticker.tick(state)
        if tick.actions:
            carried = carry_out(state, tick.actions)
            fresh = ledger.enter(carried, state)
            futile = bool(carried.refused) and carried.state.cluster is state.cluster
            step = Step(number=number, now=state.now, actions=() if futile else carried.done, refused=fresh)
            state = carried.state
            if progress is not None and (step.actions or step.refused):
                progress(step, state)
            if step.actions:
                steps.append(step)
                if len(steps) % _SUSPICIOUS == 0 and (loop := repeated(steps, objects=len(state.cluster))):
                    return ended(settled=False, ticks=number, loop=loop)
            continue
        in_vain = tick.only_retries and waiting_for_retry(state) <= ledger.in_vain
        if tick.wakes_at is None or (until is not None and tick.wakes_at > until):
            state = state if until is None else replace(state, now=max(until, state.now))
            return replace(ended(settled=True, ticks=number), next_at=None if in_vain else tick.wakes_at)
        if until is None and in_vain:
            return ended(settled=True, ticks=number)
        state = replace(state, now=tick.wakes_at)
    return ended(settled=False, ticks=max_ticks, loop=repeated(steps, objects=len(state.cluster)))


@dataclass(slots=True)
class _Ledger:
    """Keeps account of refusals during one run.

    ``in_vain``: who was refused since anything last changed, so that trying again now must fail again.
    """

    entries: dict[tuple[str, str, str], Refusals] = field(default_factory=dict)
    in_vain: set[str] = field(default_factory=set)

    def enter(self, carried: Carried, before: State) -> tuple[Refused, ...]:
        """Enter what a tick came to; the refusals that are new or have other words than before."""
        if carried.state.cluster is not before.cluster or carried.state.world is not before.world:
            self.in_vain.clear()
        else:
            self.in_vain.update(replica_set_constant(each.owner_kind, each.owner) for each in carried.refused)
        fresh: list[Refused] = []
        for each in carried.refused:
            key = (each.owner_kind, each.owner, each.kind)
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
            )
        return tuple(fresh)


def repeated(steps: Sequence[Step], *, objects: int, times: int = 4) -> tuple[Step, ...]:
    """The shortest loop with which a list of steps ends.

    Steps that do the same to the same objects with the same values make a loop when they were gone through ``times``
    times. With other values they may be progress, of a rollout pod by pod, say: then they make a loop only when they
    were gone through more often than there are objects to get through. Pods with generated names are the same if
    their owner is.

    Args:
        steps: what happened.
        objects: how many objects the cluster has.
        times: see above.
    """
    return _loop(steps, [_mark(step, values=True) for step in steps], times) or _loop(
        steps, [_mark(step, values=False) for step in steps], max(times, objects)
    )


def _loop(steps: Sequence[Step], marks: Sequence[Hashable], times: int) -> tuple[Step, ...]:
    for length in range(1, len(steps) // times + 1):
        tail = marks[-length:]
        if all(marks[-length * (n + 1) : -length * n] == tail for n in range(1, times)):
            return tuple(steps[-length:])
    return ()


def _mark(step: Step, *, values: bool) -> Hashable:
    owners = {a.pod: a.owner for a in step.actions if isinstance(a, CreatePod)}
    return tuple(
        sorted(
            (type(action).__name__, _target(action, owners), _values(action) if values else "")
            for action in step.actions
        )
    )


def _values(action: Action) -> str:
    """What an action sets, but for what differs from round to round."""
    fields = action.arguments()
    return repr([fields[name] for name in sorted(fields) if name not in _UNLIKE])


def _target(action: Action, owners: dict[str, str]) -> str:
    fields = action.arguments()
    key = str(fields.get("pod") or fields.get("key") or fields.get("node") or "")
    if key in owners:
        return owners[key]
    return key.rpartition("-")[0] if fields.get("pod") or fields.get("kind") == "Pod" else key
