"""Volumes of one node, places of provisioned volumes, claims that lose volumes, pods that kubelets do not take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from kubelogic.facts.rulebook import load_rulebook
from kubelogic.reconcile.engine import reconciler
from tests.support.lab import Lab, workload

TICKER = reconciler(load_rulebook(), scheduler="kube")
DRIVER = "disk.example.com"
ZONE = "topology.kubernetes.io/zone"
CREATING = "ContainerCreating"


def storage(name: str = "disk", *, provisioner: str = DRIVER, waits: bool = True, **more: Any) -> dict[str, Any]:
    mode = {"volumeBindingMode": "WaitForFirstConsumer"} if waits else {}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": provisioner,
        **mode,
        **more,
    }


def claim(
    name: str = "data", *, modes: Sequence[str] = ("ReadWriteOnce",), storage_class: str = "disk"
) -> dict[str, Any]:
    spec = {
        "accessModes": list(modes),
        "storageClassName": storage_class,
        "resources": {"requests": {"storage": "1Gi"}},
    }
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


def driver(node: str, *keys: str) -> dict[str, Any]:
    found = {"name": DRIVER, "nodeID": node, "topologyKeys": list(keys)}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "CSINode",
        "metadata": {"name": node},
        "spec": {"drivers": [found]},
    }


def using(name: str, *, on: str = "", claim_name: str = "data") -> dict[str, Any]:
    spec: dict[str, Any] = {
        "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": claim_name}}],
        "containers": [{"name": "c", "image": "app:1"}],
    }
    if on:
        spec["nodeSelector"] = {"kubernetes.io/hostname": on}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def waiting(lab: Lab, pod: str) -> str:
    """Why the containers of a pod wait; empty if none does."""
    found = lab.document("Pod", pod).get("status") or {}
    reasons = [(each.get("state") or {}).get("waiting", {}) for each in found.get("containerStatuses") or ()]
    return next((f"{each['reason']}: {each.get('message', '')}" for each in reasons if each), "")


def phase(lab: Lab, pod: str) -> str:
    return str((lab.document("Pod", pod).get("status") or {}).get("phase"))


def writer(**claim_fields: Any) -> Lab:
    """Two pods on two nodes that use one claim; the second comes later."""
    lab = Lab(TICKER)
    for each in (storage(), claim(**claim_fields), using("first", on="n1")):
        lab.create(each)
    lab.wait(5)
    lab.create(using("second", on="n2"))
    lab.wait(5)
    return lab


# -- attach and detach -------------------------------------------------------------------------------------------


def test_the_second_node_waits_for_a_volume_of_one_node_until_the_first_pod_is_gone() -> None:
    lab = writer()
    assert phase(lab, "first") == "Running"
    assert phase(lab, "second") == "Pending"
    assert waiting(lab, "second").startswith(f"{CREATING}: Multi-Attach error for volume")
    assert "already used by pod(s) first" in waiting(lab, "second")
    lab.delete("Pod", "first")
    lab.wait(5)
    assert phase(lab, "second") == "Running"


@pytest.mark.parametrize("modes", [("ReadWriteMany",), ("ReadOnlyMany",), ("ReadWriteOnce", "ReadWriteMany")])
def test_volumes_of_several_nodes_are_no_trouble(modes: Sequence[str]) -> None:
    lab = writer(modes=modes)
    assert {phase(lab, name) for name in ("first", "second")} == {"Running"}


def test_two_pods_of_one_node_share_a_volume_of_one_node() -> None:
    lab = writer()
    lab.create(using("third", on="n1"))
    lab.wait(5)
    assert phase(lab, "third") == "Running"


def test_a_driver_that_attaches_nothing_lets_every_node_write() -> None:
    lab = Lab(TICKER)
    lab.create(
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "CSIDriver",
            "metadata": {"name": DRIVER},
            "spec": {"attachRequired": False},
        }
    )
    for each in (storage(), claim(), using("first", on="n1")):
        lab.create(each)
    lab.wait(5)
    lab.create(using("second", on="n2"))
    lab.wait(5)
    assert phase(lab, "second") == "Running"


def test_a_silent_node_keeps_a_volume_for_six_minutes() -> None:
    lab = writer()
    lab.silence("n1")
    lab.wait(60)
    lab.delete("Pod", "first", grace=0)
    lab.wait(350)
    assert phase(lab, "second") == "Pending"
    lab.wait(20)
    assert phase(lab, "second") == "Running"


def test_a_node_out_of_service_loses_its_volumes_at_once() -> None:
    lab = writer()
    lab.silence("n1")
    lab.wait(60)
    taint = {"key": "node.kubernetes.io/out-of-service", "value": "down", "effect": "NoExecute"}
    lab.patch("Node", "n1", {"spec": {"taints": [taint]}})
    lab.wait(30)
    assert "first" not in lab.names("Pod")
    assert phase(lab, "second") == "Running"


def test_a_node_that_is_deleted_keeps_a_volume_for_six_minutes_after_its_pods_are_gone() -> None:
    lab = writer()
    lab.silence("n1")
    lab.wait(60)
    lab.delete("Node", "n1")
    lab.wait(70)
    assert "first" not in lab.names("Pod")
    lab.wait(300)
    assert phase(lab, "second") == "Pending"
    lab.wait(70)
    assert phase(lab, "second") == "Running"


def test_a_pod_that_only_terminates_on_a_silent_node_keeps_its_volume() -> None:
    lab = writer()
    lab.silence("n1")
    lab.wait(60)
    lab.delete("Pod", "first")
    lab.wait(900)
    assert phase(lab, "second") == "Pending"


# -- where provisioned volumes are -------------------------------------------------------------------------------


def zoned(**class_fields: Any) -> Lab:
    lab = Lab(TICKER, nodes=())
    for name, zone in (("z1", "a"), ("z2", "b")):
        lab.add_node(name, labels={ZONE: zone})
        lab.create(driver(name, ZONE))
    lab.create(storage(**class_fields))
    return lab


def affinity(lab: Lab) -> Mapping[str, list[str]]:
    (volume,) = lab.of("PersistentVolume")
    terms = ((volume.document["spec"].get("nodeAffinity") or {}).get("required") or {}).get("nodeSelectorTerms") or [{}]
    return {each["key"]: each["values"] for each in terms[0].get("matchExpressions") or ()}


def test_a_volume_is_made_in_the_zone_of_the_chosen_node_and_stays_there() -> None:
    lab = zoned()
    lab.create(claim())
    lab.create(using("first", on="z2"))
    lab.wait(5)
    assert affinity(lab) == {ZONE: ["b"]}
    lab.delete("Pod", "first")
    lab.wait(5)
    lab.create(using("second", on="z1"))
    lab.wait(5)
    assert phase(lab, "second") == "Pending"
    assert not lab.document("Pod", "second")["spec"].get("nodeName")


def test_a_volume_that_waits_for_nobody_is_made_where_the_class_allows() -> None:
    topologies = [{"matchLabelExpressions": [{"key": ZONE, "values": ["b"]}]}]
    lab = zoned(waits=False, allowedTopologies=topologies)
    lab.create(claim())
    lab.wait(5)
    assert affinity(lab) == {ZONE: ["b"]}


def test_volumes_of_a_stateful_set_go_round_the_zones() -> None:
    lab = zoned(waits=False)
    for ordinal in range(2):
        lab.create(claim(f"data-db-{ordinal}"))
    lab.wait(5)
    zones = [volume.document["spec"]["nodeAffinity"] for volume in lab.of("PersistentVolume")]
    assert len({str(each) for each in zones}) == 2


def test_without_topology_a_volume_can_be_used_everywhere() -> None:
    lab = Lab(TICKER)
    for each in (storage(), claim(), using("first")):
        lab.create(each)
    lab.wait(5)
    assert affinity(lab) == {}


# -- claims -------------------------------------------------------------------------------------------------------


def test_a_claim_of_a_pod_that_names_its_node_is_bound_by_nobody() -> None:
    lab = Lab(TICKER)
    pod = using("direct")
    pod["spec"]["nodeName"] = "n1"
    for each in (storage(), claim(), pod):
        lab.create(each)
    lab.wait(300)
    assert lab.document("PersistentVolumeClaim", "data")["status"]["phase"] == "Pending"
    why = "a node is chosen for it when the scheduler places a pod, and spec.nodeName goes past the scheduler"
    expected = f"{CREATING}: the claim default/data is not bound to a volume: {why}; a nodeSelector does not"
    assert waiting(lab, "direct") == expected


def shelf(name: str) -> dict[str, Any]:
    spec = {
        "capacity": {"storage": "2Gi"},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "shelf",
        "hostPath": {"path": "/srv"},
    }
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec}


def test_a_volume_whose_claimref_is_cleared_is_bound_to_its_claim_again() -> None:
    lab = Lab(TICKER)
    lab.create(shelf("v"))
    lab.create(claim("archive", storage_class="shelf"))
    lab.wait(20)
    lab.patch("PersistentVolume", "v", {"spec": {"claimRef": None}})
    lab.wait(16)
    lab.create(claim("intruder", storage_class="shelf"))
    lab.wait(60)
    assert lab.document("PersistentVolume", "v")["spec"]["claimRef"]["name"] == "archive"
    assert lab.document("PersistentVolumeClaim", "intruder")["status"]["phase"] == "Pending"


def test_a_claim_whose_volume_is_taken_by_another_is_lost() -> None:
    lab = Lab(TICKER)
    lab.create(shelf("v"))
    lab.create(claim("archive", storage_class="shelf"))
    lab.wait(20)
    other = {"namespace": "default", "name": "other", "uid": "another-uid", "kind": "PersistentVolumeClaim"}
    lab.patch("PersistentVolume", "v", {"spec": {"claimRef": other}})
    lab.wait(20)
    assert lab.document("PersistentVolumeClaim", "archive")["status"]["phase"] == "Lost"


# -- admission by kubelets ------------------------------------------------------------------------------------------


def pinned(name: str, cpu: str, **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "app:1", "resources": {"requests": {"cpu": cpu}}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"nodeName": "n1", "containers": [container], **spec},
    }


def told(lab: Lab, pod: str) -> tuple[str, str]:
    status = lab.document("Pod", pod)["status"]
    return str(status.get("phase")), str(status.get("reason") or "")


def test_a_kubelet_takes_pods_that_name_it_while_it_has_room() -> None:
    lab = Lab(TICKER, nodes=("n1",), cpu="4")
    for name, cpu in (("a", "3"), ("b", "2"), ("c", "1")):
        lab.create(pinned(name, cpu))
    lab.wait(5)
    assert [told(lab, name) for name in "abc"] == [("Running", ""), ("Failed", "OutOfcpu"), ("Running", "")]
    assert lab.document("Pod", "b")["status"]["message"] == (
        "Pod was rejected: Node didn't have enough resource: cpu, requested: 2000, used: 3000, capacity: 4000"
    )


def test_a_kubelet_does_not_take_pods_that_select_another_node() -> None:
    lab = Lab(TICKER, nodes=("n1",))
    lab.create(pinned("a", "1", nodeSelector={"disk": "ssd"}))
    lab.create(pinned("b", "1", nodeSelector={"kubernetes.io/hostname": "n1"}))
    lab.wait(5)
    assert [told(lab, name) for name in "ab"] == [("Failed", "NodeAffinity"), ("Running", "")]


def test_a_kubelet_does_not_take_two_pods_of_one_port() -> None:
    lab = Lab(TICKER, nodes=("n1",))
    for name in "ab":
        pod = pinned(name, "1")
        pod["spec"]["containers"][0]["ports"] = [{"containerPort": 80, "hostPort": 80}]
        lab.create(pod)
    lab.wait(5)
    assert [told(lab, name) for name in "ab"] == [("Running", ""), ("Failed", "NodePorts")]


def test_a_cordon_is_nothing_to_a_kubelet() -> None:
    lab = Lab(TICKER, nodes=("n1",))
    lab.patch("Node", "n1", {"spec": {"unschedulable": True}})
    lab.create(pinned("a", "1"))
    lab.wait(5)
    assert told(lab, "a") == ("Running", "")


def too_large(kind: str, **spec: Any) -> Lab:
    lab = Lab(TICKER, nodes=("n1",), cpu="1")
    container = {"resources": {"requests": {"cpu": "2"}}}
    lab.create(workload(kind, "agent", container=container, template_spec={"nodeName": "n1"}, **spec))
    return lab


def rejections(lab: Lab) -> int:
    return sum(type(action).__name__ == "RejectPod" for step, _ in lab.steps for action in step.actions)


def test_a_daemon_set_waits_longer_and_longer() -> None:
    lab = too_large("DaemonSet")
    lab.wait(20)
    assert 3 <= rejections(lab) <= 6, "after 1, 2, 4 and 8 seconds"
