"""Making room: which pods of lower priority would have to leave which node, and which node is the least harm.

Source: kube-scheduler, DefaultPreemption.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal

import msgspec
import numpy as np

from kubelogic.placement.kube import filters
from kubelogic.placement.kube.engine import Engine, as_rejections, marked
from kubelogic.placement.kube.filter import Reason
from kubelogic.placement.kube.state import Resident
from kubelogic.placement.kube.tables import EVERY, Ints, Mask
from kubelogic.placement.kube.traces import Traces
from kubelogic.placement.placement import Refusal, Rejection
from kubelogic.placement.problem import Pod

_OFFSET = 2**31


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A node on which a pod would fit without its ``victims``, the most important one first.

    ``violations``: how many of them a budget protects.
    """

    node: int
    victims: tuple[Resident, ...]
    violations: int


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """What came of looking for room.

    Attributes:
        candidates: in the order of their nodes.
        rejections: what remains in the way elsewhere, with all pods of lower priority gone.
        helpless: names of the nodes without any pod of lower priority.
    """

    candidates: tuple[Candidate, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    helpless: tuple[str, ...] = ()


class Preemption:
    """Looks for room on the nodes of an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tables = engine.tables
        self._state = engine.state
        self._tried: dict[tuple[int, int], tuple[int, Mapping[str, int], Candidate | list[Reason] | None]] = {}
        self._costs: dict[tuple[int, int], tuple[int, int]] = {}

    def refuse(
        self, pod: str, shape: int, budgets: Mapping[str, int], *, may_evict: bool = True
    ) -> tuple[Refusal, tuple[Candidate, ...]]:
        """Why no node passes for a pod, and where room could be made for it."""
        rejections = self._engine.rejections(pod, shape)
        name = self._tables.shapes[shape].name
        asker = self._engine.asker(pod)
        before = self._engine.desk.refuses(asker) if asker is not None and self._engine.desk is not None else ""
        devices = asker is not None and not before
        deallocates = self._deallocates(asker, rejections) if asker is not None else ""
        ineligible = self.ineligible(pod, shape, self._engine.promised.get(pod)) if may_evict else ""
        if not may_evict or ineligible:
            refusal = Refusal(
                shape=name,
                rejections=rejections,
                ineligible=ineligible,
                devices=devices,
                deallocates=deallocates,
                before=before,
            )
            return refusal, ()
        search = self.search(pod, shape, budgets)
        refusal = Refusal(
            shape=name,
            rejections=rejections,
            attempted=True,
            preemption=search.rejections,
            helpless=search.helpless,
            devices=devices,
            deallocates=deallocates,
            before=before,
        )
        return refusal, search.candidates

    def _deallocates(self, pod: Pod, rejections: Sequence[Rejection]) -> str:
        """The claim whose devices are taken away, since it was in the way on some node and nobody uses it."""
        from kubelogic.placement.kube.devices import UNAVAILABLE

        desk = self._engine.desk
        assert desk is not None
        nodes = [
            node
            for rejection in rejections
            if rejection.reason == "devices" and rejection.subject == UNAVAILABLE
            for node in rejection.nodes
        ]
        elsewhere = {name for node in nodes for name in desk.elsewhere(pod, node)}
        return desk.unused(pod, sorted(elsewhere))

    def ineligible(self, pod: str, shape: int, node: int | None) -> Literal["", "never", "leaving"]:
        """What forbids a pod to preempt now: its policy, or that its last victims are still leaving.

        Args:
            pod: its name.
            shape: its shape's number.
            node: the node that it was promised, if any.
        """
        if not self._tables.shapes[shape].preempts:
            return "never"
        if node is None or not self._open(pod, shape)[node]:
            return ""
        residents = self._state.residents[node].values()
        return "leaving" if any(self._evicted(r) and self._lower(shape, r) for r in residents) else ""

    def _evicted(self, resident: Resident) -> bool:
        """Whether a scheduler made a pod terminate: in this run, or before."""
        pod = self._tables.pods[resident.name]
        return resident.terminating and (pod.displaced or not pod.terminating)

    def search(self, pod: str, shape: int, budgets: Mapping[str, int]) -> Search:
        """All candidates; of more than a hundred nodes, the first hundred (or tenth) by what they would cost.

        Args:
            pod: its name.
            shape: its shape's number.
            budgets: how many evictions each budget still allows.
        """
        candidates: list[Candidate] = []
        merged: dict[Reason, set[int]] = {}
        helpless: list[int] = []
        nodes = np.flatnonzero(self._open(pod, shape))
        wanted = self._engine.candidates
        for node in self._order(shape, nodes, wanted):
            found = self._try(pod, shape, node, budgets)
            match found:
                case Candidate():
                    candidates.append(found)
                    if len(candidates) >= wanted and any(not c.violations for c in candidates):
                        break
                case None:
                    helpless.append(node)
                case _:
                    for reason in found:
                        merged.setdefault(reason, set()).add(node)
        none = np.zeros(self._tables.size, dtype=np.bool_)
        return Search(
            candidates=tuple(sorted(candidates, key=lambda c: c.node)),
            rejections=as_rejections(self._tables, {each: marked(none, nodes) for each, nodes in merged.items()}),
            helpless=tuple(self._tables.names[node] for node in sorted(helpless)),
        )

    def choose(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """The candidates among which nothing decides, in the order of their nodes."""
        ranks = {candidate.node: self._rank(candidate) for candidate in candidates}
        least = min(ranks.values(), default=None)
        return [candidate for candidate in candidates if ranks[candidate.node] == least]

    def _rank(self, candidate: Candidate) -> tuple[int, int, int, int, int]:
        """Fewest violations, lowest highest priority, smallest sum, fewest victims, latest start of the highest."""
        priorities = [self._tables.shapes[victim.shape].priority for victim in candidate.victims]
        highest = max(priorities)
        starts = (
            self._tables.pods[victim.name].started
            for victim, priority in zip(candidate.victims, priorities, strict=True)
            if priority == highest
        )
        total = sum(priority + _OFFSET for priority in priorities)
        return candidate.violations, highest, total, len(priorities), -min(starts)

    def _open(self, pod: str, shape: int) -> Mask:
        """The nodes where the first filter that objects does so for a reason that could go away."""
        undecided = np.ones(self._tables.size, dtype=np.bool_)
        found = np.zeros_like(undecided)
        stages: dict[int, list[tuple[Reason, Mask]]] = {}
        for reason, mask in filters.reasons(self._engine.rules(shape), EVERY):
            stages.setdefault(reason.stage, []).append((reason, mask))
        for stage in sorted(stages):
            objects = np.zeros_like(undecided)
            final = np.zeros_like(undecided)
            for reason, mask in stages[stage]:
                objects |= mask
                if not reason.resolvable:
                    final |= mask
            found |= undecided & objects & ~final
            undecided &= ~objects
        for node in sorted(self._engine.nominated):
            if undecided[node]:
                reasons = self._engine.reasons_promised(pod, shape, node)
                first = min((reason.stage for reason in reasons), default=-1)
                found[node] = bool(reasons) and all(r.resolvable for r in reasons if r.stage == first)
        return found

    def _lower(self, shape: int, resident: Resident) -> bool:
        if self._tables.shapes[resident.shape].priority >= self._tables.shapes[shape].priority:
            return False
        pod = self._tables.pods[resident.name]
        return pod.movable or resident.terminating

    def _importance(self, resident: Resident) -> tuple[int, int, str]:
        priority = self._tables.shapes[resident.shape].priority
        return -priority, self._tables.pods[resident.name].started, resident.name

    def _order(self, shape: int, nodes: Ints, wanted: int) -> list[int]:
        """Every node, or where there are more than needed, those with the least important pods first."""
        if len(nodes) <= wanted:
            return [int(node) for node in nodes]
        costs: dict[int, int] = {}
        for node in nodes.tolist():
            mark, cost = self._costs.get((shape, node), (-1, 0))
            if mark != self._engine.marks[node]:
                cost = self._least_priority(shape, node)
                self._costs[shape, node] = self._engine.marks[node], cost
            costs[node] = cost
        return sorted(costs, key=lambda node: (costs[node], node))

    def _least_priority(self, shape: int, node: int) -> int:
        """The lowest priority up to which pods have to leave so that the resources suffice."""
        tables = self._tables
        lacking = {
            resource: amount - int(self._state.free[resource, node])
            for resource, amount in tables.checked[shape]
            if amount > self._state.free[resource, node]
        }
        lower = [r for r in self._state.residents[node].values() if self._lower(shape, r)]
        for resident in sorted(lower, key=self._importance, reverse=True):
            if not lacking:
                break
            for resource, amount in tables.requests[resident.shape]:
                if resource in lacking:
                    lacking[resource] -= amount
                    if lacking[resource] <= 0:
                        del lacking[resource]
            if not lacking:
                return tables.shapes[resident.shape].priority
        return _OFFSET if lacking or not lower else min(tables.shapes[r.shape].priority for r in lower)

    def _try(self, pod: str, shape: int, node: int, budgets: Mapping[str, int]) -> Candidate | list[Reason] | None:
        """A dry run, or what an earlier one for an equal pod found if nothing that matters has changed since."""
        if self._engine.rules(shape).couples or pod in self._engine.promised:
            return self._dry_run(pod, shape, node, budgets)
        mark = self._engine.marks[node]
        kept = self._tried.get((shape, node))
        if kept is not None and kept[0] == mark and kept[1] == budgets:
            return kept[2]
        found = self._dry_run(pod, shape, node, budgets)
        self._tried[shape, node] = mark, dict(budgets), found
        return found

    def _dry_run(self, pod: str, shape: int, node: int, budgets: Mapping[str, int]) -> Candidate | list[Reason] | None:
        """Take all pods of lower priority away, then give back whom the pod can do with, the important ones first."""
        lower = [r for r in self._state.residents[node].values() if self._lower(shape, r)]
        if not lower:
            return None
        lower.sort(key=self._importance)
        with self._without(lower, node, shape) as (gone, traces):
            if not self._engine.passes(pod, shape, node):
                reasons = self._engine.reasons_promised(pod, shape, node) or self._engine.reasons_here(shape, node)
                return reasons or self._engine.reasons_of_devices(pod, node)
            protected = self._protected(lower, budgets)
            violations = 0
            for resident in sorted(lower, key=lambda r: r.name not in protected):
                self._give_back(resident, node, traces)
                if self._engine.passes(pod, shape, node):
                    gone.remove(resident)
                else:
                    self._remove(resident, node, traces)
                    violations += resident.name in protected
            victims = tuple(sorted(gone, key=self._importance))
        if not victims:
            return []
        return Candidate(node=node, victims=victims, violations=violations)

    @contextmanager
    def _without(self, residents: Sequence[Resident], node: int, shape: int) -> Iterator[tuple[list[Resident], Traces]]:
        """For a while, some pods are off their node; those still in the yielded list come back at the end."""
        order = self._state.residents[node].copy()
        traces = Traces(self._state, self._engine.rules(shape), node)
        gone = list(residents)
        for resident in residents:
            self._remove(resident, node, traces)
        try:
            yield gone, traces
        finally:
            for resident in gone:
                self._give_back(resident, node, traces)
            traces.restore()
            self._state.residents[node] = order

    def _remove(self, resident: Resident, node: int, traces: Traces) -> None:
        self._state.take(resident, node)
        traces.gone(resident)
        if resident.terminating:
            # spread never counted this pod, yet the scheduler's dry run takes it off all the same
            self._state.recount(resident.shape, node, -1)

    def _give_back(self, resident: Resident, node: int, traces: Traces) -> None:
        self._state.put(resident, node)
        traces.back(resident)
        if resident.terminating:
            self._state.recount(resident.shape, node, 1)

    def _protected(self, residents: Sequence[Resident], budgets: Mapping[str, int]) -> frozenset[str]:
        """Names of the pods that go beyond a budget when all leave, the important ones drawing on it first."""
        left = dict(budgets)
        found: set[str] = set()
        for resident in residents:
            for budget in self._tables.pods[resident.name].budgets:
                left[budget] -= 1
                if left[budget] < 0:
                    found.add(resident.name)
        return frozenset(found)
