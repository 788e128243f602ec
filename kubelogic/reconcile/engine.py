"""The reconciler as every command uses it: built-in rules, their functions, and a scheduler by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

from kubelogic.logic import Rulebook
from kubelogic.reconcile.functions import FUNCTIONS
from kubelogic.reconcile.problem import GOALS
from kubelogic.reconcile.schedulers import KubeScheduler, OptimalScheduler
from kubelogic.reconcile.tick import Reconciler

SchedulerName = Literal["kube", "optimal"]


def reconciler(
    rulebook: Rulebook,
    *,
    scheduler: SchedulerName = "optimal",
    timeout: float = 60.0,
    seed: int | None = None,
    choice: Callable[[str, tuple[str, ...]], str | None] | None = None,
    goals: Iterable[str] = (),
) -> Reconciler:
    """A reconciler for a rulebook.

    Args:
        rulebook: the built-in rules, perhaps with those of users.
        scheduler: which scheduler places pods.
        timeout: seconds that the optimal scheduler may take for one placement.
        seed: draws among nodes that are equally good to ``kube``; None takes the first by name.
        choice: asked first which of several nodes that are equally good to ``kube`` a pod gets, by their names.
        goals: predicates that will be asked for beside those that ticks and placement need.
    """
    chosen = KubeScheduler(seed=seed, choice=choice) if scheduler == "kube" else OptimalScheduler(timeout=timeout)
    return Reconciler(rulebook, functions=FUNCTIONS, scheduler=chosen, goals=(*GOALS, *goals))
