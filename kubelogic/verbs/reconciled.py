"""A cluster after its controllers have done what they can: the common first step of the verbs."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import msgspec
from msgspec.structs import replace

from kubelogic.apiserver.answers import Status
from kubelogic.apiserver.loading import load_state
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.clock import PRESENT
from kubelogic.cluster.extent import check_extent
from kubelogic.cluster.state import State
from kubelogic.explain.asked import asked
from kubelogic.facts.base import uncollected
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.logic import Evaluation, Row, Rulebook, Value
from kubelogic.placement.problem import Problem
from kubelogic.reconcile.functions import FUNCTIONS
from kubelogic.reconcile.relations import WAKING
from kubelogic.reconcile.schedulers import (
    ComparedScheduler,
    KubeScheduler,
    OptimalScheduler,
    Remembering,
    SchedulerName,
    Solve,
    Solver,
    seconds_left,
)
from kubelogic.reconcile.settle import Run, Step, settle
from kubelogic.reconcile.tick import Reconciler
from kubelogic.verbs.arguments import FUNCTION, expect, maybe
from kubelogic.verbs.troubles import TROUBLE

HORIZON = 60_000
"""Milliseconds of simulated time for which verbs look ahead unless told otherwise."""


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How to reconcile.

    Attributes:
        scheduler: ``optimal`` or ``kube``.
        rules: directories of further rules.
        parameters: rule parameters that differ from the built-in ones.
        timeout: seconds for each solve.
        clock: monotonic seconds; without one ``timeout`` has no effect.
        deadline: the moment of that clock at which all looking ends, however many solves there are; None: never.
        horizon: milliseconds of simulated time to look ahead.
        progress: told of every tick in which something happens, and of the state after it.
    """

    scheduler: SchedulerName = "optimal"
    rules: Sequence[Path] = ()
    parameters: Mapping[str, Value] | None = None
    timeout: float = 60.0
    clock: Callable[[], float] | None = None
    deadline: float | None = None
    horizon: int = HORIZON
    progress: Callable[[Step, State], None] | None = None

    def __post_init__(self) -> None:
        """Refuse what no command line would let through.

        Raises:
            TypeError: a value of another type than said.
            ValueError: a scheduler that does not exist, a time below zero or without end.
        """
        if self.scheduler not in get_args(SchedulerName):
            raise ValueError(f"scheduler is one of {', '.join(get_args(SchedulerName))}, not {self.scheduler!r}")
        if isinstance(self.rules, str | bytes) or not isinstance(self.rules, Sequence):
            raise TypeError(f"rules is a sequence of directories, not {self.rules!r}")
        if not all(isinstance(each, str | os.PathLike) for each in self.rules):
            raise TypeError(f"rules is a sequence of directories, not {self.rules!r}")
        if not all(isinstance(each, Path) for each in self.rules):
            msgspec.structs.force_setattr(self, "rules", tuple(map(Path, self.rules)))
        if self.parameters is not None and not isinstance(self.parameters, Mapping):
            raise TypeError(f"parameters is a mapping of names to values, not {self.parameters!r}")
        if not all(isinstance(each, str) for each in self.parameters or ()):
            raise TypeError(f"the names of parameters are texts, not as in {self.parameters!r}")
        if isinstance(self.timeout, bool) or not isinstance(self.timeout, int | float):
            raise TypeError(f"timeout is a number of seconds, not {self.timeout!r}")
        if not 0 < self.timeout < math.inf:
            raise ValueError(f"timeout is a number of seconds above 0, not {self.timeout!r}")
        if isinstance(self.horizon, bool) or not isinstance(self.horizon, int):
            raise TypeError(f"horizon is a whole number of milliseconds, not {self.horizon!r}")
        if self.horizon < 0:
            raise ValueError(f"horizon is a number of milliseconds from 0 on, not {self.horizon!r}")
        if isinstance(self.deadline, bool) or not isinstance(self.deadline, int | float | None):
            raise TypeError(f"deadline is a moment of the clock in seconds, not {self.deadline!r}")
        expect(maybe(FUNCTION), clock=self.clock, progress=self.progress)

    @property
    def judge(self) -> OptimalScheduler:
        """The solver whose ``impossible`` is a proof."""
        return OptimalScheduler(timeout=self.timeout, clock=self.clock, deadline=self.deadline)

    @property
    def left(self) -> float:
        """Seconds for a solve that begins now."""
        return seconds_left(self.timeout, self.clock, self.deadline)

    def over(self) -> bool:
        """Whether the moment has come at which all looking ends."""
        return self.clock is not None and self.deadline is not None and self.clock() > self.deadline

    @property
    def end(self) -> float:
        """The moment of the clock at which a search that begins now ends; 0 without a clock."""
        return self.clock() + self.left if self.clock is not None else 0.0


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """What evaluates ticks, made from options.

    ``compared`` knows what the rival scheduler left out; ``judge`` is the solver whose ``impossible`` is a proof.
    """

    rulebook: Rulebook
    reconciler: Reconciler
    compared: ComparedScheduler
    judge: Remembering

    def relations(self, state: State) -> Evaluation:
        """What the rules derive in a state; cheap after a tick that led there."""
        self.reconciler.advance(state)
        return self.reconciler.relations

    def problem(self, state: State) -> Problem:
        """The placement problem of a state; costs nothing where the last tick asked for it."""
        self.reconciler.advance(state)
        return self.reconciler.problem()

    def troubled(self, state: State) -> frozenset[Row]:
        """What the rules call a trouble in a state in which a run begins; its first tick costs nothing then."""
        if TROUBLE not in self.rulebook.declarations:
            return frozenset()
        with uncollected():
            self.reconciler.advance(state, begins=True)
            return frozenset(self.reconciler.relations.rows(TROUBLE))

    def without_rival(self) -> None:
        """Ask the scheduler that decides alone from now on: for runs of which nobody asks what another would do."""
        if self.reconciler.scheduler is self.compared:
            self.reconciler.scheduler = self.judge


