"""Pods that a cluster printed as not getting ready stay so; those that are only on their way do not count."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic import api
from kubelogic.cluster.clock import milliseconds
from kubelogic.cluster.unready import unready_world
from kubelogic.reconcile.scenario import Event, Scenario, TellPod

NOW = "2026-11-01T11:00:00Z"
NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "oak", "labels": {"kubernetes.io/hostname": "oak"}},
    "status": {
        "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"},
        "conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": NOW}],
    },
}


def pod(name: str, *, ready: bool = False, since: str = "2026-11-01T10:00:00Z", **container: Any) -> dict[str, Any]:
    """A pod as a cluster prints it, with one container whose status is given."""
    running = {"running": {"startedAt": "2026-11-01T09:00:00Z"}}
    status = {"name": "app", "ready": ready, "restartCount": 0, "image": "app:1", "imageID": "", "state": running}
    image = container.pop("image", "app:1")
    waits = "waiting" in container.get("state", {})
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "uid": f"uid-{name}", "creationTimestamp": since},
        "spec": {
            "nodeName": "oak",
            "containers": [{"name": "app", "image": image, "readinessProbe": {"tcpSocket": {"port": 80}}}],
        },
        "status": {
            "phase": "Pending" if waits and not container.get("restartCount") else "Running",
            "startTime": "2026-11-01T09:00:00Z",
            "conditions": [{"type": "Ready", "status": str(ready), "lastTransitionTime": since}],
            "containerStatuses": [{**status, **container}],
        },
    }


def waiting(reason: str) -> dict[str, Any]:
    return {"waiting": {"reason": reason}}


def world(*pods: dict[str, Any]) -> list[tuple[Any, ...]]:
    return sorted((name, *row) for name, row in unready_world(api.load([NODE, *pods]), milliseconds(NOW)))


ENDED = {"terminated": {"exitCode": 1, "startedAt": "2026-11-01T10:58:00Z", "finishedAt": "2026-11-01T10:59:00Z"}}


def rule(operator: str, code: int) -> dict[str, Any]:
    return {"action": "Restart", "exitCodes": {"operator": operator, "values": [code]}}


def sparse(since: str = "") -> dict[str, Any]:
    """A pod of a dump that has its phase and one condition, and nothing of its containers."""
    made = pod("a", since=since)
    dated = {"lastTransitionTime": since} if since else {}
    made["status"] = {"phase": "Running", "conditions": [{"type": "Ready", "status": "False", **dated}]}
    del made["metadata"]["creationTimestamp"]
    return made


def bare() -> dict[str, Any]:
    """A pod of a dump of which nothing is said but its phase."""
    made = pod("a")
    made["status"] = {"phase": "Running"}
    return made


@pytest.mark.parametrize(
    ("printed", "seen"),
    [
        (pod("a"), [("pod_seen_unready", "uid-a", 3_600_000, "not ready for 60 minutes, though running: app")]),
        (pod("a", ready=True), []),
        (pod("a", state=waiting("ContainerCreating")), []),
        (
            pod("a", since="2026-11-01T10:59:59Z", state=waiting("CrashLoopBackOff"), restartCount=7, lastState=ENDED),
            [
                (
                    "pod_seen_failing",
                    "uid-a",
                    "CrashLoopBackOff",
                    "container app waits (7 restarts, the last exit code 1)",
                )
            ],
        ),
        (
            pod(
                "a",
                since="2026-11-01T10:59:59Z",
                state=waiting("CrashLoopBackOff"),
                restartCount=2,
                lastState={"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
            ),
            [
                (
                    "pod_seen_failing",
                    "uid-a",
                    "CrashLoopBackOff",
                    "container app waits (2 restarts, the last exit code 137, OOMKilled)",
                )
            ],
        ),
        (
            pod("a", state=ENDED, restartCount=7),
            [
                (
                    "pod_seen_crashing",
                    "uid-a",
                    60_000,
                    "Error",
                    "container app has ended with exit code 1, after restarts",
                )
            ],
        ),
        (pod("a", state=ENDED), []),
        (bare(), []),
        (
            sparse(since="2026-11-01T10:00:00Z"),
            [
                (
                    "pod_seen_unready",
                    "uid-a",
                    3_600_000,
                    "not ready for 60 minutes, and nothing is said of its containers",
                )
            ],
        ),
        (
            sparse(),
            [
                (
                    "pod_seen_failing",
                    "uid-a",
                    "NotReady",
                    "not ready, since when is not said, and nothing is said of its containers",
                )
            ],
        ),
        (pod("a", image="bad:1", state=waiting("ErrImagePull")), [("image_cannot_be_pulled", "bad:1")]),
    ],
)
def test_what_a_status_says(printed: dict[str, Any], seen: list[tuple[Any, ...]]) -> None:
    assert world(printed) == seen


def test_an_image_that_another_pod_runs_can_be_pulled() -> None:
    found = world(pod("a", state=waiting("ImagePullBackOff")), pod("b", ready=True))
    assert found == [("pod_seen_failing", "uid-a", "ImagePullBackOff", "container app waits")]


def test_a_pod_that_goes_or_has_ended_or_was_never_printed_does_not_count() -> None:
    goes, ended, written = pod("goes"), pod("ended"), pod("written")
    goes["metadata"] |= {"deletionTimestamp": NOW, "deletionGracePeriodSeconds": 30}
    ended["status"]["phase"] = "Failed"
    del written["metadata"]["uid"], written["metadata"]["creationTimestamp"], written["status"]
    assert world(goes, ended, written) == []


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        (pod("a"), "NotReady"),
        (sparse(since="2026-11-01T10:00:00Z"), "NotReady"),
        (sparse(), "NotReady"),
        (pod("a", state=ENDED, restartCount=7), "Error"),
    ],
)
def test_it_stays_so_in_a_run_and_is_told_but_is_not_new(printed: dict[str, Any], reason: str) -> None:
    found = api.plan(api.load([NODE, printed]))
    assert [(each.key, each.reason, each.new) for each in found.troubles] == [("default/a", reason, False)]
    assert found.troubles[0].message.endswith("so the cluster printed it, and it is taken to stay so")


def test_an_image_that_could_not_be_pulled_a_first_time_is_no_new_trouble() -> None:
    found = api.plan(api.load([NODE, pod("a", image="bad:1", state=waiting("ErrImagePull"))]))
    assert [(each.reason, each.new) for each in found.troubles] == [("ImagePullBackOff", False)]


def test_a_pod_that_became_unready_lately_gets_ready() -> None:
    assert api.plan(api.load([NODE, pod("a", since="2026-11-01T10:51:00Z")])).troubles == ()


@pytest.mark.parametrize("printed", [pod("a"), sparse()])
def test_a_scenario_may_say_otherwise(printed: dict[str, Any]) -> None:
    steps = Scenario(events=(Event(at=1000, operation=TellPod(key="default/a", ready=True)),), horizon=60_000)
    done = api.simulate(api.load([NODE, printed]), steps)
    assert done.final.troubles == ()


@pytest.mark.parametrize(
    ("of_pod", "own", "again"),
    [
        ("Never", {}, False),
        ("Always", {}, True),
        ("Never", {"restartPolicy": "Always"}, True),
        ("Never", {"restartPolicy": "OnFailure"}, True),
        ("Always", {"restartPolicy": "Never"}, False),
        ("Never", {"restartPolicy": "Never", "restartPolicyRules": [rule("In", 1)]}, True),
        ("Never", {"restartPolicy": "Never", "restartPolicyRules": [rule("In", 2)]}, False),
        ("Never", {"restartPolicy": "Never", "restartPolicyRules": [rule("NotIn", 2)]}, True),
    ],
)
@pytest.mark.parametrize("part", ["containers", "initContainers"])
def test_whether_a_container_crashes_again_hangs_on_its_own_policy_first(
    of_pod: str, own: dict[str, Any], part: str, *, again: bool
) -> None:
    made = pod("a")
    made["spec"]["restartPolicy"] = of_pod
    crashed = {**made["status"]["containerStatuses"][0], "name": "odd", "restartCount": 3, "state": ENDED}
    made["spec"].setdefault(part, []).append({"name": "odd", "image": "odd:1", **own})
    made["status"].setdefault("initContainerStatuses" if part == "initContainers" else "containerStatuses", [])
    made["status"]["initContainerStatuses" if part == "initContainers" else "containerStatuses"].insert(0, crashed)
    assert any(row[0] == "pod_seen_crashing" for row in world(made)) is again
