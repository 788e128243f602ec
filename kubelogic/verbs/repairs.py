"""Repairs of a pod's workload, each tried on the cluster as it stands and on the objects as they were given.

A trial makes the changes by requests to the API server and runs the control loops with kube-scheduler, which places one
pod at a time: what works so works with the joint placement, too. Where the run before has placed pods itself, the same
is done from the beginning, as somebody does who edits the manifests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property

from msgspec.structs import replace

from kubelogic.apiserver import requests
from kubelogic.apiserver.supposing import rolled_at_once, supposed
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.owners import Maker, makers
from kubelogic.cluster.pods import node_of
from kubelogic.cluster.state import State
from kubelogic.explain.blockers import Blocker
from kubelogic.explain.proposals.case import Case, Lever
from kubelogic.explain.proposals.levers import levers
from kubelogic.explain.proposals.registry import PROPOSALS
from kubelogic.explain.proposals.workloads import editable
from kubelogic.explain.repairs import MOST_TRIALS, Change, Create, Delete, Outcome, Patch, Sought, repairs
from kubelogic.reconcile.actions import BindPod, PreemptPod
from kubelogic.reconcile.settle import Run, settle
from kubelogic.verbs.counts import Tally, workload_name
from kubelogic.verbs.reconciled import Options, Reconciled, one_by_one

_RUN_AGAIN = 200
"""Clusters with more pods than this are not run from the beginning for each repair."""

_MANY_PODS = 20_000
_TRIED_PODS = 600_000
"""In clusters of many pods so many are gone through in all: of 50,000 pods twelve changes are tried."""

_ENDED = frozenset({"Succeeded", "Failed"})


def workload_repairs(
    done: Reconciled, pod: Object, reasons: Sequence[Blocker], options: Options, *, most: int | None = None
) -> Sought:
    """What gets all pods of a pod's workload placed.

    Args:
        done: the cluster after its controllers have run.
        pod: one of its pods, without a node.
        reasons: what is in its way.
        options: how it was reconciled.
        most: show so many repairs; None for one of each kind and owner.
    """
    cluster = done.cluster
    if not cluster.objects("Node"):
        return Sought()  # without nodes nobody knows whether anything is wrong
    top = editable(cluster, pod)
    case = Case(
        cluster=cluster,
        pod=pod,
        blockers=reasons,
        workload=top,
        pods=tuple(_pods(cluster, top, makers(cluster))),
        desired=_desired(top),
        defaults=_defaults(done.before, top),
        passing=frozenset(
            str(fact.terms[0]).strip("'") for fact in done.rulebook.facts if fact.predicate == "passing_taint"
        ),
    )
    case = replace(case, levers=_levers(done, reasons))
    number = len(cluster.objects("Pod"))
    budget = MOST_TRIALS if number <= _MANY_PODS else max(1, _TRIED_PODS // number)
    with trials(done, top, options) as trial:
        return repairs(case, trial=trial, most=most, budget=budget)


def _levers(done: Reconciled, reasons: Sequence[Blocker]) -> Mapping[str, Sequence[Lever]]:
    """What the clauses of filters read that have no proposals of their own."""
    own = sorted({blocker.predicate for blocker in reasons} - PROPOSALS.keys())
    return {predicate: levers(done.rulebook, predicate) for predicate in own}


def _defaults(before: Cluster, top: Object) -> int:
    """How many tolerations a pod has got that was given without any."""
    given = before.get(top.kind, top.key)
    if top.kind != "Pod" or given is None or (given.document.get("spec") or {}).get("tolerations"):
        return 0
    return len((top.document.get("spec") or {}).get("tolerations") or ())


def _pods(cluster: Cluster, top: Object, made: Mapping[Maker, Sequence[Object]]) -> Iterator[Object]:
    """The pods of a workload that are not on their way out, out of all by who made them."""
    mine: list[Object] = []
    for maker, pods in made.items():
        above = editable(cluster, pods[0]) if maker[2] else None
        if above is not None and above is not pods[0]:
            mine += pods if (above.kind, above.key) == (top.kind, top.key) else ()
        elif top.kind == "Pod":  # nobody who is here made them
            mine += (pod for pod in pods if pod.key == top.key)
    for pod in sorted(mine, key=lambda pod: pod.key):
        if not (pod.document.get("metadata") or {}).get("deletionTimestamp") and _phase(pod) != "Failed":
            yield pod


def _phase(pod: Object) -> str:
    return str((pod.document.get("status") or {}).get("phase") or "")


@contextmanager
def trials(done: Reconciled, top: Object, options: Options) -> Iterator[Trials]:
    """Trials that use the engine of a run, which is afterwards as it was."""
    with one_by_one(done):
        yield Trials(done=done, top=top, options=options)


class Trials:
    """Tries changes; see ``kubelogic.explain.repairs.Trial``."""

    def __init__(self, *, done: Reconciled, top: Object, options: Options) -> None:
        self._done, self._top, self._options = done, top, options
        self._deadline = options.end if options.clock is not None else None

    def expired(self) -> bool:
        """See ``Trial``."""
        clock = self._options.clock
        return clock is not None and self._deadline is not None and clock() > self._deadline

    def __call__(self, changes: Sequence[Change], *, evicts: frozenset[str]) -> Outcome:
        """See ``Trial``."""
        found = self._tried(self._done.run.state, changes, self._settled, evicts)
        if found.works and self._again:
            again = self._tried(self._done.begun, changes, self._from_start, evicts, begins=True)
            return found if again.works else Outcome()
        return found

    def _tried(
        self,
        state: State,
        changes: Sequence[Change],
        usual: Mapping[str, int],
        evicts: frozenset[str],
        *,
        begins: bool = False,
    ) -> Outcome:
        changed = applied(state, changes, strict=not begins, run=lambda halfway: self._run(halfway).state)
        if isinstance(changed, str):
            return Outcome(refused=changed)
        run = self._run(_all_at_once(changed, self._top), begins=begins)
        if run.cycle or not self._is_whole(run.state.cluster):
            return Outcome()
        pushed = _preempted(run)
        going = {workload_name(state.cluster, key) for key in (*pushed, *evicts)}
        now = self._tally.placed(run.state.cluster)
        mine = str(self._top)
        lost = any(now[name] < number for name, number in usual.items() if name not in going and name != mine)
        return Outcome() if lost else Outcome(works=True, preempted=pushed)

    def _run(self, state: State, *, begins: bool = False) -> Run:
        """What becomes of a state; with ``begins`` it is nearly the one in which the run before began."""
        reconciler = self._done.engine.reconciler
        if begins:
            reconciler.advance(state, begins=True)
        return settle(reconciler, state, until=state.now + self._options.horizon)

    @cached_property
    def _settled(self) -> Mapping[str, int]:
        """How many pods of each workload have nodes as things stand."""
        return self._tally.placed(self._done.cluster)

    @cached_property
    def _tally(self) -> Tally:
        return Tally(self._done.cluster)

    @cached_property
    def _again(self) -> bool:
        """Whether the run has placed pods itself, so that edited manifests may come out otherwise."""
        bound = any(isinstance(each, BindPod) for step in self._done.run.steps for each in step.actions)
        return bound and len(self._done.cluster.objects("Pod")) <= _RUN_AGAIN

    @cached_property
    def _from_start(self) -> Mapping[str, int]:
        """How many pods of each workload get nodes if kube-scheduler does it all and nothing is changed."""
        return self._tally.placed(self._run(self._done.begun, begins=True).state.cluster)

    def _is_whole(self, cluster: Cluster) -> bool:
        """Whether all pods of the workload that ought to be there have a node, and their volumes on it."""
        top = cluster.get(self._top.kind, self._top.key)
        if top is None:
            return False
        pods = list(_pods(cluster, top, makers(cluster)))
        if any(_phase(pod) not in _ENDED and (not node_of(pod) or _awaits_volumes(pod)) for pod in pods):
            return False
        return len(pods) >= _desired(top) and _is_rolled_out(top)


def _all_at_once(state: State, top: Object) -> State:
    """The state in which a DaemonSet replaces all its pods together instead of a few at a time.

    Each of them has its own node and no other, so they come to the same places; one after the other it takes ticks by
    the number of nodes.
    """
    found = state.cluster.get(top.kind, top.key) if top.kind == "DaemonSet" else None
    return state if found is None else replace(state, cluster=supposed(state.cluster, [rolled_at_once(found)]))


def _awaits_volumes(pod: Object) -> bool:
    """Whether a pod waits on its node for a claim's volume: another node has it, or the driver is not there."""
    spec, status = pod.document.get("spec") or {}, pod.document.get("status") or {}
    claims = any("persistentVolumeClaim" in each or "ephemeral" in each for each in spec.get("volumes") or ())
    waiting = [(each.get("state") or {}).get("waiting") or {} for each in status.get("containerStatuses") or ()]
    return claims and any(each.get("reason") == "ContainerCreating" and each.get("message") for each in waiting)


