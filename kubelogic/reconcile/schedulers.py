"""The two schedulers as a tick calls them. Both get the same placement problem."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

from kubelogic.cluster import Cluster
from kubelogic.placement.placement import Conflict, Placement
from kubelogic.placement.problem import Problem
from kubelogic.placement.room import in_any_order
from kubelogic.text.notices import Notice

SchedulerName = Literal["optimal", "kube"]

COMPARED = 20_000_000
"""Waiting pods times nodes up to which the joint scheduler is compared with the one-by-one one: a second or so."""

_LEAST = 1 / 1000
"""Seconds that a solve has after all time is used up: what takes no search is still answered."""


def seconds_left(timeout: float, clock: Callable[[], float] | None, deadline: float | None) -> float:
    """How long a solve that begins now may take.

    Args:
        timeout: seconds for one solve.
        clock: monotonic seconds; None: nobody looks at the time.
        deadline: the moment of that clock at which all solving ends; None: never.

    >>> seconds_left(60, lambda: 100.0, 130.0)
    30.0
    """
    if clock is None or deadline is None:
        return timeout
    return min(timeout, max(deadline - clock(), _LEAST))


class Solver(Protocol):
    """Answers placement problems."""

    def place(self, given: Problem) -> Placement:
        """The placement of a problem."""


class KubeScheduler(msgspec.Struct, frozen=True, kw_only=True):
    """One pod at a time, as kube-scheduler does it.

    Attributes:
        seed: draws among equally good nodes; None takes the first.
        choice: asked first which of several equally good nodes a pod gets, by their names.
    """

    seed: int | None = None
    choice: Callable[[str, tuple[str, ...]], str | None] | None = None

    def place(self, given: Problem) -> Placement:
        """See ``Solver``."""
        from kubelogic.placement.kube.scheduler import schedule

        return schedule(given, seed=self.seed, choice=self.choice)


class OptimalScheduler(msgspec.Struct, frozen=True, kw_only=True):
    """The joint placement. ``clock`` gives seconds and is needed for ``timeout`` and ``deadline`` to have an effect."""

    timeout: float = 60.0
    clock: Callable[[], float] | None = None
    deadline: float | None = None

    def place(self, given: Problem) -> Placement:
        """See ``Solver``."""
        from kubelogic.placement.optimal.joint import place

        return place(given, timeout=self._seconds(), clock=self.clock)

    def conflict(self, given: Problem, placement: Placement, shape: str) -> Conflict | None:
        """Why pods of a shape that ``placement`` leaves out cannot be placed; None if that is not proved in time."""
        from kubelogic.placement.optimal.limits import Limits
        from kubelogic.placement.optimal.solve import explain

        limits = Limits(timeout=self._seconds())
        return next(iter(explain(given, placement, (shape,), limits=limits, clock=self.clock)), None)

    def _seconds(self) -> float:
        return seconds_left(self.timeout, self.clock, self.deadline)


class Remembering(msgspec.Struct, kw_only=True):
    """A solver that is not asked twice in a row for the same: ticks in which only time passed leave problems equal.

    Attributes:
        solver: answers.
        clock: seconds; with it, ``late`` is kept.
        limit: how many seconds an answer may take.
        deadline: the moment of the clock at which no answer has time left; None: never.
        undecided: the pods that the first answer about them left out because it reached a limit. What it bound instead
            may be what keeps them out later, so a later proof about what is left does not decide on them.
        late: whether an answer reached its time limit.
    """

    solver: Solver
    clock: Callable[[], float] | None = None
    limit: float = 0.0
    deadline: float | None = None
    undecided: set[str] = msgspec.field(default_factory=set)
    late: bool = False
    _proved: set[str] = msgspec.field(default_factory=set)
    _last: tuple[Problem, Placement] | None = None

    def place(self, given: Problem) -> Placement:
        """See ``Solver``."""
        if self._last is None or (self._last[0] is not given and self._last[0] != given):
            start = self.clock() if self.clock is not None else 0.0
            limit = seconds_left(self.limit, self.clock, self.deadline)
            placement = self.solver.place(given)
            if self.clock is not None and self.clock() - start >= limit:
                self.late = True
            for pod in placement.unplaced:
                if pod.verdict != "unknown":
                    self._proved.add(pod.pod)
                elif pod.pod not in self._proved:
                    self.undecided.add(pod.pod)
            self._last = given, placement
        return self._last[1]


class Solve(msgspec.Struct, frozen=True, kw_only=True):
    """One joint placement: how many pods got a node and how many did not, which stage found it, and what proves it.

    ``proof`` is empty where nothing shows that no placement is better.
    """

    placed: int
    left: int
    found: str
    proof: str

    @classmethod
    def of(cls, placement: Placement) -> Solve:
        """What there is to say about a placement."""
        placed, left = len(placement.bindings), len(placement.unplaced)
        return cls(placed=placed, left=left, found=placement.found, proof=placement.proof)


class ComparedScheduler(msgspec.Struct, kw_only=True):
    """A scheduler that is followed, and a rival that is only asked what it would have left out. For one run.

    Attributes:
        solver: decides.
        rival: asked the same problems, if they are small enough.
        limit: the largest number of waiting pods times nodes for which the rival is asked.
        solves: what the solver was asked in this run and how it answered, in order, each problem once.
        left: pods that the solver placed, or made room for, and the rival did not.
        unasked: whether some problem was too large for the rival.
    """

    solver: Solver
    rival: Solver
    limit: int = COMPARED
    solves: list[Solve] = msgspec.field(default_factory=list)
    left: set[str] = msgspec.field(default_factory=set)
    unasked: bool = False

    def place(self, given: Problem) -> Placement:
        """See ``Solver``."""
        placement = self.solver.place(given)
        solve = Solve.of(placement)
        if (solve.placed or solve.left) and solve not in self.solves[-1:]:
            self.solves.append(solve)
        helped = _helped(placement)
        if not helped or in_any_order(given):
            return placement
        if len(given.nodes) * (len(placement.bindings) + len(placement.unplaced)) > self.limit:
            self.unasked = True
        else:
            self.left |= helped - _helped(self.rival.place(given))
        return placement


def _helped(placement: Placement) -> set[str]:
    """The pods that get a node, now or when those are gone who make room."""
    waiting = {pod.pod for pod in placement.unplaced if pod.verdict == "waiting"}
    return waiting | {binding.pod for binding in placement.bindings}


def sampling(nodes: int, shares: Collection[int] = ()) -> tuple[Notice, ...]:
    """What to say about a placement by ``KubeScheduler`` in a cluster of this many nodes.

    Args:
        nodes: how many there are.
        shares: ``percentageOfNodesToScore`` of each profile; none: by the size of the cluster.
    """
    from kubelogic.placement.kube.sampling import wanted

    enough = min(wanted(nodes, share) for share in shares or (0,))
    if enough >= nodes:
        return ()
    message = (
        f"kube-scheduler stops looking after {enough} of {nodes} nodes that fit (percentageOfNodesToScore); "
        "here every node is looked at, so it may choose others"
    )
    return (Notice(code="KL297", message=message),)


def shares_of(cluster: Cluster) -> tuple[int, ...]:
    """``percentageOfNodesToScore`` of each profile of a cluster's scheduler; 0: by the size of the cluster."""
    found: list[int] = []
    for configuration in cluster.objects("KubeSchedulerConfiguration").values():
        everywhere = configuration.document.get("percentageOfNodesToScore") or 0
        profiles: Sequence[Mapping[str, Any]] = configuration.document.get("profiles") or ({},)
        for profile in profiles:
            own = profile.get("percentageOfNodesToScore")
            found.append(everywhere if own is None else own)
    return tuple(found)
