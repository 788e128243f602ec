"""Changes that might get a pending pod placed: for each relation that rejects it, what would take the rejection away.

Nothing here is proved; ``kubelogic.explain.repairs`` keeps what works. To propose something for another rejection,
add a function and its row in ``_PROPOSALS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from kubelogic.cluster import Cluster, Object
from kubelogic.explain.blockers import Blocker
from kubelogic.explain.units import amount, in_bytes
from kubelogic.kinds import quantity

Operation = Mapping[str, Any]
"""One operation of a JSON patch (RFC 6902)."""

Owner = Literal["app", "platform"]
"""Who can do it: ``app`` edits the workload, ``platform`` the cluster."""

Edit = Callable[[Mapping[str, Any]], list[Operation]]
"""The operations on the spec of a pod, or of a pod template; none if they do not apply to it."""


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
class Candidate:
    """A change not yet proved.

    Attributes:
        summary: what to do, in words.
        cost: how much is asked: smaller is less. Only the order means anything.
        owner: who can do it.
        edit: the operations on the pod's spec.
        changes: what is done to other objects.
        by_controllers: whether controllers have to act before the scheduler sees a difference.
    """

    summary: str
    cost: int
    owner: Owner
    edit: Edit | None = None
    changes: tuple[Change, ...] = ()
    by_controllers: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is known of a pending pod."""

    cluster: Cluster
    pod: Object
    blockers: Sequence[Blocker]

    def about(self, predicate: str) -> list[Blocker]:
        """The blockers that are rows of a predicate."""
        return [blocker for blocker in self.blockers if blocker.predicate == predicate]

    def barred(self, predicate: str) -> set[str]:
        """The nodes that something else than a predicate bars too."""
        return {blocker.node for blocker in self.blockers if blocker.predicate != predicate}


Proposal = Callable[[Case, Sequence[Blocker]], Iterator[Candidate]]


def candidates(cluster: Cluster, pod: Object, blockers: Sequence[Blocker]) -> list[Candidate]:
    """Single changes that each take away some blocker, cheapest first.

    Args:
        cluster: as it stands.
        pod: a pod without a node.
        blockers: what is in its way.
    """
    case = Case(cluster=cluster, pod=pod, blockers=blockers)
    found = [
        each
        for predicate, propose in _PROPOSALS.items()
        for each in (propose(case, case.about(predicate)) if case.about(predicate) else ())
    ]
    found += _one_more_node(case)
    return sorted({each.summary: each for each in found}.values(), key=lambda each: (each.cost, each.summary))


# -- before the queue ------------------------------------------------------------------------------------------


def _open_gate(_case: Case, found: Sequence[Blocker]) -> Iterator[Candidate]:
    names = ", ".join(str(blocker.witness["Gate"]) for blocker in found)
    yield Candidate(
        summary=f"remove the scheduling gate {names}", cost=1, owner="app", edit=partial(_without, "schedulingGates")
    )


def _default_scheduler(_case: Case, _found: Sequence[Blocker]) -> Iterator[Candidate]:
    summary = "leave it to the default scheduler"
    yield Candidate(summary=summary, cost=3, owner="app", edit=partial(_without, "schedulerName"))


# -- nodes' labels and taints ----------------------------------------------------------------------------------


def _taints(case: Case, found: Sequence[Blocker]) -> Iterator[Candidate]:
    """Tolerate a taint, or take it off the node that has least else against the pod.

    Taints that controllers put on nodes are left alone: what they stand for has to be mended.
    """
    taints: dict[tuple[str, str, str], list[str]] = {}
    for blocker in found:
        key, value, effect = (str(blocker.witness[name]) for name in ("Key", "Value", "Effect"))
        if not key.startswith("node.kubernetes.io/"):
            taints.setdefault((key, value, effect), []).append(blocker.node)
    for (key, value, effect), nodes in sorted(taints.items()):
        shown = f"{key}={value}:{effect}" if value else f"{key}:{effect}"
        toleration = {"key": key, "operator": "Equal", "value": value, "effect": effect}
        yield Candidate(
            summary=f"tolerate the taint {shown}", cost=2, owner="app", edit=partial(_append, "tolerations", toleration)
        )
        node = min(nodes, key=lambda name: (sum(b.node == name for b in case.blockers), name))
        obj = case.cluster.get("Node", node)
        listed = (obj.document.get("spec") or {}).get("taints") or () if obj is not None else ()
        for index, taint in enumerate(listed):
            if obj is not None and (taint.get("key"), taint.get("effect")) == (key, effect):
                change = Patch(target=obj, operations=(_remove(f"/spec/taints/{index}"),))
                summary = f"remove the taint {shown} from {node}"
                yield Candidate(summary=summary, cost=5, owner="platform", changes=(change,))


