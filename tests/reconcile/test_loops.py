"""Loops: found soon, told as their shortest round, left where something else is due; what comes to rest is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from kubelogic.apiserver import requests
from kubelogic.cluster import Cluster
from kubelogic.cluster.state import State
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.reconcile.engine import reconciler
from kubelogic.reconcile.entries import REPEAT
from kubelogic.reconcile.loops import is_routine
from kubelogic.reconcile.scenario import Behave, Delete, Drain, Event, FailNode, Scale, Scenario, SetImage
from kubelogic.reconcile.settle import Run, settle
from kubelogic.reconcile.simulate import simulate
from kubelogic.reconcile.tick import Reconciler

BOOK = load_rulebook()
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
START = 1_777_593_600_000
"""2026-05-01, a Friday."""


def engine() -> Reconciler:
    return reconciler(BOOK, scheduler="kube")


def node(name: str, *taints: Mapping[str, Any], cpu: str = "4") -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "spec": {"taints": list(taints)} if taints else {},
        "status": {
            "allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "30"},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def deployment(replicas: int = 1, **pod: Any) -> dict[str, Any]:
    containers = [{"name": "app", "image": "web:1", "resources": {"requests": {"cpu": "100m"}}}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": containers, **pod}},
        },
    }


def cron_job(schedule: str, **spec: Any) -> dict[str, Any]:
    pod = {"restartPolicy": "Never", "containers": [{"name": "app", "image": "job:1"}]}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "report"},
        "spec": {"schedule": schedule, "jobTemplate": {"spec": {"template": {"spec": pod}}}, **spec},
    }


def state(*documents: Mapping[str, Any], **world: tuple[Any, ...]) -> State:
    now = State(cluster=Cluster(), now=START)
    for document in documents:
        outcome = requests.create(now, document)
        assert outcome.answer.accepted, outcome.answer
        now = outcome.state
    return now.with_world(add=list(world.items()))


def kinds(run: Run) -> list[str]:
    quiet = ("UpdateStatus", "SetCondition", "Remember", "Forget")
    return [a.type for step in run.cycle for a in step.actions if a.type not in quiet]


TAINT = {"key": "pool", "value": "ml", "effect": "NoExecute"}
BRIEF = {"key": "pool", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 10}
LOOPS = {
    "pinned to a node that evicts it": (
        state(node("oak", TAINT), deployment(nodeName="oak")),
        0,
        ["CreatePod", "EvictPod"],
    ),
    "two of them": (
        state(node("oak", TAINT), deployment(2, nodeName="oak")),
        0,
        ["CreatePod", "CreatePod", "EvictPod", "EvictPod"],
    ),
    "tolerated for ten seconds": (
        state(node("oak", TAINT), deployment(1, tolerations=[BRIEF])),
        10_000,
        ["EvictPod", "CreatePod", "BindPod", "StartContainer", "ReportContainer", "ReportPhase", "RemovePod"],
    ),
    "pods that do not stop when asked to pile up for their grace period": (
        state(
            node("oak", TAINT),
            deployment(1, tolerations=[{**BRIEF, "tolerationSeconds": 9}]),
            image_ignores_stop=("web:1",),
        ),
        9_000,
        ["EvictPod", "CreatePod", "BindPod", "StartContainer", "ReportContainer", "ReportPhase"],
    ),
    "terminating pods that nobody removes pile up on a silent node": (
        state(
            node("oak", TAINT),
            deployment(1, nodeName="oak", tolerations=[{**BRIEF, "tolerationSeconds": 10}]),
            node_silent_since=("oak", START - DAY),
        ),
        10_000,
        ["EvictPod", "CreatePod"],
    ),
    "a container that always fails": (
        state(node("oak"), deployment(1), image_exits=("web:1", 3000, 2)),
        303_000,
        ["StartContainer", "EndContainer", "HoldContainer"],
    ),
    "a run every minute": (
        state(node("oak"), cron_job("* * * * *"), image_exits=("job:1", 3000, 0)),
        MINUTE,
        ["StartCronRun"],
    ),
    "a run every night": (
        state(node("oak"), cron_job("0 3 * * *"), image_exits=("job:1", 3000, 0)),
        DAY,
        ["StartCronRun"],
    ),
    "a run every working day": (
        state(node("oak"), cron_job("0 3 * * 1-5"), image_exits=("job:1", 3000, 0)),
        7 * DAY,
        ["StartCronRun"] * 5,
    ),
}


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_is_found_soon_as_its_shortest_round(name: str) -> None:
    start, period, done = LOOPS[name]
    run = settle(engine(), start)
    assert run.ticks < 500
    assert run.period == period
    if "StartCronRun" in done:
        assert [kind for kind in kinds(run) if kind == "StartCronRun"] == done
        assert run.settled
        assert is_routine(run.cycle)
    else:
        assert not run.settled
        assert set(done) <= set(kinds(run))
        assert all(kinds(run).count(kind) == done.count(kind) for kind in done if kind != "ReportContainer")


@pytest.mark.parametrize("name", ["pinned to a node that evicts it", "tolerated for ten seconds"])
def test_a_loop_is_told_up_to_a_horizon_and_the_clock_gets_there(name: str) -> None:
    start, period, _ = LOOPS[name]
    run = settle(engine(), start, until=START + 30 * DAY)
    assert not run.settled
    assert run.period == period
    assert START + 30 * DAY - period <= run.state.now <= START + 30 * DAY
    assert run.ticks < 500
    assert len(run.folded) == 1
    assert len(run.steps) < 60


def test_an_exact_run_and_one_that_leaps_over_rounds_get_to_the_same() -> None:
    start, _, _ = LOOPS["tolerated for ten seconds"]
    until = START + 20 * MINUTE + 3000
    leapt = settle(engine(), start, until=until).state
    exact = settle(engine(), start, until=until, fold=False).state
    assert leapt.now == exact.now
    for kind in ("Deployment", "ReplicaSet"):
        (one,), (other,) = leapt.cluster.objects(kind).values(), exact.cluster.objects(kind).values()
        assert {**one.document["status"], "observedGeneration": 0} == {
            **other.document["status"],
            "observedGeneration": 0,
        }
    (pod,), (same,) = leapt.cluster.objects("Pod").values(), exact.cluster.objects("Pod").values()
    assert pod.document["metadata"]["creationTimestamp"] == same.document["metadata"]["creationTimestamp"]
    assert pod.document["status"]["startTime"] == same.document["status"]["startTime"]


def test_steps_after_a_loop_happen() -> None:
    start, _, _ = LOOPS["a container that always fails"]
    scenario = Scenario(
        events=(Event(at=6 * HOUR, operation=SetImage(kind="Deployment", key="default/web", image="web:2")),)
    )
    result = simulate(engine(), start, scenario)
    assert result.settled
    assert not result.cycle
    (repeat,) = [each for each in result.timeline if each.type == REPEAT]
    assert repeat.arguments["every"] == 303_000
    assert repeat.arguments["until"] == 6 * HOUR
    assert result.timeline[-1].time < 6 * HOUR + MINUTE


def test_steps_after_a_loop_in_which_no_time_passes_happen() -> None:
    start, _, _ = LOOPS["two of them"]
    scenario = Scenario(events=(Event(at=HOUR, operation=Scale(kind="Deployment", key="default/web", replicas=0)),))
    result = simulate(engine(), start, scenario)
    assert result.settled
    assert result.timeline[-1].time < HOUR + MINUTE
    assert not result.state.cluster.objects("Pod")


SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
}


@pytest.mark.parametrize("ports", [[{"port": 80}], [{"port": 80, "name": "a"}, {"port": 81, "name": "b"}]])
@pytest.mark.parametrize("replicas", [1, 3])
def test_pods_of_a_node_that_is_gone_are_no_endpoints_and_are_collected(ports: list[Any], replicas: int) -> None:
    service = {**SERVICE, "spec": {"selector": {"app": "web"}, "ports": ports}}
    start = state(node("oak"), node("elm", cpu="1"), service, deployment(replicas))
    gone = Event(at=MINUTE, operation=Delete(kind="Node", key="oak"))
    result = simulate(engine(), start, Scenario(events=(gone,)))
    assert result.settled
    pods = result.state.cluster.objects("Pod").values()
    assert {pod.document["spec"]["nodeName"] for pod in pods} == {"elm"}
    assert len(pods) == replicas
    slices = result.state.cluster.objects("EndpointSlice").values()
    nodes = [end["nodeName"] for each in slices for end in each.document.get("endpoints") or ()]
    assert nodes == ["elm"] * replicas
    collected = [each.time for each in result.timeline if each.type == "CollectPod"]
    assert collected
    assert max(collected) <= 2 * MINUTE


def test_what_comes_to_rest_is_no_loop() -> None:
    """A node fails and heals four times; each round leaves pods that are new."""
    start = state(node("oak"), node("elm"), SERVICE, deployment(3))
    events = tuple(Event(at=at * MINUTE, operation=FailNode(node="oak")) for at in (1, 21, 41))
    result = simulate(engine(), start, Scenario(events=events))
    assert result.settled
    assert not result.cycle


def test_a_loop_that_an_image_ends() -> None:
    start, _, _ = LOOPS["a container that always fails"]
    well = Event(at=HOUR, operation=Behave(image="web:1", exits=False))
    result = simulate(engine(), start, Scenario(events=(well,)))
    assert result.settled
    assert all(each.complete for each in result.rollouts)


HELPLESS: dict[str, Any] = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "web"},
    "spec": {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "nobody"}},
}


def test_syncs_that_come_to_nothing_are_leapt_over() -> None:
    start = state(node("oak"), deployment(), HELPLESS)
    run = settle(engine(), start, until=START + 30 * DAY)
    assert run.settled
    assert run.state.now == START + 30 * DAY
    assert run.ticks < 100
    assert run.next_at is not None
    assert START + 30 * DAY < run.next_at <= START + 30 * DAY + 15_000


def test_moments_at_even_distances_are_no_round_until_each_has_come() -> None:
    """Three autoscalers sync 5 s after one another: two come to nothing, and the third has something to do."""
    now = settle(engine(), state(node("oak"), deployment()), until=START + MINUTE).state
    for name, target in (("a", "nobody"), ("b", "nobody"), ("c", "web")):
        reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}
        spec = {"minReplicas": 2, "maxReplicas": 3, "scaleTargetRef": reference}
        now = requests.create(now, {**HELPLESS, "metadata": {"name": name}, "spec": spec}).state
        now = settle(engine(), now, until=now.now + (20_000 if target == "nobody" else 25_000)).state
    assert now.cluster.objects("Deployment")["default/web"].document["spec"]["replicas"] == 2


def test_nothing_is_done_in_a_quiet_run() -> None:
    start = settle(engine(), state(node("oak"), deployment(), HELPLESS), until=START + MINUTE).state
    rest = settle(engine(), start, until=START + DAY, quiet=True)
    assert rest.state.cluster is start.cluster
    assert rest.state.now == START + DAY
    busy = settle(engine(), LOOPS["a run every night"][0], until=START + 2 * DAY, quiet=True)
    assert busy.next_at == busy.state.now < START + 2 * DAY


def test_a_drain_that_waits_is_told_how_often_it_was_tried_beside_an_autoscaler_that_syncs() -> None:
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    }
    scenario = Scenario(events=(Event(at=MINUTE, operation=Drain(node="oak")),), horizon=DAY)
    result = simulate(engine(), state(node("oak"), deployment(), budget, HELPLESS), scenario)
    assert result.ticks < 300
    (drain,) = [each for each in result.ailments if each.kind == "Drain"]
    assert f"after {(DAY - MINUTE) // 5000 + 1} tries" in drain.message


@pytest.mark.slow
def test_what_only_grows_is_left_where_nobody_said_how_far_to_look() -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    result = simulate(engine(), state(node("oak"), quota, cron_job("* * * * *")), Scenario())
    assert not result.settled
    assert result.assumed_horizon is not None
    assert 10 * MINUTE < result.assumed_horizon < DAY
