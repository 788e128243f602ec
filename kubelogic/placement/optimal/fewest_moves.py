"""The fewest moves that make room: z3 counts pods per shape and node, for clusters that are small enough."""

from __future__ import annotations

from collections import Counter

import z3

from kubelogic.placement.check import check
from kubelogic.placement.optimal.assumed import add_all
from kubelogic.placement.optimal.assumed_rows import AssumedRows
from kubelogic.placement.optimal.compile import compile_problem
from kubelogic.placement.optimal.limits import Deadline
from kubelogic.placement.optimal.moves import Moves, Question, after_moves, differences, in_order, number_left
from kubelogic.placement.optimal.pack import insert
from kubelogic.placement.optimal.replay import replay
from kubelogic.placement.optimal.result import result
from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.placement import Placement
from kubelogic.placement.problem import Problem

_CELLS = 3_000
"""Shapes times nodes up to which the fewest moves are sought node by node."""
_TRIES = 4
"""Answers that could not be put in order, after which the search for the fewest moves ends."""


def fewest(asked: Question, known: Moves | None, deadline: Deadline, *, first: int) -> tuple[Moves | None, int]:
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


def _refused(asked: Question, deadline: Deadline) -> bool:
    """Whether nodes put together in groups already prove that no moves place everything."""
    rows = AssumedRows(asked.loose, frozenset(), frozenset(), fine=False)
    add_all(rows)
    rows.solver.set(**deadline.options(0.2))
    return bool(rows.solver.check() == z3.unsat)


class _Counts:
    """Counts of pods per shape and node, as integers in z3, with a limit on how many leave their node."""

    def __init__(self, asked: Question, deadline: Deadline) -> None:
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
            self._wanted = self._rows.counts()
        solver.pop()
        return bool(answer == z3.unsat)

    def plan(self) -> Moves | None:
        """The moves of the last answer, if there is an order for them after which everything is placed."""
        moves = in_order(self._asked.problem, differences(self._asked, self._wanted, self._shapes))
        if not self._wanted or moves is None:
            return None
        moved = after_moves(self._asked.problem, moves)
        after = solve(moved, limits=self._asked.limits, clock=self._asked.clock)
        if number_left(after):
            after = self._laid_out(moved)
        return (
            None if number_left(after) or check(moved, after) else Moves(verdict="enough", moves=moves, placement=after)
        )

    def _laid_out(self, moved: Problem) -> Placement:
        """The waiting pods where the last answer has them."""
        model = compile_problem(moved)
        running = Counter((pod.shape, pod.node) for pod in moved.pods if pod.name in self._asked.homes)
        fresh = {pair: max(number - running[pair], 0) for pair, number in self._wanted.items()}
        state = replay(model, model.cells(fresh))
        insert(state)
        return result(model, state, most={}, conflicts=(), statistics={})
