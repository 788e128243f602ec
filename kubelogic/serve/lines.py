"""kube-scheduler's line about a pod that found no node, in a state that goes on changing."""

from __future__ import annotations

from dataclasses import dataclass, field

from kubelogic.cluster.state import State
from kubelogic.explain.filters import goals
from kubelogic.explain.pending import kube_lines
from kubelogic.logic import Rulebook
from kubelogic.reconcile.problem import GOALS, problem
from kubelogic.reconcile.relations import Relations
from kubelogic.reconcile.schedulers import KubeScheduler


@dataclass(slots=True, kw_only=True)
class Lines:
    """Answers for one state after the other; what does not change is not derived again."""

    rulebook: Rulebook
    _relations: Relations | None = field(default=None)

    def __call__(self, state: State, pod: str) -> str:
        """The line about a pod; empty if there is none."""
        if self._relations is None:
            self._relations = Relations(self.rulebook, [*GOALS, *goals(self.rulebook)])
        evaluation = self._relations.advance(state)
        placement = KubeScheduler().place(problem(evaluation))
        if all(each.pod != pod for each in placement.unplaced):
            return ""
        return kube_lines(evaluation, placement)(pod)
