"""Relations of a cluster as it stands: facts and what the rules derive from them, for some goals."""

from __future__ import annotations

from collections.abc import Iterable

from kubelogic.cluster import Cluster
from kubelogic.facts import FactBase, modules_for
from kubelogic.logic import Evaluation, Rulebook
from kubelogic.reconcile.functions import FUNCTIONS


def derive(rulebook: Rulebook, cluster: Cluster, goals: Iterable[str]) -> Evaluation:
    """Evaluate what some predicates depend on, over the facts of a cluster.

    Args:
        rulebook: the rules.
        cluster: the objects.
        goals: predicates that will be asked for.
    """
    evaluation = Evaluation(rulebook, FUNCTIONS, goals=sorted(set(goals)))
    delta = FactBase(modules_for(rulebook)).update(cluster)
    evaluation.update(delta.added)
    return evaluation
