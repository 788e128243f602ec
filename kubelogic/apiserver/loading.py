"""From what was read to the first state: manifests pass the chain of admission one after the other, as if they were
applied; what a cluster made has passed it there.

What a cluster is made of (nodes, namespaces, classes, limit ranges, quotas) is taken to be there first, then the
accounts and settings that pods need; the rest comes in the order in which it was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import repeat
from typing import Any

import msgspec
from msgspec.structs import replace

from kubelogic.apiserver import chain
from kubelogic.apiserver.admission import default_toleration_seconds, priority
from kubelogic.apiserver.allocators.pod_addresses import PLUGIN
from kubelogic.apiserver.allocators.ranges import Ranges
from kubelogic.apiserver.allocators.services import address_services
from kubelogic.apiserver.answers import Status
from kubelogic.apiserver.deciding import IT, decide
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.clock import timestamp
from kubelogic.cluster.edit import edited, metadata, uid_of, with_document
from kubelogic.cluster.state import State, namespaces, without_uid
from kubelogic.facts.node_status import node_facts
from kubelogic.facts.parameters import parameters_of
from kubelogic.facts.quota import limits_of, unprinted_use
from kubelogic.facts.quota_costs import costs, is_covered
from kubelogic.facts.rulebook import builtin_rulebook
from kubelogic.kinds.quantity import written
from kubelogic.logic import Rulebook

_GROUND = frozenset({"Node", "Namespace", "LimitRange", "ResourceQuota"})
"""Kinds of a cluster's own objects beside those that belong to no namespace."""

_NEEDED = ("ServiceAccount", "ConfigMap", "Secret")
"""Kinds that pods refer to, whatever the order in which they were written."""

_ENDED_UP = frozenset({"Running", "Succeeded", "Failed", "Unknown", "Bound", "Lost"})
"""Phases that only a cluster writes."""

_SERVICES = "service_cluster_ip_range"
"""The parameter that says where addresses of Services come from: a value other than the built-in one is the user's."""

