"""Addresses of pods: a range that is exhausted is looked through once, not for each pod that waits."""

from __future__ import annotations

from kubelogic.apiserver.allocators.pod_addresses import PLUGIN, sandbox_addresses
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.state import State
from kubelogic.facts.parameters import with_parameters
from kubelogic.facts.rulebook import builtin_rulebook

FIVE = "10.9.0.0/29"
"""A range with five addresses for pods."""


def pod(number: int) -> Object:
    name = f"p{number}"
    document = {"metadata": {"name": name, "namespace": "d"}, "spec": {"nodeName": "n"}, "status": {}}
    return Object(api_version="v1", kind="Pod", namespace="d", name=name, document=document)


def test_an_exhausted_range_is_looked_through_once() -> None:
    pods = [pod(number) for number in range(9)]
    node = Object(api_version="v1", kind="Node", namespace="", name="n", document={"metadata": {"name": "n"}})
    rules = with_parameters(builtin_rulebook(), {"cluster_cidr": FIVE, "allocate_node_cidrs": 0})
    state = State(cluster=Cluster.of([node, *pods]), rules=rules)
    tx = Transaction(state=state)
    given = [sandbox_addresses(tx, each) for each in pods[:6]]
    assert [each["podIP"] for each in given if each] == [f"10.9.0.{number}" for number in range(2, 7)]
    assert given[5] is None
    looked = dict(tx.names)
    assert [sandbox_addresses(tx, each) for each in pods[6:]] == [None, None, None]
    assert tx.names == looked
    again = Transaction(state=state)
    assert sandbox_addresses(again, pods[6])


def test_a_plugin_whose_ranges_are_not_known_does_not_run_out_of_the_clusters() -> None:
    pods = [pod(number) for number in range(9)]
    node = Object(api_version="v1", kind="Node", namespace="", name="n", document={"metadata": {"name": "n"}})
    rules = with_parameters(
        builtin_rulebook(), {"cluster_cidr": FIVE, "node_cidr_mask_size": 29, "assumed_pod_range": "198.18.0.0/24"}
    )
    tx = Transaction(state=State(cluster=Cluster.of([node, *pods]), rules=rules, memory={(PLUGIN, "all"): 1}))
    given = [sandbox_addresses(tx, each) or {} for each in pods]
    assert len({each["podIP"] for each in given}) == len(pods)
    assert [each["podIP"] for each in given[5:]] == [f"198.18.0.{number}" for number in range(2, 6)]
