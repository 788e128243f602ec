"""Addresses and node ports of Services: what the API server hands out and what it refuses."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, ip_address
from typing import Any

from kubelogic.apiserver.answers import Status, invalid
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import with_document, with_fields

SERVICE_RANGE = IPv4Network("10.0.0.0/16")
"""Where cluster addresses come from (``--service-cluster-ip-range``)."""

NODE_PORTS = range(30000, 32768)
"""Where node ports come from (``--service-node-port-range``)."""

_STATIC_ADDRESSES = 256
_STATIC_PORTS = 86
"""The lower part of each range is handed out last. Source: KEPs 3070 and 3668."""

_EXPOSED = ("NodePort", "LoadBalancer")
Fault = tuple[str, str]


@dataclass(slots=True, kw_only=True)
class Taken:
    """Addresses (IPv4 as numbers) and node ports that Services have."""

    addresses: set[int | str] = field(default_factory=set)
    ports: set[int] = field(default_factory=set)

    def add(self, service: Object) -> None:
        """Note what a Service has."""
        spec = service.document.get("spec") or {}
        given = spec.get("clusterIPs") or [spec.get("clusterIP")]
        self.addresses.update(_number(str(address)) for address in given if address and address != "None")
        self.ports.update(int(port["nodePort"]) for port in spec.get("ports") or () if port.get("nodePort"))
        if spec.get("healthCheckNodePort"):
            self.ports.add(int(spec["healthCheckNodePort"]))


def admit_service(tx: Transaction, service: Object) -> Status | None:
    """Give a new Service its address and node ports, or refuse those that it asks for."""
    return _admit(tx, service, _spec(service))


def address_services(cluster: Cluster) -> tuple[Cluster, tuple[tuple[Object, Status], ...]]:
    """Give the Services of a cluster that was read the addresses and node ports that they lack.

    Those that a cluster made come first, then those that ask for something of their own, then the others, each by key.
    What is given is kept, in whatever range: the ranges of the cluster are not known. What another one has is refused.

    Returns:
        The cluster without the refused ones, and these with the refusals.
    """
    taken = Taken(addresses=_reserved(cluster))
    changed: list[Object] = []
    refused: list[tuple[Object, Status]] = []
    for service in sorted(cluster.objects("Service").values(), key=lambda each: (_claims(each), each.key)):
        spec = _spec(service)
        faults: list[Fault] = []
        fields = _allocated(spec, taken, faults, ranges=None)
        if faults:
            refused.append((service, invalid(service, faults)))
            continue
        given = service
        if any(spec.get(name) != value for name, value in fields.items()):
            given = _with_spec(service, with_fields(spec, [], fields))
            changed.append(given)
        taken.add(given)
    return cluster.replacing(changed, without=[(each.kind, each.key) for each, _ in refused]), tuple(refused)


def _reserved(cluster: Cluster) -> set[int | str]:
    """The address of the API server's own Service, unless that is there and says where it is."""
    own = cluster.get("Service", "default/kubernetes")
    given = own is not None and (own.document.get("spec") or {}).get("clusterIP")
    return set() if given else {int(SERVICE_RANGE[1])}


def _claims(service: Object) -> int:
    if (service.document.get("metadata") or {}).get("uid"):
        return 0
    taken = Taken()
    taken.add(service)
    return 1 if taken.addresses or taken.ports else 2


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


def admit_service_change(tx: Transaction, old: Object, new: Object) -> Status | None:
    """Keep the address of a Service as it is, and give what a change of type needs."""
    before, after = _spec(old), _spec(new)
    address, wanted = before.get("clusterIP"), after.get("clusterIP")
    if address and "ExternalName" not in (before.get("type"), after.get("type")) and wanted != address:
        if wanted:
            fault = ("spec.clusterIPs[0]", f'Invalid value: ["{wanted}"]: may not change once set')
            return invalid(new, [fault])
        after = with_fields(after, [], {"clusterIP": address, "clusterIPs": before.get("clusterIPs")})
    return _admit(tx, new, after, before=old)


def _without_node_port(port: Mapping[str, Any], before: Mapping[str, Any]) -> Mapping[str, Any]:
    """A port that keeps its old node port through a change of type loses it."""
    kept = {other.get("nodePort") for other in before.get("ports") or ()}
    return with_fields(port, [], {"nodePort": None}) if port.get("nodePort") in kept else port


