"""One attempt to place a group: its pods in turn, each seeing those before it, in each domain that the group may use.

Everything happens on a problem of its own that says who is where at that moment, so nothing has to be taken back.

Source: kube-scheduler 1.36, schedule_one_podgroup.go; plugins GangScheduling (Permit), TopologyPlacementGenerator,
PodGroupPodsCount, NodeResourcesFit (ScorePlacement); DefaultPreemption (PostFilter).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

import msgspec
import numpy as np
from msgspec.structs import replace

from kubelogic.placement.devices.model import DeviceError
from kubelogic.placement.kube.engine import Engine
from kubelogic.placement.kube.fit import BY_USE
from kubelogic.placement.kube.preemption import Preemption
from kubelogic.placement.kube.scores import Nodes
from kubelogic.placement.kube.tables import Tables
from kubelogic.placement.placement import Binding, Refusal
from kubelogic.placement.problem import Group, Pod, Problem, Reach

UNSCHEDULABLE = "pod group is unschedulable"
WAITING = "pod group is waiting for preemption to complete"
HELD = (
    f"{UNSCHEDULABLE}, waiting for minCount pods from a gang to be scheduled, "
    "one or more plugins asked to wait and no plugin rejected pod"
)
NO_PLACEMENTS = "no feasible placements found"

_MOST_SCORE = 100


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt comes to for one pod.

    ``binding``: where it goes now. ``node`` and ``victims``: where it goes once these are gone. Neither: it found no
    node. ``refusal``: why it does not pass anywhere now.
    """

    pod: Pod
    binding: Binding | None = None
    node: str = ""
    victims: tuple[str, ...] = ()
    refusal: Refusal | None = None


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """What came of trying a group.

    ``placed``: as many as it needs go somewhere now; those bind. ``waits``: as many do once others are gone.
    ``message``: for the group's condition. ``error``: it is a fault, not a lack of room. ``victims``: who
    leaves for the sake of the whole group.
    """

    tried: tuple[Tried, ...]
    placed: bool = False
    waits: bool = False
    message: str = ""
    error: bool = False
    victims: tuple[str, ...] = ()


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """What is tried.

    Attributes:
        problem: as it stands: who runs where, what is promised to whom.
        group: the group.
        pods: those of its pods that wait, in the order in which they are tried.
        budgets: how many evictions each budget still allows.
        may_evict: whether room may be made.
        random: draws among equally good choices; None takes the first.
        most_ties: how many equally good nodes a binding names.
        like: tables of a problem with the same shapes, whose amounts need not be counted again.
    """

    problem: Problem
    group: Group
    pods: tuple[Pod, ...]
    budgets: Mapping[str, int]
    may_evict: bool = True
    random: Random | None = None
    most_ties: int = 64
    like: Tables | None = None

    @property
    def running(self) -> tuple[Pod, ...]:
        """The pods of the group that have a node."""
        return tuple(pod for pod in self.problem.running if pod.group == self.group.name)


def order(problem: Problem, pods: Sequence[Pod]) -> tuple[Pod, ...]:
    """Pods of a group in the order in which they are tried: by priority, then as they came."""
    priority = {shape.name: shape.priority for shape in problem.shapes}
    return tuple(sorted(pods, key=lambda pod: (-priority[pod.shape], pod.order, pod.name)))


def one_domain(case: Case) -> Attempt:
    """Try the pods in turn on all nodes of the problem.

    Source: podGroupSchedulingDefaultAlgorithm, podGroupPodSchedulingAlgorithm.
    """
    turn = _Turn(case)
    for pod in case.pods:
        turn.take(pod)
        if turn.error:
            words = f"failed to schedule other pod from a pod group: {turn.error}"
            left = case.pods[len(turn.tried) :]
            untried = (Tried(pod=each, refusal=Refusal(shape=each.shape, rejections=())) for each in left)
            return Attempt(tried=(*turn.tried, *untried), message=words, error=True)
    message = "" if turn.placed else UNSCHEDULABLE
    if turn.waits:
        message = f"{UNSCHEDULABLE}, {WAITING}"
    return Attempt(tried=tuple(turn.tried), placed=turn.placed, waits=turn.waits, message=message)


