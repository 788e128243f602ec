"""The queue: one pod at a time, as kube-scheduler does it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from kubelogic.placement.devices.model import DeviceError
from kubelogic.placement.kube.engine import Engine
from kubelogic.placement.kube.preemption import Candidate, Preemption
from kubelogic.placement.kube.scores import Nodes
from kubelogic.placement.placement import Binding, Eviction, GroupVerdict, Placement, Refusal, Unplaced
from kubelogic.placement.problem import Pod, Problem

if TYPE_CHECKING:
    from kubelogic.placement.kube.group_run import Groups

Choice = Callable[[str, tuple[str, ...]], str | None]
"""Which of several equally good nodes a pod gets, by their names; None: the first, or the one that is drawn."""


def schedule(
    problem: Problem, *, seed: int | None = None, most_ties: int = 64, choice: Choice | None = None
) -> Placement:
    """Place the waiting pods one after the other: by priority, then in their order.

    Each pod goes to the feasible node with the best total score, is given room by evicting pods of lower
    priority, or stays out. A pod that stays out is tried again only when a pod was placed that it could have
    waited for. Every node is looked at, however many there are: kube-scheduler stops at a share of the nodes
    (``percentageOfNodesToScore``) in clusters of a hundred and more.

    Args:
        problem: what to place.
        seed: draws one of several equally good nodes; None takes the first by name.
        most_ties: how many equally good nodes a binding names.
        choice: asked first where several nodes are equally good; what it says otherwise does not count.

    Returns:
        Bindings in the order in which they were made, evictions, and where the pods that caused them go once
        the evicted pods are gone. Pods without a node are ``rejected``, which is no proof that none exists.

    Source: kube-scheduler 1.36, default profile.
    """
    run = Run(problem, seed=seed, most_ties=most_ties, choice=choice)
    run.queue()
    run.settle()
    return run.placement()


class Waiting(msgspec.Struct):
    """A pod that was promised a node, and why it had to be. Negative: it waits with its group, without a promise."""

    node: int
    refusal: int


class Progress(msgspec.Struct):
    """What came of a run so far."""

    bindings: list[Binding] = msgspec.field(default_factory=list)
    evictions: list[Eviction] = msgspec.field(default_factory=list)
    nominations: list[Binding] = msgspec.field(default_factory=list)
    refusals: list[Refusal] = msgspec.field(default_factory=list)
    rejected: dict[str, int] = msgspec.field(default_factory=dict)
    waiting: dict[str, Waiting] = msgspec.field(default_factory=dict)
    groups: dict[str, GroupVerdict] = msgspec.field(default_factory=dict)
    attempts: int = 0


class Run:
    """One run through the queue.

    Attributes:
        problem: what to place.
        engine: who is where by now.
        random: draws one of several equally good nodes; None takes the first.
        most_ties: how many equally good nodes a binding names.
        choice: asked first where several nodes are equally good.
        progress: what came of it so far.
        budgets: how many evictions each budget still allows.
        shape: number of the shape of each pod that waits.
        pending: the pods that wait, in their order.
        news: per shape, how often something happened that its pods might wait for.
        failed: per shape, the news at the last try that failed, and its refusal.
    """

    def __init__(self, problem: Problem, *, seed: int | None, most_ties: int, choice: Choice | None = None) -> None:
        self.problem = problem
        self.engine = Engine(problem)
        self._preemption = Preemption(self.engine)
        self.random = None if seed is None else Random(seed)
        self.most_ties = most_ties
        self.choice = choice
        self.progress = Progress()
        self.budgets = {budget.name: budget.allowed for budget in problem.budgets}
        tables = self.engine.tables
        pending = tables.waiting
        self.shape = {pod.name: tables.shape_number[pod.shape] for pod in pending}
        self.pending = sorted(pending, key=self._rank)
        self._helps: dict[int, list[int]] = {}
        for shape in sorted({self.shape[pod.name] for pod in pending}):
            for other in self.engine.helped_by(shape):
                self._helps.setdefault(other, []).append(shape)
        self.news: dict[int, int] = {}
        self.failed: dict[int, tuple[int, int]] = {}
        self._again: list[Pod] = []
        self._groups = _groups(self) if problem.groups else None

    def _rank(self, pod: Pod) -> tuple[int, int, str]:
        return -self.engine.tables.shapes[self.shape[pod.name]].priority, pod.order, pod.name

    def queue(self) -> None:
        """Try every waiting pod, and those again for which something changed, until nothing does.

        Only the first try may evict: later ones would find pods to evict that have only just been placed.
        """
        todo, may_evict = self.pending, True
        while todo:
            self._again = []
            if self._groups is not None:
                self._groups.begin()
            left = Counter(self.shape[pod.name] for pod in todo)
            for pod in todo:
                if self._groups is not None and pod.group in self._groups:
                    self._groups.take(pod.group, may_evict=may_evict)
                else:
                    self._try(pod, may_evict=may_evict)
                left[self.shape[pod.name]] -= 1
                if not left[self.shape[pod.name]]:
                    self.engine.forget(self.shape[pod.name])
            if may_evict and self._groups is not None:
                self._groups.again()
            may_evict = False
            stuck = (pod for pod in self.pending if pod.name in self.progress.rejected and self._heard(pod))
            todo = sorted({pod.name: pod for pod in (*self._again, *stuck)}.values(), key=self._rank)

    def settle(self) -> None:
        """Let the evicted pods go, then place those that waited for it. Some wait in vain: others were faster."""
        numbers = self.engine.tables.number
        for eviction in self.progress.evictions:
            node = numbers[eviction.node]
            self.engine.take(eviction.pod, node)
        if self._groups is not None:
            self._groups.settle()
        for pod in self.pending:
            if pod.name in self.progress.waiting:
                if self._groups is not None and pod.group in self._groups:
                    self.progress.nominations.extend(self._groups.settled(pod.group))
                    continue
                binding = self._bind(pod)
                if binding is not None:
                    self.progress.nominations.append(binding)

    def placement(self) -> Placement:
        """The answer."""
        done = self.progress
        names = self.engine.tables.names
        shapes = {pod.name: pod.shape for pod in self.pending}
        out = [
            Unplaced(pod=pod, shape=shapes[pod], verdict="rejected", refusal=refusal)
            for pod, refusal in done.rejected.items()
        ]
        out.extend(
            Unplaced(
                pod=pod,
                shape=shapes[pod],
                verdict="waiting",
                node=names[entry.node] if entry.node >= 0 else "",
                refusal=entry.refusal,
            )
            for pod, entry in done.waiting.items()
        )
        place = {pod.name: i for i, pod in enumerate(self.pending)}
        return Placement(
            scheduler="kube",
            bindings=tuple(done.bindings),
            evictions=tuple(done.evictions),
            nominations=tuple(done.nominations),
            unplaced=tuple(sorted(out, key=lambda entry: place[entry.pod])),
            refusals=tuple(done.refusals),
            groups=tuple(done.groups[name] for name in sorted(done.groups)),
            statistics={"attempts": done.attempts},
        )

    def _try(self, pod: Pod, *, may_evict: bool) -> None:
        shape = self.shape[pod.name]
        news = self.news.get(shape, 0)
        asks = self.engine.asker(pod.name) is not None
        if not asks and pod.name not in self.engine.promised and shape in self.failed and self.failed[shape][0] == news:
            self.progress.rejected[pod.name] = self.failed[shape][1]
            return
        self.progress.attempts += 1
        try:
            binding = self._bind(pod)
        except DeviceError as error:
            self.progress.refusals.append(Refusal(shape=pod.shape, rejections=(), error=error.message))
            self.progress.rejected[pod.name] = len(self.progress.refusals) - 1
            self.failed[shape] = (news, self.progress.rejected[pod.name])
            return
        if binding is not None:
            self.progress.rejected.pop(pod.name, None)
            self.progress.bindings.append(binding)
            self.tell(shape)
            return
        if may_evict or pod.name not in self.progress.rejected:
            self._reject(pod, may_evict=may_evict)
        if pod.name in self.progress.rejected:
            self.failed[shape] = (news, self.progress.rejected[pod.name])

    def _bind(self, pod: Pod) -> Binding | None:
        engine, shape = self.engine, self.shape[pod.name]
        promised = self.engine.promised.get(pod.name)
        if promised is not None and engine.passes(pod.name, shape, promised):
            nodes: Nodes = np.array([promised])
        else:
            nodes = np.flatnonzero(engine.feasible(pod.name, shape))
        if not len(nodes):
            return None
        top = engine.best(shape, nodes, pod.name)
        node = self._chosen(pod, top)
        names = engine.tables.names
        volumes = engine.state.volumes(self._problem_claims(shape), node) or ()
        engine.state.give(volumes, node)
        devices = engine.granted(pod.name, node)
        if engine.desk is not None and engine.asker(pod.name) is not None:
            engine.desk.give(pod, devices)
        engine.release(pod.name)
        engine.put(pod.name, shape, node)
        ties = tuple(names[i] for i in top[: self.most_ties].tolist())
        return Binding(pod=pod.name, node=names[node], ties=ties, tied=len(top), volumes=volumes, devices=devices)

    def _chosen(self, pod: Pod, top: Nodes) -> int:
        """One of several equally good nodes."""
        if self.choice is not None and len(top) > 1:
            names = tuple(self.engine.tables.names[node] for node in top.tolist())
            wanted = self.choice(pod.name, names)
            if wanted in names:
                return int(top[names.index(wanted)])
        return int(top[0] if self.random is None else self.random.choice(top))

    def _problem_claims(self, shape: int) -> tuple[str, ...]:
        return self.engine.tables.shapes[shape].claims

    def _reject(self, pod: Pod, *, may_evict: bool) -> None:
        """Note why a pod stays out, and make room for it if that is possible."""
        done, shape = self.progress, self.shape[pod.name]
        refusal, rooms = self._preemption.refuse(pod.name, shape, self.budgets, may_evict=may_evict)
        done.refusals.append(refusal)
        if rooms:
            best = self._preemption.choose(rooms)
            self._evict(pod, best[0] if self.random is None else self.random.choice(best))
            return
        promised = self.engine.promised.get(pod.name)
        if refusal.ineligible == "leaving" and promised is not None:
            done.waiting[pod.name] = Waiting(node=promised, refusal=len(done.refusals) - 1)
            return
        done.rejected[pod.name] = len(done.refusals) - 1
        if refusal.attempted:
            self.engine.release(pod.name)

    def _evict(self, pod: Pod, candidate: Candidate) -> None:
        done, engine = self.progress, self.engine
        node = candidate.node
        for victim in candidate.victims:
            if victim.terminating:
                continue
            budgets = self.engine.tables.pods[victim.name].budgets
            for name in budgets:
                self.budgets[name] -= 1
            done.evictions.append(
                Eviction(
                    pod=victim.name,
                    node=engine.tables.names[node],
                    beneficiary=pod.name,
                    breaks=tuple(name for name in budgets if self.budgets[name] < 0),
                    after=len(done.bindings),
                )
            )
            engine.evict(victim.name, node)
            self.tell(victim.shape)
        self.displace(pod, node)
        engine.nominate(pod.name, self.shape[pod.name], node)
        done.rejected.pop(pod.name, None)
        done.waiting[pod.name] = Waiting(node=node, refusal=len(done.refusals) - 1)

    def displace(self, pod: Pod, node: int) -> None:
        """Pods of lower priority that were promised the node lose it and queue up again."""
        done, tables = self.progress, self.engine.tables
        priority = tables.shapes[self.shape[pod.name]].priority
        for name, other in sorted(self.engine.nominated.get(node, {}).items()):
            if tables.shapes[other].priority >= priority:
                continue
            self.engine.release(name)
            if done.waiting.pop(name, None) is not None:
                self._again.append(tables.pods[name])
                done.evictions = [
                    msgspec.structs.replace(eviction, beneficiary=pod.name)
                    if eviction.beneficiary == name
                    else eviction
                    for eviction in done.evictions
                ]

    def waits(self, node: int, refusal: int) -> Waiting:
        """A pod's wait for a node; negative: with its group, without a promise."""
        return Waiting(node=node, refusal=refusal)

    def tell(self, shape: int) -> None:
        """A pod of the shape came or is about to go: those who might have waited for that hear of it."""
        for other in self._helps.get(shape, ()):
            self.news[other] = self.news.get(other, 0) + 1

    def _heard(self, pod: Pod) -> bool:
        shape = self.shape[pod.name]
        return self.failed[shape][0] != self.news.get(shape, 0)


def _groups(run: Run) -> Groups:
    from kubelogic.placement.kube.group_run import Groups  # few clusters have groups

    return Groups(run)
