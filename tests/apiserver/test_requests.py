"""What the API server adds to objects and what it refuses: services, claims, nodes, quotas, limits, evictions."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.apiserver import requests
from kubelogic.apiserver.answers import Obstacle, Status
from kubelogic.apiserver.requests import Outcome
from kubelogic.cluster import Cluster
from kubelogic.cluster.state import State

EMPTY = State(cluster=Cluster())
TWO_PORTS = [{"name": "a", "port": 80}, {"name": "b", "port": 81}]


def create(state: State, kind: str, name: str, *, api_version: str = "v1", **rest: Any) -> Outcome:
    metadata = {"name": name, **rest.pop("metadata", {})}
    return requests.create(state, {"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest})


def created(state: State, kind: str, name: str, *, api_version: str = "v1", **rest: Any) -> State:
    outcome = create(state, kind, name, api_version=api_version, **rest)
    assert outcome.answer.accepted, outcome.answer
    return outcome.state


def document(state: State, kind: str, key: str) -> Any:
    return state.cluster.objects(kind)[key].document


def pod(state: State, name: str, **resources: dict[str, str]) -> Outcome:
    return create(state, "Pod", name, spec={"containers": [{"name": "c", "image": "i", "resources": resources}]})


# -- services ------------------------------------------------------------------------------------------------


def test_services_get_addresses_and_node_ports_of_their_own() -> None:
    state = created(EMPTY, "Service", "a", spec={"ports": [{"port": 80}]})
    state = created(state, "Service", "b", spec={"type": "NodePort", "ports": TWO_PORTS})
    state = created(state, "Service", "none", spec={"clusterIP": "None", "ports": [{"port": 80}]})
    state = created(state, "Service", "out", spec={"type": "ExternalName", "externalName": "example.org"})
    specs = {name: document(state, "Service", f"default/{name}")["spec"] for name in ("a", "b", "none", "out")}
    assert specs["a"]["clusterIP"] != specs["b"]["clusterIP"]
    ports = [port["nodePort"] for port in specs["b"]["ports"]]
    assert len(set(ports)) == 2
    assert all(30_000 <= port <= 32_767 for port in ports)
    assert "nodePort" not in specs["a"]["ports"][0]
    assert specs["none"]["clusterIP"] == "None"
    assert "clusterIP" not in specs["out"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]},
            "spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated",
        ),
        (
            {"type": "NodePort", "ports": [{"port": 80, "nodePort": 80}]},
            "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. "
            "The range of valid ports is 30000-32767",
        ),
        (
            {"clusterIP": "10.0.200.5", "ports": [{"port": 80}]},
            'spec.clusterIPs: Invalid value: ["10.0.200.5"]: failed to allocate IP 10.0.200.5: '
            "provided IP is already allocated",
        ),
        (
            {"clusterIP": "192.0.2.1", "ports": [{"port": 80}]},
            'spec.clusterIPs: Invalid value: ["192.0.2.1"]: failed to allocate IP 192.0.2.1: '
            "the provided network does not match the current range",
        ),
    ],
)
def test_a_service_cannot_have_what_is_taken_or_out_of_range(spec: dict[str, Any], message: str) -> None:
    taken = {"type": "NodePort", "clusterIP": "10.0.200.5", "ports": [{"port": 80, "nodePort": 30080}]}
    state = created(EMPTY, "Service", "first", spec=taken)
    answer = create(state, "Service", "second", spec=spec).answer
    assert answer.status == 422
    assert answer.message == f'Service "second" is invalid: {message}'


def test_one_node_port_may_serve_two_protocols() -> None:
    ports = [
        {"name": "tcp", "port": 53, "nodePort": 30053},
        {"name": "udp", "port": 53, "nodePort": 30053, "protocol": "UDP"},
    ]
    assert create(EMPTY, "Service", "dns", spec={"type": "NodePort", "ports": ports}).answer.accepted


def test_a_change_of_type_gives_and_takes_node_ports_but_not_the_address() -> None:
    state = created(EMPTY, "Service", "a", spec={"ports": [{"port": 80}]})
    address = document(state, "Service", "default/a")["spec"]["clusterIP"]
    state = requests.patch(state, "Service", "default/a", {"spec": {"type": "NodePort"}}).state
    exposed = document(state, "Service", "default/a")["spec"]
    assert exposed["ports"][0]["nodePort"]
    assert exposed["externalTrafficPolicy"] == "Cluster"
    state = requests.patch(state, "Service", "default/a", {"spec": {"type": "ClusterIP"}}).state
    back = document(state, "Service", "default/a")["spec"]
    assert "nodePort" not in back["ports"][0]
    assert "externalTrafficPolicy" not in back
    assert back["clusterIP"] == address
    refused = requests.patch(state, "Service", "default/a", {"spec": {"clusterIP": "10.0.9.9"}}).answer
    assert refused.message.endswith('spec.clusterIPs[0]: Invalid value: ["10.0.9.9"]: may not change once set')


# -- nodes, claims, namespaces ---------------------------------------------------------------------------------


def test_a_new_node_takes_no_pods_yet() -> None:
    state = created(EMPTY, "Node", "n1", spec={"taints": [{"key": "gpu", "effect": "NoSchedule"}]})
    taints = document(state, "Node", "n1")["spec"]["taints"]
    assert [taint["key"] for taint in taints] == ["gpu", "node.kubernetes.io/not-ready"]


def test_a_claim_gets_the_newest_default_class_and_is_protected() -> None:
    state = EMPTY
    for name, default in (("old", "true"), ("plain", "false")):
        annotations = {"storageclass.kubernetes.io/is-default-class": default}
        state = created(
            state,
            "StorageClass",
            name,
            api_version="storage.k8s.io/v1",
            provisioner="p",
            metadata={"annotations": annotations},
        )
    wanted = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    state = created(state, "PersistentVolumeClaim", "c", spec=wanted)
    state = created(state, "PersistentVolumeClaim", "none", spec={**wanted, "storageClassName": ""})
    claim = document(state, "PersistentVolumeClaim", "default/c")
    assert claim["spec"]["storageClassName"] == "old"
    assert claim["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
    assert document(state, "PersistentVolumeClaim", "default/none")["spec"]["storageClassName"] == ""


def test_nothing_is_made_in_a_namespace_that_is_being_deleted() -> None:
    state = created(EMPTY, "Namespace", "team")
    state = requests.delete(state, "Namespace", "team").state
    assert document(state, "Namespace", "team")["status"]["phase"] == "Terminating"
    answer = create(state, "ConfigMap", "new", metadata={"namespace": "team"}, data={}).answer
    assert (answer.status, answer.causes) == (403, ("namespace team is being terminated",))
    assert answer.message == (
        'configmaps "new" is forbidden: unable to create new content in namespace team because it is being terminated'
    )


# -- quotas and limits -----------------------------------------------------------------------------------------


def with_quota(**hard: str) -> State:
    return created(EMPTY, "ResourceQuota", "q", spec={"hard": {name.replace("__", "."): v for name, v in hard.items()}})


def test_a_quota_is_charged_for_every_object_until_it_is_used_up() -> None:
    state = with_quota(pods="2")
    for name in ("a", "b"):
        outcome = pod(state, name)
        assert outcome.answer.accepted
        state = outcome.state
    assert document(state, "ResourceQuota", "default/q")["status"]["used"] == {"pods": "2"}
    answer = pod(state, "c").answer
    assert answer == Status(
        status=403,
        reason="Forbidden",
        message='pods "c" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2',
        obstacles=(
            Obstacle(
                kind="ResourceQuota",
                key="default/q",
                path=("spec", "hard", "pods"),
                remedy="raise pods to 3 or more for the next one, or ask for less",
            ),
        ),
    )


def test_a_quota_of_requests_wants_them_to_be_said() -> None:
    state = with_quota(requests__cpu="1", limits__cpu="2")
    answer = pod(state, "none").answer
    assert answer.message == (
        'pods "none" is forbidden: failed quota: q: must specify limits.cpu for: c; requests.cpu for: c'
    )
    state = pod(state, "a", requests={"cpu": "900m"}, limits={"cpu": "1"}).state
    refused = pod(state, "b", requests={"cpu": "200m"}, limits={"cpu": "1"}).answer
    assert refused.message.endswith("requested: requests.cpu=200m, used: requests.cpu=900m, limited: requests.cpu=1")


def test_a_quota_with_a_scope_covers_only_pods_in_it() -> None:
    spec = {"hard": {"pods": "0"}, "scopes": ["BestEffort"]}
    state = created(EMPTY, "ResourceQuota", "q", spec=spec)
    assert pod(state, "burstable", requests={"cpu": "1"}).answer.accepted
    assert not pod(state, "best-effort").answer.accepted


def test_objects_are_counted_by_kind_and_group() -> None:
    hard = {"count/configmaps": "1", "services.nodeports": "1"}
    state = created(EMPTY, "ResourceQuota", "q", spec={"hard": hard})
    state = created(state, "ConfigMap", "a", data={})
    assert create(state, "ConfigMap", "b", data={}).answer.status == 403
    two_ports = {"type": "NodePort", "ports": [{"name": "a", "port": 1}, {"name": "b", "port": 2}]}
    assert "services.nodeports=2" in create(state, "Service", "s", spec=two_ports).answer.message
    assert create(state, "Service", "s", spec={"ports": [{"port": 1}]}).answer.accepted


LIMITS = {
    "type": "Container",
    "default": {"cpu": "500m"},
    "defaultRequest": {"cpu": "200m"},
    "min": {"cpu": "50m"},
    "max": {"cpu": "2"},
    "maxLimitRequestRatio": {"cpu": "5"},
}


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, {"limits": {"cpu": "500m"}, "requests": {"cpu": "200m"}}),
        ({"limits": {"cpu": "600m"}}, {"limits": {"cpu": "600m"}, "requests": {"cpu": "600m"}}),
        ({"requests": {"cpu": "300m"}}, {"limits": {"cpu": "500m"}, "requests": {"cpu": "300m"}}),
    ],
)
def test_a_limit_range_fills_in_what_is_not_said(resources: dict[str, Any], expected: dict[str, Any]) -> None:
    state = created(EMPTY, "LimitRange", "l", spec={"limits": [LIMITS]})
    state = pod(state, "p", **resources).state
    assert document(state, "Pod", "default/p")["spec"]["containers"][0]["resources"] == expected


@pytest.mark.parametrize(
    ("resources", "why"),
    [
        ({"requests": {"cpu": "1"}, "limits": {"cpu": "3"}}, "maximum cpu usage per Container is 2, but limit is 3"),
        (
            {"requests": {"cpu": "10m"}, "limits": {"cpu": "40m"}},
            "minimum cpu usage per Container is 50m, but request is 10m",
        ),
        (
            {"requests": {"cpu": "100m"}, "limits": {"cpu": "1"}},
            "cpu max limit to request ratio per Container is 5, but provided ratio is 10.000000",
        ),
    ],
)
def test_a_limit_range_refuses_what_is_out_of_bounds(resources: dict[str, Any], why: str) -> None:
    state = created(EMPTY, "LimitRange", "l", spec={"limits": [LIMITS]})
    answer = pod(state, "p", **resources).answer
    assert answer.message == f'pods "p" is forbidden: {why}'


@pytest.mark.parametrize(
    ("limit", "request_", "path", "remedy"),
    [
        ({"max": {"cpu": "1"}}, "2", "max", "request at most 1 of cpu, or raise the maximum"),
        ({"default": {"cpu": "1"}}, "2", "default", "give the container limits of its own"),
        ({"default": {"cpu": "1"}, "max": {"cpu": "4"}}, "2", "default", "give the container limits of its own"),
        ({"default": {"cpu": "1"}, "max": {"cpu": "4"}}, "5", "max", "request at most 4 of cpu"),
    ],
)
def test_a_request_above_the_limit_that_a_range_gives(
    limit: dict[str, Any], request_: str, path: str, remedy: str
) -> None:
    """A maximum is the default limit where there is no other; limits of the container's own do not help against it."""
    bounds = {"default": limit.get("max"), **limit}
    state = created(EMPTY, "LimitRange", "l", spec={"limits": [{"type": "Container", **bounds}]})
    answer = pod(state, "p", requests={"cpu": request_}).answer
    (obstacle,) = answer.obstacles
    assert "must be less than or equal to cpu limit of 1" in answer.message or path == "max"
    assert obstacle.path == ("spec", "limits", 0, path, "cpu")
    assert obstacle.remedy.startswith(remedy)


