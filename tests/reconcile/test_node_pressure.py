"""Nodes that run short of memory, disk or processes: which pods their kubelets evict, and what is told of the node.

Source: pkg/kubelet/eviction (synchronize, rankMemoryPressure, Admit).
"""

from __future__ import annotations

import pytest

from kubelogic.facts.rulebook import load_rulebook
from kubelogic.reconcile.engine import reconciler
from tests.support.lab import Lab, workload

TICKER = reconciler(load_rulebook(), scheduler="kube")
GIB = 2**30


@pytest.fixture
def lab() -> Lab:
    """One node of 32 GiB with a pod of each kind."""
    made = Lab(TICKER, nodes=("n1",))
    for name, memory in (("low", "1Gi"), ("high", "4Gi"), ("free", None)):
        container = {"resources": {"requests": {"memory": memory}}} if memory else {}
        made.create(workload("Deployment", name, replicas=1, container=container))
    made.wait(5)
    return made


def use(lab: Lab, name: str, gibibytes: int) -> None:
    """Say what each pod of a Deployment uses."""
    rows = [row for row in lab.state.world.get("workload_uses", ()) if row[1] == f"default/{name}"]
    lab.no_more(*(("workload_uses", row) for row in rows))
    lab.world(("workload_uses", ("Deployment", f"default/{name}", "", "memory", gibibytes * GIB)))


def evicted(lab: Lab) -> list[str]:
    """The Deployments whose pods were evicted, sorted."""
    failed = [pod for pod in lab.of("Pod") if pod.document["status"].get("reason") == "Evicted"]
    return sorted(pod.document["metadata"]["labels"]["app"] for pod in failed)


def pressure(lab: Lab) -> str:
    """What the node says of its memory."""
    return lab.conditions("Node", "n1").get("MemoryPressure", "")


