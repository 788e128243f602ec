"""Groups in a run through the queue: when they are tried, and what is done with what an attempt comes to.

Source: kube-scheduler 1.36, schedule_one_podgroup.go: podGroupCycle, submitPodGroupAlgorithmResult.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from kubelogic.placement.kube import groups
from kubelogic.placement.kube.group_preemption import preempt
from kubelogic.placement.kube.groups import Attempt, Case, Tried
from kubelogic.placement.placement import Binding, Eviction, GroupVerdict, Refusal
from kubelogic.placement.problem import Pod

if TYPE_CHECKING:
    from kubelogic.placement.kube.scheduler import Run


class Groups:
    """The groups of a run. They are tried when the turn of their first pod comes, all pods at once."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._groups = {group.name: group for group in run.problem.groups}
        self._waiting: dict[str, list[Pod]] = {}
        for pod in run.pending if self._groups else ():
            self._waiting.setdefault(pod.group, []).append(pod)
        self._tried: set[str] = set()
        self._bound_before: dict[str, int] = {}
        self._gone = False

    def __contains__(self, name: str) -> bool:
        return name in self._groups

    def begin(self) -> None:
        """A new round: each group may be tried once."""
        self._tried = set()

    def settle(self) -> None:
        """From now on the evicted pods are gone."""
        self._tried, self._gone = set(), True

    def take(self, name: str, *, may_evict: bool) -> None:
        """Try all pods of a group that have no node, once in a round."""
        if name in self._tried:
            return
        self._tried.add(name)
        done = self._run.progress
        members = self._members(name)
        if not members:
            return
        done.attempts += len(members)
        self._bound_before[name] = len(done.bindings)
        self._submit(name, self._find(self._case(name, members, may_evict=may_evict)))

    def again(self) -> None:
        """Groups with pods left over are tried once more if anything was bound since: they see the result.

        A try that would evict pods which have only just been placed counts for nothing.
        """
        done = self._run.progress
        for name, before in sorted(self._bound_before.items()):
            members = [pod for pod in self._members(name) if pod.name in done.rejected]
            if not members or before == len(done.bindings):
                continue
            found = self._find(self._case(name, members, may_evict=True))
            victims = {*found.victims, *(victim for each in found.tried for victim in each.victims)}
            if not found.error and victims.isdisjoint({binding.pod for binding in done.bindings}):
                self._submit(name, found)

    def settled(self, name: str) -> list[Binding]:
        """Where the pods of a group go that waited, now that the evicted pods are gone; once."""
        if name in self._tried:
            return []
        self._tried.add(name)
        run = self._run
        members = [pod for pod in run.pending if pod.group == name and pod.name in run.progress.waiting]
        found = groups.attempt(self._case(name, members, may_evict=False))
        bindings = [each.binding for each in found.tried if each.binding is not None] if found.placed else []
        for binding in bindings:
            self._accept(binding)
        return bindings

    def _members(self, name: str) -> list[Pod]:
        run = self._run
        out = run.progress.waiting.keys() | {binding.pod for binding in run.progress.bindings}
        return [pod for pod in self._waiting.get(name, ()) if pod.name not in out]

    def _find(self, case: Case) -> Attempt:
        found = groups.attempt(case)
        if found.placed or found.error or not (case.problem.as_groups and case.may_evict):
            return found
        return preempt(case, found)

    def _case(self, name: str, members: list[Pod], *, may_evict: bool) -> Case:
        run, done = self._run, self._run.progress
        evicted = frozenset(eviction.pod for eviction in done.evictions)
        problem = groups.present(
            run.problem,
            run.engine,
            placed={binding.pod: binding for binding in (*done.bindings, *done.nominations)},
            leaving=frozenset() if self._gone else evicted,
            gone=evicted if self._gone else frozenset(),
            members=members,
        )
        wanted = {pod.name for pod in members}
        return Case(
            problem=problem,
            group=self._groups[name],
            pods=groups.order(problem, [pod for pod in problem.waiting if pod.name in wanted]),
            budgets=dict(run.budgets),
            may_evict=may_evict,
            random=run.random,
            most_ties=run.most_ties,
            like=run.engine.tables,
        )

    def _submit(self, group: str, found: Attempt) -> None:
        """Bind, promise or reject what was tried."""
        run, done = self._run, self._run.progress
        for victim in found.victims:
            self._evict(victim, found.tried[0].pod.name)
        for each in found.tried:
            name, shape = each.pod.name, run.shape[each.pod.name]
            if each.binding is not None and found.placed:
                self._accept(each.binding)
                done.bindings.append(each.binding)
                done.rejected.pop(name, None)
                run.tell(shape)
                continue
            done.refusals.append(_refusal(each, found))
            for victim in each.victims:
                self._evict(victim, name)
            self._leave_out(each, waits=found.waits, refusal=len(done.refusals) - 1)
        if not (group in done.groups and done.groups[group].scheduled):
            reason = "Scheduled" if found.placed else "SchedulerError" if found.error else "Unschedulable"
            done.groups[group] = GroupVerdict(group=group, scheduled=found.placed, reason=reason, message=found.message)

    def _leave_out(self, tried: Tried, *, waits: bool, refusal: int) -> None:
        run, done = self._run, self._run.progress
        name, shape = tried.pod.name, run.shape[tried.pod.name]
        if not waits:
            done.rejected[name] = refusal
            run.failed[shape] = (run.news.get(shape, 0), refusal)
            run.engine.release(name)
            return
        place = tried.node or (tried.binding.node if tried.binding is not None else "")
        node = run.engine.tables.number[place] if place else -1
        done.rejected.pop(name, None)
        done.waiting[name] = run.waits(node, refusal)
        if place:
            run.displace(run.engine.tables.pods[name], node)
            run.engine.nominate(name, shape, node)

    def _accept(self, binding: Binding) -> None:
        """Let a pod be where an attempt of its group put it."""
        engine, pod = self._run.engine, self._run.engine.tables.pods[binding.pod]
        node = engine.tables.number[binding.node]
        engine.state.give(binding.volumes, node)
        if engine.desk is not None and engine.asker(pod.name) is not None:
            engine.desk.give(pod, binding.devices)
        engine.release(pod.name)
        engine.put(pod.name, self._run.shape[pod.name], node)

    def _evict(self, victim: str, beneficiary: str) -> None:
        """Evict one pod, unless it is on its way out."""
        run, done = self._run, self._run.progress
        pod = run.engine.tables.pods[victim]
        if not pod.node or pod.terminating or any(eviction.pod == victim for eviction in done.evictions):
            return
        for name in pod.budgets:
            run.budgets[name] -= 1
        done.evictions.append(
            Eviction(
                pod=victim,
                node=pod.node,
                beneficiary=beneficiary,
                breaks=tuple(name for name in pod.budgets if run.budgets[name] < 0),
                after=len(done.bindings),
            )
        )
        run.engine.evict(victim, run.engine.tables.number[pod.node])
        run.tell(run.engine.tables.shape_number[pod.shape])


def _refusal(tried: Tried, found: Attempt) -> Refusal:
    """What is said of a pod that its group kept out, or that found no node itself."""
    refusal = tried.refusal or Refusal(shape=tried.pod.shape, rejections=())
    if found.error and not refusal.error:
        return msgspec.structs.replace(refusal, words=found.message)
    if tried.binding is not None:
        return msgspec.structs.replace(refusal, words=found.message if found.waits else groups.HELD)
    if tried.node and not found.waits:
        return msgspec.structs.replace(refusal, words=groups.HELD)
    return refusal
