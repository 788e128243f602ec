"""What it costs to say what a cluster survives, and to run generated disturbances: processor time, against limits."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from kubelogic.api import load, verify
from kubelogic.testing import Trial, around, every_pod_placed, every_service_has_an_endpoint, world

pytestmark = pytest.mark.benchmark
Document = dict[str, Any]
MINUTE = 60.0


def node(number: int, kinds: int) -> Document:
    kind, name = number % kinds, f"n{number:04d}"
    labels = {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": f"z{kind % 3}", "pool": f"p{kind}"}
    amounts = {"cpu": str(16 + kind % 4 * 4), "memory": f"{64 + 16 * (kind % 5)}Gi", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "status": {"allocatable": amounts},
    }


def app(number: int, replicas: int) -> list[Document]:
    name = f"app{number:02d}"
    cpu, memory = (200, 400, 800, 1000, 1500)[number % 5], (256, 512, 1024, 3072)[number % 4]
    resources = {"requests": {"cpu": f"{cpu}m", "memory": f"{memory}Mi"}}
    labels = {"app": name}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "c", "image": f"{name}:1", "resources": resources}]},
    }
    deployment = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    service = {"selector": labels, "ports": [{"port": 80}]}
    budget = {"selector": {"matchLabels": labels}, "maxUnavailable": "25%"}
    return [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": deployment},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": service},
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name}, "spec": budget},
    ]


@pytest.mark.parametrize(
    ("nodes", "kinds", "pods", "apps", "question"),
    [
        (100, 6, 1000, 20, {"survive": "node:2"}),
        (100, 6, 1000, 20, {"drain_all": True}),
        (5000, 60, 50_000, 50, {"survive": "node:1"}),
    ],
)
def test_what_a_cluster_survives(nodes: int, kinds: int, pods: int, apps: int, question: Document) -> None:
    from kubelogic.api import Options

    documents = [node(i, kinds) for i in range(nodes)]
    documents += [each for i in range(apps) for each in app(i, pods // apps)]
    cluster = load(documents)
    begun = time.process_time()
    found = verify(cluster, Options(parameters={"cluster_cidr": "10.0.0.0/8"}), **question)
    took = time.process_time() - begun
    print(f"{nodes} nodes, {pods} pods, {question}: {took:.1f} s of processor time, {took / MINUTE:.2f} of the limit")
    assert found.verdict == "holds", found.to_text()
    assert took < MINUTE


def test_a_hundred_examples_around_the_shop() -> None:
    shop = world("fixtures/shop")
    seen = []

    @settings(
        max_examples=100,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(around(shop))
    def run(trial: Trial) -> None:
        seen.append(trial.run(every_pod_placed(), every_service_has_an_endpoint()))

    begun = time.process_time()
    run()
    took = time.process_time() - begun
    print(f"{len(seen)} examples: {took:.1f} s of processor time, {took / MINUTE:.2f} of the limit")
    assert took < MINUTE
