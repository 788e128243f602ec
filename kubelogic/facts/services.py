"""Services, the Endpoints and EndpointSlices that exist for them, and where pods can be reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubelogic.cluster import Object
from kubelogic.facts.alike import Own
from kubelogic.facts.base import Fact, FactModule, reader, whether
from kubelogic.facts.selectors import label_set, map_selector

HEADLESS = "service.kubernetes.io/headless"
MANAGED_BY = "endpoints.kubernetes.io/managed-by"
SLICE_MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
SLICE_SERVICE = "kubernetes.io/service-name"
SKIP_MIRROR = "endpointslice.kubernetes.io/skip-mirror"
SLICE_CONTROLLER = "endpointslice-controller.k8s.io"
MIRROR_CONTROLLER = "endpointslicemirroring-controller.k8s.io"

TOPOLOGY_MODE = "service.kubernetes.io/topology-mode"
TOPOLOGY_HINTS = "service.kubernetes.io/topology-aware-hints"
ZONE_LABEL = "topology.kubernetes.io/zone"
OWN_LABELS = frozenset({HEADLESS, MANAGED_BY, SLICE_MANAGED_BY, SLICE_SERVICE})
"""Labels that the controllers add to those of the Service."""


def copied_labels(labels: Mapping[str, str] | None) -> str:
    """The constant of the labels that a Service hands on to its endpoints: all but the controllers' own."""
    return label_set({key: value for key, value in (labels or {}).items() if key not in OWN_LABELS})


def _metadata(obj: Object) -> Mapping[str, Any]:
    found: Mapping[str, Any] = obj.document.get("metadata") or {}
    return found


