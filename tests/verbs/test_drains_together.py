"""Several nodes that are drained at once, and one after the other: budgets hold at every moment, disks stay.

Source: pkg/registry/core/pod/storage/eviction.go and staging/src/k8s.io/kubectl/pkg/drain of Kubernetes 1.36.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.api import Options, load
from kubelogic.cluster.edit import is_being_deleted
from kubelogic.cluster.pods import is_ready, node_of
from kubelogic.cluster.state import State
from kubelogic.reconcile.scenario import Cordon, Drain, Event, Operation, Scenario
from kubelogic.reconcile.simulate import Simulated, simulate
from kubelogic.reconcile.tick import Reconciler, Tick
from kubelogic.verbs.reconciled import begin, engine
from tests.explain.small import node, workload

APART = {
    "podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "web"}}}
        ]
    }
}
POD: dict[str, Any] = {"containers": [{"name": "c", "image": "i:1"}]}


def budget(name: str = "web", **spec: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": "default"}
    whole = {"selector": {"matchLabels": {"app": "web"}}, **spec}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta, "spec": whole}


def nodes(number: int) -> list[dict[str, Any]]:
    return [node(f"n{each}") for each in range(1, number + 1)]


def made(kind: str, replicas: int, pod: dict[str, Any] = POD, **spec: Any) -> dict[str, Any]:
    found = workload(kind, "web", pod)
    found["spec"] |= {"replicas": replicas, **spec}
    return found


class Watch:
    """A ticker that keeps the fewest pods that were ready and not on their way out, from the first minute on."""

    def __init__(self, ticker: Reconciler, start: State) -> None:
        self._ticker, self._from, self.least = ticker, start.now + 59_000, 99

    def tick(self, state: State) -> Tick:
        """See ``settle.Ticker``."""
        if state.now >= self._from:
            pods = state.cluster.objects("Pod").values()
            self.least = min(self.least, sum(is_ready(pod) and not is_being_deleted(pod) for pod in pods))
        return self._ticker.tick(state)

    def due(self, now: int) -> frozenset[int]:
        """See ``settle.Ticker``."""
        return self._ticker.due(now)


def run(objects: list[dict[str, Any]], *steps: tuple[int, Operation]) -> tuple[Simulated, int]:
    made = engine(Options(scheduler="kube"))
    start, _ = begin(load(objects), made.rulebook)
    watch = Watch(made.reconciler, start)
    events = tuple(Event(at=60_000 * at, operation=operation) for at, operation in steps)
    return simulate(watch, start, Scenario(events=events, horizon=40 * 60_000)), watch.least


def places(done: Simulated) -> list[str]:
    return sorted(node_of(pod) for pod in done.state.cluster.objects("Pod").values())


BOTH = ((1, Drain(node="n1")), (1, Drain(node="n2")))


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
@pytest.mark.parametrize(
    ("spec", "least"), [({"maxUnavailable": 1}, 3), ({"minAvailable": 3}, 3), ({"minAvailable": "50%"}, 2)]
)
def test_two_drains_keep_the_budget_and_end(kind: str, spec: dict[str, Any], least: int) -> None:
    done, lowest = run([*nodes(4), made(kind, 4), budget(**spec)], *BOTH)
    assert set(places(done)) <= {"n3", "n4"}
    assert len(places(done)) == 4
    assert lowest >= least


def test_a_pod_without_another_place_holds_the_second_drain() -> None:
    done, lowest = run([*nodes(3), made("Deployment", 3, {**POD, "affinity": APART}), budget(minAvailable=2)], *BOTH)
    assert lowest == 2
    assert len({"n1", "n2"} & set(places(done))) == 1
    refused = [each.refused for each in done.timeline if each.type == "Drain" and each.refused]
    assert any("would violate the pod's disruption budget" in each for each in refused)


def test_under_two_budgets_nobody_is_evicted_and_both_drains_end_at_once() -> None:
    """The answer is 500, which kubectl does not try again; 429 it does."""
    objects = [*nodes(3), made("Deployment", 3), budget("one", maxUnavailable=1), budget("two", maxUnavailable=1)]
    done, lowest = run(objects, *BOTH)
    assert lowest == 3
    assert places(done) == ["n1", "n2", "n3"]
    refused = [each.refused for each in done.timeline if each.refused]
    assert len(refused) == 2
    assert all("This pod has more than one PodDisruptionBudget" in each for each in refused)


def local(number: int) -> dict[str, Any]:
    term = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [f"n{number}"]}]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"disk-{number}"},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "local",
            "local": {"path": "/d"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}},
        },
    }


CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "local"},
    "provisioner": "kubernetes.io/no-provisioner",
    "volumeBindingMode": "WaitForFirstConsumer",
}
CLAIM = {
    "metadata": {"name": "data"},
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "local",
        "resources": {"requests": {"storage": "1Gi"}},
    },
}


def test_pods_with_local_disks_wait_for_their_node_and_hold_the_other_drain() -> None:
    group = made("StatefulSet", 2, {**POD, "affinity": APART}, volumeClaimTemplates=[CLAIM])
    objects = [*nodes(3), CLASS, local(1), local(2), group, budget(maxUnavailable=1)]
    done, _ = run(objects, *BOTH)
    assert sorted({*places(done)} - {""}) in (["n1"], ["n2"])
    back = (5, Cordon(node="n1", unschedulable=False)), (8, Cordon(node="n2", unschedulable=False))
    done, lowest = run(objects, *BOTH, *back)
    assert places(done) == ["n1", "n2"]
    assert lowest == 1
    assert not done.ailments


def test_rolling_drains_leave_the_pods_of_a_daemon_set_alone() -> None:
    agent = workload("DaemonSet", "agent", POD)
    agent["spec"].pop("replicas", None)
    steps: list[tuple[int, Operation]] = []
    for number in (1, 2, 3):
        steps += [
            (3 * number, Drain(node=f"n{number}")),
            (3 * number + 2, Cordon(node=f"n{number}", unschedulable=False)),
        ]
    objects = [*nodes(3), agent, made("Deployment", 3, {**POD, "affinity": APART}), budget(minAvailable=2)]
    done, lowest = run(objects, *steps)
    assert places(done) == ["n1", "n1", "n2", "n2", "n3", "n3"]
    assert lowest == 5
    assert not done.ailments
