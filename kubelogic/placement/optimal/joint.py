"""The joint scheduler as a whole: groups around devices around everything else."""

from __future__ import annotations

from kubelogic.placement.optimal.limits import Clock, Limits
from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.placement import Placement
from kubelogic.placement.problem import Problem


def place(problem: Problem, *, timeout: float = 60.0, clock: Clock | None = None) -> Placement:
    """Place as many of the waiting pods as possible, by priority: groups whole, claims on devices with devices.

    Args:
        problem: what to place where.
        timeout: seconds until the best that is in hand is the answer; without a clock it has no effect.
        clock: seconds from any origin, monotonic.

    Returns:
        A placement that ``check`` accepts.
    """
    start = clock() if clock is not None else 0.0

    def left() -> float:
        return timeout - (clock() - start) if clock is not None else timeout

    def late() -> bool:
        return left() <= 0

    def plain(given: Problem) -> Placement:
        return solve(given, limits=Limits(timeout=max(left(), 0.0)), clock=clock)

    def whole(given: Problem) -> Placement:
        if not given.groups:
            return plain(given)
        from kubelogic.placement.optimal import groups

        return groups.place(given, plain, late=late) if groups.asks(given) else plain(given)

    if problem.devices is None:
        return whole(problem)
    from kubelogic.placement.optimal import devices

    return devices.place(problem, whole, late=late) if devices.asks(problem) else whole(problem)
