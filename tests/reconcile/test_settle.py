"""Runs until nothing happens: slow progress is no loop; names of pods that collide."""

from __future__ import annotations

from kubelogic.cluster import Cluster, Object, naming
from kubelogic.cluster.state import State
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.placement.placement import Binding, Placement
from kubelogic.placement.problem import Problem
from kubelogic.reconcile.functions import FUNCTIONS
from kubelogic.reconcile.settle import settle
from kubelogic.reconcile.tick import Reconciler


class EverythingOnN1:
    def place(self, given: Problem) -> Placement:
        waiting = (pod.name for pod in given.pods if not pod.node)
        return Placement(scheduler="test", bindings=tuple(Binding(pod=pod, node="n1") for pod in waiting))


def workload(name: str, *, replicas: int, **spec: object) -> Object:
    document = {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "c", "image": "app:1"}]},
            },
            **spec,
        },
    }
    return Object(api_version="apps/v1", kind="Deployment", namespace="default", name=name, document=document)


NODE = Object(
    api_version="v1",
    kind="Node",
    namespace="",
    name="n1",
    document={"metadata": {"name": "n1"}, "status": {"allocatable": {"cpu": "64", "memory": "64Gi", "pods": "500"}}},
)


def test_a_long_rollout_pod_by_pod_settles() -> None:
    strategy = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    reconciler = Reconciler(load_rulebook(), functions=FUNCTIONS, scheduler=EverythingOnN1())
    before = settle(reconciler, State.of(Cluster.of([NODE, workload("web", replicas=60)]))).state
    web = before.cluster.get("Deployment", "default/web")
    assert web is not None
    spec = {**web.document["spec"], "strategy": strategy}
    spec["template"] = {**spec["template"], "spec": {"containers": [{"name": "c", "image": "app:2"}]}}
    changed = Object(
        api_version="apps/v1",
        kind="Deployment",
        namespace="default",
        name="web",
        document={**web.document, "metadata": {**web.document["metadata"], "generation": 2}, "spec": spec},
    )
    run = settle(reconciler, State(cluster=before.cluster.replacing([changed]), now=before.now, names=before.names))
    assert len(run.steps) > 200
    assert run.settled
    pods = run.state.cluster.objects("Pod").values()
    assert {pod.document["spec"]["containers"][0]["image"] for pod in pods} == {"app:2"}


def test_a_name_that_is_taken_is_passed_over() -> None:
    settled = settle(
        Reconciler(load_rulebook(), functions=FUNCTIONS, scheduler=EverythingOnN1()),
        State.of(Cluster.of([NODE, workload("web", replicas=1)])),
    )
    (replica_set,) = settled.state.cluster.objects("ReplicaSet")
    taken = naming.pod_name(replica_set, 1)
    pod = {"metadata": {"name": taken.partition("/")[2], "namespace": "default"}, "spec": {"containers": []}}
    stranger = Object(api_version="v1", kind="Pod", namespace="default", name=taken.partition("/")[2], document=pod)
    run = settle(
        Reconciler(load_rulebook(), functions=FUNCTIONS, scheduler=EverythingOnN1()),
        State.of(Cluster.of([NODE, stranger, workload("web", replicas=3)])),
    )
    assert run.settled
    assert sorted(run.state.cluster.objects("Pod")) == sorted(
        [taken, *(naming.pod_name(replica_set, number) for number in (0, 2, 3))]
    )