# -- evictions -------------------------------------------------------------------------------------------------


def running(state: State, name: str, *, ready: bool = True) -> State:
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    state = created(
        state,
        "Pod",
        name,
        metadata={"labels": {"app": "web"}},
        spec={"nodeName": "n1", "containers": [{"name": "c", "image": "i"}]},
    )
    change = {"status": {"phase": "Running", "conditions": conditions}}
    return requests.patch(state, "Pod", f"default/{name}", change, subresource="status").state


def budget(state: State, *, healthy: int, desired: int, allowed: int, **spec: Any) -> State:
    selector = {"matchLabels": {"app": "web"}}
    state = created(
        state,
        "PodDisruptionBudget",
        "b",
        api_version="policy/v1",
        spec={"minAvailable": desired, "selector": selector, **spec},
    )
    status = {
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "disruptionsAllowed": allowed,
        "expectedPods": healthy,
    }
    return requests.patch(state, "PodDisruptionBudget", "default/b", {"status": status}, subresource="status").state


def test_an_eviction_draws_on_the_budget_of_the_pod() -> None:
    state = budget(running(running(EMPTY, "a"), "b"), healthy=2, desired=1, allowed=1)
    outcome = requests.evict(state, "default/a")
    assert outcome.answer.status == 201
    status = document(outcome.state, "PodDisruptionBudget", "default/b")["status"]
    assert status["disruptionsAllowed"] == 0
    assert list(status["disruptedPods"]) == ["a"]
    pod_document = document(outcome.state, "Pod", "default/a")
    assert "deletionTimestamp" in pod_document["metadata"]
    assert pod_document["status"]["conditions"][-1]["reason"] == "EvictionByEvictionAPI"
    refused = requests.evict(outcome.state, "default/b").answer
    assert (refused.status, refused.reason) == (429, "TooManyRequests")


