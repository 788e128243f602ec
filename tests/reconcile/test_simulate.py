"""Scenarios on a small cluster: what happens when, and what is reported."""

from __future__ import annotations

from typing import Any

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.state import State
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.kinds.validation import admit
from kubelogic.reconcile.engine import reconciler
from kubelogic.reconcile.scenario import (
    Behave,
    Drain,
    Event,
    Operation,
    Pause,
    Scale,
    Scenario,
    SetImage,
    Undo,
)
from kubelogic.reconcile.simulate import Simulated, simulate

BOOK = load_rulebook()
SECOND = 1000


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


def deployment(**spec: Any) -> Object:
    document = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 4,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "c", "image": "app:1"}]},
            },
            **spec,
        },
    }
    full = admit(document).document
    return Object(api_version="apps/v1", kind="Deployment", namespace="default", name="web", document=full)


def run(*events: tuple[int, Operation], horizon: int | None = None, **spec: Any) -> Simulated:
    state = State.of(Cluster.of([node("n1"), node("n2"), node("n3"), deployment(**spec)]))
    scenario = Scenario(events=tuple(Event(at=SECOND * at, operation=o) for at, o in events), horizon=horizon)
    return simulate(reconciler(BOOK, scheduler="kube"), state, scenario)


def images(result: Simulated) -> list[str]:
    pods = result.state.cluster.objects("Pod").values()
    return sorted(pod.document["spec"]["containers"][0]["image"] for pod in pods)


def test_events_happen_at_their_times_and_controllers_react() -> None:
    result = run((60, Scale(kind="Deployment", key="default/web", replicas=6)))
    assert result.settled
    scaled = [entry for entry in result.timeline if entry.type in ("Scale", "CreatePod")]
    assert [(entry.time, entry.type) for entry in scaled[4:]] == [
        (60_000, "Scale"),
        (60_000, "CreatePod"),
        (60_000, "CreatePod"),
    ]
    assert len(images(result)) == 6


def test_a_stuck_rollout_is_reported_and_can_be_undone() -> None:
    broken = (
        (10, Behave(image="app:2", pull=False)),
        (20, SetImage(kind="Deployment", key="default/web", image="app:2")),
    )
    stuck = run(*broken)
    (rollout,) = stuck.rollouts
    assert (rollout.complete, rollout.stuck) == (False, True)
    assert rollout.message == 'error: deployment "web" exceeded its progress deadline'
    undone = run(*broken, (60, Undo(key="default/web")))
    (rollout,) = undone.rollouts
    assert rollout.complete
    assert rollout.message == 'deployment "web" successfully rolled out'
    assert images(undone) == ["app:1"] * 4
    annotations = undone.state.cluster.objects("Deployment")["default/web"].document["metadata"]["annotations"]
    assert annotations["deployment.kubernetes.io/revision"] == "3"


def test_a_paused_deployment_does_not_roll_out_before_it_is_resumed() -> None:
    change = SetImage(kind="Deployment", key="default/web", image="app:2")
    paused = run((10, Pause(key="default/web", paused=True)), (20, change))
    assert images(paused) == ["app:1"] * 4
    resumed = run(
        (10, Pause(key="default/web", paused=True)), (20, change), (30, Pause(key="default/web", paused=False))
    )
    assert images(resumed) == ["app:2"] * 4


def test_a_drained_node_is_left_empty() -> None:
    result = run((10, Drain(node="n1")))
    nodes = {pod.document["spec"]["nodeName"] for pod in result.state.cluster.objects("Pod").values()}
    assert nodes == {"n2", "n3"}
    assert len(images(result)) == 4


def test_an_operation_on_what_is_not_there_is_refused_in_the_timeline() -> None:
    result = run((10, Scale(kind="Deployment", key="default/other", replicas=2)))
    assert [entry.refused for entry in result.timeline if entry.type == "Scale"] == ['deployments "other" not found']


def test_a_horizon_ends_the_run() -> None:
    result = run((100, Scale(kind="Deployment", key="default/web", replicas=1)), horizon=50 * SECOND)
    assert result.settled
    assert len(images(result)) == 4
    assert not [entry for entry in result.timeline if entry.type == "Scale"]


def test_what_repeats_for_ever_is_told_as_its_shortest_loop() -> None:
    result = run((5, Behave(image="app:1", exit_after=1000, exit_code=1)), replicas=1)
    assert not result.settled
    assert {entry.type for entry in result.cycle} >= {"EndContainer", "StartContainer"}


def test_a_job_runs_on_only_where_no_step_says_when_its_containers_end() -> None:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "work:1"}]}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"template": template}}
    asked = _played(job)
    assert asked.remarks == ("Job default/j runs on: nobody says when its containers end (image: {name, exitAfter}).",)
    told = _played(job, Event(at=1000, operation=Behave(image="work:1", exit_after=3_600_000)))
    assert told.remarks == ()


def _played(job: dict[str, Any], *events: Event) -> Simulated:
    full = admit(job).document
    made = Object(api_version="batch/v1", kind="Job", namespace="default", name="j", document=full)
    state = State.of(Cluster.of([node("n1"), made]))
    return simulate(reconciler(BOOK, scheduler="kube"), state, Scenario(events=events, horizon=60 * SECOND))
