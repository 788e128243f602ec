"""One shape against all nodes: what passes, what scores best, what is wrong with the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from kubelogic.placement.constraints.devices import lacking
from kubelogic.placement.devices.model import Failure, Granted
from kubelogic.placement.kube import filters
from kubelogic.placement.kube.counters import Counter
from kubelogic.placement.kube.filter import Reason
from kubelogic.placement.kube.fit import Fit
from kubelogic.placement.kube.rules import RuleIndex, Rules
from kubelogic.placement.kube.scores import Nodes, scores
from kubelogic.placement.kube.state import Resident, State
from kubelogic.placement.kube.tables import EVERY, Ints, Mask, Tables, by_name, tables_of
from kubelogic.placement.placement import Rejection
from kubelogic.placement.problem import Pod, Problem, Scorer

if TYPE_CHECKING:
    from kubelogic.placement.kube.devices import Desk

FitKey = tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...], frozenset[str], str]
"""Requests, what scoring takes them to be, those that are not asked for, and whose scorers count."""

_IDLE = 16
"""Fits that are kept for shapes with equal requests that may come: each pod of a DaemonSet has a shape of its own."""


class Engine:
    """Answers questions about single pods over one changing state.

    Attributes:
        tables: the problem as arrays.
        state: what is placed; change it for good only through ``put``, ``take`` and ``evict``.
        nominated: node number to the pods that were promised it, each with its shape.
        promised: those pods, each with the number of its node.
        marks: per node, how often it really changed: what is tried and taken back does not count.
    """

    def __init__(self, problem: Problem, like: Tables | None = None) -> None:
        self.tables = tables_of(problem, like)
        self.state = State(self.tables)
        share = self.tables.size * problem.candidates_percent // 100
        self.candidates = max(problem.candidates_least, share)
        self.nominated: dict[int, dict[str, int]] = {}
        self.promised: dict[str, int] = {}
        self.marks: list[int] = [0] * self.tables.size
        for pod in self.tables.waiting:
            if pod.nominated in self.tables.number:
                self.nominate(pod.name, self.tables.shape_number[pod.shape], self.tables.number[pod.nominated])
        self.desk = None if problem.devices is None else _desk(problem, self.tables.names)
        self._count_devices({name for scorer in problem.scorers for name in scorer.resources})
        self._index = RuleIndex(self.state)
        self._scorers: dict[str, list[Scorer]] = {}
        for scorer in problem.scorers:
            self._scorers.setdefault(scorer.profile, []).append(scorer)
        self._fits: dict[FitKey, Fit] = {}
        self._users: dict[FitKey, int] = {}
        self._idle: dict[FitKey, Fit] = {}
        self._key_of: dict[int, FitKey] = {}

    def rules(self, shape: int) -> Rules:
        """What the problem says about a shape."""
        return self._index.of(shape)

    def helped_by(self, shape: int) -> frozenset[int]:
        """The shapes whose pods can make a node feasible by being placed."""
        return self._index.helped_by(shape)

    def forget(self, shape: int) -> None:
        """Drop what is kept current for a shape that is not asked for any more; it can be made again."""
        key = self._key_of.pop(shape, None)
        if key is not None:
            self._users[key] -= 1
            if not self._users[key]:
                del self._users[key]
                self._idle[key] = self._fits.pop(key)
                if len(self._idle) > _IDLE:
                    del self._idle[next(iter(self._idle))]

    def put(self, pod: str, shape: int, node: int) -> None:
        """Place a pod."""
        self.state.put(Resident(name=pod, shape=shape, terminating=False), node)
        self.marks[node] += 1

    def take(self, pod: str, node: int) -> None:
        """A pod is gone."""
        self.state.take(self.state.residents[node][pod], node)
        self.marks[node] += 1

    def evict(self, pod: str, node: int) -> None:
        """Let a pod terminate: it stays for now."""
        resident = self.state.residents[node][pod]
        self.state.take(resident, node)
        self.state.put(Resident(name=pod, shape=resident.shape, terminating=True), node)
        self.marks[node] += 1

    def nominate(self, pod: str, shape: int, node: int) -> None:
        """Promise a node to a pod, in place of one that it was promised before."""
        self.release(pod)
        self.promised[pod] = node
        self.nominated.setdefault(node, {})[pod] = shape
        self.marks[node] += 1

    def release(self, pod: str) -> None:
        """Take a promise back, if there is one."""
        node = self.promised.pop(pod, None)
        if node is not None:
            del self.nominated[node][pod]
            self.marks[node] += 1
            if not self.nominated[node]:
                del self.nominated[node]

    def feasible(self, pod: str, shape: int) -> Mask:
        """Which nodes pass all filters for a pod, room for the pods that were promised a node included."""
        found = filters.feasible(self.rules(shape), EVERY, self._fit(shape).fits)
        for node in sorted(self.nominated):
            if found[node]:
                with self.with_promised(pod, shape, node) as added:
                    if added:
                        found[node] = self._passes_here(shape, node)
        asker = self.asker(pod)
        if asker is not None and self.desk is not None and found.any():
            if self.desk.refuses(asker):
                found[:] = False
            else:
                found &= ~self.desk.lacks(asker, found)
        return found

    def _count_devices(self, scored: set[str]) -> None:
        """Let scores see devices as amounts of the resources that they stand for, on nodes that report none.

        Source: kube-scheduler, calculateResourceAllocatableRequest with extended resources backed by devices.
        """
        tables = self.tables
        counted = sorted(number for number in tables.by_devices if tables.resources[number] in scored)
        if self.desk is None or not counted:
            return
        tables.scored = tables.allocatable.copy()
        for number in counted:
            for node in np.flatnonzero(tables.allocatable[number] == 0).tolist():
                there, used = self.desk.count(tables.resources[number], tables.names[node])
                tables.scored[number, node] = there
                self.state.assumed[number, node] = used

    def asker(self, pod: str) -> Pod | None:
        """A pod that asks for devices; None if it asks for none."""
        if self.desk is None:
            return None
        asked = self.tables.pods[pod]
        return asked if self.desk.concerns(asked) else None

    def without_devices(self, pod: str, nodes: Mask) -> dict[int, Failure]:
        """Those of some nodes that do not have the devices which a pod asks for.

        Raises:
            DeviceError: where the scheduler ends the attempt.
        """
        asker = self.asker(pod)
        if asker is None or self.desk is None:
            return {}
        if refusal := self.desk.refuses(asker):
            return dict.fromkeys(np.flatnonzero(nodes).tolist(), Failure(words=refusal))
        names, numbers = self.tables.names, np.flatnonzero(nodes).tolist()
        lacking = self.desk.lacking(asker, [names[node] for node in numbers])
        return {node: lacking[names[node]] for node in numbers if names[node] in lacking}

    def granted(self, pod: str, node: int) -> tuple[Granted, ...]:
        """What the claims of a pod get on a node that is feasible for it."""
        asker = self.asker(pod)
        found = self.desk.on(asker, self.tables.names[node]) if asker is not None and self.desk is not None else ()
        return () if isinstance(found, Failure) else found

    def passes(self, pod: str, shape: int, node: int) -> bool:
        """Whether one node passes all filters, with and without the pods that it was promised to."""
        if not self._passes_here(shape, node) or self.without_devices(pod, self._only(node)):
            return False
        with self.with_promised(pod, shape, node) as added:
            return not added or self._passes_here(shape, node)

    def _only(self, node: int) -> Mask:
        mask = np.zeros(self.tables.size, dtype=np.bool_)
        mask[node] = True
        return mask

    def _passes_here(self, shape: int, node: int) -> bool:
        select = np.array([node])
        rules = self.rules(shape)
        fits = self._room(shape, select)
        return bool(filters.feasible(rules, select, fits)[0])

    def _room(self, shape: int, select: Nodes) -> Mask:
        free = self.state.free
        room = self.tables.allocatable
        by_devices = self.tables.by_devices
        return np.array(
            [
                all(
                    free[r, n] >= amount or (r in by_devices and not room[r, n])
                    for r, amount in self.tables.checked[shape]
                )
                for n in select
            ]
        )

    @contextmanager
    def with_promised(self, pod: str, shape: int, node: int) -> Iterator[bool]:
        """For a while, the pods of the same or a higher priority that were promised a node are on it.

        Source: kube-scheduler, RunFilterPluginsWithNominatedPods. A filter that had nothing to look at before the
        promised pods came does not look at them either.
        """
        priority = self.tables.shapes[shape].priority
        promised = [
            Resident(name=name, shape=other, terminating=False)
            for name, other in sorted(self.nominated.get(node, {}).items())
            if name != pod and self.tables.shapes[other].priority >= priority
        ]
        blind = self._blind(shape) if promised else []
        for resident in promised:
            self.state.put(resident, node)
        shut = [(counter, counter.total, counter.counts.copy()) for counter in blind]
        for counter, _, _ in shut:
            counter.counts[:] = 0
            counter.total = 0
        try:
            yield bool(promised)
        finally:
            for counter, total, counts in shut:
                counter.total = total
                counter.counts[:] = counts
            for resident in promised:
                self.state.take(resident, node)

    def _blind(self, shape: int) -> list[Counter]:
        """What the filters that stand aside for a shape would count."""
        return [counter for each in self.rules(shape).filters for counter in each.blind()]

    def scores(self, shape: int, nodes: Nodes, pod: str = "") -> list[tuple[Scorer, Ints | int]]:
        """What each scorer that takes part gives each of the feasible nodes, weighted."""
        devices: Ints | None = None
        asker = self.asker(pod) if pod else None
        if asker is not None and self.desk is not None and self.desk.ranks(asker):
            worth = (self.desk.score(asker, self.granted(pod, node)) for node in nodes.tolist())
            devices = np.fromiter(worth, dtype=np.int64, count=len(nodes))
        found = scores(self._of(shape), self.rules(shape), self._fit(shape), nodes, devices)
        return [(scorer, score * scorer.weight) for scorer, score in found]

    def best(self, shape: int, nodes: Nodes, pod: str = "") -> Nodes:
        """The feasible nodes with the highest total score."""
        if len(nodes) == 1:
            return nodes
        total: Ints | int = 0
        for _, score in self.scores(shape, nodes, pod):
            total = total + score
        if isinstance(total, int):
            return nodes
        return nodes[np.flatnonzero(total == total.max())]

    def rejections(self, pod: str, shape: int) -> tuple[Rejection, ...]:
        """Why each node that does not pass is turned down, by all filters."""
        found = list(filters.reasons(self.rules(shape), EVERY))
        rejected = np.zeros(self.tables.size, dtype=np.bool_)
        for _, mask in found:
            rejected |= mask
        extra: dict[Reason, list[int]] = {}
        for node in sorted(self.nominated):
            if not rejected[node]:
                for reason in self.reasons_promised(pod, shape, node):
                    extra.setdefault(reason, []).append(node)
            rejected[[node for numbers in extra.values() for node in numbers]] = True
        for number, failure in self.without_devices(pod, ~rejected).items():
            extra.setdefault(lacking(self.tables, failure.words), []).append(number)
        merged: dict[Reason, Mask] = {}
        for reason, mask in found:
            merged[reason] = merged[reason] | mask if reason in merged else mask
        for reason, numbers in extra.items():
            merged[reason] = marked(merged.get(reason, np.zeros_like(rejected)), numbers)
        return as_rejections(self.tables, merged)

    def reasons_promised(self, pod: str, shape: int, node: int) -> list[Reason]:
        """What is wrong with a node once the pods that it was promised to are on it."""
        with self.with_promised(pod, shape, node) as added:
            return self.reasons_here(shape, node) if added else []

    def reasons_here(self, shape: int, node: int) -> list[Reason]:
        """What is wrong with one node."""
        select = np.array([node])
        return [reason for reason, mask in filters.reasons(self.rules(shape), select) if mask[0]]

    def _of(self, shape: int) -> tuple[Scorer, ...]:
        return tuple(self._scorers.get(self.tables.shapes[shape].profile, ()))

    def reasons_of_devices(self, pod: str, node: int) -> list[Reason]:
        """What is wrong with the devices of one node."""
        return [lacking(self.tables, failure.words) for failure in self.without_devices(pod, self._only(node)).values()]

    def _fit(self, shape: int) -> Fit:
        """Shared by shapes with equal requests."""
        key = self._key_of.get(shape)
        if key is None:
            described = self.tables.shapes[shape]
            key = (
                by_name(described.requests),
                by_name(described.scored_requests),
                described.unchecked,
                described.profile,
            )
            if key not in self._fits:
                idle = self._idle.pop(key, None)
                self._fits[key] = idle or Fit(self.state, described, scorers=self._of(shape))
            self._key_of[shape] = key
            self._users[key] = self._users.get(key, 0) + 1
        found = self._fits[key]
        found.refresh()
        return found


def _desk(problem: Problem, names: Sequence[str]) -> Desk:
    from kubelogic.placement.kube.devices import Desk  # few clusters have devices

    return Desk(problem, names=names)


def marked(nodes: Mask, more: Iterable[int]) -> Mask:
    """A mask with more nodes in it."""
    found: Mask = nodes.copy()
    found[list(more)] = True
    return found


def as_rejections(tables: Tables, merged: Mapping[Reason, Mask]) -> tuple[Rejection, ...]:
    """Reasons with the nodes that they turn away, if any, in the order of the filters."""
    return tuple(
        Rejection(
            stage=reason.stage,
            filter=reason.filter,
            reason=reason.reason,
            subject=reason.subject,
            resolvable=reason.resolvable,
            nodes=tables.named(merged[reason]),
        )
        for reason in sorted(merged)
        if merged[reason].any()
    )
