"""Draining a node: what ``kubectl drain`` needs to be told, in which order the pods go, what blocks it, what helps.

The answer is a run of the control plane from the settled cluster with the drain as its only event, budgets, controllers
and scheduler included; what helps was tried in the same way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from kubelogic.apiserver import requests
from kubelogic.apiserver.registry.eviction import budgets_of
from kubelogic.cluster import Object
from kubelogic.cluster.edit import metadata, uid_of
from kubelogic.cluster.owners import workload
from kubelogic.cluster.pods import controller_reference, is_active, is_ready, node_of
from kubelogic.cluster.state import State
from kubelogic.explain.pending import PendingPod
from kubelogic.reconcile.drains import LOCAL, UNMANAGED, meant
from kubelogic.reconcile.scenario import Drain, Event, Scenario
from kubelogic.reconcile.settle import Run
from kubelogic.reconcile.simulate import Simulated, simulate
from kubelogic.verbs.blocked import Blocked, blocked, sizeless, unready
from kubelogic.verbs.missing_owners import made_anew
from kubelogic.verbs.plan import pending_of
from kubelogic.verbs.reconciled import Options, Reconciled

PATIENCE = 30 * 60_000
"""Milliseconds of simulated time that a drain is given."""

_FLAGS: Mapping[str, tuple[str, str]] = {
    LOCAL: ("--delete-emptydir-data", "what is in their emptyDir volumes is lost"),
    UNMANAGED: ("--force", "nothing makes them anew"),
}
"""What kubectl has to be told where it refuses, and what that means for the pods."""


class Help(msgspec.Struct, frozen=True, kw_only=True):
    """Something to do before the drain with which it was tried, and worked: in so many milliseconds."""

    summary: str
    done: int


class NodeDrain(msgspec.Struct, frozen=True, kw_only=True):
    """What comes of draining a node.

    Attributes:
        node: its name.
        command: what to type.
        flags: for each flag beyond ``--ignore-daemonsets``, what it means and for which pods.
        stays: pods that a drain leaves alone.
        order: the pods in the order in which they are gone, each with the time, in milliseconds from the start.
        done: when the last of them is gone; None if some never are.
        blocked: pods that stay because of budgets.
        homeless: pods that find no node afterwards and that would have one without the drain.
        unserved: Services that have no ready endpoint for a while or at the end: from when to when (None: the end).
        helps: what was tried and lets the drain end with every pod on a node.
        unknown: of pods that go, whether their owners make them anew, and where these find a place, is not known.
    """

    node: str
    command: str
    flags: tuple[tuple[str, str, tuple[str, ...]], ...]
    stays: tuple[str, ...]
    order: tuple[tuple[int, str], ...]
    done: int | None
    blocked: tuple[Blocked, ...]
    homeless: tuple[PendingPod, ...]
    unserved: tuple[tuple[str, int, int | None], ...]
    helps: tuple[Help, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def works(self) -> bool:
        """Whether the node gets empty and every pod a place."""
        return self.done is not None and not self.homeless

    @property
    def unsure(self) -> bool:
        """Whether nothing is in the way but what only the cluster knows: what budgets go by, what owners make anew."""
        known = self.homeless or any(not each.unsure for each in self.blocked)
        return not known and bool(self.blocked or self.unknown)


def drain(done: Reconciled, node: str, options: Options) -> NodeDrain:
    """Drain a node of a cluster after a run.

    Args:
        done: the run.
        node: its name.
        options: how it was reconciled.
    """
    found, run = drained(done, done.run.state, node, options)
    if found.works:
        return found
    return replace(found, helps=tuple(_helps(done, node, options, found, run)))


def drained(
    done: Reconciled, state: State, node: str, options: Options, *, waiting: Counter[str] | None = None
) -> tuple[NodeDrain, Simulated]:
    """Drain a node in a state: what comes of it, without looking for help, and the run.

    Args:
        done: a run with the engine that goes on; what waited at its end is not held against the drain.
        state: where the drain begins.
        node: its name.
        options: how to reconcile.
        waiting: how many pods of each owner waited at its end, if that is known.
    """
    plain = Drain(node=node)
    _, refused = meant(plain, state)
    operation = replace(plain, force=UNMANAGED in refused, delete_empty_dir=True)
    _, refused = meant(replace(operation, delete_empty_dir=False, force=True), state)
    operation = replace(operation, delete_empty_dir=LOCAL in refused)
    flags = tuple(_flags(state, node))
    chosen, _ = meant(operation, state)
    leaving = dict(chosen)
    scenario = Scenario(events=(Event(at=0, operation=operation),), horizon=PATIENCE)
    run = simulate(done.engine.reconciler, state, scenario)
    left = [key for key, uid in chosen if _still(run.state, key, uid)]
    gone = [
        (entry.time, str(entry.arguments["pod"]))
        for entry in run.timeline
        if entry.type == "RemovePod" and entry.arguments["pod"] in leaving
    ]
    order = tuple({pod: (time, pod) for time, pod in reversed(gone) if pod not in left}.values())
    after = replace(
        done,
        run=Run(state=run.state, steps=(), settled=run.settled, ticks=run.ticks, refusals=run.refusals),
        relations=done.engine.relations(run.state),
    )
    before = Counter(each.owner for each in pending_of(done, options)) if waiting is None else waiting
    found = NodeDrain(
        node=node,
        command=" ".join(["kubectl drain", node, "--ignore-daemonsets", *(flag for flag, _, _ in flags)]),
        flags=flags,
        stays=tuple(
            key
            for key, pod in sorted(state.cluster.objects("Pod").items())
            if node_of(pod) == node and key not in leaving
        ),
        order=tuple(sorted(order)),
        done=None if left else max((time for time, _ in order), default=0),
        blocked=tuple(blocked(run.state, key) for key in left),
        homeless=tuple(_more(before, pending_of(after, options))),
        unserved=tuple(_unserved(run)),
        unknown=made_anew(state.cluster, (pod for _, pod in order)),
    )
    return found, run


def _more(before: Counter[str], pending: Sequence[PendingPod]) -> Iterator[PendingPod]:
    """The pending pods of workloads beyond as many as waited before, the first ones of each."""
    left = Counter(each.owner for each in pending) - before
    for each in pending:
        if left[each.owner]:
            left[each.owner] -= 1
            yield each


def _flags(state: State, node: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for operation in (Drain(node=node, force=True), Drain(node=node, delete_empty_dir=True)):
        _, refused = meant(operation, state)
        for words, pods in refused.items():
            if words in _FLAGS:
                flag, meaning = _FLAGS[words]
                yield flag, meaning, tuple(pods)


def _still(state: State, key: str, uid: str) -> bool:
    pod = state.cluster.get("Pod", key)
    return pod is not None and uid_of(pod) == uid


def _unserved(run: Simulated) -> Iterator[tuple[str, int, int | None]]:
    since: dict[str, int] = {}
    for entry in run.timeline:
        if entry.type == "Endpoints":
            service = str(entry.arguments["service"])
            if not entry.arguments["ready"]:
                since.setdefault(service, entry.time)
            elif service in since:
                yield service, since.pop(service), entry.time
    yield from ((service, time, None) for service, time in sorted(since.items()))


def _helps(done: Reconciled, node: str, options: Options, found: NodeDrain, run: Simulated) -> Iterator[Help]:
    """What may help, tried: another node first, one more replica, a budget that lets one pod go, fewer budgets."""
    for summary, change in _ideas(done.run.state, node, found, run):
        outcome = change(done.run.state)
        if not outcome.answer.accepted:
            continue
        settled = simulate(done.engine.reconciler, outcome.state, Scenario(horizon=options.horizon))
        after, _ = drained(done, settled.state, node, options)
        if after.works and after.done is not None:
            yield Help(summary=summary, done=after.done)


Change = Callable[[State], requests.Outcome]


def _ideas(state: State, node: str, found: NodeDrain, run: Simulated) -> Iterator[tuple[str, Change]]:
    if found.homeless or any(not each.always for each in found.blocked):
        twin = twin_of(state.cluster.objects("Node")[node])
        yield f"add a node like {node} first", lambda s: requests.create(s, twin)
    yield from _past_unready(run.state, found)
    for budget in sorted({each.budget for each in found.blocked if each.budget}):
        spec = {"maxUnavailable": 1, "minAvailable": None}
        if by_number := _by_number(run.state, budget):
            yield (
                f"let PodDisruptionBudget {budget} want a number of pods (minAvailable: {by_number['minAvailable']})",
                partial(requests.patch, kind="PodDisruptionBudget", key=budget, change={"spec": by_number}),
            )
        yield (
            f"let PodDisruptionBudget {budget} spare one pod (maxUnavailable: 1)",
            partial(requests.patch, kind="PodDisruptionBudget", key=budget, change={"spec": spec}),
        )
    pods = [run.state.cluster.objects("Pod")[each.pod] for each in found.blocked]
    yield from _fewer_budgets(run.state, pods)
    for owner in sorted({workload(run.state.cluster, pod) for pod in pods}):
        kind, _, key = owner.partition(" ")
        obj = state.cluster.get(kind, key)
        if obj is None or kind not in ("Deployment", "StatefulSet", "ReplicaSet"):
            continue
        more = int((obj.document.get("spec") or {}).get("replicas", 1)) + 1
        yield (
            f"run {more} replicas of {owner} meanwhile",
            partial(requests.scale, kind=kind, key=key, replicas=more),
        )


def _by_number(state: State, budget: str) -> Mapping[str, Any]:
    """One pod less than are healthy, as a number: it is compared with the pods that are there; empty for none."""
    obj = state.cluster.objects("PodDisruptionBudget")[budget]
    status = obj.document.get("status") or {}
    if not sizeless(obj, int(status.get("expectedPods") or 0)):
        return {}
    pods = [pod for pod in state.cluster.objects("Pod").values() if is_active(pod) and is_ready(pod)]
    mine = [pod for pod in pods if any(each.key == budget for each in budgets_of(state.cluster, pod))]
    return {"minAvailable": len(mine) - 1, "maxUnavailable": None} if len(mine) > 1 else {}


def _past_unready(state: State, found: NodeDrain) -> Iterator[tuple[str, Change]]:
    """Where a budget lacks healthy pods: those that are not ready are made anew, or may be evicted all the same."""
    for budget in sorted({each.budget for each in found.blocked if each.budget and not each.always}):
        pods = state.cluster.objects("Pod")
        waiting = [key for key in unready(state, budget) if controller_reference(pods[key]) is not None]
        if waiting:
            which = f"pod{'s' if len(waiting) > 1 else ''} {', '.join(waiting)}"
            told = "are" if len(waiting) > 1 else "is"
            yield (
                f"delete {which}, which {told} not ready (what is made anew is taken to get ready)",
                partial(_deleted, kind="Pod", keys=waiting),
            )
        if any(each.budget == budget and each.pod in waiting for each in found.blocked):
            spec = {"unhealthyPodEvictionPolicy": "AlwaysAllow"}
            yield (
                f"let PodDisruptionBudget {budget} spare what is not ready (unhealthyPodEvictionPolicy: AlwaysAllow)",
                partial(requests.patch, kind="PodDisruptionBudget", key=budget, change={"spec": spec}),
            )


def _fewer_budgets(state: State, pods: Sequence[Object]) -> Iterator[tuple[str, Change]]:
    """Of several budgets over a pod all go but one; one over pods that nothing makes anew wants fewer, or goes."""
    over = [(tuple(each.key for each in budgets_of(state.cluster, pod)), pod) for pod in pods]
    for budgets in sorted({budgets for budgets, _ in over}):
        owners = sorted({workload(state.cluster, pod) for keys, pod in over if keys == budgets})
        for kept in budgets if len(budgets) > 1 else ():
            gone = [each for each in budgets if each != kept]
            yield f"{_going(gone)}, so that only {kept} covers {', '.join(owners)}", _deletion(gone)
        if len(budgets) != 1 or not any(each.startswith("Pod ") for each in owners):
            continue
        (key,) = budgets
        document = state.cluster.objects("PodDisruptionBudget")[key].document
        wanted = (document.get("spec") or {}).get("minAvailable")
        if isinstance(wanted, int) and wanted > 0:
            spec = {"minAvailable": max(0, wanted - sum(keys == budgets for keys, _ in over))}
            yield (
                f"let PodDisruptionBudget {key} want fewer pods (minAvailable: {spec['minAvailable']})",
                partial(requests.patch, kind="PodDisruptionBudget", key=key, change={"spec": spec}),
            )
        else:
            yield _going([key]), _deletion([key])


def _going(budgets: Sequence[str]) -> str:
    return f"delete {' and '.join(f'PodDisruptionBudget {each}' for each in budgets)}"


def _deletion(budgets: Sequence[str]) -> Change:
    return partial(_deleted, kind="PodDisruptionBudget", keys=budgets)


def _deleted(state: State, kind: str, keys: Sequence[str]) -> requests.Outcome:
    outcome = requests.delete(state, kind, keys[0])
    for each in keys[1:]:
        if outcome.answer.accepted:
            outcome = requests.delete(outcome.state, kind, each)
    return outcome


def twin_of(node: Object, name: str = "") -> Mapping[str, Any]:
    """A new node like another, under a name of its own: ``like-NAME``, if no other is given."""
    document = dict(node.document)
    meta = dict(metadata(node))
    name = name or f"like-{node.name}"
    labels = {**(meta.get("labels") or {}), "kubernetes.io/hostname": name}
    document["metadata"] = {"name": name, "labels": labels, "annotations": dict(meta.get("annotations") or {})}
    taints = [each for each in (document.get("spec") or {}).get("taints") or () if not _is_passing(each)]
    document["spec"] = {"taints": taints} if taints else {}
    return document


def _is_passing(taint: Mapping[str, Any]) -> bool:
    """Whether a taint says how a node is at the moment."""
    return str(taint.get("key")).startswith("node.kubernetes.io/")


def told_order(order: Sequence[tuple[int, str]]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Pods that go at one moment together."""
    moments: dict[int, list[str]] = {}
    for time, pod in order:
        moments.setdefault(time, []).append(pod)
    yield from ((time, tuple(pods)) for time, pods in sorted(moments.items()))
