"""Controllers whose pods a quota refuses: they try again, ever more slowly, and go on when there is room."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.apiserver import requests
from kubelogic.cluster import Cluster
from kubelogic.cluster.state import State
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.reconcile.apply.carry_out import carry_out
from kubelogic.reconcile.engine import reconciler
from kubelogic.reconcile.settle import settle

TICKER = reconciler(load_rulebook(), scheduler="kube")
TEMPLATE = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
SELECTOR = {"matchLabels": {"app": "a"}}


def created(state: State, kind: str, api_version: str, **spec: Any) -> State:
    document = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, "spec": spec}
    outcome = requests.create(state, document)
    assert outcome.answer.accepted, outcome.answer
    return outcome.state


def start(*, pods: int) -> State:
    state = State(cluster=Cluster())
    for name in ("n1", "n2", "n3"):
        allocatable = {"cpu": "4", "memory": "8Gi", "pods": "110"}
        labels = {"kubernetes.io/hostname": name}
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}
        state = requests.create(state, {**node, "status": {"allocatable": allocatable}}).state
    return created(state, "ResourceQuota", "v1", hard={"pods": str(pods)})


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        ("ReplicaSet", {"replicas": 3}),
        ("StatefulSet", {"replicas": 3, "serviceName": "x"}),
        ("DaemonSet", {}),
    ],
)
def test_a_refused_pod_is_tried_again_until_there_is_room(kind: str, spec: dict[str, Any]) -> None:
    state = created(start(pods=2), kind, "apps/v1", selector=SELECTOR, template=TEMPLATE, **spec)
    run = settle(TICKER, state, until=60_000)
    assert run.settled
    assert len(run.state.cluster.objects("Pod")) == 2
    attempts = [each.count for each in run.refusals]
    assert sum(attempts) < 25, "the pause between attempts doubles"
    raised = requests.patch(run.state, "ResourceQuota", "default/x", {"spec": {"hard": {"pods": "3"}}}).state
    run = settle(TICKER, raised, until=200_000)
    assert run.settled
    assert len(run.state.cluster.objects("Pod")) == 3
    quota = run.state.cluster.objects("ResourceQuota")["default/x"].document
    assert quota["status"]["used"] == {"pods": "3"}


def test_controllers_give_up_in_a_namespace_that_is_being_deleted() -> None:
    state = requests.create(
        start(pods=9), {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}
    ).state
    spec = {"selector": SELECTOR, "template": TEMPLATE, "replicas": 2, "serviceName": "x"}
    document = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "x"}, "spec": spec}
    state = requests.create(state, document, namespace="team").state
    state = settle(TICKER, state, until=10_000).state
    assert len(state.cluster.objects("Pod")) == 2
    run = settle(TICKER, requests.delete(state, "Namespace", "team").state, until=100_000)
    assert run.settled
    assert run.state.cluster.objects("Namespace") == {}
    assert run.state.cluster.objects("StatefulSet") == {}


@pytest.mark.parametrize("name", ["default", "kube-public", "kube-system"])
def test_a_namespace_that_every_cluster_has_is_not_deleted(name: str) -> None:
    state = requests.create(
        State(cluster=Cluster()), {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    ).state
    outcome = requests.delete(state, "Namespace", name)
    assert outcome.answer.message == f'namespaces "{name}" is forbidden: this namespace may not be deleted'
    assert outcome.state is state


def test_a_burst_stops_after_the_batch_in_which_a_pod_is_refused() -> None:
    state = created(start(pods=4), "ReplicaSet", "apps/v1", selector=SELECTOR, template=TEMPLATE, replicas=40)
    first = carry_out(state, TICKER.tick(state).actions)
    assert len(first.state.cluster.objects("Pod")) == 4
    assert len(first.refused) == 3, "batches of 1, 2 and 4, of which the last is refused in part"
    assert len([action for action in first.done if action.type == "CreatePod"]) == 4


def test_a_run_without_end_settles_when_only_refusals_are_left() -> None:
    state = created(start(pods=1), "ReplicaSet", "apps/v1", selector=SELECTOR, template=TEMPLATE, replicas=3)
    run = settle(TICKER, state)
    assert run.settled
    assert len(run.state.cluster.objects("Pod")) == 1
    (refused,) = run.refusals
    assert (refused.owner_kind, refused.owner, refused.kind) == ("ReplicaSet", "default/x", "Pod")
    assert "exceeded quota: x, requested: pods=1, used: pods=1, limited: pods=1" in refused.answer.message
    assert refused.answer.obstacles[0].path == ("spec", "hard", "pods")


def test_refusals_are_no_loop_however_long_they_last() -> None:
    state = created(start(pods=0), "ReplicaSet", "apps/v1", selector=SELECTOR, template=TEMPLATE, replicas=1)
    run = settle(TICKER, state, until=30 * 24 * 3_600_000)
    assert run.settled
    assert run.refusals[0].count > 2_000
    assert not [action for step in run.steps for action in step.actions if action.type == "CreatePod"]


def test_what_a_quota_gives_back_in_time_ends_the_waiting() -> None:
    state = created(start(pods=1), "ReplicaSet", "apps/v1", selector=SELECTOR, template=TEMPLATE, replicas=2)
    state = settle(TICKER, state, until=10_000).state
    raised = requests.patch(state, "ResourceQuota", "default/x", {"spec": {"hard": {"pods": "2"}}}).state
    run = settle(TICKER, raised)
    assert run.settled
    assert len(run.state.cluster.objects("Pod")) == 2
    assert not [topic for topic, _ in run.state.memory if topic.startswith("pod refus")]


def test_pods_of_a_priority_class_that_does_not_exist_are_refused_until_it_does() -> None:
    template = {**TEMPLATE, "spec": {**TEMPLATE["spec"], "priorityClassName": "gold"}}
    state = created(start(pods=9), "ReplicaSet", "apps/v1", replicas=2, selector=SELECTOR, template=template)
    run = settle(TICKER, state, until=60_000)
    assert not run.state.cluster.objects("Pod")
    (refusals,) = run.refusals
    assert refusals.answer.message.endswith("is forbidden: no PriorityClass with name gold was found")
    gold = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "gold"}, "value": 7}
    run = settle(TICKER, requests.create(run.state, gold).state, until=400_000)
    assert [pod.document["spec"]["priority"] for pod in run.state.cluster.objects("Pod").values()] == [7, 7]