def _select_less(case: Case, found: Sequence[Blocker]) -> Iterator[Candidate]:
    """Ask for one label less, or label a node that has no taint."""
    for key, value in sorted({(str(b.witness["Key"]), str(b.witness["Value"])) for b in found}):
        yield Candidate(
            summary=f"do not ask for nodes with {key}={value}",
            cost=3,
            owner="app",
            edit=partial(_without, "nodeSelector", key),
        )
        for node in sorted({blocker.node for blocker in found}):
            obj = case.cluster.get("Node", node)
            if obj is not None and not (obj.document.get("spec") or {}).get("taints"):
                operation = _add(f"/metadata/labels/{_escaped(key)}", value)
                change = Patch(target=obj, operations=(operation,))
                yield Candidate(summary=f"label {node} with {key}={value}", cost=3, owner="platform", changes=(change,))
                break


def _uncordon(case: Case, found: Sequence[Blocker]) -> Iterator[Candidate]:
    for node in sorted({blocker.node for blocker in found}):
        obj = case.cluster.get("Node", node)
        if obj is not None and (obj.document.get("spec") or {}).get("unschedulable"):
            change = Patch(target=obj, operations=(_remove("/spec/unschedulable"),))
            yield Candidate(
                summary=f"uncordon {node}", cost=2, owner="platform", changes=(change,), by_controllers=True
            )


# -- room ------------------------------------------------------------------------------------------------------


def _shrink(case: Case, found: Sequence[Blocker]) -> Iterator[Candidate]:
    """Ask for as much as the roomiest node has: of those that nothing else bars, and of all."""
    barred = case.barred("rejects_fit")
    best: dict[tuple[str, int], str] = {}
    for resource in sorted({str(blocker.witness["Resource"]) for blocker in found}):
        short = [blocker for blocker in found if blocker.witness["Resource"] == resource]
        for group in ([each for each in short if each.node not in barred], short):
            if group:
                top = max(group, key=lambda each: (int(each.witness["Free"]), each.node))
                best.setdefault((resource, int(top.witness["Free"])), top.node)
    for (resource, free), node in best.items():
        requested = next(int(each.witness["Requested"]) for each in found if each.witness["Resource"] == resource)
        edit = partial(_with_less, resource, requested - free)
        if free > 0 and edit(case.pod.document["spec"]):
            summary = f"request {amount(resource, free)} of {resource} instead of {amount(resource, requested)}"
            yield Candidate(summary=f"{summary}, what {node} has free", cost=4, owner="app", edit=edit)


def _with_less(resource: str, less: int, spec: Mapping[str, Any]) -> list[Operation]:
    """Take an amount from the container that asks for most."""
    asked = [
        (quantity.amount(resource, {**(r.get("limits") or {}), **(r.get("requests") or {})}.get(resource, 0)), -i)
        for i, r in enumerate(container.get("resources") or {} for container in spec.get("containers") or ())
    ]
    most, negative = max(asked, default=(0, 0))
    left = most - less
    if left <= 0 or (in_bytes(resource) and left < 1024**2):
        return []
    written = f"{left // 1024**2}Mi" if in_bytes(resource) else f"{left}m" if resource == "cpu" else str(left)
    resources = spec["containers"][-negative].get("resources") or {}
    path = f"/containers/{-negative}/resources"
    operations = []
    if resource in (resources.get("limits") or {}) and "/" in resource:
        operations.append(_replace(f"{path}/limits/{_escaped(resource)}", written))
    if "requests" in resources:
        operations.append(_add(f"{path}/requests/{_escaped(resource)}", written))
    elif resource in (resources.get("limits") or {}):
        operations.append(_add(f"{path}/requests", {resource: written}))
    return operations


