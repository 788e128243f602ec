"""NetworkPolicies as facts. Who talks is in ``peers``, policies of the whole cluster in ``cluster_policies``.

These facts are given only to questions that need them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from kubelogic.cluster import Object
from kubelogic.facts.base import Extractor, Fact, FactModule, Stage, World
from kubelogic.facts.blocks import block
from kubelogic.facts.cluster_policies import (
    CLUSTER_POLICIES,
    DIRECTIONS,
    LAST_PORT,
    PROTOCOLS,
    cluster_policy_facts,
)
from kubelogic.facts.selectors import selector


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
        for protocol in PROTOCOLS:
            yield "policy_port", (*at, protocol, 0, LAST_PORT)
    for each in ports:
        protocol, port = each.get("protocol") or "TCP", each.get("port")
        if port is None:
            yield "policy_port", (*at, protocol, 0, LAST_PORT)
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


def _peers() -> Stage:
    from kubelogic.facts.peers import PeerStage  # few questions are about networks

    return PeerStage()


def _traced(world: World) -> Mapping[str, Extractor]:
    from kubelogic.facts.peers import traced

    return traced(world)


MODULE = FactModule(
    name="network_policies",
    extractors={"NetworkPolicy": policy_facts, **dict.fromkeys(CLUSTER_POLICIES, cluster_policy_facts)},
    shared=frozenset({"selector", "label_set", "block_mentioned"}),
    stages=(_peers,),
    traced=_traced,
    gives=frozenset({"network_policy", "cluster_policy", "pod_peer", "peer", "block_mentioned"}),
)
