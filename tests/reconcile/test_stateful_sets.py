"""StatefulSets with minReadySeconds, and claims that are stale.

Source: stateful_set_control.go (updateStatefulSet, processCondemned), stateful_pod_control.go (PodClaimIsStale).
"""

from __future__ import annotations

from typing import Any

from kubelogic.facts.rulebook import load_rulebook
from kubelogic.reconcile.engine import reconciler
from tests.support.lab import Lab, workload

TICKER = reconciler(load_rulebook(), scheduler="kube")


def opened(replicas: int, **spec: Any) -> Lab:
    lab = Lab(TICKER)
    lab.create(workload("StatefulSet", "db", replicas=replicas, **spec))
    lab.wait(120)
    return lab


def old_pods(lab: Lab) -> int:
    return sum(pod.startswith("app:1") for pod in lab.pods("StatefulSet/db"))


def test_a_parallel_update_waits_for_min_ready_seconds_of_each_pod() -> None:
    lab = opened(3, podManagementPolicy="Parallel", minReadySeconds=10)
    lab.image("StatefulSet", "db", "app:2")
    lab.wait(5)
    assert old_pods(lab) == 2
    lab.wait(10)
    assert old_pods(lab) == 1
    lab.wait(30)
    assert old_pods(lab) == 0


def test_without_min_ready_seconds_it_waits_for_readiness_only() -> None:
    lab = opened(3, podManagementPolicy="Parallel")
    lab.image("StatefulSet", "db", "app:2")
    lab.wait(5)
    assert old_pods(lab) == 0


def test_the_lowest_surplus_pod_need_not_be_available_to_go() -> None:
    lab = opened(2, minReadySeconds=30)
    lab.scale("StatefulSet", "db", 3)
    lab.wait(5)
    assert lab.names("Pod") == ["db-0", "db-1", "db-2"]
    lab.scale("StatefulSet", "db", 2)
    lab.wait(5)
    assert lab.names("Pod") == ["db-0", "db-1"]


def test_a_pod_comes_back_only_when_the_claim_of_the_one_before_it_is_gone() -> None:
    lab = Lab(TICKER)
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    lab.create(
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "disk", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
            "provisioner": "csi.example.com",
        }
    )
    policy = {"whenScaled": "Delete"}
    lab.create(
        workload(
            "StatefulSet", "db", replicas=2, volumeClaimTemplates=[claim], persistentVolumeClaimRetentionPolicy=policy
        )
    )
    lab.wait(60)
    lab.patch("PersistentVolumeClaim", "data-db-1", {"metadata": {"finalizers": ["example.com/copy"]}})
    lab.scale("StatefulSet", "db", 1)
    lab.wait(20)
    lab.scale("StatefulSet", "db", 2)
    lab.wait(20)
    assert lab.names("Pod") == ["db-0"]
    lab.patch("PersistentVolumeClaim", "data-db-1", {"metadata": {"finalizers": None}})
    lab.wait(60)
    assert lab.pods("StatefulSet/db") == ["app:1 Running ready", "app:1 Running ready"]
