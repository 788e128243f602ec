"""Rollouts that cannot finish: each workload is given a new revision, and the control loops are run.

Source: ``kubectl rollout restart`` (an annotation of the template) and ``kubectl rollout status`` of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from kubelogic.apiserver import requests
from kubelogic.cluster import Object
from kubelogic.cluster.owners import workload
from kubelogic.cluster.pods import node_of
from kubelogic.explain.pending import pending_pods
from kubelogic.explain.units import count
from kubelogic.reconcile.relations import Relations
from kubelogic.reconcile.rollouts import Rollout, rollouts
from kubelogic.reconcile.settle import Progress, Run, settle
from kubelogic.verbs.checking.findings import Finding, place
from kubelogic.verbs.reconciled import Options, Reconciled, one_by_one

STUCK, NOT_TRIED = "KL301", "KL302"

_LONGEST = 3_600_000
"""Milliseconds of simulated time that a rollout is given."""

MOST_PODS = 2_000
"""Clusters with more pods are not rolled."""

_Change = Mapping[str, Any]

_WAYS: Mapping[str, Sequence[tuple[str, _Change]]] = {
    "Deployment": (
        (
            "set spec.strategy.rollingUpdate.maxSurge to 0 and maxUnavailable to 1",
            {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}}},
        ),
        (
            "set spec.strategy.type to Recreate",
            {"spec": {"strategy": {"type": "Recreate", "rollingUpdate": None}}},
        ),
    ),
    "DaemonSet": (
        (
            "set spec.updateStrategy.rollingUpdate.maxSurge to 0 and maxUnavailable to 1",
            {"spec": {"updateStrategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}}},
        ),
    ),
}
"""By kind, what often lets a rollout finish, the smallest change first."""

_RESTART: _Change = {
    "spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z"}}}}
}


def of_rollouts(
    done: Reconciled, options: Options, only: Collection[tuple[str, str]] | None = None
) -> Iterator[Finding]:
    """The workloads of which a new revision would never be rolled out.

    Args:
        done: the cluster after its controllers have run.
        options: how it was reconciled; its time limit holds for all rollouts together.
        only: kinds and keys to look at; None for all.
    """
    asked = [obj for obj in _rollable(done) if only is None or (obj.kind, obj.key) in only]
    if not asked:
        return
    if len(done.cluster.objects("Pod")) > MOST_PODS:
        yield Finding(
            code=NOT_TRIED,
            severity="note",
            message=f"rollouts were not simulated: there are {len(done.cluster.objects('Pod'))} pods, more than "
            f"{MOST_PODS}",
        )
        return
    late: list[Object] = []
    with runner(done, options) as rolled:
        # What finishes beside all others finishes; what does not is tried alone, which decides.
        together = rolled.roll(asked)
        for obj in asked:
            if finished(together, obj):
                continue
            if rolled.expired():
                late.append(obj)
            elif (stuck := rolled.stuck(obj)) is not None:
                yield stuck
    if late:
        more = f" and {len(late) - 3} more" if len(late) > 3 else ""
        yield Finding(
            code=NOT_TRIED,
            severity="note",
            message=f"the time limit of {options.timeout:g} s did not suffice for the rollouts of "
            f"{', '.join(map(str, late[:3]))}{more}",
        )


def _rollable(done: Reconciled) -> Iterator[Object]:
    """The workloads that are updated bit by bit and are all there."""
    complete = {(each.kind, each.key) for each in rollouts(done.cluster) if each.complete}
    for kind, field in (("DaemonSet", "updateStrategy"), ("Deployment", "strategy"), ("StatefulSet", "updateStrategy")):
        for key, obj in sorted(done.cluster.objects(kind).items()):
            spec = obj.document.get("spec") or {}
            rolls = ((spec.get(field) or {}).get("type") or "RollingUpdate") == "RollingUpdate"
            if rolls and not spec.get("paused") and (kind, key) in complete and spec.get("replicas") != 0:
                yield obj


@contextmanager
def runner(done: Reconciled, options: Options) -> Iterator[Runner]:
    """Runs that use the engine of a run, which is afterwards as it was."""
    with one_by_one(done):
        yield Runner(done, options)


class Runner:
    """Rolls workloads of a cluster out; ``start`` is the state from which each of them begins."""

    def __init__(self, done: Reconciled, options: Options) -> None:
        self._done, self._clock = done, options.clock
        self._deadline = options.end
        self._pending = frozenset(key for key, pod in done.cluster.objects("Pod").items() if not node_of(pod))
        state = done.run.state
        # CronJobs would make Jobs for an hour, which have no part in this.
        for key in sorted(state.cluster.objects("CronJob")):
            state = requests.patch(state, "CronJob", key, {"spec": {"suspend": True}}).state
        self.start = state

    def expired(self) -> bool:
        """Whether there is no time left."""
        return self._clock is not None and self._clock() > self._deadline

    def roll(
        self, objects: Sequence[Object], change: _Change | None = None, *, progress: Progress | None = None
    ) -> Run | None:
        """What comes of a new revision of some workloads, after a change of them; None if it is refused."""
        state = self.start
        for obj in objects:
            for patch in [change, _RESTART] if change is not None else [_RESTART]:
                outcome = requests.patch(state, obj.kind, obj.key, patch)
                if not outcome.answer.accepted:
                    return None
                state = outcome.state
        return settle(self._done.engine.reconciler, state, until=state.now + _LONGEST, progress=progress)

    def stuck(self, obj: Object) -> Finding | None:
        """The finding that a workload's rollout does not finish; None if it does, or takes long only."""
        run = self.roll([obj])
        found = _rollout(run, obj)
        if run is None or found is None or found.complete or not (run.settled or run.cycle or found.stuck):
            return None
        pods = run.state.cluster.objects("Pod")
        if any(node_of(pods[key]) for key in self._pending if key in pods):
            return None  # pods that waited before have taken the room: that they wait is a finding of its own
        why = self._why(run, obj)
        step = next((told for told, way in _WAYS.get(obj.kind, ()) if not self.expired() and self._helps(obj, way)), "")
        message = found.message.partition(": ")[2] if obj.kind == "Deployment" else found.message
        status = run.state.cluster.get(obj.kind, obj.key)
        far = _far(status) or message
        return Finding(
            code=STUCK,
            severity="error",
            message=f"a rollout of {obj} cannot finish: {far}{f'; {why}' if why else ''}",
            api_version=obj.api_version,
            kind=obj.kind,
            key=obj.key,
            location=place(self._done.cluster, obj, _strategy(obj)),
            step=step,
            checked=bool(step),
            about=("rollout",),
        )

    def _helps(self, obj: Object, way: _Change) -> bool:
        return finished(self.roll([obj], way), obj)

    def _why(self, run: Run, obj: Object) -> str:
        """What holds the next pod of a rollout."""
        name, state = str(obj), run.state
        waiting = pending_pods(state, self._done.rulebook, judge=self._done.judge, moves=lambda *_: lambda *_: False)
        mine = [pod for pod in waiting if pod.owner == name]
        if mine:
            gist = mine[0].message.partition(". ")[0].rstrip(".")
            return f"{_of_the_new(len(mine), _updated(state.cluster.get(obj.kind, obj.key)))} no node: {gist}"
        for refused in run.refusals:
            owner = state.cluster.get(refused.owner_kind, refused.owner)
            if refused.kind == "Pod" and owner is not None and workload(state.cluster, owner) == name:
                return f"the next pod is refused: {refused.answer.message}"
        troubles = Relations.of(self._done.rulebook, state, ["trouble"]).rows("trouble")
        for kind, key, reason, message in sorted(troubles, key=repr):
            pod_object = state.cluster.get(str(kind), str(key))
            if kind == "Pod" and pod_object is not None and workload(state.cluster, pod_object) == name:
                return f"the next pod does not run: {reason}: {message}"
        return ""


