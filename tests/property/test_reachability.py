"""Reachability by rules against a walk of single packets.

"By default, a pod is non-isolated for egress; all outbound connections are allowed. [...] For a connection from a
source pod to a destination pod to be allowed, both the egress policy on the source pod and the ingress policy on the
destination pod need to allow the connection." (Kubernetes documentation, Network Policies)
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address, ip_network

import pytest

from kubelogic.cluster.state import State
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.reconcile.relations import Relations
from tests.support import tiers
from tests.support.packets import Walk, addresses, cluster, documents
from tests.support.tiers import TieredWalk

ASKED = [("TCP", 80), ("TCP", 443), ("TCP", 8080), ("TCP", 8150), ("UDP", 443), ("TCP", 9000), ("TCP", 31)]


def agree(seeds: Iterable[int]) -> None:
    """Compare every pair and port of each cluster; one evaluation follows them all, so changes are tried as well."""
    relations = Relations(load_rulebook(), ["may_talk", "pod_peer", "someone", "talks"])
    for seed in seeds:
        found = documents(seed)
        walk = Walk(found)
        for protocol, number in ASKED[seed % 2 :: 2]:
            state = State.of(cluster(found)).with_world(add=[("asked_port", (protocol, number))])
            evaluation = relations.advance(state)
            talks = set(evaluation.rows("may_talk"))
            peers = dict(evaluation.rows("pod_peer"))
            ways = set(evaluation.rows("talks"))
            blocks = [name for (name,) in evaluation.rows("someone") if name not in set(peers.values())]
            for one in walk.pods:
                mine = f"{one['metadata']['namespace']}/{one['metadata']['name']}"
                for other in walk.pods:
                    theirs = f"{other['metadata']['namespace']}/{other['metadata']['name']}"
                    expected = walk.pod_to_pod(one, other, protocol, number)
                    assert ((mine, theirs, number) in talks) is expected, (seed, mine, theirs, protocol, number)
                for address in addresses():
                    block = innermost(address, blocks)
                    into = (block, peers[mine], protocol, number) in ways
                    assert into is walk.from_outside(address, one, protocol, number), (seed, address, mine, number)
                    out = (peers[mine], block, protocol, number) in ways
                    assert out is walk.to_outside(one, address, protocol, number), (seed, mine, address, number)


def innermost(address: str, blocks: Iterable[str]) -> str:
    inside = [each for each in blocks if ip_address(address) in ip_network(each)]
    return max(inside, key=lambda each: ip_network(each).prefixlen)


def test_both_ends_have_to_allow_a_connection() -> None:
    agree([*range(12), 121])  # a block that only a rule for a direction without restriction mentions


@pytest.mark.slow
def test_both_ends_have_to_allow_a_connection_in_a_thousand_clusters() -> None:
    agree(range(1000))


def tiers_agree(seeds: Iterable[int]) -> None:
    """Compare with policies of the whole cluster: what surely passes, and what hangs on the plugin."""
    relations = Relations(load_rulebook(), ["contested", "may_talk", "pod_peer", "someone", "talks"])
    for seed in seeds:
        found = tiers.documents(seed)
        walk = TieredWalk(found)
        for protocol, number in ASKED[seed % 3 :: 3]:
            state = State.of(cluster(found)).with_world(add=[("asked_port", (protocol, number))])
            evaluation = relations.advance(state)
            talks, ways = set(evaluation.rows("may_talk")), set(evaluation.rows("talks"))
            contested = set(evaluation.rows("contested"))
            peers = dict(evaluation.rows("pod_peer"))
            blocks = [name for (name,) in evaluation.rows("someone") if name not in set(peers.values())]
            for one in walk.pods:
                mine = f"{one['metadata']['namespace']}/{one['metadata']['name']}"
                for other in walk.pods:
                    theirs = f"{other['metadata']['namespace']}/{other['metadata']['name']}"
                    passes = walk.outcomes(one, other, protocol, number)
                    told = (seed, mine, theirs, protocol, number, passes)
                    assert ((mine, theirs, number) in talks) is (passes == {True}), told
                    if len(passes) == 2:
                        assert (peers[mine], peers[theirs], protocol, number) in contested, told
                for address in tiers.addresses():
                    block = innermost(address, blocks)
                    for ends, row in (
                        ((address, one), (block, peers[mine], protocol, number)),
                        ((one, address), (peers[mine], block, protocol, number)),
                    ):
                        passes = walk.outcomes(*ends, protocol, number)
                        assert (row in ways) is (passes == {True}), (seed, row, passes)
                        assert (row in contested) is (len(passes) == 2), (seed, row, passes)


def test_tiers_of_policies_come_one_after_the_other() -> None:
    """ "All AdminNetworkPolicy rules have higher precedence than NetworkPolicy or BaselineAdminNetworkPolicy rules."

    (sigs.k8s.io/network-policy-api, AdminNetworkPolicySpec)
    """
    tiers_agree(range(12))


@pytest.mark.slow
def test_tiers_of_policies_come_one_after_the_other_in_a_thousand_clusters() -> None:
    tiers_agree(range(1000))
