"""Simulate: a cluster through a scenario of failures, drains and changes."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence

import msgspec
from msgspec.structs import replace

from kubelogic.apiserver.registry.eviction import budgets_of
from kubelogic.cluster import Cluster
from kubelogic.reconcile.components import SCHEDULER, without
from kubelogic.reconcile.drains import meant
from kubelogic.reconcile.expectations import told
from kubelogic.reconcile.functions import FUNCTIONS
from kubelogic.reconcile.scenario import Drain, Scenario
from kubelogic.reconcile.settle import Run, Ticker
from kubelogic.reconcile.simulate import Simulated
from kubelogic.reconcile.simulate import simulate as run_scenario
from kubelogic.reconcile.tick import Reconciler
from kubelogic.text import Location, Notice
from kubelogic.verbs.arguments import COUNT, FUNCTION, TEXT, expect, instance, maybe
from kubelogic.verbs.blocked import blocked
from kubelogic.verbs.plan import describe
from kubelogic.verbs.reconciled import Engine, Options, Reconciled, begin, engine
from kubelogic.verbs.results import Plan
from kubelogic.verbs.rollout_words import resting
from kubelogic.verbs.scenario_fields import kind_named
from kubelogic.verbs.shown import Shown
from kubelogic.verbs.targets import Target, UnknownPodError, find


class NotWell(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not well at the end.

    Attributes:
        kind: kind of the object; ``Expectation``, ``Step``, ``Drain`` or ``Component`` for what a scenario does.
        key: its key; where an expectation stands, when a step was.
        reason: in a word, as events and conditions have it; empty if there is none.
        message: what is wrong.
        location: where it stands, if anywhere.
    """

    kind: str
    key: str
    reason: str
    message: str
    location: Location | None


class Simulation(Shown, msgspec.Struct, frozen=True, kw_only=True):
    """What a scenario came to.

    Attributes:
        run: what happened.
        final: where everything is at the end.
        not_well: everything that is not well at the end, in one list.
        about: the object whose part of the timeline is wanted; None: all of it.
    """

    run: Simulated
    final: Plan
    not_well: tuple[NotWell, ...] = ()
    about: Target | None = None

    def __repr__(self) -> str:
        return f"<Simulation: at the end {self.final!r}>"


class SimulationOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How to simulate.

    Attributes:
        options: which scheduler, rules and parameters. Their horizon does not count: the scenario's does.
        start: when the clock starts, in milliseconds since 1970; None: see ``reconciled.begin``.
        max_ticks: ticks after which a stretch without events gives up.
        progress: told the simulated time that is reached, in milliseconds.
        about: an object, as ``explain`` takes it (``deployment/web``): the timeline is shown as far as it is about it.
        namespace: of ``about``, where it names none.
    """

    options: Options = msgspec.field(default_factory=Options)
    max_ticks: int = 100_000
    start: int | None = None
    progress: Callable[[int], None] | None = None
    about: str = ""
    namespace: str = "default"

    def __post_init__(self) -> None:
        """Refuse what no command line would let through.

        Raises:
            TypeError: a value of another type than said.
            ValueError: a number below zero.
        """
        expect(instance(Options, "an Options(...)"), options=self.options)
        expect(COUNT, max_ticks=self.max_ticks)
        expect(maybe(COUNT), start=self.start)
        expect(maybe(FUNCTION), progress=self.progress)
        expect(TEXT, about=self.about, namespace=self.namespace)


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
        TypeError: an argument of another type.
        UnknownPodError: if the timeline is to be about an object that is nowhere.
    """
    expect(instance(SimulationOptions, "a SimulationOptions(...)"), how=how)
    expect(instance(Scenario, "what scenario(...) gives"), scenario=scenario)
    made = engine(how.options) if made is None else made
    start, left_out = begin(cluster, made.rulebook, how.start)
    troubled = made.troubled(start)
    run = run_scenario(
        made.reconciler,
        start,
        scenario,
        max_ticks=how.max_ticks,
        progress=how.progress,
        rebuild=rebuilder(made),
        enough=how.options.over,
    )
    settled = Run(state=run.state, steps=(), settled=run.settled, ticks=run.ticks, refusals=run.refusals)
    done = Reconciled(
        before=cluster,
        begun=start,
        run=settled,
        engine=made,
        relations=made.relations(run.state),
        left_out=left_out,
        troubled=troubled,
    )
    final = describe(done, how.options, notices=notices)
    unsure = dict(_unsure_drains(run))
    final = replace(final, unknown=(*final.unknown, *unsure.values()), remarks=(*unsure.values(), *final.remarks))
    about = _about(cluster, run, how) if how.about else None
    run = replace(run, remarks=(*run.remarks, *resting(done.cluster)))
    return Simulation(run=run, final=final, not_well=not_well(run, final, unsure), about=about)


