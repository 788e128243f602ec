"""Addresses and node ports of Services: what the API server hands out and what it refuses."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from ipaddress import ip_address
from typing import Any

import msgspec

from kubelogic.apiserver.allocators.ranges import Ranges, address_of, number_of
from kubelogic.apiserver.answers import Status, invalid
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import with_document, with_fields
from kubelogic.kinds.evidence import is_stored
from kubelogic.kinds.validation import api_words

_EXPOSED = ("NodePort", "LoadBalancer")
_ALLOCATED = "provided {} is already allocated"
_OWN = "default/kubernetes"
"""The key of the API server's own Service."""

_NOWHERE = ("", 0, 0)
"""The place of an object that nobody wrote, or whose place does not matter."""

Fault = tuple[str, str]


class Taken(msgspec.Struct, kw_only=True):
    """Addresses (as numbers) and node ports that Services have."""

    addresses: set[int] = msgspec.field(default_factory=set)
    ports: set[int] = msgspec.field(default_factory=set)

    def add(self, service: Object) -> None:
        """Note what a Service has."""
        spec = service.document.get("spec") or {}
        given = spec.get("clusterIPs") or [spec.get("clusterIP")]
        self.addresses.update(number_of(str(address)) for address in given if address and address != "None")
        self.ports.update(int(port["nodePort"]) for port in spec.get("ports") or () if port.get("nodePort"))
        if spec.get("healthCheckNodePort"):
            self.ports.add(int(spec["healthCheckNodePort"]))


def admit_service(tx: Transaction, service: Object) -> Status | None:
    """Give a new Service its address and node ports, or refuse those that it asks for."""
    return _admit(tx, service, _spec(service))


def address_services(
    cluster: Cluster, ranges: Ranges, *, known: bool = False
) -> tuple[Cluster, tuple[tuple[Object, Status], ...]]:
    """Give the Services of a cluster that was read the addresses and node ports that they lack.

    Those that a cluster made come first, then those that ask for something of their own, as they were written (which is
    how ``kubectl apply`` sends them), then the others, by key.
    What is given is kept, in whatever range, as a dump does not say which the cluster has; where that is known, a new
    Service that asks for an address outside is refused. What another one has is refused.

    Args:
        cluster: as it was read.
        ranges: where what is lacking comes from.
        known: whether these are the ranges of addresses that the cluster has.

    Returns:
        The cluster without the refused ones, and these with the refusals.
    """
    taken = Taken(addresses=_reserved(cluster, ranges))
    changed: list[Object] = []
    refused: list[tuple[Object, Status]] = []
    for service in sorted(cluster.objects("Service").values(), key=_turn):
        spec = _spec(service)
        is_judged = known and not is_stored(service.document)
        given_out = _Allocation(ranges=ranges, taken=taken, are_known=is_judged)
        fields = given_out.fields(spec)
        refusal = given_out.refusal(service)
        if refusal is not None:
            refused.append((service, refusal))
            continue
        given = service
        if any(spec.get(name) != value for name, value in fields.items()):
            given = _with_spec(service, with_fields(spec, [], fields))
            changed.append(given)
        taken.add(given)
    return cluster.replacing(changed, without=[(each.kind, each.key) for each, _ in refused]), tuple(refused)


def _reserved(cluster: Cluster, ranges: Ranges) -> set[int]:
    """The address of the API server's own Service, unless that says where it is or a cluster gave it to another."""
    own = cluster.get("Service", _OWN)
    if own is not None and (own.document.get("spec") or {}).get("clusterIP"):
        return set()
    given = Taken()
    for each in cluster.objects("Service").values():
        if (each.document.get("metadata") or {}).get("uid"):
            given.add(each)
    return {number_of(str(ranges.services[0][1]))} - given.addresses


def _turn(service: Object) -> tuple[int, tuple[str, int, int], str]:
    """Whose turn it is: of two that ask for the same the first that was written has it."""
    if (service.document.get("metadata") or {}).get("uid"):
        return 0, _NOWHERE, service.key
    taken = Taken()
    taken.add(service)
    if not (taken.addresses or taken.ports):
        return 2, _NOWHERE, service.key
    return 1, service.origin.order if service.origin is not None else _NOWHERE, service.key


