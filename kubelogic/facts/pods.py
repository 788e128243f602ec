"""The facts of single pods: where, in what state, whose, since when. What a pod wants is its shape's business."""

from __future__ import annotations

from collections.abc import Iterator

from kubelogic.cluster import Object
from kubelogic.facts.base import Fact, FactModule
from kubelogic.facts.pod_specs import pinned_node
from kubelogic.facts.selectors import label_set
from kubelogic.facts.shapes import FINISHED, is_pending
from kubelogic.facts.times import milliseconds


def pod(obj: Object) -> Iterator[Fact]:
    """The facts of a pod."""
    key, document = obj.key, obj.document
    metadata, spec, status = document["metadata"], document.get("spec") or {}, document.get("status") or {}
    labels = label_set(metadata.get("labels"))
    yield "pod_labels", (key, labels)
    yield "label_set", (labels,)
    yield "pod_namespace", (key, obj.namespace)
    phase = status.get("phase") or "Pending"
    yield "pod_phase", (key, phase)
    if node := spec.get("nodeName"):
        yield "pod_node", (key, node)
        if phase not in FINISHED:
            yield "pod_occupies", (key, node)
    elif is_pending(document):
        yield "pod_pending", (key,)
        if pinned := pinned_node(spec):
            yield "pod_pinned", (key, pinned)
        for gate in spec.get("schedulingGates") or ():
            yield "pod_gate", (key, gate["name"])
        if nominated := status.get("nominatedNodeName"):
            yield "pod_nominated", (key, nominated)
    elif (scheduler := spec.get("schedulerName") or "default-scheduler") != "default-scheduler":
        yield "pod_scheduler", (key, scheduler)
    if metadata.get("deletionTimestamp"):
        yield "pod_terminating", (key,)
    if created := metadata.get("creationTimestamp"):
        yield "pod_created", (key, milliseconds(created))
    if started := status.get("startTime"):
        yield "pod_started", (key, milliseconds(started))
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller"):
            yield "pod_controller", (key, owner["kind"], f"{obj.namespace}/{owner['name']}")


MODULE = FactModule(name="pods", extractors={"Pod": pod})
