"""Actions on Endpoints and EndpointSlices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kubelogic.apiserver.posting import amend, post
from kubelogic.apiserver.transaction import Transaction, reference
from kubelogic.cluster import Object
from kubelogic.cluster.edit import metadata, uid_of
from kubelogic.facts.services import (
    HEADLESS,
    MANAGED_BY,
    MIRROR_CONTROLLER,
    OWN_LABELS,
    SLICE_CONTROLLER,
    SLICE_MANAGED_BY,
    SLICE_SERVICE,
    is_hinted_by_mode,
    zone_of,
)
from kubelogic.logic import Row, Value
from kubelogic.reconcile import object_actions
from kubelogic.reconcile.refusals import note_own, subject_of

_FLAGS = ("ready", "serving", "terminating")


def write_endpoints(tx: Transaction, action: object_actions.WriteEndpoints) -> None:
    service = tx.get("Service", action.service)
    if service is None:
        return
    labels = _handed_on(service)
    labels[MANAGED_BY] = "endpoint-controller"
    if (service.document.get("spec") or {}).get("clusterIP") == "None":
        labels[HEADLESS] = ""
    order = {
        port.get("name") or "": index
        for index, port in enumerate((service.document.get("spec") or {}).get("ports") or ())
    }
    subsets = _subsets((row for row in action.rows if row[0]), order, tx)
    found = tx.get("Endpoints", action.service)
    if found is None:
        document = {"metadata": {"labels": labels}, "subsets": subsets}
        posted = post(tx, api_version="v1", kind="Endpoints", key=action.service, document=document)
        note_own(tx, posted, subject=subject_of(action))
        return
    if amend(tx, "Endpoints", action.service, [], {"subsets": subsets}):
        amend(tx, "Endpoints", action.service, ["metadata"], {"labels": labels})


def _subsets(rows: Iterable[Row], order: Mapping[str, int], tx: Transaction) -> list[dict[str, Any]]:
    """Addresses grouped by the ports that they all have, as the API server packs them; sorted by ports."""
    ports: dict[tuple[Any, ...], list[tuple[int, str, int, str]]] = {}
    for *address, name, number, protocol in rows:
        ports.setdefault(tuple(address), []).append((order.get(str(name), 0), str(name), int(number), str(protocol)))
    groups: dict[tuple[tuple[int, str, int, str], ...], list[tuple[Any, ...]]] = {}
    for key, found in ports.items():
        groups.setdefault(tuple(sorted(found)), []).append(key)
    return [_subset(group, sorted(groups[group]), tx) for group in sorted(groups)]


def _subset(
    ports: tuple[tuple[int, str, int, str], ...], addresses: list[tuple[Any, ...]], tx: Transaction
) -> dict[str, Any]:
    subset: dict[str, Any] = {}
    for field, state in (("addresses", "ready"), ("notReadyAddresses", "notReady")):
        listed = [_address(address, tx) for address in addresses if address[4] == state]
        if listed:
            subset[field] = listed
    listed_ports = [_port(name, number, protocol) for _, name, number, protocol in ports if number]
    if listed_ports:
        subset["ports"] = listed_ports
    return subset


def _address(address: tuple[Any, ...], tx: Transaction) -> dict[str, Any]:
    ip, pod, node, hostname, _ = address
    return {"ip": ip, **_whose(pod, node, hostname, tx)}


def _whose(pod: Value, node: Value, hostname: Value, tx: Transaction) -> dict[str, Any]:
    """Whose an address is, as far as that is known."""
    found: dict[str, Any] = {}
    if hostname:
        found["hostname"] = hostname
    if node:
        found["nodeName"] = node
    if pod:
        found["targetRef"] = _target(str(pod), tx)
    return found


def _target(pod: str, tx: Transaction) -> dict[str, Any]:
    namespace, _, name = pod.rpartition("/")
    obj = tx.get("Pod", pod)
    target = {"kind": "Pod", "namespace": namespace, "name": name}
    return {**target, "uid": uid_of(obj)} if obj is not None else target


def _port(name: str, number: int, protocol: str) -> dict[str, Any]:
    port: dict[str, Any] = {"port": number, "protocol": protocol}
    return {"name": name, **port} if name else port


def _handed_on(obj: Object) -> dict[str, str]:
    labels = metadata(obj).get("labels") or {}
    return {key: value for key, value in labels.items() if key not in OWN_LABELS}


def write_slice_ports(tx: Transaction, action: object_actions.WriteSlicePorts) -> None:
    _write_ports(tx, action, owner=tx.get("Service", action.service), manager=SLICE_CONTROLLER)


def write_mirror_ports(tx: Transaction, action: object_actions.WriteMirrorPorts) -> None:
    _write_ports(tx, action, owner=tx.get("Endpoints", action.service), manager=MIRROR_CONTROLLER)


def _write_ports(
    tx: Transaction, action: object_actions.WriteSlicePorts, *, owner: Object | None, manager: str
) -> None:
    if owner is None:
        return
    labels = {**_handed_on(owner), SLICE_SERVICE: owner.name, SLICE_MANAGED_BY: manager}
    if manager == SLICE_CONTROLLER and (owner.document.get("spec") or {}).get("clusterIP") == "None":
        labels[HEADLESS] = ""
    ports = [
        {"name": name, "port": number, "protocol": protocol}
        for index, name, number, protocol in sorted(action.rows, key=lambda row: (int(row[0]), str(row[1])))
        if int(index) >= 0
    ]
    found = tx.get("EndpointSlice", action.slice)
    if found is None:
        document = {
            "metadata": {"labels": labels, "ownerReferences": [reference(owner)]},
            "addressType": "IPv4",
            "endpoints": [],
            "ports": ports,
        }
        posted = post(tx, api_version="discovery.k8s.io/v1", kind="EndpointSlice", key=action.slice, document=document)
        note_own(tx, posted, subject=subject_of(action))
        return
    if amend(tx, "EndpointSlice", action.slice, [], {"ports": ports}):
        amend(tx, "EndpointSlice", action.slice, ["metadata"], {"labels": labels})


def write_slice(tx: Transaction, action: object_actions.WriteSlice) -> None:
    """Write the endpoints. Hints by the share of each zone are left to those that have them."""
    found = tx.get("EndpointSlice", action.slice)
    if found is None:
        return
    service = tx.get("Service", action.service)
    kept: Mapping[str, Any] = {}
    if service is not None and is_hinted_by_mode(service):
        before = found.document.get("endpoints") or ()
        kept = {str(each["addresses"][0]): each["hints"] for each in before if each.get("hints")}
    endpoints = [
        _endpoint(row, tx, kept) for row in sorted(action.rows, key=lambda row: (str(row[1]), str(row[0]))) if row[0]
    ]
    address_type = "IPv6" if any(":" in endpoint["addresses"][0] for endpoint in endpoints) else "IPv4"
    amend(tx, "EndpointSlice", action.slice, [], {"addressType": address_type, "endpoints": endpoints})


def _endpoint(row: Row, tx: Transaction, hints: Mapping[str, Any]) -> dict[str, Any]:
    """One endpoint, in the zone of its node. Source: k8s.io/endpointslice, utils.go: podToEndpoint."""
    ip, pod, node, hostname, *flags = row
    conditions = {name: flag == "true" for name, flag in zip(_FLAGS, flags, strict=True) if flag}
    found: dict[str, Any] = {"addresses": [ip], "conditions": conditions, **_whose(pod, node, hostname, tx)}
    at = tx.get("Node", str(node)) if node else None
    if at is not None and (zone := zone_of(at)):
        found["zone"] = zone
    if conditions.get("ready") and str(ip) in hints:
        found["hints"] = hints[str(ip)]
    return found


def write_hints(tx: Transaction, action: object_actions.WriteHints) -> None:
    """Hint the endpoints of a slice for their zones and nodes."""
    found = tx.get("EndpointSlice", action.slice)
    if found is None:
        return
    hints = {str(ip): _hints(str(zone), str(node)) for ip, zone, node in action.rows}
    endpoints = [
        {**each, "hints": hints[each["addresses"][0]]} if each["addresses"][0] in hints else each
        for each in found.document.get("endpoints") or ()
    ]
    amend(tx, "EndpointSlice", action.slice, [], {"endpoints": endpoints})


def _hints(zone: str, node: str) -> dict[str, Any]:
    named = {"forZones": zone, "forNodes": node}
    return {field: [{"name": name}] for field, name in named.items() if name}
