"""Simulate: a cluster through a scenario of failures, drains and changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from kubelogic.cluster import Cluster
from kubelogic.reconcile.scenario import Scenario
from kubelogic.reconcile.settle import Run
from kubelogic.reconcile.simulate import Simulated
from kubelogic.reconcile.simulate import simulate as run_scenario
from kubelogic.text import Notice
from kubelogic.verbs.plan import describe
from kubelogic.verbs.reconciled import Engine, Options, Reconciled, begin, engine
from kubelogic.verbs.results import Plan
from kubelogic.verbs.shown import Shown


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Simulation(Shown):
    """What a scenario came to: ``run`` says what happened, ``final`` where everything is at the end."""

    run: Simulated
    final: Plan

    def __repr__(self) -> str:
        return f"<Simulation: at the end {self.final!r}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationOptions:
    """How to simulate.

    Attributes:
        options: which scheduler, rules and parameters. Their horizon does not count: the scenario's does.
        start: when the clock starts, in milliseconds since 1970; None: see ``reconciled.begin``.
        max_ticks: ticks after which a stretch without events gives up.
        progress: told the simulated time that is reached, in milliseconds.
    """

    options: Options = field(default_factory=Options)
    max_ticks: int = 100_000
    start: int | None = None
    progress: Callable[[int], None] | None = None


def simulate(
    cluster: Cluster,
    scenario: Scenario,
    how: SimulationOptions,
    *,
    notices: Sequence[Notice] = (),
    made: Engine | None = None,
) -> Simulation:
    """Run the control plane over a cluster while things happen to it.

    Args:
        cluster: desired and observed objects at time 0.
        scenario: what happens when, and how long to look ahead.
        how: see ``SimulationOptions``.
        notices: what reading the cluster had to say; they go into the result.
        made: an engine of these options that has not run yet; a new one, if not given.

    Raises:
        RuleErrors: if the rules or parameters are faulty.
    """
    made = engine(how.options) if made is None else made
    start, left_out = begin(cluster, made.rulebook, how.start)
    run = run_scenario(made.reconciler, start, scenario, max_ticks=how.max_ticks, progress=how.progress)
    settled = Run(state=run.state, steps=(), settled=run.settled, ticks=run.ticks, refusals=run.refusals)
    done = Reconciled(
        rulebook=made.rulebook,
        before=cluster,
        start=start.now,
        run=settled,
        engine=made,
        relations=made.relations(run.state),
        judge=made.judge,
        left_out=left_out,
    )
    return Simulation(run=run, final=describe(done, how.options, notices=notices))
