"""Claims on devices: made from templates, given devices with a pod's binding, and freed."""

from __future__ import annotations

from kubelogic.apiserver.posting import amend, post
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object, naming
from kubelogic.cluster.clock import timestamp
from kubelogic.cluster.edit import uid_of
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
    name = f"{pod.name}-{action.entry}"
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
    for key in _claims(pod):
        _reserve(tx, key, pod)


def _claims(pod: Object) -> list[str]:
    made = {
        each["name"]: each.get("resourceClaimName")
        for each in (pod.document.get("status") or {}).get("resourceClaimStatuses") or ()
    }
    names = (
        entry.get("resourceClaimName") or made.get(entry["name"])
        for entry in (pod.document.get("spec") or {}).get("resourceClaims") or ()
    )
    return [f"{pod.namespace}/{name}" for name in names if name]


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
