"""Nodes whose memory runs short: which pods their kubelets evict, and what is told of the node.

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
