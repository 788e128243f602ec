"""Tables of everything else: services, storage, configuration, access.

Source: pkg/printers/internalversion/printers.go of Kubernetes 1.36. The table is as long as the API is
broad: longer than others.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubelogic.serve.tables.common import (
    AGED,
    NAME,
    NAMED,
    NONE,
    UNKNOWN,
    UNSET,
    Cell,
    Column,
    Document,
    Printer,
    access_modes,
    condition,
    field,
    human_duration,
    labels_text,
    meta_of,
    name_of,
    printer,
    selector_text,
    shown,
    since,
    size,
    spec_of,
    status_of,
    truth,
)


def _address(document: Document, _now: int) -> str:
    spec = spec_of(document)
    return str(next(iter(spec.get("clusterIPs") or ()), "") or spec.get("clusterIP") or NONE)


def _external(document: Document, _now: int) -> str:
    spec = spec_of(document)
    given = ",".join(spec.get("externalIPs") or ())
    match spec.get("type"):
        case "LoadBalancer":
            return ",".join(filter(None, [_balancers(document, 0), given])) or "<pending>"
        case "ExternalName":
            return str(spec.get("externalName") or "")
        case _:
            return given or NONE


def _balancers(document: Document, _now: int) -> str:
    entries = (status_of(document).get("loadBalancer") or {}).get("ingress") or ()
    return ",".join(sorted({str(each.get("ip") or each.get("hostname") or "") for each in entries} - {""}))


def _ports(document: Document, _now: int) -> str:
    texts = [
        f"{port.get('port')}:{port['nodePort']}/{port.get('protocol', 'TCP')}"
        if port.get("nodePort")
        else f"{port.get('port')}/{port.get('protocol', 'TCP')}"
        for port in spec_of(document).get("ports") or ()
    ]
    return ",".join(texts) or NONE


def _some(values: Sequence[str], none: str) -> str:
    """The first three of them."""
    return f"{','.join(values[:3])} + {len(values) - 3} more..." if len(values) > 3 else ",".join(values) or none


def _endpoints(document: Document, _now: int) -> str:
    found = [
        text
        for subset in document.get("subsets") or ()
        for address in subset.get("addresses") or ()
        for text in [f"{address.get('ip')}:{port.get('port')}" for port in subset.get("ports") or ()]
        or [str(address.get("ip"))]
    ]
    return _some(found, NONE)


def _slice_ports(document: Document, _now: int) -> str:
    ports = document.get("ports") or ()
    named = ("*" if port.get("name") is None else str(port["name"]) for port in ports)
    numbers = (port.get("port") for port in ports)
    return _some([name if n is None else str(n) for name, n in zip(named, numbers, strict=True)], UNSET)


def _slice_addresses(document: Document, _now: int) -> str:
    endpoints = document.get("endpoints") or ()
    return _some([str(address) for each in endpoints for address in each.get("addresses") or ()], UNSET)


def _hosts(document: Document, _now: int) -> str:
    return _some([str(rule["host"]) for rule in spec_of(document).get("rules") or () if rule.get("host")], "*")


def _class_parameters(document: Document, _now: int) -> str:
    found = spec_of(document).get("parameters")
    if not found:
        return NONE
    group = f".{found['apiGroup']}" if found.get("apiGroup") else ""
    return f"{found.get('kind')}{group}/{found.get('name')}"


def _phase(document: Document, _now: int) -> str:
    return "Terminating" if meta_of(document).get("deletionTimestamp") else status_of(document).get("phase") or ""


def _where_bound(cell: Cell) -> Cell:
    """What a claim has once it has a volume."""
    return lambda document, now: cell(document, now) if spec_of(document).get("volumeName") else ""


def _storage(document: Document, part: str) -> str:
    return str(((document.get(part) or {}).get("capacity") or {}).get("storage") or "0")


def _class_of(document: Document, _now: int) -> str:
    beta = (meta_of(document).get("annotations") or {}).get("volume.beta.kubernetes.io/storage-class")
    return str(beta if beta is not None else spec_of(document).get("storageClassName") or "")


def _claim_of(document: Document, _now: int) -> str:
    claim = spec_of(document).get("claimRef")
    return f"{claim.get('namespace')}/{claim.get('name')}" if claim else ""


_DEFAULT = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")


def _class_name(document: Document, _now: int) -> str:
    annotations = meta_of(document).get("annotations") or {}
    default = any(annotations.get(key) == "true" for key in _DEFAULT)
    return f"{name_of(document)} (default)" if default else name_of(document)


def _entries(document: Document, _now: int) -> int:
    return len(document.get("data") or ()) + len(document.get("binaryData") or ())


def _quota(document: Document, *, limits: bool) -> str:
    hard, used = (status_of(document).get(part) or {} for part in ("hard", "used"))
    names = (name for name in sorted(hard) if name.startswith("limits") == limits)
    return ", ".join(f"{name}: {used.get(name, '0')}/{hard[name]}" for name in names)


def _role(document: Document, _now: int) -> str:
    role = document.get("roleRef") or {}
    return f"{role.get('kind')}/{role.get('name')}"


def _subjects(kind: str) -> tuple[Column, Cell]:
    def cell(document: Document, _now: int) -> str:
        found = [each for each in document.get("subjects") or () if each.get("kind") == kind]
        if kind == "ServiceAccount":
            return ", ".join(f"{each.get('namespace')}/{each.get('name')}" for each in found)
        return ", ".join(str(each.get("name")) for each in found)

    return shown(f"{kind}s", cell, priority=1)


# Events of events.k8s.io call their fields otherwise.


def _first_seen(document: Document, now: int) -> str:
    first = document.get("firstTimestamp") or document.get("deprecatedFirstTimestamp") or document.get("eventTime")
    return since(first, now)


def _last_seen(document: Document, now: int) -> str:
    series = document.get("series") or {}
    last = series.get("lastObservedTime") or document.get("lastTimestamp") or document.get("deprecatedLastTimestamp")
    return since(last, now) if last else _first_seen(document, now)


def _event_count(document: Document, _now: int) -> int:
    series = document.get("series") or {}
    return series.get("count") or document.get("count") or document.get("deprecatedCount") or 1


def _event_target(document: Document) -> Document:
    return document.get("involvedObject") or document.get("regarding") or {}


def _event_object(document: Document, _now: int) -> str:
    about = _event_target(document)
    kind = str(about.get("kind") or "").lower()
    return f"{kind}/{about['name']}" if about.get("name") else kind


def _event_source(document: Document, _now: int) -> str:
    source = document.get("source") or document.get("deprecatedSource") or {}
    component = source.get("component") or document.get("reportingComponent") or document.get("reportingController")
    host = source.get("host") or document.get("reportingInstance")
    return f"{component or ''}, {host}" if host else component or ""


def _audiences(document: Document, _now: int) -> str:
    requests = spec_of(document).get("tokenRequests") or ()
    return ",".join(str(each.get("audience") or "") for each in requests) or UNSET


def _modes(document: Document, _now: int) -> str:
    return ",".join(spec_of(document).get("volumeLifecycleModes") or ("Persistent",))


def _request_state(document: Document, _now: int) -> str:
    status = status_of(document)
    kinds = [str(each.get("type")) for each in status.get("conditions") or ()]
    text = "Denied" if "Denied" in kinds else "Approved" if "Approved" in kinds else "Pending"
    return f"{text}{',Failed' * ('Failed' in kinds)}{',Issued' * bool(status.get('certificate'))}"


def _request_duration(document: Document, _now: int) -> str:
    seconds = spec_of(document).get("expirationSeconds")
    return human_duration(seconds) if seconds is not None else NONE


def _claim_state(document: Document, _now: int) -> str:
    status = status_of(document)
    states = ["deleted"] if meta_of(document).get("deletionTimestamp") else []
    if status.get("allocation") is None:
        states = states or ["pending"]
    else:
        states.append("allocated")
        if status.get("reservedFor"):
            states.append("reserved")
    return ",".join(states)


def _parent(document: Document, _now: int) -> str:
    parent = spec_of(document).get("parentRef")
    if not parent:
        return NONE
    resource = ".".join(filter(None, (parent.get("resource"), parent.get("group")))).lower()
    return "/".join(filter(None, (resource, parent.get("namespace"), parent.get("name"))))


_INT, _BOOL = "integer", "boolean"
_BASIC = printer(NAMED, AGED)
_CREATED = printer(NAMED, field("Created At", "metadata", "creationTimestamp", default=UNKNOWN, kind="date"))
_BINDING = printer(NAMED, shown("Role", _role), AGED, *map(_subjects, ("User", "Group", "ServiceAccount")))
_WEBHOOKS = printer(NAMED, size("Webhooks", "webhooks", kind=_INT), AGED)
_ATTRIBUTES = field("VolumeAttributesClass", "spec", "volumeAttributesClassName", default=UNSET)
_MODE = field("VolumeMode", "spec", "volumeMode", default=UNSET, priority=1)

PRINTERS: dict[str, Printer] = {
    "Service": printer(
        NAMED,
        field("Type", "spec", "type"),
        shown("Cluster-IP", _address),
        shown("External-IP", _external),
        shown("Port(s)", _ports),
        AGED,
        shown("Selector", lambda document, _: labels_text(spec_of(document).get("selector")), priority=1),
    ),
    "Endpoints": printer(NAMED, shown("Endpoints", _endpoints), AGED),
    "EndpointSlice": printer(
        NAMED,
        field("AddressType", "addressType"),
        shown("Ports", _slice_ports),
        shown("Endpoints", _slice_addresses),
        AGED,
    ),
    "Ingress": printer(
        NAMED,
        field("Class", "spec", "ingressClassName", default=NONE),
        shown("Hosts", _hosts),
        shown("Address", _balancers),
        shown("Ports", lambda document, _: "80, 443" if spec_of(document).get("tls") else "80"),
        AGED,
    ),
    "IngressClass": printer(
        NAMED, field("Controller", "spec", "controller"), shown("Parameters", _class_parameters), AGED
    ),
    "NetworkPolicy": printer(
        NAMED,
        shown("Pod-Selector", lambda document, _: selector_text(spec_of(document).get("podSelector") or {})),
        AGED,
    ),
    "PersistentVolumeClaim": printer(
        NAMED,
        shown("Status", _phase),
        field("Volume", "spec", "volumeName"),
        shown("Capacity", _where_bound(lambda document, _: _storage(document, "status"))),
        shown("Access Modes", _where_bound(lambda document, _: access_modes(status_of(document).get("accessModes")))),
        shown("StorageClass", _class_of),
        _ATTRIBUTES,
        AGED,
        _MODE,
    ),
    "PersistentVolume": printer(
        NAMED,
        shown("Capacity", lambda document, _: _storage(document, "spec")),
        shown("Access Modes", lambda document, _: access_modes(spec_of(document).get("accessModes"))),
        field("Reclaim Policy", "spec", "persistentVolumeReclaimPolicy"),
        shown("Status", _phase),
        shown("Claim", _claim_of),
        shown("StorageClass", _class_of),
        _ATTRIBUTES,
        field("Reason", "status", "reason"),
        AGED,
        _MODE,
    ),
    "StorageClass": printer(
        (NAME, _class_name),
        field("Provisioner", "provisioner"),
        field("ReclaimPolicy", "reclaimPolicy", default="Delete"),
        field("VolumeBindingMode", "volumeBindingMode", default="Immediate"),
        truth("AllowVolumeExpansion", "allowVolumeExpansion"),
        AGED,
    ),
    "ConfigMap": printer(NAMED, shown("Data", _entries), AGED),
    "Secret": printer(NAMED, field("Type", "type"), size("Data", "data"), AGED),
    "ServiceAccount": printer(NAMED, size("Secrets", "secrets"), AGED),
    "Namespace": printer(NAMED, field("Status", "status", "phase"), AGED),
    "ResourceQuota": printer(
        NAMED,
        shown("Request", lambda document, _: _quota(document, limits=False)),
        shown("Limit", lambda document, _: _quota(document, limits=True)),
        AGED,
    ),
    "LimitRange": _CREATED,
    "Role": _CREATED,
    "ClusterRole": _CREATED,
    "CustomResourceDefinition": _CREATED,
    "RoleBinding": _BINDING,
    "ClusterRoleBinding": _BINDING,
    "PriorityClass": printer(
        NAMED,
        field("Value", "value", default=0, kind=_INT),
        truth("Global-Default", "globalDefault", kind=_BOOL),
        AGED,
        field("PreemptionPolicy", "preemptionPolicy"),
    ),
    "RuntimeClass": printer(NAMED, field("Handler", "handler"), AGED),
    "Lease": printer(NAMED, field("Holder", "spec", "holderIdentity"), AGED),
    "Event": printer(
        shown("Last Seen", _last_seen),
        field("Type", "type"),
        field("Reason", "reason"),
        shown("Object", _event_object),
        shown("Subobject", lambda document, _: _event_target(document).get("fieldPath") or "", priority=1),
        shown("Source", _event_source, priority=1),
        shown("Message", lambda document, _: str(document.get("message") or document.get("note") or "").strip()),
        shown("First Seen", _first_seen, priority=1),
        shown("Count", _event_count, priority=1),
        shown("Name", lambda document, _: name_of(document), priority=1),
    ),
    "CSIDriver": printer(
        NAMED,
        shown("AttachRequired", lambda document, _: spec_of(document).get("attachRequired") is not False, _BOOL),
        truth("PodInfoOnMount", "spec", "podInfoOnMount", kind=_BOOL),
        truth("StorageCapacity", "spec", "storageCapacity", kind=_BOOL),
        shown("TokenRequests", _audiences),
        truth("RequiresRepublish", "spec", "requiresRepublish", kind=_BOOL),
        shown("Modes", _modes),
        AGED,
    ),
    "CSINode": printer(NAMED, size("Drivers", "spec", "drivers", kind=_INT), AGED),
    "VolumeAttachment": printer(
        NAMED,
        field("Attacher", "spec", "attacher"),
        field("PV", "spec", "source", "persistentVolumeName"),
        field("Node", "spec", "nodeName"),
        truth("Attached", "status", "attached", kind=_BOOL),
        AGED,
    ),
    "ValidatingWebhookConfiguration": _WEBHOOKS,
    "MutatingWebhookConfiguration": _WEBHOOKS,
    "CertificateSigningRequest": printer(
        NAMED,
        AGED,
        field("SignerName", "spec", "signerName", default=NONE),
        field("Requestor", "spec", "username"),
        shown("RequestedDuration", _request_duration),
        shown("Condition", _request_state),
    ),
    "ResourceClaim": printer(NAMED, shown("State", _claim_state), AGED),
    "ResourceClaimTemplate": _BASIC,
    "DeviceClass": _BASIC,
    "ResourceSlice": printer(
        NAMED,
        field("Node", "spec", "nodeName"),
        field("Driver", "spec", "driver"),
        field("Pool", "spec", "pool", "name"),
        AGED,
    ),
    "ServiceCIDR": printer(
        NAMED, shown("CIDRs", lambda document, _: ",".join(spec_of(document).get("cidrs") or ())), AGED
    ),
    "IPAddress": printer(NAMED, shown("ParentRef", _parent)),
    "FlowSchema": printer(
        NAMED,
        field("PriorityLevel", "spec", "priorityLevelConfiguration", "name"),
        field("MatchingPrecedence", "spec", "matchingPrecedence", default=0),
        field("DistinguisherMethod", "spec", "distinguisherMethod", "type", default=NONE),
        AGED,
        shown("MissingPL", lambda document, _: condition(document, "Dangling").get("status") or "?"),
    ),
}
