"""Which running pods to move elsewhere, one at a time, so that all waiting pods fit: as few as possible."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Literal, TypeVar

import msgspec
import numpy as np
import z3

from kubelogic.placement.check import check
from kubelogic.placement.optimal.assumed import add_all
from kubelogic.placement.optimal.assumed_rows import AssumedRows
from kubelogic.placement.optimal.compile import compile_problem
from kubelogic.placement.optimal.improve import improve_kind
from kubelogic.placement.optimal.limits import Clock, Deadline, Limits
from kubelogic.placement.optimal.pack import insert
from kubelogic.placement.optimal.replay import replay
from kubelogic.placement.optimal.result import result
from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.optimal.state import State
from kubelogic.placement.placement import Binding, Placement
from kubelogic.placement.problem import Affinity, Node, Problem, Spread

Verdict = Literal["enough", "too_few", "impossible", "unknown"]

_CELLS = 3_000
"""Shapes times nodes up to which the fewest moves are sought node by node."""
_ORDERS = 2_000
"""Sets of moves already made that are tried at most, to find an order."""
_TRIES = 4
"""Answers that could not be put in order, after which the search for the fewest moves ends."""
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


class _Question(msgspec.Struct, frozen=True, kw_only=True):
    """``problem`` evicts nobody; in ``loose`` the pods that may move wait, too; ``homes`` has their nodes."""

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
    if not _left(now):
        return Moves(verdict="enough", moves=(), placement=now)
    chains = _chains(asked, most=len(asked.homes), deadline=deadline)
    known = chains if chains is not None and not _left(chains.placement) else None
    proved = any(entry.verdict == "impossible" for entry in now.unplaced)
    found, least = _fewest(asked, known, deadline, first=int(proved))
    if found is not None:
        return msgspec.structs.replace(found, verdict="enough" if len(found.moves) <= most else "too_few", least=least)
    partial = _chains(asked, most=most, deadline=deadline)
    if partial is None or _left(partial.placement) >= _left(now):
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


def _question(problem: Problem, limits: Limits, clock: Clock | None) -> _Question:
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
    return _Question(problem=calm, loose=loose, homes=homes, limits=limits, clock=clock)


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


def _left(placement: Placement) -> int:
    """How many pods stay out for good."""
    return sum(entry.verdict != "waiting" for entry in placement.unplaced)


# -- by chains: quick, for clusters of any size ----------------------------------------------------------------------


def _chains(asked: _Question, *, most: int, deadline: Deadline) -> Moves | None:
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
            planned = _ordered(asked.problem, _of_state(asked, ahead)) if ahead.left[k] < state.left[k] else None
            if planned is None or len(planned) > most:
                break
            state, moves = ahead, planned
    if not moves:
        return None
    after = solve(_moved(asked.problem, moves), limits=asked.limits, clock=asked.clock)
    return Moves(verdict="unknown", moves=moves, placement=after)


def _of_state(asked: _Question, state: State) -> list[Move]:
    """The fewest moves that lead from where the running pods are to what ``state`` has."""
    model = state.model
    wanted = {
        (k, model.nodes[int(n)].name): int(state.placed[k, n])
        for k in range(len(model.item_classes))
        for n in np.flatnonzero(state.placed[k])
    }
    item_classes = {pod.name: k for k, item_class in enumerate(model.item_classes) for pod in item_class.pods}
    return _differences(asked, wanted, item_classes)


def _differences(asked: _Question, wanted: Mapping[tuple[Group, str], int], groups: Mapping[str, Group]) -> list[Move]:
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


# -- the fewest: node by node, for clusters that are small enough ------------------------------------------------


def _fewest(asked: _Question, known: Moves | None, deadline: Deadline, *, first: int) -> tuple[Moves | None, int]:
    """As few moves as place everything, ``known`` being some, and how many are needed at least: ``first`` or more.

    More than all pods that may move: no moves do.
    """
    never = len(asked.homes) + 1
    if _refused(asked, deadline):
        return None, never
    shapes = {pod.shape for pod in asked.loose.pods if not pod.node}
    if len(shapes) * len(asked.loose.nodes) > _CELLS:
        return known, first
    counts = _Counts(asked, deadline)
    if counts.refused(len(asked.homes)):
        return None, never
    least, tries = first, 0
    for number in range(first, len(known.moves) if known else never):
        if deadline() or tries == _TRIES:
            return known, least
        if counts.refused(number):
            least = number + 1
            continue
        tries += 1
        found = counts.plan()
        if found is not None:
            return found, least
    return known, least


def _refused(asked: _Question, deadline: Deadline) -> bool:
    """Whether nodes put together in groups already prove that no moves place everything."""
    rows = AssumedRows(asked.loose, frozenset(), frozenset(), fine=False)
    add_all(rows)
    rows.solver.set(**deadline.options(0.2))
    return bool(rows.solver.check() == z3.unsat)


class _Counts:
    """Counts of pods per shape and node, as integers in z3, with a limit on how many leave their node."""

    def __init__(self, asked: _Question, deadline: Deadline) -> None:
        self._asked, self._deadline = asked, deadline
        self._rows = rows = AssumedRows(asked.loose, frozenset(), frozenset(), fine=True)
        add_all(rows)
        self._shapes = {pod.name: pod.shape for pod in asked.loose.pods}
        index = {node.name: n for n, node in enumerate(asked.loose.nodes)}
        leaving: list[z3.ArithRef] = []
        there = Counter((self._shapes[name], home) for name, home in asked.homes.items())
        for (shape, home), number in sorted(there.items()):
            gone = rows.number(f"gone {shape} {home}")
            rows.solver.add(gone >= number - rows.x[shape, index[home]])
            leaving.append(gone)
        self._leaving = z3.Sum(leaving) if leaving else z3.IntVal(0, rows.context)
        self._wanted: dict[tuple[str, str], int] = {}

    def refused(self, number: int) -> bool:
        """Whether so many moves do not do, for sure; if not, ``plan`` may have some that do."""
        solver = self._rows.solver
        solver.set(**self._deadline.options(0.5))
        solver.push()
        solver.add(self._leaving <= number)
        answer = solver.check()
        self._wanted = {}
        if answer == z3.sat:
            model, nodes = solver.model(), self._asked.loose.nodes
            self._wanted = {
                (shape, nodes[g].name): model.eval(x, model_completion=True).as_long()
                for (shape, g), x in self._rows.x.items()
            }
        solver.pop()
        return bool(answer == z3.unsat)

    def plan(self) -> Moves | None:
        """The moves of the last answer, if there is an order for them after which everything is placed."""
        moves = _ordered(self._asked.problem, _differences(self._asked, self._wanted, self._shapes))
        if not self._wanted or moves is None:
            return None
        moved = _moved(self._asked.problem, moves)
        after = solve(moved, limits=self._asked.limits, clock=self._asked.clock)
        if _left(after):
            after = self._laid_out(moved)
        return None if _left(after) or check(moved, after) else Moves(verdict="enough", moves=moves, placement=after)

    def _laid_out(self, moved: Problem) -> Placement:
        """The waiting pods where the last answer has them."""
        model = compile_problem(moved)
        running = Counter((pod.shape, pod.node) for pod in moved.pods if pod.name in self._asked.homes)
        cells = np.zeros((len(model.item_classes), len(model.nodes)), dtype=np.int64)
        for k, item_class in enumerate(model.item_classes):
            names = {model.shapes[i].name for i in item_class.shapes}
            for (shape, node), number in self._wanted.items():
                if shape in names:
                    cells[k, model.node_index[node]] += max(number - running[shape, node], 0)
        state = replay(model, cells)
        insert(state)
        return result(model, state, most={}, conflicts=(), statistics={})


# -- an order ----------------------------------------------------------------------------------------------------


def _ordered(problem: Problem, moves: list[Move]) -> tuple[Move, ...] | None:
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
                rest = after(_moved(current, (move,)), tuple(other for other in left if other != move))
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


def _moved(problem: Problem, moves: tuple[Move, ...]) -> Problem:
    targets = {move.pod: move.target for move in moves}
    return msgspec.structs.replace(
        problem,
        pods=tuple(
            msgspec.structs.replace(pod, node=targets[pod.name]) if pod.name in targets else pod for pod in problem.pods
        ),
    )
