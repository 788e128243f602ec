"""Which running pods to move elsewhere, one at a time, so that all waiting pods fit: as few as possible."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Literal, TypeVar

import msgspec
import numpy as np

from kubelogic.placement.check import check
from kubelogic.placement.optimal.compile import compile_problem
from kubelogic.placement.optimal.improve import improve_kind
from kubelogic.placement.optimal.limits import Clock, Deadline, Limits
from kubelogic.placement.optimal.pack import insert
from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.optimal.state import State
from kubelogic.placement.placement import Binding, Placement
from kubelogic.placement.problem import Affinity, Node, Problem, Spread

Verdict = Literal["enough", "too_few", "impossible", "unknown"]

_ORDERS = 2_000
"""Sets of moves already made that are tried at most, to find an order."""
_QUIET = Limits()

Group = TypeVar("Group", int, str)


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """A running pod is evicted from ``source`` and runs on ``target`` before the next one moves."""

    pod: str
    source: str
    target: str


class Moves(msgspec.Struct, frozen=True, kw_only=True):
    """What moving running pods can do for the waiting ones.

    ``moves`` are in an order in which each is feasible; ``placement`` then places the waiting pods: all of them if the
    verdict is ``enough``. ``too_few``: so many moves would do, but they are more than were allowed. ``impossible``: it
    is proved that no moves of the pods that may move make room for all; ``moves`` then make room for more, within what
    was allowed. ``least``: it is proved that fewer moves do not place all waiting pods.
    """

    verdict: Verdict
    moves: tuple[Move, ...]
    placement: Placement
    least: int = 0


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What to make room for.

    ``problem`` evicts nobody; in ``loose`` the pods that may move wait, too; ``homes`` has their nodes.
    """

    problem: Problem
    loose: Problem
    homes: Mapping[str, str]
    limits: Limits
    clock: Clock | None


def make_room(problem: Problem, *, most: int, limits: Limits = _QUIET, clock: Clock | None = None) -> Moves:
    """Which running pods to move elsewhere, at most ``most`` of them, so that the waiting pods fit.

    One pod moves at a time and runs again before the next one moves, so a budget that allows one eviction is enough.
    Nobody is evicted for good. See ``may_move`` for who stays.
    """
    deadline = Deadline(limits, clock)
    asked = _question(problem, limits, clock)
    now = solve(asked.problem, limits=limits, clock=clock)
    if not number_left(now):
        return Moves(verdict="enough", moves=(), placement=now)
    chains = _chains(asked, most=len(asked.homes), deadline=deadline)
    known = chains if chains is not None and not number_left(chains.placement) else None
    proved = any(entry.verdict == "impossible" for entry in now.unplaced)
    from kubelogic.placement.optimal.fewest_moves import fewest  # which loads z3

    found, least = fewest(asked, known, deadline, first=int(proved))
    if found is not None:
        return msgspec.structs.replace(found, verdict="enough" if len(found.moves) <= most else "too_few", least=least)
    partial = _chains(asked, most=most, deadline=deadline)
    if partial is None or number_left(partial.placement) >= number_left(now):
        partial = Moves(verdict="unknown", moves=(), placement=now)
    hopeless = least > len(asked.homes)
    return msgspec.structs.replace(partial, verdict="impossible" if hopeless else "unknown", least=least)


def may_move(problem: Problem) -> frozenset[str]:
    """The running pods that ``make_room`` may move.

    Not those that may not be evicted, that terminate, that are under a budget which allows no eviction, or that
    affinity, anti-affinity, spread or claims concern.
    """
    budget = {entry.name: entry.allowed for entry in problem.budgets}
    fixed = {shape.name for shape in problem.shapes if shape.claims}
    rules: tuple[Affinity | Spread, ...] = (*problem.affinities, *problem.spreads)
    for rule in rules:
        fixed |= {rule.owner, *rule.matches}
    return frozenset(
        pod.name
        for pod in problem.pods
        if pod.node
        and pod.movable
        and not pod.terminating
        and pod.shape not in fixed
        and all(budget[name] > 0 for name in pod.budgets)
    )


def _question(problem: Problem, limits: Limits, clock: Clock | None) -> Question:
    movers = may_move(problem)
    calm = msgspec.structs.replace(
        problem, shapes=tuple(msgspec.structs.replace(shape, preempts=False) for shape in problem.shapes)
    )
    pods = tuple(msgspec.structs.replace(pod, node="") if pod.name in movers else pod for pod in calm.pods)
    homes = {pod.name: pod.node for pod in problem.pods if pod.name in movers}
    # Who runs somewhere may stay there, whatever has been said about the node since.
    allowed = dict(problem.allowed)
    for pod in problem.pods:
        if pod.name in movers:
            reach = allowed[pod.shape]
            allowed[pod.shape] = msgspec.structs.replace(reach, nodes=reach.nodes | {pod.node})
    loose = msgspec.structs.replace(calm, pods=pods, nodes=_roomy(calm), allowed=allowed)
    return Question(problem=calm, loose=loose, homes=homes, limits=limits, clock=clock)


