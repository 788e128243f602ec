"""DaemonSets: what rolling updates do with pods that are not available, with surge, and with orphans of another set."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.facts.rulebook import load_rulebook
from kubelogic.reconcile.engine import reconciler
from tests.support.lab import Lab, workload

TICKER = reconciler(load_rulebook(), scheduler="kube")
SURGE = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


def started(**spec: Any) -> Lab:
    lab = Lab(TICKER)
    lab.create(workload("DaemonSet", "agent", **spec))
    lab.wait(10)
    return lab


def gone(lab: Lab) -> set[str]:
    """The nodes whose pod of app:1 is gone or going."""
    nodes = {"n1", "n2", "n3"}
    for pod in lab.of("Pod", "DaemonSet/agent"):
        spec = pod.document["spec"]
        if spec["containers"][0]["image"] == "app:1" and not pod.document["metadata"].get("deletionTimestamp"):
            nodes.discard(spec["nodeName"])
    return nodes


def test_an_old_pod_that_is_not_available_uses_up_the_budget() -> None:
    """Fix forward: only the broken pod goes until its successor is available. kubernetes/kubernetes#123232."""
    lab = Lab(TICKER)
    lab.world(("image_stays_unready", ("app:2",)), ("image_ready_after", ("app:3", 20_000)))
    lab.create(workload("DaemonSet", "agent"))
    lab.wait(10)
    lab.image("DaemonSet", "agent", "app:2")
    lab.wait(30)
    lab.image("DaemonSet", "agent", "app:3")
    lab.wait(5)
    assert lab.pods() == ["app:1 Running ready", "app:1 Running ready", "app:3 Running"]
    lab.wait(70)
    assert lab.pods() == ["app:3 Running ready"] * 3


@pytest.mark.parametrize(("most", "others"), [(1, 0), (2, 1), (3, 2), ("100%", 1)])
def test_a_pod_on_a_silent_node_is_replaced_and_uses_up_the_budget(most: int | str, others: int) -> None:
    lab = started(updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": most}})
    lab.world(("image_stays_unready", ("app:2",)))
    lab.silence("n2")
    lab.wait(60)
    lab.image("DaemonSet", "agent", "app:2")
    lab.wait(60)
    assert "n2" in gone(lab)  # its taint lets no new pod in, so shares are shares of two nodes
    assert len(gone(lab)) == 1 + others


def test_with_surge_the_pod_of_a_node_that_is_reserved_since_goes_and_the_others_are_surged() -> None:
    lab = started(updateStrategy=SURGE)
    lab.patch("Node", "n2", {"spec": {"taints": [{"key": "team", "value": "gpu", "effect": "NoSchedule"}]}})
    lab.wait(10)
    assert lab.nodes_of("DaemonSet/agent") == {"n1": 1, "n2": 1, "n3": 1}
    lab.image("DaemonSet", "agent", "app:2")
    lab.wait(30)
    assert lab.nodes_of("DaemonSet/agent") == {"n1": 1, "n3": 1}
    assert lab.pods() == ["app:2 Running ready"] * 2


def test_with_surge_it_stays_while_too_few_others_are_available() -> None:
    lab = Lab(TICKER)
    lab.world(("image_stays_unready", ("app:2",)))
    lab.create(workload("DaemonSet", "agent", updateStrategy=SURGE))
    lab.wait(10)
    lab.patch("Node", "n2", {"spec": {"taints": [{"key": "team", "value": "gpu", "effect": "NoSchedule"}]}})
    for pod in lab.of("Pod"):
        if pod.document["spec"]["nodeName"] == "n1":
            lab.ready(pod.name, is_ready=False)
    lab.wait(5)
    lab.image("DaemonSet", "agent", "app:2")
    lab.wait(30)
    assert "n2" not in gone(lab)


def test_a_set_that_is_made_again_counts_template_generations_from_one() -> None:
    """Orphans of generation 1 count as updated by a new set of generation 1, whatever its template."""
    lab = started()
    lab.delete("DaemonSet", "agent", propagation="Orphan")
    lab.wait(5)
    lab.create(workload("DaemonSet", "agent", image="app:2"))
    lab.wait(20)
    assert lab.pods() == ["app:1 Running ready"] * 3
    assert lab.status("DaemonSet", "agent")["updatedNumberScheduled"] == 3
    lab.image("DaemonSet", "agent", "app:3")
    lab.wait(30)
    assert lab.pods() == ["app:3 Running ready"] * 3
    labels = {pod.document["metadata"]["labels"]["pod-template-generation"] for pod in lab.of("Pod")}
    assert labels == {"2"}


def test_only_a_changed_template_raises_the_template_generation() -> None:
    lab = started()
    name = "deprecated.daemonset.template.generation"
    lab.patch("DaemonSet", "agent", {"spec": {"minReadySeconds": 1}, "metadata": {"annotations": {name: "9"}}})
    assert lab.document("DaemonSet", "agent")["metadata"]["annotations"][name] == "1"
    lab.image("DaemonSet", "agent", "app:2")
    assert lab.document("DaemonSet", "agent")["metadata"]["annotations"][name] == "2"


def test_the_status_follows_any_change_of_a_pod_but_not_a_taint() -> None:
    lab = started()
    lab.patch("Node", "n2", {"spec": {"taints": [{"key": "team", "value": "gpu", "effect": "NoSchedule"}]}})
    lab.wait(5)
    assert "numberMisscheduled" not in lab.status("DaemonSet", "agent")
    pod = lab.names("Pod")[0]
    lab.patch("Pod", pod, {"metadata": {"annotations": {"seen": "yes"}}})
    lab.wait(5)
    assert lab.status("DaemonSet", "agent")["numberMisscheduled"] == 1
    assert lab.status("DaemonSet", "agent")["desiredNumberScheduled"] == 2


def test_a_pod_that_succeeds_is_made_anew_without_a_wait() -> None:
    lab = Lab(TICKER, nodes=("n1",))
    lab.create(workload("DaemonSet", "agent"))
    lab.wait(5)
    for _ in range(3):
        (pod,) = lab.names("Pod")
        lab.patch("Pod", pod, {"status": {"phase": "Succeeded"}}, subresource="status")
        lab.wait(1)
        assert lab.names("Pod") != [pod]
