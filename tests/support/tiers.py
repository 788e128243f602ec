"""Policies of the whole cluster at random, and a walk of one packet through all tiers, apart from the rules."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from tests.support import packets
from tests.support.packets import BLOCKS, PORTS, Document, Walk, chosen

NODES = ("n1", "n2")
ADDRESSES: Mapping[str, str] = {"n1": "192.0.2.101", "n2": "192.0.2.102"}


def documents(seed: int) -> list[Document]:
    """A cluster of ``packets`` with nodes, and policies of the whole cluster in three kinds."""
    rng = random.Random(seed + 1_000_000)
    found = packets.documents(seed)
    for each in found:
        if each["kind"] == "Pod" and each["spec"].get("hostNetwork"):
            each["status"]["podIP"] = ADDRESSES[each["spec"]["nodeName"]]
    for name in NODES:
        found.append(
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": name, "labels": packets.labels(rng)},
                "status": {"addresses": [{"type": "InternalIP", "address": ADDRESSES[name]}]},
            }
        )
    found += [_policy(rng, number) for number in range(rng.randint(0, 3))]
    if rng.random() < 0.5:
        found.append(_baseline(rng))
    return found


def _policy(rng: random.Random, number: int) -> Document:
    new = rng.random() < 0.5
    spec = _rules(rng, new=new, actions=["Accept" if new else "Allow", "Deny", "Pass"])
    spec["priority"] = rng.choice([0, 5, 5, 9])
    if new:
        spec["tier"] = rng.choice(["Admin", "Admin", "Baseline"])
    kind, version = ("ClusterNetworkPolicy", "v1alpha2") if new else ("AdminNetworkPolicy", "v1alpha1")
    return _named(kind, version, f"c{number}", spec)


def _baseline(rng: random.Random) -> Document:
    return _named(
        "BaselineAdminNetworkPolicy", "v1alpha1", "default", _rules(rng, new=False, actions=["Allow", "Deny"])
    )


def _named(kind: str, version: str, name: str, spec: Document) -> Document:
    return {"apiVersion": f"policy.networking.k8s.io/{version}", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _rules(rng: random.Random, *, new: bool, actions: Sequence[str]) -> Document:
    found: Document = {"subject": _pods(rng)}
    for field, peers in (("ingress", "from"), ("egress", "to")):
        if rng.random() < 0.7:
            found[field] = [
                {
                    "action": rng.choice(actions),
                    peers: [_peer(rng, outside=peers == "to") for _ in range(rng.randint(1, 2))],
                    **_ports(rng, new=new),
                }
                for _ in range(rng.randint(1, 2))
            ]
    return found


def _pods(rng: random.Random) -> Document:
    if rng.random() < 0.4:
        return {"namespaces": packets.selector(rng)}
    return {"pods": {"namespaceSelector": packets.selector(rng), "podSelector": packets.selector(rng)}}


def _peer(rng: random.Random, *, outside: bool) -> Document:
    kind = rng.random()
    if outside and kind < 0.3:
        return {"networks": rng.sample(BLOCKS, rng.randint(1, 2))}
    if outside and kind < 0.45:
        return {"nodes": packets.selector(rng)}
    return _pods(rng)


def _ports(rng: random.Random, *, new: bool) -> Document:
    if rng.random() < 0.4:
        return {}
    return {"protocols" if new else "ports": [(_protocol if new else _port)(rng) for _ in range(rng.randint(1, 2))]}


def _port(rng: random.Random) -> Document:
    kind, first = rng.random(), rng.choice(PORTS)
    protocol = rng.choice(["TCP", "TCP", "UDP"])
    if kind < 0.4:
        return {"portNumber": {"port": first, "protocol": protocol}}
    if kind < 0.7:
        return {"portRange": {"start": first, "end": first + rng.choice([1, 100, 8000]), "protocol": protocol}}
    return {"namedPort": rng.choice(["web", "admin"])}


def _protocol(rng: random.Random) -> Document:
    kind, first = rng.random(), rng.choice(PORTS)
    protocol = rng.choice(["tcp", "tcp", "udp"])
    if kind < 0.4:
        return {protocol: {"destinationPort": {"number": first}}}
    if kind < 0.7:
        return {protocol: {"destinationPort": {"range": {"start": first, "end": first + rng.choice([1, 100, 8000])}}}}
    return {"destinationNamedPort": rng.choice(["web", "admin"])}


class TieredWalk(Walk):
    """Passes single packets through all tiers. Where policies of one priority disagree, each may be heeded."""

    def __init__(self, found: Sequence[Document]) -> None:
        super().__init__(found)
        self._nodes = {
            each["status"]["addresses"][0]["address"]: each["metadata"].get("labels", {})
            for each in found
            if each["kind"] == "Node"
        }
        kinds = ("AdminNetworkPolicy", "BaselineAdminNetworkPolicy", "ClusterNetworkPolicy")
        self._tiers: dict[str, list[Document]] = {"Admin": [], "Baseline": []}
        for each in found:
            if each["kind"] in kinds:
                baseline = each["kind"].startswith("Base") or each["spec"].get("tier") == "Baseline"
                self._tiers["Baseline" if baseline else "Admin"].append(each)

    def outcomes(self, source: Any, target: Any, protocol: str, number: int) -> set[bool]:
        """Whether a packet may arrive; both answers if that hangs on the plugin. An end is a pod or an address."""
        if isinstance(source, dict) and isinstance(target, dict):
            if source is target:
                return {True}
            if source["spec"].get("hostNetwork") and source["spec"]["nodeName"] == target["spec"]["nodeName"]:
                return {True}
        passes = {True}
        port = (target if isinstance(target, dict) else None, protocol, number)
        if isinstance(source, dict):
            passes = self._tiers_pass("Egress", source, target, port)
        if isinstance(target, dict):
            into = self._tiers_pass("Ingress", target, source, port)
            passes = {out and in_ for out in passes for in_ in into}
        return passes

    def _tiers_pass(
        self, direction: str, mine: Document, other: Any, port: tuple[Document | None, str, int]
    ) -> set[bool]:
        pod = other if isinstance(other, dict) else None
        address = str(other["status"]["podIP"]) if pod is not None else other
        found: set[bool] = set()
        for action in self._said("Admin", direction, mine, (pod, address), port) or {"Pass"}:
            if action != "Pass":
                found.add(action != "Deny")
            elif any(self._governs(each, direction, mine) for each in self._policies):
                found.add(self._passes(direction, mine, pod, (address, *port)))
            else:
                said = self._said("Baseline", direction, mine, (pod, address), port) or {"Pass"}
                found |= {each != "Deny" for each in said}
        return found

    def _said(
        self, tier: str, direction: str, mine: Document, other: tuple[Document | None, str], port: tuple[Any, str, int]
    ) -> set[str]:
        """What the policies of the smallest priority that have a rule for it say."""
        if mine["spec"].get("hostNetwork"):
            return set()
        rules, peers = ("ingress", "from") if direction == "Ingress" else ("egress", "to")
        by_priority: dict[int, set[str]] = {}
        for policy in self._tiers[tier]:
            spec = policy["spec"]
            if not self._means(spec["subject"], mine):
                continue
            for rule in spec.get(rules, ()):
                if any(self._is_peer(each, *other) for each in rule[peers]) and _for_port(rule, *port):
                    by_priority.setdefault(spec.get("priority", 0), set()).add(
                        rule["action"].replace("Allow", "Accept")
                    )
                    break
        return by_priority[min(by_priority)] if by_priority else set()

    def _means(self, field: Document, pod: Document) -> bool:
        if pod["spec"].get("hostNetwork"):
            return False
        space = pod["metadata"]["namespace"]
        having = {**self._spaces.get(space, {}), "kubernetes.io/metadata.name": space}
        if "namespaces" in field:
            return chosen(field["namespaces"], having)
        pods = field["pods"]
        return chosen(pods["namespaceSelector"], having) and chosen(pods["podSelector"], pod["metadata"]["labels"])

    def _is_peer(self, field: Document, pod: Document | None, address: str) -> bool:
        if "networks" in field:
            return any(ip_address(address) in ip_network(each) for each in field["networks"])
        if "nodes" in field:
            return address in self._nodes and chosen(field["nodes"], self._nodes[address])
        return pod is not None and self._means(field, pod)


def _for_port(rule: Document, receiver: Document | None, protocol: str, number: int) -> bool:
    wanted = [*rule.get("ports", ()), *rule.get("protocols", ())]
    return not wanted or any(_is_port(each, receiver, protocol, number) for each in wanted)


def _is_port(wanted: Document, receiver: Document | None, protocol: str, number: int) -> bool:
    name = wanted.get("namedPort") or wanted.get("destinationNamedPort")
    if name:
        ports = receiver["spec"]["containers"][0]["ports"] if receiver is not None else ()
        return any(
            (each["name"], each["containerPort"], each["protocol"]) == (name, number, protocol) for each in ports
        )
    ranges = list(_ranges(wanted))
    return any(spoken == protocol and first <= number <= last for spoken, first, last in ranges)


def _ranges(wanted: Document) -> Iterator[tuple[str, int, int]]:
    if "portNumber" in wanted:
        yield wanted["portNumber"]["protocol"], wanted["portNumber"]["port"], wanted["portNumber"]["port"]
    if "portRange" in wanted:
        yield wanted["portRange"]["protocol"], wanted["portRange"]["start"], wanted["portRange"]["end"]
    for protocol in ("tcp", "udp"):
        if protocol in wanted:
            port = wanted[protocol]["destinationPort"]
            several = port.get("range") or {"start": port.get("number"), "end": port.get("number")}
            yield protocol.upper(), several["start"], several["end"]


def addresses() -> Iterator[str]:
    """One address of each part into which blocks and nodes divide all addresses."""
    yield from (*packets.addresses(), *ADDRESSES.values())
