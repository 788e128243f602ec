"""Moves: which running pods to evict, one at a time, so that what stays pending gets a node."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.owners import workload
from kubelogic.cluster.pods import controller_reference, node_of
from kubelogic.cluster.state import State
from kubelogic.logic import Rulebook
from kubelogic.placement.problem import Affinity, Pod, Problem, Reach, Spread
from kubelogic.reconcile.problem import GOALS, problem
from kubelogic.reconcile.relations import Relations
from kubelogic.verbs.recipes import Replayer, unbound
from kubelogic.verbs.reconciled import Options

if TYPE_CHECKING:
    from kubelogic.placement.optimal.limits import Limits
    from kubelogic.placement.optimal.moves import Verdict

CRITICAL = 2_000_000_000
"""Priority from which on a pod is critical to the system."""

_UNMOVED = {
    "": "without a controller to make it anew",
    "DaemonSet": "of a DaemonSet",
    "Node": "static",
    "Job": "of a Job, which would start anew",
}
"""By the kind of their controller, why pods are not moved."""


class PodMove(msgspec.Struct, frozen=True, kw_only=True):
    """A pod is evicted from ``source``; the one made in its place runs on ``target`` before the next move.

    Where moves are replayed ``target`` is the node that kube-scheduler chooses, else one that it fits.
    """

    pod: str
    owner: str
    source: str
    target: str


class MovePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What moving running pods does for those that wait.

    Attributes:
        verdict: ``enough``: after ``moves`` all have a node, but for the ``hopeless``; ``too_few``: so many moves would
            do, but fewer were allowed; ``impossible``: proved that no moves do, and ``moves`` help some;
            ``unknown``: a limit was reached.
        allowed: how many moves were allowed.
        moves: in an order in which each is feasible and keeps the disruption budgets.
        least: proved that fewer moves are not enough.
        placements: the pending pods that get a node, and which.
        left: the pending pods that do not.
        hopeless: those among them that no node takes even with all that may move gone.
        staying: how many running pods are not moved, by what they are.
        commands: the moves as commands, replayed with kube-scheduler; none without moves.
        waiting: the pending pods that wait for something else than room, about which nothing is said.
    """

    verdict: Verdict
    allowed: int
    moves: tuple[PodMove, ...]
    least: int
    placements: tuple[tuple[str, str], ...]
    left: tuple[str, ...]
    hopeless: tuple[str, ...]
    staying: Mapping[str, int]
    commands: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


def plan_moves(
    cluster: Cluster,
    given: Problem,
    options: Options,
    *,
    rulebook: Rulebook,
    most: int,
    ignored: Collection[str],
    hypothetical: bool = False,
) -> MovePlan:
    """Which running pods to move so that the waiting ones fit.

    Args:
        cluster: as it stands.
        given: its placement problem. Waiting pods that the cluster has on a node are such as were placed just now.
        options: limits for the solver.
        rulebook: the rules.
        most: how many moves are allowed.
        ignored: waiting pods that wait for something else than a node.
        hypothetical: whether waiting pods are only in the problem: then there is nothing to replay, and no commands.
    """
    from kubelogic.placement.optimal.limits import Limits
    from kubelogic.placement.optimal.moves import make_room, may_move

    limits = Limits(timeout=options.left)
    staying = {pod.name: reason for pod in given.pods if pod.node and (reason := _stays(cluster, given, pod))}
    reach, concerned = judged(cluster, rulebook, given, {pod.name for pod in given.running} - staying.keys())
    asked = msgspec.structs.replace(
        given,
        allowed={**given.allowed, **reach},
        pods=tuple(
            msgspec.structs.replace(pod, movable=pod.name not in staying and pod.shape not in concerned)
            for pod in given.pods
            if pod.node or pod.name not in ignored
        ),
    )
    movers = may_move(asked)
    for pod in asked.pods:
        if pod.node and pod.name not in movers:
            staying.setdefault(pod.name, _held(asked, pod))
    hopeless = _hopeless(asked, movers, limits)
    wanted = msgspec.structs.replace(asked, pods=tuple(pod for pod in asked.pods if pod.name not in hopeless))
    found = make_room(wanted, most=most, limits=limits, clock=options.clock)
    bound = (*found.placement.bindings, *found.placement.nominations)
    pending = {pod.name for pod in asked.pods if not pod.node and not _placed(cluster, pod.name)}
    placements = sorted((each.pod, each.node) for each in bound if each.pod in pending)
    plan = MovePlan(
        verdict=found.verdict,
        allowed=most,
        moves=tuple(
            PodMove(pod=move.pod, owner=_owner(cluster, move.pod), source=move.source, target=move.target)
            for move in found.moves
        ),
        least=found.least,
        placements=tuple(placements),
        left=tuple(sorted(pending - {pod for pod, _ in placements})),
        hopeless=tuple(sorted(hopeless)),
        staying=dict(sorted(Counter(staying.values()).items())),
        waiting=tuple(sorted({pod.name for pod in given.pods if not pod.node} & set(ignored))),
    )
    if hypothetical:
        return plan
    return _replayed(plan, unbound(cluster, {pod.name for pod in given.waiting}), rulebook, options)


