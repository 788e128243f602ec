"""What traces show of services, storage, budgets, quotas and namespaces.

Addresses of pods are arbitrary, and so are the letters of pods with generated names: an address is shown as the owner
of its pod, or as the pod if that has a name of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from kubelogic.cluster import Object
from kubelogic.cluster.edit import metadata
from kubelogic.facts.services import SLICE_MANAGED_BY, SLICE_SERVICE
from tests.support.names import Names

Described = dict[str, Any]


def service(obj: Object, _names: Names) -> Described:
    """A Service; what the API server chose is shown as ``<allocated>``."""
    spec: Mapping[str, Any] = obj.document.get("spec") or {}
    fields = (
        "type",
        "selector",
        "sessionAffinity",
        "internalTrafficPolicy",
        "externalTrafficPolicy",
        "externalName",
        "publishNotReadyAddresses",
    )
    found: Described = {name: spec.get(name) for name in fields}
    address = spec.get("clusterIP")
    found["clusterIP"] = address if address in (None, "None") else "<allocated>"
    found["ports"] = [
        {
            name: "<allocated>" if name == "nodePort" else port[name]
            for name in ("name", "port", "targetPort", "protocol", "nodePort")
            if port.get(name)
        }
        for port in spec.get("ports") or ()
    ]
    return found


def endpoints(obj: Object, _names: Names) -> Described:
    """An Endpoints object."""
    found: Described = {"labels": dict(metadata(obj).get("labels") or {})}
    found["subsets"] = [
        {
            "addresses": [_address(a) for a in subset.get("addresses") or ()],
            "notReady": [_address(a) for a in subset.get("notReadyAddresses") or ()],
            "ports": [{k: p[k] for k in ("name", "port", "protocol") if p.get(k)} for p in subset.get("ports") or ()],
        }
        for subset in obj.document.get("subsets") or ()
    ]
    return found


def _address(address: Mapping[str, Any]) -> str:
    target = address.get("targetRef") or {}
    return str(target.get("name") or address.get("ip"))


def endpoint_slice(obj: Object, _names: Names) -> Described:
    """An EndpointSlice."""
    labels = metadata(obj).get("labels") or {}
    owner = next(iter(metadata(obj).get("ownerReferences") or ()), None)
    return {
        "owner": f"{owner['kind']}/{owner['name']}" if owner else None,
        "addressType": obj.document.get("addressType"),
        "service": labels.get(SLICE_SERVICE),
        "managedBy": labels.get(SLICE_MANAGED_BY),
        "ports": [
            {name: port.get(name) for name in ("name", "port", "protocol")} for port in obj.document.get("ports") or ()
        ],
        "endpoints": [_endpoint(endpoint) for endpoint in obj.document.get("endpoints") or ()],
    }


def _endpoint(endpoint: Mapping[str, Any]) -> Described:
    target = endpoint.get("targetRef") or {}
    found: Described = {"address": target.get("name") or endpoint["addresses"][0], **(endpoint.get("conditions") or {})}
    if endpoint.get("nodeName"):
        found["node"] = endpoint["nodeName"]
    if endpoint.get("hostname"):
        found["hostname"] = endpoint["hostname"]
    return found


def volume(obj: Object, _names: Names) -> Described:
    """A PersistentVolume."""
    spec, status = obj.document.get("spec") or {}, obj.document.get("status") or {}
    return {
        "phase": status.get("phase"),
        "capacity": (spec.get("capacity") or {}).get("storage"),
        "storageClassName": spec.get("storageClassName") or None,
        "accessModes": spec.get("accessModes"),
        "persistentVolumeReclaimPolicy": spec.get("persistentVolumeReclaimPolicy"),
        "claim": (spec.get("claimRef") or {}).get("name"),
    }


def budget(obj: Object, _names: Names) -> Described:
    """A PodDisruptionBudget."""
    spec, status = obj.document.get("spec") or {}, obj.document.get("status") or {}
    counts = ("expectedPods", "currentHealthy", "desiredHealthy", "disruptionsAllowed")
    return {
        "spec": {name: value for name, value in spec.items() if name != "selector"},
        "status": {
            **{name: status.get(name) or 0 for name in counts},
            "disruptedPods": len(status.get("disruptedPods") or ()),
        },
        "conditions": {c["type"]: f"{c['status']}/{c.get('reason') or ''}" for c in status.get("conditions") or ()},
    }


def quota(obj: Object, _names: Names) -> Described:
    """A ResourceQuota."""
    spec, status = obj.document.get("spec") or {}, obj.document.get("status") or {}
    return {"hard": spec.get("hard"), "used": status.get("used")}


def namespace(obj: Object, _names: Names) -> Described:
    """A Namespace."""
    return {"phase": (obj.document.get("status") or {}).get("phase")}


def config_map(obj: Object, _names: Names) -> Described:
    """A ConfigMap."""
    owners = [f"{owner['kind']}/{owner['name']}" for owner in metadata(obj).get("ownerReferences") or ()]
    return {"keys": sorted(obj.document.get("data") or ()), "owners": owners}


def nothing(_obj: Object, _names: Names) -> Described:
    """A kind of which traces show only that it is there."""
    return {}


DESCRIBE = MappingProxyType(
    {
        "Service": service,
        "Endpoints": endpoints,
        "EndpointSlice": endpoint_slice,
        "PersistentVolume": volume,
        "PodDisruptionBudget": budget,
        "ResourceQuota": quota,
        "Namespace": namespace,
        "ConfigMap": config_map,
        "ServiceAccount": nothing,
        "LimitRange": nothing,
    }
)
"""How each kind is described."""


SHOWN_BY_AREA = frozenset({"ConfigMap", "ServiceAccount", "LimitRange", "Namespace"})
"""Kinds that a trace shows only where its area has to do with them."""


def comparable(kind: str, entry: Mapping[str, Any], pods: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """A description in which nothing is left that is arbitrary.

    Args:
        kind: of the described object.
        entry: its description, ours or recorded.
        pods: the descriptions of the pods of the same snapshot, by the name that addresses use.
    """
    if kind == "Endpoints":
        subsets = [
            {
                name: sorted((_stable(a, pods) for a in value), key=repr) if name != "ports" else _sorted_ports(value)
                for name, value in subset.items()
                if value
            }
            for subset in entry.get("subsets") or ()
        ]
        return {**entry, "subsets": sorted(subsets, key=repr)}
    if kind == "EndpointSlice":
        found = [_comparable_endpoint(endpoint, pods) for endpoint in entry.get("endpoints") or ()]
        ports = _sorted_ports(entry.get("ports") or ())
        return {**entry, "ports": ports, "endpoints": sorted(found, key=lambda e: repr(sorted(e.items())))}
    if kind == "Service":
        allocated = [
            {**port, "nodePort": "<allocated>"} if "nodePort" in port else port for port in entry.get("ports") or ()
        ]
        address = entry.get("clusterIP")
        return {
            **entry,
            "clusterIP": address if address in (None, "None") else "<allocated>",
            "ports": allocated,
        }
    return entry


def merged_slices(slices: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Slices of one owner with equal ports as one, with their number: which of them holds a pod is arbitrary."""
    found: dict[str, dict[str, Any]] = {}
    for _, entry in sorted(slices.items()):
        key = repr([(name, entry.get(name)) for name in ("owner", "managedBy", "addressType", "ports", "terminating")])
        merged = found.setdefault(key, {**entry, "endpoints": [], "slices": 0})
        merged["endpoints"] = sorted([*merged["endpoints"], *entry["endpoints"]], key=lambda e: repr(sorted(e.items())))
        merged["slices"] += 1
    return dict(found)


def _sorted_ports(ports: Any) -> list[Any]:
    return sorted(ports, key=lambda port: repr(sorted(port.items(), key=repr)))


def _stable(address: str, pods: Mapping[str, Mapping[str, Any]]) -> str:
    pod = pods.get(address)
    if pod is None or "incarnation" in pod or not pod.get("owner"):
        return address
    return f"a pod of {pod['owner']}"


def _comparable_endpoint(endpoint: Mapping[str, Any], pods: Mapping[str, Mapping[str, Any]]) -> Described:
    shown = _stable(endpoint["address"], pods)
    found = {**endpoint, "address": shown}
    found.pop("node", None)
    return found
