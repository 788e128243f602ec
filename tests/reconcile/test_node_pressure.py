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
    assert pod.document["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 143
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


# -- limits of emptyDir volumes, soft thresholds, graces, critical pods ------------------------------------------------


def failed(lab: Lab, reason: str) -> list[str]:
    """The workloads whose pods ended for a reason, sorted."""
    found = [pod.document for pod in lab.of("Pod") if pod.document["status"].get("reason") == reason]
    return sorted(each["metadata"]["labels"]["app"] for each in found)


def test_an_empty_dir_beyond_its_limit_ends_its_pod_and_tells_of_no_disruption() -> None:
    made = disk_lab()
    volumes = {"volumes": [{"name": "cache", "emptyDir": {"sizeLimit": "1Gi"}}, {"name": "spool", "emptyDir": {}}]}
    made.create(workload("Deployment", "web", replicas=1, template_spec=volumes))
    made.wait(5)
    made.world(
        ("workload_fills", ("Deployment", "default/web", "cache", GIB)),
        ("workload_fills", ("Deployment", "default/web", "spool", 5 * GIB)),
    )
    made.wait(30)
    assert failed(made, "Evicted") == []
    made.world(("workload_fills", ("Deployment", "default/web", "cache", GIB + 1)))
    made.wait(10)
    (pod, *_) = [each.document for each in made.of("Pod") if each.document["status"].get("reason") == "Evicted"]
    assert pod["status"]["message"] == 'Usage of EmptyDir volume "cache" exceeds the limit "1Gi". '
    assert "DisruptionTarget" not in {each["type"] for each in pod["status"]["conditions"]}


@pytest.mark.parametrize(("waits", "gone"), [(85, []), (115, ["low"])])
def test_a_soft_threshold_is_told_at_once_and_evicts_after_its_grace_period(waits: int, gone: list[str]) -> None:
    made = disk_lab(kubelet_memory_soft_threshold=2 * GIB, kubelet_maximum_pod_grace=20_000)
    made.create(workload("Deployment", "low", replicas=1))
    made.wait(5)
    say(made, "low", "memory", 31 * GIB)
    made.wait(12)
    assert pressure(made) == "True/KubeletHasInsufficientMemory"
    assert evicted(made) == []
    made.wait(waits - 12)
    assert evicted(made) == gone


def critical(cpu: str) -> dict[str, object]:
    container = {"name": "a", "image": "proxy:1", "resources": {"requests": {"cpu": cpu}}}
    spec = {"nodeName": "n1", "priorityClassName": "system-node-critical", "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "proxy", "namespace": "kube-system"}, "spec": spec}


@pytest.mark.parametrize(
    ("cpu", "gone", "says"),
    [
        ("1", [], ""),
        ("2", ["small"], ""),
        ("3", ["middle"], ""),
        ("4", ["middle", "small"], ""),
        ("5", ["large"], ""),
        ("6", ["large", "small"], ""),
        ("9", [], "UnexpectedAdmissionError"),
    ],
)
def test_for_a_critical_pod_that_lacks_room_as_few_pods_as_possible_go(cpu: str, gone: list[str], says: str) -> None:
    made = Lab(TICKER, nodes=("n1",), cpu="8")
    made.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system"}})
    for name, asked, most in (
        ("small", "1", None),
        ("middle", "2", None),
        ("large", "4", {"cpu": "4", "memory": "1Gi"}),
    ):
        resources = {"requests": {"cpu": asked}, **({"limits": most} if most else {})}
        made.create(workload("Deployment", name, replicas=1, container={"resources": resources}))
    made.wait(5)
    made.create(critical(cpu))
    made.wait(5)
    status = made.state.cluster.objects("Pod")["kube-system/proxy"].document["status"]
    assert failed(made, "Preempting") == gone
    assert status.get("reason", "") == says
    assert status["phase"] == ("Failed" if says else "Running")


def test_a_victim_that_does_not_listen_keeps_the_critical_pod_waiting_for_its_grace() -> None:
    made = Lab(TICKER, nodes=("n1",), cpu="2")
    made.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system"}})
    asks = {"resources": {"requests": {"cpu": "2"}}}
    made.create(workload("Deployment", "deaf", replicas=1, image="deaf:1", container=asks))
    made.world(("image_ignores_stop", ("deaf:1",)))
    made.wait(5)
    made.create(critical("1"))
    made.wait(25)
    assert made.state.cluster.objects("Pod")["kube-system/proxy"].document["status"]["phase"] == "Pending"
    made.wait(10)
    assert made.state.cluster.objects("Pod")["kube-system/proxy"].document["status"]["phase"] == "Running"
    (pod,) = [each.document for each in made.of("Pod") if each.document["status"].get("reason") == "Preempting"]
    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 137


def test_a_pod_beyond_its_deadline_fails_with_that_reason() -> None:
    made = disk_lab()
    container = {"name": "c", "image": "app:1"}
    spec = {"activeDeadlineSeconds": 30, "containers": [container]}
    made.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "short"}, "spec": spec})
    made.wait(40)
    status = made.status("Pod", "short")
    assert (status["phase"], status["reason"]) == ("Failed", "DeadlineExceeded")