def service_facts(obj: Object) -> Iterator[Fact]:
    """The facts of one Service."""
    key = obj.key
    spec: Mapping[str, Any] = obj.document.get("spec") or {}
    kind = spec.get("type") or "ClusterIP"
    yield "service", (key, obj.namespace, kind)
    yield "service_name", (key, obj.name)
    yield "service_labels", (key, copied_labels(_metadata(obj).get("labels")))
    if spec.get("trafficDistribution"):
        yield "service_prefers", (key, str(spec["trafficDistribution"]))
    if is_hinted_by_mode(obj):
        yield "service_hinted_by_mode", (key,)
    if spec.get("selector"):
        selector = map_selector(spec["selector"])
        yield "service_selector", (key, selector)
        yield "selector", (selector,)
    if spec.get("clusterIP") == "None":
        yield "service_headless", (key,)
    elif spec.get("clusterIP"):
        yield "service_address", (key, spec["clusterIP"])
    for each in ((obj.document.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ():
        if each.get("ip") and each.get("ipMode") != "Proxy":
            yield "service_balancer_ip", (key, str(each["ip"]))
        yield "service_balanced", (key,)
    if spec.get("loadBalancerClass"):
        yield "service_of_class", (key, str(spec["loadBalancerClass"]))
    if spec.get("publishNotReadyAddresses"):
        yield "service_publishes_unready", (key,)
    for index, port in enumerate(spec.get("ports") or ()):
        yield "service_port", (key, index, port.get("name") or "", port.get("protocol") or "TCP")
        yield "service_port_number", (key, index, int(port["port"]))
        target = port.get("targetPort") or port["port"]
        if isinstance(target, int):
            yield "service_target_number", (key, index, target)
        else:
            yield "service_target_name", (key, index, target)
        if port.get("nodePort"):
            yield "service_node_port", (key, index, int(port["nodePort"]))


def endpoints_facts(obj: Object) -> Iterator[Fact]:
    """The facts of one Endpoints object; addresses are flattened to one row per address and port."""
    key = obj.key
    labels = _metadata(obj).get("labels") or {}
    yield "endpoints", (key, copied_labels(labels), "yes" if HEADLESS in labels else "no")
    if labels.get(SKIP_MIRROR) == "true":
        yield "endpoints_not_mirrored", (key,)
    for number, subset in enumerate(obj.document.get("subsets") or ()):
        ports = subset.get("ports") or [{}]
        for index, port in enumerate(ports):
            yield (
                "subset_port",
                (key, number, index, port.get("name") or "", int(port.get("port") or 0), _protocol(port)),
            )
        for field, state in (("addresses", "ready"), ("notReadyAddresses", "notReady")):
            for address in subset.get(field) or ():
                target = address.get("targetRef") or {}
                yield (
                    "subset_address",
                    (
                        key,
                        number,
                        address.get("ip") or "",
                        _pod_of(obj, target),
                        address.get("nodeName") or "",
                        address.get("hostname") or "",
                        state,
                    ),
                )


def _protocol(port: Mapping[str, Any]) -> str:
    return str(port.get("protocol") or "TCP") if port else ""


def _pod_of(obj: Object, target: Mapping[str, Any]) -> str:
    """The pod that an address belongs to; the API server takes a reference to one that names none."""
    name = target.get("name") or ""
    return f"{obj.namespace}/{name}" if target.get("kind") == "Pod" and name else ""


def is_hinted_by_mode(obj: Object) -> bool:
    """Whether the annotation of a Service asks for hints by the share of each zone, whatever its spec prefers.

    Source: staging/src/k8s.io/endpointslice/reconciler.go: hintsEnabled.
    """
    annotations = _metadata(obj).get("annotations") or {}
    return annotations.get(TOPOLOGY_HINTS, annotations.get(TOPOLOGY_MODE)) in ("Auto", "auto")


def zone_of(node: Object) -> str:
    """The zone of a node; empty if it says none."""
    return str((_metadata(node).get("labels") or {}).get(ZONE_LABEL) or "")


def zone_facts(obj: Object) -> Sequence[Fact]:
    """The zone of one node."""
    zone = zone_of(obj)
    return (("node_in_zone", (obj.key, zone)),) if zone else ()


def _hint(endpoint: Mapping[str, Any]) -> tuple[str, str]:
    """The zones and nodes that an endpoint is hinted for, as texts."""
    hints = endpoint.get("hints") or {}
    zones, nodes = (",".join(str(each.get("name")) for each in hints.get(f) or ()) for f in ("forZones", "forNodes"))
    return zones, nodes


def slice_facts(obj: Object) -> Iterator[Fact]:
    """The facts of one EndpointSlice."""
    key = obj.key
    labels = _metadata(obj).get("labels") or {}
    service = labels.get(SLICE_SERVICE)
    if not service:
        return
    yield "endpoint_slice", (key, f"{obj.namespace}/{service}", labels.get(SLICE_MANAGED_BY) or "")
    yield "slice_labels", (key, copied_labels(labels))
    for port in obj.document.get("ports") or ():
        yield "slice_port", (key, port.get("name") or "", int(port.get("port") or 0), _protocol(port))
    for endpoint in obj.document.get("endpoints") or ():
        if endpoint.get("hints"):
            yield "slice_hint", (key, (endpoint.get("addresses") or ("",))[0], *_hint(endpoint))
        conditions = endpoint.get("conditions") or {}
        target = endpoint.get("targetRef") or {}
        pod = _pod_of(obj, target)
        yield (
            "slice_endpoint",
            (
                key,
                (endpoint.get("addresses") or ("",))[0],
                pod,
                endpoint.get("nodeName") or "",
                endpoint.get("hostname") or "",
                *(_flag(conditions.get(name)) for name in ("ready", "serving", "terminating")),
            ),
        )


def _flag(value: bool | None) -> str:
    return "" if value is None else str(value).lower()


def port_list(spec: Mapping[str, Any]) -> str:
    """The constant of a pod's named ports: those of containers and sidecars, the first of each name and protocol.

    >>> port_list({"containers": [{"ports": [{"name": "web", "containerPort": 80}, {"containerPort": 9}]}]})
    'web/TCP=80'
    """
    return ",".join(f"{name}/{protocol}={number}" for (name, protocol), number in named_ports(spec).items())


def named_ports(spec: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """The named ports of containers and sidecars, by name and protocol."""
    found: dict[tuple[str, str], int] = {}
    sidecars = [each for each in spec.get("initContainers") or () if each.get("restartPolicy") == "Always"]
    for containers in (spec.get("containers") or (), sidecars):
        for container in containers:
            for port in container.get("ports") or ():
                if port.get("name"):
                    found.setdefault((port["name"], port.get("protocol") or "TCP"), int(port["containerPort"]))
    return found


def address_facts(obj: Object) -> Iterator[Fact]:
    """Where one pod can be reached, if it has an address and has not ended."""
    address = _address(obj)
    if not address or _has_ended(obj):
        return
    spec: Mapping[str, Any] = obj.document.get("spec") or {}
    ports = named_ports(spec)
    constant = port_list(spec) if ports else ""
    yield "pod_address", (obj.key, address, constant)
    for (name, protocol), number in ports.items():
        yield "named_port", (constant, name, protocol, number)
    if spec.get("hostname") and spec.get("subdomain"):
        yield "pod_hostname", (obj.key, spec["hostname"], spec["subdomain"])


def other_address_facts(obj: Object) -> Sequence[Fact]:
    """The addresses of one pod beside the first."""
    others = ((obj.document.get("status") or {}).get("podIPs") or ())[1:]
    if not others or not _address(obj) or _has_ended(obj):
        return ()
    return [("pod_other_address", (obj.key, str(each["ip"]))) for each in others if each.get("ip")]


def _address(pod: Object) -> str:
    return (pod.document.get("status") or {}).get("podIP") or ""


def _has_ended(pod: Object) -> bool:
    return (pod.document.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def network_facts(obj: Object) -> Sequence[Fact]:
    """Whether one pod uses the network of its node."""
    return (("pod_on_host_network", (obj.key,)),) if (obj.document.get("spec") or {}).get("hostNetwork") else ()


_ADDRESS = (
    "spec.containers",
    "spec.hostname",
    "spec.initContainers",
    "spec.subdomain",
    "status.phase",
    "status.podIP",
)

ENDPOINT_FACTS = frozenset(
    {
        "endpoint_slice",
        "endpoints",
        "endpoints_not_mirrored",
        "slice_endpoint",
        "slice_hint",
        "slice_labels",
        "slice_port",
        "subset_address",
        "subset_port",
    }
)
"""The predicates of Endpoints and EndpointSlices."""

ENDPOINTS = FactModule(
    name="endpoints",
    extractors={"Endpoints": endpoints_facts, "EndpointSlice": slice_facts},
    gives=ENDPOINT_FACTS,
)

MODULE = FactModule(
    name="services",
    extractors={
        "Service": service_facts,
        "Node": (reader(zone_facts, "metadata.labels"),),
        "Pod": (
            reader(network_facts, "spec.hostNetwork", only="spec.hostNetwork"),
            reader(
                address_facts,
                *_ADDRESS,
                by=whether("status.podIP", _ADDRESS),
                only="status.podIP",
                own=Own("status.podIP", _address),
            ),
            reader(other_address_facts, "status.phase", "status.podIP", "status.podIPs", only="status.podIPs+"),
        ),
    },
    shared=frozenset({"named_port"}),
)