def without_lost_fields(before: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A changed Service without the fields that its old type had and its new one cannot have.

    Whoever asks for a single stack gives the second address and family back by that alone.

    Source: pkg/registry/core/service, dropTypeDependentFields; storage/alloc.go, initIPFamilyFields.
    """
    old: Mapping[str, Any] = before.get("spec") or {}
    spec: dict[str, Any] = dict(document.get("spec") or {})
    address = spec.get("clusterIP")
    if address and address != old.get("clusterIP") and spec.get("clusterIPs") == old.get("clusterIPs"):
        spec["clusterIPs"] = [address]
    if spec.get("ipFamilyPolicy") == "SingleStack":
        second = [name for name in ("clusterIPs", "ipFamilies") if spec.get(name) and spec[name] == old.get(name)]
        spec |= {name: spec[name][:1] for name in second}
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
    if faults := _fixed(before, after):
        return invalid(new, faults)
    address, wanted = before.get("clusterIP"), after.get("clusterIP")
    if address and "ExternalName" not in (before.get("type"), after.get("type")) and wanted != address:
        if wanted:
            fault = ("spec.clusterIPs[0]", f'Invalid value: ["{wanted}"]: may not change once set')
            return invalid(new, [fault])
        after = with_fields(after, [], {"clusterIP": address, "clusterIPs": before.get("clusterIPs")})
    return _admit(tx, new, after, before=old)


def _fixed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What stays as it is while a Service is a load balancer.

    Source: pkg/apis/core/validation/validation.go, validateLoadBalancerClassField; pkg/registry/core/service/storage/
    alloc.go, healthCheckNodePortUpdate.
    """
    if {before.get("type"), after.get("type")} != {"LoadBalancer"}:
        return []
    known, wanted = before.get("loadBalancerClass"), after.get("loadBalancerClass")
    if known != wanted:
        return [("spec.loadBalancerClass", api_words.invalid(wanted, "may not change once set")[0])]
    port, other = before.get("healthCheckNodePort"), after.get("healthCheckNodePort")
    local = {before.get("externalTrafficPolicy"), after.get("externalTrafficPolicy")} == {"Local"}
    if local and port and other and other != port:
        words = "cannot change healthCheckNodePort on loadBalancer service with externalTraffic=Local during update"
        return [("spec.healthCheckNodePort", api_words.invalid(other, words)[0])]
    return []


def _without_node_port(port: Mapping[str, Any], before: Mapping[str, Any]) -> Mapping[str, Any]:
    """A port that keeps its old node port through a change of type loses it."""
    kept = {other.get("nodePort") for other in before.get("ports") or ()}
    return with_fields(port, [], {"nodePort": None}) if port.get("nodePort") in kept else port


def _admit(tx: Transaction, service: Object, spec: Mapping[str, Any], *, before: Object | None = None) -> Status | None:
    """Allocate what a Service lacks and asks for. What it had ``before`` it keeps, in whatever range that is."""
    ranges = Ranges.of(tx)
    is_own = service.key == _OWN
    taken = Taken(addresses=set() if is_own else _reserved(tx.state.cluster, ranges))
    for key, other in tx.state.cluster.objects("Service").items():
        if key != service.key:
            taken.add(other)
    own = Taken()
    if before is not None:
        own.add(before)
    given_out = _Allocation(ranges=ranges, taken=taken, own=own)
    fields = given_out.fields(spec)
    refusal = given_out.refusal(service)
    if refusal is None:
        tx.put(_with_spec(service, with_fields(spec, [], fields)))
    return refusal


class _Allocation(msgspec.Struct, kw_only=True):
    """What one Service gets.

    Attributes:
        ranges: where addresses and ports come from.
        taken: what other Services have.
        own: what the Service has already; None where the ranges of the cluster are not known, so that nothing that is
            asked for can be outside of them.
        are_known: whether those of addresses are known nevertheless.
        failure: why it cannot have what it needs: what is wrong with a field, or an internal error. The API server
            allocates one after the other, addresses first, and ends at the first that fails.
    """

    ranges: Ranges
    taken: Taken
    own: Taken | None = None
    are_known: bool = False
    failure: Fault | str | None = None

    def refusal(self, service: Object) -> Status | None:
        """The API server's answer, if the Service cannot have what it needs."""
        if isinstance(self.failure, str):
            return Status(status=500, reason="InternalError", message=f"Internal error occurred: {self.failure}")
        return invalid(service, [self.failure]) if self.failure is not None else None

    def _fail(self, failure: Fault | str) -> None:
        """Note the first failure."""
        if self.failure is None:
            self.failure = failure

    def fields(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """The fields that the API server fills in."""
        fields: dict[str, Any] = {}
        kind = spec.get("type") or "ClusterIP"
        if kind != "ExternalName":
            fields.update(self._addresses(spec))
        if kind in _EXPOSED:
            used = set(self.taken.ports)
            fields["ports"] = self._ports(spec, used)
            if kind == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local":
                fields["healthCheckNodePort"] = self._health_check_port(spec, used)
        return fields

    def _addresses(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """One address for each family. Source: pkg/registry/core/service/storage/alloc.go, allocClusterIPs."""
        first = spec.get("clusterIP")
        if first == "None":
            return {"clusterIP": first, "clusterIPs": spec.get("clusterIPs") or [first]}
        present = [str(each) for each in spec.get("clusterIPs") or ([first] if first else [])]
        for address in present:
            if wrong := self._wrong_address(address):
                listed = ",".join(f'"{each}"' for each in present)
                self._fail(("spec.clusterIPs", f"Invalid value: [{listed}]: failed to allocate IP {address}: {wrong}"))
        families = list(spec.get("ipFamilies") or (["IPv6" if ":" in each else "IPv4" for each in present] or ["IPv4"]))
        if spec.get("ipFamilyPolicy") in ("PreferDualStack", "RequireDualStack") and self.ranges.are_dual:
            families += [family for family in ("IPv4", "IPv6") if family not in families]
        given = [*present, *(self._free_address(family) for family in families[len(present) :])]
        fields: dict[str, Any] = {"clusterIP": given[0], "clusterIPs": given}
        if spec.get("ipFamilies") and list(spec["ipFamilies"]) != families:
            fields["ipFamilies"] = families
        return fields

    def _wrong_address(self, address: str) -> str:
        """Why the Service cannot have an address; empty if it can."""
        if self.own is not None and number_of(address) in self.own.addresses:
            return ""
        is_judged = self.are_known or self.own is not None
        if is_judged and not any(ip_address(address) in each for each in self.ranges.every):
            return "the provided network does not match the current range"
        return _ALLOCATED.format("IP") if number_of(address) in self.taken.addresses else ""

    def _free_address(self, family: str) -> str:
        for candidate in self.ranges.addresses(family):
            if candidate not in self.taken.addresses:
                return address_of(candidate)
        self._fail("failed to allocate a serviceIP: range is full")
        return ""

    def _ports(self, spec: Mapping[str, Any], used: set[int]) -> list[Mapping[str, Any]]:
        """The ports with their node ports. Ports of one number and several protocols share one.

        Source: pkg/registry/core/service/storage/alloc.go, initNodePorts.
        """
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
                number = (
                    shared.get(port.get("port")) or asked.get(port.get("port")) or self._free_port("nodePort", used)
                )
            if number and number not in own and (wrong := self._wrong_port(number, used)):
                self._fail((f"spec.ports[{index}].nodePort", f"Invalid value: {number}: {wrong}"))
            if number:
                own.add(number)
                used.add(number)
                shared.setdefault(port.get("port"), number)
            result.append({**port, "nodePort": number} if number else port)
        return result

    def _health_check_port(self, spec: Mapping[str, Any], used: Collection[int]) -> int:
        """Source: pkg/registry/core/service/storage/alloc.go, allocHealthCheckNodePort."""
        asked = int(spec.get("healthCheckNodePort") or 0)
        if not asked:
            return self._free_port("HealthCheck NodePort 0", used)
        if wrong := self._wrong_port(asked, used):
            self._fail(f"failed to allocate requested HealthCheck NodePort {asked}: {wrong}")
        return asked

    def _wrong_port(self, number: int, used: Collection[int]) -> str:
        """Why the Service cannot have a port of nodes; empty if it can."""
        if self.own is not None and number in self.own.ports:
            return ""
        ports = self.ranges.node_ports
        if self.own is not None and number not in ports:
            last = f"{ports.start}-{ports.stop - 1}"
            return f"provided port is not in the valid range. The range of valid ports is {last}"
        return _ALLOCATED.format("port") if number in used else ""

    def _free_port(self, what: str, used: Collection[int]) -> int:
        found = next((number for number in self.ranges.free_ports() if number not in used), 0)
        if not found:
            self._fail(f"failed to allocate a {what}: range is full")
        return found


def _with_spec(service: Object, spec: Mapping[str, Any]) -> Object:
    return with_document(service, {**service.document, "spec": spec})


def _spec(obj: Object) -> dict[str, Any]:
    return dict(obj.document.get("spec") or {})
