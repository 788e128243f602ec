"""The verbs of the command line as functions over immutable values: no printing, no global state.

``load(source)`` reads manifests (a path, several, text, or mappings) into a ``Cluster``; ``plan(cluster)``,
``explain(cluster, pod)``, ``capacity(cluster, pod)``, ``simulate(cluster, scenario)``, ``check(cluster)``,
``diff(old, new)``, ``query(cluster, atom)`` and ``why(cluster, fact)`` take it from there, with ``Options`` that say
how to reconcile. A ``Session`` has the same verbs and keeps what the next question can use.

Results are values: they compare equal, can be pickled, and print in a line; ``to_dict()`` gives the document that ``-o
json`` prints, ``to_text()`` the text, and a notebook shows them. The same names are found in ``kubelogic`` itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.cluster import Cluster
from kubelogic.logic import RuleErrors
from kubelogic.reconcile.scenario import Scenario
from kubelogic.text import InputError, Notice
from kubelogic.verbs.about import NodeExplanation, ServiceExplanation, WorkloadExplanation, explain_any
from kubelogic.verbs.arguments import TEXT, expect, instance, maybe
from kubelogic.verbs.capacity import Capacity, capacity
from kubelogic.verbs.check import Check, CheckOptions, check
from kubelogic.verbs.checking.findings import Finding
from kubelogic.verbs.diff import Diff, diff
from kubelogic.verbs.explain import Explanation, explain
from kubelogic.verbs.load import load
from kubelogic.verbs.plan import plan
from kubelogic.verbs.query import QueryResult, WhyResult, query, why
from kubelogic.verbs.reconciled import Options, expect_cluster
from kubelogic.verbs.results import Plan
from kubelogic.verbs.scenario_file import read_scenario
from kubelogic.verbs.session import Session as PlainSession
from kubelogic.verbs.shown import Shown
from kubelogic.verbs.simulate import Simulation, SimulationOptions
from kubelogic.verbs.simulate import simulate as run_scenario
from kubelogic.verbs.targets import UnknownPodError
from kubelogic.verify.invariants import Invariant
from kubelogic.verify.question import INVARIANTS
from kubelogic.verify.results import Verification
from kubelogic.verify.verifying import Question
from kubelogic.verify.verifying import verify as answer

Steps = Scenario | str | os.PathLike[str] | Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""What happens when: a scenario, the path of a scenario file, its text (with a line break), or what it holds."""

__all__ = [
    "Capacity",
    "Check",
    "CheckOptions",
    "Cluster",
    "Diff",
    "Explanation",
    "Finding",
    "InputError",
    "NodeExplanation",
    "Options",
    "Plan",
    "QueryResult",
    "RuleErrors",
    "Scenario",
    "ServiceExplanation",
    "Session",
    "Shown",
    "Simulation",
    "SimulationOptions",
    "UnknownPodError",
    "Verification",
    "WhyResult",
    "WorkloadExplanation",
    "capacity",
    "check",
    "diff",
    "explain",
    "explain_any",
    "load",
    "plan",
    "query",
    "scenario",
    "simulate",
    "to_dict",
    "to_text",
    "verify",
    "why",
]


def scenario(steps: Steps, cluster: Cluster | None = None, *, namespace: str = "default") -> Scenario:
    """What happens when, from a scenario file or from what such a file holds.

    Args:
        steps: see ``Steps``; docs/how-to/simulate.md has the words.
        cluster: where it begins, to find out whether the steps mean anything there; None: not to.
        namespace: of objects that name none.

    Raises:
        InputError: with every fault.
        TypeError: if it is none of these.

    >>> scenario([{"at": "30s", "fail": "n1"}]).events[0].at
    30000
    """
    expect(maybe(instance(Cluster, "what load(...) gives")), cluster=cluster)
    expect(TEXT, namespace=namespace)
    match steps:
        case Scenario():
            return steps
        case str() if "\n" in steps:
            return read_scenario("-", namespace=namespace, cluster=cluster, stdin=steps.encode())
        case str() | os.PathLike():
            return read_scenario(os.fspath(steps), namespace=namespace, cluster=cluster)
        case Mapping() | Sequence() if not isinstance(steps, bytes):
            try:
                text = msgspec.json.encode(steps)
            except (TypeError, ValueError) as error:
                raise TypeError(f"a step is no JSON: {error}") from error
            return read_scenario("-", namespace=namespace, cluster=cluster, stdin=text)
    raise TypeError(f"a scenario is a path, text, a mapping or a list of steps, not {type(steps).__name__}")