class Reconciled(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a cluster.

    Attributes:
        before: the cluster as it was given.
        begun: the state in which the run began.
        run: what happened.
        engine: what evaluated it, and can evaluate more.
        relations: what the rules derive at the end, for at least what explains pods (``explain.asked``).
        solves: how the joint scheduler answered, problem by problem.
        rival_left: how many pods the one-by-one scheduler would have left out where the joint one placed them.
        rival_unasked: whether that comparison was left out because the problem was too large for it.
        left_out: objects that the API server would not take beside the others, with its answers.
        troubled: what the rules called a trouble before anything happened.
    """

    before: Cluster
    begun: State
    run: Run
    engine: Engine
    relations: Evaluation
    solves: tuple[Solve, ...] = ()
    rival_left: int = 0
    rival_unasked: bool = False
    left_out: tuple[tuple[Object, Status], ...] = ()
    troubled: frozenset[Row] = frozenset()

    @property
    def start(self) -> int:
        """The moment at which the run began, in milliseconds of the simulated clock."""
        return self.begun.now

    @property
    def rulebook(self) -> Rulebook:
        """The rules that were used."""
        return self.engine.rulebook

    @property
    def judge(self) -> Remembering:
        """The solver whose ``impossible`` is a proof; it remembers its last answer, and whom limits left out."""
        return self.engine.judge

    @property
    def cluster(self) -> Cluster:
        """The cluster at the end."""
        return self.run.state.cluster


@contextmanager
def one_by_one(done: Reconciled) -> Iterator[None]:
    """Further runs of an engine, by the one-by-one scheduler; afterwards it is as it was.

    After an interruption it is not: relations may be half changed, and nobody asks them any more.
    """
    reconciler = done.engine.reconciler
    scheduler, interrupted = reconciler.scheduler, False
    reconciler.scheduler = Remembering(solver=KubeScheduler())
    try:
        yield
    except BaseException as error:
        interrupted = not isinstance(error, Exception)
        raise
    finally:
        reconciler.scheduler = scheduler
        if not interrupted:
            reconciler.advance(done.run.state)


def engine(options: Options, rulebook: Rulebook | None = None, *, goals: Sequence[str] = ()) -> Engine:
    """The engine that options ask for.

    Args:
        options: which rules, which scheduler, which limits.
        rulebook: the rules, where they are known already.
        goals: predicates that will be asked for beside those that explain pods, if the rules declare them.

    Raises:
        RuleErrors: if the rules or parameters are faulty.
    """
    expect_options(options)
    book = load_rulebook(options.rules, options.parameters) if rulebook is None else rulebook
    compared, judge, scheduler = _schedulers(options)
    reconciler = Reconciler(book, functions=FUNCTIONS, scheduler=scheduler, goals=(*asked(book), TROUBLE, *goals))
    return Engine(rulebook=book, reconciler=reconciler, compared=compared, judge=judge)


def renewed(made: Engine, options: Options) -> Engine:
    """An engine for another run with the relations of an earlier one, whose results are not read any more.

    Args:
        made: made for the same rules and parameters.
        options: which scheduler, which limits.
    """
    compared, judge, scheduler = _schedulers(options)
    made.reconciler.scheduler = scheduler
    return replace(made, compared=compared, judge=judge)


def _schedulers(options: Options) -> tuple[ComparedScheduler, Remembering, Solver]:
    """Schedulers that have answered nothing yet: those that are compared, the judge, and the one that decides."""
    judge = Remembering(solver=options.judge, clock=options.clock, limit=options.timeout, deadline=options.deadline)
    rival = Remembering(solver=KubeScheduler())
    compared = ComparedScheduler(solver=judge, rival=rival)
    return compared, judge, compared if options.scheduler == "optimal" else rival


def begin(
    cluster: Cluster, rulebook: Rulebook, start: int | None = None
) -> tuple[State, tuple[tuple[Object, Status], ...]]:
    """The state in which nothing has happened yet, and what the API server would not take.

    Everything has passed the chain of admission then; Services have addresses. A CronJob that names no other time is
    made then.

    Raises:
        TooManyPodsError: more pods are asked for than any cluster has.
        TypeError: if it is no cluster.

    Args:
        cluster: as it was read.
        rulebook: the rules of admission.
        start: when the clock starts, in milliseconds since 1970; by itself at the newest moment that the cluster
            mentions, or, if it mentions none, at ``clock.PRESENT``.
    """
    expect_cluster(cluster)
    check_extent(cluster)
    given = State.of(cluster, rules=rulebook)
    now = start if start is not None else given.now or PRESENT
    loaded = load_state(cluster, rules=rulebook, now=now, given=given)
    return loaded.state, loaded.refused


def starting_moment(cluster: Cluster, start: int | None = None) -> int:
    """When the clock starts, in milliseconds since 1970; ``start`` if that is said, else as ``begin`` says."""
    return start if start is not None else State.of(cluster).now or PRESENT


def reconcile(cluster: Cluster, options: Options, made: Engine | None = None, *, of_pods: bool = False) -> Reconciled:
    """Run the control loops on a cluster until they have settled or the horizon is reached.

    Args:
        cluster: desired and observed objects.
        options: how to reconcile.
        made: an engine of these options that has not run yet (see ``renewed``); a new one, if not given.
        of_pods: leave out controllers whose work no pod depends on (``kubelogic.reconcile.unread``), so that nothing
            but pods and their workloads may be read of the result. Without effect on an engine that is given.

    Raises:
        RuleErrors: if the rules or parameters are faulty.
    """
    if made is None and of_pods:
        from kubelogic.reconcile.unread import without_endpoints

        book = load_rulebook(options.rules, options.parameters)
        given = begin(cluster, book)
        made = engine(options, without_endpoints(book, (*asked(book), TROUBLE, *WAKING), given[0].world))
    else:
        made = engine(options) if made is None else made
        given = begin(cluster, made.rulebook)
    start, left_out = given
    troubled = made.troubled(start)
    run = settle(made.reconciler, start, until=start.now + options.horizon, progress=options.progress)
    return Reconciled(
        before=cluster,
        begun=start,
        run=run,
        engine=made,
        relations=made.relations(run.state),
        solves=tuple(made.compared.solves),
        rival_left=len(made.compared.left),
        rival_unasked=made.compared.unasked,
        left_out=left_out,
        troubled=troubled,
    )


def expect_cluster(value: object) -> None:
    """Refuse what is no cluster where one is asked for.

    Raises:
        TypeError: then.
    """
    if not isinstance(value, Cluster):
        raise TypeError(f"a cluster is what load(...) gives, not {type(value).__name__}")


def expect_options(value: object) -> None:
    """Refuse what are no options where they are asked for.

    Raises:
        TypeError: then.
    """
    if not isinstance(value, Options):
        raise TypeError(f"options are an Options(...), not {type(value).__name__}")
