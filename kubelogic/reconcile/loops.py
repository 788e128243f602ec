"""Finding the shortest loop of a run, and leaping over rounds of it.

A run is in a loop once a state is like an earlier one (``likeness``), with the same things due after the same time.
One earlier state is kept, a later one each time the number of steps has doubled, so a loop is found soon after it
has begun and costs little to look for. Source: R. P. Brent, "An improved Monte Carlo factorization algorithm", 1980.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from msgspec.structs import replace

from kubelogic.apiserver.supposing import supposed
from kubelogic.cluster import Cluster
from kubelogic.cluster.clock import milliseconds, timestamp
from kubelogic.cluster.edit import with_document
from kubelogic.cluster.state import State
from kubelogic.facts.schedules import period_of
from kubelogic.reconcile.actions import Action

_CRON = "StartCronRun"

_ROUNDS, _MANY_ROUNDS = 2, 8
"""So many rounds in a row make a loop: as counters are not compared, a step that only counts could look like one."""

_BOOKKEEPING = frozenset({"Remember", "RememberMoment", "Forget", "StampStatus", "SetCondition", "UpdateStatus"})


class Acting(Protocol):
    """A tick in which something happened."""

    @property
    def actions(self) -> Sequence[Action]:
        """What was done."""


Step = TypeVar("Step", bound=Acting)


class Loop(msgspec.Struct, Generic[Step], frozen=True, kw_only=True):
    """What a run goes on repeating.

    Attributes:
        steps: one round.
        period: milliseconds that a round takes; 0 if no time passes.
        before: the state when the round began.
        after: the state at its end, which is like ``before``.
        until: the first moment at which something else is due, so that the loop may end; None if there is none.
    """

    steps: tuple[Step, ...]
    period: int
    before: State
    after: State
    until: int | None = None


class _Likeness(msgspec.Struct, frozen=True):
    """A state that is like the one that is kept."""

    state: State
    due: frozenset[int]


class Search(msgspec.Struct, Generic[Step]):
    """Looks for a loop while a run goes on; told of every state in which something is done."""

    kept: State | None = None
    due: frozenset[int] = frozenset()
    mark: Mapping[str, int] = msgspec.field(default_factory=dict)
    steps: list[Step] = msgspec.field(default_factory=list)
    limit: int = 1
    likenesses: dict[tuple[int, int], _Likeness] = msgspec.field(default_factory=dict)
    """The states that were like the kept one: after how many steps and milliseconds."""

    def note(self, state: State, due: frozenset[int], step: Step) -> Loop[Step] | None:
        """A loop that ends in a state, if there is one.

        A state may be like the kept one halfway through a round: what makes the difference (how long ago something
        ended) is a moment, and shows only later. So a round is one that was gone through at least twice, in as many
        steps and as much time, whatever lies between.

        Args:
            state: in which the step is taken.
            due: the later moments at which something is due.
            step: what is done in that state.
        """
        mark = Counter(type(action).__name__ for action in step.actions)
        alike_now = mark == self.mark and self.kept is not None and self._closed(self.kept, self.due, state, due)
        if alike_now and self.kept is not None:
            found = self._repeated(state, due)
            if found is not None:
                return found
            self.likenesses[len(self.steps), state.now - self.kept.now] = _Likeness(state, due)
        if self.kept is None or len(self.steps) >= self.limit * (_ROUNDS if self.likenesses else 1):
            self.limit *= 2
            self.kept, self.due, self.mark = state, due, mark
            self.steps.clear()
            self.likenesses.clear()
        self.steps.append(step)
        return None

    def _repeated(self, state: State, due: frozenset[int]) -> Loop[Step] | None:
        """The shortest round of which several, one after the other, end in a state that is like the kept one."""
        assert self.kept is not None
        steps, took = len(self.steps), state.now - self.kept.now
        for size, period in sorted(self.likenesses):
            times, rest = divmod(steps, size)
            if rest or period * times != took:
                continue
            told = any(kind not in _BOOKKEEPING for kind in _kinds(self.steps[-size:]))
            if times < (_ROUNDS if told else _MANY_ROUNDS):
                continue
            if any((size * n, period * n) not in self.likenesses for n in range(1, times)):
                continue
            last = self.likenesses[size * (times - 1), period * (times - 1)]
            loop = self._closed(last.state, last.due, state, due)
            if loop is not None:
                return replace(loop, steps=tuple(self.steps[-size:]))
        return None

    def _closed(self, old: State, was: frozenset[int], new: State, due: frozenset[int]) -> Loop[Step] | None:
        """The steps so far as a round, if a state is like an earlier one and the same is due after the same time."""
        period = new.now - old.now
        other = unmoved(was, due, new.now, period)
        if other is None:
            return None
        by_calendar = _CRON in _kinds(self.steps)
        if by_calendar and (other or not _calendar_agrees(new.cluster, period)):
            return None
        from kubelogic.reconcile.likeness import alike

        if not alike(old, new):
            return None
        return Loop(steps=tuple(self.steps), period=period, before=old, after=new, until=min(other, default=None))


def unmoved(was: frozenset[int], due: frozenset[int], now: int, period: int) -> frozenset[int] | None:
    """What does not come again each period, of all that is due; None if something differs otherwise.

    >>> sorted(unmoved(frozenset({25, 90}), frozenset({40, 90}), 30, 15)), unmoved(frozenset({20}), frozenset(), 30, 15)
    ([90], None)

    Args:
        was: the moments at which something was due a period ago.
        due: those at which something is due now.
        now: the moment.
        period: how long ago it was.
    """
    other = {at for at in due if at - period not in was} | {at for at in was if at + period not in due}
    if any(at <= now or at not in due or at not in was for at in other):
        return None
    return frozenset(other)


def _calendar_agrees(cluster: Cluster, period: int) -> bool:
    """Whether all CronJobs go on the same way after a time."""
    for obj in cluster.objects("CronJob").values():
        spec = obj.document.get("spec") or {}
        if spec.get("suspend"):
            continue
        own = period_of(str(spec.get("schedule") or ""))
        if own is None or period % own:
            return False
    return True


def _kinds(steps: Sequence[Acting]) -> set[str]:
    return {type(action).__name__ for step in steps for action in step.actions}


_ROUTINE = frozenset({_CRON, "ScaleTarget"})
_AILING = frozenset({"CollectPod", "EvictPod", "FailPod", "HoldContainer", "KillContainer", "PreemptPod"})


def is_routine(steps: Sequence[Acting]) -> bool:
    """Whether a loop is the daily round of CronJobs or autoscalers, in which nothing goes wrong."""
    kinds = _kinds(steps)
    failing = any(action.arguments().get("phase") == "Failed" for step in steps for action in step.actions)
    return bool(kinds & _ROUTINE) and not kinds & _AILING and not failing


def leap(loop: Loop[Any], state: State, until: int) -> State:
    """A state after as many whole rounds as there is time for.

    Args:
        loop: the loop that the run is in.
        state: at the end of a round.
        until: the moment that is not to be passed.

    Returns:
        The state, in which all moments that belong to the loop are later, too. One round before ``until`` is left to
        run. If a round takes no time, the state at ``until``.
    """
    if not loop.period:
        return replace(state, now=max(until, state.now))
    rounds = (until - state.now) // loop.period - 1
    if rounds <= 0:
        return state
    by, since = rounds * loop.period, loop.before.now
    found = state.cluster.differences(loop.before.cluster)
    moved = [
        with_document(obj, _later(obj.document, since, by))
        for obj in (*found.come, *(new for _, new in found.replaced))
    ]
    memory = dict(state.memory)
    for (topic, key), value in state.memory.items():
        if loop.before.memory.get((topic, key)) == value:
            continue
        del memory[topic, key]
        text = str(int(key) + by) if key.isdigit() and int(key) >= since else key
        memory[topic, text] = value + by if isinstance(value, int) and value >= since else value
    return replace(state, cluster=supposed(state.cluster, moved), memory=memory, now=state.now + by)


def _later(value: Any, since: int, by: int) -> Any:
    """A document in which moments from ``since`` on are later by some milliseconds."""
    if isinstance(value, Mapping):
        return {key: _later(inner, since, by) for key, inner in value.items()}
    if isinstance(value, list):
        return [_later(each, since, by) for each in value]
    if not isinstance(value, str):
        return value
    from kubelogic.reconcile.likeness import MOMENT

    if not MOMENT.fullmatch(value):
        return value
    moment = milliseconds(value)
    return timestamp(moment + by) if moment >= since else value
