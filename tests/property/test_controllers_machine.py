"""Random operations on a small cluster: what Kubernetes promises of its controllers holds at every tick."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from kubelogic.apiserver import requests
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.state import State
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.logic import Rulebook
from kubelogic.reconcile import drains  # noqa: F401 - tells ``perform`` how to drain
from kubelogic.reconcile.engine import reconciler
from kubelogic.reconcile.performing import perform
from kubelogic.reconcile.problem import problem
from kubelogic.reconcile.rollouts import rollouts
from kubelogic.reconcile.scenario import (
    Behave,
    Drain,
    FailNode,
    HealNode,
    Operation,
    Pause,
    Scale,
    SetImage,
    Undo,
)
from kubelogic.reconcile.settle import settle
from kubelogic.reconcile.tick import Reconciler
from kubelogic.reconcile.troubles import ExitContainers, FailProbe, HealProbe, Target
from tests.support.invariants import Watch

NODES = ("n1", "n2", "n3")
BOOK: list[Rulebook] = []


def rulebook() -> Rulebook:
    """The built-in rules, read once."""
    if not BOOK:
        BOOK.append(load_rulebook())
    return BOOK[0]


def node(name: str) -> Object:
    document = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "status": {
            "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "12"},
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
        },
    }
    return Object(api_version="v1", kind="Node", namespace="", name=name, document=document)


def workload(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    probe = {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 1, "failureThreshold": 2}
    container = {
        "name": "c",
        "image": "app:1",
        "resources": {"requests": {"cpu": "300m", "memory": "64Mi"}},
        "readinessProbe": probe,
        "livenessProbe": probe,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
            **spec,
        },
    }


AMOUNT = st.one_of(st.integers(0, 3), st.sampled_from(["0%", "10%", "25%", "50%", "100%"]))
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
}


def budget(least: int) -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web"},
        "spec": {"minAvailable": least, "selector": {"matchLabels": {"app": "web"}}},
    }


THEN = st.sampled_from([0, 100, 300, 1000, 5000])
"""Milliseconds that the control plane has before the next operation."""

WEB = Target(kind="Deployment", key="default/web")
DB = Target(labels=(("app", "db"),), namespace="default")
NEW = Target(image="app:2")
TARGETS = st.sampled_from([WEB, DB, NEW])
PROBES = st.sampled_from(["liveness", "readiness"])
IMAGES = st.sampled_from(["app:1", "app:2", "app:3", "slow:1"])


class Controllers(RuleBasedStateMachine):
    """A Deployment and a StatefulSet on three nodes, and what users do to them."""

    state: State
    watch: Watch
    engine: Reconciler
    least: int

    @initialize(
        replicas=st.integers(1, 6),
        surge=AMOUNT,
        unavailable=AMOUNT,
        ready=st.integers(0, 3),
        parallel=st.booleans(),
        least=st.integers(0, 4),
    )
    def begin(  # noqa: PLR0917 - Hypothesis passes them by name
        self, replicas: int, surge: int | str, unavailable: int | str, ready: int, parallel: bool, least: int
    ) -> None:
        self.least = least
        zero = surge in (0, "0%") and unavailable in (0, "0%")
        rolling = {"maxSurge": 1 if zero else surge, "maxUnavailable": unavailable}
        self.engine = reconciler(rulebook(), scheduler="kube")
        self.state = State.of(Cluster.of([node(name) for name in NODES]))
        self.watch = Watch(self.state)
        self.state = self.state.with_world(add=[("image_ready_after", ("slow:1", 3000))])
        for document in (
            workload(
                "Deployment",
                "web",
                replicas=replicas,
                minReadySeconds=ready,
                strategy={"type": "RollingUpdate", "rollingUpdate": rolling},
            ),
            workload(
                "StatefulSet",
                "db",
                replicas=2,
                serviceName="db",
                podManagementPolicy="Parallel" if parallel else "OrderedReady",
            ),
            SERVICE,
            budget(least),
        ):
            outcome = requests.create(self.state, document)
            assert outcome.answer.accepted, outcome.answer
            self.state = outcome.state
        self.run(2000)

    def run(self, milliseconds: int | None) -> None:
        """Let the control plane run for a while; None: until it has settled."""
        self.watch.moved(self.state)
        until = None if milliseconds is None else self.state.now + milliseconds
        run = settle(self.engine, self.state, until=until, max_ticks=2000, progress=self.watch)
        self.state = run.state
        assert not self.watch.broken, self.watch.broken
        assert run.settled, run.cycle

    @invariant()
    def the_placement_problem_is_as_if_read_anew(self) -> None:
        """It is kept from tick to tick, and only what changed is read again."""
        if hasattr(self, "engine"):
            assert self.engine.problem() == problem(self.engine.relations)

    def do(self, operation: Operation, then: int) -> None:
        self.state = perform(operation, self.state).state
        self.run(then)

    @rule(kind=st.sampled_from([("Deployment", "web"), ("StatefulSet", "db")]), replicas=st.integers(0, 6), then=THEN)
    def scale(self, kind: tuple[str, str], replicas: int, then: int) -> None:
        self.do(Scale(kind=kind[0], key=f"default/{kind[1]}", replicas=replicas), then)

    @rule(kind=st.sampled_from([("Deployment", "web"), ("StatefulSet", "db")]), image=IMAGES, then=THEN)
    def update(self, kind: tuple[str, str], image: str, then: int) -> None:
        self.do(SetImage(kind=kind[0], key=f"default/{kind[1]}", image=image), then)

    @rule(paused=st.booleans(), then=THEN)
    def pause(self, paused: bool, then: int) -> None:
        self.do(Pause(key="default/web", paused=paused), then)

    @rule(then=THEN)
    def undo(self, then: int) -> None:
        self.do(Undo(key="default/web"), then)

    @rule(pull=st.booleans(), then=THEN)
    def break_image(self, pull: bool, then: int) -> None:
        self.do(Behave(image="app:3", pull=pull), then)

    @rule(name=TARGETS, probe=PROBES, status=st.sampled_from([204, 503]), then=THEN)
    def answer(self, name: Target, probe: str, status: int, then: int) -> None:
        self.do(FailProbe(target=name, probe=probe, answer="status", number=status), then)

    @rule(name=TARGETS, then=THEN)
    def crash(self, name: Target, then: int) -> None:
        self.do(ExitContainers(target=name, code=1), then)

    @rule(name=st.sampled_from(NODES), unschedulable=st.booleans())
    def cordon(self, name: str, unschedulable: bool) -> None:
        self.state = requests.cordon(self.state, name, unschedulable=unschedulable).state

    @rule(name=st.sampled_from(NODES), then=THEN)
    def drain(self, name: str, then: int) -> None:
        self.do(Drain(node=name), then)

    @precondition(lambda self: self.state.cluster.objects("Pod"))
    @rule(data=st.data())
    def evict(self, data: st.DataObject) -> None:
        """Evictions leave as many healthy pods as the budget asks for.

        Source: Kubernetes documentation, "Disruptions": an eviction "may be temporarily rejected" to respect a budget.
        """
        key = data.draw(st.sampled_from(sorted(self.state.cluster.objects("Pod"))))
        ready = self.ready_pods()
        outcome = requests.evict(self.state, key)
        if outcome.answer.accepted and key in ready:
            assert len(ready) - 1 >= self.least, f"{key} was evicted, {len(ready)} were ready, {self.least} are needed"
        self.state = outcome.state
        self.run(data.draw(THEN))

    def ready_pods(self) -> dict[str, str]:
        """The addresses of the ready pods of the Deployment that are not terminating, by key."""
        found = {}
        for key, pod in self.state.cluster.objects("Pod").items():
            conditions = {c["type"]: c["status"] for c in pod.document["status"].get("conditions") or ()}
            gone = pod.document["metadata"].get("deletionTimestamp")
            if key.startswith("default/web-") and conditions.get("Ready") == "True" and not gone:
                found[key] = pod.document["status"]["podIP"]
        return found

    @rule(name=st.sampled_from(NODES), heal=st.booleans(), then=THEN)
    def silence(self, name: str, heal: bool, then: int) -> None:
        """A kubelet falls silent and is back before, or just after, anyone notices."""
        self.do(FailNode(node=name), 45_000 if heal else 1000)
        self.do(HealNode(node=name), then)

    @precondition(lambda self: self.state.cluster.objects("Pod"))
    @rule(data=st.data())
    def delete_pod(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.state.cluster.objects("Pod"))))
        self.state = requests.delete(self.state, "Pod", key).state
        self.run(data.draw(THEN))

    @rule()
    def recover(self) -> None:
        """With all nodes open, no broken image, no failing probe and nothing paused, every rollout completes.

        Then the Service's endpoints are exactly the ready pods.
        """
        for name in NODES:
            self.state = requests.cordon(self.state, name, unschedulable=False).state
        self.do(Behave(image="app:3", pull=True), 0)
        for probe in ("liveness", "readiness"):
            for name in (WEB, DB, NEW):
                self.do(HealProbe(target=name, probe=probe), 0)
        self.do(Pause(key="default/web", paused=False), 0)
        broken = self.ordered_and_stuck()
        self.run(None)
        waiting = [each for each in rollouts(self.state.cluster) if not each.complete]
        assert not [each for each in waiting if each.kind == "Deployment"], waiting
        assert broken or not waiting, waiting
        slices = self.state.cluster.objects("EndpointSlice").values()
        addresses = sorted(
            address
            for each in slices
            if each.name.startswith("web-")
            for endpoint in each.document.get("endpoints") or ()
            if endpoint["conditions"]["ready"]
            for address in endpoint["addresses"]
        )
        assert addresses == sorted(self.ready_pods().values())
        self.state = replace(self.state, now=self.state.now + 1000)

    def ordered_and_stuck(self) -> bool:
        """A pod of an ordered StatefulSet that was made from a broken template blocks it until it is deleted."""
        pods = self.state.cluster.objects("Pod").values()
        return any(pod.name.startswith("db-") and pod.document["status"]["phase"] == "Pending" for pod in pods)


TestControllers = Controllers.TestCase
TestControllers.settings = settings(
    max_examples=10, stateful_step_count=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