def simulate(
    cluster: Cluster,
    steps: Steps = (),
    how: SimulationOptions | Options | None = None,
    *,
    notices: Sequence[Notice] = (),
) -> Simulation:
    """Run the control plane over a cluster while things happen to it.

    Args:
        cluster: desired and observed objects at time 0.
        steps: see ``Steps``; nothing: let it settle.
        how: see ``SimulationOptions``.
        notices: what reading the cluster had to say; they go into the result.

    Raises:
        InputError: with every fault of the scenario.
        RuleErrors: if the rules or parameters are faulty.
    """
    expect_cluster(cluster)
    chosen = SimulationOptions(options=how) if isinstance(how, Options) else how
    chosen = SimulationOptions() if chosen is None else chosen
    return run_scenario(cluster, scenario(steps, cluster), chosen, notices=notices)


def verify(
    cluster: Cluster,
    options: Options | None = None,
    *,
    survive: str = "",
    during_rollout: str = "",
    drain_all: bool = False,
    any_order: bool = False,
    invariants: Iterable[str | os.PathLike[str] | Invariant] = (),
    extra_nodes: int = 0,
    limit: float = 0.0,
) -> Verification:
    """Whether something holds whatever happens to a cluster; the shortest run where it does not.

    Args:
        cluster: desired and observed objects.
        options: how to reconcile; its clock lets ``limit`` work.
        survive: what may fail at once: ``node:1``, ``node:2``, ``zone:1``, ``label:KEY``.
        during_rollout: a workload that is rolled out anew meanwhile, such as ``deploy/web``.
        drain_all: whether there is an order in which every node can be drained.
        any_order: whether all pods get a place in whatever order they come.
        invariants: names (``kubelogic.verify.invariants.NAMED``), rule files that derive ``violates(...)``, or
            invariants.
        extra_nodes: so many more nodes of each type are there.
        limit: seconds for the whole question.

    Raises:
        ValueError: if the question makes no sense, or names an invariant that there is not.
        UnknownPodError: if there is no such workload.
        RuleErrors: if rules or parameters are faulty.
    """
    question = Question(
        survive=survive,
        during_rollout=during_rollout,
        drain_all=drain_all,
        any_order=any_order,
        invariants=_names(invariants),
        extra_nodes=extra_nodes,
        limit=limit,
    )
    return answer(cluster, question, Options() if options is None else options)


def _names(invariants: Iterable[str | os.PathLike[str] | Invariant]) -> tuple[str | Invariant, ...]:
    expect(INVARIANTS, invariants=invariants)
    found = tuple(invariants)
    expect(INVARIANTS, invariants=found)
    return tuple(each if isinstance(each, Invariant) else os.fspath(each) for each in found)


class Session(PlainSession):
    """Answers one question after the other, with one set of options, and keeps what the next question can use.

    The answers are those of the functions of this module. A session belongs to one thread: it changes what it keeps.

    >>> session = Session()
    >>> session.plan(load({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "oak"}}))
    <Plan: 0 placed; settled after 2 ticks>
    """

    def simulate(
        self,
        cluster: Cluster,
        steps: Steps | None = None,
        *,
        start: int | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Simulation:
        """See ``simulate``."""
        expect_cluster(cluster)
        found = scenario(() if steps is None else steps, cluster)
        return super().simulate(cluster, found, start=start, progress=progress)

    def verify(
        self,
        cluster: Cluster,
        *,
        survive: str = "",
        during_rollout: str = "",
        drain_all: bool = False,
        any_order: bool = False,
        invariants: Iterable[str | os.PathLike[str] | Invariant] = (),
        extra_nodes: int = 0,
        limit: float = 0.0,
    ) -> Verification:
        """See ``verify``. It keeps nothing."""
        return verify(
            cluster,
            self.options,
            survive=survive,
            during_rollout=during_rollout,
            drain_all=drain_all,
            any_order=any_order,
            invariants=invariants,
            extra_nodes=extra_nodes,
            limit=limit,
        )


def to_dict(result: Shown) -> dict[str, Any]:
    """The JSON document of a result; ``result.to_dict()`` is the same."""
    return _shown(result).to_dict()


def to_text(result: Shown) -> str:
    """The text of a result; ``result.to_text()`` is the same."""
    return _shown(result).to_text()


def _shown(result: Shown) -> Shown:
    if not isinstance(result, Shown):
        raise TypeError(f"what a function of kubelogic.api returned is needed, not {result!r}")
    return result
