"""Capacity: how many more of a pod fit, and the fewest nodes that hold everything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from kubelogic.apiserver.admission.default_toleration_seconds import with_default_tolerations
from kubelogic.apiserver.admission.priority import with_priority
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import with_document
from kubelogic.cluster.state import State
from kubelogic.explain.relations import derive
from kubelogic.facts.shapes import controller_of
from kubelogic.logic import Rulebook
from kubelogic.placement.kube import schedule
from kubelogic.placement.optimal.capacity import Fits, NodesNeeded, fewest_nodes, how_many
from kubelogic.placement.optimal.limits import Limits
from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.problem import Amounts, Claim, Node, Pod, Problem, Reach
from kubelogic.reconcile.problem import GOALS, problem
from kubelogic.verbs.moves import MovePlan, plan_moves
from kubelogic.verbs.plan import DEFAULT, finished, node_of
from kubelogic.verbs.reconciled import Options, reconcile

POOL_LABELS = (
    "node.kubernetes.io/instance-type",
    "cloud.google.com/gke-nodepool",
    "eks.amazonaws.com/nodegroup",
    "kubernetes.azure.com/agentpool",
    "karpenter.sh/nodepool",
    "pool",
)
"""Labels that name the type of a node, the best first. Nodes without any are named after the first of their type."""

_TEMPLATED = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Capacity:
    """How much more there is room for.

    Attributes:
        pod: what was asked about.
        replicas: how many more of it were asked for.
        optimal: how many more fit if they are placed jointly; nobody is evicted for them.
        most: a proof that no more than this fit.
        kube: how many fit one by one, as kube-scheduler places them.
        nodes: the fewest nodes found, by type, that hold everything; None if it was not asked for, or if even the
            most nodes that were tried do not.
        short: pods that found no place on the most nodes that were tried, if even those are not enough.
        least: fewer nodes than this in all do not hold everything, proved.
        moves: which running pods to move so that ``moves_for`` of the pod fit; None if it was not asked for.
        moves_for: how many of the pod the moves make room for.
        left_out: pods that no node of these types takes even alone; ``nodes`` does not count them.
    """

    pod: str
    replicas: int
    optimal: int
    most: int
    kube: int
    nodes: Mapping[str, int] | None
    least: int
    left_out: tuple[str, ...] = ()
    moves: MovePlan | None = None
    moves_for: int = 0
    short: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Capacity of {self.pod}: {self.optimal} more fit, {self.kube} one by one>"


class NoPodError(LookupError):
    """What was given as a pod is none."""


def capacity(
    cluster: Cluster,
    pod: Object,
    options: Options = DEFAULT,
    *,
    replicas: int = 1,
    minimize: bool = True,
    allow_moves: int | None = None,
) -> Capacity:
    """Reconcile a cluster, then see how many more of a pod it holds.

    Args:
        cluster: desired and observed objects.
        pod: a Pod, or an object with a pod template.
        options: how to reconcile.
        replicas: how many of the pod the fewest nodes have to hold, beside everything else.
        minimize: whether to look for the fewest nodes.
        allow_moves: also say which running pods to move, this many at most, for ``replicas`` of the pod to fit, or for
            one more than fit now.

    Raises:
        NoPodError: if ``pod`` is neither, or waits for something else than a node.
        RuleErrors: if the rules or parameters are faulty.
    """
    done = reconcile(cluster, options)
    book, final = done.rulebook, done.cluster
    probe = _probe(final, pod)
    given = problem(derive(book, final.replacing([probe]), GOALS))
    shape = next((each.shape for each in given.pods if each.name == probe.key), None)
    if shape is None:
        raise NoPodError(f"{pod} is not for the default scheduler, or a gate holds it back")
    asked = msgspec.structs.replace(given, pods=tuple(each for each in given.pods if each.name != probe.key))
    limits = Limits(timeout=options.timeout)
    fits = how_many(asked, shape, limits=limits, clock=options.clock)
    moves_for = max(replicas, fits.more + 1)
    moves: MovePlan | None = None
    if allow_moves is not None:
        crowded = _with_more(asked, shape, fits, name=probe.key, number=moves_for)
        moves = plan_moves(final, crowded, options, most=allow_moves, ignored=())
    needed: NodesNeeded | None = None
    left_out: tuple[str, ...] = ()
    if minimize:
        needed, left_out = _needed(book, final, probe, replicas, limits=limits, options=options)
    return Capacity(
        pod=str(pod),
        replicas=replicas,
        optimal=fits.more,
        most=fits.most,
        kube=_one_by_one(asked, shape, fits),
        nodes=_by_type(final, needed) if needed is not None and needed.enough else None,
        least=needed.least if needed is not None else 0,
        left_out=left_out,
        short=() if needed is None or needed.enough else tuple(sorted(p.pod for p in needed.placement.unplaced)),
        moves=moves,
        moves_for=moves_for if moves is not None else 0,
    )


def _with_more(asked: Problem, shape: str, fits: Fits, *, name: str, number: int) -> Problem:
    """So many more pods of a shape, beside all that waits and can be placed."""
    left = {each.pod for each in fits.placement.unplaced if each.verdict != "waiting"}
    kept = tuple(each for each in asked.pods if each.node or each.name not in left)
    more = tuple(Pod(name=f"{name}+{n + 1}", shape=shape, order=len(kept) + n) for n in range(number))
    return msgspec.structs.replace(asked, pods=(*kept, *more))


def _probe(cluster: Cluster, given: Object) -> Object:
    """The pod as it would be admitted, under a name that nothing has."""
    if given.kind == "Pod":
        document = given.document
    elif given.kind in _TEMPLATED:
        document = given.document["spec"]["template"]
    elif given.kind == "CronJob":
        document = given.document["spec"]["jobTemplate"]["spec"]["template"]
    else:
        raise NoPodError(f"{given} is no pod and has no pod template")
    tx = Transaction(state=State(cluster=cluster))
    spec = {name: value for name, value in document["spec"].items() if name != "nodeName"}
    name = given.name
    while cluster.get("Pod", f"{given.namespace}/{name}") is not None:
        name += "-more"
    metadata = {
        "namespace": given.namespace,
        "name": name,
        "labels": (document.get("metadata") or {}).get("labels") or {},
    }
    return Object(
        api_version="v1",
        kind="Pod",
        namespace=given.namespace,
        name=name,
        document={
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata,
            "spec": with_priority(tx, with_default_tolerations(spec)),
            "status": {"phase": "Pending"},
        },
        origin=given.origin,
    )


def _one_by_one(given: Problem, shape: str, fits: Fits) -> int:
    """How many pods the one-by-one scheduler places until the first that finds no node; it evicts nobody."""
    shapes = tuple(
        msgspec.structs.replace(each, preempts=False) if each.name == shape else each for each in given.shapes
    )
    running = tuple(each for each in given.pods if each.node)
    more = tuple(Pod(name=f"{shape}+{n:06}", shape=shape, order=n) for n in range(fits.most))
    return len(schedule(msgspec.structs.replace(given, shapes=shapes, pods=(*running, *more))).bindings)


# -- the fewest nodes ------------------------------------------------------------------------------------------


def _needed(
    book: Rulebook, cluster: Cluster, probe: Object, replicas: int, *, limits: Limits, options: Options
) -> tuple[NodesNeeded | None, tuple[str, ...]]:
    """The fewest nodes of the cluster's types for all its pods, placed anew, and some more of the probe.

    The pods of DaemonSets are part of a node: what they ask for is taken from what it offers.
    """
    pods = [each for _, each in sorted(cluster.objects("Pod").items()) if not finished(each)]
    daemons = {each.key: node_of(each) for each in pods if controller_of(each.document)[0] == "DaemonSet"}
    loose = [_unbound(each) for each in pods if each.key not in daemons]
    ended = [("Pod", key) for key, each in cluster.objects("Pod").items() if finished(each)]
    here = problem(derive(book, cluster, GOALS))
    anew = problem(derive(book, cluster.replacing([*loose, probe], without=ended), GOALS))
    types = _types(anew, _overhead(here, daemons))
    if not types:
        return None, ()
    shape = next(each.shape for each in anew.pods if each.name == probe.key)
    waiting = [each for each in anew.pods if not each.node and each.name not in daemons and each.name != probe.key]
    more = tuple(Pod(name=f"{probe.key}+{n:06}", shape=shape, order=len(waiting) + n) for n in range(replicas))
    whole = msgspec.structs.replace(
        anew,
        nodes=(),
        pods=(),
        allowed={name: _of_classes(reach) for name, reach in anew.allowed.items()},
        claims=tuple(_new_claim(each) for each in anew.claims),
        preferences=(),
        denials=(),
    )
    hopeless = _hopeless(whole, types, waiting, limits=limits)
    whole = msgspec.structs.replace(whole, pods=(*(each for each in waiting if each.shape not in hopeless), *more))
    left_out = tuple(each.name for each in waiting if each.shape in hopeless)
    return fewest_nodes(whole, types, limits=limits, clock=options.clock), left_out


def _hopeless(whole: Problem, types: tuple[Node, ...], waiting: list[Pod], *, limits: Limits) -> set[str]:
    """The shapes of which not even one pod fits on an empty node of any type."""
    shapes = sorted({each.shape for each in waiting})
    empty = msgspec.structs.replace(whole, nodes=types)
    return {
        shape
        for shape in shapes
        if solve(msgspec.structs.replace(empty, pods=(Pod(name=shape, shape=shape),)), limits=limits).unplaced
    }


def _unbound(pod: Object) -> Object:
    """The pod as it was before it was bound."""
    spec = {name: value for name, value in pod.document["spec"].items() if name != "nodeName"}
    return with_document(pod, {**pod.document, "spec": spec, "status": {"phase": "Pending"}})


def _overhead(given: Problem, daemons: Mapping[str, str]) -> Mapping[str, Amounts]:
    """What the pods of DaemonSets ask for on each node."""
    requests = {each.name: each.requests for each in given.shapes}
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for pod in given.pods:
        if pod.name in daemons and pod.node:
            for resource, value in requests[pod.shape].items():
                found[pod.node][resource] += value
    return found


def _types(given: Problem, overhead: Mapping[str, Amounts]) -> tuple[Node, ...]:
    """One node of each type: those that offer the same to pods, by the name of the first."""
    found: dict[str, Node] = {}
    for node in sorted(given.nodes, key=lambda each: each.name):
        used = overhead.get(node.name, {})
        left = {name: max(0, amount - used.get(name, 0)) for name, amount in node.allocatable.items()}
        key = repr(
            (
                node.node_class,
                sorted(left.items()),
                sorted((name, value) for name, value in node.topology.items() if value != node.name),
                sorted(node.attach_limits.items()),
            )
        )
        found.setdefault(key, msgspec.structs.replace(node, allocatable=left, attached=()))
    return tuple(found.values())


def _of_classes(reach: Reach) -> Reach:
    return Reach(node_classes=reach.node_classes)


def _new_claim(claim: Claim) -> Claim:
    return msgspec.structs.replace(claim, provisions=_of_classes(claim.provisions))


def _by_type(cluster: Cluster, needed: NodesNeeded) -> Mapping[str, int]:
    """The counts by what people call the types of nodes."""
    found: dict[str, int] = defaultdict(int)
    for name, count in needed.nodes.items():
        node = cluster.get("Node", name)
        labels = (node.document["metadata"].get("labels") or {}) if node else {}
        pool = next((labels[label] for label in POOL_LABELS if label in labels), name)
        if count:
            found[str(pool)] += count
    return dict(sorted(found.items()))