def test_a_refused_eviction_says_how_many_healthy_pods_are_needed() -> None:
    state = budget(running(EMPTY, "a"), healthy=1, desired=1, allowed=0)
    answer = requests.evict(state, "default/a").answer
    assert answer.message == "Cannot evict pod as it would violate the pod's disruption budget."
    assert answer.causes == ("The disruption budget b needs 1 healthy pods and has 1 currently",)


def test_a_pod_that_is_not_ready_may_go_if_enough_others_are() -> None:
    enough = budget(running(EMPTY, "a", ready=False), healthy=1, desired=1, allowed=0)
    assert requests.evict(enough, "default/a").answer.accepted
    few = budget(running(EMPTY, "a", ready=False), healthy=0, desired=1, allowed=0)
    assert requests.evict(few, "default/a").answer.status == 429
    always = {"unhealthyPodEvictionPolicy": "AlwaysAllow"}
    allowed = budget(running(EMPTY, "a", ready=False), healthy=0, desired=1, allowed=0, **always)
    assert requests.evict(allowed, "default/a").answer.accepted


def test_two_budgets_over_one_pod_are_an_error() -> None:
    state = budget(running(EMPTY, "a"), healthy=1, desired=0, allowed=1)
    other = {"minAvailable": 0, "selector": {"matchLabels": {"app": "web"}}}
    state = created(state, "PodDisruptionBudget", "c", api_version="policy/v1", spec=other)
    assert requests.evict(state, "default/a").answer.status == 500


# -- limit ranges for whole pods -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bounds", "resources", "message"),
    [
        ({"max": {"cpu": "1"}}, {"limits": {"cpu": "600m"}}, "maximum cpu usage per Pod is 1, but limit is 1200m"),
        ({"max": {"cpu": "2"}}, {"limits": {"cpu": "600m"}}, ""),
        (
            {"max": {"memory": "1Gi"}},
            {"limits": {"cpu": "1"}},
            "maximum memory usage per Pod is 1Gi.  No limit is specified",
        ),
        (
            {"min": {"memory": "1Gi"}},
            {"requests": {"memory": "300Mi"}},
            "minimum memory usage per Pod is 1Gi, but request is 600Mi",
        ),
    ],
)
def test_limits_of_whole_pods_add_up_containers(bounds: Any, resources: Any, message: str) -> None:
    limits = {"limits": [{"type": "Pod", **bounds}]}
    state = created(EMPTY, "LimitRange", "pods", spec=limits)
    containers = [{"name": name, "image": "i", "resources": resources} for name in ("a", "b")]
    answer = create(state, "Pod", "two", spec={"containers": containers}).answer
    assert answer.accepted == (not message)
    assert message in (answer.message or "")
