"""Sentences of the Kubernetes documentation about controllers, each against a plain reading of it, a tick at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kubelogic.apiserver import requests
from kubelogic.cluster import Cluster
from kubelogic.cluster.objects import as_object
from kubelogic.cluster.state import State
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.logic import Evaluation
from kubelogic.reconcile.relations import Relations

Document = dict[str, Any]
GOALS = (
    "budget_is",
    "bears",
    "intolerant",
    "collectable",
    "action_delete_pod",
    "deployment_maximum",
    "wanted_address",
    "action_scale_replica_set",
)
UID = "00000000-0000-4000-8000-{:012d}"
LABELS = {"app": "web"}
FEW = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

Derive = Callable[[Iterable[Document]], Evaluation]


@pytest.fixture(scope="module")
def derive() -> Derive:
    return deriving()


def deriving() -> Derive:
    """What the rules derive from one set of objects after the other; each set is a whole cluster."""
    relations = Relations(load_rulebook(), GOALS)

    def derived(documents: Iterable[Document]) -> Evaluation:
        state = State.of(Cluster.of([as_object(each) for each in documents]))
        world = {name: rows for name, rows in state.world.items() if name != "presumed_owner"}
        return relations.advance(replace(state, world=world))

    return derived


def meta(name: str, uid: int, owners: Iterable[Document] = (), **more: Any) -> Document:
    found = {"name": name, "namespace": "d", "uid": UID.format(uid), "labels": LABELS, **more}
    made = {"creationTimestamp": "2026-01-01T00:00:00Z"}
    return {**made, **found, **({"ownerReferences": list(owners)} if owners else {})}


def owner(kind: str, name: str, uid: int, *, controller: bool = True) -> Document:
    version = {"ConfigMap": "v1"}.get(kind, "apps/v1")
    found = {"apiVersion": version, "kind": kind, "name": name, "uid": UID.format(uid)}
    return {**found, "controller": True} if controller else found


def pod(name: str, uid: int, *, ready: bool = True, owners: Iterable[Document] = (), **more: Any) -> Document:
    status: Document = {"phase": "Running", "podIP": f"10.0.0.{uid % 250 + 1}"}
    since = {"lastTransitionTime": "2026-01-01T00:00:00Z"}
    status["conditions"] = [{"type": "Ready", "status": "True" if ready else "False", **since}]
    spec = {"nodeName": "n1", "containers": [{"name": "c", "image": "web:1"}], **more.pop("spec", {})}
    status |= more.pop("status", {})
    about = meta(name, uid, owners, **more)
    return {"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": spec, "status": status}


def workload(kind: str, name: str, uid: int, replicas: int, owners: Iterable[Document] = (), **spec: Any) -> Document:
    image = spec.pop("image", "web:1")
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "c", "image": image}]}}
    whole = {"replicas": replicas, "selector": {"matchLabels": LABELS}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": meta(name, uid, owners), "spec": whole}


READY = st.lists(st.booleans(), min_size=1, max_size=7)


@FEW
@given(
    READY,
    st.sampled_from(["minAvailable", "maxUnavailable"]),
    st.one_of(st.integers(0, 8), st.sampled_from(["0%", "10%", "30%", "50%", "75%", "100%"])),
    st.integers(0, 3),
)
def test_a_budget_counts_what_is_healthy(
    derive: Derive, ready: list[bool], field: str, amount: int | str, leaving: int
) -> None:
    """Specifying a Disruption Budget: "if you have 7 Pods and you set minAvailable to 50%, ... Kubernetes rounds up to
    the nearest integer, so in this case, 4 Pods must be available"; maxUnavailable is rounded up, too. A pod that is
    being deleted is not healthy.
    """
    expected = len(ready)
    chain = [
        workload("Deployment", "web", 1, expected),
        workload("ReplicaSet", "web-1", 2, expected, [owner("Deployment", "web", 1)]),
    ]
    gone = {"deletionTimestamp": "2026-01-01T00:00:30Z", "deletionGracePeriodSeconds": 30}
    pods = [
        pod(f"p{i}", 10 + i, ready=each, owners=[owner("ReplicaSet", "web-1", 2)], **(gone if i < leaving else {}))
        for i, each in enumerate(ready)
    ]
    spec = {"selector": {"matchLabels": LABELS}, field: amount}
    budget = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta("web", 3), "spec": spec}
    found = derive([*chain, *pods, budget])
    share = isinstance(amount, str)
    number = -(-expected * int(str(amount).rstrip("%")) // 100) if share else int(amount)
    wanted = number if field == "minAvailable" else max(0, expected - number)
    healthy = sum(ready[leaving:])
    allowed = max(0, healthy - wanted)
    assert set(found.rows("budget_is")) == {("d/web", expected, healthy, wanted, allowed)}


KEYS = st.sampled_from(["a", "b", ""])
TOLERATIONS = st.lists(
    st.fixed_dictionaries(
        {"key": KEYS, "operator": st.sampled_from(["Exists", "Equal"])},
        optional={
            "effect": st.sampled_from(["NoExecute", "NoSchedule"]),
            "tolerationSeconds": st.integers(0, 600),
            "value": st.sampled_from(["x", "y"]),
        },
    ),
    max_size=4,
)


@FEW
@given(st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["x", "y"]), min_size=1), TOLERATIONS)
def test_a_pod_stays_as_long_as_its_tolerations_say(
    derive: Derive, taints: dict[str, str], tolerations: list[Document]
) -> None:
    """Taints and Tolerations: "pods that do not tolerate the taint are evicted immediately; pods that tolerate the
    taint without specifying tolerationSeconds ... remain bound forever; pods that tolerate the taint with a specified
    tolerationSeconds remain bound for the specified amount of time". The first toleration that matches a taint counts.
    """
    kept = [
        {**each, "effect": "NoExecute"} if "tolerationSeconds" in each else each
        for each in tolerations
        if each["key"] or each["operator"] == "Exists"
    ]
    for each in kept:
        if each["operator"] == "Exists":
            each.pop("value", None)
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "n1", "uid": UID.format(1)},
        "spec": {"taints": [{"key": key, "value": value, "effect": "NoExecute"} for key, value in taints.items()]},
    }
    found = derive([node, pod("p", 2, spec={"tolerations": kept})])

    def first(key: str, value: str) -> Document | None:
        for each in kept:
            if each.get("effect", "NoExecute") != "NoExecute" or each["key"] not in ("", key):
                continue
            if each["operator"] == "Exists" or each.get("value", "") == value:
                return each
        return None

    used = [first(key, value) for key, value in taints.items()]
    seconds = [each["tolerationSeconds"] for each in used if each is not None and "tolerationSeconds" in each]
    assert set(found.rows("intolerant")) == ({("d/p",)} if None in used else set())
    assert dict(found.rows("bears")) == ({"d/p": min(seconds)} if seconds else {})


@FEW
@given(st.lists(st.booleans(), min_size=1, max_size=3), st.booleans())
def test_only_what_no_owner_keeps_is_collected(derive: Derive, there: list[bool], again: bool) -> None:
    """Garbage Collection: "objects that no longer have owner references" that exist are collected; one owner that is
    there is enough. An owner is its uid: another object of its name is not it.
    """
    owners = [owner("ConfigMap", f"o{i}", 10 + i, controller=False) for i in range(len(there))]
    given_owners = [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(f"o{i}", 10 + i if each else 20 + i)}
        for i, each in enumerate(there)
        if each or again
    ]
    kept = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("kept", 1, owners)}
    found = derive([*given_owners, kept])
    collected = {row for row in found.rows("collectable") if row[1] == "d/kept"}
    assert collected == (set() if any(there) else {("ConfigMap", "d/kept")})


@FEW
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 2), st.integers(0, 3)), min_size=2, max_size=5), st.integers(0, 4)
)
def test_which_pods_a_replica_set_gives_up(derive: Derive, pods: list[tuple[bool, int, int]], replicas: int) -> None:
    """ReplicaSet, Scaling down: "If controller.kubernetes.io/pod-deletion-cost annotation is set, then the pod with the
    lower value will come first. Pods on nodes with more replicas come before pods on nodes with fewer replicas." Before
    all that, a pod that is not ready goes before one that is.
    """
    mine = [owner("ReplicaSet", "web-1", 1)]
    documents = [
        pod(
            f"p{i}",
            10 + i,
            ready=ready,
            owners=mine,
            annotations={"controller.kubernetes.io/pod-deletion-cost": str(cost)},
            spec={"nodeName": f"n{node}"},
        )
        for i, (ready, cost, node) in enumerate(pods)
    ]
    crowd = {node: sum(1 for _, _, other in pods if other == node) for _, _, node in pods}
    order = sorted((ready, cost, -crowd[node]) for ready, cost, node in pods)
    chain = [workload("Deployment", "web", 2, replicas)]
    chain.append(workload("ReplicaSet", "web-1", 1, replicas, [owner("Deployment", "web", 2)]))
    found = derive([*chain, *documents])
    gone = [int(str(row[0])[3:]) for row in found.rows("action_delete_pod")]
    assert sorted((pods[i][0], pods[i][1], -crowd[pods[i][2]]) for i in gone) == order[: max(0, len(pods) - replicas)]


AMOUNT = st.one_of(st.integers(0, 4), st.sampled_from(["0%", "10%", "25%", "34%", "50%", "100%"]))


@FEW
@given(st.integers(0, 9), AMOUNT, AMOUNT)
def test_surge_is_rounded_up(derive: Derive, replicas: int, surge: int | str, unavailable: int | str) -> None:
    """Deployments, Max Surge: "the absolute number is calculated from the percentage by rounding up"; it "cannot be 0
    if MaxUnavailable is 0", which rounding can bring about.
    """
    if str(surge) in ("0", "0%") and str(unavailable) in ("0", "0%"):
        return
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    found = derive([workload("Deployment", "web", 1, replicas, strategy=strategy)])
    more = -(-replicas * int(surge[:-1]) // 100) if isinstance(surge, str) else surge
    assert set(found.rows("deployment_maximum")) == {("d/web", replicas + more)}


@FEW
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=4), st.booleans())
def test_endpoints_are_the_ready_pods(derive: Derive, pods: list[tuple[bool, bool]], publishes: bool) -> None:
    """Service API: publishNotReadyAddresses "indicates that any agent which deals with endpoints for this Service
    should disregard any indications of ready/not-ready". Without it a pod that is being deleted is no endpoint.
    """
    gone = {"deletionTimestamp": "2026-01-01T00:00:30Z", "deletionGracePeriodSeconds": 30}
    documents = [pod(f"p{i}", 10 + i, ready=r, **(gone if leaves else {})) for i, (r, leaves) in enumerate(pods)]
    spec = {"selector": LABELS, "ports": [{"port": 80, "protocol": "TCP"}], "clusterIP": "10.96.0.9"}
    spec["publishNotReadyAddresses"] = publishes
    service = {"apiVersion": "v1", "kind": "Service", "metadata": meta("web", 1), "spec": spec}
    found = derive([service, *documents])
    ready = {f"d/p{i}" for i, (r, leaves) in enumerate(pods) if publishes or (r and not leaves)}
    assert {row[2] for row in found.rows("wanted_address") if row[5] == "ready"} == ready


@FEW
@given(st.integers(1, 8), AMOUNT, AMOUNT, st.integers(0, 8), st.integers(0, 3), st.integers(0, 3))
def test_a_rollout_leaves_enough_pods_available(  # noqa: PLR0917 - Hypothesis passes them by name
    derive: Derive, replicas: int, surge: int | str, unavailable: int | str, size: int, old_bad: int, new_bad: int
) -> None:
    """Deployments, Max Unavailable: "the total number of Pods available at all times during the update is at least" the
    desired number less maxUnavailable, which is rounded down. Pods that are not available are taken away first.
    """
    if str(surge) in ("0", "0%") and str(unavailable) in ("0", "0%"):
        return
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    fewer = replicas * int(unavailable[:-1]) // 100 if isinstance(unavailable, str) else unavailable
    more = -(-replicas * int(surge[:-1]) // 100) if isinstance(surge, str) else surge
    least = replicas - min(replicas, max(fewer, 0 if more else 1))
    new = min(size, replicas)
    old = replicas + more - new
    available = max(0, old - old_bad), max(0, new - new_bad)
    documents = [workload("Deployment", "web", 1, replicas, strategy=strategy)]
    for name, uid, image, number, good in (
        ("old", 2, "web:0", old, available[0]),
        ("new", 3, "web:1", new, available[1]),
    ):
        made = workload("ReplicaSet", name, uid, number, [owner("Deployment", "web", 1)], image=image)
        documents.append({**made, "status": {"replicas": number, "availableReplicas": good}})
    wanted = {str(row[0]): int(row[1]) for row in derive(documents).rows("action_scale_replica_set")}
    left = min(available[0], wanted.get("d/old", old)) + min(available[1], wanted.get("d/new", new))
    assert left >= min(least, sum(available)), wanted


@FEW
@given(READY, st.integers(1, 8), st.randoms(use_true_random=False))
def test_evictions_leave_what_a_budget_wants(ready: list[bool], least: int, random: Any) -> None:
    """Disruptions: an eviction is refused (429) while it would leave fewer healthy pods than the budget wants; what the
    budget allows is spent one by one, until the controller has counted again.
    """
    healthy = sum(ready)
    allowed = max(0, healthy - least)
    status = {"expectedPods": len(ready), "currentHealthy": healthy, "desiredHealthy": least}
    status |= {"disruptionsAllowed": allowed, "observedGeneration": 1}
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {**meta("web", 3), "generation": 1},
        "spec": {"selector": {"matchLabels": LABELS}, "minAvailable": least},
        "status": status,
    }
    keys = [f"d/p{i}" for i in range(len(ready))]
    pods = [pod(f"p{i}", 10 + i, ready=each) for i, each in enumerate(ready)]
    state = State.of(Cluster.of([as_object(each) for each in [*pods, budget]]))
    random.shuffle(keys)
    gone = 0
    for key in keys:
        outcome = requests.evict(state, key)
        gone += outcome.answer.accepted and ready[int(key[3:])]
        state = outcome.state
    assert gone == allowed
