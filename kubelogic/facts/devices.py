"""The facts of devices, classes and claims, and of the pods that use them.

What the search for devices reads whole (the devices of a slice, the requests of a claim) is one constant each: the
document as JSON. What decides by itself (is a claim there, whose is it, does a class exist) are facts of their own,
which rules read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.cluster import Object
from kubelogic.cluster.clock import milliseconds
from kubelogic.facts.base import Fact, FactModule, reader
from kubelogic.facts.node_terms import node_term
from kubelogic.facts.objects import created

IMPLICIT = "deviceclass.resource.kubernetes.io/"
"""Before the name of a class: the extended resource that stands for it without being named by it."""

_ENCODER = msgspec.json.Encoder(order="deterministic")


def _text(value: Any) -> str:
    return _ENCODER.encode(value).decode()


def slice_facts(obj: Object) -> Iterator[Fact]:
    """The facts of one ResourceSlice."""
    spec: Mapping[str, Any] = obj.document.get("spec") or {}
    yield "device_slice", (obj.key, _text(spec))
    yield from _terms("slice_term", obj.key, "", spec.get("nodeSelector"))
    for device in spec.get("devices") or ():
        yield from _terms("slice_term", obj.key, device["name"], device.get("nodeSelector"))


def template_facts(obj: Object) -> Iterator[Fact]:
    """The fact of one ResourceClaimTemplate."""
    yield "device_claim_template", (obj.key,)


def class_facts(obj: Object) -> Iterator[Fact]:
    """The facts of one DeviceClass."""
    spec: Mapping[str, Any] = obj.document.get("spec") or {}
    yield "device_class", (obj.key, _text(spec), created(obj.document["metadata"]))
    yield "device_resource", (f"{IMPLICIT}{obj.key}", obj.key)
    if resource := spec.get("extendedResourceName"):
        yield "device_resource", (resource, obj.key)


_IDENTITY = ("driver", "pool", "device")


def claim_facts(obj: Object) -> Iterator[Fact]:
    """The facts of one ResourceClaim."""
    metadata, status = obj.document["metadata"], obj.document.get("status") or {}
    devices = (obj.document.get("spec") or {}).get("devices") or {}
    allocation = status.get("allocation")
    yield "device_claim", (obj.key, _text(devices))
    if metadata.get("deletionTimestamp"):
        yield "device_claim_terminating", (obj.key, obj.name)
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller"):
            yield "device_claim_owner", (obj.key, owner.get("uid") or "")
    if allocation is not None:
        yield "device_claim_allocated", (obj.key, _text((allocation.get("devices") or {}).get("results") or ()))
        if allocation.get("nodeSelector") is not None:
            yield "device_claim_confined", (obj.key,)
        yield from _terms("allocation_term", obj.key, "", allocation.get("nodeSelector"))
        yield from _binding(obj.key, allocation, status.get("devices") or ())
    for user in status.get("reservedFor") or ():
        yield "device_claim_user", (obj.key, user.get("uid") or "")


def _binding(key: str, allocation: Mapping[str, Any], devices: Sequence[Mapping[str, Any]]) -> Iterator[Fact]:
    """Whether what devices say of their binding has failed, or since when something is not said yet.

    Source: dynamicresources.go of Kubernetes 1.36, isClaimReadyForBinding, isClaimTimeout, getAllocatedDeviceStatus.
    """
    since = allocation.get("allocationTimestamp")
    for result in (allocation.get("devices") or {}).get("results") or ():
        if not result.get("bindingConditions"):
            continue
        marks = [result.get(name) for name in _IDENTITY]
        said = next((each for each in devices if [each.get(name) for name in _IDENTITY] == marks), None)
        conditions = (said or {}).get("conditions") or ()
        true = {each.get("type") for each in conditions if each.get("status") == "True"}
        if said is not None and true.intersection(result.get("bindingFailureConditions") or ()):
            yield "device_claim_binding_failed", (key,)
            return
        if said is None or not true.issuperset(result["bindingConditions"]):
            if since:
                yield "device_claim_binding_since", (key, milliseconds(since))
            return


def _terms(predicate: str, key: str, place: str, selector: Mapping[str, Any] | None) -> Iterator[Fact]:
    shared: dict[Fact, None] = {}
    mentions: set[tuple[str, str, str]] = set()
    for term in (selector or {}).get("nodeSelectorTerms") or ():
        yield predicate, (key, place, node_term(term, shared, mentions))
    yield from shared
    for mention in sorted(mentions):
        yield "node_label_mentioned", mention


def pod_facts(obj: Object) -> Sequence[Fact]:
    """What a pod that is not bound yet asks of devices."""
    return tuple(_wants(obj, obj.document["spec"])) if _asks(obj) else ()


def _asks(obj: Object) -> bool:
    """Whether a pod is not bound yet and asks for devices, or for what could stand for some."""
    spec: Mapping[str, Any] = obj.document.get("spec") or {}
    return not spec.get("nodeName") and bool(spec.get("resourceClaims") or _extended(spec))


def _wants(obj: Object, spec: Mapping[str, Any]) -> Iterator[Fact]:
    key, metadata = obj.key, obj.document["metadata"]
    yield "pod_device_user", (key, metadata.get("uid") or key)
    made = {
        each["name"]: each.get("resourceClaimName")
        for each in (obj.document.get("status") or {}).get("resourceClaimStatuses") or ()
    }
    for index, entry in enumerate(spec.get("resourceClaims") or ()):
        name = entry["name"]
        if claim := entry.get("resourceClaimName"):
            yield "pod_device_claim", (key, index, f"{obj.namespace}/{claim}")
            continue
        yield (
            "pod_claim_template",
            (key, index, name, f"{obj.namespace}/{entry.get('resourceClaimTemplateName') or ''}"),
        )
        if name in made:
            yield "pod_claim_made", (key, index)
            if made[name]:
                claim = f"{obj.namespace}/{made[name]}"
                yield "pod_device_claim", (key, index, claim)
                yield "pod_claim_own", (key, index)
    if _extended(spec):
        yield "pod_containers", (key, _text(list(_containers(spec))))


def _extended(spec: Mapping[str, Any]) -> bool:
    """Whether a container requests what could stand for devices."""
    return any(
        "/" in resource
        for part in ("initContainers", "containers")
        for container in spec.get(part) or ()
        for resource in (container.get("resources") or {}).get("requests") or ()
    )


def _containers(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for part in ("initContainers", "containers"):
        for container in spec.get(part) or ():
            requests = (container.get("resources") or {}).get("requests") or {}
            brief = part == "initContainers" and container.get("restartPolicy") != "Always"
            yield {
                "name": container["name"],
                "brief": brief,
                "requests": {name: str(requests[name]) for name in requests},
            }


MODULE = FactModule(
    name="devices",
    extractors={
        "ResourceSlice": slice_facts,
        "DeviceClass": class_facts,
        "ResourceClaim": claim_facts,
        "ResourceClaimTemplate": template_facts,
        "Pod": (
            reader(
                pod_facts,
                "metadata.uid",
                "spec.containers",
                "spec.initContainers",
                "spec.nodeName",
                "spec.resourceClaims",
                "status.resourceClaimStatuses",
                by=("spec.containers", "spec.initContainers", "spec.nodeName?", "spec.resourceClaims"),
                asks=_asks,
            ),
        ),
    },
)