def _roomy(problem: Problem) -> tuple[Node, ...]:
    """The nodes, with as much as their pods already use where that is more than there is: who is there may stay."""
    requests = {shape.name: shape.requests for shape in problem.shapes}
    used: dict[str, Counter[str]] = defaultdict(Counter)
    for pod in problem.pods:
        if pod.node:
            used[pod.node].update(requests[pod.shape])
    found = []
    for node in problem.nodes:
        more = {r: max(node.allocatable.get(r, 0), amount) for r, amount in used[node.name].items()}
        found.append(msgspec.structs.replace(node, allocatable={**node.allocatable, **more}))
    return tuple(found)


def number_left(placement: Placement) -> int:
    """How many pods stay out for good."""
    return sum(entry.verdict != "waiting" for entry in placement.unplaced)


# -- by chains: quick, for clusters of any size ----------------------------------------------------------------------


def _chains(asked: Question, *, most: int, deadline: Deadline) -> Moves | None:
    """Moves that make room for one waiting pod after the other; None if there are none."""
    model = compile_problem(asked.loose)
    state = State(model)
    for k, item_class in enumerate(model.item_classes):
        for pod in item_class.pods:
            if pod.name in asked.homes:
                state.put(k, model.node_index[asked.homes[pod.name]])
    insert(state)
    moves: tuple[Move, ...] = ()
    for k in sorted(range(len(model.item_classes)), key=lambda k: (-model.item_classes[k].priority, state.size[k], k)):
        while state.left[k] > 0 and not deadline():
            ahead = state.copy()
            improve_kind(ahead, k, expired=deadline, most=1)
            planned = in_order(asked.problem, _of_state(asked, ahead)) if ahead.left[k] < state.left[k] else None
            if planned is None or len(planned) > most:
                break
            state, moves = ahead, planned
    if not moves:
        return None
    after = solve(after_moves(asked.problem, moves), limits=asked.limits, clock=asked.clock)
    return Moves(verdict="unknown", moves=moves, placement=after)


def _of_state(asked: Question, state: State) -> list[Move]:
    """The fewest moves that lead from where the running pods are to what ``state`` has."""
    model = state.model
    wanted = {
        (k, model.nodes[int(n)].name): int(state.placed[k, n])
        for k in range(len(model.item_classes))
        for n in np.flatnonzero(state.placed[k])
    }
    item_classes = {pod.name: k for k, item_class in enumerate(model.item_classes) for pod in item_class.pods}
    return differences(asked, wanted, item_classes)


def differences(asked: Question, wanted: Mapping[tuple[Group, str], int], groups: Mapping[str, Group]) -> list[Move]:
    """Moves from where the running pods are to so many of each group on each node."""
    left = Counter(dict(wanted))
    homeless: list[str] = []
    for name, home in sorted(asked.homes.items()):
        if left[groups[name], home] > 0:
            left[groups[name], home] -= 1
        else:
            homeless.append(name)
    found: list[Move] = []
    for name in homeless:
        places = sorted(node for (group, node), number in left.items() if group == groups[name] and number > 0)
        if places:
            left[groups[name], places[0]] -= 1
            found.append(Move(pod=name, source=asked.homes[name], target=places[0]))
    return found


# -- an order ----------------------------------------------------------------------------------------------------


def in_order(problem: Problem, moves: list[Move]) -> tuple[Move, ...] | None:
    """The moves in an order in which each passes all filters; None if none was found."""
    tried: set[frozenset[str]] = set()

    def after(current: Problem, left: tuple[Move, ...]) -> tuple[Move, ...] | None:
        if not left:
            return ()
        names = frozenset(move.pod for move in left)
        if names in tried or len(tried) >= _ORDERS:
            return None
        tried.add(names)
        for move in left:
            if _feasible(current, move):
                rest = after(after_moves(current, (move,)), tuple(other for other in left if other != move))
                if rest is not None:
                    return (move, *rest)
        return None

    return after(problem, tuple(moves))


def _feasible(problem: Problem, move: Move) -> bool:
    """Whether the pod could run on its target if it were evicted now."""
    pods = tuple(
        msgspec.structs.replace(pod, node="") if pod.name == move.pod else pod
        for pod in problem.pods
        if pod.node or pod.name == move.pod
    )
    asked = msgspec.structs.replace(problem, pods=pods)
    return not check(asked, Placement(scheduler="moves", bindings=(Binding(pod=move.pod, node=move.target),)))


def after_moves(problem: Problem, moves: tuple[Move, ...]) -> Problem:
    targets = {move.pod: move.target for move in moves}
    return msgspec.structs.replace(
        problem,
        pods=tuple(
            msgspec.structs.replace(pod, node=targets[pod.name]) if pod.name in targets else pod for pod in problem.pods
        ),
    )
