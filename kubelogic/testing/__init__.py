"""Property tests of one's own manifests: strategies, invariants, disturbances, a state machine, and pytest helpers.

Needs Hypothesis (``pip install 'kubelogic[testing]'``) for what generates. Start with ``around(path)``::

    @given(around("k8s/"))
    def test_it_survives(trial):
        trial.check(every_pod_placed(), every_service_has_an_endpoint())

Names are imported when they are first used. Docs: docs/how-to/property-tests.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kubelogic.testing.disturbances import Disturbance, around
    from kubelogic.testing.expectations import Expectation, Expectations, read_expectations
    from kubelogic.testing.machine import ClusterMachine
    from kubelogic.testing.parts import affinities
    from kubelogic.testing.schedulable import assert_schedulable
    from kubelogic.testing.strategies import (
        budgets,
        claims,
        clusters,
        daemonsets,
        deployments,
        jobs,
        manifests,
        nodes,
        pods,
        quantities,
        services,
        statefulsets,
        taints,
        tolerations,
    )
    from kubelogic.testing.trials import InvariantError, Trial, World, world
    from kubelogic.verify.holding import invariant
    from kubelogic.verify.invariants import (
        Invariant,
        budget_respected,
        every_pod_placed,
        every_service_has_an_endpoint,
        named,
        never_fewer_ready_than,
        no_pod_pending_longer_than,
        no_service_interrupted,
        replicas_spread_over,
        rollouts_complete,
    )

__all__ = [
    "ClusterMachine",
    "Disturbance",
    "Expectation",
    "Expectations",
    "Invariant",
    "InvariantError",
    "Trial",
    "World",
    "affinities",
    "around",
    "assert_schedulable",
    "budget_respected",
    "budgets",
    "claims",
    "clusters",
    "daemonsets",
    "deployments",
    "every_pod_placed",
    "every_service_has_an_endpoint",
    "invariant",
    "jobs",
    "manifests",
    "named",
    "never_fewer_ready_than",
    "no_pod_pending_longer_than",
    "no_service_interrupted",
    "nodes",
    "pods",
    "quantities",
    "read_expectations",
    "replicas_spread_over",
    "rollouts_complete",
    "services",
    "statefulsets",
    "taints",
    "tolerations",
    "world",
]

_HOMES = {
    "kubelogic.testing.disturbances": ("Disturbance", "around"),
    "kubelogic.testing.expectations": ("Expectation", "Expectations", "read_expectations"),
    "kubelogic.testing.machine": ("ClusterMachine",),
    "kubelogic.testing.parts": ("affinities",),
    "kubelogic.testing.schedulable": ("assert_schedulable",),
    "kubelogic.testing.strategies": (
        "budgets",
        "claims",
        "clusters",
        "daemonsets",
        "deployments",
        "jobs",
        "manifests",
        "nodes",
        "pods",
        "quantities",
        "services",
        "statefulsets",
        "taints",
        "tolerations",
    ),
    "kubelogic.testing.trials": ("InvariantError", "Trial", "World", "world"),
    "kubelogic.verify.holding": ("invariant",),
    "kubelogic.verify.invariants": (
        "Invariant",
        "budget_respected",
        "every_pod_placed",
        "every_service_has_an_endpoint",
        "named",
        "never_fewer_ready_than",
        "no_pod_pending_longer_than",
        "no_service_interrupted",
        "replicas_spread_over",
        "rollouts_complete",
    ),
}
_WHERE = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    module = _WHERE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        raise ModuleNotFoundError(
            f"{name} needs Hypothesis: pip install 'kubelogic[testing]'", name=error.name
        ) from None
