"""One tick: what controllers, kubelets and the scheduler do about a state.

A tick depends on nothing but the state. What a ``Reconciler`` keeps from one to the next only saves time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import msgspec

from kubelogic.cluster import Cluster, naming
from kubelogic.cluster.state import State
from kubelogic.facts import FactModule
from kubelogic.facts.base import uncollected
from kubelogic.logic import Changes, Row, Rulebook
from kubelogic.logic.plan import Function
from kubelogic.placement.placement import Placement
from kubelogic.placement.problem import Problem
from kubelogic.reconcile.actions import (
    ACTIONS,
    Action,
    BindPod,
    Cause,
    CreateDaemonPod,
    CreatePod,
    CreatePods,
    DeallocateClaim,
    Gathered,
    NominateNode,
    PreemptPod,
    SetCondition,
    UpdateStatus,
    argument_names,
)
from kubelogic.reconcile.group_conditions import group_conditions
from kubelogic.reconcile.job_actions import JOB_ACTIONS
from kubelogic.reconcile.object_actions import OBJECT_ACTIONS, BindClaim
from kubelogic.reconcile.problem import GOALS, Problems, problem
from kubelogic.reconcile.refusals import held_back
from kubelogic.reconcile.relations import WAKING, Relations
from kubelogic.reconcile.schedulers import Solver

_ACTIONS: Mapping[str, type[Action]] = {**ACTIONS, **OBJECT_ACTIONS, **JOB_ACTIONS}

UNSCHEDULED = "pod_awaits_scheduling"
"""The predicate of pods that want a node."""


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """What happens in a tick.

    Attributes:
        actions: what is done.
        wakes_at: the next moment at which time alone changes anything, if any.
        only_retries: whether at all moments to come something refused is tried again, and nothing else is due.
    """

    actions: tuple[Action, ...]
    wakes_at: int | None
    only_retries: bool = False


class Reconciler:
    """Evaluates ticks, each from what changed since the one before."""

    def __init__(
        self,
        rulebook: Rulebook,
        *,
        functions: Mapping[str, Function],
        scheduler: Solver | None = None,
        modules: Sequence[FactModule] | None = None,
        goals: Iterable[str] = (),
    ) -> None:
        """Prepare; the first tick costs most.

        Args:
            rulebook: the rules of controllers, kubelets and facts.
            functions: the pure functions that the rules call.
            scheduler: places pods; without one they wait.
            modules: the fact modules; without them all that the rules can read.
            goals: predicates that will be asked for beside the actions.

        Raises:
            ValueError: if an action predicate has no class, or other arguments than its class.
        """
        self._predicates = _action_predicates(rulebook)
        self.scheduler = scheduler
        reads = () if scheduler is None else GOALS
        self._followed = Relations(
            rulebook,
            (*self._predicates, *WAKING, UNSCHEDULED, *reads, *goals),
            functions=functions,
            modules=modules,
            watched=reads,
            told=self._note,
        )
        self.relations = self._followed.evaluation
        self._problems = None if scheduler is None else Problems(self.relations)
        self._answer: tuple[Solver, Problem, Placement] | None = None

    def tick(self, state: State) -> Tick:
        """What happens in a state.

        Args:
            state: any state; one that follows the last one costs least.
        """
        with uncollected():
            self.advance(state)
            actions = self._read(state)
        if self.scheduler is not None and UNSCHEDULED in self.relations.rulebook.declarations:
            actions.extend(self._schedule(state, self.scheduler))
        actions, again = held_back(state, actions)
        moments = [each for each in (self._followed.next_moment(state.now), again) if each is not None]
        return Tick(
            actions=tuple(actions),
            wakes_at=min(moments, default=None),
            only_retries=self._only_retries(state.now, own=again is not None),
        )

    def due(self, now: int) -> frozenset[int]:
        """The moments after ``now`` at which something is due, as of the last tick."""
        return self._followed.due(now)

    def problem(self) -> Problem:
        """The placement problem of the last state; without a scheduler, the goals have to hold ``problem.GOALS``."""
        return problem(self.relations) if self._problems is None else self._problems.read()

    def advance(self, state: State, *, begins: bool = False) -> None:
        """Make the relations those of a state; with ``begins`` that in which a run begins."""
        self._followed.advance(state, begins=begins)

    def _note(self, changes: Changes) -> None:
        if self._problems is not None:
            self._problems.note(changes)

    def _only_retries(self, now: int, *, own: bool) -> bool:
        declared = "retries_at" in self.relations.rulebook.declarations
        if not own and not (declared and self.relations.rows("retries_at")):
            return False
        return not any(int(row[0]) > now for row in self.relations.rows("wakes_at"))

    # -- relations to actions ------------------------------------------------------------------------------

    def _read(self, state: State) -> list[Action]:
        actions: list[Action] = []
        names = _Names(state)
        for predicate in self._predicates:
            rows = self.relations.rows(predicate)
            if not rows:
                continue
            kind = _ACTIONS[predicate]
            ordered = _ordered(rows)
            if issubclass(kind, Gathered):
                actions.extend(_gathered(kind, predicate, ordered))
            elif kind is UpdateStatus:
                actions.extend(_status_updates(predicate, ordered))
            elif kind is CreatePods:
                for row in ordered:
                    cause = Cause(predicate=predicate, row=row)
                    actions.extend(names.pods(cause, str(row[0]), str(row[1]), int(row[2])))
            elif kind is CreateDaemonPod:
                for row in ordered:
                    actions.append(names.daemon_pod(Cause(predicate=predicate, row=row), *map(str, row)))
            else:
                actions.extend(_actions(kind, predicate, ordered))
        return actions

    def _schedule(self, state: State, scheduler: Solver) -> list[Action]:
        waiting = {str(row[0]) for row in self.relations.rows(UNSCHEDULED)}
        if not waiting:
            return []
        given, placement = self._placement(scheduler)
        actions: list[Action] = []

        def cause(pod: str) -> Cause:
            return Cause(predicate=UNSCHEDULED, row=(pod,))

        for b in placement.bindings:
            because = cause(b.pod)
            for claim, volume in b.volumes:
                if volume:
                    actions.append(BindClaim(cause=because, claim=claim, volume=volume))
            actions.append(BindPod(cause=because, pod=b.pod, node=b.node, ties=tuple(b.ties), devices=b.devices))
        actions.extend(_preemptions(given, placement, cause))
        for entry in placement.unplaced:
            # Pods of a group that waits as a whole may have no node promised to them.
            pod = state.cluster.get("Pod", entry.pod) if entry.verdict == "waiting" and entry.node else None
            if pod is not None and (pod.document.get("status") or {}).get("nominatedNodeName") != entry.node:
                actions.append(NominateNode(cause=cause(entry.pod), pod=entry.pod, node=entry.node))
        actions.extend(_deallocations(placement, cause))
        actions.extend(group_conditions(given, placement, state.cluster))
        placed = {b.pod for b in placement.bindings}
        actions.extend(
            SetCondition(
                cause=cause(key),
                kind="Pod",
                key=key,
                condition="PodScheduled",
                status="False",
                reason="Unschedulable",
                message="",
            )
            for key in sorted(waiting - placed)
            if not _is_known_unschedulable(state.cluster, key)
        )
        return actions

    def _placement(self, scheduler: Solver) -> tuple[Problem, Placement]:
        """The placement of the pods that wait, and the problem that it answers.

        An answer that evicts nobody stands until more changes than when pods started, which says no more than in what
        order they would be evicted.
        """
        stirred = self._problems is None or self._problems.stirred()
        if stirred or self._answer is None or self._answer[0] is not scheduler or self._answer[2].makes_room:
            given = self.problem()
            self._answer = scheduler, given, scheduler.place(given)
        return self._answer[1:]


def _is_known_unschedulable(cluster: Cluster, key: str) -> bool:
    pod = cluster.get("Pod", key)
    conditions = ((pod.document.get("status") or {}).get("conditions") or ()) if pod else ()
    return any(c.get("type") == "PodScheduled" and c.get("reason") == "Unschedulable" for c in conditions)


class _Names:
    """Hands out the names of new pods within one tick."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.counts: dict[str, int] = {}
        self.taken: set[str] = set()

    def name(self, owner_kind: str, owner: str) -> str:
        counter = f"{owner_kind} {owner}"
        number = self.counts.get(counter, self.state.names.get(counter, 0))
        pods = self.state.cluster.objects("Pod")
        while (name := naming.pod_name(owner, number)) in pods or name in self.taken:
            number += 1
        self.counts[counter] = number + 1
        self.taken.add(name)
        return name

    def pods(self, cause: Cause, owner_kind: str, owner: str, count: int) -> list[CreatePod]:
        return [
            CreatePod(cause=cause, pod=self.name(owner_kind, owner), owner_kind=owner_kind, owner=owner)
            for _ in range(count)
        ]

    def daemon_pod(self, cause: Cause, owner: str, node: str, revision: str) -> CreatePod:
        return CreatePod(
            cause=cause,
            pod=self.name("DaemonSet", owner),
            owner_kind="DaemonSet",
            owner=owner,
            node=node,
            revision=revision,
        )


