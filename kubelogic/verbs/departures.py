"""Departures: which pods are evicted in a run or right after it, from where, why, and what is made in their place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from msgspec.structs import replace

from kubelogic.apiserver.supposing import supposed
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.clock import milliseconds
from kubelogic.cluster.edit import edited, is_being_deleted
from kubelogic.cluster.owners import controllers, workload
from kubelogic.cluster.pods import node_of
from kubelogic.logic import Evaluation
from kubelogic.reconcile.actions import BindPod, CreatePod, EvictPod, PreemptPod
from kubelogic.reconcile.settle import Step, settle
from kubelogic.reconcile.times import clock
from kubelogic.verbs.reconciled import HORIZON, Reconciled
from kubelogic.verbs.results import Departure, TimedAction

TAINT_MANAGER = "DeletionByTaintManager"
"""The reason of evictions by NoExecute taints."""
PREEMPTION = "PreemptionByScheduler"
"""The reason of evictions for pods of higher priority."""
_EVICTIONS = (EvictPod, PreemptPod)
_RULES = ("exposed", "used_toleration", "tolerated_for", "evicted_at")
"""The predicates of ``rules/controllers/taint_eviction.dl`` that are read here."""


def departures(done: Reconciled, actions: Sequence[TimedAction]) -> tuple[Departure, ...]:
    """The pods that were evicted in a run, in that order, and then those that are due to be, by moment and name.

    Args:
        done: the run; its relations are afterwards as they were.
        actions: what happened in it.
    """
    return (*_evicted(done, actions), *due(done))


def timed(done: Reconciled, steps: Iterable[Step]) -> tuple[TimedAction, ...]:
    """The actions of steps, each with its moment from the start of a run."""
    return tuple(
        [
            TimedAction(tick=step.number, time=step.now - done.start, action=action)
            for step in steps
            for action in step.actions
        ]
    )


def due(done: Reconciled) -> tuple[Departure, ...]:
    """The pods that NoExecute taints evict after the end of a run, by moment and name."""
    relations, cluster = done.relations, done.cluster
    if not _known(relations):
        return ()
    moments = {str(pod): int(at) for pod, at in relations.rows("evicted_at") if int(at) > done.run.state.now}
    pods = {key: pod for key in moments if (pod := cluster.get("Pod", key)) is not None and not is_being_deleted(pod)}
    why = _by_taint(done, relations, pods.keys())
    return tuple(
        Departure(
            pod=key,
            owner=workload(cluster, pods[key]),
            node=node_of(pods[key]),
            time=moments[key] - done.start,
            reason=TAINT_MANAGER,
            why=why.get(key, ""),
            then=_maker(cluster, pods[key]),
            due=True,
            lost=next(iter(controllers(cluster, pods[key])), None) is None,
        )
        for key in sorted(pods, key=lambda key: (moments[key], key))
    )


def look_ahead(done: Reconciled, found: Sequence[Departure]) -> tuple[Departure, ...]:
    """Departures with what is made in the place of those that are due, found by going on for as long as that takes.

    Args:
        done: the run; its relations are afterwards as they were.
        found: departures of it.
    """
    waiting = {each.pod for each in found if each.due}
    if not waiting:
        return tuple(found)
    until = done.start + max(each.time for each in found if each.due) + HORIZON
    run = settle(done.engine.reconciler, done.run.state, until=until)
    later = replace(done, before=done.cluster, run=run, relations=done.engine.relations(run.state))
    then = {each.pod: each.then for each in _evicted(later, timed(done, run.steps)) if each.pod in waiting}
    done.engine.relations(done.run.state)
    return tuple(replace(each, then=then.get(each.pod, each.then)) if each.due else each for each in found)


def _known(relations: Evaluation) -> bool:
    return all(relations.knows(each) for each in _RULES)


def _evicted(done: Reconciled, actions: Sequence[TimedAction]) -> Iterator[Departure]:
    """Those of a run, with what takes their place at its end."""
    evicted = [each for each in actions if each.action.__class__ in _EVICTIONS]  # of hundreds of thousands
    if not evicted:
        return
    nodes: dict[str, str] = {}
    owners: dict[str, str] = {}
    made: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for number, each in enumerate(actions):
        match each.action:
            case BindPod(pod=pod, node=node):
                nodes[pod] = node
            case CreatePod(pod=pod, owner_kind=kind, owner=owner):
                owners[pod] = f"{kind} {owner}"
                made[owners[pod]].append((number, pod))
    order = {id(each): number for number, each in enumerate(actions)}
    why = _reasons(done, evicted, nodes)
    for each in evicted:
        action = each.action
        assert isinstance(action, EvictPod | PreemptPod)
        given = done.before.get("Pod", action.pod)
        chain = list(controllers(done.before, given)) if given is not None else []
        maker = chain[0] if chain else owners.get(action.pod, "")
        yield Departure(
            pod=action.pod,
            owner=workload(done.before, given) if given is not None else maker or f"Pod {action.pod}",
            node=(node_of(given) if given is not None else "") or nodes.get(action.pod, ""),
            time=each.time,
            reason=PREEMPTION if isinstance(action, PreemptPod) else action.reason,
            why=why[id(each)],
            then=_then(done, action.pod, maker, [pod for at, pod in made[maker] if at > order[id(each)]]),
            lost=not maker,
        )


def _reasons(done: Reconciled, evicted: Iterable[TimedAction], nodes: Mapping[str, str]) -> dict[int, str]:
    """Why each was evicted: for whom, because of which taint, or, where neither is known, the message; ``nodes`` are
    those that pods got in the run."""
    why: dict[int, str] = {}
    pods: dict[str, Object] = {}
    for each in evicted:
        action = each.action
        if isinstance(action, PreemptPod):
            beyond = f", beyond what the budget {', '.join(action.breaks)} allows" if action.breaks else ""
            ranks = f" (priority {action.priority} over {action.own})"
            why[id(each)] = f"to make room for {action.beneficiary}{ranks}{beyond}"
        elif isinstance(action, EvictPod):
            why[id(each)] = action.message
            if action.reason == TAINT_MANAGER and (pod := done.before.get("Pod", action.pod)) is not None:
                on = node_of(pod) or nodes.get(action.pod, "")
                pods[action.pod] = pod if on == node_of(pod) else edited(pod, ["spec"], {"nodeName": on})
    if pods and _known(done.relations):
        state = done.run.state
        relations = done.engine.relations(replace(state, cluster=supposed(state.cluster, pods.values())))
        taints = _by_taint(done, relations, pods.keys())
        done.engine.relations(state)
        for each in evicted:
            if isinstance(each.action, EvictPod) and each.action.pod in taints:
                why[id(each)] = taints[each.action.pod]
    return why


def made_room(done: Reconciled, pod: str) -> tuple[str, ...]:
    """That others went for a pod in a run, and what its node was chosen by; nothing where nobody did.

    Source: pkg/scheduler/framework/preemption, pickOneNodeForPreemption, of Kubernetes 1.36.
    """
    gone = [
        action.pod
        for step in done.run.steps
        for action in step.actions
        if isinstance(action, PreemptPod) and action.beneficiary == pod
    ]
    if not gone:
        return ()
    went = f"{gone[0]} was" if len(gone) == 1 else f"{', '.join(gone[:3])}{' and more' if gone[3:] else ''} were"
    return (
        f"No node had room for it, and {went} evicted for it. The node is then chosen by who has to go (fewest budgets "
        "broken, lowest priority, fewest pods), not by scores: preferred affinity does not count.",
    )


def _by_taint(done: Reconciled, relations: Evaluation, pods: Collection[str]) -> dict[str, str]:
    """The NoExecute taint of its node that makes a pod leave first: one that it does not tolerate, or the briefest."""
    tolerated = {tuple(row[:3]) for row in relations.rows("used_toleration")}
    limits = {tuple(row[:3]): int(row[3]) for row in relations.rows("tolerated_for")}
    found: dict[str, tuple[int, str]] = {}
    for pod, *taint in relations.rows("exposed"):
        key = tuple(taint)
        if str(pod) not in pods or (key in tolerated and key not in limits):
            continue
        _, name, value = map(str, taint)
        told = f"the taint {name}{f'={value}' if value else ''}:NoExecute is "
        seconds = limits.get(key, -1)
        earlier = _if_it_ran(done, str(pod), name, value, seconds)
        words = f"tolerated for {seconds:,} s only{earlier}" if key in limits else "not tolerated"
        least = (seconds, told + words)
        found[str(pod)] = min(found.get(str(pod), least), least)
    return {pod: words for pod, (_, words) in found.items()}


def _if_it_ran(done: Reconciled, pod: str, key: str, value: str, seconds: int) -> str:
    """When a controller evicts that has counted since the taint of a node came, which is not known; empty for one that
    comes in the run: a controller that starts counts anew, whatever ``timeAdded`` says.

    Source: pkg/controller/tainteviction/taint_eviction.go, processPodOnNode, Kubernetes 1.36.
    """
    there = done.before.get("Pod", pod)
    node = done.before.get("Node", node_of(there)) if there is not None else None
    taints = ((node.document.get("spec") or {}).get("taints") or ()) if node is not None else ()
    added = [
        str(each["timeAdded"])
        for each in taints
        if (each.get("key"), each.get("value") or "", each.get("effect")) == (key, value, "NoExecute")
        and each.get("timeAdded")
    ]
    if there is None or not added:
        return ""
    began = (there.document.get("status") or {}).get("startTime") or there.document["metadata"].get("creationTimestamp")
    since = max(milliseconds(added[0]), milliseconds(str(began)) if began else 0)
    if since >= done.start:
        return ""
    left = since + seconds * 1000 - done.start
    evicts = f"evicts at {clock(left)}" if left > 0 else "evicts at once"
    return f", counted anew from now as by a controller that starts; one that ran when the taint came {evicts}"


def _maker(cluster: Cluster, pod: Object) -> str:
    """What is known of the successor of a pod that has not gone yet."""
    maker = next(iter(controllers(cluster, pod)), "")
    return f"of {maker}" if maker else "no controller makes another"


def _then(done: Reconciled, pod: str, maker: str, made: Sequence[str]) -> str:
    """What was made in the place of a pod, or of several of one controller, and where that is at the end."""
    if not maker:
        return "no controller makes another"
    kind, _, key = maker.partition(" ")
    if not made:
        there = done.cluster.get(kind, key) is not None
        return (
            f"{maker} makes no other"
            if there
            else f"{maker} is not in the input: whether it makes another is not known"
        )
    mine = [pod] if pod in made else made
    return f"{maker} makes " + _places(done.cluster, mine)


def _places(cluster: Cluster, pods: Sequence[str], most: int = 3) -> str:
    """Pods, each with where it is, so many at most."""
    told = [f"{key.partition('/')[2]} ({_place(cluster, key)})" for key in pods[:most]]
    return ", ".join(told) + (f" and {len(pods) - most} more" if len(pods) > most else "")


def _place(cluster: Cluster, key: str) -> str:
    pod = cluster.get("Pod", key)
    if pod is None:
        return "gone again"
    return f"on {node_of(pod)}" if node_of(pod) else "pending"
