"""NetworkPolicies, and who talks: pods that are alike to all of them are one peer, as are the addresses of a block.

Only labels that some policy's pod selector mentions tell pods apart, and ports with a name that some policy mentions,
so 10,000 pods of one policy's namespace are two or three peers. These facts are given only to questions that need them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

import msgspec

from kubelogic.cluster import Cluster, Object
from kubelogic.facts.base import Changes, Extractor, Fact, FactModule, World
from kubelogic.facts.selectors import label_set, parse, selector
from kubelogic.facts.services import named_ports

DIRECTIONS: Mapping[str, tuple[str, str]] = {"Ingress": ("ingress", "from"), "Egress": ("egress", "to")}
"""By direction, the fields of a policy's rules and of their peers."""

_LAST_PORT = 65535
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_FINISHED = ("Succeeded", "Failed")

Network = IPv4Network | IPv6Network


def block(text: str) -> Network | None:
    """The block of addresses that a text says; None if it says none, which the API server refuses."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def policy_facts(obj: Object) -> Iterable[Fact]:
    """The facts of one NetworkPolicy, each once: its rules may say the same several times."""
    return dict.fromkeys(_policy_facts(obj))


def _policy_facts(obj: Object) -> Iterator[Fact]:
    key = obj.key
    spec: Mapping[str, Any] = obj.document.get("spec") or {}
    pods = selector(spec.get("podSelector") or {})
    yield "network_policy", (key, obj.namespace)
    yield "policy_selects", (key, pods)
    yield "selector", (pods,)
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    for direction, (rules, peers) in DIRECTIONS.items():
        if direction not in types:
            continue
        yield "policy_direction", (key, direction)
        for index, rule in enumerate(spec.get(rules) or ()):
            at = (key, direction, index)
            yield from _port_facts(at, rule.get("ports") or ())
            if not rule.get(peers):
                yield "policy_admits_all", at
            for number, peer in enumerate(rule.get(peers) or ()):
                yield from _peer_facts(at, number, peer)


def _port_facts(at: tuple[str, str, int], ports: Sequence[Mapping[str, Any]]) -> Iterator[Fact]:
    if not ports:
        for protocol in _PROTOCOLS:
            yield "policy_port", (*at, protocol, 0, _LAST_PORT)
    for each in ports:
        protocol, port = each.get("protocol") or "TCP", each.get("port")
        if port is None:
            yield "policy_port", (*at, protocol, 0, _LAST_PORT)
        elif isinstance(port, int):
            yield "policy_port", (*at, protocol, port, int(each.get("endPort") or port))
        else:
            yield "policy_port_name", (*at, protocol, str(port))


def _peer_facts(at: tuple[str, str, int], number: int, peer: Mapping[str, Any]) -> Iterator[Fact]:
    if peer.get("ipBlock"):
        outer = block(str(peer["ipBlock"].get("cidr") or ""))
        if outer is not None:
            yield "policy_block", (*at, number, str(outer))
            yield "block_mentioned", (str(outer),)
            for text in peer["ipBlock"].get("except") or ():
                if (inner := block(str(text))) is not None:
                    yield "policy_block_but", (*at, number, str(inner))
                    yield "block_mentioned", (str(inner),)
        return
    pods = selector(peer.get("podSelector") or {})
    yield "selector", (pods,)
    if peer.get("namespaceSelector") is None:
        yield "policy_peer_here", (*at, pods)
    else:
        spaces = selector(peer["namespaceSelector"])
        yield "policy_peer_in", (*at, spaces, pods)
        yield "selector", (spaces,)


class _Mentions(msgspec.Struct, kw_only=True):
    """What policies mention: label keys of pods, names of ports, blocks of addresses (smallest first)."""

    keys: frozenset[str] = frozenset()
    ports: frozenset[str] = frozenset()
    blocks: tuple[Network, ...] = ()

    @classmethod
    def of(cls, policies: Iterable[Object]) -> _Mentions:
        keys: set[str] = set()
        ports: set[str] = set()
        blocks: set[Network] = set()
        for policy in policies:
            for predicate, row in policy_facts(policy):
                if predicate in ("policy_selects", "policy_peer_here", "policy_peer_in"):
                    keys.update(key for key, _, _ in parse(str(row[-1])))
                elif predicate == "policy_port_name":
                    ports.add(str(row[-1]))
                elif predicate == "block_mentioned" and (found := block(str(row[0]))) is not None:
                    blocks.add(found)
        ordered = sorted(blocks, key=lambda each: (-each.prefixlen, str(each)))
        return cls(keys=frozenset(keys), ports=frozenset(ports), blocks=tuple(ordered))

    def innermost(self, address: str) -> str:
        """The smallest block that holds an address; empty if none does."""
        here = block(address)
        return next((str(each) for each in self.blocks if here is not None and _inside(here, each)), "")


def _inside(small: Network, large: Network) -> bool:
    if isinstance(small, IPv4Network):
        return isinstance(large, IPv4Network) and small.subnet_of(large)
    return isinstance(large, IPv6Network) and small.subnet_of(large)


def _namespace_labels(cluster: Cluster, name: str) -> str:
    """The labels of a namespace, whether or not its object was given. The API server labels each with its name."""
    given = cluster.get("Namespace", name)
    labels = (given.document["metadata"].get("labels") or {}) if given is not None else {}
    return label_set({**labels, "kubernetes.io/metadata.name": name})


class _Peer(msgspec.Struct, frozen=True, kw_only=True):
    """What a pod is to policies."""

    namespace: str
    labels: str
    host: bool
    block: str
    addressed: bool
    ports: tuple[tuple[str, str, int], ...]

    @property
    def name(self) -> str:
        told = [f"{self.namespace}: {self.labels or 'all labels alike'}"]
        told += ["on the network of nodes"] if self.host else []
        told += [f"in {self.block}"] if self.block else []
        told += [] if self.addressed else ["without an address"]
        told += [f"{name} = {number}/{protocol}" for name, protocol, number in self.ports]
        return ", ".join(told)

    def facts(self) -> Iterator[Fact]:
        yield "peer", (self.name, self.namespace, self.labels)
        yield "label_set", (self.labels,)
        if self.host:
            yield "peer_on_nodes", (self.name,)
        if self.block:
            yield "peer_block", (self.name, self.block)
        if not self.addressed:
            yield "peer_unaddressed", (self.name,)
        for port in self.ports:
            yield "peer_port_name", (self.name, *port)


def _peer(pod: Object, mentions: _Mentions) -> _Peer | None:
    """What a pod is to policies; None if it has ended and so has no network."""
    document = pod.document
    spec, status = document.get("spec") or {}, document.get("status") or {}
    if status.get("phase") in _FINISHED:
        return None
    labels = document["metadata"].get("labels") or {}
    address = str(status.get("podIP") or "")
    ports = sorted((*key, number) for key, number in named_ports(spec).items() if key[0] in mentions.ports)
    return _Peer(
        namespace=pod.namespace,
        labels=label_set({key: labels[key] for key in sorted(mentions.keys & labels.keys())}),
        host=bool(spec.get("hostNetwork")),
        block=mentions.innermost(address) if mentions.blocks and address else "",
        addressed=bool(address) or not mentions.blocks,
        ports=tuple(ports),
    )


class PeerStage(msgspec.Struct, kw_only=True):
    """Keeps ``pod_peer``, ``peer_namespace`` and the facts of peers."""

    _mentions: _Mentions = msgspec.field(default_factory=_Mentions)
    _peers: dict[str, _Peer] = msgspec.field(default_factory=dict)
    _pods: dict[str, Object] = msgspec.field(default_factory=dict)
    _uses: dict[_Peer, int] = msgspec.field(default_factory=dict)
    _spaces: dict[str, str] = msgspec.field(default_factory=dict)

    def apply(self, changes: Changes) -> None:
        """See ``Stage``."""
        left, entered = changes.changed(kinds=("Pod",))
        gone, come = {pod.key for pod in left}, {pod.key: pod for pod in entered}
        if any(changes.changed(kinds=("NetworkPolicy",))):
            self._mentions = _Mentions.of(changes.after.objects("NetworkPolicy").values())
            come = {**{key: pod for key, pod in self._pods.items() if key not in gone}, **come}
            gone |= self._pods.keys()
        for key in sorted(gone):
            self._leave(key, changes)
        for key in sorted(come):
            self._enter(come[key], changes)
        spaces = {peer.namespace: _namespace_labels(changes.after, peer.namespace) for peer in self._uses}
        for report, rows in ((changes.remove, self._spaces), (changes.add, spaces)):
            for name, labels in rows.items():
                if (spaces if rows is self._spaces else self._spaces).get(name) != labels:
                    report("peer_namespace", (name, labels))
                    report("label_set", (labels,))
        self._spaces = spaces

    def _leave(self, key: str, changes: Changes) -> None:
        self._pods.pop(key, None)
        peer = self._peers.pop(key, None)
        if peer is None:
            return
        changes.remove("pod_peer", (key, peer.name))
        self._uses[peer] -= 1
        if not self._uses[peer]:
            del self._uses[peer]
            for fact in peer.facts():
                changes.remove(*fact)

    def _enter(self, pod: Object, changes: Changes) -> None:
        self._pods[pod.key] = pod
        peer = _peer(pod, self._mentions)
        if peer is None:
            return
        self._peers[pod.key] = peer
        changes.add("pod_peer", (pod.key, peer.name))
        self._uses[peer] = self._uses.get(peer, 0) + 1
        if self._uses[peer] == 1:
            for fact in peer.facts():
                changes.add(*fact)


def traced(world: World) -> Mapping[str, Extractor]:
    """What the stage gives of one pod or namespace."""
    mentions = _Mentions.of(world.cluster.objects("NetworkPolicy").values())

    def of_pod(obj: Object) -> Iterator[Fact]:
        peer = _peer(obj, mentions)
        if peer is not None:
            yield "pod_peer", (obj.key, peer.name)
            yield from peer.facts()
            if world.cluster.get("Namespace", obj.namespace) is None:
                yield "peer_namespace", (obj.namespace, _namespace_labels(world.cluster, obj.namespace))

    def of_namespace(obj: Object) -> Iterator[Fact]:
        labels = obj.document["metadata"].get("labels") or {}
        yield "peer_namespace", (obj.name, label_set({**labels, "kubernetes.io/metadata.name": obj.name}))

    return {"Pod": of_pod, "Namespace": of_namespace}


MODULE = FactModule(
    name="network_policies",
    extractors={"NetworkPolicy": policy_facts},
    shared=frozenset({"selector", "label_set", "block_mentioned"}),
    stages=(PeerStage,),
    traced=traced,
    gives=frozenset({"network_policy", "pod_peer", "peer", "block_mentioned"}),
)
