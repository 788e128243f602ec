"""StatefulSets and the ControllerRevisions that they and DaemonSets keep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubelogic.cluster import Object
from kubelogic.cluster.naming import template_hash
from kubelogic.facts.base import Fact, FactModule, reader
from kubelogic.facts.objects import controller, identity_facts, sibling, status_facts
from kubelogic.facts.selectors import label_set, selector

COUNTERS = (
    "observedGeneration",
    "replicas",
    "readyReplicas",
    "availableReplicas",
    "currentReplicas",
    "updatedReplicas",
)
REVISION_LABEL = "controller-revision-hash"


def stateful_set_facts(obj: Object) -> Iterator[Fact]:
    """Facts of a StatefulSet."""
    key, name = obj.key, obj.name
    spec = obj.document.get("spec") or {}
    status = obj.document.get("status") or {}
    replicas = spec.get("replicas")
    count = 1 if replicas is None else int(replicas)
    start = int((spec.get("ordinals") or {}).get("start") or 0)
    chosen = selector(spec.get("selector"))
    template = spec.get("template") or {}
    strategy = spec.get("updateStrategy") or {}
    yield from identity_facts(obj)
    yield from status_facts(obj, COUNTERS)
    for field in ("currentRevision", "updateRevision"):
        yield "status_field", (obj.kind, key, field, status.get(field) or "")
    yield "stateful_set", (key, obj.namespace)
    yield "stateful_set_replicas", (key, count)
    yield "stateful_set_selector", (key, obj.namespace, chosen)
    yield "selector", (chosen,)
    if spec.get("podManagementPolicy") == "Parallel":
        yield "stateful_set_parallel", (key,)
    if strategy.get("type") == "OnDelete":
        yield "stateful_set_on_delete", (key,)
    partition = int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
    yield "stateful_set_partition", (key, start + partition)
    yield "stateful_set_min_ready", (key, 1000 * int(spec.get("minReadySeconds") or 0))
    code = template_hash(template)
    yield "revision_wanted", ("StatefulSet", key, code, sibling(obj.namespace, f"{name}-{code}"))
    limit = spec.get("revisionHistoryLimit")
    yield "revision_limit", ("StatefulSet", key, 10 if limit is None else int(limit))
    current = status.get("currentRevision")
    if current:
        yield "stateful_set_current", (key, sibling(obj.namespace, current))
    claims = [t["metadata"]["name"] for t in spec.get("volumeClaimTemplates") or ()]
    retention = spec.get("persistentVolumeClaimRetentionPolicy") or {}
    if claims:
        scaled, deleted = retention.get("whenScaled") or "Retain", retention.get("whenDeleted") or "Retain"
        yield "stateful_set_keeps_claims", (key, scaled, deleted)
    for claim in claims:
        yield "stateful_set_claim", (key, claim)
    for ordinal in range(start, start + count):
        pod = sibling(obj.namespace, f"{name}-{ordinal}")
        yield "stateful_set_slot", (key, ordinal, pod)


def revision_facts(obj: Object) -> Iterator[Fact]:
    """Facts of a ControllerRevision."""
    template = ((obj.document.get("data") or {}).get("spec") or {}).get("template") or {}
    labels = (obj.document.get("metadata") or {}).get("labels") or {}
    yield from identity_facts(obj)
    yield "revision", (obj.key, template_hash(template), int(obj.document.get("revision") or 0))
    text = label_set(labels)
    yield "label_set", (text,)
    yield "revision_labels", (obj.key, obj.namespace, text)
    yield "revision_label", (obj.key, labels.get(REVISION_LABEL) or obj.name)


def member_facts(obj: Object) -> Sequence[Fact]:
    """The revision that a pod of a StatefulSet or DaemonSet is of."""
    label = ((obj.document.get("metadata") or {}).get("labels") or {}).get(REVISION_LABEL)
    return (("pod_revision", (obj.key, label)),) if label else ()


def ordinal_facts(obj: Object) -> Sequence[Fact]:
    """The number of a pod that is a member of a StatefulSet, or may be one by its name."""
    name, dash, number = obj.name.rpartition("-")
    if not (dash and number.isdecimal() and (number == "0" or number[0] != "0") and _may_be_numbered(obj)):
        return ()
    return (("pod_ordinal", (obj.key, sibling(obj.namespace, name), int(number))),)


def _may_be_numbered(obj: Object) -> bool:
    owner = controller(obj.document.get("metadata") or {})
    return owner is None or bool(owner["kind"] == "StatefulSet")


def claim_facts(obj: Object) -> Iterator[Fact]:
    """Which objects a claim goes with."""
    meta: Mapping[str, Any] = obj.document.get("metadata") or {}
    for reference in meta.get("ownerReferences") or ():
        yield "claim_goes_with", (obj.key, reference["kind"], sibling(obj.namespace, reference["name"]))


_OWNERS = "metadata.ownerReferences"

MODULE = FactModule(
    name="stateful sets",
    extractors={
        "StatefulSet": stateful_set_facts,
        "ControllerRevision": revision_facts,
        "Pod": (
            reader(member_facts, "metadata.labels", by=["metadata.labels"]),
            reader(ordinal_facts, _OWNERS, by=[_OWNERS], asks=_may_be_numbered),
        ),
        "PersistentVolumeClaim": claim_facts,
    },
)