def test_the_pod_furthest_above_its_request_goes_and_is_made_anew(lab: Lab) -> None:
    use(lab, "low", 20)
    use(lab, "high", 22)
    lab.wait(12)
    assert evicted(lab) == ["low"]
    assert pressure(lab) == "True/KubeletHasInsufficientMemory"
    (pod,) = [each for each in lab.of("Pod") if each.document["status"].get("reason") == "Evicted"]
    assert pod.document["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 137
    assert {c["type"]: c.get("reason") for c in pod.document["status"]["conditions"]}["DisruptionTarget"] == (
        "TerminationByKubelet"
    )
    assert lab.status("Deployment", "low")["unavailableReplicas"] == 1  # its next pod does not bear the taint


def test_nothing_goes_while_there_is_room(lab: Lab) -> None:
    use(lab, "high", 28)
    lab.wait(60)
    assert evicted(lab) == []
    assert pressure(lab) == ""


def test_pressure_is_taken_back_after_five_minutes(lab: Lab) -> None:
    use(lab, "low", 40)
    lab.wait(12)
    assert pressure(lab) == "True/KubeletHasInsufficientMemory"
    lab.wait(280)
    assert pressure(lab) == "True/KubeletHasInsufficientMemory"
    use(lab, "low", 1)
    lab.wait(60)
    assert pressure(lab) == "False/KubeletHasSufficientMemory"
    assert lab.status("Deployment", "low").get("unavailableReplicas") is None


def disk_lab(**parameters: int) -> Lab:
    """One node with 100 GiB of disk for pods."""
    ticker = reconciler(load_rulebook((), parameters), scheduler="kube") if parameters else TICKER
    made = Lab(ticker, nodes=("n1",))
    made.patch("Node", "n1", {"status": {"allocatable": {"ephemeral-storage": "100Gi"}}}, subresource="status")
    return made


def say(lab: Lab, name: str, resource: str, amount: int) -> None:
    """Say what each pod of a Deployment uses of something."""
    lab.world(("workload_uses", ("Deployment", f"default/{name}", "", resource, amount)))


def test_a_full_disk_evicts_who_is_above_its_request_and_keeps_other_pods_away() -> None:
    made = disk_lab()
    asks = {"resources": {"requests": {"ephemeral-storage": "70Gi"}}}
    made.create(workload("Deployment", "asks", replicas=1, container=asks))
    made.create(workload("Deployment", "free", replicas=1))
    made.wait(5)
    say(made, "asks", "ephemeral-storage", 70 * GIB)
    say(made, "free", "ephemeral-storage", 40 * GIB)
    made.wait(12)
    assert evicted(made) == ["free"]
    assert made.conditions("Node", "n1")["DiskPressure"] == "True/KubeletHasDiskPressure"
    assert made.status("Deployment", "free")["unavailableReplicas"] == 1  # of the taint that the condition brings
    made.no_more(("workload_uses", ("Deployment", "default/free", "", "ephemeral-storage", 40 * GIB)))
    made.wait(320)
    assert made.conditions("Node", "n1")["DiskPressure"] == "False/KubeletHasNoDiskPressure"


def test_a_pod_over_its_own_limit_goes_though_the_disk_has_room() -> None:
    made = disk_lab()
    made.create(
        workload("Deployment", "tidy", replicas=1, container={"resources": {"limits": {"ephemeral-storage": "1Gi"}}})
    )
    made.wait(5)
    say(made, "tidy", "ephemeral-storage", GIB)
    made.wait(12)
    assert evicted(made) == []
    made.no_more(("workload_uses", ("Deployment", "default/tidy", "", "ephemeral-storage", GIB)))
    say(made, "tidy", "ephemeral-storage", GIB + 1)
    made.wait(12)
    (pod, *_) = [each for each in made.of("Pod") if each.document["status"].get("reason") == "Evicted"]
    assert pod.document["status"]["message"] == (
        "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. "
    )
    assert "DiskPressure" not in made.conditions("Node", "n1")


@pytest.mark.parametrize(("most", "gone"), [(0, []), (100, ["low"]), (200, [])])
def test_processes_are_counted_only_where_the_node_says_how_many_it_can_have(most: int, gone: list[str]) -> None:
    made = disk_lab(node_processes=most) if most else disk_lab()
    made.create(workload("Deployment", "low", replicas=1))
    made.wait(5)
    say(made, "low", "pids", 150)
    made.wait(12)
    assert evicted(made) == gone


def test_static_pods_stay_whatever_they_use() -> None:
    made = disk_lab()
    made.create(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "etcd-n1", "annotations": {"kubernetes.io/config.mirror": "x"}},
            "spec": {"nodeName": "n1", "containers": [{"name": "etcd", "image": "etcd:1"}]},
        }
    )
    made.wait(5)
    made.world(("workload_uses", ("Pod", "default/etcd-n1", "", "memory", 40 * GIB)))
    made.world(("pod_uses", (made.document("Pod", "etcd-n1")["metadata"]["uid"], "", "memory", 40 * GIB)))
    made.wait(12)
    assert made.status("Pod", "etcd-n1")["phase"] == "Running"
    assert pressure(made) == "True/KubeletHasInsufficientMemory"


def test_the_copy_of_a_static_pod_that_is_deleted_is_made_anew_and_its_containers_run_on() -> None:
    made = disk_lab()
    container = {"name": "etcd", "image": "etcd:1"}
    mirror = {"name": "etcd-n1", "annotations": {"kubernetes.io/config.mirror": "x"}}
    made.create(
        {"apiVersion": "v1", "kind": "Pod", "metadata": mirror, "spec": {"nodeName": "n1", "containers": [container]}}
    )
    made.wait(5)
    before = made.document("Pod", "etcd-n1")
    assert made.delete("Pod", "etcd-n1").accepted
    made.wait(60)
    after = made.document("Pod", "etcd-n1")
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert "deletionTimestamp" not in after["metadata"]
    assert after["status"]["containerStatuses"] == before["status"]["containerStatuses"]
    made.silence("n1")
    made.delete("Pod", "etcd-n1")
    made.wait(5)
    assert "deletionTimestamp" in made.document("Pod", "etcd-n1")["metadata"]