def _admit(tx: Transaction, service: Object, spec: Mapping[str, Any], *, before: Object | None = None) -> Status | None:
    """Allocate what a Service lacks and asks for. What it had ``before`` it keeps, in whatever range that is."""
    taken = Taken(addresses=_reserved(tx.state.cluster))
    for key, other in tx.state.cluster.objects("Service").items():
        if key != service.key:
            taken.add(other)
    faults: list[Fault] = []
    own = Taken()
    if before is not None:
        own.add(before)
    ranges = _Ranges(addresses=SERVICE_RANGE, ports=NODE_PORTS, own=own)
    fields = _allocated(spec, taken, faults, ranges=ranges)
    if faults:
        return invalid(service, faults)
    tx.put(_with_spec(service, with_fields(spec, [], fields)))
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ranges:
    """What a Service may ask for itself: what the ranges have, and what it has already."""

    addresses: IPv4Network
    ports: range
    own: Taken


def _allocated(spec: Mapping[str, Any], taken: Taken, faults: list[Fault], *, ranges: _Ranges | None) -> dict[str, Any]:
    """The fields that the API server fills in; what it cannot give is added to ``faults``."""
    fields: dict[str, Any] = {}
    kind = spec.get("type") or "ClusterIP"
    if kind != "ExternalName":
        address = spec.get("clusterIP")
        if not address:
            address = _free_address(taken.addresses)
            fields.update(clusterIP=address, clusterIPs=[address])
        else:
            if address != "None":
                faults.extend(_address_faults(str(address), taken.addresses, ranges))
            fields.update(clusterIP=address, clusterIPs=spec.get("clusterIPs") or [address])
    if kind in _EXPOSED:
        used = set(taken.ports)
        fields["ports"] = _ports(spec, used, faults, ranges)
        if kind == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local":
            fields["healthCheckNodePort"] = spec.get("healthCheckNodePort") or _free_port(used)
    return fields


def _address_faults(address: str, used: Collection[int | str], ranges: _Ranges | None) -> list[Fault]:
    listed = f'Invalid value: ["{address}"]: failed to allocate IP {address}: '
    if ranges is not None and _number(address) in ranges.own.addresses:
        return []
    if ranges is not None and ip_address(address) not in ranges.addresses:
        return [("spec.clusterIPs", f"{listed}the provided network does not match the current range")]
    if _number(address) in used:
        return [("spec.clusterIPs", f"{listed}provided IP is already allocated")]
    return []


def _number(address: str) -> int | str:
    return address if ":" in address else int(IPv4Address(address))


def _free_address(used: Collection[int | str]) -> str:
    first, last = int(SERVICE_RANGE[0]), int(SERVICE_RANGE[-1])
    for numbers in (range(first + _STATIC_ADDRESSES + 1, last), range(first + 1, first + _STATIC_ADDRESSES + 1)):
        for number in numbers:
            if number not in used:
                return str(IPv4Address(number))
    return ""


def _ports(
    spec: Mapping[str, Any], used: set[int], faults: list[Fault], ranges: _Ranges | None
) -> list[Mapping[str, Any]]:
    """The ports with their node ports. Ports of one number and several protocols share one. Source: initNodePorts."""
    automatic = spec.get("allocateLoadBalancerNodePorts", True) or spec.get("type") != "LoadBalancer"
    wanted = spec.get("ports") or ()
    asked: dict[Any, int] = {}
    for port in wanted:
        if port.get("nodePort"):
            asked.setdefault(port.get("port"), int(port["nodePort"]))
    own: set[int] = set()
    shared: dict[Any, int] = {}
    result: list[Mapping[str, Any]] = []
    for index, port in enumerate(wanted):
        number = int(port.get("nodePort") or 0)
        if not number and automatic:
            number = shared.get(port.get("port")) or asked.get(port.get("port")) or _free_port(used)
        if number and number not in own:
            faults.extend(_port_faults(index, number, used, ranges))
        if number:
            own.add(number)
            used.add(number)
            shared.setdefault(port.get("port"), number)
        result.append({**port, "nodePort": number} if number else port)
    return result


def _port_faults(index: int, number: int, used: Collection[int], ranges: _Ranges | None) -> list[Fault]:
    name = f"spec.ports[{index}].nodePort"
    if ranges is not None and number in ranges.own.ports:
        return []
    if ranges is not None and number not in ranges.ports:
        last = f"{ranges.ports.start}-{ranges.ports.stop - 1}"
        text = "provided port is not in the valid range. The range of valid ports is"
        return [(name, f"Invalid value: {number}: {text} {last}")]
    return [(name, f"Invalid value: {number}: provided port is already allocated")] if number in used else []


def _free_port(used: Collection[int]) -> int:
    upper = range(NODE_PORTS.start + _STATIC_PORTS, NODE_PORTS.stop)
    lower = range(NODE_PORTS.start, NODE_PORTS.start + _STATIC_PORTS)
    return next((number for numbers in (upper, lower) for number in numbers if number not in used), 0)


def _with_spec(service: Object, spec: Mapping[str, Any]) -> Object:
    return with_document(service, {**service.document, "spec": spec})


def _spec(obj: Object) -> dict[str, Any]:
    return dict(obj.document.get("spec") or {})
