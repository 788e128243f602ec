"""The one vocabulary of verdicts, for plans and explanations alike: which word is true of a pod, and why.

The words, from the strongest claim to the weakest:

- ``placed``: it has a node.
- ``never``: no node of the input takes it, however empty and however long one waits.
- ``preemption``: it will push out pods of lower priority.
- ``waiting``: for something that the scheduler does not decide: a gate, a volume, other pods, a node to come back.
- ``movable``: it has no room now, but would if running pods moved.
- ``no-room``: nodes would take it if other pods were not there, and no choice for those that wait leaves it one.
- ``unknown``: a limit was reached, no node is in the input, or it touches what is not modelled.

What a rejection rests on is a table of the rulebook, ``rules/scheduling/grounds.dl``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal

import msgspec

from kubelogic.cluster import Cluster
from kubelogic.explain.blockers import Blocker
from kubelogic.explain.filters import Relations
from kubelogic.explain.node_conditions import tells_nothing, unhealthy
from kubelogic.facts.filters import TABLES, filters
from kubelogic.placement.placement import Placement
from kubelogic.placement.problem import Problem

Verdict = Literal["placed", "never", "no-room", "waiting", "preemption", "movable", "unknown"]

Ground = Literal["node", "state", "volume", "companion", "pods"]
"""What a rejection rests on: what stays of a node; what is put on and taken off; volumes; pods to come; pods there."""

Answer = Literal["placed", "impossible", "preemption", "unknown", "none"]
"""What the judging solver says of a pod; ``none`` if it does not take part."""

GOALS = (
    "rests_on",
    "taint_goes",
    "passing_taint",
    "holds_back",
    *TABLES,
    "node",
    "pod_pinned",
    "pod_gate",
    "claim_awaited",
    "pod_scheduler",
)
"""The predicates that verdicts read."""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What is in the way of a pod, by what it rests on.

    Attributes:
        nodes: how many nodes may be asked at all: those of the input, or of them the one that the pod names.
        early: what holds the pod back before any node is looked at.
        everywhere: what turns it away from every node at once, and what that rests on.
        grounds: of each node that rejects it, what the rejections rest on.
        passing: the blockers that go by themselves or by somebody's hand.
    """

    nodes: int
    early: tuple[Blocker, ...]
    everywhere: tuple[tuple[Blocker, Ground], ...]
    grounds: Mapping[str, frozenset[Ground]]
    passing: tuple[Blocker, ...]

    @property
    def open(self) -> list[frozenset[Ground]]:
        """Of each node that may take the pod some day, what is in the way there."""
        return [grounds for grounds in self.grounds.values() if "node" not in grounds]

    @property
    def barred(self) -> bool:
        """Whether every node turns it away for good."""
        return self.nodes > 0 and len(self.grounds) == self.nodes and not self.open


