"""What gets a workload going whose controller is stuck, though none of its pods is pending: each change is tried.

Refusals of quotas and limit ranges, pods that wait for a disk which another node holds, pods that nobody ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import jsonpatch

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.owners import pods_under
from kubelogic.cluster.pods import is_ready, node_of
from kubelogic.explain.proposals.case import Change, Create, Operation, Patch
from kubelogic.explain.proposals.patches import add, dig, setting
from kubelogic.explain.proposals.workloads import template_path
from kubelogic.explain.repairs import Outcome, Repair, made_anew
from kubelogic.explain.units import count
from kubelogic.facts.quota import limits_of
from kubelogic.facts.quota_costs import costs
from kubelogic.kinds.quantity import parse, written
from kubelogic.verbs.limit_range_repairs import Row, claims_within_limits, within_limits
from kubelogic.verbs.reconciled import Options, Reconciled
from kubelogic.verbs.repairs import trials
from kubelogic.verbs.results import RefusedObjects, Trouble

_NANO = 10**9
_OUT_OF_SERVICE = {"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"}
_SCALED = frozenset({"Deployment", "ReplicaSet", "ReplicationController", "StatefulSet"})


def stuck_repairs(
    done: Reconciled,
    top: Object,
    refused: Sequence[RefusedObjects],
    unwell: Sequence[Trouble],
    options: Options,
) -> tuple[Repair, ...]:
    """Changes after which a workload has all its pods on nodes and no other loses one, the cheapest first.

    Args:
        done: the run at whose end it is stuck.
        top: the workload, or a pod that the API server does not take.
        refused: what the API server does not take of it.
        unwell: what is not well of it and of its pods.
        options: how it was reconciled.
    """
    rows = [*_against_refusals(done.cluster, top, refused), *_against_troubles(done.cluster, top, unwell)]
    found = []
    if rows:
        with trials(done, top, options) as trial:
            for owner, cost, summary, changes in sorted(rows, key=lambda row: (row[1], row[2])):
                for how, way in _ways(done.cluster, top, changes):
                    outcome = Outcome() if trial.expired() else trial(way, evicts=frozenset())
                    if outcome.works:
                        found.append(Repair(summary=summary, cost=cost, owner=owner, changes=way, how=how))
                    if not outcome.refused:
                        break
    return tuple(found)


def _ways(cluster: Cluster, top: Object, changes: tuple[Change, ...]) -> Iterator[tuple[str, tuple[Change, ...]]]:
    """The ways to make changes, each with what is special about it: as they are, or with the workload made anew."""
    others = tuple(each for each in changes if not (isinstance(each, Patch) and each.target is top))
    document: Any = top.document
    for each in changes:
        if isinstance(each, Patch) and each.target is top:
            document = jsonpatch.apply_patch(document, list(each.operations))
    if cluster.get(top.kind, top.key) is None:
        yield "", (*others, Create(document=document))
        return
    yield "", changes
    if len(others) < len(changes):
        yield from made_anew(top, others, document)


def _against_refusals(cluster: Cluster, top: Object, refused: Sequence[RefusedObjects]) -> Iterator[Row]:
    """What helps against limits on what a namespace's pods ask for."""
    mine = [each for each in refused if each.kind in ("Pod", "PersistentVolumeClaim") and each.missing]
    named = {remedy.object for each in mine for remedy in each.remedies}
    missing = sum(each.missing for each in mine if each.kind == "Pod")
    for kind, proposals in _BY_OBSTACLE.items():
        objects = [cluster.get(kind, name.partition(" ")[2]) for name in sorted(named) if name.startswith(f"{kind} ")]
        if there := [each for each in objects if each is not None]:
            yield from proposals(cluster, top, there, missing)
    if missing:
        yield from _fewer(top, _wanted(top) - missing)


def _more_quota(cluster: Cluster, top: Object, quotas: Sequence[Object], missing: int) -> Iterator[Row]:
    pod = next(iter(pods_under(cluster, str(top))), None)
    asked = costs(pod if pod is not None else _sample(top))
    for quota in quotas:
        yield from _as_much_as(quota, asked, missing)


