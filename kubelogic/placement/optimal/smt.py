"""z3's SMT core by itself, so that an answer hangs on the question alone."""

from __future__ import annotations

import z3


def smt_solver(context: z3.Context) -> z3.Solver:
    """A solver in a context of its own.

    The solvers that z3 puts together for a logic give their parts seconds of the clock: their answers would hang on how
    busy the machine is.
    """
    solver = z3.SimpleSolver(ctx=context)
    solver.set("random_seed", 0)
    return solver
