"""Room for a group as a whole: who has to leave so that as many of its pods fit as it needs.

Source: kube-scheduler 1.36, runWorkloadAwarePreemption; framework/preemption/podgrouppreemption.go (Preempt,
selectVictimsOnDomain, preemptorEligibleToPreemptOthers, moreImportantVictim) and types.go (newPodGroupPreemptor,
newDomainForWorkloadPreemption).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
from msgspec.structs import replace

from kubelogic.placement.kube.groups import Attempt, Case, attempt
from kubelogic.placement.problem import Pod

NO_VICTIMS = "No preemption victims found for incoming preemptor"
CONSTRAINED = "workload aware preemption is not supported for pod groups with scheduling constraints"
NEVER = "not eligible due to preemptionPolicy=Never."


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """Pods that are evicted together: one, or those of a group."""

    pods: tuple[Pod, ...]
    priority: int
    grouped: bool

    @property
    def importance(self) -> tuple[int, bool, int, int, str]:
        """The more important come first: by priority, in a group, the larger group, the older."""
        size = -len(self.pods) if self.grouped else 0
        return -self.priority, not self.grouped, size, min(pod.started for pod in self.pods), self.pods[0].name


def preempt(case: Case, tried: Attempt) -> Attempt:
    """What a group that found no room does: ``tried`` again, now with those who have to leave, or why nobody does.

    Pods are removed as if they were gone, all of lower priority at first; then those come back with whom the group can
    do, the important ones first, those whom a budget protects before others.
    """
    found = _victims(case)
    if isinstance(found, Attempt):
        return replace(tried, message=found.message, error=True)
    if isinstance(found, str):
        words = f"{tried.message}, {found}"
        # Pods of which none was tried say what is said of the group.
        together = tuple(
            replace(each, refusal=msgspec.structs.replace(each.refusal, words=words))
            if each.refusal is not None and each.refusal.words == tried.message
            else each
            for each in tried.tried
        )
        return replace(tried, tried=together, message=words)
    return replace(tried, waits=True, victims=found)


def _victims(case: Case) -> tuple[str, ...] | str | Attempt:
    """Who has to leave; why nobody does; or the attempt that ends in a fault even with all of them gone."""
    group = case.group
    if group.key:
        return CONSTRAINED
    preempts = {shape.name: shape.preempts for shape in case.problem.shapes}
    if not group.preempts or not all(preempts[pod.shape] for pod in case.pods):
        return NEVER
    units = sorted((unit for unit in _units(case) if unit.priority < group.priority), key=lambda unit: unit.importance)
    if not units:
        return NO_VICTIMS
    quiet = replace(case, may_evict=False)
    out = {pod.name for unit in units for pod in unit.pods}
    without = attempt(_without(quiet, out))
    if without.error:
        return without
    if not without.placed:
        return without.message
    protected = _protected(case, units)
    victims: list[Unit] = []
    for unit in sorted(units, key=lambda unit: (unit not in protected, unit.importance)):
        names = {pod.name for pod in unit.pods}
        if attempt(_without(quiet, out - names)).placed:
            out -= names
        else:
            victims.append(unit)
    victims.sort(key=lambda unit: unit.importance)
    return tuple(pod.name for unit in victims for pod in unit.pods if not pod.terminating)


def _units(case: Case) -> Iterator[Unit]:
    """Whoever runs, as the group's preemption sees it; pods that may not be evicted are left out."""
    priority = {shape.name: shape.priority for shape in case.problem.shapes}
    groups = {group.name: group for group in case.problem.groups}
    together: dict[str, list[Pod]] = {}
    for pod in case.problem.running:
        if not (pod.movable or pod.terminating):
            continue
        group = groups.get(pod.group)
        if group is not None and group.whole:
            together.setdefault(group.name, []).append(pod)
        else:
            yield Unit(pods=(pod,), priority=priority[pod.shape], grouped=bool(pod.group))
    for name in sorted(together):
        yield Unit(pods=tuple(together[name]), priority=groups[name].priority, grouped=True)


def _protected(case: Case, units: Sequence[Unit]) -> frozenset[Unit]:
    """Those that go beyond a budget when all leave, the important ones drawing on it first."""
    left = dict(case.budgets)
    found: set[Unit] = set()
    for unit in units:
        for pod in unit.pods:
            for budget in pod.budgets:
                left[budget] -= 1
                if left[budget] < 0:
                    found.add(unit)
    return frozenset(found)


def _without(case: Case, names: set[str]) -> Case:
    pods = tuple(pod for pod in case.problem.pods if pod.name not in names)
    return replace(case, problem=msgspec.structs.replace(case.problem, pods=pods))
