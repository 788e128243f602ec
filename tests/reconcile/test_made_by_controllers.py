"""What controllers make beside pods: it is admitted like anything else, adopted again, and its names may collide."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.cluster import naming
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.kinds.validation import admit
from kubelogic.reconcile.engine import reconciler
from tests.support.lab import Lab, workload

TICKER = reconciler(load_rulebook(), scheduler="kube")
CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "std", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    "provisioner": "csi.example.org",
}
CLAIM: dict[str, Any] = {
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}


@pytest.mark.parametrize(("kind", "spec"), [("StatefulSet", {"replicas": 2}), ("DaemonSet", {})])
def test_a_new_owner_adopts_the_pods_and_revisions_that_another_left(kind: str, spec: Any) -> None:
    lab = Lab(TICKER, nodes=("n1", "n2"))
    lab.create(workload(kind, "db", **spec))
    lab.wait(20)
    lab.image(kind, "db", "app:2")
    lab.wait(60)
    lab.delete(kind, "db", propagation="Orphan")
    lab.wait(5)
    before = lab.names("Pod")
    assert lab.names("ControllerRevision", f"{kind}/db") == []
    lab.create(workload(kind, "db", image="app:2", **spec))
    lab.wait(30)
    assert lab.names("Pod", f"{kind}/db") == before
    assert sorted(each.document["revision"] for each in lab.of("ControllerRevision", f"{kind}/db")) == [1, 2]


def test_another_replica_set_of_the_name_is_a_collision() -> None:
    lab = Lab(TICKER)
    manifest = workload("Deployment", "web", replicas=1)
    stored = admit(manifest, namespace="default").document
    name = f"web-{naming.template_hash(stored['spec']['template'])}"
    stranger = workload("ReplicaSet", "stranger", replicas=0)
    lab.create({**stranger, "metadata": {"name": name}})
    lab.create(manifest)
    lab.wait(10)
    assert lab.status("Deployment", "web")["collisionCount"] == 1
    (made,) = lab.of("ReplicaSet", "Deployment/web")
    assert made.name == f"web-{naming.template_hash(stored['spec']['template'], 1)}"
    assert lab.pods("ReplicaSet/" + made.name) == ["app:1 Running ready"]


def test_claims_of_a_stateful_set_get_the_default_class() -> None:
    lab = Lab(TICKER)
    lab.create(CLASS)
    lab.create(workload("StatefulSet", "db", replicas=2, volumeClaimTemplates=[CLAIM]))
    lab.wait(20)
    assert [each.document["spec"]["storageClassName"] for each in lab.of("PersistentVolumeClaim")] == ["std", "std"]
    assert lab.pods() == ["app:1 Running ready"] * 2


def test_a_claim_gets_a_class_that_becomes_the_default_later_and_is_provisioned_at_once() -> None:
    lab = Lab(TICKER)
    lab.create({"apiVersion": "v1", "kind": "PersistentVolumeClaim", **CLAIM})
    lab.wait(20)
    assert lab.status("PersistentVolumeClaim", "data")["phase"] == "Pending"
    lab.create(CLASS)
    lab.wait(16)
    assert lab.status("PersistentVolumeClaim", "data")["phase"] == "Bound"


def test_an_autoscaler_whose_conditions_are_set_can_be_changed() -> None:
    lab = Lab(TICKER)
    lab.create(workload("Deployment", "web", replicas=2))
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": target, "maxReplicas": 5}
    lab.create(
        {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"}, "spec": spec}
    )
    lab.wait(40)
    assert lab.patch("HorizontalPodAutoscaler", "h", {"spec": {"minReplicas": 3}}).accepted
    lab.wait(40)
    assert lab.sizes("web") == {"app:1": 3}


def test_claims_that_a_quota_refuses_are_tried_again() -> None:
    lab = Lab(TICKER)
    lab.create(CLASS)
    hard = {"persistentvolumeclaims": "1"}
    lab.create({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": hard}})
    lab.wait(1)
    lab.create(workload("StatefulSet", "db", replicas=2, volumeClaimTemplates=[CLAIM]))
    lab.wait(20)
    assert lab.names("Pod") == ["db-0"]
    refused = [each.answer.message for step, _ in lab.steps for each in step.refused]
    assert refused == [
        'persistentvolumeclaims "data-db-1" is forbidden: exceeded quota: q, requested: persistentvolumeclaims=1, '
        "used: persistentvolumeclaims=1, limited: persistentvolumeclaims=1"
    ]
    lab.patch("ResourceQuota", "q", {"spec": {"hard": {"persistentvolumeclaims": "2"}}})
    lab.wait(60)
    assert lab.pods() == ["app:1 Running ready"] * 2


def test_a_replica_set_that_a_quota_refuses_holds_up_the_rollout() -> None:
    lab = Lab(TICKER)
    hard = {"count/replicasets.apps": "1"}
    lab.create({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": hard}})
    lab.wait(1)
    lab.create(workload("Deployment", "web", replicas=2))
    lab.wait(10)
    lab.image("Deployment", "web", "app:2")
    lab.wait(10)
    assert lab.sizes("web") == {"app:1": 2}
    assert lab.conditions("Deployment", "web")["Progressing"] == "False/ReplicaSetCreateError"
    assert lab.status("ResourceQuota", "q")["used"] == hard
    lab.patch("ResourceQuota", "q", {"spec": {"hard": {"count/replicasets.apps": "2"}}})
    lab.wait(60)
    assert lab.sizes("web") == {"app:2": 2}
    assert lab.conditions("Deployment", "web")["Progressing"] == "True/NewReplicaSetAvailable"


def test_max_unavailable_of_a_stateful_set_is_told_to_have_no_effect() -> None:
    pace = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 2}}
    admitted = admit(workload("StatefulSet", "db", updateStrategy=pace), namespace="default")
    assert [(each.code, "MaxUnavailableStatefulSet is off" in each.message) for each in admitted.warnings] == [
        ("KL190", True)
    ]


def local_volume(node: str) -> dict[str, Any]:
    term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}
    spec = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "local",
        "local": {"path": "/disk"},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}},
    }
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": f"at-{node}"}, "spec": spec}


@pytest.mark.parametrize("scheduler", ["kube", "optimal"])
def test_the_scheduler_gives_each_claim_a_volume_of_its_node_before_the_next_pod_looks(scheduler: Any) -> None:
    lab = Lab(reconciler(load_rulebook(), scheduler=scheduler), nodes=("a", "b"))
    waiting = {**CLASS, "metadata": {"name": "local"}, "provisioner": "kubernetes.io/no-provisioner"}
    lab.create({**waiting, "volumeBindingMode": "WaitForFirstConsumer"})
    for node in ("a", "b"):
        lab.create(local_volume(node))
    claim = {**CLAIM, "spec": {**CLAIM["spec"], "storageClassName": "local"}}
    lab.create(workload("StatefulSet", "db", replicas=3, podManagementPolicy="Parallel", volumeClaimTemplates=[claim]))
    lab.wait(20)
    placed = {each.name: each.document["spec"].get("nodeName") for each in lab.of("Pod")}
    volumes = {each.name: each.document["spec"].get("volumeName") for each in lab.of("PersistentVolumeClaim")}
    assert sorted(filter(None, placed.values())) == ["a", "b"]
    assert all(volumes[f"data-{pod}"] == (node and f"at-{node}") for pod, node in placed.items())


def test_a_template_is_another_one_with_another_finalizer_but_not_with_an_empty_date() -> None:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "a:1"}]}}
    dated = {**template, "metadata": {**template["metadata"], "creationTimestamp": None, "finalizers": []}}
    held = {**template, "metadata": {**template["metadata"], "finalizers": ["example.com/hold"]}}
    assert naming.template_hash(dated) == naming.template_hash(template)
    assert naming.template_hash(held) != naming.template_hash(template)
