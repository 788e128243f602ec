"""Jobs, CronJobs and autoscalers over time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from msgspec.structs import replace

from kubelogic.apiserver import requests
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.state import State
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.logic import Row
from kubelogic.reconcile.engine import reconciler
from kubelogic.reconcile.settle import settle

TICKER = reconciler(load_rulebook(), scheduler="kube")
HOUR = 3_600_000
START = 1_700_000_000_000 // HOUR * HOUR
"""A full hour."""


def state_with(*facts: tuple[str, Row]) -> State:
    state = State(cluster=Cluster(), now=START)
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}}
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastTransitionTime": "2001-01-01T00:00:00Z"}
    allocatable = {"cpu": "64", "memory": "64Gi", "pods": "110"}
    state = requests.create(state, {**node, "status": {"allocatable": allocatable, "conditions": [ready]}}).state
    return state.with_world(add=facts)


def created(state: State, kind: str, api_version: str, name: str = "x", **spec: Any) -> State:
    document = {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "spec": spec}
    outcome = requests.create(state, document)
    assert outcome.answer.accepted, outcome.answer
    return outcome.state


def template(policy: str = "Never", image: str = "work") -> dict[str, Any]:
    return {"spec": {"restartPolicy": policy, "containers": [{"name": "c", "image": image}]}}


def run(state: State, seconds: float) -> State:
    result = settle(TICKER, state, until=state.now + round(1000 * seconds))
    assert result.settled, result.cycle
    return result.state


def status(state: State, kind: str, name: str = "x") -> dict[str, Any]:
    found = state.cluster.get(kind, f"default/{name}")
    assert found is not None
    return dict(found.document.get("status") or {})


def conditions(state: State, kind: str, name: str = "x") -> list[str]:
    return [f"{c['type']}={c['status']} {c.get('reason')}" for c in status(state, kind, name).get("conditions") or ()]


def pods(state: State) -> list[Object]:
    return sorted(state.cluster.objects("Pod").values(), key=lambda pod: pod.document["metadata"]["creationTimestamp"])


def seconds_of_creation(state: State) -> list[int]:
    moments = (pod.document["metadata"]["creationTimestamp"] for pod in pods(state))
    return [int(text[14:16]) * 60 + int(text[17:19]) for text in moments]


# -- Jobs ------------------------------------------------------------------------------------------------------


def test_retries_come_after_10_20_and_40_seconds() -> None:
    """The back-off delay: 10s, 20s, 40s ... capped at six minutes; it counts from the end of the last pod."""
    state = state_with(("image_exits", ("work", 500, 1)))
    state = run(created(state, "Job", "batch/v1", backoffLimit=3, template=template()), 120)
    assert seconds_of_creation(state) == [0, 10, 30, 70]
    assert conditions(state, "Job") == ["FailureTarget=True BackoffLimitExceeded", "Failed=True BackoffLimitExceeded"]
    assert status(state, "Job")["failed"] == 4


def test_an_ignored_failure_does_not_count_towards_the_limit() -> None:
    """Ignore: the counter towards the .spec.backoffLimit is not incremented and a replacement pod is created."""
    rules = [{"action": "Ignore", "onExitCodes": {"operator": "In", "values": [7]}}]
    state = state_with(("image_exits_by_pod", ("work", 0, 500, 7)), ("image_exits_by_pod", ("work", 1, 500, 0)))
    job: dict[str, Any] = {"backoffLimit": 0, "podFailurePolicy": {"rules": rules}, "template": template()}
    state = run(created(state, "Job", "batch/v1", **job), 60)
    assert conditions(state, "Job")[-1] == "Complete=True CompletionsReached"
    assert status(state, "Job").get("failed", 0) == 0


def test_a_disrupted_pod_is_ignored_where_the_policy_says_so() -> None:
    rules = [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]
    job: dict[str, Any] = {"backoffLimit": 0, "podFailurePolicy": {"rules": rules}, "template": template()}
    state = run(created(state_with(), "Job", "batch/v1", **job), 10)
    (pod,) = pods(state)
    state = run(requests.evict(state, pod.key).state, 60)
    assert conditions(state, "Job") == []
    assert status(state, "Job").get("failed", 0) == 0
    assert [p.document["status"]["phase"] for p in pods(state)] == ["Running"]


@pytest.mark.parametrize(("operator", "reason"), [("In", "PodFailurePolicy"), ("NotIn", "BackoffLimitExceeded")])
def test_fail_job_stops_everything(operator: str, reason: str) -> None:
    rules = [{"action": "FailJob", "onExitCodes": {"operator": operator, "values": [42], "containerName": "c"}}]
    state = state_with(("image_exits", ("work", 500, 42)))
    job: dict[str, Any] = {"backoffLimit": 0, "podFailurePolicy": {"rules": rules}, "template": template()}
    state = run(created(state, "Job", "batch/v1", **job), 60)
    assert conditions(state, "Job") == [f"FailureTarget=True {reason}", f"Failed=True {reason}"]


def test_fail_index_gives_up_one_index_at_once() -> None:
    rules = [{"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [42]}}]
    state = state_with(("image_exits", ("work", 500, 0)), ("image_exits_by_index", ("work", 1, 0, 500, 42)))
    job: dict[str, Any] = {
        "completions": 3,
        "parallelism": 3,
        "completionMode": "Indexed",
        "backoffLimitPerIndex": 5,
        "podFailurePolicy": {"rules": rules},
        "template": template(),
    }
    state = run(created(state, "Job", "batch/v1", **job), 60)
    assert (status(state, "Job")["completedIndexes"], status(state, "Job")["failedIndexes"]) == ("0,2", "1")
    assert conditions(state, "Job")[-1] == "Failed=True FailedIndexes"


def test_failures_of_an_index_are_handed_on_to_its_next_pod() -> None:
    state = state_with(
        ("image_exits", ("work", 500, 0)),
        ("image_exits_by_index", ("work", 1, 0, 500, 1)),
        ("image_exits_by_index", ("work", 1, 1, 500, 1)),
        ("image_exits_by_index", ("work", 1, 2, 500, 0)),
    )
    job: dict[str, Any] = {"completions": 2, "parallelism": 2, "completionMode": "Indexed", "backoffLimitPerIndex": 2}
    state = run(created(state, "Job", "batch/v1", template=template(), **job), 120)
    told = [
        pod.document["metadata"]["annotations"]["batch.kubernetes.io/job-index-failure-count"]
        for pod in pods(state)
        if pod.document["spec"]["hostname"] == "x-1"
    ]
    assert told == ["0", "1", "2"]
    assert conditions(state, "Job")[-1] == "Complete=True CompletionsReached"


def test_too_many_failed_indexes_end_the_job() -> None:
    state = state_with(("image_exits", ("work", 500, 1)))
    job: dict[str, Any] = {
        "completions": 5,
        "parallelism": 1,
        "completionMode": "Indexed",
        "backoffLimitPerIndex": 0,
        "maxFailedIndexes": 1,
    }
    state = run(created(state, "Job", "batch/v1", template=template(), **job), 60)
    assert status(state, "Job")["failedIndexes"] == "0,1"
    assert conditions(state, "Job")[-1] == "Failed=True MaxFailedIndexesExceeded"


def test_a_count_of_successes_can_be_enough() -> None:
    """succeededCount: the Job is marked as succeeded once that many of the named indexes have succeeded."""
    state = state_with(
        ("image_exits_by_index", ("work", 0, 0, 500, 0)),
        ("image_exits_by_index", ("work", 3, 0, 500, 0)),
    )
    job: dict[str, Any] = {
        "completions": 4,
        "parallelism": 4,
        "completionMode": "Indexed",
        "successPolicy": {"rules": [{"succeededIndexes": "2-3", "succeededCount": 1}]},
    }
    state = run(created(state, "Job", "batch/v1", template=template(), **job), 60)
    assert conditions(state, "Job") == ["SuccessCriteriaMet=True SuccessPolicy", "Complete=True SuccessPolicy"]
    assert (status(state, "Job")["completedIndexes"], len(pods(state))) == ("0,3", 2)


def test_a_terminating_pod_is_replaced_at_once_or_when_it_has_failed() -> None:
    """podReplacementPolicy: TerminatingOrFailed (the default) or Failed."""
    made: dict[str, int] = {}
    for policy in ("TerminatingOrFailed", "Failed"):
        state = state_with(("image_ignores_stop", ("work",)))
        state = created(state, "Job", "batch/v1", template=template(), podReplacementPolicy=policy, backoffLimit=3)
        state = run(state, 5)
        state = run(requests.delete(state, "Pod", pods(state)[0].key).state, 15)
        made[policy] = len(pods(state))
    assert made == {"TerminatingOrFailed": 2, "Failed": 1}


def test_a_refused_pod_is_tried_again_with_growing_pauses() -> None:
    state = created(state_with(), "ResourceQuota", "v1", hard={"pods": "1"})
    state = run(created(state, "Job", "batch/v1", parallelism=2, completions=2, template=template()), 60)
    assert len(pods(state)) == 1
    raised = requests.patch(state, "ResourceQuota", "default/x", {"spec": {"hard": {"pods": "2"}}}).state
    assert len(pods(run(raised, 70))) == 2


# -- CronJobs --------------------------------------------------------------------------------------------------


def cron(schedule: str, **spec: Any) -> dict[str, Any]:
    return {"schedule": schedule, "jobTemplate": {"spec": {"template": template()}}, **spec}


def jobs(state: State) -> list[str]:
    return sorted(state.cluster.objects("Job"))


def run_of(minutes: int) -> str:
    return f"default/x-{START // 60_000 + minutes}"


@pytest.mark.parametrize(
    ("policy", "there", "active"),
    [
        ("Allow", [run_of(1), run_of(2), run_of(3)], 3),
        ("Forbid", [run_of(1)], 1),
        ("Replace", [run_of(3)], 1),
    ],
)
def test_concurrency(policy: str, there: list[str], active: int) -> None:
    """Allow, Forbid and Replace, with Jobs that never end."""
    state = run(created(state_with(), "CronJob", "batch/v1", **cron("* * * * *", concurrencyPolicy=policy)), 200)
    assert jobs(state) == there
    assert len(status(state, "CronJob")["active"]) == active


def test_history_keeps_three_successes_and_one_failure() -> None:
    state = state_with(("image_exits", ("work", 500, 0)))
    state = run(created(state, "CronJob", "batch/v1", **cron("* * * * *")), 330)
    assert jobs(state) == [run_of(3), run_of(4), run_of(5)]
    assert "active" not in status(state, "CronJob")
    assert status(state, "CronJob")["lastSuccessfulTime"]


def test_after_a_pause_only_the_last_missed_time_counts_and_only_within_the_deadline() -> None:
    for deadline, expected in ((None, [run_of(5)]), (20, [])):
        spec = cron("* * * * *", suspend=True, **({} if deadline is None else {"startingDeadlineSeconds": deadline}))
        state = run(created(state_with(), "CronJob", "batch/v1", **spec), 330)
        assert jobs(state) == []
        state = requests.patch(state, "CronJob", "default/x", {"spec": {"suspend": False}}).state
        state = run(state, 5)
        assert jobs(state) == expected


def test_a_run_carries_the_labels_of_the_template_and_its_time() -> None:
    spec = cron("0 9 * * *", timeZone="Asia/Tokyo")
    spec["jobTemplate"]["metadata"] = {"labels": {"a": "b"}}
    state = run(created(state_with(), "CronJob", "batch/v1", **spec), 86_400)
    (job,) = state.cluster.objects("Job").values()
    assert job.document["metadata"]["labels"]["a"] == "b"
    moment = job.document["metadata"]["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"]
    assert moment.endswith("T09:00:00+09:00")


# -- autoscalers -----------------------------------------------------------------------------------------------


def scaled(facts: Iterable[tuple[str, Row]], *, replicas: int = 3, **spec: Any) -> State:
    state = state_with(*facts)
    container = {"name": "c", "image": "app", "resources": {"requests": {"cpu": "100m"}}}
    pod = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    wanted = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": pod}
    state = run(created(state, "Deployment", "apps/v1", "web", **wanted), 400)
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    metrics = [
        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}
    ]
    full = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 20, "metrics": metrics, **spec}
    return created(state, "HorizontalPodAutoscaler", "autoscaling/v2", **full)


def replicas(state: State) -> int:
    return int(state.cluster.objects("Deployment")["default/web"].document["spec"]["replicas"])


def each(millicores: int) -> tuple[str, Row]:
    return "workload_uses", ("Deployment", "default/web", "", "cpu", millicores)


@pytest.mark.parametrize(("use", "expected"), [(50, 3), (55, 3), (56, 4), (100, 6), (45, 3), (44, 3)])
def test_desired_replicas_follow_the_ratio(use: int, expected: int) -> None:
    """desiredReplicas = ceil[currentReplicas * (currentMetricValue / desiredMetricValue)], within a tolerance of 10 %.

    Down (44 of 50) it goes only after five minutes.
    """
    state = run(scaled([each(use)]), 16)
    assert replicas(state) == expected
    assert "ScalingActive=True ValidMetricFound" in conditions(state, "HorizontalPodAutoscaler")


def test_scaling_down_waits_for_five_minutes() -> None:
    state = scaled([each(10)])
    before = run(state, 290)
    assert replicas(before) == 3
    assert "AbleToScale=True ScaleDownStabilized" in conditions(before, "HorizontalPodAutoscaler")
    assert replicas(run(before, 60)) == 1


def test_no_more_than_twice_as_many_at_a_time() -> None:
    state = run(scaled([each(1000)]), 16)
    assert replicas(state) == 6
    assert "ScalingLimited=True ScaleUpLimit" in conditions(state, "HorizontalPodAutoscaler")


def test_policies_limit_the_pace_and_windows_steady_it() -> None:
    behavior: dict[str, Any] = {
        "scaleUp": {"policies": [{"type": "Pods", "value": 2, "periodSeconds": 60}], "stabilizationWindowSeconds": 0},
        "scaleDown": {"selectPolicy": "Disabled"},
    }
    state = run(scaled([each(1000)], behavior=behavior), 16)
    assert replicas(state) == 5
    assert replicas(run(state, 30)) == 5, "two pods a minute"
    state = run(state, 61)
    assert replicas(state) == 7
    state = state.with_world(remove=[each(1000)], add=[each(1)])
    assert replicas(run(state, 900)) >= 7, "scaling down is disabled"


def test_a_metric_that_cannot_be_had() -> None:
    state = run(scaled([]), 16)
    assert replicas(state) == 3
    assert conditions(state, "HorizontalPodAutoscaler") == [
        "AbleToScale=True SucceededGetScale",
        "ScalingActive=False FailedGetResourceMetric",
    ]


def test_an_external_metric_is_divided_among_the_pods() -> None:
    external: dict[str, Any] = {"metric": {"name": "queue"}, "target": {"type": "AverageValue", "averageValue": "30"}}
    facts = [("external_measures", ("default", "queue", 165_000))]
    state = run(scaled(facts, metrics=[{"type": "External", "external": external}]), 16)
    assert replicas(state) == 6


def test_a_target_that_is_not_there_and_one_without_pods() -> None:
    lost = scaled([], scaleTargetRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": "gone"})
    assert conditions(run(lost, 16), "HorizontalPodAutoscaler") == ["AbleToScale=False FailedGetScale"]
    idle = run(scaled([], replicas=0), 16)
    assert "ScalingActive=False ScalingDisabled" in conditions(idle, "HorizontalPodAutoscaler")
    assert replicas(idle) == 0


def test_an_idle_autoscaler_does_nothing_again_and_again() -> None:
    state = run(scaled([each(50)]), 60)
    later = settle(TICKER, state, until=state.now + HOUR)
    assert later.settled
    assert later.steps == ()
    assert replace(later.state, now=0).cluster is state.cluster


def test_a_ready_pod_freezes_the_counts_during_a_back_off() -> None:
    """The 1.36 controller reports no active pods then; the API server refuses more ready pods than active ones."""
    state = run(created(state_with(), "Job", "batch/v1", parallelism=2, completions=3, template=template()), 5)
    uid = pods(state)[0].document["metadata"]["uid"]
    state = run(state.with_world(add=[("pod_told_to_end", (uid, 1))]), 5)
    assert (status(state, "Job")["active"], status(state, "Job").get("failed", 0)) == (2, 0)
    state = run(state, 8)
    assert (status(state, "Job")["active"], status(state, "Job")["failed"], len(pods(state))) == (2, 1, 3)
