"""Changes that get a pending workload placed: proposed from its blockers, then proved by placing everything anew.

A repair is kept only if, with its changes made, every pending pod of the workload gets a node, nothing is evicted, and
no pod that was placed before is left out. Single changes come first; pairs only if no single change works.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import jsonpatch

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.owners import owner_with_origin
from kubelogic.explain.blockers import Blocker
from kubelogic.explain.units import amount, in_bytes

Operation = Mapping[str, Any]
"""One operation of a JSON patch (RFC 6902)."""

Owner = Literal["app", "platform"]

MOST_CHECKS = 40
"""Repairs that are tried before giving up."""

_SHORT = {"cpu": "m"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """A change of an object that exists: operations on its document."""

    target: Object
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """A new object."""

    document: Mapping[str, Any]


Change = Patch | Create


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """Changes that were proved to get the workload placed.

    Attributes:
        summary: what to do, in words.
        cost: how much is asked: smaller is less. Only the order means anything.
        owner: who can do it: ``app`` edits the workload, ``platform`` the cluster.
        changes: what to change in the user's objects.
    """

    summary: str
    cost: int
    owner: Owner
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A change not yet proved.

    ``edit`` gives the operations on a pod's spec, of which the workload's template has one too; ``change`` is what
    is done to another object.
    """

    summary: str
    cost: int
    owner: Owner
    edit: Callable[[Mapping[str, Any]], list[Operation]] | None = None
    change: Change | None = None


Prover = Callable[[Cluster], bool]
"""Whether every pod that ought to have a node gets one in a cluster."""


def repairs(
    cluster: Cluster,
    pod: Object,
    siblings: Sequence[Object],
    blockers: Sequence[Blocker],
    *,
    proves: Prover,
    most: int = 3,
) -> tuple[Repair, ...]:
    """The cheapest proved repairs.

    Args:
        cluster: as it stands, with the pod pending.
        pod: the pod to place.
        siblings: the pending pods of its workload, itself among them; all get the same edits.
        blockers: what is in its way.
        proves: decides for a changed cluster.
        most: how many repairs to find.
    """
    singles = sorted(candidates(cluster, pod, blockers), key=lambda each: (each.cost, each.summary))
    pairs = sorted(itertools.combinations(singles, 2), key=lambda two: (two[0].cost + two[1].cost, two[0].summary))
    budget = MOST_CHECKS
    for group in ([(each,) for each in singles], pairs):
        found: list[Repair] = []
        for combination in group:
            if budget == 0 or len(found) == most:
                break
            budget -= 1
            if proves(_changed(cluster, siblings, combination)):
                found.append(_repair(cluster, pod, combination))
        if found:
            return tuple(found)
    return ()


def candidates(cluster: Cluster, pod: Object, blockers: Sequence[Blocker]) -> Iterator[Candidate]:
    """Single changes that each take away some blocker."""
    by_predicate: dict[str, list[Blocker]] = {}
    for blocker in blockers:
        by_predicate.setdefault(blocker.predicate, []).append(blocker)
    for predicate, propose in _PROPOSALS.items():
        if predicate in by_predicate:
            yield from propose(cluster, pod, by_predicate[predicate])
    barred = {blocker.node for blocker in blockers if blocker.predicate in _FIXED}
    yield from _one_more_node(cluster, barred)


# -- proposals, by the relation that rejects -------------------------------------------------------------------


def _tolerate(cluster: Cluster, pod: Object, found: Sequence[Blocker]) -> Iterator[Candidate]:  # noqa: ARG001
    taints = {tuple(str(blocker.witness[name]) for name in ("Key", "Value", "Effect")) for blocker in found}
    for key, value, effect in sorted(taints):
        toleration = {"key": key, "operator": "Equal", "value": value, "effect": effect}

        def edit(spec: Mapping[str, Any], toleration: Mapping[str, Any] = toleration) -> list[Operation]:
            if spec.get("tolerations"):
                return [_add("/tolerations/-", toleration)]
            return [_add("/tolerations", [toleration])]

        yield Candidate(summary=f"tolerate the taint {key}={value}:{effect}", cost=2, owner="app", edit=edit)


