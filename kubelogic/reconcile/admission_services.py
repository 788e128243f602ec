"""Addresses and node ports of Services: what the API server hands out and what it refuses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, ip_address
from typing import Any

from kubelogic.cluster import Object
from kubelogic.cluster.edit import with_fields
from kubelogic.reconcile.answers import Answer, invalid
from kubelogic.reconcile.draft import Draft

SERVICE_RANGE = IPv4Network("10.0.0.0/16")
"""Where cluster addresses come from (``--service-cluster-ip-range``)."""

NODE_PORTS = range(30000, 32768)
"""Where node ports come from (``--service-node-port-range``)."""

_STATIC_ADDRESSES = 256
_STATIC_PORTS = 86
"""The lower part of each range is handed out last. Source: KEPs 3070 and 3668."""

_EXPOSED = ("NodePort", "LoadBalancer")
Fault = tuple[str, str]


def admit_service(draft: Draft, service: Object) -> Answer | None:
    """Give a new Service its address and node ports, or refuse those that it asks for."""
    return _allocate(draft, service, _spec(service))


def without_lost_fields(before: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A changed Service without the fields that its old type had and its new one cannot have.

    Source: pkg/registry/core/service, dropTypeDependentFields.
    """
    old: Mapping[str, Any] = before.get("spec") or {}
    spec: dict[str, Any] = dict(document.get("spec") or {})
    address = spec.get("clusterIP")
    if address and address != old.get("clusterIP") and spec.get("clusterIPs") == old.get("clusterIPs"):
        spec["clusterIPs"] = [address]
    was, now = old.get("type"), spec.get("type")
    if was == now:
        return {**document, "spec": spec}
    lost: list[str] = []
    if was in _EXPOSED and now not in _EXPOSED:
        lost.extend(("externalTrafficPolicy", "healthCheckNodePort"))
        spec["ports"] = [_without_node_port(port, old) for port in spec.get("ports") or ()]
    if was == "LoadBalancer":
        lost.extend(("allocateLoadBalancerNodePorts", "loadBalancerClass"))
    if now == "ExternalName":
        lost.extend(("clusterIP", "clusterIPs", "internalTrafficPolicy", "ipFamilies", "ipFamilyPolicy"))
    kept = {name: value for name, value in spec.items() if name not in lost or value != old.get(name)}
    return {**document, "spec": kept}


def admit_service_change(draft: Draft, old: Object, new: Object) -> Answer | None:
    """Keep the address of a Service as it is, and give what a change of type needs."""
    before, after = _spec(old), _spec(new)
    address, wanted = before.get("clusterIP"), after.get("clusterIP")
    if address and "ExternalName" not in (before.get("type"), after.get("type")) and wanted != address:
        if wanted:
            fault = ("spec.clusterIPs[0]", f'Invalid value: ["{wanted}"]: may not change once set')
            return invalid(new, [fault])
        after = with_fields(after, [], {"clusterIP": address, "clusterIPs": before.get("clusterIPs")})
    return _allocate(draft, new, after)


def _without_node_port(port: Mapping[str, Any], before: Mapping[str, Any]) -> Mapping[str, Any]:
    """A port that keeps its old node port through a change of type loses it."""
    kept = {other.get("nodePort") for other in before.get("ports") or ()}
    return with_fields(port, [], {"nodePort": None}) if port.get("nodePort") in kept else port


def _allocate(draft: Draft, service: Object, spec: Mapping[str, Any]) -> Answer | None:
    faults: list[Fault] = []
    fields: dict[str, Any] = {}
    kind = spec.get("type") or "ClusterIP"
    if kind != "ExternalName":
        address = spec.get("clusterIP")
        used = _used_addresses(draft, service)
        if not address:
            address = _free_address(used)
        elif address != "None":
            faults.extend(_address_faults(str(address), used))
        fields.update(clusterIP=address, clusterIPs=[address])
    if kind in _EXPOSED:
        fields["ports"] = _ports(draft, service, spec, faults)
    if faults:
        return invalid(service, faults)
    document = {**service.document, "spec": with_fields(spec, [], fields)}
    draft.put(
        Object(
            api_version=service.api_version,
            kind=service.kind,
            namespace=service.namespace,
            name=service.name,
            document=document,
            origin=service.origin,
        )
    )
    return None


def _address_faults(address: str, used: Iterable[str]) -> list[Fault]:
    listed = f'Invalid value: ["{address}"]: failed to allocate IP {address}: '
    if ip_address(address) not in SERVICE_RANGE:
        return [("spec.clusterIPs", f"{listed}the provided network does not match the current range")]
    if address in used:
        return [("spec.clusterIPs", f"{listed}provided IP is already allocated")]
    return []


def _used_addresses(draft: Draft, service: Object) -> frozenset[str]:
    others = (other for other in _others(draft, service))
    found = {str(address) for other in others for address in [_spec(other).get("clusterIP")] if address}
    return frozenset({*found, str(SERVICE_RANGE[1])})


def _free_address(used: frozenset[str]) -> str:
    first, last = int(SERVICE_RANGE[0]), int(SERVICE_RANGE[-1])
    for numbers in (range(first + _STATIC_ADDRESSES + 1, last), range(first + 1, first + _STATIC_ADDRESSES + 1)):
        for number in numbers:
            address = str(IPv4Address(number))
            if address not in used:
                return address
    return ""


def _ports(draft: Draft, service: Object, spec: Mapping[str, Any], faults: list[Fault]) -> list[Mapping[str, Any]]:
    """The ports with their node ports; what cannot be given is added to ``faults``."""
    used = {
        (port["nodePort"], port.get("protocol") or "TCP")
        for other in _others(draft, service)
        for port in _spec(other).get("ports") or ()
        if port.get("nodePort")
    }
    result: list[Mapping[str, Any]] = []
    automatic = spec.get("allocateLoadBalancerNodePorts", True) or spec.get("type") != "LoadBalancer"
    for index, port in enumerate(spec.get("ports") or ()):
        protocol = port.get("protocol") or "TCP"
        number = port.get("nodePort")
        if number:
            field = f"spec.ports[{index}].nodePort"
            if number not in NODE_PORTS:
                last = f"{NODE_PORTS.start}-{NODE_PORTS.stop - 1}"
                text = "provided port is not in the valid range. The range of valid ports is"
                faults.append((field, f"Invalid value: {number}: {text} {last}"))
            elif (number, protocol) in used:
                faults.append((field, f"Invalid value: {number}: provided port is already allocated"))
        elif automatic:
            number = _free_port({taken for taken, _ in used})
            port = {**port, "nodePort": number}  # noqa: PLW2901
        used.add((number, protocol))
        result.append(port)
    return result


def _free_port(used: set[Any]) -> int:
    upper = range(NODE_PORTS.start + _STATIC_PORTS, NODE_PORTS.stop)
    lower = range(NODE_PORTS.start, NODE_PORTS.start + _STATIC_PORTS)
    return next((number for numbers in (upper, lower) for number in numbers if number not in used), 0)


def _others(draft: Draft, service: Object) -> list[Object]:
    return [other for key, other in draft.state.cluster.objects("Service").items() if key != service.key]


def _spec(obj: Object) -> dict[str, Any]:
    return dict(obj.document.get("spec") or {})
