"""Plan: reconcile a cluster until it has settled, and say where everything is and what stays pending."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import cast

from msgspec.structs import replace

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import is_being_deleted, uid_of
from kubelogic.cluster.owners import Workloads, workload
from kubelogic.cluster.pods import has_ended, is_active, node_of, nodes_of
from kubelogic.explain.pending import Moves, PendingPod, pending_pods
from kubelogic.explain.units import count
from kubelogic.explain.unmodelled import UNHEEDED, unmodelled
from kubelogic.facts.omitted import omitted
from kubelogic.facts.services import SLICE_SERVICE
from kubelogic.kinds.evidence import stand_in_reason
from kubelogic.logic import Rulebook, Value
from kubelogic.placement.placement import Placement
from kubelogic.placement.problem import Problem
from kubelogic.reconcile.actions import DeleteObject, DeletePod, EvictPod, PreemptPod
from kubelogic.reconcile.object_actions import CollectPod
from kubelogic.reconcile.problem import Relations, number, text
from kubelogic.reconcile.schedulers import sampling, shares_of
from kubelogic.text import Notice
from kubelogic.verbs.daemons import daemon_set_reasons
from kubelogic.verbs.departures import departures, timed
from kubelogic.verbs.group_status import group_statuses
from kubelogic.verbs.missing import missing
from kubelogic.verbs.missing import undecided as not_known
from kubelogic.verbs.movable import Movable
from kubelogic.verbs.one_address import address_notices
from kubelogic.verbs.reconciled import Options, Reconciled, reconcile
from kubelogic.verbs.refusals import refused_manifests, refused_objects
from kubelogic.verbs.results import GonePod, NodeLoad, PlacedPod, Plan, RefusedObjects, ServiceEndpoints, TimedAction
from kubelogic.verbs.rollout_words import resting
from kubelogic.verbs.services import leads, service_notices
from kubelogic.verbs.troubles import troubles
from kubelogic.verbs.undecided import undecided, undone
from kubelogic.verbs.warned import warnings_of

DEFAULT = Options()


def plan(
    cluster: Cluster,
    options: Options = DEFAULT,
    *,
    notices: Sequence[Notice] = (),
    allow_moves: int | None = None,
) -> Plan:
    """What the control plane makes of a cluster.

    Args:
        cluster: desired and observed objects; nodes that report nothing are taken to be well.
        options: how to reconcile.
        notices: what reading the cluster had to say; they go into the result.
        allow_moves: also say which running pods to move, this many at most, so that what is pending fits.

    Raises:
        RuleErrors: if the rules or parameters are faulty.
    """
    return plan_of(reconcile(cluster, options), options, notices=notices, allow_moves=allow_moves)


def plan_of(
    done: Reconciled, options: Options, *, notices: Sequence[Notice] = (), allow_moves: int | None = None
) -> Plan:
    """What the control plane has made of a cluster, after a run; see ``plan``."""
    if allow_moves is not None and (isinstance(allow_moves, bool) or not isinstance(allow_moves, int)):
        raise TypeError(f"allow_moves is a number of pods, not {allow_moves!r}")
    if allow_moves is not None and allow_moves < 0:
        raise ValueError(f"allow_moves is a number of pods from 0 on, not {allow_moves}")
    found = describe(done, options, notices=notices)
    if allow_moves is None or not found.pending:
        return found
    from kubelogic.verbs.moves import plan_moves

    waiting = {pod.pod for pod in found.pending if pod.verdict == "waiting"}
    asked = undone(done.before, done)
    return replace(
        found, moves=plan_moves(done.cluster, asked, options, rulebook=done.rulebook, most=allow_moves, ignored=waiting)
    )


def describe(done: Reconciled, options: Options = DEFAULT, *, notices: Sequence[Notice] = ()) -> Plan:
    """Say where everything is after a run, and what stays pending.

    Args:
        done: a cluster whose controllers have run.
        options: how it was reconciled.
        notices: what else is to be in the result.
    """
    cluster, book, final = done.before, done.rulebook, done.cluster
    sampled = sampling(len(cluster.objects("Node")), shares_of(cluster)) if options.scheduler == "kube" else ()
    actions = timed(done, done.run.steps)
    refusals = refusals_of(done)
    omissions = omitted(cluster, book.omissions)
    said = warnings_of(done.run.state)
    services = (*service_notices(final), *address_notices(cluster))
    told = (*notices, *said, *services, *omissions, *missing(cluster, final), *sampled)
    placements = placements_of(cluster, final)
    unsure = _unsure(final, book, placements) if any(each.code in UNHEEDED for each in told) else ()
    gone = gone_of(done, actions)
    unknown = not_known(cluster, final, (each.pod for each in gone))
    return Plan(
        settled=done.run.settled,
        cycle=timed(done, done.run.cycle),
        period=done.run.period,
        ticks=done.run.ticks,
        placements=placements,
        pending=pending_of(done, options),
        gone=gone,
        evictions=tuple([each for each in actions if each.action.__class__ in (EvictPod, PreemptPod)]),
        endpoints=endpoints_of(final),
        actions=actions,
        nodes=loads(done.relations, final),
        notices=told,
        cluster=final,
        remarks=(*unknown, *_remarks(done, {each.owner for each in refusals}, unsure)),
        unknown=unknown,
        refusals=refusals,
        troubles=troubles(done.troubled, cluster, final, done.relations),
        solves=done.solves,
        unsure=unsure,
        groups=tuple(group_statuses(final, done.relations)),
        departures=departures(done, actions),
        next_at=None if done.run.next_at is None else done.run.next_at - done.start,
    )


def refusals_of(done: Reconciled) -> tuple[RefusedObjects, ...]:
    """What the API server did not take: of what was read, and of what controllers made."""
    return (
        *refused_manifests(done.left_out, done.before),
        *refused_objects(done.run.refusals, done.run.state, done.start),
    )


def pending_of(done: Reconciled, options: Options, *, only: Collection[str] | None = None) -> tuple[PendingPod, ...]:
    """The pods without a node at the end of a run.

    Args:
        done: the run.
        options: how it was reconciled.
        only: the pods that are asked about; None: all.
    """
    return pending_pods(
        done.run.state,
        done.rulebook,
        judge=done.judge,
        undecided=undecided(done.before, done, options),
        moves=_moves(done.cluster, done.rulebook, options),
        relations=done.relations,
        reading=lambda: done.engine.problem(done.run.state),
        only=only,
        one_by_one=options.scheduler == "kube",
    )


def _moves(cluster: Cluster, rulebook: Rulebook, options: Options) -> Moves:
    """Whether pods of a workload fit if running pods move, for so many workloads as are looked at."""

    def asked(given: Problem, placement: Placement) -> Callable[[str, frozenset[str]], bool]:
        found = Movable(cluster=cluster, given=given, placement=placement, options=options, rulebook=rulebook)
        return lambda owner, shapes: found.of(owner, shapes) is not None

    return asked


def _unsure(cluster: Cluster, rulebook: Rulebook, placements: Sequence[PlacedPod]) -> tuple[str, ...]:
    """The pods that got their node here although they ask for what is not modelled."""
    new = (each.pod for each in placements if each.new)
    return tuple(pod for pod in new if unmodelled(cluster, rulebook, cluster.objects("Pod")[pod]).placements)


def _remarks(done: Reconciled, refused: Collection[str], unsure: Sequence[str]) -> tuple[str, ...]:
    remarks = []
    if unsure:
        ask = "asks" if len(unsure) == 1 else "ask"
        remarks.append(
            f"{count(len(unsure), 'placed pod')} {ask} for what is not modelled (see the notices): "
            "whether the node takes such a pod is not known."
        )
    if done.rival_left:
        remarks.append(f"kube-scheduler, one pod at a time, would leave {done.rival_left} of these pending.")
    if done.rival_unasked:
        remarks.append("Too large to compare with kube-scheduler each time: --scheduler kube shows what it would do.")
    remarks.extend(_short(done.cluster, refused))
    remarks.extend(_without_nodes(done))
    remarks.extend(resting(done.cluster))
    return tuple(remarks)


def _short(cluster: Cluster, refused: Collection[str]) -> Iterator[str]:
    """What workloads still lack at the end, but for those whose pods the API server refuses."""
    kinds = [kind for kind in ("ReplicaSet", "ReplicationController", "StatefulSet") if cluster.objects(kind)]
    pods = cluster.objects("Pod").values() if kinds else ()
    made = Counter(uid for pod in pods if not has_ended(pod) for uid in _controllers(pod))
    for kind in kinds:
        for key, each in sorted(cluster.objects(kind).items()):
            wanted = (each.document.get("spec") or {}).get("replicas")
            have, want = made[uid_of(each)], 1 if wanted is None else int(wanted)
            if have < want and str(each) not in refused:
                first = next(iter(_unplaced(cluster, each)), "")
                unknown = next(iter(_not_ready_elsewhere(cluster, each)), "")
                if first or unknown:
                    why = "which has no node" if first else "which is not in the input, and not ready by its status"
                    rest = f"the others wait for {first or unknown}, {why}"
                else:
                    rest = "the others wait for their turn: look further with --horizon"
                yield f"{kind} {key} has made {have} of {want} pods within the horizon; {rest}."


def _unplaced(cluster: Cluster, owner: Object) -> list[str]:
    """The pods of an object that wait for a node, by name."""
    uid = uid_of(owner)
    return [
        key
        for key, pod in sorted(cluster.objects("Pod").items())
        if uid in set(_controllers(pod)) and not has_ended(pod) and not node_of(pod)
    ]


def _not_ready_elsewhere(cluster: Cluster, owner: Object) -> list[str]:
    """The pods of an object that are not in the input and were not ready, by name."""
    return [
        key
        for key, pod in sorted(cluster.objects("Pod").items())
        if stand_in_reason(pod.document)
        and uid_of(owner) in set(_controllers(pod))
        and (pod.document.get("status") or {}).get("containerStatuses")
    ]


def _without_nodes(done: Reconciled) -> Iterator[str]:
    """What DaemonSets have no pods, as no node is for them, and why."""
    for key, each in sorted(done.cluster.objects("DaemonSet").items()):
        status = each.document.get("status") or {}
        if done.cluster.objects("Node") and not status.get("desiredNumberScheduled"):
            reasons = list(daemon_set_reasons(done.run.state, done.rulebook, each))
            if reasons:
                yield f"DaemonSet {key} has no pods, as no node is for them: {'; '.join(reasons)}."


def _controllers(pod: Object) -> Iterator[str]:
    for reference in (pod.document.get("metadata") or {}).get("ownerReferences") or ():
        if reference.get("controller"):
            yield str(reference.get("uid") or "")


def placements_of(before: Cluster, after: Cluster, only: Collection[str] | None = None) -> tuple[PlacedPod, ...]:
    """The pods that have a node after a run, by name.

    Args:
        before: the cluster as it was given.
        after: the cluster at the end.
        only: the pods that are asked about; None: all.
    """
    placed = []
    pods, nodes, were, workloads = after.objects("Pod"), nodes_of(after), nodes_of(before), Workloads(after)
    for key in sorted(nodes.keys() if only is None else nodes.keys() & only):
        pod, node = pods[key], nodes[key]
        if is_active(pod) and not stand_in_reason(pod.document):
            placed.append(PlacedPod(pod=key, owner=workloads.of(pod), node=node, new=were.get(key) != node))
    return tuple(placed)


def gone_of(done: Reconciled, actions: Sequence[TimedAction]) -> tuple[GonePod, ...]:
    """The pods that were there before a run and are not any more; those that were never taken do not count.

    Args:
        done: the run.
        actions: what happened in it.
    """
    before, after, refused = done.before, done.cluster, {(each.kind, each.key) for each, _ in done.left_out}
    left = {
        key: pod
        for key, pod in before.objects("Pod").items()
        if after.get("Pod", key) is None and ("Pod", key) not in refused and not stand_in_reason(pod.document)
    }
    reasons: dict[str, str] = {}
    for each in actions if left else ():
        match each.action:
            case DeletePod(pod=pod, reason=reason):
                reasons.setdefault(pod, reason)
            case EvictPod(pod=pod, message=message) | CollectPod(pod=pod, message=message):
                reasons.setdefault(pod, message)
            case PreemptPod(pod=pod, beneficiary=beneficiary):
                reasons.setdefault(pod, f"it makes room for {beneficiary}")
            case DeleteObject(kind="Pod", key=pod):
                space = before.get("Namespace", pod.partition("/")[0])
                goes = space is not None and is_being_deleted(space)
                reasons.setdefault(
                    pod, "its namespace is being deleted" if goes else "garbage: it has no owner any more"
                )
    return tuple(
        GonePod(pod=key, owner=workload(before, pod), node=node_of(pod), reason=reasons.get(key, ""))
        for key, pod in sorted(left.items())
    )


def endpoints_of(cluster: Cluster) -> tuple[ServiceEndpoints, ...]:
    """The addresses behind each Service, by its key, as its slices list them."""
    ready: dict[str, set[str]] = {key: set() for key in cluster.objects("Service")}
    not_ready: dict[str, set[str]] = {key: set() for key in cluster.objects("Service")}
    for each in cluster.objects("EndpointSlice").values():
        labels = (each.document.get("metadata") or {}).get("labels") or {}
        service = f"{each.namespace}/{labels.get(SLICE_SERVICE, '')}"
        if service not in ready:
            continue
        spec = cluster.objects("Service")[service].document.get("spec") or {}
        ports = [
            f":{port['port']}" for port in each.document.get("ports") or () if port.get("port") and leads(spec, port)
        ]
        if not spec.get("ports"):
            ports = [""]  # a headless Service without ports: its name is answered all the same
        for endpoint in each.document.get("endpoints") or ():
            is_ready = (endpoint.get("conditions") or {}).get("ready", True)
            target = ready if is_ready else not_ready
            target[service].update(f"{a}{port}" for a in endpoint.get("addresses") or () for port in ports)
    return tuple(
        ServiceEndpoints(service=key, ready=tuple(sorted(ready[key])), not_ready=tuple(sorted(not_ready[key])))
        for key in sorted(ready)
    )


def loads(relations: Relations, cluster: Cluster) -> tuple[NodeLoad, ...]:
    """What the pods on each node ask for, beside what it has.

    Args:
        relations: derived for at least the goals of the placement problem.
        cluster: of which they were derived.
    """
    nodes = sorted(text(row[0]) for row in relations.rows("node_class"))
    requests, allocatable = (_amounts(relations, name) for name in ("shape_request", "node_allocatable"))
    asked = {shape: [each for each in amounts.items() if each[1] > 0] for shape, amounts in requests.items()}
    used: dict[Value, Counter[str]] = {node: Counter() for node in nodes}
    shape_of = dict(cast("Iterable[tuple[Value, Value]]", relations.rows("pod_shape")))
    on_nodes = cast("Iterable[tuple[Value, Value]]", relations.rows("pod_occupies"))
    pods = Counter([node for _, node in on_nodes])
    for pod, node in on_nodes:
        mine = used.get(node)
        if mine is not None:
            for resource, amount in asked.get(shape_of[pod], ()):
                mine[resource] += amount
    return tuple(
        NodeLoad(
            node=node,
            pods=pods[node],
            requested=used[node],
            allocatable=allocatable[node],
            status=node_status(cluster.get("Node", node)),
        )
        for node in nodes
    )


def node_status(node: Object | None) -> str:
    """What ``kubectl get nodes`` shows of a node: Ready or NotReady, and whether it is cordoned.

    A node that reports nothing is taken to be well.

    Source: kubernetes/pkg/printers/internalversion/printers.go printNode.
    """
    document = {} if node is None else node.document
    conditions = (document.get("status") or {}).get("conditions") or ()
    ready = next((each.get("status") for each in conditions if each.get("type") == "Ready"), "True")
    words = ["Ready" if ready == "True" else "NotReady"]
    if (document.get("spec") or {}).get("unschedulable"):
        words.append("SchedulingDisabled")
    return ",".join(words)


def _amounts(relations: Relations, predicate: str) -> dict[Value, dict[str, int]]:
    found: dict[Value, dict[str, int]] = defaultdict(dict)
    for owner, resource, amount in relations.rows(predicate):
        found[owner][text(resource)] = number(amount)
    return found