def _shrink(cluster: Cluster, pod: Object, found: Sequence[Blocker]) -> Iterator[Candidate]:  # noqa: ARG001
    best: dict[str, Blocker] = {}
    for blocker in found:
        resource = str(blocker.witness["Resource"])
        if resource not in best or best[resource].witness["Free"] < blocker.witness["Free"]:  # type: ignore[operator]
            best[resource] = blocker
    for resource, blocker in sorted(best.items()):
        free, requested = int(blocker.witness["Free"]), int(blocker.witness["Requested"])
        containers = pod.document["spec"].get("containers") or ()
        asking = [i for i, each in enumerate(containers) if resource in _requests(each)]
        if free <= 0 or len(asking) != 1 or len(containers) != 1:
            continue
        written = f"{free}{_SHORT.get(resource, '')}" if not in_bytes(resource) else f"{free // 1024**2}Mi"

        def edit(spec: Mapping[str, Any], resource: str = resource, written: str = written) -> list[Operation]:
            container = spec["containers"][0]
            parts = [
                part
                for part in ("requests", "limits")
                if resource in ((container.get("resources") or {}).get(part) or {})
            ]
            extended = "/" in resource
            return [
                _replace(f"/containers/0/resources/{part}/{_escaped(resource)}", written)
                for part in parts
                if part == "requests" or extended
            ]

        summary = f"request {amount(resource, free)} of {resource} instead of {amount(resource, requested)}"
        yield Candidate(summary=f"{summary}, what {blocker.node} has free", cost=4, owner="app", edit=edit)


def _select_less(cluster: Cluster, pod: Object, found: Sequence[Blocker]) -> Iterator[Candidate]:  # noqa: ARG001
    for key, value in sorted({(str(b.witness["Key"]), str(b.witness["Value"])) for b in found}):

        def edit(spec: Mapping[str, Any], key: str = key) -> list[Operation]:
            return [_remove(f"/nodeSelector/{_escaped(key)}")] if key in (spec.get("nodeSelector") or {}) else []

        yield Candidate(summary=f"do not ask for nodes with {key}={value}", cost=3, owner="app", edit=edit)
        for node in sorted({blocker.node for blocker in found}):
            obj = cluster.get("Node", node)
            if obj is not None and not (obj.document.get("spec") or {}).get("taints"):
                operation = _add(f"/metadata/labels/{_escaped(key)}", value)
                yield Candidate(
                    summary=f"label {node} with {key}={value}",
                    cost=3,
                    owner="platform",
                    change=Patch(target=obj, operations=(operation,)),
                )
                break


def _drop(path: str, summary: str, cost: int) -> Callable[[Cluster, Object, Sequence[Blocker]], Iterator[Candidate]]:
    def propose(cluster: Cluster, pod: Object, found: Sequence[Blocker]) -> Iterator[Candidate]:  # noqa: ARG001
        def edit(spec: Mapping[str, Any]) -> list[Operation]:
            part: Any = spec
            for step in path.split("/")[1:]:
                part = (part or {}).get(step)
            return [_remove(path)] if part else []

        yield Candidate(summary=summary, cost=cost, owner="app", edit=edit)

    return propose


def _prefer_apart(cluster: Cluster, pod: Object, found: Sequence[Blocker]) -> Iterator[Candidate]:  # noqa: ARG001
    required = "requiredDuringSchedulingIgnoredDuringExecution"

    def edit(spec: Mapping[str, Any]) -> list[Operation]:
        terms = ((spec.get("affinity") or {}).get("podAntiAffinity") or {}).get(required) or ()
        wishes = [{"weight": 100, "podAffinityTerm": term} for term in terms]
        if not wishes:
            return []
        return [_replace("/affinity/podAntiAffinity", {"preferredDuringSchedulingIgnoredDuringExecution": wishes})]

    yield Candidate(summary="prefer to be apart instead of requiring it", cost=4, owner="app", edit=edit)


def _spread_softly(cluster: Cluster, pod: Object, found: Sequence[Blocker]) -> Iterator[Candidate]:  # noqa: ARG001
    for index in sorted({int(blocker.witness["Index"]) for blocker in found}):

        def edit(spec: Mapping[str, Any], index: int = index) -> list[Operation]:
            hard = len(spec.get("topologySpreadConstraints") or ()) > index
            return [_replace(f"/topologySpreadConstraints/{index}/whenUnsatisfiable", "ScheduleAnyway")] if hard else []

        yield Candidate(
            summary=f"make spread constraint {index} a wish (ScheduleAnyway)", cost=4, owner="app", edit=edit
        )


def _uncordon(cluster: Cluster, pod: Object, found: Sequence[Blocker]) -> Iterator[Candidate]:  # noqa: ARG001
    for node in sorted({blocker.node for blocker in found}):
        obj = cluster.get("Node", node)
        if obj is not None and (obj.document.get("spec") or {}).get("unschedulable"):
            change = Patch(target=obj, operations=(_remove("/spec/unschedulable"),))
            yield Candidate(summary=f"uncordon {node}", cost=2, owner="platform", change=change)