@dataclass(slots=True)
class _Turn:
    """The pods of a group one after the other. ``count`` of its pods run or have a place."""

    case: Case
    engine: Engine = field(init=False)
    preemption: Preemption = field(init=False)
    tried: list[Tried] = field(default_factory=list)
    count: int = 0
    preempts: bool = False
    placed: bool = False
    waits: bool = False
    error: str = ""

    def __post_init__(self) -> None:
        self.engine = Engine(self.case.problem, self.case.like)
        self.preemption = Preemption(self.engine)
        self.count = len(self.case.running)

    def take(self, pod: Pod) -> None:
        try:
            found = self._bound(pod)
        except DeviceError as error:
            self.error = error.message
            refusal = Refusal(shape=pod.shape, rejections=(), error=error.message)
            self.tried.append(Tried(pod=pod, refusal=refusal))
            return
        if found is None:
            found = self._refused(pod)
        self.tried.append(found)
        if found.binding is None and not found.node:
            return
        self.count += 1
        self.preempts = self.preempts or bool(found.node)
        if self.count >= self.case.group.least:
            self.placed, self.waits = not self.preempts, self.preempts

    def _bound(self, pod: Pod) -> Tried | None:
        engine = self.engine
        shape = engine.tables.shape_number[pod.shape]
        promised = engine.promised.get(pod.name)
        if promised is not None and engine.passes(pod.name, shape, promised):
            nodes: Nodes = np.array([promised])
        else:
            nodes = np.flatnonzero(engine.feasible(pod.name, shape))
        if not len(nodes):
            return None
        top = engine.best(shape, nodes, pod.name)
        random = self.case.random
        node = int(top[0] if random is None else random.choice(top))
        names = engine.tables.names
        volumes = engine.state.volumes(engine.tables.shapes[shape].claims, node) or ()
        devices = engine.granted(pod.name, node)
        self._put(pod, node, volumes)
        if engine.desk is not None and engine.asker(pod.name) is not None:
            engine.desk.give(pod, devices)
        ties = tuple(names[i] for i in top[: self.case.most_ties].tolist())
        binding = Binding(pod=pod.name, node=names[node], ties=ties, tied=len(top), volumes=volumes, devices=devices)
        return Tried(pod=pod, binding=binding)

    def _put(self, pod: Pod, node: int, volumes: Sequence[tuple[str, str]]) -> None:
        self.engine.state.give(volumes, node)
        self.engine.release(pod.name)
        self.engine.put(pod.name, self.engine.tables.shape_number[pod.shape], node)

    def _refused(self, pod: Pod) -> Tried:
        """Why no node passes; if pods preempt by themselves, the node on which room can be made."""
        case, engine = self.case, self.engine
        by_itself = _by_itself(case)
        shape = engine.tables.shape_number[pod.shape]
        refusal, rooms = self.preemption.refuse(
            pod.name, shape, case.budgets, may_evict=case.may_evict and not by_itself
        )
        if case.may_evict and by_itself:
            refusal = msgspec.structs.replace(refusal, ineligible=by_itself)
        refusal = msgspec.structs.replace(refusal, among=tuple(engine.tables.names))
        if not rooms:
            return Tried(pod=pod, refusal=refusal)
        best = self.preemption.choose(rooms)
        chosen = best[0] if case.random is None else case.random.choice(best)
        self._put(pod, chosen.node, engine.state.volumes(engine.tables.shapes[shape].claims, chosen.node) or ())
        victims = tuple(victim.name for victim in chosen.victims if not victim.terminating)
        return Tried(pod=pod, node=engine.tables.names[chosen.node], victims=victims, refusal=refusal)


