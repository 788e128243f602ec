"""Explanations of what is not a single pod: workloads, nodes and Services, as the controllers leave them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import is_being_deleted
from kubelogic.cluster.owners import controllers, pods_under, revision
from kubelogic.cluster.pods import nodes_of
from kubelogic.explain.blockers import Blocker
from kubelogic.explain.pending import PendingPod
from kubelogic.explain.repairs import Repair
from kubelogic.kinds.evidence import stand_in_reason
from kubelogic.text import Location
from kubelogic.verbs.cron_jobs import schedule_words
from kubelogic.verbs.daemons import daemon_set_reasons
from kubelogic.verbs.departures import departures, look_ahead, timed
from kubelogic.verbs.explain import Explanation, departures_of, explain_run, going_round
from kubelogic.verbs.finished_jobs import finished_words
from kubelogic.verbs.missing import NOTHING, Lacking, lacking
from kubelogic.verbs.plan import endpoints_of, gone_of, loads, pending_of, placements_of, refusals_of
from kubelogic.verbs.reconciled import Options, Reconciled, expect_cluster, reconcile
from kubelogic.verbs.results import Departure, GonePod, NodeLoad, PlacedPod, RefusedObjects, Trouble
from kubelogic.verbs.rollout_words import job_words, paused_words, rollout_words
from kubelogic.verbs.services import inside_words, notices_of, outside_words, selected, unserved, without_selector
from kubelogic.verbs.shown import Shown
from kubelogic.verbs.stuck import stuck_repairs
from kubelogic.verbs.targets import WORKLOADS, Target, UnknownPodError, find
from kubelogic.verbs.troubles import troubles
from kubelogic.verbs.unresolved import never_ready

if TYPE_CHECKING:
    from kubelogic.verbs.drain import NodeDrain
    from kubelogic.verbs.interruptions import Interruption


class WorkloadExplanation(Shown, msgspec.Struct, frozen=True, kw_only=True):
    """How many pods of a workload have a node, and what holds each of the others.

    Attributes:
        workload: ``Kind namespace/name``.
        wanted: how many pods it wants.
        placed: its pods with a node.
        pending: its pods without one.
        refused: what the API server does not take of it.
        uncreated: how many pods are neither there nor refused.
        unprinted: how many pods its status counts that are not in the input: there, or just gone and made anew.
        without_pods: for a workload that wants none here, why.
        rollout: what an unfinished rollout of it waits for, and what its numbers allow.
        schedule: of a CronJob, when it is due, what holds the next Job, how the last one ended, and what it may miss.
        finished: of a Job that has ended, how, what became of its pods, and what helps if it failed.
        pod: the explanation of its first pending pod of the newest revision, else of its first pod; None: it has none.
        lacking: what the input does not have.
        unwell: what is not well of it and of its pods, at the end.
        gone: a pod that was asked about by its name and is not there at the end, with why it went.
        departures: which of its pods were evicted in the run, or are due to be, why, and what comes in their place.
        repairs: where its controller is stuck, changes after which it has all its pods; each was tried.
        absent: whether the input does not have the workload itself, so that how many pods it wants is not known.
    """

    workload: str
    wanted: int
    placed: tuple[PlacedPod, ...]
    pending: tuple[PendingPod, ...]
    refused: tuple[RefusedObjects, ...]
    uncreated: int
    without_pods: tuple[str, ...] = ()
    rollout: tuple[str, ...] = ()
    schedule: tuple[str, ...] = ()
    finished: tuple[str, ...] = ()
    pod: Explanation | None = None
    lacking: Lacking = NOTHING
    unwell: tuple[Trouble, ...] = ()
    gone: GonePod | None = None
    departures: tuple[Departure, ...] = ()
    repairs: tuple[Repair, ...] = ()
    absent: bool = False
    unprinted: int = 0

    def __repr__(self) -> str:
        return (
            f"<Explanation of {self.workload}: {len(self.placed)} of {self.wanted} placed, {len(self.pending)} pending>"
        )


class NodeExplanation(Shown, msgspec.Struct, frozen=True, kw_only=True):
    """What a node holds and whom it refuses.

    Attributes:
        node: its name.
        load: what is asked of it and what it has.
        pods: those on it.
        leaving: those on it that are being deleted.
        refuses: by pending pod, every reason against this node.
        location: where it stands.
        drain: what comes of draining it, if that was asked.
        departures: the pods that are evicted from it.
        lacking: what the input does not have.
    """

    node: str
    load: NodeLoad | None
    pods: tuple[str, ...]
    leaving: tuple[str, ...] = ()
    refuses: Mapping[str, tuple[Blocker, ...]]
    location: Location | None
    drain: NodeDrain | None = None
    departures: tuple[Departure, ...] = ()
    lacking: Lacking = NOTHING

    def __repr__(self) -> str:
        return f"<Explanation of Node {self.node}: {len(self.pods)} pods>"


class ServiceExplanation(Shown, msgspec.Struct, frozen=True, kw_only=True):
    """Which pods stand behind a Service, and why others do not.

    Attributes:
        service: its key.
        type: its type.
        ready: addresses that are served.
        not_ready: addresses that are not ready.
        pods: the pods that it selects, each with why it is not among the ready endpoints; empty if it is.
        remarks: what keeps the Service as a whole from working.
        outside: for one whose ``externalTrafficPolicy`` is Local, which nodes answer from outside; else empty.
        inside: for one whose ``internalTrafficPolicy`` is Local, which nodes answer their pods; else empty.
        near: for one with a ``trafficDistribution``, which endpoints the nodes use.
        rolled: what a rollout of each workload behind it means for it.
        location: where it stands.
        lacking: what the input does not have.
    """

    service: str
    type: str
    ready: tuple[str, ...]
    not_ready: tuple[str, ...]
    pods: tuple[tuple[str, str], ...]
    remarks: tuple[str, ...]
    location: Location | None
    outside: str = ""
    inside: str = ""
    near: tuple[str, ...] = ()
    rolled: tuple[Interruption, ...] = ()
    lacking: Lacking = NOTHING

    def __repr__(self) -> str:
        return f"<Explanation of Service {self.service}: {len(self.ready)} ready, {len(self.not_ready)} not ready>"


About = Explanation | WorkloadExplanation | NodeExplanation | ServiceExplanation


def explain_any(
    cluster: Cluster,
    text: str,
    options: Options = Options(),  # noqa: B008 - a frozen value
    *,
    namespace: str = "default",
    most_repairs: int | None = None,
    drained: bool = False,
) -> About:
    """Reconcile a cluster, then explain what a text names.

    Args:
        cluster: desired and observed objects.
        text: see ``kubelogic.verbs.targets.find``.
        options: how to reconcile.
        namespace: where to look first.
        most_repairs: show so many repairs of whatever kinds; None for one of each kind and owner.
        drained: of a node, also what comes of draining it.

    Raises:
        UnknownPodError: if there is none.
        RuleErrors: if the rules or parameters are faulty.
    """
    expect_cluster(cluster)
    whole = _is_of_endpoints(cluster, text, namespace, drained)
    done = reconcile(cluster, options, of_pods=not whole)
    if not whole and (done.run.cycle or _is_of_endpoints(done.cluster, text, namespace, drained)):
        done = reconcile(cluster, options)
    return explain_done(done, text, options, namespace=namespace, most_repairs=most_repairs, drained=drained)


def _is_of_endpoints(cluster: Cluster, text: str, namespace: str, drained: bool) -> bool:
    """Whether what a text names is told with the endpoints of Services: one of these, or how a node is drained."""
    try:
        kind = find(cluster, text, namespace).kind
    except UnknownPodError:
        return False
    return kind == "Service" or (kind == "Node" and drained)


def explain_done(
    done: Reconciled,
    text: str,
    options: Options,
    *,
    namespace: str = "default",
    most_repairs: int | None = None,
    drained: bool = False,
) -> About:
    """Explain what a text names, after a run; see ``explain_any``.

    Raises:
        UnknownPodError: if there is none.
    """
    target = _asked(done, text, namespace)
    found = _explained(done, target, options, most_repairs)
    if drained and isinstance(found, NodeExplanation):
        from kubelogic.verbs.drain import drain

        found = replace(found, drain=drain(done, found.node, options))
    return replace(found, lacking=lacking(done.before, done.cluster, of=_named(done.cluster, target)))


def _asked(done: Reconciled, text: str, namespace: str) -> Target:
    """What a text names at the end, or else the pod or the refused workload that it named in the input.

    Raises:
        UnknownPodError: if there is none, or a refused object of another kind.
    """
    try:
        return find(done.cluster, text, namespace)
    except UnknownPodError:
        try:
            before = find(done.before, text, namespace)
        except UnknownPodError:
            before = None
        refused = _refused(done, before) if before is not None else ()
        if before is None or (before.kind != "Pod" and not refused):
            raise
        if before.kind not in ("Pod", *WORKLOADS):
            why = f": the API server refuses it: {refused[0].message}"
            raise UnknownPodError(before.key, (), before.kind, note=why) from None
        return before


def _refused(done: Reconciled, target: Target) -> tuple[RefusedObjects, ...]:
    """What the API server refuses of an object and of what is made for it."""
    return tuple(each for each in refusals_of(done) if f"{target.kind} {target.key}" in (each.owner, each.workload))


def _named(cluster: Cluster, target: Target) -> frozenset[str]:
    """The objects whose references to others belong to what is explained."""
    pod = cluster.get("Pod", target.key) if target.kind == "Pod" else None
    return frozenset({f"{target.kind} {target.key}", *(controllers(cluster, pod) if pod is not None else ())})


def _explained(done: Reconciled, target: Target, options: Options, most_repairs: int | None) -> About:
    match target.kind:
        case "Pod":
            pod = done.cluster.get("Pod", target.key)
            if pod is None:
                return _absent(done, target.key, options)
            told = explain_run(done, pod, options, most_repairs=most_repairs)
            return replace(told, departures=departures_of(done, {pod.key}))
        case "Node":
            return _node(done, target.key, options)
        case "Service":
            return _service(done, target.key, options)
        case _:
            return _workload(done, target, options, most_repairs)


def _workload(done: Reconciled, target: Target, options: Options, most_repairs: int | None) -> WorkloadExplanation:
    name, pods = f"{target.kind} {target.key}", done.cluster.objects("Pod")
    mine = {pod.key for pod in pods_under(done.cluster, name)}
    placed = placements_of(done.before, done.cluster, mine)
    unprinted = sum(bool(stand_in_reason(pods[key].document)) for key in mine)
    pending = pending_of(done, options, only=mine)
    refused = _refused(done, target)
    obj = done.cluster.get(target.kind, target.key) or done.before.get(target.kind, target.key)
    wanted = _wanted(obj, len(placed) + len(pending))
    missing = sum(each.missing for each in refused if each.kind == "Pod")
    newest = sorted(pending, key=lambda each: -revision(done.cluster, pods[each.pod]))
    names = [*(each.pod for each in newest), *(each.pod for each in placed)]
    first = pods[names[0]] if names else None
    about = {
        name,
        *(f"Pod {key}" for key in mine),
        *(made for key in mine for made in controllers(done.cluster, pods[key])),
    }
    found = troubles(done.troubled, done.before, done.cluster, done.relations)
    unwell = (*going_round(done, about), *(each for each in found if f"{each.kind} {each.key}" in about))
    ended = finished_words(obj, [pods[key] for key in sorted(mine)]) if obj is not None else ()
    told = explain_run(done, first, options, most_repairs=most_repairs) if first is not None else None
    return WorkloadExplanation(
        workload=name,
        wanted=max(wanted, len(placed) + len(pending) + missing),
        placed=placed,
        pending=pending,
        refused=refused,
        uncreated=max(0, wanted - len(placed) - len(pending) - missing - unprinted),
        unprinted=unprinted,
        without_pods=tuple(_without_pods(done, obj))
        if not mine and not refused and not ended and obj is not None
        else (),
        rollout=rollout_words(obj, unwell={each.reason for each in unwell}) if obj is not None else (),
        schedule=schedule_words(done.rulebook, done.run.state, obj, done.start) if obj is not None else (),
        finished=ended,
        pod=replace(told, unwell=()) if told is not None else None,
        unwell=unwell,
        departures=departures_of(done, mine | {pod.key for pod in pods_under(done.before, name)}),
        repairs=stuck_repairs(done, obj, refused, unwell, options) if obj is not None and not pending else (),
        absent=obj is None,
    )


def _absent(done: Reconciled, key: str, options: Options) -> WorkloadExplanation:
    """A pod of the input that the API server refuses, or that went."""
    name = f"Pod {key}"
    refused = _refused(done, Target(kind="Pod", key=key))
    given = done.before.get("Pod", key)
    went = () if refused else gone_of(done, timed(done, done.run.steps))
    return WorkloadExplanation(
        workload=name,
        wanted=1,
        placed=(),
        pending=(),
        refused=refused,
        uncreated=0,
        gone=next((each for each in went if each.pod == key), None),
        repairs=stuck_repairs(done, given, refused, (), options) if given is not None and refused else (),
        departures=departures_of(done, {key}),
    )


def _wanted(obj: Object | None, made: int) -> int:
    """How many pods a workload wants at once."""
    if obj is None or obj.kind in ("Job", "CronJob"):
        return made
    if obj.kind == "DaemonSet":
        return int((obj.document.get("status") or {}).get("desiredNumberScheduled") or 0)
    replicas = (obj.document.get("spec") or {}).get("replicas")
    return 1 if replicas is None else int(replicas)


def _without_pods(done: Reconciled, obj: Object) -> Iterator[str]:
    """Why a workload has no pod, for one that is not refused any."""
    if words := paused_words(obj):
        yield f"it is paused; {words}"
    elif obj.kind == "DaemonSet":
        yield from daemon_set_reasons(done.run.state, done.rulebook, obj)
    elif obj.kind == "CronJob":
        yield "no Job of it has pods at this time; kubelogic check says whether a node would take them"
    elif obj.kind == "Job":
        yield job_words(obj)
    elif (obj.document.get("spec") or {}).get("replicas") == 0:
        yield "it asks for 0 replicas"


def _node(done: Reconciled, name: str, options: Options) -> NodeExplanation:
    obj = done.cluster.objects("Node")[name]
    here = {pod for pod, node in nodes_of(done.cluster).items() if node == name}
    left = departures(done, timed(done, done.run.steps))
    return NodeExplanation(
        node=name,
        load=next((each for each in loads(done.relations, done.cluster) if each.node == name), None),
        pods=tuple(each.pod for each in placements_of(done.before, done.cluster, here)),
        leaving=tuple(key for key in sorted(here) if is_being_deleted(done.cluster.objects("Pod")[key])),
        refuses={
            each.pod: tuple(blocker for blocker in each.blockers if blocker.node in (name, ""))
            for each in pending_of(done, options)
        },
        location=obj.place(),
        departures=look_ahead(done, [each for each in left if each.node == name]),
    )


def _service(done: Reconciled, key: str, options: Options) -> ServiceExplanation:
    obj = done.cluster.objects("Service")[key]
    from kubelogic.verbs.interruptions import interruptions
    from kubelogic.verbs.near_endpoints import near_words

    served = next(each for each in endpoints_of(done.cluster) if each.service == key)
    ready = {*served.ready, *(address.rpartition(":")[0] for address in served.ready)}
    behind = selected(done.cluster, obj)
    pods = tuple((pod.key, unserved(pod, ready)) for pod in behind)
    owners = {f"Pod {pod.key}" for pod in behind} | {each for pod in behind for each in controllers(done.cluster, pod)}
    return ServiceExplanation(
        service=key,
        type=str((obj.document.get("spec") or {}).get("type") or "ClusterIP"),
        ready=served.ready,
        not_ready=served.not_ready,
        pods=pods,
        remarks=(
            *(each.message for each in (*notices_of(done.cluster, obj), *never_ready(done.before, owners))),
            *without_selector(done.cluster, obj, served.ready),
        ),
        outside=outside_words(done.cluster, obj),
        inside=inside_words(done.cluster, obj),
        near=near_words(done, obj),
        rolled=interruptions(done, obj, options) if served.ready else (),
        location=obj.place(),
    )
