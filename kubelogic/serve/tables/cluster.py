"""Tables of everything else: services, storage, configuration, access.

Source: pkg/printers/internalversion/printers.go of Kubernetes 1.36. The table is as long as the API is
broad: longer than others.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubelogic.cluster.clock import milliseconds
from kubelogic.serve.tables.common import (
    AGE,
    NAME,
    NONE,
    UNKNOWN,
    UNSET,
    Cells,
    Document,
    Printer,
    access_modes,
    age,
    column,
    human_duration,
    labels_text,
    meta_of,
    name_of,
    selector_text,
    spec_of,
    status_of,
    wide,
)


def _service(document: Document, now: int) -> Cells:
    spec = spec_of(document)
    addresses = spec.get("clusterIPs") or ([spec["clusterIP"]] if spec.get("clusterIP") else [])
    return [
        name_of(document),
        spec.get("type") or "",
        addresses[0] if addresses else NONE,
        _external(document),
        _ports(spec.get("ports") or ()) or NONE,
        age(document, now),
        labels_text(spec.get("selector")),
    ]


def _external(document: Document) -> str:
    spec = spec_of(document)
    given = ",".join(spec.get("externalIPs") or ())
    match spec.get("type"):
        case "LoadBalancer":
            entries = (status_of(document).get("loadBalancer") or {}).get("ingress") or ()
            status = ",".join(sorted({str(each.get("ip") or each.get("hostname") or "") for each in entries} - {""}))
            return ",".join(filter(None, [status, given])) or "<pending>"
        case "ExternalName":
            return str(spec.get("externalName") or "")
        case _:
            return given or NONE


def _ports(ports: Iterable[Document]) -> str:
    return ",".join(
        f"{port.get('port')}:{port['nodePort']}/{port.get('protocol', 'TCP')}"
        if port.get("nodePort")
        else f"{port.get('port')}/{port.get('protocol', 'TCP')}"
        for port in ports
    )


def _endpoints(document: Document, now: int) -> Cells:
    texts: list[str] = []
    more = False
    for subset in document.get("subsets") or ():
        ports = subset.get("ports") or ()
        for address in subset.get("addresses") or ():
            for text in [f"{address.get('ip')}:{p.get('port')}" for p in ports] or [str(address.get("ip"))]:
                if len(texts) == 3:
                    more = True
                else:
                    texts.append(text)
    extra = sum(
        len(s.get("addresses") or ()) * max(len(s.get("ports") or ()), 1) for s in document.get("subsets") or ()
    )
    text = ",".join(texts) or NONE
    return [name_of(document), f"{text} + {extra - 3} more..." if more else text, age(document, now)]


def _endpoint_slice(document: Document, now: int) -> Cells:
    def joined(values: list[str]) -> str:
        if not values:
            return UNSET
        return f"{','.join(values[:3])} + {len(values) - 3} more..." if len(values) > 3 else ",".join(values)

    ports = [
        str(p["port"]) if p.get("port") is not None else "*" if p.get("name") is None else str(p["name"])
        for p in document.get("ports") or ()
    ]
    found = [str(a) for each in document.get("endpoints") or () for a in each.get("addresses") or ()]
    return [name_of(document), document.get("addressType") or "", joined(ports), joined(found), age(document, now)]


def _ingress(document: Document, now: int) -> Cells:
    spec = spec_of(document)
    hosts = [str(rule["host"]) for rule in spec.get("rules") or () if rule.get("host")]
    text = f"{','.join(hosts[:3])} + {len(hosts) - 3} more..." if len(hosts) > 3 else ",".join(hosts) or "*"
    entries = (status_of(document).get("loadBalancer") or {}).get("ingress") or ()
    address = ",".join(sorted({str(each.get("ip") or each.get("hostname") or "") for each in entries} - {""}))
    return [
        name_of(document),
        spec.get("ingressClassName") or NONE,
        text,
        address,
        "80, 443" if spec.get("tls") else "80",
        age(document, now),
    ]


def _ingress_class(document: Document, now: int) -> Cells:
    spec = spec_of(document)
    found = spec.get("parameters")
    text = NONE
    if found:
        group = f".{found['apiGroup']}" if found.get("apiGroup") else ""
        text = f"{found.get('kind')}{group}/{found.get('name')}"
    return [name_of(document), spec.get("controller") or "", text, age(document, now)]


def _network_policy(document: Document, now: int) -> Cells:
    return [name_of(document), selector_text(spec_of(document).get("podSelector") or {}), age(document, now)]


def _claim(document: Document, now: int) -> Cells:
    spec, status = spec_of(document), status_of(document)
    phase = "Terminating" if meta_of(document).get("deletionTimestamp") else status.get("phase") or ""
    bound = bool(spec.get("volumeName"))
    return [
        name_of(document),
        phase,
        spec.get("volumeName") or "",
        str((status.get("capacity") or {}).get("storage") or "0") if bound else "",
        access_modes(status.get("accessModes")) if bound else "",
        _class_of(document),
        spec.get("volumeAttributesClassName") or UNSET,
        age(document, now),
        spec.get("volumeMode") or UNSET,
    ]


def _class_of(document: Document) -> str:
    beta = (meta_of(document).get("annotations") or {}).get("volume.beta.kubernetes.io/storage-class")
    return str(beta if beta is not None else spec_of(document).get("storageClassName") or "")


def _volume(document: Document, now: int) -> Cells:
    spec, status = spec_of(document), status_of(document)
    claim = spec.get("claimRef")
    return [
        name_of(document),
        str((spec.get("capacity") or {}).get("storage") or "0"),
        access_modes(spec.get("accessModes")),
        spec.get("persistentVolumeReclaimPolicy") or "",
        "Terminating" if meta_of(document).get("deletionTimestamp") else status.get("phase") or "",
        f"{claim.get('namespace')}/{claim.get('name')}" if claim else "",
        _class_of(document),
        spec.get("volumeAttributesClassName") or UNSET,
        status.get("reason") or "",
        age(document, now),
        spec.get("volumeMode") or UNSET,
    ]


_DEFAULT = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")


def _storage_class(document: Document, now: int) -> Cells:
    annotations = meta_of(document).get("annotations") or {}
    default = any(annotations.get(key) == "true" for key in _DEFAULT)
    return [
        f"{name_of(document)} (default)" if default else name_of(document),
        document.get("provisioner") or "",
        document.get("reclaimPolicy") or "Delete",
        document.get("volumeBindingMode") or "Immediate",
        bool(document.get("allowVolumeExpansion")),
        age(document, now),
    ]


def _config_map(document: Document, now: int) -> Cells:
    count = len(document.get("data") or ()) + len(document.get("binaryData") or ())
    return [name_of(document), count, age(document, now)]


def _secret(document: Document, now: int) -> Cells:
    return [name_of(document), document.get("type") or "", len(document.get("data") or ()), age(document, now)]


def _account(document: Document, now: int) -> Cells:
    return [name_of(document), len(document.get("secrets") or ()), age(document, now)]


def _namespace(document: Document, now: int) -> Cells:
    return [name_of(document), status_of(document).get("phase") or "", age(document, now)]


def _quota(document: Document, now: int) -> Cells:
    status = status_of(document)
    hard, used = status.get("hard") or {}, status.get("used") or {}
    requests: list[str] = []
    limits: list[str] = []
    for name in sorted(hard):
        text = f"{name}: {used.get(name, '0')}/{hard[name]}"
        (limits if name.startswith("limits") else requests).append(text)
    return [name_of(document), ", ".join(requests), ", ".join(limits), age(document, now)]


def _named(document: Document, now: int) -> Cells:
    return [name_of(document), age(document, now)]


def _created(document: Document, _now: int) -> Cells:
    return [name_of(document), meta_of(document).get("creationTimestamp") or UNKNOWN]


def _role_binding(document: Document, now: int) -> Cells:
    role = document.get("roleRef") or {}
    found: dict[str, list[str]] = {"User": [], "Group": [], "ServiceAccount": []}
    for each in document.get("subjects") or ():
        name = str(each.get("name"))
        kind = str(each.get("kind"))
        found.setdefault(kind, []).append(f"{each.get('namespace')}/{name}" if kind == "ServiceAccount" else name)
    return [
        name_of(document),
        f"{role.get('kind')}/{role.get('name')}",
        age(document, now),
        *(", ".join(found[kind]) for kind in ("User", "Group", "ServiceAccount")),
    ]


def _priority_class(document: Document, now: int) -> Cells:
    return [
        name_of(document),
        document.get("value", 0),
        bool(document.get("globalDefault")),
        age(document, now),
        document.get("preemptionPolicy") or "",
    ]


def _runtime_class(document: Document, now: int) -> Cells:
    return [name_of(document), document.get("handler") or "", age(document, now)]


def _lease(document: Document, now: int) -> Cells:
    return [name_of(document), spec_of(document).get("holderIdentity") or "", age(document, now)]


def _event(document: Document, now: int) -> Cells:
    """An event; of events.k8s.io the fields have other names."""
    about = document.get("involvedObject") or document.get("regarding") or {}
    first = document.get("firstTimestamp") or document.get("deprecatedFirstTimestamp") or document.get("eventTime")
    series = document.get("series") or {}
    last = series.get("lastObservedTime") or document.get("lastTimestamp") or document.get("deprecatedLastTimestamp")
    count = series.get("count") or document.get("count") or document.get("deprecatedCount") or 0
    source = document.get("source") or document.get("deprecatedSource") or {}
    seen_first = _ago(first, now)
    target = str(about.get("kind") or "").lower()
    if about.get("name"):
        target = f"{target}/{about['name']}"
    component = source.get("component") or document.get("reportingComponent") or document.get("reportingController")
    host = source.get("host") or document.get("reportingInstance")
    return [
        _ago(last, now) if last else seen_first,
        document.get("type") or "",
        document.get("reason") or "",
        target,
        about.get("fieldPath") or "",
        f"{component or ''}, {host}" if host else component or "",
        str(document.get("message") or document.get("note") or "").strip(),
        seen_first,
        count or 1,
        name_of(document),
    ]


def _ago(moment: Any, now: int) -> str:
    return UNKNOWN if not moment else human_duration((now - milliseconds(str(moment))) / 1000)


def _csi_driver(document: Document, now: int) -> Cells:
    spec = spec_of(document)
    requests = spec.get("tokenRequests") or ()
    return [
        name_of(document),
        spec.get("attachRequired") is not False,
        bool(spec.get("podInfoOnMount")),
        bool(spec.get("storageCapacity")),
        ",".join(str(each.get("audience") or "") for each in requests) or UNSET,
        bool(spec.get("requiresRepublish")),
        ",".join(spec.get("volumeLifecycleModes") or ("Persistent",)),
        age(document, now),
    ]


def _csi_node(document: Document, now: int) -> Cells:
    return [name_of(document), len(spec_of(document).get("drivers") or ()), age(document, now)]


def _attachment(document: Document, now: int) -> Cells:
    spec = spec_of(document)
    return [
        name_of(document),
        spec.get("attacher") or "",
        (spec.get("source") or {}).get("persistentVolumeName") or "",
        spec.get("nodeName") or "",
        bool(status_of(document).get("attached")),
        age(document, now),
    ]


def _webhooks(document: Document, now: int) -> Cells:
    return [name_of(document), len(document.get("webhooks") or ()), age(document, now)]


def _csr(document: Document, now: int) -> Cells:
    spec, status = spec_of(document), status_of(document)
    kinds = [str(each.get("type")) for each in status.get("conditions") or ()]
    text = "Denied" if "Denied" in kinds else "Approved" if "Approved" in kinds else "Pending"
    if "Failed" in kinds:
        text += ",Failed"
    if status.get("certificate"):
        text += ",Issued"
    seconds = spec.get("expirationSeconds")
    return [
        name_of(document),
        age(document, now),
        spec.get("signerName") or NONE,
        spec.get("username") or "",
        human_duration(seconds) if seconds is not None else NONE,
        text,
    ]


def _definition(document: Document, now: int) -> Cells:
    return _created(document, now)


def _claim_of_devices(document: Document, now: int) -> Cells:
    status = status_of(document)
    states = []
    if meta_of(document).get("deletionTimestamp"):
        states.append("deleted")
    if status.get("allocation") is None:
        states = states or ["pending"]
    else:
        states.append("allocated")
        if status.get("reservedFor"):
            states.append("reserved")
    return [name_of(document), ",".join(states), age(document, now)]


def _slice_of_devices(document: Document, now: int) -> Cells:
    spec = spec_of(document)
    return [
        name_of(document),
        spec.get("nodeName") or "",
        spec.get("driver") or "",
        (spec.get("pool") or {}).get("name") or "",
        age(document, now),
    ]


def _service_cidr(document: Document, now: int) -> Cells:
    return [name_of(document), ",".join(spec_of(document).get("cidrs") or ()), age(document, now)]


def _address(document: Document, _now: int) -> Cells:
    parent = spec_of(document).get("parentRef")
    if not parent:
        return [name_of(document), NONE]
    resource = ".".join(filter(None, (parent.get("resource"), parent.get("group")))).lower()
    place = "/".join(filter(None, (resource, parent.get("namespace"), parent.get("name"))))
    return [name_of(document), place]


def _flow_schema(document: Document, now: int) -> Cells:
    spec = spec_of(document)
    dangling: Document = next(
        (c for c in status_of(document).get("conditions") or () if c.get("type") == "Dangling"), {}
    )
    return [
        name_of(document),
        (spec.get("priorityLevelConfiguration") or {}).get("name") or "",
        spec.get("matchingPrecedence", 0),
        (spec.get("distinguisherMethod") or {}).get("type") or NONE,
        age(document, now),
        "?" if not dangling else dangling.get("status") or "?",
    ]


_BASIC = Printer(columns=(NAME, AGE), cells=_named)
_CREATED = Printer(columns=(NAME, column("Created At", "date")), cells=_created)
_INT, _BOOL = "integer", "boolean"

PRINTERS: dict[str, Printer] = {
    "Service": Printer(
        columns=(
            NAME,
            column("Type"),
            column("Cluster-IP"),
            column("External-IP"),
            column("Port(s)"),
            AGE,
            wide("Selector"),
        ),
        cells=_service,
    ),
    "Endpoints": Printer(columns=(NAME, column("Endpoints"), AGE), cells=_endpoints),
    "EndpointSlice": Printer(
        columns=(NAME, column("AddressType"), column("Ports"), column("Endpoints"), AGE), cells=_endpoint_slice
    ),
    "Ingress": Printer(
        columns=(NAME, column("Class"), column("Hosts"), column("Address"), column("Ports"), AGE), cells=_ingress
    ),
    "IngressClass": Printer(columns=(NAME, column("Controller"), column("Parameters"), AGE), cells=_ingress_class),
    "NetworkPolicy": Printer(columns=(NAME, column("Pod-Selector"), AGE), cells=_network_policy),
    "PersistentVolumeClaim": Printer(
        columns=(
            NAME,
            *map(column, ("Status", "Volume", "Capacity", "Access Modes", "StorageClass", "VolumeAttributesClass")),
            AGE,
            wide("VolumeMode"),
        ),
        cells=_claim,
    ),
    "PersistentVolume": Printer(
        columns=(
            NAME,
            *map(column, ("Capacity", "Access Modes", "Reclaim Policy", "Status", "Claim", "StorageClass")),
            column("VolumeAttributesClass"),
            column("Reason"),
            AGE,
            wide("VolumeMode"),
        ),
        cells=_volume,
    ),
    "StorageClass": Printer(
        columns=(
            NAME,
            *map(column, ("Provisioner", "ReclaimPolicy", "VolumeBindingMode", "AllowVolumeExpansion")),
            AGE,
        ),
        cells=_storage_class,
    ),
    "ConfigMap": Printer(columns=(NAME, column("Data"), AGE), cells=_config_map),
    "Secret": Printer(columns=(NAME, column("Type"), column("Data"), AGE), cells=_secret),
    "ServiceAccount": Printer(columns=(NAME, column("Secrets"), AGE), cells=_account),
    "Namespace": Printer(columns=(NAME, column("Status"), AGE), cells=_namespace),
    "ResourceQuota": Printer(columns=(NAME, column("Request"), column("Limit"), AGE), cells=_quota),
    "LimitRange": Printer(columns=(NAME, column("Created At", "date")), cells=_created),
    "Role": _CREATED,
    "ClusterRole": _CREATED,
    "CustomResourceDefinition": Printer(columns=(NAME, column("Created At", "date")), cells=_definition),
    "RoleBinding": Printer(
        columns=(NAME, column("Role"), AGE, wide("Users"), wide("Groups"), wide("ServiceAccounts")),
        cells=_role_binding,
    ),
    "ClusterRoleBinding": Printer(
        columns=(NAME, column("Role"), AGE, wide("Users"), wide("Groups"), wide("ServiceAccounts")),
        cells=_role_binding,
    ),
    "PriorityClass": Printer(
        columns=(NAME, column("Value", _INT), column("Global-Default", _BOOL), AGE, column("PreemptionPolicy")),
        cells=_priority_class,
    ),
    "RuntimeClass": Printer(columns=(NAME, column("Handler"), AGE), cells=_runtime_class),
    "Lease": Printer(columns=(NAME, column("Holder"), AGE), cells=_lease),
    "Event": Printer(
        columns=(
            column("Last Seen"),
            column("Type"),
            column("Reason"),
            column("Object"),
            wide("Subobject"),
            wide("Source"),
            column("Message"),
            wide("First Seen"),
            wide("Count"),
            wide("Name"),
        ),
        cells=_event,
    ),
    "CSIDriver": Printer(
        columns=(
            NAME,
            column("AttachRequired", _BOOL),
            column("PodInfoOnMount", _BOOL),
            column("StorageCapacity", _BOOL),
            column("TokenRequests"),
            column("RequiresRepublish", _BOOL),
            column("Modes"),
            AGE,
        ),
        cells=_csi_driver,
    ),
    "CSINode": Printer(columns=(NAME, column("Drivers", _INT), AGE), cells=_csi_node),
    "VolumeAttachment": Printer(
        columns=(NAME, column("Attacher"), column("PV"), column("Node"), column("Attached", _BOOL), AGE),
        cells=_attachment,
    ),
    "ValidatingWebhookConfiguration": Printer(columns=(NAME, column("Webhooks", _INT), AGE), cells=_webhooks),
    "MutatingWebhookConfiguration": Printer(columns=(NAME, column("Webhooks", _INT), AGE), cells=_webhooks),
    "CertificateSigningRequest": Printer(
        columns=(
            NAME,
            AGE,
            column("SignerName"),
            column("Requestor"),
            column("RequestedDuration"),
            column("Condition"),
        ),
        cells=_csr,
    ),
    "ResourceClaim": Printer(columns=(NAME, column("State"), AGE), cells=_claim_of_devices),
    "ResourceClaimTemplate": _BASIC,
    "DeviceClass": _BASIC,
    "ResourceSlice": Printer(
        columns=(NAME, column("Node"), column("Driver"), column("Pool"), AGE), cells=_slice_of_devices
    ),
    "ServiceCIDR": Printer(columns=(NAME, column("CIDRs"), AGE), cells=_service_cidr),
    "IPAddress": Printer(columns=(NAME, column("ParentRef")), cells=_address),
    "FlowSchema": Printer(
        columns=(
            NAME,
            column("PriorityLevel"),
            column("MatchingPrecedence"),
            column("DistinguisherMethod"),
            AGE,
            column("MissingPL"),
        ),
        cells=_flow_schema,
    ),
}
