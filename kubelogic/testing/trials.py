"""A trial: a settled cluster and what happens to it; a run that invariants are held against.

A failing trial prints everything that is needed to see it again: what is broken and when, the manifests, the scenario,
and the command of ``kubelogic simulate`` that runs it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from kubelogic.cluster import Cluster
from kubelogic.cluster.state import State
from kubelogic.reconcile.scenario import Event, later
from kubelogic.reconcile.times import clock
from kubelogic.report.verification import documents_text, scenario_text
from kubelogic.verbs.load import Source, load
from kubelogic.verbs.reconciled import Engine, Options, begin, engine
from kubelogic.verify.demands import VIOLATES
from kubelogic.verify.holding import held
from kubelogic.verify.invariants import Invariant
from kubelogic.verify.settling import come_up
from kubelogic.verify.steps import steps
from kubelogic.verify.watching import Violation, Watched, watch

PATIENCE = 30 * 60_000
"""Milliseconds of simulated time after the last thing that happens."""

_PRINTED = 8
"""So many manifests are printed; more are named by where they were read."""


class InvariantError(AssertionError):
    """An invariant does not hold in a run.

    Attributes:
        violations: what is broken, the first first.
        scenario: the run as a scenario file.
    """

    def __init__(self, message: str, violations: Sequence[Violation] = (), scenario: str = "") -> None:
        self.violations, self.scenario = tuple(violations), scenario
        super().__init__(message, self.violations, scenario)

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(slots=True, eq=False, repr=False, kw_only=True)
class World:
    """A cluster that has settled, and what evaluates what happens to it. Trials of one world share it.

    Attributes:
        given: the cluster as it was given.
        source: where it was read, if from files.
        options: how it is reconciled.
        base: the state in which nothing has happened yet.
        lead: milliseconds that the cluster had to settle until then.
    """

    given: Cluster
    source: str
    options: Options
    base: State
    lead: int
    engine: Engine = field(repr=False)

    def __repr__(self) -> str:
        return f"<World {self.source or self.given!r}>"

    def run(self, events: Sequence[Event], invariants: Sequence[Invariant], *, patience: int = PATIENCE) -> Watched:
        """Let things happen, and hold every state against invariants.

        Args:
            events: what happens, in milliseconds from ``base`` on.
            invariants: what has to hold.
            patience: milliseconds to look ahead after the last of them.
        """
        horizon = _end(events, patience)
        seen = watch(self.engine.reconciler, self.base, events, invariants, horizon=horizon)
        dated = tuple(msgspec.structs.replace(each, time=each.time + self.lead) for each in seen.violations)
        return msgspec.structs.replace(seen, violations=dated)


def _end(events: Sequence[Event], patience: int = PATIENCE) -> int:
    return max((each.at for each in events), default=0) + patience


def world(source: Source | Cluster, options: Options | None = None) -> World:
    """A world: manifests that were read, and let settle.

    Args:
        source: see ``kubelogic.load``; or a cluster.
        options: how to reconcile.

    Raises:
        InputError: with every fault of every file.
        RuleErrors: if the rules or parameters are faulty.
    """
    chosen = options or Options()
    cluster = source if isinstance(source, Cluster) else load(source)
    made = engine(chosen, goals=(VIOLATES,))
    start, _ = begin(cluster, made.rulebook)
    run = come_up(made.reconciler, start, horizon=chosen.horizon)
    made.without_rival()
    named = _named(source)
    lead = run.state.now - start.now
    return World(given=cluster, source=named, options=chosen, base=run.state, lead=lead, engine=made)


def _named(source: object) -> str:
    """The paths of manifests, as they are typed; empty where they are none."""
    several = list(source) if isinstance(source, list | tuple) else [source]
    paths = [str(each) for each in several if isinstance(each, str | os.PathLike) and "\n" not in str(each)]
    return " ".join(paths) if len(paths) == len(several) else ""


class Trial(msgspec.Struct, frozen=True, eq=False):
    """What happens to a world. Hypothesis makes them; ``check`` runs one."""

    world: World
    events: tuple[Event, ...] = ()

    @property
    def cluster(self) -> Cluster:
        """The cluster as it was given."""
        return self.world.given

    @property
    def steps(self) -> tuple[Mapping[str, Any], ...]:
        """What happens, as the steps of a scenario file: after the cluster has settled."""
        return steps(later(each, self.world.lead) for each in self.events)

    @property
    def scenario(self) -> str:
        """What happens, as a scenario file."""
        return scenario_text(self.steps, self.world.lead + _end(self.events))

    @property
    def manifests(self) -> str:
        """The cluster as YAML."""
        return documents_text([msgspec.to_builtins(each.document) for each in self.world.given])

    def __repr__(self) -> str:
        return f"Trial({list(self.steps)!r})"

    def _repr_pretty_(self, printer: Any, cycle: object) -> None:  # noqa: ARG002 - as pretty printers call it
        """How Hypothesis prints an example: what happens, without the world."""
        printer.text(repr(self))

    def run(self, *invariants: Invariant | str) -> Watched:
        """The run, and what it breaks of some invariants (or of those of these names)."""
        return self.world.run(self.events, [held(each) for each in invariants])

    def check(self, *invariants: Invariant | str) -> Watched:
        """Run it.

        Args:
            invariants: what has to hold, or its name; rules of the world that derive ``violates(...)`` count, too.

        Raises:
            InvariantError: if one does not hold.
            UnknownInvariantError: for a name that there is not.
        """
        chosen = [held(each) for each in invariants]
        seen = self.run(*chosen)
        if seen.violations:
            least, seen = self._least(seen, chosen) if _is_printed() else (self, seen)
            raise InvariantError(_told(least, seen.violations), seen.violations, least.scenario)
        return seen

    def _least(self, seen: Watched, invariants: Sequence[Invariant]) -> tuple[Trial, Watched]:
        """Without what is not needed to break the same invariant first, and that run: shrinking ends with the time."""
        least, broken = self, seen.violations[0].invariant
        for each in reversed(self.events):
            fewer = Trial(self.world, tuple(other for other in least.events if other is not each))
            less = fewer.run(*invariants)
            if less.violations and less.violations[0].invariant == broken:
                least, seen = fewer, less
        return least, seen


def _is_printed() -> bool:
    """Whether Hypothesis runs the example that it prints, after it has shrunk it as far as it had time."""
    control = sys.modules.get("hypothesis.control")
    return control is not None and control.currently_in_test_context() and control.current_build_context().is_final


def _told(trial: Trial, violations: Sequence[Violation]) -> str:
    lines = [f"after {clock(each.time)}: {each.message} [{each.invariant}]" for each in violations[:5]]
    if len(violations) > 5:
        lines.append(f"and {len(violations) - 5} more")
    source = trial.world.source
    if source and len(trial.cluster) > _PRINTED:
        lines += ["", f"manifests: {source}"]
    else:
        lines += ["", "# manifests.yaml", trial.manifests.rstrip()]
    lines += ["", "# scenario.yaml", trial.scenario.rstrip()]
    options = trial.world.options
    flags = f" --scheduler {options.scheduler}" if options.scheduler != "optimal" else ""
    flags += "".join(f" --rules {each}" for each in options.rules)
    flags += "".join(f" --set {name}={value}" for name, value in sorted((options.parameters or {}).items()))
    lines += ["", f"run it again: kubelogic simulate {source or 'manifests.yaml'} --scenario scenario.yaml{flags}"]
    return "\n".join(lines)
