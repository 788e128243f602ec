"""What a cluster as it was read says of the world: silent kubelets, and owners that exist elsewhere."""

from __future__ import annotations

from typing import Any

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.state import State, world_of
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.reconcile.engine import reconciler
from kubelogic.reconcile.settle import settle


def node(name: str, status: str) -> Object:
    condition = {"type": "Ready", "status": status, "lastTransitionTime": "1970-01-01T00:01:00Z"}
    document = {"metadata": {"name": name}, "status": {"conditions": [condition]}}
    return Object(api_version="v1", kind="Node", namespace="", name=name, document=document)


def owned(name: str, uid: str, owner: str) -> Object:
    metadata: dict[str, Any] = {"name": name, "namespace": "d", "uid": uid}
    if owner:
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": owner}
        metadata["ownerReferences"] = [reference]
    return Object(api_version="v1", kind="ConfigMap", namespace="d", name=name, document={"metadata": metadata})


def test_nodes_that_are_not_ready_stay_so_until_a_scenario_heals_them() -> None:
    cluster = Cluster.of([node("lost", "Unknown"), node("ill", "False"), node("well", "True")])
    assert world_of(cluster) == {
        "node_silent_since": frozenset({("lost", 60_000)}),
        "node_reports": frozenset({("ill", "False")}),
    }
    run = settle(reconciler(load_rulebook(), scheduler="kube"), State.of(cluster), until=100_000)
    ready = {
        name: next(c["status"] for c in found.document["status"]["conditions"] if c["type"] == "Ready")
        for name, found in run.state.cluster.objects("Node").items()
    }
    assert ready == {"lost": "Unknown", "ill": "False", "well": "True"}


def test_an_owner_that_was_not_read_keeps_what_it_owns() -> None:
    cluster = Cluster.of([owned("a", "1", ""), owned("b", "2", "1"), owned("c", "3", "elsewhere")])
    assert world_of(cluster) == {"presumed_owner": frozenset({("elsewhere",)})}
    ticker = reconciler(load_rulebook(), scheduler="kube")
    assert len(settle(ticker, State.of(cluster), until=1_000).state.cluster) == 3
    blunt = State(cluster=cluster)
    assert sorted(settle(ticker, blunt, until=1_000).state.cluster.objects("ConfigMap")) == ["d/a", "d/b"]
