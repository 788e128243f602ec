"""Clusters with NetworkPolicies at random, and a walk of one packet that shares no code with the rules."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from kubelogic.cluster import Cluster, Object

Document = dict[str, Any]

KEYS = ("app", "tier", "zone")
VALUES = ("a", "b")
SPACES = ("blue", "green")
PORTS = (80, 443, 8080, 9000)
BLOCKS = ("10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "192.0.2.0/24", "0.0.0.0/0")


def labels(rng: random.Random) -> dict[str, str]:
    return {key: rng.choice(VALUES) for key in KEYS if rng.random() < 0.6}


def selector(rng: random.Random) -> Document:
    kind = rng.random()
    if kind < 0.2:
        return {}
    if kind < 0.7:
        return {"matchLabels": {rng.choice(KEYS): rng.choice(VALUES)}}
    operator = rng.choice(["In", "NotIn", "Exists", "DoesNotExist"])
    expression: Document = {"key": rng.choice(KEYS), "operator": operator}
    if operator in ("In", "NotIn"):
        expression["values"] = sorted(rng.sample(VALUES, rng.randint(1, 2)))
    return {"matchExpressions": [expression]}


def peer(rng: random.Random) -> Document:
    kind = rng.random()
    if kind < 0.35:
        return {"podSelector": selector(rng)}
    if kind < 0.5:
        return {"namespaceSelector": selector(rng)}
    if kind < 0.7:
        return {"namespaceSelector": selector(rng), "podSelector": selector(rng)}
    cidr = rng.choice(BLOCKS)
    inner = [each for each in BLOCKS if each != cidr and ip_network(each).subnet_of(ip_network(cidr))]  # type: ignore[arg-type]
    found: Document = {"cidr": cidr}
    if inner and rng.random() < 0.5:
        found["except"] = [rng.choice(inner)]
    return {"ipBlock": found}


def port(rng: random.Random) -> Document:
    kind = rng.random()
    if kind < 0.2:
        return {"protocol": rng.choice(["TCP", "UDP"])}
    if kind < 0.5:
        return {"port": rng.choice(["web", "admin"]), "protocol": "TCP"}
    first = rng.choice(PORTS)
    found: Document = {"port": first, "protocol": rng.choice(["TCP", "TCP", "UDP"])}
    if rng.random() < 0.3:
        found["endPort"] = first + rng.choice([0, 100, 8000])
    return found


def rule(rng: random.Random, peers: str) -> Document:
    found: Document = {}
    if rng.random() < 0.85:
        found[peers] = [peer(rng) for _ in range(rng.randint(1, 2))]
    if rng.random() < 0.7:
        found["ports"] = [port(rng) for _ in range(rng.randint(1, 2))]
    return found


def policy(rng: random.Random, name: str) -> Document:
    spec: Document = {"podSelector": selector(rng)}
    if rng.random() < 0.7:
        spec["ingress"] = [rule(rng, "from") for _ in range(rng.randint(0, 2))]
    if rng.random() < 0.5:
        spec["egress"] = [rule(rng, "to") for _ in range(rng.randint(0, 2))]
    if rng.random() < 0.3:
        spec["policyTypes"] = rng.choice([["Ingress"], ["Egress"], ["Ingress", "Egress"]])
    space = rng.choice(SPACES)
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": space},
        "spec": spec,
    }


def pod(rng: random.Random, number: int) -> Document:
    ports = [
        {"name": name, "containerPort": rng.choice(PORTS), "protocol": "TCP"}
        for name in ("web", "admin")
        if rng.random() < 0.5
    ]
    host = rng.random() < 0.15
    address = f"192.0.2.{number + 1}" if host else f"10.{rng.choice((1, 1, 2))}.{rng.choice((2, 3))}.{number + 1}"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"p{number}", "namespace": rng.choice(SPACES), "labels": labels(rng)},
        "spec": {
            "nodeName": rng.choice(["n1", "n2"]),
            "containers": [{"name": "c", "image": "i", "ports": ports}],
            **({"hostNetwork": True} if host else {}),
        },
        "status": {"phase": "Running", "podIP": address},
    }


def documents(seed: int) -> list[Document]:
    """A cluster of two namespaces, up to six pods and up to five policies."""
    rng = random.Random(seed)
    found: list[Document] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space, "labels": labels(rng)}}
        for space in SPACES
        if rng.random() < 0.8
    ]
    found += [pod(rng, number) for number in range(rng.randint(2, 6))]
    found += [policy(rng, f"q{number}") for number in range(rng.randint(0, 5))]
    return found


def cluster(found: Sequence[Document]) -> Cluster:
    """Documents as objects."""
    return Cluster.of(
        Object(
            api_version=each["apiVersion"],
            kind=each["kind"],
            namespace=each["metadata"].get("namespace", ""),
            name=each["metadata"]["name"],
            document=each,
        )
        for each in found
    )


# -- the walk of one packet -------------------------------------------------------------------------------------------


def chosen(wanted: Document, having: Mapping[str, str]) -> bool:
    """Whether a LabelSelector chooses labels."""
    if any(having.get(key) != value for key, value in wanted.get("matchLabels", {}).items()):
        return False
    for each in wanted.get("matchExpressions", ()):
        value = having.get(each["key"])
        match each["operator"]:
            case "In":
                passes = value in each["values"]
            case "NotIn":
                passes = value not in each["values"]
            case "Exists":
                passes = value is not None
            case _:
                passes = value is None
        if not passes:
            return False
    return True


class Walk:
    """Passes single packets between pods of a cluster, and between pods and addresses."""

    def __init__(self, found: Sequence[Document]) -> None:
        self.pods = [each for each in found if each["kind"] == "Pod"]
        self._policies = [each for each in found if each["kind"] == "NetworkPolicy"]
        self._spaces = {
            each["metadata"]["name"]: each["metadata"]["labels"] for each in found if each["kind"] == "Namespace"
        }

    def pod_to_pod(self, source: Document, target: Document, protocol: str, number: int) -> bool:
        """Whether a packet of one pod gets to a port of another."""
        if source is target:
            return True
        if source["spec"].get("hostNetwork") and source["spec"]["nodeName"] == target["spec"]["nodeName"]:
            return True
        return self._out(source, target, _address(target), protocol, number) and self._in(
            target, source, _address(source), protocol, number
        )

    def from_outside(self, address: str, target: Document, protocol: str, number: int) -> bool:
        """Whether a packet of an address gets to a port of a pod."""
        return self._in(target, None, address, protocol, number)

    def to_outside(self, source: Document, address: str, protocol: str, number: int) -> bool:
        """Whether a packet of a pod gets to an address."""
        return self._out(source, None, address, protocol, number)

    def _in(self, mine: Document, other: Document | None, address: str, protocol: str, number: int) -> bool:
        return self._passes("Ingress", mine, other, (address, mine, protocol, number))

    def _out(self, mine: Document, other: Document | None, address: str, protocol: str, number: int) -> bool:
        return self._passes("Egress", mine, other, (address, other, protocol, number))

    def _passes(
        self, direction: str, mine: Document, other: Document | None, packet: tuple[str, Document | None, str, int]
    ) -> bool:
        address, receiver, protocol, number = packet
        rules, peers = ("ingress", "from") if direction == "Ingress" else ("egress", "to")
        governing = [each for each in self._policies if self._governs(each, direction, mine)]
        if not governing:
            return True
        return any(
            (not each.get(peers) or any(self._is(one, policy, other, address) for one in each[peers]))
            and (not each.get("ports") or any(_open(one, receiver, protocol, number) for one in each["ports"]))
            for policy in governing
            for each in policy["spec"].get(rules, ())
        )

    def _governs(self, policy: Document, direction: str, mine: Document) -> bool:
        spec = policy["spec"]
        default = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
        if direction not in spec.get("policyTypes", default) or mine["spec"].get("hostNetwork"):
            return False
        same = mine["metadata"]["namespace"] == policy["metadata"]["namespace"]
        return same and chosen(spec["podSelector"], mine["metadata"]["labels"])

    def _is(self, one: Document, policy: Document, other: Document | None, address: str) -> bool:
        if "ipBlock" in one:
            here = ip_address(address)
            inside = here in ip_network(one["ipBlock"]["cidr"])
            return inside and not any(here in ip_network(each) for each in one["ipBlock"].get("except", ()))
        if other is None or other["spec"].get("hostNetwork"):
            return False
        space = other["metadata"]["namespace"]
        if "namespaceSelector" not in one:
            right = space == policy["metadata"]["namespace"]
        else:
            having = {**self._spaces.get(space, {}), "kubernetes.io/metadata.name": space}
            right = chosen(one["namespaceSelector"], having)
        return right and chosen(one.get("podSelector", {}), other["metadata"]["labels"])


def _address(found: Document) -> str:
    return str(found["status"]["podIP"])


def _open(one: Document, receiver: Document | None, protocol: str, number: int) -> bool:
    if one.get("protocol", "TCP") != protocol:
        return False
    wanted = one.get("port")
    if wanted is None:
        return True
    if isinstance(wanted, int):
        return wanted <= number <= int(one.get("endPort", wanted))
    ports = receiver["spec"]["containers"][0]["ports"] if receiver is not None else ()
    return any(each["name"] == wanted and each["containerPort"] == number for each in ports)


def addresses() -> Iterator[str]:
    """One address of each part into which the blocks divide all addresses."""
    yield from ("8.8.8.8", "10.9.9.9", "10.1.9.9", "10.1.2.250", "192.0.2.250")
