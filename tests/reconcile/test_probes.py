"""Probes in runs: what fails when, what kubelets and controllers do about it, and in how few ticks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.state import State
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.kinds.validation import admit
from kubelogic.reconcile.engine import reconciler
from kubelogic.reconcile.scenario import (
    Behave,
    Delete,
    Event,
    FailNode,
    HealNode,
    Operation,
    Scenario,
    SetImage,
)
from kubelogic.reconcile.simulate import Simulated, simulate
from kubelogic.reconcile.troubles import ExitContainers, FailProbe, GiveCondition, HealProbe, Target

BOOK = load_rulebook()
WEB = Target(kind="Deployment", key="default/web")
POD = Target(kind="Pod", key="default/p")
HTTP = {"httpGet": {"path": "/", "port": 80}}
MINUTE = 60


def node(name: str) -> Object:
    document = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "status": {
            "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "20"},
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
        },
    }
    return Object(api_version="v1", kind="Node", namespace="", name=name, document=document)


def made(api_version: str, kind: str, name: str, spec: Mapping[str, Any]) -> Object:
    document = {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "spec": spec}
    full = admit(document).document
    return Object(api_version=api_version, kind=kind, namespace="default", name=name, document=full)


def container(name: str = "c", **fields: Any) -> dict[str, Any]:
    return {"name": name, "image": "app:1", **fields}


def pod(*containers: dict[str, Any], **spec: Any) -> Object:
    return made("v1", "Pod", "p", {"containers": list(containers) or [container()], **spec})


def deployment(*containers: dict[str, Any], replicas: int = 1, **spec: Any) -> Object:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": list(containers) or [container()]}}
    fields = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template, **spec}
    return made("apps/v1", "Deployment", "web", fields)


def run(objects: list[Object], *events: tuple[float, Operation], until: float | None = None) -> Simulated:
    state = State.of(Cluster.of([node("n1"), node("n2"), *objects]))
    scenario = Scenario(
        events=tuple(Event(at=round(1000 * at), operation=operation) for at, operation in events),
        horizon=None if until is None else round(1000 * until),
    )
    return simulate(reconciler(BOOK, scheduler="kube"), state, scenario)


def times(result: Simulated, type_: str, /, **arguments: Any) -> list[float]:
    """When, in seconds, something was done."""
    return [
        entry.time / 1000
        for entry in result.timeline
        if entry.type == type_ and all(entry.arguments.get(name) == value for name, value in arguments.items())
    ]


def status(result: Simulated, name: str = "c") -> dict[str, Any]:
    """The status of a container of the only pod that is not going away."""
    (found,) = [
        each
        for obj in result.state.cluster.objects("Pod").values()
        if not obj.document["metadata"].get("deletionTimestamp")
        for field in ("initContainerStatuses", "containerStatuses")
        for each in obj.document["status"].get(field) or ()
        if each["name"] == name
    ]
    return dict(found)


LIVENESS = {"livenessProbe": {**HTTP, "periodSeconds": 10, "failureThreshold": 3}}


def test_a_liveness_probe_that_fails_for_ever_is_a_loop_with_a_growing_back_off() -> None:
    failing = FailProbe(target=POD, probe="liveness", answer="status", number=500)
    result = run([pod(container(**LIVENESS))], (60, failing))
    assert not result.settled
    assert {"KillContainer", "EndContainer", "StartContainer", "HoldContainer"} <= {e.type for e in result.cycle}
    killed = times(result, "KillContainer")
    assert killed[0] == 60 + 2 * 10, "three failures, the first at once"
    waits = [entry.arguments["message"] for entry in result.timeline if entry.type == "HoldContainer"]
    assert [wait.split()[1] for wait in waits[:4]] == ["40s", "1m20s", "2m40s", "5m0s"]
    assert len(times(result, "StartContainer", restart=1)) == 1


def test_time_is_jumped_to_the_failure_that_counts() -> None:
    slow = {"livenessProbe": {**HTTP, "periodSeconds": 1, "failureThreshold": 3000}}
    quiet = run([pod(container(**slow))], until=3600)
    failing = run([pod(container(**slow))], (60, FailProbe(target=POD, probe="liveness")), until=3600)
    assert times(failing, "KillContainer") == [60 + 2999]
    assert failing.ticks - quiet.ticks < 12


def test_a_probe_that_recovers_before_its_threshold_changes_nothing() -> None:
    failing, healed = FailProbe(target=POD, probe="liveness"), HealProbe(target=POD, probe="liveness")
    result = run([pod(container(**LIVENESS))], (60, failing), (79, healed), (90, failing), (105, healed))
    assert result.settled
    assert times(result, "KillContainer") == []


def test_a_kill_goes_on_although_the_probe_recovers() -> None:
    result = run(
        [pod(container(**LIVENESS))],
        (1, Behave(image="app:1", stops=False)),
        (60, FailProbe(target=POD, probe="liveness")),
        (85, HealProbe(target=POD, probe="liveness")),
    )
    assert result.settled
    assert times(result, "KillContainer") == [80]
    assert times(result, "EndContainer", exit_code=137) == [80 + 30]
    assert status(result)["restartCount"] == 1


def test_a_probe_has_a_grace_period_of_its_own_and_a_pre_stop_hook_counts_in_it() -> None:
    probe = {**HTTP, "periodSeconds": 1, "failureThreshold": 1, "terminationGracePeriodSeconds": 7}
    hooked = container(livenessProbe=probe, lifecycle={"preStop": {"sleep": {"seconds": 3}}})
    failing, healed = FailProbe(target=POD, probe="liveness"), HealProbe(target=POD, probe="liveness")
    stubborn = run([pod(hooked)], (1, Behave(image="app:1", stops=False)), (60, failing), (61, healed))
    assert times(stubborn, "EndContainer", exit_code=137) == [67]
    willing = run([pod(hooked)], (60, failing), (61, healed))
    assert times(willing, "EndContainer", exit_code=143) == [63.2]


def test_startup_gates_the_other_probes_and_its_failure_restarts() -> None:
    probes = {
        "startupProbe": {"exec": {"command": ["true"]}, "periodSeconds": 5, "failureThreshold": 4},
        "readinessProbe": {**HTTP, "periodSeconds": 5},
        "livenessProbe": {**HTTP, "periodSeconds": 1, "failureThreshold": 1},
    }
    result = run(
        [pod(container(**probes))],
        (0, FailProbe(target=POD, probe="startup", answer="exit code", number=1)),
        (0, FailProbe(target=POD, probe="liveness")),
        (12, HealProbe(target=POD, probe="liveness")),
        (31, HealProbe(target=POD, probe="startup")),
    )
    assert result.settled
    assert times(result, "KillContainer") == times(result, "KillContainer", probe="startup") == [20]
    assert times(result, "ReportStarted") == [35]
    assert times(result, "SetCondition", condition="Ready", status="True", kind="Pod") == [35]
    assert status(result)["started"]


def test_success_threshold_counts_successes_in_a_row() -> None:
    probe = {"readinessProbe": {**HTTP, "periodSeconds": 5, "successThreshold": 3, "failureThreshold": 2}}
    failing, healed = FailProbe(target=POD, probe="readiness"), HealProbe(target=POD, probe="readiness")
    result = run([pod(container(**probe))], (60, failing), (100, healed), (107, failing), (111, healed))
    assert times(result, "SetCondition", condition="Ready", status="True", kind="Pod") == [10.2, 125.2]
    assert times(result, "SetCondition", condition="Ready", status="False", kind="Pod") == [65.2]


def test_readiness_takes_a_pod_out_of_the_deployment_and_lets_it_back() -> None:
    probe = {"readinessProbe": {"tcpSocket": {"port": 80}, "periodSeconds": 10, "failureThreshold": 1}}
    result = run(
        [deployment(container(**probe), replicas=2)],
        (60, FailProbe(target=WEB, probe="readiness", answer="refused")),
        (120, HealProbe(target=WEB, probe="readiness")),
    )
    assert result.settled
    assert times(result, "SetCondition", kind="Deployment", condition="Available", status="False")[-1] == 60.2
    assert times(result, "SetCondition", kind="Deployment", condition="Available", status="True")[-1] == 120.2
    assert times(result, "KillContainer") == []


def test_a_bad_readiness_probe_of_a_new_image_stops_a_rollout() -> None:
    probe = {"readinessProbe": {**HTTP, "periodSeconds": 5}}
    result = run(
        [deployment(container(**probe), replicas=4, progressDeadlineSeconds=120)],
        (50, FailProbe(target=Target(image="app:2"), probe="readiness", answer="status", number=404)),
        (60, SetImage(kind="Deployment", key="default/web", image="app:2")),
    )
    (rollout,) = result.rollouts
    assert rollout.stuck
    ready = [
        obj.document["spec"]["containers"][0]["image"]
        for obj in result.state.cluster.objects("Pod").values()
        if any(c["type"] == "Ready" and c["status"] == "True" for c in obj.document["status"]["conditions"])
    ]
    assert ready == ["app:1"] * 3


def test_a_timeout_is_found_out_when_it_is_over() -> None:
    probe = {"livenessProbe": {**HTTP, "periodSeconds": 10, "failureThreshold": 2, "timeoutSeconds": 4}}
    failing = FailProbe(target=POD, probe="liveness", answer="timeout")
    result = run([pod(container(**probe))], (60, failing), (80, HealProbe(target=POD, probe="liveness")))
    assert times(result, "KillContainer") == [74]


def test_nothing_is_probed_on_a_silent_node_until_it_is_back() -> None:
    failing = FailProbe(target=POD, probe="liveness")
    result = run(
        [pod(container(**LIVENESS), tolerations=[{"operator": "Exists"}])],
        (50, FailNode(node="n1")),
        (51, FailNode(node="n2")),
        (60, failing),
        (200, HealNode(node="n1")),
        (200, HealNode(node="n2")),
        (210, HealProbe(target=POD, probe="liveness")),
    )
    assert times(result, "KillContainer") == [200]
    assert status(result)["restartCount"] == 1


def test_a_pod_that_is_being_deleted_is_not_killed_again_but_loses_readiness() -> None:
    probes = {**LIVENESS, "readinessProbe": {**HTTP, "periodSeconds": 1, "failureThreshold": 1}}
    result = run(
        [pod(container(**probes))],
        (1, Behave(image="app:1", stops=False)),
        (60, Delete(kind="Pod", key="default/p")),
        (61, FailProbe(target=POD, probe="liveness")),
        (62, FailProbe(target=POD, probe="readiness")),
    )
    assert times(result, "KillContainer") == []
    assert times(result, "SetCondition", kind="Pod", condition="Ready", status="False") == [62.2]
    assert times(result, "RemovePod") == [90]


@pytest.mark.parametrize("policy", ["Never", "OnFailure"])
def test_pods_of_jobs_fail_or_restart_by_policy(policy: str) -> None:
    template = {"spec": {"containers": [container(**LIVENESS)], "restartPolicy": policy}}
    job = made("batch/v1", "Job", "j", {"template": template, "backoffLimit": 1})
    aimed = Target(kind="Job", key="default/j")
    result = run(
        [job], (60, FailProbe(target=aimed, probe="liveness")), (81, HealProbe(target=aimed, probe="liveness"))
    )
    assert times(result, "KillContainer") == [80]
    restarted = times(result, "StartContainer", restart=1)
    failed = times(result, "ReportPhase", phase="Failed")
    assert (restarted, failed) == (([], [80.2]) if policy == "Never" else ([80.2], []))


def test_sidecars_start_in_order_with_their_startup_probes_and_restart_alone() -> None:
    side = container(
        "side",
        restartPolicy="Always",
        image="side:1",
        startupProbe={**HTTP, "periodSeconds": 2},
        livenessProbe={**HTTP, "periodSeconds": 2, "failureThreshold": 1},
    )
    aimed = Target(kind="Pod", key="default/p", container="side")
    result = run(
        [pod(container(), initContainers=[container("first", image="init:1"), side])],
        (60, FailProbe(target=aimed, probe="liveness")),
        (61, HealProbe(target=aimed, probe="liveness")),
    )
    assert result.settled
    started = {e.arguments["container"]: e.time / 1000 for e in reversed(result.timeline) if e.type == "StartContainer"}
    assert started["first"] < started["side"] < started["c"]
    assert started["c"] == times(result, "ReportStarted")[0]
    assert times(result, "KillContainer", container="side") == [60]
    assert (status(result, "side")["restartCount"], status(result)["restartCount"]) == (1, 0)


def test_a_job_with_a_sidecar_completes() -> None:
    side = container("side", restartPolicy="Always", image="side:1")
    template = {"spec": {"containers": [container()], "initContainers": [side], "restartPolicy": "Never"}}
    result = run(
        [made("batch/v1", "Job", "j", {"template": template})],
        (0, Behave(image="app:1", exit_after=10_000)),
    )
    assert result.settled
    assert times(result, "EndContainer", container="side") == [10.4]
    assert times(result, "SetCondition", kind="Job", condition="Complete", status="True")


def test_a_step_ends_containers_once_and_policies_and_rules_act() -> None:
    rules = [{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]
    ruled = container(restartPolicy="Never", restartPolicyRules=rules)
    result = run([pod(ruled)], (60, ExitContainers(target=POD, code=42)), (90, ExitContainers(target=POD, code=1)))
    assert times(result, "StartContainer", restart=1) == [60]
    assert times(result, "ReportPhase", phase="Failed") == [90]


def test_a_container_that_cannot_start_is_never_ready_and_backs_off() -> None:
    result = run(
        [deployment(container())],
        (0, Behave(image="app:1", start=False)),
        (100, Behave(image="app:1", start=True)),
    )
    assert result.settled
    ends = [entry.time / 1000 for entry in result.timeline if entry.type == "EndContainer"]
    assert ends == [0.2, 0.2, 10.2, 30.2, 70.2]
    assert times(result, "SetCondition", kind="Pod", condition="Ready", status="True") == [150.2]
    assert status(result)["restartCount"] == 5


def test_the_back_off_starts_anew_after_ten_minutes_of_running() -> None:
    crash = ExitContainers(target=POD, code=1)
    result = run([pod()], (10, crash), (20, crash), (40, crash), (1000, crash), (1010, crash))
    waits = [entry.arguments["message"].split()[1] for entry in result.timeline if entry.type == "HoldContainer"]
    assert waits == ["10s", "20s", "10s"]
    assert times(result, "StartContainer", restart=4) == [1000]


def test_a_readiness_gate_waits_for_its_condition() -> None:
    gated = pod(container(), readinessGates=[{"conditionType": "example.com/lb"}])
    assert times(run([gated]), "SetCondition", kind="Pod", condition="Ready", status="True") == []
    opened = run([gated], (30, GiveCondition(target=POD, condition="example.com/lb", status="True")))
    assert times(opened, "SetCondition", kind="Pod", condition="Ready", status="True") == [30]


def test_a_back_off_that_was_read_goes_on() -> None:
    ended = {"exitCode": 1, "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:05Z"}
    crashed = {
        "name": "c",
        "restartCount": 3,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": ended},
    }
    read = pod(container(), nodeName="n1")
    status = {"phase": "Running", "startTime": "2026-01-01T00:00:00Z", "containerStatuses": [crashed]}
    document = {**read.document, "status": status}
    result = run([Object(api_version="v1", kind="Pod", namespace="default", name="p", document=document)])
    assert times(result, "StartContainer", restart=4) == [40], "10 s doubled twice, from the end on, which is now"


def test_an_image_that_is_back_is_pulled_at_the_next_try() -> None:
    result = run(
        [deployment(container())],
        (0, Behave(image="app:1", pull=False)),
        (100, Behave(image="app:1", pull=True)),
    )
    assert result.settled
    assert times(result, "StartContainer") == [150.2], "tries at 0.2 s and 10, 30, 70 and 150 s after that"


def test_a_pod_of_which_the_time_is_over_fails() -> None:
    template = {"spec": {"containers": [container()], "restartPolicy": "Never", "activeDeadlineSeconds": 30}}
    result = run([made("batch/v1", "Job", "j", {"template": template, "backoffLimit": 0})])
    assert times(result, "FailPod", reason="DeadlineExceeded") == [30.2]  # its container is asked to stop, and does
    assert times(result, "SetCondition", kind="Job", condition="Failed", status="True")


def test_a_post_start_hook_delays_the_container() -> None:
    hooked = container(lifecycle={"postStart": {"sleep": {"seconds": 5}}})
    assert times(run([pod(hooked)]), "SetCondition", kind="Pod", condition="Ready", status="True") == [5.2]