def _one_more_node(cluster: Cluster, barred: set[str]) -> Iterator[Candidate]:
    """A node like one that only lacks room now."""
    seen = set()
    for name, node in sorted(cluster.objects("Node").items()):
        document = node.document
        kind = repr((document.get("status") or {}).get("allocatable"))
        if name in barred or kind in seen:
            continue
        seen.add(kind)
        fresh = f"{name}-more"
        labels = {**((document.get("metadata") or {}).get("labels") or {}), "kubernetes.io/hostname": fresh}
        spec = {key: value for key, value in (document.get("spec") or {}).items() if key == "taints"}
        status = {key: (document.get("status") or {}).get(key) for key in ("allocatable", "capacity")}
        conditions = [{"type": "Ready", "status": "True"}]
        created = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": fresh, "labels": labels},
            "spec": spec,
            "status": {**{key: value for key, value in status.items() if value}, "conditions": conditions},
        }
        yield Candidate(summary=f"add a node like {name}", cost=6, owner="platform", change=Create(document=created))


_PROPOSALS: Mapping[str, Callable[[Cluster, Object, Sequence[Blocker]], Iterator[Candidate]]] = {
    "rejects_taint": _tolerate,
    "rejects_fit": _shrink,
    "rejects_node_selector": _select_less,
    "rejects_node_affinity": _drop(
        "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution", "do not require a node affinity", 4
    ),
    "rejects_anti_affinity": _prefer_apart,
    "rejects_affinity": _drop(
        "/affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution", "do not require a pod affinity", 4
    ),
    "rejects_spread": _spread_softly,
    "rejects_unschedulable": _uncordon,
}

_FIXED = frozenset({"rejects_taint", "rejects_node_selector", "rejects_node_affinity", "rejects_unschedulable"})
"""What a node's labels and taints decide: another node like it would not help."""


# -- making the changes ----------------------------------------------------------------------------------------


def _changed(cluster: Cluster, siblings: Sequence[Object], combination: Sequence[Candidate]) -> Cluster:
    """The cluster with all changes made to the pods and objects that they are about."""
    changed = []
    for pod in siblings:
        spec = pod.document["spec"]
        for each in combination:
            if each.edit is not None:
                spec = jsonpatch.apply_patch(spec, each.edit(spec))
        changed.append(replace(pod, document={**pod.document, "spec": spec}))
    for each in combination:
        match each.change:
            case Patch(target=target, operations=operations):
                document = jsonpatch.apply_patch(target.document, list(operations))
                changed.append(replace(target, document=document))
            case Create(document=document):
                name = document["metadata"]["name"]
                changed.append(
                    Object(api_version="v1", kind=document["kind"], namespace="", name=name, document=document)
                )
            case None:
                pass
    return cluster.replacing(changed)


def _repair(cluster: Cluster, pod: Object, combination: Sequence[Candidate]) -> Repair:
    """The repair in terms of the objects that the user wrote."""
    written = owner_with_origin(cluster, pod)
    base = _template_path(written)
    spec: Any = written.document
    for step in base:
        spec = (spec or {}).get(step) or {}
    prefix = "".join(f"/{step}" for step in base)
    changes: list[Change] = []
    for each in combination:
        if each.edit is not None:
            operations = tuple({**operation, "path": prefix + operation["path"]} for operation in each.edit(spec))
            changes.append(Patch(target=written, operations=operations))
        elif each.change is not None:
            changes.append(each.change)
    owners = {each.owner for each in combination}
    return Repair(
        summary=" and ".join(each.summary for each in combination),
        cost=sum(each.cost for each in combination),
        owner="platform" if "platform" in owners else "app",
        changes=tuple(changes),
    )


def _template_path(obj: Object) -> tuple[str, ...]:
    if obj.kind == "CronJob":
        return ("spec", "jobTemplate", "spec", "template", "spec")
    return ("spec", "template", "spec") if "template" in (obj.document.get("spec") or {}) else ("spec",)


def _requests(container: Mapping[str, Any]) -> Mapping[str, Any]:
    resources = container.get("resources") or {}
    return {**(resources.get("limits") or {}), **(resources.get("requests") or {})}


def _escaped(key: str) -> str:
    """A key as a step of a JSON pointer.

    >>> _escaped("nvidia.com/gpu")
    'nvidia.com~1gpu'
    """
    return key.replace("~", "~0").replace("/", "~1")


def _add(path: str, value: Any) -> Operation:
    return {"op": "add", "path": path, "value": value}


def _replace(path: str, value: Any) -> Operation:
    return {"op": "replace", "path": path, "value": value}


def _remove(path: str) -> Operation:
    return {"op": "remove", "path": path}