def _desired(top: Object) -> int:
    """How many pods a workload ought to have."""
    spec, status = top.document.get("spec") or {}, top.document.get("status") or {}
    match top.kind:
        case "Deployment" | "ReplicaSet" | "ReplicationController" | "StatefulSet":
            return int(spec.get("replicas", 1))
        case "DaemonSet":
            return int(status.get("desiredNumberScheduled") or 1)
        case "Job":
            completions = spec.get("completions")
            parallel = int(spec.get("parallelism", 1))
            left = parallel if completions is None else int(completions) - int(status.get("succeeded") or 0)
            return max(min(parallel, left), 0)
        case _:
            return 1


def _is_rolled_out(top: Object) -> bool:
    """Whether a Deployment has as many pods of its present template as it ought to have."""
    status = top.document.get("status") or {}
    return top.kind != "Deployment" or int(status.get("updatedReplicas") or 0) >= _desired(top)


def applied(
    state: State,
    changes: Sequence[Change],
    *,
    strict: bool = True,
    run: Callable[[State], State] | None = None,
) -> State | str:
    """The state after requests to the API server, or its words if it refuses one.

    Args:
        state: before.
        changes: what to ask for, in this order.
        strict: whether it is a refusal, too, if something that is to be deleted is not there.
        run: lets controllers act; asked if something that was deleted is still there.
    """
    for change in changes:
        match change:
            case Create(document=document):
                found = requests.create(state, document)
            case Delete(target=target):
                if not strict and state.cluster.get(target.kind, target.key) is None:
                    continue
                found = requests.delete(state, target.kind, target.key, propagation="Background")
                if run is not None and found.state.cluster.get(target.kind, target.key) is not None:
                    found = replace(found, state=run(found.state))
            case Patch(target=target, operations=operations):
                found = requests.json_patch(state, target.kind, target.key, operations)
        if not found.answer.accepted:
            return found.answer.message or found.answer.reason
        state = found.state
    return state


def _preempted(run: Run) -> tuple[str, ...]:
    """The pods that were pushed out during a run."""
    found = {each.pod for step in run.steps for each in step.actions if isinstance(each, PreemptPod)}
    return tuple(sorted(found))