def _ordered(rows: Iterable[Row]) -> list[Row]:
    """Rows in order. Where one has text in a column and another a number, the number comes first."""
    try:
        return sorted(rows)
    except TypeError:
        return sorted(rows, key=lambda row: tuple([(isinstance(value, str), value) for value in row]))


def _status_updates(predicate: str, rows: Sequence[Row]) -> list[Action]:
    grouped: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        grouped.setdefault((str(row[0]), str(row[1])), []).append(row)
    return [
        UpdateStatus(
            cause=Cause(predicate=predicate, row=found[0]),
            kind=kind,
            key=key,
            fields=tuple((str(row[2]), row[3]) for row in found),
        )
        for (kind, key), found in grouped.items()
    ]


def _gathered(kind: type[Gathered], predicate: str, rows: Sequence[Row]) -> list[Action]:
    keys = [name for name in argument_names(kind) if name != "rows"]
    grouped: dict[Row, list[Row]] = {}
    for row in rows:
        grouped.setdefault(row[: len(keys)], []).append(row)
    made: list[Action] = []
    for key, found in grouped.items():
        values: dict[str, Any] = dict(zip(keys, key, strict=True))
        cause = Cause(predicate=predicate, row=found[0])
        made.append(kind(cause=cause, rows=tuple(row[len(keys) :] for row in found), **values))
    return made


