"""Ticks: pure at the interface, whatever was evaluated before; time jumps to moments of interest."""

from __future__ import annotations

from collections import Counter
from typing import Any

from msgspec.structs import replace

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.state import State
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.placement.placement import Binding, Placement, Unplaced
from kubelogic.placement.problem import Problem
from kubelogic.reconcile.functions import FUNCTIONS
from kubelogic.reconcile.settle import Run, settle
from kubelogic.reconcile.tick import Reconciler

BOOK = load_rulebook()


class SpreadEvenly:
    def place(self, given: Problem) -> Placement:
        """Each pod goes to the node with fewest pods."""
        used = dict.fromkeys(sorted(node.name for node in given.nodes), 0)
        used.update(Counter(pod.node for pod in given.pods if pod.node))
        bindings = []
        for pod in sorted(pod.name for pod in given.pods if not pod.node):
            node = min(used, key=lambda name: (used[name], name))
            used[node] += 1
            bindings.append(Binding(pod=pod, node=node))
        return Placement(scheduler="even", bindings=tuple(bindings))


class OneEach:
    """One pod for each node, and none for the others; it counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def place(self, given: Problem) -> Placement:
        self.asked += 1
        free = sorted({node.name for node in given.nodes} - {pod.node for pod in given.pods})
        waiting = sorted(pod.name for pod in given.pods if not pod.node)
        left = tuple(Unplaced(pod=pod, shape="any", verdict="impossible") for pod in waiting[len(free) :])
        bindings = tuple(Binding(pod=pod, node=name) for pod, name in zip(waiting, free, strict=False))
        return Placement(scheduler="one each", bindings=bindings, unplaced=left)


def reconciler() -> Reconciler:
    return Reconciler(BOOK, functions=FUNCTIONS, scheduler=SpreadEvenly())


def node(name: str) -> Object:
    document = {"metadata": {"name": name}, "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}}}
    return Object(api_version="v1", kind="Node", namespace="", name=name, document=document)


def deployment(*, image: str = "app:1", replicas: int = 3, **spec: Any) -> Object:
    document = {
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "c", "image": image}]},
            },
            **spec,
        },
    }
    return Object(api_version="apps/v1", kind="Deployment", namespace="default", name="web", document=document)


def start(**spec: Any) -> State:
    return State.of(Cluster.of([node("n1"), node("n2"), deployment(**spec)]))


def phases(run: Run) -> list[str]:
    return sorted(pod.document["status"]["phase"] for pod in run.state.cluster.objects("Pod").values())


def test_a_deployment_settles_into_running_pods() -> None:
    run = settle(reconciler(), start())
    assert run.settled
    assert phases(run) == ["Running"] * 3
    status = run.state.cluster.objects("Deployment")["default/web"].document["status"]
    assert status["availableReplicas"] == status["updatedReplicas"] == 3
    assert {c["type"]: c["reason"] for c in status["conditions"]} == {
        "Available": "MinimumReplicasAvailable",
        "Progressing": "NewReplicaSetAvailable",
    }


def test_a_tick_depends_on_nothing_but_the_state() -> None:
    """A reconciler that ran all along answers as a fresh one does, also when it is asked about the past."""
    used = reconciler()
    state = start()
    seen = []
    for _ in range(12):
        tick = used.tick(state)
        seen.append((state, tick))
        assert reconciler().tick(state) == tick
        if tick.actions:
            state = settle(used, state, max_ticks=1).state
        elif tick.wakes_at is not None:
            state = replace(state, now=tick.wakes_at)
    for past, tick in seen:
        assert used.tick(past) == tick


def test_runs_are_repeatable() -> None:
    one, other = settle(reconciler(), start()), settle(reconciler(), start())
    assert one.steps == other.steps


def test_a_rolling_update_ends_with_the_new_template_only() -> None:
    engine = reconciler()
    first = settle(engine, start())
    cluster = first.state.cluster.replacing([deployment(image="app:2")])
    run = settle(engine, replace(first.state, cluster=cluster))
    assert run.settled
    images = [p.document["spec"]["containers"][0]["image"] for p in run.state.cluster.objects("Pod").values()]
    assert images == ["app:2"] * 3


def test_a_pod_that_never_becomes_ready_makes_the_deployment_miss_its_deadline() -> None:
    state = start(progressDeadlineSeconds=60).with_world(add=[("image_cannot_be_pulled", ("app:1",))])
    run = settle(reconciler(), state)
    assert run.settled
    conditions = run.state.cluster.objects("Deployment")["default/web"].document["status"]["conditions"]
    assert {c["type"]: (c["status"], c["reason"]) for c in conditions}["Progressing"] == (
        "False",
        "ProgressDeadlineExceeded",
    )
    assert run.steps[-1].now == 60_000


def test_what_never_settles_is_reported_with_its_shortest_loop() -> None:
    """Two ReplicaSets cannot quarrel over pods, but a container that always fails is restarted for ever."""
    state = start(replicas=1, progressDeadlineSeconds=5).with_world(add=[("image_exits", ("app:1", 1000, 1))])
    run = settle(reconciler(), state)
    assert not run.settled
    assert {action.type for step in run.cycle for action in step.actions} >= {"StartContainer", "EndContainer"}


def test_who_found_no_room_is_not_tried_again_because_others_start() -> None:
    scheduler = OneEach()
    run = settle(Reconciler(BOOK, functions=FUNCTIONS, scheduler=scheduler), start(replicas=3))
    assert phases(run) == ["Pending", "Running", "Running"]
    assert scheduler.asked == 2, "when all came, and when two had taken the room of the nodes"