def _of_the_new(waiting: int, updated: int) -> str:
    """Which of the pods of the new revision, which were just counted, get something.

    >>> _of_the_new(1, 1), _of_the_new(1, 3), _of_the_new(2, 2), _of_the_new(1, 0)
    ('it gets', '1 of them gets', 'they get', 'a pod of an older one gets')
    """
    if waiting > updated:
        return "a pod of an older one gets"
    if waiting == updated:
        return "it gets" if waiting == 1 else "they get"
    return f"{waiting} of them {'gets' if waiting == 1 else 'get'}"


def _updated(obj: Object | None) -> int:
    """How many pods of the new revision there are."""
    status = (obj.document.get("status") or {}) if obj is not None else {}
    return int(status.get("updatedNumberScheduled" if obj and obj.kind == "DaemonSet" else "updatedReplicas") or 0)


def _far(obj: Object | None) -> str:
    """How many pods of the new revision there are."""
    if obj is None:
        return ""
    spec, status = obj.document.get("spec") or {}, obj.document.get("status") or {}
    wanted = (status.get("desiredNumberScheduled") or 0) if obj.kind == "DaemonSet" else spec.get("replicas", 1)
    updated = _updated(obj)
    return f"{updated} of {count(wanted, 'pod')} {'is' if updated == 1 else 'are'} of the new revision"


def _strategy(obj: Object) -> tuple[str, ...]:
    """The field that says how a workload is updated, if it is written; else the workload's name."""
    path = ("spec", "strategy" if obj.kind == "Deployment" else "updateStrategy")
    if obj.origin is None:
        return path
    here, around = obj.origin.locate(path), obj.origin.locate(path[:1])
    return path if (here.line, here.column) != (around.line, around.column) else ("metadata", "name")


def _rollout(run: Run | None, obj: Object) -> Rollout | None:
    if run is None:
        return None
    return next((each for each in rollouts(run.state.cluster) if (each.kind, each.key) == (obj.kind, obj.key)), None)


def finished(run: Run | None, obj: Object) -> bool:
    """Whether a workload's rollout has finished at the end of a run."""
    found = _rollout(run, obj)
    return found is not None and found.complete
