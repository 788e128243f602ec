"""What kubectl prints of a cluster that has settled, and what is left of it in the forms that people have in hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.clock import PRESENT, timestamp
from kubelogic.cluster.edit import metadata, uid_of
from kubelogic.cluster.naming import uid
from kubelogic.verbs.results import Plan

Document = dict[str, Any]
Form = Callable[[Sequence[Document]], list[Document]]

_ALL = frozenset(
    {
        "Pod",
        "Service",
        "DaemonSet",
        "Deployment",
        "ReplicaSet",
        "StatefulSet",
        "HorizontalPodAutoscaler",
        "CronJob",
        "Job",
        "ReplicationController",
    }
)
"""What ``kubectl get all`` means. Docs: reference/kubectl (categories of resources)."""


def exported(cluster: Cluster) -> list[Document]:
    """Every object as ``kubectl get -o yaml`` prints it: with a uid, a version and a moment."""
    ordered = sorted(cluster, key=lambda each: (each.kind, each.key))
    uids = {uid_of(obj): uid(obj.kind, obj.key, 0) for obj in ordered if ":" in uid_of(obj)}
    found: list[Document] = [_renamed(_stored(obj, number), uids) for number, obj in enumerate(ordered)]
    return found


def _renamed(value: Any, uids: Mapping[str, str]) -> Any:
    """A tree with other uids, wherever they stand: those of manifests are no uids as clusters give them."""
    if isinstance(value, Mapping):
        return {key: _renamed(inner, uids) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_renamed(inner, uids) for inner in value]
    return uids.get(value, value) if isinstance(value, str) else value


def _stored(obj: Object, number: int) -> Document:
    about = {"creationTimestamp": timestamp(PRESENT), "generation": 1, **metadata(obj), "uid": uid_of(obj)}
    return {**obj.document, "metadata": {**about, "resourceVersion": str(1000 + number)}}


def _kinds(wanted: Callable[[str], bool]) -> Form:
    return lambda documents: [each for each in documents if wanted(each["kind"])]


def _phase(document: Document) -> str:
    return str((document.get("status") or {}).get("phase") or "")


def _busiest(documents: Sequence[Document]) -> list[Document]:
    """The nodes, and what is in the namespace with the most pods."""
    counts = Counter(each["metadata"]["namespace"] for each in documents if each["kind"] == "Pod")
    name = min(counts, key=lambda each: (-counts[each], each), default="default")
    return [each for each in documents if each["kind"] == "Node" or each["metadata"].get("namespace") == name]


FORMS: Mapping[str, Form] = {
    "nodes and pods": _kinds(lambda kind: kind in ("Node", "Pod")),
    "without revisions": _kinds(lambda kind: kind != "ControllerRevision"),
    "without ReplicaSets": _kinds(lambda kind: kind != "ReplicaSet"),
    "one namespace": _busiest,
    "without nodes": _kinds(lambda kind: kind != "Node"),
    "without volumes": _kinds(lambda kind: kind != "PersistentVolume"),
    "running pods": lambda documents: [
        each for each in documents if each["kind"] != "Pod" or _phase(each) == "Running"
    ],
    "get all": _kinds(lambda kind: kind in _ALL),
}
"""By name, what is left of a dump."""


def created(plan: Plan) -> Counter[tuple[str, str]]:
    """How many pods each controller makes, by kind and key of the controller."""
    found: Counter[tuple[str, str]] = Counter()
    for each in plan.actions:
        if type(each.action).__name__ == "CreatePod":
            arguments = each.action.arguments()
            found[str(arguments.get("owner_kind")), str(arguments.get("owner"))] += 1
    return found


def surplus(full: Plan, reduced: Plan, kept: Iterable[Document]) -> list[str]:
    """What a plan of a reduced dump does that the plan of the full one does not; empty if all is well.

    Args:
        full: the plan of the full dump.
        reduced: the plan of what is left of it.
        kept: what is left.
    """
    lost = {each.pod for each in full.gone}
    lines = [f"{each.pod} is gone: {each.reason}" for each in reduced.gone if each.pod not in lost]
    more = created(reduced) - created(full)
    lines += [f"{number} made by {kind} {key}" for (kind, key), number in sorted(more.items())]
    where = {each.pod: each.node for each in full.placements}
    there = {f"{each['metadata']['namespace']}/{each['metadata']['name']}" for each in kept if each["kind"] == "Pod"}
    now = {each.pod: each.node for each in reduced.placements}
    lines += [
        f"{pod} was on {node} and is on {now.get(pod) or 'no node'}"
        for pod, node in sorted(where.items())
        if pod in there and not any(each.pod == pod and each.new for each in full.placements) and now.get(pod) != node
    ]
    lines += [
        f"{each.owner} is refused: {each.message}"
        for each in reduced.refusals
        if each.owner not in {r.owner for r in full.refusals}
    ]
    return lines