def _as_much_as(quota: Object, asked: Mapping[str, Fraction], missing: int) -> Iterator[Row]:
    """A quota that is large enough for some more pods."""
    used: Mapping[str, Any] = (quota.document.get("status") or {}).get("used") or {}
    operations: list[Operation] = []
    told = []
    for name, hard in sorted(limits_of(quota).items()):
        needed = parse(used.get(name, 0)) + missing * asked.get(name, Fraction(0))
        if asked.get(name) and needed > parse(hard):
            text = written(int(needed * _NANO), like=str(hard))
            operations += setting(quota.document, ("spec", "hard", name), text)
            told.append(f"{name} to {text}")
    if operations:
        summary = f"raise {' and '.join(told)} in ResourceQuota {quota.key}"
        yield "platform", 4, summary, (Patch(target=quota, operations=tuple(operations)),)


def _within_limits(cluster: Cluster, top: Object, _ranges: Sequence[Object], _missing: int) -> Iterator[Row]:
    yield from within_limits(cluster, top)
    yield from claims_within_limits(cluster, top)


_BY_OBSTACLE: Mapping[str, Callable[[Cluster, Object, Sequence[Object], int], Iterator[Row]]] = {
    "LimitRange": _within_limits,
    "ResourceQuota": _more_quota,
}
"""By the kind of the objects that refuse, what may help."""


def _against_troubles(cluster: Cluster, top: Object, unwell: Sequence[Trouble]) -> Iterator[Row]:
    reasons = {each.reason for each in unwell}
    pods = sorted(pods_under(cluster, str(top)), key=lambda pod: pod.key)
    if "FailedAttachVolume" in reasons:
        yield from _fewer(top, sum(is_ready(pod) for pod in pods))
        if top.kind == "Deployment" and (dig(top.document, ("spec", "strategy")) or {}).get("type") != "Recreate":
            whole = setting(top.document, ("spec", "strategy"), {"type": "Recreate"})
            yield (
                "app",
                3,
                "let its old pods end first: strategy Recreate",
                (Patch(target=top, operations=tuple(whole)),),
            )
        yield from _together(top)
    if "PodTerminating" in reasons:
        for name in sorted({node_of(pod) for pod in pods if pod.document["metadata"].get("deletionTimestamp")} - {""}):
            node = cluster.get("Node", name)
            if node is not None:
                taints = dig(node.document, ("spec", "taints"))
                operations = [add(("spec", "taints", "-"), _OUT_OF_SERVICE)] if taints else []
                operations = operations or setting(node.document, ("spec", "taints"), [_OUT_OF_SERVICE])
                summary = f"declare {name} out of service, once it is shut down for certain: its pods are ended then"
                yield "platform", 5, summary, (Patch(target=node, operations=tuple(operations)),)


def _together(top: Object) -> Iterator[Row]:
    """All pods of a workload on one node, where they can share a disk."""
    path = template_path(top)
    labels = dig(top.document, (*path, "metadata", "labels"))
    where = (*path, "spec", "affinity", "podAffinity")
    if not labels or dig(top.document, where):
        return
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": dict(labels)}}
    rule = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
    operations = setting(top.document, where, rule)
    yield (
        "app",
        4,
        "keep its pods on one node, by affinity to each other",
        (Patch(target=top, operations=tuple(operations)),),
    )


def _fewer(top: Object, number: int) -> Iterator[Row]:
    if top.kind in _SCALED and 0 < number < _wanted(top):
        operations = setting(top.document, ("spec", "replicas"), number)
        yield "app", 6, f"run {count(number, 'replica')}", (Patch(target=top, operations=tuple(operations)),)


def _wanted(top: Object) -> int:
    replicas = dig(top.document, ("spec", "replicas"))
    return 1 if replicas is None else int(replicas)


def _sample(top: Object) -> Object:
    """A pod as the template has it."""
    template = dig(top.document, template_path(top)) or {}
    document = {**template, "apiVersion": "v1", "kind": "Pod", "metadata": {"name": top.name}}
    return Object(
        api_version="v1", kind="Pod", namespace=top.namespace, name=top.name, document=document, origin=top.origin
    )