def rebuilder(made: Engine) -> Callable[[frozenset[str]], Ticker]:
    """Gives the engine without the components that are down; each is made once."""
    known: dict[frozenset[str], Ticker] = {frozenset(): made.reconciler}

    def rebuild(down: frozenset[str]) -> Ticker:
        if down not in known:
            known[down] = Reconciler(
                without(made.rulebook, down),
                functions=FUNCTIONS,
                scheduler=None if SCHEDULER in down else made.reconciler.scheduler,
            )
        return known[down]

    return rebuild


def _unsure_drains(run: Simulated) -> Iterator[tuple[str, str]]:
    """The nodes of which is not known whether their drains end, each with a sentence: only the cluster knows what the
    budgets of the pods that are left go by."""
    state = run.state
    for each in run.ailments:
        if each.kind == "Drain":
            chosen, _ = meant(Drain(node=each.key, force=True, delete_empty_dir=True), state)
            pods = state.cluster.objects("Pod")
            left = [blocked(state, key) for key, _ in chosen if budgets_of(state.cluster, pods[key])]
            if left and all(found.unsure for found in left):
                why = "; ".join(dict.fromkeys(found.why for found in left))
                yield each.key, f"Whether the drain of node {each.key} ends is not known: {why}."


def not_well(run: Simulated, final: Plan, unsure: Container[str] = ()) -> tuple[NotWell, ...]:
    """Everything that is not well at the end: what was not as expected, steps, drains, and then objects.

    Args:
        run: what happened.
        final: what is said of the end.
        unsure: nodes of which is not known whether their drains end.
    """
    broken = [
        NotWell(
            kind="Expectation",
            key=str(each.expectation.location or ""),
            reason="",
            message=told(each),
            location=each.expectation.location,
        )
        for each in run.expected
        if not each.held and (each.reached or run.given_up is None)
    ]
    known = {(each.kind, each.key) for each in final.troubles}
    found = [
        NotWell(kind=each.kind, key=each.key, reason="", message=each.message, location=each.location)
        for each in run.ailments
        if (each.kind, each.key) not in known and not (each.kind == "Drain" and each.key in unsure)
    ]
    done = [each for each in found if each.kind in _DONE]
    objects = [each for each in found if each.kind not in _DONE]
    objects += [
        NotWell(kind=each.kind, key=each.key, reason=each.reason, message=each.message, location=each.location)
        for each in final.troubles
    ]
    return (*broken, *done, *sorted(objects, key=lambda each: (each.kind, each.key, each.reason, each.message)))


_DONE = ("Step", "Drain", "Component")
"""What a scenario does, as against objects of the cluster."""


def _about(cluster: Cluster, run: Simulated, how: SimulationOptions) -> Target:
    """The object that is meant, of whatever kind: of the end, else of the beginning."""
    prefix, slash, name = how.about.partition("/")
    kind = kind_named(prefix) if slash else ""
    for key in (f"{how.namespace}/{name}", name):
        if any(each.get(kind, key) is not None for each in (run.state.cluster, cluster)):
            return Target(kind=kind, key=key)
    try:
        return find(run.state.cluster, how.about, how.namespace)
    except UnknownPodError:
        return find(cluster, how.about, how.namespace)
