"""Claims on devices: made from templates, given devices with a pod's binding, and freed."""

from __future__ import annotations

import itertools

from kubelogic.apiserver.posting import amend, post
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object, naming
from kubelogic.cluster.clock import timestamp
from kubelogic.cluster.edit import metadata, uid_of
from kubelogic.cluster.pods import device_claims
from kubelogic.placement.devices.model import Granted
from kubelogic.reconcile import actions
from kubelogic.reconcile.refusals import note_made

_CLAIM, _POD, _API = "ResourceClaim", "Pod", "resource.k8s.io/v1"
_ANNOTATION = "resource.kubernetes.io/extended-resource-claim"
_FINALIZER = "resource.kubernetes.io/delete-protection"
EXTENDED = "<extended-resources>"


def create_device_claim(tx: Transaction, action: actions.CreateDeviceClaim) -> None:
    """Source: resource claim controller, handleClaim."""
    pod, template = tx.get(_POD, action.pod), tx.get("ResourceClaimTemplate", action.template)
    if pod is None or template is None:
        return
    name = _claim_name(tx, pod, action.entry)
    key = f"{pod.namespace}/{name}"
    wanted = template.document.get("spec") or {}
    if tx.get(_CLAIM, key) is None:
        meta = wanted.get("metadata") or {}
        given = {field: meta[field] for field in ("labels", "annotations") if meta.get(field)}
        annotations = {**given.get("annotations", {}), "resource.kubernetes.io/pod-claim-name": action.entry}
        document = {"metadata": {**given, "annotations": annotations}, "spec": wanted.get("spec") or {}, "status": {}}
        posted = post(tx, api_version=_API, kind=_CLAIM, key=key, document=document, owner=pod)
        if not note_made(tx, posted, pod):
            return
    statuses = list((pod.document.get("status") or {}).get("resourceClaimStatuses") or ())
    tx.set_status(pod, {"resourceClaimStatuses": [*statuses, {"name": action.entry, "resourceClaimName": name}]})


def _claim_name(tx: Transaction, pod: Object, entry: str) -> str:
    """The name of the claim of a pod, which is made or has been: one that no other object's claim has.

    The API server adds a random part, so that a pod which is made anew does not meet the claim of the one before.
    """
    names = itertools.chain([f"{pod.name}-{entry}"], (f"{pod.name}-{entry}-{n}" for n in itertools.count(2)))
    return next(
        name
        for name in names
        if (there := tx.get(_CLAIM, f"{pod.namespace}/{name}")) is None
        or uid_of(pod) in {each.get("uid") for each in metadata(there).get("ownerReferences") or ()}
    )


def deallocate_claim(tx: Transaction, action: actions.DeallocateClaim) -> None:
    """Source: kube-scheduler, DynamicResources, PostFilter."""
    tx.edit(_CLAIM, action.claim, ["status"], {"allocation": None, "reservedFor": None})


def give_devices(tx: Transaction, pod: Object, node: str, devices: tuple[Granted, ...]) -> None:
    """Let the claims of a pod that is bound have their devices, and reserve all of its claims for it.

    Source: kube-scheduler, DynamicResources, PreBind and bindClaim.
    """
    from kubelogic.placement.devices.record import allocation

    found = tx.state.cluster.objects("DeviceClass").values()
    classes = {obj.name: obj.document.get("spec") or {} for obj in found}
    for granted in devices:
        key = granted.claim
        if key.endswith(EXTENDED):
            key = _extended_claim(tx, pod, granted)
        claim = tx.get(_CLAIM, key)
        if claim is None:
            continue
        shares = [naming.uid("share", f"{key} {index}", tx.state.now) for index in range(len(granted.devices))]
        spec = (claim.document.get("spec") or {}).get("devices") or {}
        given = allocation(granted, node, spec, classes, shares=shares)
        given["allocationTimestamp"] = timestamp(tx.state.now)
        finalizers = list(claim.document["metadata"].get("finalizers") or ())
        if _FINALIZER not in finalizers:
            amend(tx, _CLAIM, key, ["metadata"], {"finalizers": [*finalizers, _FINALIZER]})
        tx.edit(_CLAIM, key, ["status"], {"allocation": given})
        _reserve(tx, key, pod)
    for key in device_claims(pod):
        _reserve(tx, key, pod)


def _reserve(tx: Transaction, key: str, pod: Object) -> None:
    claim = tx.get(_CLAIM, key)
    if claim is None:
        return
    users = list((claim.document.get("status") or {}).get("reservedFor") or ())
    if all(each.get("uid") != uid_of(pod) for each in users):
        user = {"resource": "pods", "name": pod.name, "uid": uid_of(pod)}
        tx.edit(_CLAIM, key, ["status"], {"reservedFor": [*users, user]})


def _extended_claim(tx: Transaction, pod: Object, granted: Granted) -> str:
    """The claim that is made for extended resources, with the requests that were answered."""
    name = f"{pod.name}-extended-resources"
    key = f"{pod.namespace}/{name}"
    requests = [
        {
            "name": request.name,
            "exactly": {
                "deviceClassName": request.device_class,
                "allocationMode": "ExactCount",
                "count": request.count,
            },
        }
        for request, _ in granted.requests
    ]
    document = {
        "metadata": {"annotations": {_ANNOTATION: "true"}},
        "spec": {"devices": {"requests": requests}},
        "status": {},
    }
    if tx.get(_CLAIM, key) is None:
        post(tx, api_version=_API, kind=_CLAIM, key=key, document=document, owner=pod)
    mappings = [
        {"containerName": container, "resourceName": resource, "requestName": request.name}
        for request, uses in granted.requests
        for container, resource in uses
    ]
    status = {"resourceClaimName": name, "requestMappings": mappings}
    tx.edit(_POD, pod.key, ["status"], {"extendedResourceClaimStatus": status})
    return key
