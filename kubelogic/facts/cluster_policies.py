"""Policies of the whole cluster: AdminNetworkPolicy, BaselineAdminNetworkPolicy and ClusterNetworkPolicy, alike.

All three become the same facts: a tier, a priority, who the policy is for, and its rules in their order, each with what
it does. What a rule's peers and ports are has the facts that NetworkPolicies have as well.

Source: sigs.k8s.io/network-policy-api, apis/v1alpha1 and apis/v1alpha2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from kubelogic.cluster import Object
from kubelogic.facts.base import Fact
from kubelogic.facts.blocks import block
from kubelogic.facts.selectors import selector

CLUSTER_POLICIES = ("AdminNetworkPolicy", "BaselineAdminNetworkPolicy", "ClusterNetworkPolicy")
"""The kinds of policies that are for the whole cluster."""

LAST_PORT = 65535
PROTOCOLS = ("SCTP", "TCP", "UDP")
DIRECTIONS: Mapping[str, tuple[str, str]] = {"Ingress": ("ingress", "from"), "Egress": ("egress", "to")}
"""By direction, the fields of a policy's rules and of their peers."""

_BASELINE_PRIORITY = 0
"""A BaselineAdminNetworkPolicy says no priority: there is one in a cluster."""

At = tuple[str, str, int]
"""A rule: the policy, the direction, the rule's place."""


def policy_key(obj: Object) -> str:
    """What rules call a policy: policies of two kinds may have one name.

    >>> policy_key(Object(api_version="v1", kind="AdminNetworkPolicy", namespace="", name="guard", document={}))
    'AdminNetworkPolicy/guard'
    """
    return f"{obj.kind}/{obj.name}"


def cluster_policy_facts(obj: Object) -> Iterable[Fact]:
    """The facts of one policy of the cluster, each once."""
    return dict.fromkeys(_facts(obj))


def _facts(obj: Object) -> Iterator[Fact]:
    key = policy_key(obj)
    spec: Mapping[str, Any] = obj.document.get("spec") or {}
    baseline = obj.kind == "BaselineAdminNetworkPolicy" or spec.get("tier") == "Baseline"
    tier = "Baseline" if baseline else "Admin"
    yield "cluster_policy", (key, tier, int(spec.get("priority") or _BASELINE_PRIORITY))
    for spaces, pods in pods_meant(spec.get("subject") or {}):
        yield "cluster_policy_subject", (key, spaces, pods)
        yield "selector", (spaces,)
        yield "selector", (pods,)
    for direction, (rules, peers) in DIRECTIONS.items():
        for index, rule in enumerate(spec.get(rules) or ()):
            at = (key, direction, index)
            action = str(rule.get("action") or "")
            yield "cluster_policy_rule", (*at, "Accept" if action == "Allow" else action)
            yield from _port_facts(at, rule)
            for number, peer in enumerate(rule.get(peers) or ()):
                yield from _peer_facts(at, number, peer)


def pods_meant(field: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The selectors of namespaces and of pods of a subject or a peer, if it means pods."""
    if field.get("namespaces") is not None:
        yield selector(field["namespaces"]), selector({})
    elif field.get("pods") is not None:
        pods = field["pods"]
        yield selector(pods.get("namespaceSelector") or {}), selector(pods.get("podSelector") or {})


def _peer_facts(at: At, number: int, peer: Mapping[str, Any]) -> Iterator[Fact]:
    for spaces, pods in pods_meant(peer):
        yield "policy_peer_in", (*at, spaces, pods)
        yield "selector", (spaces,)
        yield "selector", (pods,)
    if peer.get("nodes") is not None:
        nodes = selector(peer["nodes"])
        yield "policy_peer_nodes", (*at, nodes)
        yield "selector", (nodes,)
    for text in peer.get("networks") or ():
        if (network := block(str(text))) is not None:
            yield "policy_block", (*at, number, str(network))
            yield "block_mentioned", (str(network),)
    for name in peer.get("domainNames") or ():
        yield "policy_peer_domain", (*at, str(name))


def _port_facts(at: At, rule: Mapping[str, Any]) -> Iterator[Fact]:
    """The ports of a rule: ``ports`` of v1alpha1, ``protocols`` of v1alpha2. None means all."""
    ports: Sequence[Mapping[str, Any]] = rule.get("ports") or ()
    protocols: Sequence[Mapping[str, Any]] = rule.get("protocols") or ()
    if not ports and not protocols:
        for protocol in PROTOCOLS:
            yield "policy_port", (*at, protocol, 0, LAST_PORT)
    for each in ports:
        if (single := each.get("portNumber")) is not None:
            number = int(single.get("port") or 0)
            yield "policy_port", (*at, single.get("protocol") or "TCP", number, number)
        elif (several := each.get("portRange")) is not None:
            first, last = int(several.get("start") or 0), int(several.get("end") or 0)
            yield "policy_port", (*at, several.get("protocol") or "TCP", first, last)
        elif each.get("namedPort"):
            yield from _named(at, str(each["namedPort"]))
    for each in protocols:
        for protocol in PROTOCOLS:
            if (wanted := each.get(protocol.lower())) is not None:
                yield "policy_port", (*at, protocol, *_numbers(wanted.get("destinationPort")))
        if each.get("destinationNamedPort"):
            yield from _named(at, str(each["destinationNamedPort"]))


def _numbers(port: Mapping[str, Any] | None) -> tuple[int, int]:
    """The first and the last number of a ``destinationPort``; all without one."""
    if port is None:
        return 0, LAST_PORT
    if (several := port.get("range")) is not None:
        return int(several.get("start") or 0), int(several.get("end") or 0)
    return int(port.get("number") or 0), int(port.get("number") or 0)


def _named(at: At, name: str) -> Iterator[Fact]:
    """A port by its name, which says no protocol: that of the container's port counts."""
    for protocol in PROTOCOLS:
        yield "policy_port_name", (*at, protocol, name)
