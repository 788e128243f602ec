"""The two schedulers as a tick calls them. Both read the same placement problem."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kubelogic.cluster import Cluster
from kubelogic.logic import Evaluation
from kubelogic.placement.placement import Placement
from kubelogic.reconcile.problem import problem


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeScheduler:
    """One pod at a time, as kube-scheduler does it. ``seed`` draws among equally good nodes; None takes the first."""

    seed: int | None = None

    def __call__(self, relations: Evaluation, cluster: Cluster) -> Placement:  # noqa: ARG002
        """See ``kubelogic.reconcile.tick.Scheduler``."""
        from kubelogic.placement.kube import schedule

        return schedule(problem(relations), seed=self.seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimalScheduler:
    """The joint placement. ``clock`` gives seconds and is needed for ``timeout`` to have an effect."""

    timeout: float = 60.0
    clock: Callable[[], float] | None = None

    def __call__(self, relations: Evaluation, cluster: Cluster) -> Placement:  # noqa: ARG002
        """See ``kubelogic.reconcile.tick.Scheduler``."""
        from kubelogic.placement.optimal.solve import Limits, solve

        return solve(problem(relations), limits=Limits(timeout=self.timeout), clock=self.clock)