def _by_itself(case: Case) -> str:
    """What forbids the pods of a group to preempt each by itself; empty if nothing does."""
    if case.problem.by_placements and case.group.constrained:
        return "placements"
    return "as group" if case.problem.as_groups else ""


def attempt(case: Case) -> Attempt:
    """Try a group wherever it may go, and take the best.

    Source: scheduleOnePodGroup, podGroupSchedulingPlacementAlgorithm, findBestPlacement.
    """
    profiles = {shape.name: shape.profile for shape in case.problem.shapes}
    names = [profiles[pod.shape] for pod in case.pods]
    for name in names:
        if name != names[0]:
            said = " and ".join(f'"{each or "default-scheduler"}"' for each in (name, names[0]))
            words = f"all pods in a single pod group should have the same .spec.schedulerName set, got: {said}"
            return _all(case, words, error=True)
    if not case.problem.by_placements:
        return one_domain(case)
    domains = _domains(case)
    if isinstance(domains, str):
        return _all(case, f"cannot determine domain for already scheduled pods: {domains}", error=True)
    if not domains:
        return _all(case, NO_PLACEMENTS)
    found: list[Attempt] = []
    good: list[tuple[Case, Attempt]] = []
    for nodes in domains:
        there = case if nodes is None else within(case, nodes)
        here = one_domain(there)
        if here.error:
            return here
        found.append(here)
        if here.placed or here.waits:
            good.append((there, here))
    if not good:
        words = f"0/{len(found)} placements are available, first placement status: {found[0].message}"
        return replace(found[0], message=words)
    return good[0][1] if len(good) == 1 else _best(good, running=len(case.running), random=case.random)


