"""Whether pods that wait fit if running pods move: asked by plan and explain alike, so that they say the same."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from kubelogic.cluster import Cluster
from kubelogic.cluster.owners import workload
from kubelogic.logic import Rulebook
from kubelogic.placement.placement import Placement
from kubelogic.placement.problem import Problem, Shape
from kubelogic.verbs.reconciled import Options

if TYPE_CHECKING:
    from kubelogic.verbs.moves import MovePlan

MOST_MOVES = 10
"""Moves of running pods that are few enough to be called room."""

REPACKED = 20_000
"""Clusters with more pods than this are not packed anew to see whether moving pods would help."""


class Movable(msgspec.Struct, kw_only=True):
    """Moves that make room for the pods of a workload, beside all others that can be placed. Each is looked for once.

    Attributes:
        cluster: as it stands.
        given: its placement problem.
        placement: the judging solver's answer to it.
        options: limits.
        rulebook: the rules.
    """

    cluster: Cluster
    given: Problem
    placement: Placement
    options: Options
    rulebook: Rulebook
    _known: dict[str, MovePlan | None] = msgspec.field(default_factory=dict)
    _spare: Mapping[str, int] | None = None

    def of(self, owner: str, shapes: frozenset[str]) -> MovePlan | None:
        """The moves for a workload; None if so few do not help, or none were found.

        Args:
            owner: the workload.
            shapes: the problem's names for the shapes of its waiting pods.
        """
        if owner not in self._known:
            self._known[owner] = self._find(owner) if self._may_help(shapes) else None
        return self._known[owner]

    def _may_help(self, shapes: frozenset[str]) -> bool:
        """Whether there is enough in all: moves leave what is requested on all nodes together as it is."""
        if len(self.given.pods) > REPACKED:
            return False
        if self._spare is None:
            self._spare = _spare(self.given)
        mine = [shape for shape in self.given.shapes if shape.name in shapes]
        return all(
            amount <= self._spare.get(resource, 0)
            for shape in mine
            for resource, amount in shape.requests.items()
            if amount
        ) and all(self._has_node(shape) for shape in mine)

    def _has_node(self, shape: Shape) -> bool:
        """Whether some node that the shape may use would hold a pod of it, were the node empty."""
        reach = self.given.allowed[shape.name]
        return any(
            reach.has(node)
            and all(
                amount <= node.allocatable.get(resource, 0)
                for resource, amount in shape.requests.items()
                if amount and resource not in shape.unchecked
            )
            for node in self.given.nodes
        )

    def _find(self, owner: str) -> MovePlan | None:
        from kubelogic.verbs.moves import plan_moves

        ignored = {
            each.pod
            for each in self.placement.unplaced
            if (obj := self.cluster.get("Pod", each.pod)) is None or workload(self.cluster, obj) != owner
        }
        found = plan_moves(
            self.cluster, self.given, self.options, rulebook=self.rulebook, most=MOST_MOVES, ignored=ignored
        )
        return found if found.verdict in ("enough", "too_few") and found.moves and not found.left else None


def _spare(given: Problem) -> Mapping[str, int]:
    """What all nodes together have free, by resource. What a node is asked too much of does not count."""
    requests = {shape.name: shape.requests for shape in given.shapes}
    alike = Counter((pod.node, pod.shape) for pod in given.running)
    used: dict[str, Counter[str]] = defaultdict(Counter)
    for (node, shape), number in alike.items():
        for resource, amount in requests[shape].items():
            used[node][resource] += number * amount
    spare: Counter[str] = Counter()
    for each in given.nodes:
        for resource, amount in each.allocatable.items():
            spare[resource] += max(0, amount - used[each.name][resource])
    return spare
