"""Who talks: pods that are alike to all policies are one peer, as are the addresses of a block.

Of a pod only those labels count whose keys a policy that can be about its namespace mentions, and of their values only
those that it mentions: all others are alike (``app=<other>``). So 10,000 pods of a namespace with a policy are two or
three peers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.naming import NAMESPACE_LABEL
from kubelogic.facts.base import Changes, Extractor, Fact, World
from kubelogic.facts.blocks import Blocks, block
from kubelogic.facts.cluster_policies import CLUSTER_POLICIES, DIRECTIONS, pods_meant
from kubelogic.facts.selectors import Requirement, label_set, matches, parse, requirements
from kubelogic.facts.services import named_ports

OTHER = "<other>"
"""Stands for all values of a label that no policy mentions."""

POLICIES = ("NetworkPolicy", *CLUSTER_POLICIES)
"""All kinds of policies."""

_FINISHED = ("Succeeded", "Failed")
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_NO_TEXTS: tuple[str | None, ...] = ()
_NO_PORTS: tuple[tuple[tuple[str, str], int], ...] = ()

_Told = Mapping[str, frozenset[str]]
"""Which values of which labels tell pods apart."""


class Mentions(msgspec.Struct, kw_only=True):
    """What policies mention.

    Attributes:
        here: by namespace, what its own policies ask of the labels of its own pods.
        elsewhere: what policies ask of pods of other namespaces: of which namespaces, and of which labels.
        ports: names of ports.
        blocks: blocks of addresses, and the addresses of nodes if a policy is for nodes.
        nodes: the labels of nodes that such a policy asks for.
    """

    here: dict[str, list[Requirement]] = msgspec.field(default_factory=dict)
    elsewhere: list[tuple[tuple[Requirement, ...], tuple[Requirement, ...]]] = msgspec.field(default_factory=list)
    ports: set[str] = msgspec.field(default_factory=set)
    blocks: Blocks = msgspec.field(default_factory=Blocks)
    nodes: list[Requirement] | None = None

    @classmethod
    def of(cls, cluster: Cluster) -> Mentions:
        """What the policies of a cluster mention, found once for each cluster."""
        return cluster.kept("mentions of policies", lambda: cls._read(cluster))

    @classmethod
    def _read(cls, cluster: Cluster) -> Mentions:
        found = cls()
        texts: set[str] = set()
        for policy in cluster.objects("NetworkPolicy").values():
            found._of_policy(policy, texts)
        for kind in CLUSTER_POLICIES:
            for policy in cluster.objects(kind).values():
                found._of_cluster_policy(policy, texts)
        if found.nodes is not None:
            texts.update(address for address, _ in _addresses(cluster))
        found.blocks = Blocks(network for text in texts if (network := block(text)) is not None)
        unique = dict.fromkeys(found.elsewhere)
        found.elsewhere = list(unique)
        return found

    def _of_policy(self, policy: Object, texts: set[str]) -> None:
        spec: Mapping[str, Any] = policy.document.get("spec") or {}
        own = self.here.setdefault(policy.namespace, [])
        own += requirements(spec.get("podSelector") or {})
        for rules, peers in DIRECTIONS.values():
            for rule in spec.get(rules) or ():
                for port in rule.get("ports") or ():
                    if isinstance(port.get("port"), str):
                        self.ports.add(port["port"])
                for peer in rule.get(peers) or ():
                    if peer.get("ipBlock"):
                        texts.update(map(str, (peer["ipBlock"].get("cidr"), *(peer["ipBlock"].get("except") or ()))))
                    elif peer.get("namespaceSelector") is None:
                        own += requirements(peer.get("podSelector") or {})
                    else:
                        pods = requirements(peer.get("podSelector") or {})
                        self.elsewhere.append((requirements(peer["namespaceSelector"]), pods))

    def _of_cluster_policy(self, policy: Object, texts: set[str]) -> None:
        spec: Mapping[str, Any] = policy.document.get("spec") or {}
        ends = [spec.get("subject") or {}]
        for rules, peers in DIRECTIONS.values():
            for rule in spec.get(rules) or ():
                ends += rule.get(peers) or ()
                self.ports.update(str(each["namedPort"]) for each in rule.get("ports") or () if each.get("namedPort"))
                for each in rule.get("protocols") or ():
                    if each.get("destinationNamedPort"):
                        self.ports.add(str(each["destinationNamedPort"]))
        for end in ends:
            self.elsewhere += [(parse(spaces), parse(pods)) for spaces, pods in pods_meant(end)]
            texts.update(map(str, end.get("networks") or ()))
            if end.get("nodes") is not None:
                self.nodes = [*(self.nodes or ()), *requirements(end["nodes"])]

    def told_in(self, namespace: str, labels: Mapping[str, str]) -> _Told:
        """What tells the pods of a namespace apart."""
        wanted = list(self.here.get(namespace, ()))
        for spaces, pods in self.elsewhere:
            if matches(spaces, labels):
                wanted += pods
        return _values(wanted)


def _values(wanted: Iterable[Requirement]) -> _Told:
    found: dict[str, set[str]] = {}
    for key, _, values in wanted:
        found.setdefault(key, set()).update(values)
    return {key: frozenset(values) for key, values in sorted(found.items())}


def _distinct(told: _Told, labels: Mapping[str, str]) -> str:
    """The labels that tell something apart, with the values that do."""
    return label_set(
        {key: labels[key] if labels[key] in values else OTHER for key, values in told.items() if key in labels}
    )


def _addresses(cluster: Cluster) -> Iterator[tuple[str, Object]]:
    """The addresses of nodes, each as the block that it is."""
    for node in cluster.objects("Node").values():
        for each in (node.document.get("status") or {}).get("addresses") or ():
            if str(each.get("type")).endswith("IP") and (found := block(str(each.get("address") or ""))) is not None:
                yield str(found), node


def _namespace_labels(cluster: Cluster, name: str) -> dict[str, str]:
    """The labels of a namespace, whether or not its object was given. The API server labels each with its name."""
    given = cluster.get("Namespace", name)
    labels = (given.document["metadata"].get("labels") or {}) if given is not None else {}
    return {**labels, NAMESPACE_LABEL: name}


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


Alike = tuple[Any, ...]
"""What tells a pod from others, as cheap as can be: equal for pods that are one peer."""


class PeerReader:
    """Says what pods are to policies; what it found out of one namespace it keeps."""

    def __init__(self, cluster: Cluster, mentions: Mentions | None = None) -> None:
        """Prepare to read the pods of a cluster.

        Args:
            cluster: with the namespaces.
            mentions: what its policies mention, if that is known already.
        """
        self.mentions = Mentions.of(cluster) if mentions is None else mentions
        self._cluster = cluster
        self._told: dict[str, _Told] = {}
        self._named: dict[_Peer, tuple[_Peer, str]] = {}

    def grouped(self, pods: Sequence[Object]) -> dict[Alike, list[Object]]:
        """Pods of one namespace in groups, each of one peer; without those that have ended and so have no network.

        Args:
            pods: at least one.
        """
        found: dict[Alike, list[Object]] = {}
        space = pods[0].namespace
        told = list(self._told_in(space).items())
        ports_told, innermost = self.mentions.ports, self.mentions.blocks.innermost
        labels, ports = _NO_TEXTS, _NO_PORTS
        for pod in pods:
            document = pod.document
            status = document.get("status") or _NOTHING
            if status.get("phase") in _FINISHED:
                continue
            spec = document.get("spec") or _NOTHING
            if told:
                own = document["metadata"].get("labels") or _NOTHING
                labels = tuple(
                    [None if (has := own.get(key)) is None else has if has in some else OTHER for key, some in told]
                )
            address = status.get("podIP")
            if ports_told:
                named = named_ports(spec).items()
                ports = tuple(sorted((key, number) for key, number in named if key[0] in ports_told))
            block = innermost(address) if address else ""
            alike = (space, labels, bool(spec.get("hostNetwork")), block, bool(address), ports)
            mine = found.get(alike)
            if mine is None:
                found[alike] = [pod]
            else:
                mine.append(pod)
        return found

    def _told_in(self, space: str) -> _Told:
        told = self._told.get(space)
        if told is None:
            told = self._told[space] = self.mentions.told_in(space, _namespace_labels(self._cluster, space))
        return told

    def peer(self, pod: Object) -> tuple[_Peer, str] | None:
        """What a pod is to policies, and what that is called; None if it has ended and so has no network."""
        document = pod.document
        spec, status = document.get("spec") or {}, document.get("status") or {}
        if status.get("phase") in _FINISHED:
            return None
        space = pod.namespace
        told = self._told_in(space)
        blocks, address = self.mentions.blocks, str(status.get("podIP") or "")
        ports: list[tuple[str, str, int]] = []
        if self.mentions.ports:
            known = named_ports(spec)
            ports = sorted((*key, number) for key, number in known.items() if key[0] in self.mentions.ports)
        found = _Peer(
            namespace=space,
            labels=_distinct(told, document["metadata"].get("labels") or {}) if told else "",
            host=bool(spec.get("hostNetwork")),
            block=blocks.innermost(address) if address else "",
            addressed=bool(address) or not blocks.blocks,
            ports=tuple(ports),
        )
        known_peer = self._named.get(found)
        if known_peer is None:
            known_peer = self._named[found] = found, found.name
        return known_peer


class PeerStage(msgspec.Struct, kw_only=True):
    """Keeps ``pod_peer``, ``peer_namespace``, ``node_at`` and the facts of peers."""

    _reader: PeerReader | None = None
    _peers: dict[str, tuple[_Peer, str]] = msgspec.field(default_factory=dict)
    _pods: dict[str, Object] = msgspec.field(default_factory=dict)
    _uses: dict[_Peer, int] = msgspec.field(default_factory=dict)
    _others: dict[Fact, None] = msgspec.field(default_factory=dict)

    def apply(self, changes: Changes) -> None:
        """See ``Stage``."""
        left, entered = changes.changed(kinds=("Pod",))
        gone, come = {pod.key for pod in left}, {pod.key: pod for pod in entered}
        if self._reader is None or any(map(any, changes.changed(kinds=(*POLICIES, "Namespace", "Node")))):
            self._reader = PeerReader(changes.after, Mentions.of(changes.after))
            come = {**{key: pod for key, pod in self._pods.items() if key not in gone}, **come}
            gone |= self._pods.keys()
        for key in sorted(gone):
            self._leave(key, changes)
        for key in sorted(come):
            self._enter(come[key], changes)
        others = dict.fromkeys(_others(changes.after, {peer.namespace for peer in self._uses}))
        for fact in self._others:
            if fact not in others:
                changes.remove(*fact)
        for fact in others:
            if fact not in self._others:
                changes.add(*fact)
        self._others = others

    def _leave(self, key: str, changes: Changes) -> None:
        self._pods.pop(key, None)
        found = self._peers.pop(key, None)
        if found is None:
            return
        peer, name = found
        changes.remove("pod_peer", (key, name))
        self._uses[peer] -= 1
        if not self._uses[peer]:
            del self._uses[peer]
            for fact in peer.facts():
                changes.remove(*fact)

    def _enter(self, pod: Object, changes: Changes) -> None:
        self._pods[pod.key] = pod
        found = self._reader.peer(pod) if self._reader is not None else None
        if found is None:
            return
        peer, name = self._peers[pod.key] = found
        changes.add("pod_peer", (pod.key, name))
        self._uses[peer] = self._uses.get(peer, 0) + 1
        if self._uses[peer] == 1:
            for fact in peer.facts():
                changes.add(*fact)


def _others(cluster: Cluster, spaces: Iterable[str]) -> Iterator[Fact]:
    """What policies ask of namespaces and nodes."""
    for name in sorted(spaces):
        yield from _of_space(name, _namespace_labels(cluster, name))
    mentions = Mentions.of(cluster)
    if mentions.nodes is not None:
        told = _values(mentions.nodes)
        for address, node in _addresses(cluster):
            yield from _of_node(address, _distinct(told, node.document["metadata"].get("labels") or {}))


def _of_space(name: str, labels: Mapping[str, str]) -> Iterator[Fact]:
    yield "peer_namespace", (name, label_set(labels))
    yield "label_set", (label_set(labels),)


def _of_node(address: str, labels: str) -> Iterator[Fact]:
    yield "node_at", (address, labels)
    yield "label_set", (labels,)
    yield "block_mentioned", (address,)


def traced(world: World) -> Mapping[str, Extractor]:
    """What the stage gives of one pod, namespace or node."""
    cluster = world.cluster
    mentions = Mentions.of(cluster)
    reader = PeerReader(cluster, mentions)

    def of_pod(obj: Object) -> Iterator[Fact]:
        found = reader.peer(obj)
        if found is not None:
            yield "pod_peer", (obj.key, found[1])
            yield from found[0].facts()
            if cluster.get("Namespace", obj.namespace) is None:
                yield "peer_namespace", (obj.namespace, label_set(_namespace_labels(cluster, obj.namespace)))

    def of_namespace(obj: Object) -> Iterator[Fact]:
        labels = obj.document["metadata"].get("labels") or {}
        yield "peer_namespace", (obj.name, label_set({**labels, NAMESPACE_LABEL: obj.name}))

    def of_node(obj: Object) -> Iterator[Fact]:
        if mentions.nodes is not None:
            told = _values(mentions.nodes)
            for address, node in _addresses(Cluster.of([obj])):
                yield from _of_node(address, _distinct(told, node.document["metadata"].get("labels") or {}))

    return {"Pod": of_pod, "Namespace": of_namespace, "Node": of_node}
