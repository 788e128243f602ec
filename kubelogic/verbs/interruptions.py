"""Whether a Service is without a ready endpoint at some moment while what is behind it is rolled out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from kubelogic.cluster import Object
from kubelogic.cluster.owners import workload
from kubelogic.cluster.state import State
from kubelogic.reconcile.ailments import ready_endpoints
from kubelogic.reconcile.settle import Step
from kubelogic.verbs.checking.rolled import Runner, finished, runner
from kubelogic.verbs.reconciled import Options, Reconciled
from kubelogic.verbs.services import selected

_Change = Mapping[str, Any]

_WAYS: Mapping[str, tuple[str, _Change]] = {
    "Deployment": (
        "spec.strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}",
        {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}},
    ),
    "StatefulSet": ("spec.replicas: 2", {"spec": {"replicas": 2}}),
    "DaemonSet": (
        "spec.updateStrategy.rollingUpdate: {maxSurge: 1, maxUnavailable: 0}",
        {"spec": {"updateStrategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}}},
    ),
}
"""By kind, what often keeps one pod ready throughout."""


class Interruption(msgspec.Struct, frozen=True, kw_only=True):
    """What a rollout of one workload means for a Service.

    Attributes:
        workload: ``Kind namespace/name``.
        least: the fewest ready endpoints at any moment of it.
        before: how many there are now.
        gap: milliseconds without any, all together.
        since: milliseconds from the start of the rollout to the first of them; 0 without a gap.
        finished: whether the rollout finishes.
        helps: a change of the workload with which there is no gap; empty if none was needed or found. It was tried.
    """

    workload: str
    least: int
    before: int
    gap: int = 0
    since: int = 0
    finished: bool = True
    helps: str = ""


def interruptions(done: Reconciled, service: Object, options: Options) -> tuple[Interruption, ...]:
    """Roll out each workload behind a Service, one at a time, with pods that start as fast as in the simulation.

    Args:
        done: the cluster after its controllers have run.
        service: one of its Services, with a selector.
        options: how it was reconciled.

    Returns:
        By workload that can be rolled out; empty if the Service has no ready endpoint now.
    """
    before = ready_endpoints(done.cluster).get(service.key, 0)
    names = {workload(done.cluster, pod) for pod in selected(done.cluster, service)}
    if not before or not names:
        return ()
    with runner(done, options) as rolled:
        return tuple(_interruptions(rolled, done, service, names, before))


def _interruptions(
    rolled: Runner, done: Reconciled, service: Object, names: Collection[str], before: int
) -> Iterator[Interruption]:
    for kind, (told, change) in sorted(_WAYS.items()):
        for _, obj in sorted(done.cluster.objects(kind).items()):
            spec = obj.document.get("spec") or {}
            on_delete = (spec.get("updateStrategy") or {}).get("type") == "OnDelete"
            if str(obj) not in names or on_delete or spec.get("paused") or rolled.expired():
                continue
            found = _rolled(rolled, obj, service, before)
            if found is not None and found.gap:
                better = _rolled(rolled, obj, service, before, change)
                works = better is not None and better.finished and not better.gap
                found = replace(found, helps=told if works else "")
            if found is not None:
                yield found


def _rolled(
    rolled: Runner, obj: Object, service: Object, before: int, change: _Change | None = None
) -> Interruption | None:
    """What a rollout comes to; None if the change is refused."""
    seen: list[tuple[int, int]] = []

    def look(step: Step, state: State) -> None:
        seen.append((step.now, ready_endpoints(state.cluster).get(service.key, 0)))

    run = rolled.roll([obj], change, progress=look)
    if run is None:
        return None
    start = rolled.start.now
    ends = [now for now, _ in seen[1:]] + [run.state.now]
    gaps = [(now, end - now) for (now, count), end in zip(seen, ends, strict=True) if not count]
    return Interruption(
        workload=str(obj),
        least=min([before, *(count for _, count in seen)]),
        before=before,
        gap=sum(length for _, length in gaps),
        since=gaps[0][0] - start if gaps else 0,
        finished=finished(run, obj),
    )
