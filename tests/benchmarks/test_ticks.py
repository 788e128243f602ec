"""How long ticks take: a rolling update, a first look at a big cluster, and what one node's failure costs."""

from __future__ import annotations

import gc
import time
from typing import Any

import pytest

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.naming import suffix, template_hash
from kubelogic.cluster.state import State
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.reconcile.engine import reconciler
from kubelogic.reconcile.performing import perform
from kubelogic.reconcile.scenario import SetImage
from kubelogic.reconcile.settle import settle

pytestmark = pytest.mark.benchmark

THEN = "2020-01-01T00:00:00Z"
TOLERATIONS = [
    {"key": f"node.kubernetes.io/{trouble}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    for trouble in ("not-ready", "unreachable")
]


def node(number: int) -> Object:
    """A node of 16 cores in one of three zones."""
    name = f"n{number:04}"
    document = {
        "metadata": {
            "name": name,
            "labels": {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": f"z{number % 3}"},
        },
        "spec": {"podCIDR": f"10.{number >> 8}.{number & 255}.0/24"},
        "status": {
            "allocatable": {"cpu": "16", "memory": "64Gi", "pods": "110"},
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "lastTransitionTime": THEN}],
        },
    }
    return Object(api_version="v1", kind="Node", namespace="", name=name, document=document)


def template(app: str, image: str) -> dict[str, Any]:
    """A pod template with one container."""
    container = {"name": "c", "image": image, "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}}}
    return {"metadata": {"labels": {"app": app}}, "spec": {"containers": [container]}}


def deployment(name: str, replicas: int, *, settled: bool) -> Object:
    """A Deployment; with ``settled`` one whose status says that all is there."""
    document: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default", "uid": f"deployment-{name}", "creationTimestamp": THEN},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": template(name, "app:1"),
        },
    }
    if settled:
        document["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "1"}
        document["status"] = {
            "observedGeneration": 1,
            **dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), replicas),
            "conditions": [
                {"type": kind, "status": "True", "reason": reason, "lastTransitionTime": THEN, "lastUpdateTime": THEN}
                for kind, reason in (
                    ("Available", "MinimumReplicasAvailable"),
                    ("Progressing", "NewReplicaSetAvailable"),
                )
            ],
        }
    return Object(api_version="apps/v1", kind="Deployment", namespace="default", name=name, document=document)


def replica_set(owner: Object, replicas: int) -> Object:
    """The settled ReplicaSet of a settled Deployment."""
    spec = owner.document["spec"]
    code = template_hash(spec["template"])
    labels = {"app": owner.name, "pod-template-hash": code}
    name = f"{owner.name}-{code}"
    document = {
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"set-{name}",
            "creationTimestamp": THEN,
            "labels": labels,
            "annotations": {
                "deployment.kubernetes.io/revision": "1",
                "deployment.kubernetes.io/desired-replicas": str(replicas),
                "deployment.kubernetes.io/max-replicas": str(replicas - -replicas // 4),
            },
            "ownerReferences": [reference(owner)],
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {**spec["template"], "metadata": {"labels": labels}},
        },
        "status": {
            "observedGeneration": 1,
            **dict.fromkeys(("replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas"), replicas),
        },
    }
    return Object(api_version="apps/v1", kind="ReplicaSet", namespace="default", name=name, document=document)


def reference(owner: Object) -> dict[str, Any]:
    """A controller reference."""
    uid = owner.document["metadata"]["uid"]
    return {"apiVersion": "apps/v1", "kind": owner.kind, "name": owner.name, "uid": uid, "controller": True}


def running_pod(owner: Object, number: int, host: str) -> Object:
    """A pod that runs, as a real cluster reports it."""
    name = f"{owner.name}-{suffix(str(number), 7)}"
    ready = [
        {"type": kind, "status": "True", "lastTransitionTime": THEN}
        for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")
    ]
    container = owner.document["spec"]["template"]["spec"]["containers"][0]
    document = {
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": f"pod-{number}",
            "generateName": f"{owner.name}-",
            "creationTimestamp": THEN,
            "labels": dict(owner.document["metadata"]["labels"]),
            "ownerReferences": [reference(owner)],
        },
        "spec": {"containers": [dict(container)], "nodeName": host, "priority": 0, "tolerations": TOLERATIONS},
        "status": {
            "phase": "Running",
            "startTime": THEN,
            "podIP": f"10.{number >> 16}.{(number >> 8) & 255}.{number & 255}",
            "conditions": ready,
            "containerStatuses": [
                {
                    "name": "c",
                    "image": "app:1",
                    "ready": True,
                    "started": True,
                    "restartCount": 0,
                    "state": {"running": {"startedAt": THEN}},
                }
            ],
        },
    }
    return Object(api_version="v1", kind="Pod", namespace="default", name=name, document=document)


def running(nodes: int, deployments: int, replicas: int) -> Cluster:
    """A settled cluster of running pods."""
    objects = [node(number) for number in range(nodes)]
    number = 0
    for index in range(deployments):
        owner = deployment(f"app{index}", replicas, settled=True)
        pods = replica_set(owner, replicas)
        objects += [owner, pods]
        for _ in range(replicas):
            objects.append(running_pod(pods, number, f"n{number % nodes:04}"))
            number += 1
    return Cluster.of(objects)


def test_a_rolling_update_of_500_replicas_on_100_nodes() -> None:
    engine = reconciler(load_rulebook(), scheduler="kube")
    cluster = Cluster.of([*(node(number) for number in range(100)), deployment("web", 500, settled=False)])
    begun = settle(engine, State.of(cluster), until=None)
    changed = perform(SetImage(kind="Deployment", key="default/web", image="app:2"), begun.state).state
    start = time.process_time()
    run = settle(engine, changed)
    took = time.process_time() - start
    images = {p.document["spec"]["containers"][0]["image"] for p in run.state.cluster.objects("Pod").values()}
    print(f"\nrolling update of 500: {took:.2f} s, {run.ticks} ticks")
    assert run.settled
    assert images == {"app:2"}
    assert took < 10


def test_10_000_pods_after_one_node_failure() -> None:
    cluster = running(100, 20, 500)
    engine = reconciler(load_rulebook(), scheduler="kube")
    state = State.of(cluster)
    start = time.process_time()
    engine.tick(state)
    first = time.process_time() - start
    failed = state.with_world(add=[("node_silent_since", ("n0000", state.now))])
    start = time.process_time()
    run = settle(engine, failed, until=failed.now + 900_000)
    took = time.process_time() - start
    away = [p for p in run.state.cluster.objects("Pod").values() if p.document["spec"].get("nodeName") != "n0000"]
    print(f"\n10,000 pods: first tick {first:.2f} s, one node's failure to its end {took:.2f} s, {run.ticks} ticks")
    assert run.settled
    assert len(away) >= 10_000
    assert first + took < 5


def test_a_first_tick_over_150_000_pods_and_one_after_a_node_failure() -> None:
    cluster = running(5000, 300, 500)
    gc.collect()
    gc.freeze()
    engine = reconciler(load_rulebook(), scheduler="kube")
    state = State.of(cluster)
    start = time.process_time()
    tick = engine.tick(state)
    first = time.process_time() - start
    failed = state.with_world(add=[("node_silent_since", ("n0000", state.now))])
    start = time.process_time()
    engine.tick(failed)
    again = time.process_time() - start
    gc.unfreeze()
    print(f"\n150,000 pods: first tick {first:.2f} s, after a node went silent {again:.3f} s")
    assert not [action for action in tick.actions if action.type in ("CreatePod", "DeletePod", "ScaleReplicaSet")]
    assert first < 15
    assert again < 0.5