def _free_port(_case: Case, found: Sequence[Blocker]) -> Iterator[Candidate]:
    for number in sorted({int(blocker.witness["Port"]) for blocker in found}):

        def edit(spec: Mapping[str, Any], number: int = number) -> list[Operation]:
            return [
                _remove(f"/containers/{i}/ports/{j}/hostPort")
                for i, container in enumerate(spec.get("containers") or ())
                for j, port in enumerate(container.get("ports") or ())
                if port.get("hostPort") == number
            ]

        yield Candidate(summary=f"do not ask for port {number} of the node", cost=4, owner="app", edit=edit)


def _one_more_node(case: Case) -> Iterator[Candidate]:
    """A node like one that only lacks room now."""
    barred = {blocker.node for blocker in case.blockers if blocker.predicate in _FIXED or not blocker.node}
    if "" in barred:
        return
    seen = set()
    for name, node in sorted(case.cluster.objects("Node").items()):
        document = node.document
        kind = repr((document.get("status") or {}).get("allocatable"))
        if name in barred or kind in seen:
            continue
        seen.add(kind)
        fresh = f"{name}-more"
        labels = {**((document.get("metadata") or {}).get("labels") or {}), "kubernetes.io/hostname": fresh}
        spec = {key: value for key, value in (document.get("spec") or {}).items() if key == "taints"}
        status = {key: (document.get("status") or {}).get(key) for key in ("allocatable", "capacity")}
        created = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": fresh, "labels": labels},
            "spec": spec,
            "status": {
                **{key: value for key, value in status.items() if value},
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        }
        yield Candidate(
            summary=f"add a node like {name}", cost=6, owner="platform", changes=(Create(document=created),)
        )


# -- other pods ------------------------------------------------------------------------------------------------


def _drop(*path: str, summary: str) -> Proposal:
    def propose(_case: Case, _found: Sequence[Blocker]) -> Iterator[Candidate]:
        yield Candidate(summary=summary, cost=4, owner="app", edit=partial(_without, *path))

    return propose


def _prefer_apart(_case: Case, _found: Sequence[Blocker]) -> Iterator[Candidate]:
    def edit(spec: Mapping[str, Any]) -> list[Operation]:
        rules = (spec.get("affinity") or {}).get("podAntiAffinity") or {}
        wishes = [{"weight": 100, "podAffinityTerm": term} for term in rules.get(_REQUIRED) or ()]
        if not wishes:
            return []
        wishes += rules.get(_PREFERRED) or ()
        return [_replace("/affinity/podAntiAffinity", {_PREFERRED: wishes})]

    yield Candidate(summary="prefer to be apart instead of requiring it", cost=4, owner="app", edit=edit)


def _spread_softly(_case: Case, found: Sequence[Blocker]) -> Iterator[Candidate]:
    for index in sorted({int(blocker.witness["Index"]) for blocker in found}):

        def edit(spec: Mapping[str, Any], index: int = index) -> list[Operation]:
            hard = len(spec.get("topologySpreadConstraints") or ()) > index
            return [_replace(f"/topologySpreadConstraints/{index}/whenUnsatisfiable", "ScheduleAnyway")] if hard else []

        yield Candidate(
            summary=f"make spread constraint {index} a wish (ScheduleAnyway)", cost=4, owner="app", edit=edit
        )


# -- storage ---------------------------------------------------------------------------------------------------


