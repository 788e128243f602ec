"""Relations of a cluster as it stands: facts and what the rules derive from them, for some goals."""

from __future__ import annotations

from collections.abc import Iterable

from kubelogic.cluster import Cluster
from kubelogic.facts import FactBase, modules_for
from kubelogic.logic import Evaluation, Rulebook
from kubelogic.reconcile.functions import FUNCTIONS


class Following:
    """Relations of one cluster after the other; what does not change between two of them is not derived again."""

    def __init__(self, rulebook: Rulebook, goals: Iterable[str]) -> None:
        """Start with no cluster.

        Args:
            rulebook: the rules.
            goals: predicates that will be asked for.
        """
        self._facts = FactBase(modules_for(rulebook))
        self._evaluation = Evaluation(rulebook, FUNCTIONS, goals=sorted(set(goals)))

    def of(self, cluster: Cluster) -> Evaluation:
        """What the rules derive for a cluster. The next call changes it."""
        delta = self._facts.update(cluster)
        self._evaluation.update(delta.added, delta.removed)
        return self._evaluation


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
