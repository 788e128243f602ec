"""The queue: one pod at a time, as kube-scheduler does it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random

import msgspec
import numpy as np

from kubelogic.placement.devices.search import DeviceError
from kubelogic.placement.kube.engine import Engine
from kubelogic.placement.kube.preemption import Candidate, Preemption
from kubelogic.placement.kube.scores import Nodes
from kubelogic.placement.placement import Binding, Eviction, Placement, Refusal, Unplaced
from kubelogic.placement.problem import Pod, Problem


def schedule(problem: Problem, *, seed: int | None = None, most_ties: int = 64) -> Placement:
    """Place the waiting pods one after the other: by priority, then in their order.

    Each pod goes to the feasible node with the best total score, is given room by evicting pods of lower
    priority, or stays out. A pod that stays out is tried again only when a pod was placed that it could have
    waited for. Every node is looked at, however many there are: kube-scheduler stops at a share of the nodes
    (``percentageOfNodesToScore``) in clusters of a hundred and more.

    Args:
        problem: what to place.
        seed: draws one of several equally good nodes; None takes the first by name.
        most_ties: how many equally good nodes a binding names.

    Returns:
        Bindings in the order in which they were made, evictions, and where the pods that caused them go once
        the evicted pods are gone. Pods without a node are ``rejected``, which is no proof that none exists.

    Source: kube-scheduler 1.36, default profile.
    """
    run = _Run(problem, seed=seed, most_ties=most_ties)
    run.queue()
    run.settle()
    return run.placement()


@dataclass(slots=True)
class _Waiting:
    """A pod that was promised a node, and why it had to be."""

    node: int
    refusal: int


@dataclass(slots=True)
class _Progress:
    bindings: list[Binding] = field(default_factory=list)
    evictions: list[Eviction] = field(default_factory=list)
    nominations: list[Binding] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    rejected: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, _Waiting] = field(default_factory=dict)
    attempts: int = 0


class _Run:
    def __init__(self, problem: Problem, *, seed: int | None, most_ties: int) -> None:
        self._problem = problem
        self._engine = Engine(problem)
        self._preemption = Preemption(self._engine)
        self._random = None if seed is None else Random(seed)
        self._most_ties = most_ties
        self._progress = _Progress()
        self._budgets = {budget.name: budget.allowed for budget in problem.budgets}
        tables = self._engine.tables
        pending = tables.waiting
        self._shape = {pod.name: tables.shape_number[pod.shape] for pod in pending}
        self._pending = sorted(pending, key=self._rank)
        self._helps: dict[int, list[int]] = {}
        for shape in sorted({self._shape[pod.name] for pod in pending}):
            for other in self._engine.helped_by(shape):
                self._helps.setdefault(other, []).append(shape)
        self._news: dict[int, int] = {}
        self._failed: dict[int, tuple[int, int]] = {}
        self._again: list[Pod] = []

    def _rank(self, pod: Pod) -> tuple[int, int, str]:
        return -self._engine.tables.shapes[self._shape[pod.name]].priority, pod.order, pod.name

    def queue(self) -> None:
        """Try every waiting pod, and those again for which something changed, until nothing does.

        Only the first try may evict: later ones would find pods to evict that have only just been placed.
        """
        todo, may_evict = self._pending, True
        while todo:
            self._again = []
            left = Counter(self._shape[pod.name] for pod in todo)
            for pod in todo:
                self._try(pod, may_evict=may_evict)
                left[self._shape[pod.name]] -= 1
                if not left[self._shape[pod.name]]:
                    self._engine.forget(self._shape[pod.name])
            may_evict = False
            stuck = (pod for pod in self._pending if pod.name in self._progress.rejected and self._heard(pod))
            todo = sorted({pod.name: pod for pod in (*self._again, *stuck)}.values(), key=self._rank)

    def settle(self) -> None:
        """Let the evicted pods go, then place those that waited for it. Some wait in vain: others were faster."""
        numbers = self._engine.tables.number
        for eviction in self._progress.evictions:
            node = numbers[eviction.node]
            self._engine.take(eviction.pod, node)
        for pod in self._pending:
            if pod.name in self._progress.waiting:
                binding = self._bind(pod)
                if binding is not None:
                    self._progress.nominations.append(binding)

    def placement(self) -> Placement:
        """The answer."""
        done = self._progress
        names = self._engine.tables.names
        shapes = {pod.name: pod.shape for pod in self._pending}
        out = [
            Unplaced(pod=pod, shape=shapes[pod], verdict="rejected", refusal=refusal)
            for pod, refusal in done.rejected.items()
        ]
        out.extend(
            Unplaced(pod=pod, shape=shapes[pod], verdict="waiting", node=names[entry.node], refusal=entry.refusal)
            for pod, entry in done.waiting.items()
        )
        place = {pod.name: i for i, pod in enumerate(self._pending)}
        return Placement(
            scheduler="kube",
            bindings=tuple(done.bindings),
            evictions=tuple(done.evictions),
            nominations=tuple(done.nominations),
            unplaced=tuple(sorted(out, key=lambda entry: place[entry.pod])),
            refusals=tuple(done.refusals),
            statistics={"attempts": done.attempts},
        )

    def _try(self, pod: Pod, *, may_evict: bool) -> None:
        shape = self._shape[pod.name]
        news = self._news.get(shape, 0)
        asks = self._engine.asker(pod.name) is not None
        if (
            not asks
            and pod.name not in self._engine.promised
            and shape in self._failed
            and self._failed[shape][0] == news
        ):
            self._progress.rejected[pod.name] = self._failed[shape][1]
            return
        self._progress.attempts += 1
        try:
            binding = self._bind(pod)
        except DeviceError as error:
            self._progress.refusals.append(Refusal(shape=pod.shape, rejections=(), error=error.message))
            self._progress.rejected[pod.name] = len(self._progress.refusals) - 1
            self._failed[shape] = (news, self._progress.rejected[pod.name])
            return
        if binding is not None:
            self._progress.rejected.pop(pod.name, None)
            self._progress.bindings.append(binding)
            self._tell(shape)
            return
        if may_evict or pod.name not in self._progress.rejected:
            self._reject(pod, may_evict=may_evict)
        if pod.name in self._progress.rejected:
            self._failed[shape] = (news, self._progress.rejected[pod.name])

    def _bind(self, pod: Pod) -> Binding | None:
        engine, shape = self._engine, self._shape[pod.name]
        promised = self._engine.promised.get(pod.name)
        if promised is not None and engine.passes(pod.name, shape, promised):
            nodes: Nodes = np.array([promised])
        else:
            nodes = np.flatnonzero(engine.feasible(pod.name, shape))
        if not len(nodes):
            return None
        top = engine.best(shape, nodes, pod.name)
        node = int(top[0] if self._random is None else self._random.choice(top))
        names = engine.tables.names
        volumes = engine.state.volumes(self._problem_claims(shape), node) or ()
        engine.state.give(volumes, node)
        devices = engine.granted(pod.name, node)
        if engine.desk is not None and engine.asker(pod.name) is not None:
            engine.desk.give(pod, devices)
        engine.release(pod.name)
        engine.put(pod.name, shape, node)
        ties = tuple(names[i] for i in top[: self._most_ties].tolist())
        return Binding(pod=pod.name, node=names[node], ties=ties, tied=len(top), volumes=volumes, devices=devices)

    def _problem_claims(self, shape: int) -> tuple[str, ...]:
        return self._engine.tables.shapes[shape].claims

    def _reject(self, pod: Pod, *, may_evict: bool) -> None:
        """Note why a pod stays out, and make room for it if that is possible."""
        done, shape = self._progress, self._shape[pod.name]
        refusal, rooms = self._preemption.refuse(pod.name, shape, self._budgets, may_evict=may_evict)
        done.refusals.append(refusal)
        if rooms:
            best = self._preemption.choose(rooms)
            self._evict(pod, best[0] if self._random is None else self._random.choice(best))
            return
        promised = self._engine.promised.get(pod.name)
        if refusal.ineligible == "leaving" and promised is not None:
            done.waiting[pod.name] = _Waiting(node=promised, refusal=len(done.refusals) - 1)
            return
        done.rejected[pod.name] = len(done.refusals) - 1
        if refusal.attempted:
            self._engine.release(pod.name)

    def _evict(self, pod: Pod, candidate: Candidate) -> None:
        done, engine = self._progress, self._engine
        node = candidate.node
        for victim in candidate.victims:
            if victim.terminating:
                continue
            budgets = self._engine.tables.pods[victim.name].budgets
            for name in budgets:
                self._budgets[name] -= 1
            done.evictions.append(
                Eviction(
                    pod=victim.name,
                    node=engine.tables.names[node],
                    beneficiary=pod.name,
                    breaks=tuple(name for name in budgets if self._budgets[name] < 0),
                    after=len(done.bindings),
                )
            )
            engine.evict(victim.name, node)
            self._tell(victim.shape)
        self._displace(pod, node)
        engine.nominate(pod.name, self._shape[pod.name], node)
        done.rejected.pop(pod.name, None)
        done.waiting[pod.name] = _Waiting(node=node, refusal=len(done.refusals) - 1)

    def _displace(self, pod: Pod, node: int) -> None:
        """Pods of lower priority that were promised the node lose it and queue up again."""
        done, tables = self._progress, self._engine.tables
        priority = tables.shapes[self._shape[pod.name]].priority
        for name, other in sorted(self._engine.nominated.get(node, {}).items()):
            if tables.shapes[other].priority >= priority:
                continue
            self._engine.release(name)
            if done.waiting.pop(name, None) is not None:
                self._again.append(tables.pods[name])
                done.evictions = [
                    msgspec.structs.replace(eviction, beneficiary=pod.name)
                    if eviction.beneficiary == name
                    else eviction
                    for eviction in done.evictions
                ]

    def _tell(self, shape: int) -> None:
        """A pod of the shape came or is about to go: those who might have waited for that hear of it."""
        for other in self._helps.get(shape, ()):
            self._news[other] = self._news.get(other, 0) + 1

    def _heard(self, pod: Pod) -> bool:
        shape = self._shape[pod.name]
        return self._failed[shape][0] != self._news.get(shape, 0)