def _best(found: Sequence[tuple[Case, Attempt]], *, running: int, random: Random | None) -> Attempt:
    """The placement with the highest score: many pods of the group, and nodes that are well used.

    Source: kube-scheduler 1.36, findBestPlacement; plugins PodGroupPodsCount and NodeResourcesFit (ScorePlacement).
    """
    counts = [running + sum(bool(each.binding or each.node) for each in one.tried) for _, one in found]
    most = max(counts)
    scores = [count * _MOST_SCORE // most + _use(*each) for count, each in zip(counts, found, strict=True)]
    best = [one for (_, one), score in zip(found, scores, strict=True) if score == max(scores)]
    return best[0] if random is None else random.choice(best)


def _use(case: Case, tried: Attempt) -> int:
    """How well the nodes of a placement are used with the group's pods on them, whatever the strategy for single pods.

    Source: kube-scheduler 1.36, noderesources/resource_allocation.go (scorePlacement), most_allocated.go.
    """
    engine = Engine(case.problem, case.like)
    tables = engine.tables
    shapes = {shape.name: shape for shape in case.problem.shapes}
    profile = shapes[case.pods[0].shape].profile
    scorer = next((s for s in case.problem.scorers if s.profile == profile and s.kind in BY_USE), None)
    if scorer is None:
        return 0
    proposed = [shapes[each.pod.shape] for each in tried.tried if each.binding is not None or each.node]
    total = weights = 0
    for name, weight in zip(scorer.resources, scorer.weights or (1,) * len(scorer.resources), strict=True):
        row = tables.resource_number[name]
        asked = sum({**shape.requests, **shape.scored_requests}.get(name, 0) for shape in proposed)
        capacity = int(tables.allocatable[row].sum())
        if capacity <= 0 or (name in scorer.optional and not asked):
            continue
        there = int(engine.state.assumed[row][tables.allocatable[row] > 0].sum())
        total += min(asked + there, capacity) * _MOST_SCORE // capacity * weight
        weights += weight
    return total // weights * scorer.weight if weights else 0


def _all(case: Case, words: str, *, error: bool = False) -> Attempt:
    """The same for every pod, before any node was looked at."""
    refusals = (Refusal(shape=pod.shape, rejections=(), words=words) for pod in case.pods)
    tried = tuple(Tried(pod=pod, refusal=each) for pod, each in zip(case.pods, refusals, strict=True))
    return Attempt(tried=tried, message=words, error=error)


def _domains(case: Case) -> list[frozenset[str] | None] | str:
    """The nodes of each placement, by the name of the domain (None: all nodes); or what is wrong.

    Source: TopologyPlacementGenerator, GeneratePlacements.
    """
    key = case.group.key
    if not key:
        return [None]
    topology = {node.name: node.topology.get(key) for node in case.problem.nodes}
    required = ""
    for pod in case.running:
        domain = topology[pod.node]
        if domain is None:
            return f"no topology domain found for pod {pod.name}"
        if required and domain != required:
            return f"more than 1 domain found for pod group: {required}, {domain}"
        required = domain
    found: dict[str, set[str]] = {}
    for node, domain in topology.items():
        if domain is not None and required in ("", domain):
            found.setdefault(domain, set()).add(node)
    return [frozenset(found[domain]) for domain in sorted(found)]


def within(case: Case, nodes: frozenset[str]) -> Case:
    """The case with some nodes alone, and the pods that run on them; the group's running pods count wherever."""
    problem = case.problem
    kept = tuple(
        pod if pod.nominated in nodes else msgspec.structs.replace(pod, nominated="")
        for pod in problem.pods
        if not pod.node or pod.node in nodes
    )
    some = msgspec.structs.replace(problem, nodes=tuple(n for n in problem.nodes if n.name in nodes), pods=kept)
    return replace(case, problem=some)


def present(
    problem: Problem,
    engine: Engine,
    *,
    placed: Mapping[str, Binding],
    leaving: frozenset[str],
    gone: frozenset[str],
    members: Sequence[Pod],
) -> Problem:
    """The problem as it stands after some pods were placed: for a group's attempt.

    Args:
        problem: as it was.
        engine: what has become of it.
        placed: bindings since, by pod.
        leaving: pods that were evicted and are still there.
        gone: pods that were evicted and have left.
        members: the pods that are about to be tried; others wait on only where a node is promised to them.
    """
    wanted = {pod.name for pod in members}
    names = engine.tables.names
    pods: list[Pod] = []
    for pod in problem.pods:
        if pod.name in placed:
            pods.append(msgspec.structs.replace(pod, node=placed[pod.name].node, nominated=""))
        elif pod.node:
            if pod.name in leaving:
                pods.append(msgspec.structs.replace(pod, terminating=True, displaced=True))
            elif pod.name not in gone:
                pods.append(pod)
        else:
            promised = engine.promised.get(pod.name)
            if promised is not None or pod.name in wanted:
                pods.append(msgspec.structs.replace(pod, nominated="" if promised is None else names[promised]))
    given = engine.state.given
    claims = tuple(
        claim
        if claim.name not in given and not engine.state.taken.intersection(claim.volumes)
        else msgspec.structs.replace(
            claim,
            volumes=tuple(v for v in claim.volumes if v not in engine.state.taken)
            if claim.name not in given
            else tuple(v for v in (given[claim.name][0],) if v),
            provisions=claim.provisions
            if claim.name not in given
            else _where(problem, given[claim.name], claim.confines),
        )
        for claim in problem.claims
    )
    devices = problem.devices
    if devices is not None and engine.desk is not None:
        devices = devices.with_claims(engine.desk.claims())
    return msgspec.structs.replace(problem, pods=tuple(pods), claims=claims, devices=devices)


def _where(problem: Problem, given: tuple[str, str], confines: str) -> Reach:
    """The nodes that can use the new volume that a claim got; none where it got one that was there."""
    volume, domain = given
    if volume:
        return Reach()
    return Reach(
        nodes=frozenset(
            node.name for node in problem.nodes if not confines or node.topology.get(confines, "") == domain
        )
    )
