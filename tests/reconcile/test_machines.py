"""Machines that stop, are gone, or are shut down in good order, as steps of scenarios.

Source: pkg/kubelet/nodeshutdown (killPods, groupByPriority); k8s.io/cloud-provider, node lifecycle controller.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.facts.rulebook import load_rulebook
from kubelogic.reconcile.engine import reconciler
from kubelogic.reconcile.machines import EndShutdown, Machine, Shutdown
from kubelogic.reconcile.performing import perform
from kubelogic.reconcile.scenario import Operation
from tests.support.lab import Lab, workload

BOOKS = {cloud: load_rulebook((), {"cloud_provider": cloud}) for cloud in (0, 1)}


def lab(cloud: int = 0, nodes: tuple[str, ...] = ("n1", "n2")) -> Lab:
    return Lab(reconciler(BOOKS[cloud], scheduler="kube"), nodes=nodes)


def do(lab: Lab, operation: Operation) -> str:
    """Perform a step, what it means for later included; what it answers."""
    done = perform(operation, lab.state)
    lab.state = done.state
    if done.later is not None:
        lab.wait(done.later.after / 1000)
        lab.state = perform(done.later.operation, lab.state).state
    return done.answer.message


def pods(lab: Lab) -> dict[str, tuple[str, str]]:
    """Phase and reason of each pod, by its label ``app``."""
    return {
        pod.document["metadata"]["labels"]["app"]: (
            pod.document["status"]["phase"],
            pod.document["status"].get("reason", ""),
        )
        for pod in lab.of("Pod")
    }


def pinned(name: str, priority: str = "", **spec: Any) -> dict[str, Any]:
    """A pod on n1."""
    classes = {"priorityClassName": priority} if priority else {}
    containers = [{"name": "app", "image": f"{name}:1"}]
    meta = {"name": name, "labels": {"app": name}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta,
        "spec": {"nodeName": "n1", "containers": containers, **classes, **spec},
    }


def test_pods_end_by_priority_and_the_machine_is_off_afterwards() -> None:
    made = lab(nodes=("n1",))
    for name, priority in (("plain", ""), ("deaf", ""), ("vital", "system-node-critical")):
        document = pinned(name, priority)
        if priority:
            document["metadata"]["namespace"] = "kube-system"
        made.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system"}})
        assert made.create(document).accepted
    made.world(("image_ignores_stop", ("deaf:1",)))
    made.wait(5)
    started = perform(Shutdown(node="n1", periods=((0, 10_000), (2_000_000_000, 5_000))), made.state)
    made.state = started.state
    made.wait(1)
    assert made.conditions("Node", "n1")["Ready"] == "False/KubeletNotReady"
    assert pods(made) == {"plain": ("Failed", "Terminated"), "deaf": ("Running", ""), "vital": ("Running", "")}
    made.create(pinned("late"))
    made.wait(8)
    assert pods(made)["late"] == ("Failed", "NodeShutdown")
    assert pods(made)["vital"] == ("Running", "")
    made.wait(3)
    assert pods(made)["deaf"] == ("Failed", "Terminated")
    assert pods(made)["vital"] == ("Failed", "Terminated")
    assert started.later is not None
    assert started.later.after == 15_000
    assert (started.later.operation, made.state.now < started.later.after) == (EndShutdown(node="n1"), False)


def test_a_workload_goes_on_elsewhere_and_the_node_is_back_when_its_machine_runs() -> None:
    made = lab()
    made.create(workload("Deployment", "web", replicas=1))
    made.wait(5)
    (node,) = {pod.document["spec"]["nodeName"] for pod in made.of("Pod")}
    assert do(made, Shutdown(node=node, periods=((0, 30_000), (2_000_000_000, 0)))) == ""
    assert made.status("Deployment", "web")["readyReplicas"] == 1
    assert sorted(pod.document["status"]["phase"] for pod in made.of("Pod")) == ["Failed", "Running"]
    assert "does not work" in do(made, Shutdown(node=node, periods=((0, 30_000),)))
    made.wait(60)
    assert made.conditions("Node", node)["Ready"] == "Unknown/NodeStatusUnknown"
    assert do(made, Machine(node=node, state="running")) == ""
    made.wait(10)
    assert made.conditions("Node", node)["Ready"] == "True/KubeletReady"
    assert not any(name in made.state.world and made.state.world[name] for name in ("node_shutdown", "machine_stopped"))


@pytest.mark.parametrize(
    ("cloud", "state", "there", "taint"),
    [(1, "gone", False, False), (0, "gone", True, False), (1, "stopped", True, True), (0, "stopped", True, False)],
)
def test_the_cloud_is_asked_about_a_node_that_is_not_ready(cloud: int, state: str, *, there: bool, taint: bool) -> None:
    made = lab(cloud)
    assert do(made, Machine(node="n1", state=state)) == ""
    made.wait(90)
    found = made.state.cluster.get("Node", "n1")
    assert (found is not None) is there
    keys = {each["key"] for each in (found.document["spec"].get("taints") or ())} if found is not None else set()
    assert ("node.cloudprovider.kubernetes.io/shutdown" in keys) is taint


def test_a_node_that_is_set_up_gets_the_zone_of_its_machine() -> None:
    made = lab(1, nodes=("n1",))
    assert do(made, Machine(node="n2", zone="b")).startswith("Node n2 does not exist")
    taint = {"key": "node.cloudprovider.kubernetes.io/uninitialized", "value": "true", "effect": "NoSchedule"}
    made.patch("Node", "n1", {"spec": {"taints": [taint]}})
    do(made, Machine(node="n1", zone="b"))
    made.wait(1)
    node = made.document("Node", "n1")
    assert node["metadata"]["labels"]["topology.kubernetes.io/zone"] == "b"
    assert not node["spec"].get("taints")


def test_containers_start_anew_when_a_stopped_machine_runs_again() -> None:
    made = lab(nodes=("n1",))
    made.create(pinned("plain"))
    made.wait(5)
    do(made, Machine(node="n1", state="stopped"))
    made.wait(20)
    do(made, Machine(node="n1", state="running"))
    made.wait(15)
    (pod,) = made.of("Pod")
    assert pod.document["status"]["containerStatuses"][0]["restartCount"] == 1


def test_a_static_pod_ends_with_its_node_and_starts_again_with_it() -> None:
    made = lab(nodes=("n1",))
    document = pinned("etcd", terminationGracePeriodSeconds=5)
    document["metadata"]["annotations"] = {"kubernetes.io/config.mirror": "x"}
    assert made.create(document).accepted
    made.wait(5)
    assert do(made, Shutdown(node="n1", periods=((0, 10_000),))) == ""
    made.wait(5)
    assert pods(made) == {"etcd": ("Failed", "Terminated")}
    do(made, Machine(node="n1", state="running"))
    made.wait(10)
    assert pods(made) == {"etcd": ("Running", "")}
