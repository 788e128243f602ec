"""What every placement keeps to, as z3 constraints that are each in force only under the assumption they come from.

One set of constraints answers for every subset of the assumptions, and a refusal names those that it needs. The
constraints are necessary ones (nobody who could be evicted is counted), so a refusal is a proof; an answer is a hint.
Nodes may be put together in groups, which makes it coarser and faster, or stand each for itself.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import z3

from kubelogic.placement.constraints.every import CONSTRAINTS
from kubelogic.placement.constraints.resources import bound_alone
from kubelogic.placement.optimal.assumed_rows import AssumedRows
from kubelogic.placement.optimal.limits import Deadline
from kubelogic.placement.placement import Assumption
from kubelogic.placement.problem import Problem


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """``core``: assumptions that are refused together; or ``counts`` per shape and node, if nodes stand for themselves.

    Neither: a limit was reached, or the answer is a hint that says nothing about single nodes.
    """

    core: frozenset[Assumption] | None = None
    counts: Mapping[tuple[str, str], int] | None = None


class Assumed:
    """The constraints of a problem under some of its assumptions."""

    def __init__(
        self,
        problem: Problem,
        universe: frozenset[Assumption],
        kept: frozenset[Assumption],
        *,
        fine: bool,
        deadline: Deadline,
    ) -> None:
        """Write down the constraints.

        Args:
            problem: what to place where.
            universe: all assumptions that may be dropped; what is not among them always holds.
            kept: those that may be asked for; the others are dropped for good.
            fine: each node for itself and whole pods, instead of groups of nodes and any amounts.
            deadline: limits for each check.
        """
        self._rows = AssumedRows(problem, universe, kept, fine=fine)
        self._deadline = deadline
        add_all(self._rows)

    def check(self, asked: frozenset[Assumption], *, share: float = 0.2) -> Status:
        """What is known of the problem under ``asked``, which have to be among those kept.

        Takes up to a ``share`` of z3's resource limit.
        """
        rows = self._rows
        rows.solver.set(**self._deadline.options(share))
        literals = {rows.literals[entry].get_id(): entry for entry in asked}
        answer = rows.solver.check(*(rows.literals[entry] for entry in sorted(asked)))
        if answer == z3.unsat:
            return Status(core=frozenset(literals[literal.get_id()] for literal in rows.solver.unsat_core()))
        if answer == z3.sat and rows.fine:
            return Status(counts=rows.counts())
        return Status()


def add_all(rows: AssumedRows, *, whole: bool = True) -> None:
    """Add how many pods there are, where they may go, and what every constraint asks of them.

    ``whole``: all of them are to be placed, as far as that is assumed.
    """
    for name, number in rows.count.items():
        total = rows.sum([name], range(len(rows.groups)))
        rows.solver.add(total <= number)
        rows.under([whole and rows.literal("count", name)], total >= number)
        _reach(rows, name)
    for constraint in CONSTRAINTS:
        constraint.necessary(rows)


def _reach(rows: AssumedRows, name: str) -> None:
    """Where the shape may not go, and how many each node takes of it alone."""
    shape, problem = rows.shapes[name], rows.problem
    for g, members in enumerate(rows.groups):
        node_class = problem.nodes[members[0]].node_class
        usable = [n for n in members if problem.allowed[name].has(problem.nodes[n])]
        if len(usable) < len(members):
            for reason in sorted(rows.denied.get((name, node_class), {"allowed"})):
                bound_alone(rows, shape, g, usable, [rows.literal(reason, name, node_class)])
        bound_alone(rows, shape, g, members, [])