_NANO = 10**9


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster as the API server holds it before anything else happens.

    Attributes:
        state: with everything that was taken.
        refused: objects that the API server would not take, with its answers.
    """

    state: State
    refused: tuple[tuple[Object, Status], ...]


def load_state(
    cluster: Cluster, *, rules: Rulebook | None = None, now: int | None = None, given: State | None = None
) -> Loaded:
    """Admit the objects of a cluster that was read.

    Args:
        cluster: objects as written (with defaults filled in), and objects as a cluster gave them out.
        rules: the rules and parameters that the API server decides by; None for the built-in ones.
        now: when the clock starts, at which a CronJob that names no other time is made; None for the latest moment that
            the cluster mentions, and then nothing is dated.
        given: ``State.of`` the cluster and the rules, if that is known already.
    """
    whole = State.of(cluster, rules=rules) if given is None else given
    book = rules or builtin_rulebook()
    parameters = parameters_of(book)
    is_set = parameters[_SERVICES] != parameters_of(builtin_rulebook())[_SERVICES]
    addressed, refused = address_services(cluster, Ranges.named(parameters), known=is_set)
    new = sorted((obj for obj in without_uid(addressed) if _is_new(obj)), key=_turn)
    there = addressed.replacing(without=[(obj.kind, obj.key) for obj in new])
    tx = Transaction(state=replace(whole, cluster=there), presumed=namespaces(cluster))
    answers = list(refused)
    for quota in there.objects("ResourceQuota").values():
        _count(tx, quota, there)
    for obj in _shortened(there):
        _fill_in(tx, obj)
    for node in there.objects("Node").values():
        _taint(tx, node)
    specs: dict[bytes | int, Any] = {}
    for obj in new:
        refusal = _take(tx, _sharing(obj, specs))
        if refusal is not None:
            del tx.changed[obj.kind, obj.key]
            answers.append((obj, refusal))
    if now is not None:
        _date(tx, cluster, now)
    if _without_ranges(there):
        tx.memory[PLUGIN, "all"] = 1
    state = tx.finish()
    beyond = [("quota_unprinted", (*key, amount)) for key, amount in sorted(unprinted_use(there).items())]
    state = state.with_world(add=beyond) if beyond else state
    return Loaded(state=state if now is None else replace(state, now=now), refused=tuple(answers))


def _taint(tx: Transaction, node: Object) -> None:
    """Give a node that no cluster has taken the taints of its state: none takes pods before its controller saw it.

    Source: plugin/pkg/admission/nodetaint/admission.go; node_lifecycle_controller.go, doNoScheduleTaintingPass.
    """
    if was_admitted(node):
        return
    facts = tuple((name, (IT, *row[1:])) for name, row in node_facts(node) if name in _TAINTING)
    if all(fact in _HEALTHY for fact in ((name, row[1:3]) for name, row in facts)):
        return
    taints = list((node.document.get("spec") or {}).get("taints") or ())
    there = {each.get("key") for each in taints if each.get("effect") == "NoSchedule"}
    wanted = [str(key) for _, key in decide(tx, facts, ("wants_no_schedule",))["wants_no_schedule"]]
    if new := [{"key": key, "effect": "NoSchedule"} for key in wanted if key not in there]:
        tx.put(edited(node, ["spec"], {"taints": [*taints, *new]}))


_TAINTING = frozenset({"node_condition", "node_unschedulable"})
"""What a node says that taints follow."""

_HEALTHY = frozenset({("node_condition", ("Ready", "True"))}) | {
    ("node_condition", (kind, "False"))
    for kind in ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")
}
"""What most nodes say, and no rule need be asked about."""


def _without_ranges(cluster: Cluster) -> bool:
    """Whether a cluster has nodes and none of them got a range of addresses: its network plugin needs none."""
    nodes = [node.document.get("spec") or {} for node in cluster.objects("Node").values() if was_admitted(node)]
    return bool(nodes) and not any(spec.get("podCIDR") or spec.get("podCIDRs") for spec in nodes)


def _date(tx: Transaction, given: Cluster, now: int) -> None:
    """Say when the CronJobs were made that were given without a date: their schedules count from then."""
    for key, obj in given.objects("CronJob").items():
        present = tx.get("CronJob", key)
        if present is not None and not metadata(obj).get("creationTimestamp"):
            tx.put(edited(present, ["metadata"], {"creationTimestamp": timestamp(now)}))


def _take(tx: Transaction, obj: Object) -> Status | None:
    """Admit one object; it has a uid then, by which it is known as admitted."""
    about = {**metadata(obj), "uid": uid_of(obj)}
    spec = chain.spec_of_alike(tx, obj)
    if spec is not None:
        tx.put(with_document(obj, {**obj.document, "metadata": about, "spec": spec}))
        return None
    known = with_document(obj, {**obj.document, "metadata": about})
    tx.put(known)
    return chain.mutate(tx, known) or chain.validate(tx, tx.get(obj.kind, obj.key) or known)


def _sharing(obj: Object, specs: dict[bytes | int, Any]) -> Object:
    """A pod with the spec of an equal one before it, so that what becomes of the spec is found once for both."""
    spec = obj.document.get("spec")
    if obj.kind != "Pod" or spec is None:
        return obj
    first = specs.get(id(spec))
    if first is None:
        first = specs[id(spec)] = specs.setdefault(msgspec.json.encode(spec), spec)
    return obj if first is spec else with_document(obj, {**obj.document, "spec": first})


def was_admitted(obj: Object) -> bool:
    """Whether a cluster has taken an object before: it gave it a uid, or has brought it further than its maker can."""
    about = metadata(obj)
    if about.get("uid") or about.get("resourceVersion") or about.get("creationTimestamp"):
        return True
    return (obj.document.get("status") or {}).get("phase") in _ENDED_UP


def _is_new(obj: Object) -> bool:
    if obj.kind == "PriorityClass":
        return bool(obj.document.get("globalDefault")) and not was_admitted(obj)
    is_ground = obj.kind in _GROUND or (not obj.namespace and obj.kind != "PersistentVolume")
    return not is_ground and not was_admitted(obj)


def _turn(obj: Object) -> tuple[int, tuple[str, int, int], str, str]:
    rank = 0 if obj.kind == "PriorityClass" else 1 if obj.kind in _NEEDED else 2
    return rank, obj.origin.order if obj.origin is not None else ("", 0, 0), obj.kind, obj.key


def _shortened(there: Cluster) -> list[Object]:
    """Pods of a cluster that lack what every cluster writes into its pods: somebody has left it out."""
    pods = there.columns("Pod")
    given = pods.values("spec.priority") or repeat(None)
    return [pod for pod, priority in zip(pods.objects, given, strict=False) if priority is None]


def _fill_in(tx: Transaction, pod: Object) -> None:
    """Give a pod of a cluster what every pod of a cluster has; pods with the same spec share it."""
    spec = pod.document.get("spec") or {}
    known = tx.known("shortened", spec)
    if known is None:
        tx.put(pod)
        priority.admit(tx, pod, None)  # a class that is not in the input says nothing
        default_toleration_seconds.admit(tx, tx.get(pod.kind, pod.key) or pod, None)
        known = (tx.get(pod.kind, pod.key) or pod).document.get("spec") or {}
        tx.keep("shortened", spec, known)
    if known is not spec:
        tx.put(with_document(pod, {**pod.document, "spec": known}))


def _count(tx: Transaction, quota: Object, there: Cluster) -> None:
    """Let a quota that no controller has looked at yet say what the objects that are there use of it."""
    if (quota.document.get("status") or {}).get("used") is not None:
        return
    hard: Mapping[str, Any] = limits_of(quota)
    used = dict.fromkeys(hard, Fraction(0))
    for obj in there:
        if obj.namespace == quota.namespace and is_covered(quota, obj):
            for name, amount in costs(obj).items():
                if name in used:
                    used[name] += amount
    texts = {name: written(int(amount * _NANO), like=str(hard[name])) for name, amount in used.items()}
    tx.put(edited(quota, ["status"], {"hard": dict(hard), "used": texts}))
