"""Facts of a big cluster: linear in pods, and a changed pod costs next to nothing."""

from __future__ import annotations

import time
from typing import Any

import pytest

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import edited
from kubelogic.facts import MODULES, FactBase

pytestmark = pytest.mark.benchmark
WORKLOADS = 200


def pod(number: int, nodes: int) -> Object:
    workload, namespace = f"app-{number % WORKLOADS}", f"team-{number % 20}"
    name = f"{workload}-5d4c-{number}"
    term = {"labelSelector": {"matchLabels": {"app": workload}}, "topologyKey": "kubernetes.io/hostname"}
    wish = [{"weight": 100, "podAffinityTerm": term}]
    document: dict[str, Any] = {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app": workload, "pod-template-hash": "5d4c"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": f"{workload}-5d4c", "controller": True}],
        },
        "spec": {
            "nodeName": f"node-{number % nodes}",
            "containers": [{"name": "c", "image": "i:1", "resources": {"requests": {"cpu": "100m", "memory": "1Gi"}}}],
            "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": wish}},
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}],
            "volumes": [{"name": f"kube-api-access-{number}", "projected": {"sources": []}}],
        },
        "status": {"phase": "Running", "startTime": "2026-01-01T00:00:00Z"},
    }
    return Object(api_version="v1", kind="Pod", namespace=namespace, name=name, document=document)


def node(number: int) -> Object:
    name = f"node-{number}"
    labels = {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": f"z{number % 3}"}
    document = {
        "metadata": {"name": name, "labels": labels},
        "status": {"allocatable": {"cpu": "32", "memory": "128Gi", "pods": "110"}},
    }
    return Object(api_version="v1", kind="Node", namespace="", name=name, document=document)


def first(pods: int) -> tuple[FactBase, Cluster, float]:
    """Facts of a cluster with thirty pods a node, and the seconds of processor time that they took."""
    nodes = pods // 30
    cluster = Cluster.of([*map(node, range(nodes)), *(pod(number, nodes) for number in range(pods))])
    base = FactBase(MODULES)
    start = time.process_time()
    delta = base.update(cluster)
    assert len(delta.added["shape"]) == WORKLOADS
    return base, cluster, time.process_time() - start


def test_facts_are_linear_in_pods() -> None:
    _, _, small = first(3_000)
    _, _, large = first(30_000)
    print(f"\n30,000 pods: {large:.2f} s, {large / small:.1f} times as long as 3,000")
    assert large / small < 20


def test_a_changed_pod_costs_a_hundredth() -> None:
    base, cluster, full = first(30_000)
    changed = pod(7, 1_000)
    start = time.process_time()
    delta = base.update(cluster.replacing([changed], without=[("Pod", pod(8, 1_000).key)]))
    one = time.process_time() - start
    print(f"\nfirst facts {full:.2f} s, after a change {1000 * one:.1f} ms: 1/{full / one:.0f}")
    assert delta.removed
    assert full / one > 50


def test_new_statuses_cost_less_than_new_pods() -> None:
    """Only what reads the fields that changed is asked again, about the pod before and after."""
    base, cluster, full = first(30_000)
    status = {"phase": "Running", "startTime": "2026-01-01T00:00:00Z", "podIP": "10.0.0.1"}
    changed = cluster.replacing(edited(each, [], {"status": status}) for each in cluster.objects("Pod").values())
    start = time.process_time()
    delta = base.update(changed)
    took = time.process_time() - start
    print(f"\nfirst facts {full:.2f} s, after all statuses changed {took:.2f} s: {took / full:.0%}")
    assert set(delta.added) == {"pod_address"}
    assert took < 0.7 * full
