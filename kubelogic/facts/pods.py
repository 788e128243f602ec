"""The facts of single pods: where, in what state, whose, since when. What a pod wants is its shape's business."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from sys import intern
from typing import Any

from kubelogic.cluster import Object
from kubelogic.cluster.clock import milliseconds
from kubelogic.facts.alike import Own
from kubelogic.facts.base import Fact, FactModule, reader, whether
from kubelogic.facts.pod_specs import DEFAULT_SCHEDULER, pinned_node, target_node
from kubelogic.facts.selectors import label_set
from kubelogic.facts.shapes import ADMISSION_READS, FINISHED, awaits_admission, is_pending


def identity(obj: Object) -> Iterator[Fact]:
    """Whose a pod is and since when."""
    key, metadata = obj.key, obj.document["metadata"]
    labels = label_set(metadata.get("labels"))
    yield "pod_labels", (key, labels)
    yield "label_set", (labels,)
    yield "pod_namespace", (key, obj.namespace)
    if metadata.get("deletionTimestamp"):
        yield "pod_terminating", (key,)
    if created := metadata.get("creationTimestamp"):
        yield "pod_created", (key, milliseconds(created))
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller"):
            yield "pod_controller", (key, owner["kind"], f"{obj.namespace}/{owner['name']}")


def phase(obj: Object) -> Iterator[Fact]:
    """How far a pod is."""
    yield "pod_phase", (obj.key, _phase(obj))


def place(obj: Object) -> Iterator[Fact]:
    """Where a pod is."""
    if node := _node(obj):
        yield "pod_node", (obj.key, node)
        if _phase(obj) not in FINISHED:
            yield "pod_occupies", (obj.key, node)


def start(obj: Object) -> Iterator[Fact]:
    """When a pod started."""
    if started := (obj.document.get("status") or {}).get("startTime"):
        yield "pod_started", (obj.key, milliseconds(started))


def admission(obj: Object) -> Sequence[Fact]:
    """Whether a kubelet has still to take a pod that no scheduler has looked at."""
    return (("pod_unadmitted", (obj.key,)),) if awaits_admission(obj.document) else ()


def wait(obj: Object) -> Sequence[Fact]:
    """What a pod without a node waits for."""
    spec = obj.document.get("spec") or {}
    if spec.get("nodeName"):
        return ()
    return tuple(_waiting(obj.key, spec, obj.document.get("status") or {})) if is_pending(obj.document) else ()


def _node(obj: Object) -> str:
    return intern(str((obj.document.get("spec") or {}).get("nodeName") or ""))


def _phase(obj: Object) -> str:
    return (obj.document.get("status") or {}).get("phase") or "Pending"


def _waiting(key: str, spec: Mapping[str, Any], status: Mapping[str, Any]) -> Iterator[Fact]:
    """What only pods without a node have."""
    yield "pod_waits", (key, spec.get("schedulerName") or DEFAULT_SCHEDULER)
    if spec.get("affinity"):
        if pinned := pinned_node(spec):
            yield "pod_pinned", (key, pinned)
        if target := target_node(spec):
            yield "pod_target", (key, target)
    for gate in spec.get("schedulingGates") or ():
        yield "pod_gate", (key, gate["name"])
    if nominated := status.get("nominatedNodeName"):
        yield "pod_nominated", (key, nominated)


_IDENTITY = (
    "metadata.labels",
    "metadata.ownerReferences",
    "metadata.creationTimestamp",
    "metadata.deletionTimestamp",
)

_WAIT = (
    "metadata.deletionTimestamp",
    "spec.affinity",
    "spec.nodeName",
    "spec.schedulerName",
    "spec.schedulingGates",
    "spec.topologySpreadConstraints",
    "status.nominatedNodeName",
    "status.phase",
)

MODULE = FactModule(
    name="pods",
    extractors={
        "Pod": (
            reader(identity, *_IDENTITY, by=_IDENTITY),
            reader(phase, "status.phase", by=["status.phase"]),
            reader(
                place,
                "spec.nodeName",
                "status.phase",
                by=["spec.nodeName?", "status.phase"],
                own=Own("spec.nodeName", _node, shared=True),
            ),
            reader(start, "status.startTime", by=["status.startTime"]),
            reader(admission, *ADMISSION_READS, by=whether("spec.nodeName", ADMISSION_READS)),
            reader(wait, *_WAIT, by=whether("spec.nodeName", _WAIT)),
        )
    },
)