class Grounds:
    """Says what rejections rest on, for one cluster."""

    def __init__(self, relations: Relations, problem: Problem, cluster: Cluster) -> None:
        """Read the tables.

        Args:
            relations: derived for at least ``GOALS``.
            problem: the placement problem of the same cluster, for what nodes can hold in all.
            cluster: it, for what its nodes could hold if all their devices were healthy.
        """
        self._ground = {str(row[0]): str(row[1]) for row in relations.rows("rests_on")}
        self._early = {str(row[0]) for row in relations.rows("holds_back")}
        self._helps = {each.predicate: each.helps for each in filters(relations)}
        self._goes = {
            str(row[0]): str(row[1])
            for name in ("taint_goes", "passing_taint")
            for row in sorted(relations.rows(name), reverse=True)
        }
        self._there = {str(row[0]) for row in relations.rows("node")}
        self._nodes = sorted(self._there)
        self._cluster = cluster
        self._holds = {node.name: node.allocatable for node in problem.nodes}
        self._relations = relations
        self._last: tuple[Sequence[Blocker], Mapping[str, Sequence[Blocker]]] | None = None

    def until(self, blocker: Blocker) -> str:
        """When a passing rejection goes, in words; empty for one that stays."""
        if blocker.predicate == "rejects_taint":
            return self._goes.get(str(blocker.witness.get("Key", "")), "")
        if self._ground.get(blocker.predicate) == "cordon":
            return self._goes.get("node.kubernetes.io/unschedulable", "")
        if self._ground.get(blocker.predicate) == "room":
            if tells_nothing(self._cluster.get("Node", blocker.node)):
                return "until its kubelet tells, or the input has it (status.allocatable)"
            if self._ails(blocker):
                return "until its device plugin calls more of them healthy"
        return ""

    def _ails(self, blocker: Blocker) -> bool:
        """Whether a node had enough of a resource if all its devices were healthy, and nobody had one."""
        resource = str(blocker.witness.get("Resource", ""))
        lost, whole = unhealthy(self._cluster.get("Node", blocker.node), resource)
        return bool(lost) and whole - lost < _number(blocker, "Requested") <= whole

    def of(self, blocker: Blocker, *, passing: bool = False) -> Ground:
        """What a rejection rests on.

        Args:
            blocker: it.
            passing: whether the node is in a state that passes: what it does not report yet may come.
        """
        match self._ground.get(blocker.predicate):
            case None if blocker.predicate == "devices_in_use":
                return "pods"
            case "cordon":
                return "state"
            case "taint":
                return "state" if self.until(blocker) else "node"
            case "volume":
                return "volume"
            case "companion":
                return "companion"
            case "room":
                resource = str(blocker.witness.get("Resource", "pods"))
                holds = self._holds.get(blocker.node, {})
                if passing and resource not in holds:
                    return "state"
                if self.until(blocker):
                    return "state"
                return "node" if _number(blocker, "Requested") > holds.get(resource, 0) else "pods"
            case "attachments":
                return "node" if _number(blocker, "More") > _number(blocker, "Limit") else "pods"
            case _:
                return "pods" if self._helps.get(blocker.predicate) else "node"

    def standing(self, pod: str, reasons: Sequence[Blocker]) -> Standing:
        """What is in the way of a pod.

        Args:
            pod: its key.
            reasons: its blockers, those before the queue included.
        """
        pinned = {str(row[1]) for row in self._relations.matching("pod_pinned", {0: pod})}
        asked = sorted(pinned & self._there) if pinned else self._nodes
        by_node = self._of_nodes(reasons)
        passing: list[Blocker] = []
        grounds: dict[str, frozenset[Ground]] = {}
        for node in asked:
            found = by_node.get(node)
            if found:
                gone = [blocker for blocker in found if self.until(blocker)]
                grounds[node] = frozenset(self.of(blocker, passing=bool(gone)) for blocker in found)
                passing += gone if "node" not in grounds[node] else []
        about_pod = by_node.get("", ())
        if pinned and not asked and self._nodes:
            grounds = {"": frozenset({"node"})}
        return Standing(
            nodes=len(asked) or len(grounds),
            early=tuple(blocker for blocker in about_pod if blocker.predicate in self._early),
            everywhere=tuple((each, self.of(each)) for each in about_pod if each.predicate not in self._early),
            grounds=grounds,
            passing=tuple(passing),
        )

    def _of_nodes(self, reasons: Sequence[Blocker]) -> Mapping[str, Sequence[Blocker]]:
        """Blockers by node; the last ones are known, since pods that are alike share them."""
        if self._last is None or self._last[0] is not reasons:
            found: dict[str, list[Blocker]] = defaultdict(list)
            for blocker in reasons:
                found[blocker.node].append(blocker)
            self._last = reasons, found
        return self._last[1]


def _number(blocker: Blocker, name: str) -> int:
    value = blocker.witness.get(name, 0)
    return value if isinstance(value, int) else 0


def answers(
    placement: Placement, undecided: Collection[str], *, makes_room: Callable[[str], bool] = lambda _: True
) -> Callable[[str], Answer]:
    """What a solver whose ``impossible`` is a proof says of pods.

    Args:
        placement: its answer to the problem as things stand.
        undecided: pods that an earlier placement of the same run left out because it reached a limit. A proof for what
            is left says nothing about them: others were bound in the meantime.
        makes_room: whether the scheduler that decides evicts for a pod, too, where this solver would.
    """
    found: dict[str, Answer] = {binding.pod: "placed" for binding in placement.bindings}
    for pod in placement.unplaced:
        match pod.verdict:
            case "impossible":
                found[pod.pod] = "unknown" if pod.pod in undecided else "impossible"
            case "waiting":
                found[pod.pod] = "preemption" if makes_room(pod.pod) else "impossible"
            case _:
                found[pod.pod] = "unknown"
    return lambda pod: found.get(pod, "none")


def pending_verdict(
    standing: Standing, *, answer: Answer, movable: Callable[[], bool], unmodelled: bool = False
) -> Verdict:
    """The word that is true of a pod without a node.

    Args:
        standing: what is in the way.
        answer: what the judging solver says.
        movable: whether it fits if running pods move; asked only where that could be.
        unmodelled: whether a rejection may be one for lack of knowledge: the pod asks for what is not modelled.
    """
    if any(each.predicate != "claim_awaited" for each in standing.early):
        return "waiting"
    if not standing.nodes:
        return "unknown"
    if standing.barred or any(ground == "node" for _, ground in standing.everywhere):
        return "unknown" if unmodelled else "never"
    if standing.everywhere or standing.early:
        return "waiting"
    if answer == "preemption":
        return "preemption"
    free = standing.nodes - len(standing.grounds)
    if not free and not any(grounds <= {"pods", "state"} for grounds in standing.open):
        return "waiting"
    if answer == "unknown" or unmodelled:
        return "unknown"
    if free or answer == "placed" or any(grounds == {"state"} for grounds in standing.open):
        return "waiting"
    if any(grounds == {"pods"} for grounds in standing.open) and movable():
        return "movable"
    return "no-room"
