"""Controllers whose pods a quota refuses: they try again, ever more slowly, and go on when there is room."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.cluster import Cluster
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.reconcile import operations
from kubelogic.reconcile.engine import reconciler
from kubelogic.reconcile.settle import settle
from kubelogic.reconcile.state import State

TICKER = reconciler(load_rulebook(), scheduler="kube")
TEMPLATE = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
SELECTOR = {"matchLabels": {"app": "a"}}


def created(state: State, kind: str, api_version: str, **spec: Any) -> State:
    document = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, "spec": spec}
    outcome = operations.create(state, document)
    assert outcome.answer.accepted, outcome.answer
    return outcome.state


def start(*, pods: int) -> State:
    state = State(cluster=Cluster())
    for name in ("n1", "n2", "n3"):
        allocatable = {"cpu": "4", "memory": "8Gi", "pods": "110"}
        labels = {"kubernetes.io/hostname": name}
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}}
        state = operations.create(state, {**node, "status": {"allocatable": allocatable}}).state
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
    attempts = [step.now for step in run.steps if any(a.type == "CreatePod" for a in step.actions)]
    assert len(attempts) < 25, "the pause between attempts doubles"
    raised = operations.patch(run.state, "ResourceQuota", "default/x", {"spec": {"hard": {"pods": "3"}}}).state
    run = settle(TICKER, raised, until=200_000)
    assert run.settled
    assert len(run.state.cluster.objects("Pod")) == 3
    quota = run.state.cluster.objects("ResourceQuota")["default/x"].document
    assert quota["status"]["used"] == {"pods": "3"}


def test_controllers_give_up_in_a_namespace_that_is_being_deleted() -> None:
    state = operations.create(
        start(pods=9), {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}
    ).state
    state = created(state, "StatefulSet", "apps/v1", selector=SELECTOR, template=TEMPLATE, replicas=2, serviceName="x")
    state = settle(TICKER, state, until=10_000).state
    assert len(state.cluster.objects("Pod")) == 2
    run = settle(TICKER, operations.delete(state, "Namespace", "default").state, until=100_000)
    assert run.settled
    assert run.state.cluster.objects("Namespace") == {}
    assert run.state.cluster.objects("StatefulSet") == {}