def _make_claim(case: Case, found: Sequence[Blocker]) -> Iterator[Candidate]:
    """The missing claims, of the default class (or the first), or with volumes where there is no class."""
    classes = case.cluster.objects("StorageClass")
    mark = "storageclass.kubernetes.io/is-default-class"
    defaults = [
        key
        for key, each in classes.items()
        if ((each.document.get("metadata") or {}).get("annotations") or {}).get(mark) == "true"
    ]
    chosen = min(defaults or classes, default="")
    changes: list[Change] = []
    keys = sorted({str(blocker.witness["Claim"]) for blocker in found})
    for key in keys:
        namespace, _, name = key.partition("/")
        spec = {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
            "storageClassName": chosen,
        }
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": namespace},
            "spec": spec,
        }
        changes.append(Create(document=claim))
        if not chosen:
            changes.append(Create(document=_volume(namespace, name, spec)))
    how = f"of the class {chosen}" if chosen else "and a volume for it"
    yield Candidate(
        summary=f"create the claim {', '.join(keys)} (1Gi {how})",
        cost=2,
        owner="app" if chosen else "platform",
        changes=tuple(changes),
        by_controllers=True,
    )


def _make_volume(case: Case, found: Sequence[Blocker]) -> Iterator[Candidate]:
    """A volume that suits each claim that has none."""
    for key in sorted({str(blocker.witness["Claim"]) for blocker in found}):
        claim = case.cluster.get("PersistentVolumeClaim", key)
        if claim is None:
            continue
        spec = claim.document.get("spec") or {}
        size = ((spec.get("resources") or {}).get("requests") or {}).get("storage", "1Gi")
        yield Candidate(
            summary=f"create a volume of {size} for the claim {key}",
            cost=4,
            owner="platform",
            changes=(Create(document=_volume(claim.namespace, claim.name, spec)),),
            by_controllers=True,
        )


def _volume(namespace: str, name: str, claim: Mapping[str, Any]) -> Mapping[str, Any]:
    """A network volume that suits the spec of a claim; where it lies is for a person to fill in."""
    size = ((claim.get("resources") or {}).get("requests") or {}).get("storage", "1Gi")
    labels = (claim.get("selector") or {}).get("matchLabels")
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"{namespace}-{name}", **({"labels": labels} if labels else {})},
        "spec": {
            "accessModes": list(claim.get("accessModes") or ("ReadWriteOnce",)),
            "capacity": {"storage": size},
            "nfs": {"server": "nfs.example.com", "path": f"/{namespace}/{name}"},
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": claim.get("storageClassName") or "",
            "volumeMode": claim.get("volumeMode") or "Filesystem",
        },
    }


_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"

_PROPOSALS: Mapping[str, Proposal] = {
    "pod_gate": _open_gate,
    "pod_scheduler": _default_scheduler,
    "rejects_taint": _taints,
    "rejects_fit": _shrink,
    "rejects_port": _free_port,
    "rejects_node_selector": _select_less,
    "rejects_node_affinity": _drop("affinity", "nodeAffinity", _REQUIRED, summary="do not require a node affinity"),
    "rejects_anti_affinity": _prefer_apart,
    "rejects_affinity": _drop("affinity", "podAffinity", _REQUIRED, summary="do not require a pod affinity"),
    "rejects_affinity_key": _drop("affinity", "podAffinity", _REQUIRED, summary="do not require a pod affinity"),
    "rejects_spread": _spread_softly,
    "rejects_spread_key": _spread_softly,
    "rejects_unschedulable": _uncordon,
    "rejects_missing_claim": _make_claim,
    "rejects_unbound_claim": _make_volume,
    "rejects_no_volume": _make_volume,
}
"""What is proposed for the rows of a relation that rejects."""

_FIXED = frozenset(
    {"rejects_features", "rejects_taint", "rejects_node_selector", "rejects_node_affinity", "rejects_unschedulable"}
)
"""What a node's labels, taints and features decide: another node like it would not help."""


# -- JSON patches ----------------------------------------------------------------------------------------------


def _without(*path_and_spec: Any) -> list[Operation]:
    """Remove a part of a spec, named by its steps; nothing if it is not there."""
    *path, spec = path_and_spec
    part: Any = spec
    for step in path:
        part = (part or {}).get(step)
    return [_remove("/" + "/".join(map(_escaped, path)))] if part else []


def _append(name: str, item: Mapping[str, Any], spec: Mapping[str, Any]) -> list[Operation]:
    """Add an item to a list of a spec."""
    return [_add(f"/{name}/-", item)] if spec.get(name) else [_add(f"/{name}", [item])]


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
