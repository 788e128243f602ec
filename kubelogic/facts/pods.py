"""The facts of single pods: where, in what state, whose, since when. What a pod wants is its shape's business."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from sys import intern
from typing import Any

from kubelogic.cluster import Object
from kubelogic.facts.base import Fact, FactModule, reader
from kubelogic.facts.pod_specs import pinned_node, target_node
from kubelogic.facts.selectors import label_set
from kubelogic.facts.shapes import FINISHED, is_pending
from kubelogic.facts.times import milliseconds


def identity(obj: Object) -> list[Fact]:
    """Whose a pod is and since when: what its metadata says."""
    key, metadata = obj.key, obj.document["metadata"]
    labels = label_set(metadata.get("labels"))
    facts: list[Fact] = [
        ("pod_labels", (key, labels)),
        ("label_set", (labels,)),
        ("pod_namespace", (key, obj.namespace)),
    ]
    add = facts.append
    if metadata.get("deletionTimestamp"):
        add(("pod_terminating", (key,)))
    if created := metadata.get("creationTimestamp"):
        add(("pod_created", (key, milliseconds(created))))
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller"):
            add(("pod_controller", (key, owner["kind"], f"{obj.namespace}/{owner['name']}")))
    return facts


def place(obj: Object) -> list[Fact]:
    """Where a pod is, or what it waits for."""
    key, document = obj.key, obj.document
    spec, status = document.get("spec") or {}, document.get("status") or {}
    phase = status.get("phase") or "Pending"
    facts: list[Fact] = [("pod_phase", (key, phase))]
    add = facts.append
    if node := intern(str(spec.get("nodeName") or "")):
        add(("pod_node", (key, node)))
        if phase not in FINISHED:
            add(("pod_occupies", (key, node)))
    elif is_pending(document):
        facts.extend(_waiting(key, spec, status))
    elif (scheduler := spec.get("schedulerName") or "default-scheduler") != "default-scheduler":
        add(("pod_scheduler", (key, scheduler)))
    if started := status.get("startTime"):
        add(("pod_started", (key, milliseconds(started))))
    return facts


def _waiting(key: str, spec: Mapping[str, Any], status: Mapping[str, Any]) -> Iterator[Fact]:
    """What only pods without a node have."""
    yield "pod_pending", (key,)
    if pinned := pinned_node(spec):
        yield "pod_pinned", (key, pinned)
    if target := target_node(spec):
        yield "pod_target", (key, target)
    for gate in spec.get("schedulingGates") or ():
        yield "pod_gate", (key, gate["name"])
    if nominated := status.get("nominatedNodeName"):
        yield "pod_nominated", (key, nominated)


MODULE = FactModule(
    name="pods",
    extractors={
        "Pod": (
            reader(identity, "metadata"),
            reader(
                place,
                "metadata.deletionTimestamp",
                "spec.affinity",
                "spec.nodeName",
                "spec.schedulerName",
                "spec.schedulingGates",
                "spec.topologySpreadConstraints",
                "status.nominatedNodeName",
                "status.phase",
                "status.startTime",
            ),
        )
    },
)