def _actions(kind: type[Action], predicate: str, rows: Iterable[Row]) -> list[Action]:
    """One action for each row, its columns being the arguments."""
    make = _maker(kind)
    return [make(Cause(predicate=predicate, row=row), *row) for row in rows]


@cache
def _maker(kind: type[Action]) -> Callable[..., Action]:
    """What makes an action of a kind from its cause and its arguments in order: hundreds of thousands are made so."""
    names = argument_names(kind)
    given = ", ".join(f"{name}={name}" for name in ("cause", *names))
    made: Callable[..., Action] = eval(
        f"lambda {', '.join(('cause', *names))}: {kind.__name__}({given})", {kind.__name__: kind}
    )
    return made


def _action_predicates(rulebook: Rulebook) -> list[str]:
    """The action predicates of a rulebook, in the order in which their actions are applied."""
    declared = {name for name in rulebook.declarations if name.startswith("action_")}
    if unknown := sorted(declared - set(_ACTIONS)):
        raise ValueError(f"no class for {', '.join(unknown)}")
    for name in sorted(declared):
        if _ACTIONS[name] is UpdateStatus or issubclass(_ACTIONS[name], Gathered):
            continue
        wanted = list(argument_names(_ACTIONS[name]))
        given = [_snake(argument.name) for argument in rulebook.declarations[name].arguments]
        if wanted != given:
            raise ValueError(f"{name} takes {', '.join(given)}, its class {', '.join(wanted)}")
    return [name for name in _ACTIONS if name in declared]


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))


def _preemptions(given: Problem, placement: Placement, cause: Callable[[str], Cause]) -> Iterator[PreemptPod]:
    """Who goes for whom, with the priorities that let it be so."""
    if not placement.evictions:
        return
    shapes, groups = ({each.name: each.priority for each in those} for those in (given.shapes, given.groups))
    pods = {pod.name: pod for pod in given.pods}
    for each in placement.evictions:
        winner, loser = pods[each.beneficiary], pods[each.pod]
        yield PreemptPod(
            cause=cause(each.beneficiary),
            pod=each.pod,
            node=each.node,
            beneficiary=each.beneficiary,
            breaks=each.breaks,
            priority=groups.get(winner.group, shapes[winner.shape]),
            own=shapes[loser.shape],
        )


def _deallocations(placement: Placement, cause: Callable[[str], Cause]) -> Iterator[Action]:
    """The claims whose devices stand in the way of the pod that wants them, each once."""
    done: set[str] = set()
    for entry in placement.unplaced:
        claim = placement.refusals[entry.refusal].deallocates if entry.refusal >= 0 else ""
        if claim and claim not in done:
            done.add(claim)
            yield DeallocateClaim(cause=cause(entry.pod), claim=claim, pod=entry.pod)