def _replayed(plan: MovePlan, cluster: Cluster, rulebook: Rulebook, options: Options) -> MovePlan:
    """The plan as it comes out when it is followed; without moves, and unknown, if it does not hold."""
    if not plan.moves:
        return plan
    steps = [(move.pod, move.source) for move in plan.moves]
    wanted = [pod for pod, _ in plan.placements]
    recipe = Replayer(cluster, rulebook, horizon=options.horizon).replay(steps, wanted, (*plan.left, *plan.hopeless))
    if recipe is None:
        left = tuple(sorted({*plan.left, *wanted}))
        verdict: Verdict = "impossible" if plan.verdict == "impossible" else "unknown"
        return replace(plan, verdict=verdict, moves=(), placements=(), left=left)
    came = tuple(replace(move, target=node) for move, node in zip(plan.moves, recipe.targets, strict=True))
    return replace(plan, moves=came, placements=recipe.placements, commands=recipe.commands)


def judged(
    cluster: Cluster, rulebook: Rulebook, given: Problem, movers: Collection[str]
) -> tuple[Mapping[str, Reach], frozenset[str]]:
    """Where running pods could go if they had to find a node now, as all filters say.

    The rules judge pods that wait. So one pod of each shape is made to wait, and the filters are asked about it.

    Args:
        cluster: as it stands.
        rulebook: the rules.
        given: its placement problem.
        movers: running pods that may move.

    Returns:
        The nodes by shape, and the shapes that affinity, spread or claims concern, which stay.
    """
    first: dict[str, str] = {}
    for pod in given.running:
        if pod.name in movers and cluster.get("Pod", pod.name) is not None:
            first.setdefault(pod.shape, pod.name)
    asked = unbound(cluster, first.values())
    found = problem(Relations.of(rulebook, State.of(asked), GOALS))
    names = {pod.name: pod.shape for pod in found.pods}
    rules: tuple[Affinity | Spread, ...] = (*found.affinities, *found.spreads)
    tied = {shape.name for shape in found.shapes if shape.claims}
    for rule in rules:
        tied |= {rule.owner, *rule.matches}
    reach: dict[str, Reach] = {}
    for shape, name in first.items():
        if name in names:
            there = found.allowed.get(names[name], Reach())
            nodes = {node.name for node in found.nodes if there.has(node)}
            reach[shape] = Reach(nodes=frozenset(nodes))
    return reach, frozenset(shape for shape, name in first.items() if names.get(name, "") in tied or name not in names)


def _stays(cluster: Cluster, given: Problem, pod: Pod) -> str:
    """Why a running pod is not moved, as far as the pod itself says; empty if it may be."""
    obj = cluster.get("Pod", pod.name)
    priority = next(shape.priority for shape in given.shapes if shape.name == pod.shape)
    if obj is None:
        return "not in the cluster"
    controller = _controller(obj)
    if controller in _UNMOVED:
        return _UNMOVED[controller]
    if priority >= CRITICAL:
        return "critical to the system"
    volumes = (obj.document.get("spec") or {}).get("volumes") or ()
    if any("emptyDir" in volume or "hostPath" in volume for volume in volumes):
        return "with data on its node"
    return ""


def _held(asked: Problem, pod: Pod) -> str:
    """Why a pod that could be made anew is held in place by others."""
    if pod.terminating:
        return "being deleted"
    allowed = {budget.name: budget.allowed for budget in asked.budgets}
    if any(allowed[name] <= 0 for name in pod.budgets):
        return "held by its disruption budget"
    return "that affinity, spread or unbound claims concern"


def _hopeless(asked: Problem, movers: Collection[str], limits: Limits) -> set[str]:
    """The waiting pods of shapes of which not one fits with all pods gone that may move."""
    from kubelogic.placement.optimal.solve import solve

    running = tuple(pod for pod in asked.pods if pod.node and pod.name not in movers)
    found: set[str] = set()
    for shape in sorted({pod.shape for pod in asked.pods if not pod.node}):
        mine = [pod for pod in asked.pods if not pod.node and pod.shape == shape]
        alone = solve(msgspec.structs.replace(asked, pods=(*running, mine[0])), limits=limits)
        if any(entry.verdict == "impossible" for entry in alone.unplaced):
            found.update(pod.name for pod in mine)
    return found


def _controller(pod: Object) -> str:
    return str((controller_reference(pod) or {}).get("kind") or "")


def _owner(cluster: Cluster, pod: str) -> str:
    obj = cluster.get("Pod", pod)
    return workload(cluster, obj) if obj is not None else ""


def _placed(cluster: Cluster, pod: str) -> bool:
    obj = cluster.get("Pod", pod)
    return obj is not None and bool(node_of(obj))
