"""Invariants: what has to hold in every state of a run, or at its end; each with a name that a person can type.

An invariant compares with the state before anything happened: what was so already is not held against the failure.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import msgspec

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.clock import milliseconds as moment
from kubelogic.cluster.edit import metadata
from kubelogic.cluster.owners import workload
from kubelogic.cluster.pods import is_active, is_ready, node_of
from kubelogic.cluster.state import State
from kubelogic.explain.units import count
from kubelogic.reconcile.ailments import ready_endpoints
from kubelogic.reconcile.rollouts import rollouts
from kubelogic.reconcile.times import clock
from kubelogic.verbs.arguments import TEXT, expect
from kubelogic.verbs.scenario_fields import milliseconds

Check = Callable[[State, State], Iterator[str]]
"""From the state before and a later one to what is broken, a sentence each."""

_ZONE = "topology.kubernetes.io/zone"
_KEYS = {"zone": _ZONE, "region": "topology.kubernetes.io/region", "node": "kubernetes.io/hostname"}
_LABEL = re.compile(r"([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
"""Keys of labels."""


class Invariant(msgspec.Struct, frozen=True, kw_only=True):
    """Something that has to hold.

    Attributes:
        name: as it is typed, its argument included.
        says: what it demands, a sentence.
        always: in every state of a run, not only at its end.
        check: what is broken.
    """

    name: str
    says: str
    always: bool
    check: Check


class UnknownInvariantError(ValueError):
    """There is no invariant of that name, or its argument is wrong."""


def every_pod_placed() -> Invariant:
    """At the end no workload has more pods without a node, or lacks more pods on nodes that work, than before.

    Where too many nodes fail at once nothing is evicted: pods that stay on them run nowhere.
    """

    def check(before: State, after: State) -> Iterator[str]:
        old, new = _short(before.cluster), _short(after.cluster)
        for owner, short in sorted((new - old).items()):
            then = f" ({new[owner]} now, {old[owner]} before)" if len(before.cluster) else ""
            yield f"{owner} lacks {_pods(short)} on nodes{then}"

    says = "at the end no workload lacks more pods on nodes that work than before"
    return Invariant(name="every_pod_placed", says=says, always=False, check=check)


def every_service_has_an_endpoint() -> Invariant:
    """At the end every Service that had a ready endpoint has one."""

    def check(before: State, after: State) -> Iterator[str]:
        old, new = ready_endpoints(before.cluster), ready_endpoints(after.cluster)
        for service, number in sorted(old.items()):
            if number and service in new and not new[service]:
                yield f"Service {service} has no ready endpoint ({number} before)"

    says = "at the end every Service that had a ready endpoint has one"
    return Invariant(name="every_service_has_an_endpoint", says=says, always=False, check=check)


def no_service_interrupted() -> Invariant:
    """At every moment every Service that had a ready endpoint has one."""
    check = every_service_has_an_endpoint().check
    says = "at every moment every Service that had a ready endpoint has one"
    return Invariant(name="no_service_interrupted", says=says, always=True, check=check)


def budget_respected() -> Invariant:
    """At every moment each disruption budget that was met has as many healthy pods as it wants."""

    def check(before: State, after: State) -> Iterator[str]:
        old = dict(_unmet(before.cluster))
        for key, says in _unmet(after.cluster):
            if key not in old:
                yield says

    says = "at every moment each PodDisruptionBudget has as many healthy pods as it wants"
    return Invariant(name="budget_respected", says=says, always=True, check=check)


def no_pod_pending_longer_than(time: str) -> Invariant:
    """At every moment no new pod has waited for a node for longer than a time such as ``10m``."""
    most = milliseconds(time)
    if most is None:
        raise UnknownInvariantError(f"no_pod_pending_longer_than takes a time such as 10m, not {time!r}")

    def check(before: State, after: State) -> Iterator[str]:
        known = before.cluster.objects("Pod")
        for key, pod in sorted(after.cluster.objects("Pod").items()):
            old = known.get(key)
            if node_of(pod) or _is_over(pod) or (old is not None and not node_of(old)):
                continue
            made = metadata(pod).get("creationTimestamp")
            since = max(moment(str(made)), before.now) if made else before.now
            if after.now - since > most:
                yield f"Pod {key} waits for a node since {clock(after.now - since)}, longer than {clock(most)}"

    says = f"no pod waits for a node for longer than {clock(most)}"
    return Invariant(name=f"no_pod_pending_longer_than={time}", says=says, always=True, check=check)


def never_fewer_ready_than(least: str) -> Invariant:
    """At every moment each workload that had so many ready pods has so many: a number, or a share such as ``50%``."""
    expect(TEXT, least=least)
    if not re.fullmatch(r"[0-9]{1,6}%?", least):
        raise UnknownInvariantError(f"never_fewer_ready_than takes a number or a share such as 50%, not {least!r}")
    number, share = int(least.rstrip("%")), least.endswith("%")
    if share and number > 100:
        raise UnknownInvariantError(
            f"never_fewer_ready_than takes a share up to 100%, not {least}: no workload has more"
        )

    def check(before: State, after: State) -> Iterator[str]:
        old, new = _ready(before.cluster), _ready(after.cluster)
        for owner, was in sorted(old.items()):
            wanted = -(-was * number // 100) if share else number
            if was >= wanted and new[owner] < wanted:
                yield f"{owner} has {count(new[owner], 'ready pod')}, {wanted} are the least ({was} before)"

    says = f"at every moment each workload has {least} of its pods ready at least"
    return Invariant(name=f"never_fewer_ready_than={least}", says=says, always=True, check=check)


def replicas_spread_over(key: str) -> Invariant:
    """At the end the pods of each workload that has several are not all in one domain of a key, if there are more."""
    expect(TEXT, key=key)
    label = _KEYS.get(key, key)
    if not _LABEL.fullmatch(label):
        raise UnknownInvariantError(f"replicas_spread_over takes zone, region, node or the key of a label, not {key!r}")

    def check(before: State, after: State) -> Iterator[str]:
        nodes = after.cluster.objects("Node").values()
        if nodes and not any(label in (metadata(each).get("labels") or {}) for each in nodes):
            yield f"no node has the label {label}: nothing is spread over it"
        old = dict(_gathered(before.cluster, label))
        for owner, domain in _gathered(after.cluster, label):
            if owner not in old:
                yield f"all pods of {owner} are in {key} {domain}"

    says = f"at the end no workload of several pods has all of them in one {key}"
    return Invariant(name=f"replicas_spread_over={key}", says=says, always=False, check=check)


def rollouts_complete() -> Invariant:
    """At the end every rollout that was complete is complete."""

    def check(before: State, after: State) -> Iterator[str]:
        old = {(each.kind, each.key) for each in rollouts(before.cluster) if not each.complete}
        for each in rollouts(after.cluster):
            if not each.complete and (each.kind, each.key) not in old:
                yield f"{each.kind} {each.key}: {each.message}"

    says = "at the end every rollout is complete"
    return Invariant(name="rollouts_complete", says=says, always=False, check=check)


NAMED: Mapping[str, Callable[..., Invariant]] = MappingProxyType(
    {
        each.__name__: each
        for each in (
            every_pod_placed,
            every_service_has_an_endpoint,
            no_service_interrupted,
            budget_respected,
            no_pod_pending_longer_than,
            never_fewer_ready_than,
            replicas_spread_over,
            rollouts_complete,
        )
    }
)
"""The invariants by name. Those that take an argument are typed ``NAME=ARGUMENT``."""

_WITH_ARGUMENT = frozenset({"no_pod_pending_longer_than", "never_fewer_ready_than", "replicas_spread_over"})


def named(text: str) -> Invariant:
    """The invariant that a person typed, such as ``never_fewer_ready_than=2``.

    Raises:
        UnknownInvariantError: if there is none, or its argument is wrong.

    >>> named("replicas_spread_over=zone").says
    'at the end no workload of several pods has all of them in one zone'
    """
    expect(TEXT, invariant=text)
    name, equals, argument = text.partition("=")
    name = name.replace("-", "_")
    make = NAMED.get(name)
    if make is None:
        near = difflib.get_close_matches(name, NAMED, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(NAMED)}, and rule files (.dl)"
        raise UnknownInvariantError(f"there is no invariant {text}; {hint}")
    if name in _WITH_ARGUMENT:
        if not argument:
            raise UnknownInvariantError(f"{name} takes an argument: {name}=VALUE")
        return make(argument)
    if equals:
        raise UnknownInvariantError(f"{name} takes no argument")
    return make()


def _is_over(pod: Object) -> bool:
    """Whether a pod has ended, or is about to."""
    return not is_active(pod)


def _is_ready(pod: Object) -> bool:
    return is_active(pod) and is_ready(pod)


def _pods(count: int) -> str:
    return f"{count} pod" if count == 1 else f"{count} pods"


_SCALED = ("Deployment", "ReplicaSet", "ReplicationController", "StatefulSet")


def _short(cluster: Cluster) -> Counter[str]:
    """How many pods on nodes each workload lacks: those that wait or are on nodes that fail, and those not made."""
    working = {name for name, _ in _ready_nodes(cluster)}
    failing = cluster.objects("Node").keys() - working
    there: Counter[str] = Counter()
    found: Counter[str] = Counter()
    for pod in cluster.objects("Pod").values():
        if _is_over(pod):
            continue
        owner = workload(cluster, pod)
        if node_of(pod):
            there[owner] += node_of(pod) not in failing
        elif owner.partition(" ")[0] not in _SCALED:
            found[owner] += 1
    for kind in _SCALED:
        for key, obj in cluster.objects(kind).items():
            if any(each.get("controller") for each in metadata(obj).get("ownerReferences") or ()):
                continue
            wanted = (obj.document.get("spec") or {}).get("replicas", 1)
            short = int(wanted) - there[f"{kind} {key}"]
            if short > 0:
                found[f"{kind} {key}"] += short
    return found


def _ready(cluster: Cluster) -> Counter[str]:
    return Counter(workload(cluster, pod) for pod in cluster.objects("Pod").values() if _is_ready(pod))


def _unmet(cluster: Cluster) -> Iterator[tuple[str, str]]:
    for key, budget in sorted(cluster.objects("PodDisruptionBudget").items()):
        status = budget.document.get("status") or {}
        healthy, wanted = int(status.get("currentHealthy") or 0), int(status.get("desiredHealthy") or 0)
        if healthy < wanted:
            yield key, f"PodDisruptionBudget {key} has {count(healthy, 'healthy pod')}, it wants {wanted}"


def _gathered(cluster: Cluster, label: str) -> Iterator[tuple[str, str]]:
    """The workloads of several pods on nodes that are all in one of several domains."""
    domains = {name: str((metadata(node).get("labels") or {}).get(label, "")) for name, node in _ready_nodes(cluster)}
    if len({*domains.values()} - {""}) < 2:
        return
    where: dict[str, list[str]] = {}
    for pod in cluster.objects("Pod").values():
        if node_of(pod) in domains and not _is_over(pod):
            where.setdefault(workload(cluster, pod), []).append(domains[node_of(pod)])
    for owner, found in sorted(where.items()):
        if len(found) > 1 and len(set(found)) == 1 and not owner.startswith("DaemonSet "):
            yield owner, found[0]


def _ready_nodes(cluster: Cluster) -> Iterator[tuple[str, Object]]:
    for name, node in sorted(cluster.objects("Node").items()):
        conditions = (node.document.get("status") or {}).get("conditions") or ()
        if next((each.get("status") for each in conditions if each.get("type") == "Ready"), "True") == "True":
            yield name, node
