"""How kubelets stop pods: when the grace period begins, who waits for whose hook, and what outlives its pod's end."""

from __future__ import annotations

from typing import Any

from kubelogic.facts.rulebook import builtin_rulebook
from kubelogic.reconcile.engine import reconciler
from tests.support.lab import Lab

TICKER = reconciler(builtin_rulebook(), scheduler="kube")


def pod(**spec: Any) -> dict[str, Any]:
    containers = [{"name": "c", "image": "app:1"}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": containers, **spec}}


def opened(**spec: Any) -> Lab:
    lab = Lab(TICKER, nodes=("n1",))
    lab.create(pod(**spec))
    lab.wait(5)
    return lab


def states(lab: Lab) -> dict[str, str]:
    status = lab.document("Pod", "p")["status"]
    listed = (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ()))
    return {each["name"]: next(iter(each["state"])) for each in listed}


def test_a_kubelet_that_was_silent_when_a_pod_was_deleted_gives_the_whole_grace_period_when_it_is_back() -> None:
    lab = opened()
    lab.world(("image_ignores_stop", ("app:1",)))
    lab.silence("n1")
    lab.wait(5)
    lab.delete("Pod", "p")
    lab.wait(100)
    lab.heal("n1")
    lab.wait(29)
    assert lab.names("Pod") == ["p"]
    lab.wait(2)
    assert lab.names("Pod") == []
    assert not [topic for topic, _ in lab.state.memory if topic.startswith("deletion ")]


def test_a_shorter_grace_period_counts_from_the_second_request() -> None:
    lab = opened(terminationGracePeriodSeconds=600)
    lab.world(("image_ignores_stop", ("app:1",)))
    lab.delete("Pod", "p")
    lab.wait(20)
    lab.delete("Pod", "p", grace=5)
    lab.wait(4)
    assert lab.names("Pod") == ["p"]
    lab.wait(2)
    assert lab.names("Pod") == []


def test_hooks_of_sidecars_hold_a_pod_whose_work_is_done() -> None:
    hook = {"preStop": {"sleep": {"seconds": 4}}}
    sidecar = {"name": "s", "image": "side:1", "restartPolicy": "Always", "lifecycle": hook}
    lab = Lab(TICKER, nodes=("n1",))
    lab.world(("image_exits", ("app:1", 3000, 0)))
    lab.create(pod(restartPolicy="Never", initContainers=[sidecar]))
    lab.wait(7)
    assert states(lab) == {"s": "running", "c": "terminated"}
    assert lab.document("Pod", "p")["status"]["phase"] == "Running"
    lab.wait(3)
    assert states(lab) == {"s": "terminated", "c": "terminated"}
    assert lab.document("Pod", "p")["status"]["phase"] == "Succeeded"


def test_containers_of_a_pod_that_somebody_declares_failed_are_stopped() -> None:
    lab = opened()
    lab.patch("Pod", "p", {"status": {"phase": "Failed", "reason": "Outside"}}, subresource="status")
    lab.wait(2)
    assert states(lab) == {"c": "terminated"}
    status = lab.document("Pod", "p")["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "Outside")
