"""What befalls a served cluster: the steps of a scenario at their times, and faults that annotations ask for.

The annotation ``kubelogic.dev/fail: "true"`` on a Node lets its machine fall silent; without it, or with ``"false"``,
a machine that fell silent so is well again. Expectations and components that are down are not played here.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence

import msgspec

from kubelogic.cluster.edit import metadata
from kubelogic.cluster.state import State
from kubelogic.reconcile import drains, kubectl_steps, machines, troubles, world_steps
from kubelogic.reconcile.performing import perform
from kubelogic.reconcile.scenario import Event, FailNode, HealNode, Operation

FAIL = "kubelogic.dev/fail"
"""The annotation by which a Node fails."""

_KINDS = (drains, kubectl_steps, machines, troubles, world_steps)
"""The modules that know how to carry out further kinds of steps; importing them is what counts."""

_RETRY = 5_000
"""Milliseconds after which what could not be done yet, as a drain that a budget holds up, is tried again."""


def is_played(operation: Operation) -> bool:
    """Whether a step of a scenario can be carried out here: an expectation, say, is no deed."""
    return perform.dispatch(type(operation)) is not perform.dispatch(object)


class Happening(msgspec.Struct, kw_only=True):
    """Carries out what is due.

    Attributes:
        events: of a scenario, with times from its start.
        begun: the moment of its start, in milliseconds.
        warn: told of a step that is refused.
    """

    events: Sequence[Event] = ()
    begun: int = 0
    warn: Callable[[str], None] = print
    _due: list[tuple[int, int, Operation]] = msgspec.field(default_factory=list)
    _count: int = 0
    _nodes: object = None
    _failed: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for event in self.events:
            self._plan(self.begun + event.at, event.operation)

    def _plan(self, moment: int, operation: Operation) -> None:
        self._count += 1
        heapq.heappush(self._due, (moment, self._count, operation))

    def __call__(self, state: State) -> tuple[State, int | None]:
        """The state after what is due now, and the moment of what comes next."""
        state = self._annotated(state)
        while self._due and self._due[0][0] <= state.now:
            _, _, operation = heapq.heappop(self._due)
            state = self._done(operation, state)
        return state, self._due[0][0] if self._due else None

    def _done(self, operation: Operation, state: State) -> State:
        done = perform(operation, state)
        if done.later is not None:
            self._plan(state.now + done.later.after, done.later.operation)
        if done.again is not None:
            self._plan(state.now + _RETRY, done.again)
        elif not done.answer.accepted:
            self.warn(f"{operation.type} is refused: {done.answer.message}")
        return done.state

    def _annotated(self, state: State) -> State:
        nodes = state.cluster.objects("Node")
        if nodes is self._nodes:
            return state
        asked = frozenset(
            node.name
            for node in nodes.values()
            if (metadata(node).get("annotations") or {}).get(FAIL) not in (None, "", "false")
        )
        for name in sorted(asked - self._failed):
            state = self._done(FailNode(node=name), state)
        for name in sorted((self._failed - asked) & {node.name for node in nodes.values()}):
            state = self._done(HealNode(node=name), state)
        self._failed = asked
        self._nodes = state.cluster.objects("Node")
        return state
