"""Addresses and node ports of Services, read from files or created in a run: one place hands out both."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.api import Options, load, plan
from kubelogic.apiserver import requests
from kubelogic.apiserver.allocators.ranges import Ranges
from kubelogic.apiserver.allocators.services import address_services as addressed
from kubelogic.apiserver.answers import Status
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.state import State
from kubelogic.facts.parameters import parameters_of
from kubelogic.facts.rulebook import builtin_rulebook, load_rulebook


def address_services(cluster: Cluster, **ranges: str) -> tuple[Cluster, tuple[tuple[Object, Status], ...]]:
    book = load_rulebook(parameters=ranges) if ranges else builtin_rulebook()
    return addressed(cluster, Ranges.named(parameters_of(book)))


def service(name: str, *ports: dict[str, Any], **spec: Any) -> Object:
    document = {"metadata": {"name": name, "namespace": "default"}, "spec": {"ports": list(ports), **spec}}
    return Object(api_version="v1", kind="Service", namespace="default", name=name, document=document)


def specs(cluster: Cluster) -> dict[str, Any]:
    return {each.name: each.document["spec"] for each in cluster.objects("Service").values()}


def test_what_is_missing_is_handed_out_in_the_order_of_names() -> None:
    one, two = service("a", {"port": 80}), service("b", {"port": 80}, type="NodePort")
    cluster, refused = address_services(Cluster.of([two, one]))
    assert not refused
    found = specs(cluster)
    assert (found["a"]["clusterIP"], found["a"]["clusterIPs"]) == ("10.0.1.1", ["10.0.1.1"])
    assert "nodePort" not in found["a"]["ports"][0]
    assert (found["b"]["clusterIP"], found["b"]["ports"][0]["nodePort"]) == ("10.0.1.2", 30086)


def test_what_is_given_is_kept_in_whatever_range_and_not_handed_out_again() -> None:
    given = service(
        "z", {"port": 80, "nodePort": 30086}, type="NodePort", clusterIP="10.0.1.1", clusterIPs=["10.0.1.1"]
    )
    foreign = service("y", {"port": 80, "nodePort": 80}, type="NodePort", clusterIP="172.20.0.9")
    cluster, refused = address_services(Cluster.of([given, foreign, service("a", {"port": 80}, type="LoadBalancer")]))
    assert not refused
    found = specs(cluster)
    assert found["z"] == given.document["spec"]
    assert (found["y"]["clusterIP"], found["y"]["ports"][0]["nodePort"]) == ("172.20.0.9", 80)
    assert (found["a"]["clusterIP"], found["a"]["ports"][0]["nodePort"]) == ("10.0.1.2", 30087)


def test_headless_and_external_ones_get_nothing() -> None:
    headless = service("h", {"port": 80}, clusterIP="None", clusterIPs=["None"])
    external = service("e", type="ExternalName", externalName="example.org")
    cluster, refused = address_services(Cluster.of([headless, external]))
    assert not refused
    assert specs(cluster) == {"h": headless.document["spec"], "e": external.document["spec"]}


def test_the_second_that_asks_for_an_address_or_port_is_refused() -> None:
    first = service("a", {"port": 80, "nodePort": 30080}, type="NodePort", clusterIP="10.0.0.9")
    address = service("b", {"port": 80}, clusterIP="10.0.0.9")
    port = service("c", {"port": 53, "protocol": "UDP", "nodePort": 30080}, type="NodePort")
    cluster, refused = address_services(Cluster.of([first, address, port]))
    assert sorted(specs(cluster)) == ["a"]
    assert [(each.name, answer.message) for each, answer in refused] == [
        (
            "b",
            'Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.0.0.9"]: failed to allocate IP 10.0.0.9: '
            "provided IP is already allocated",
        ),
        (
            "c",
            'Service "c" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated',
        ),
    ]


BALANCER = {"type": "LoadBalancer", "externalTrafficPolicy": "Local"}
CHECK = "Internal error occurred: failed to allocate requested HealthCheck NodePort"


@pytest.mark.parametrize(
    ("ports", "fields", "status", "message"),
    [
        (
            [{"port": 80, "nodePort": 30080}],
            {"type": "NodePort", "clusterIP": "10.0.0.9"},
            422,
            'Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.0.0.9"]: failed to allocate IP 10.0.0.9: '
            "provided IP is already allocated",
        ),
        (
            [{"port": 80}],
            {"clusterIP": "10.0.0.8", "clusterIPs": ["10.0.0.8", "10.0.0.9"]},
            422,
            'Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.0.0.8","10.0.0.9"]: failed to allocate IP '
            "10.0.0.9: provided IP is already allocated",
        ),
        (
            [{"port": 80, "nodePort": 30080}, {"port": 81, "nodePort": 30081}],
            {"type": "NodePort"},
            422,
            'Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated',
        ),
        (
            [{"port": 80}],
            {**BALANCER, "healthCheckNodePort": 30081},
            500,
            f"{CHECK} 30081: provided port is already allocated",
        ),
        (
            [{"port": 80, "nodePort": 30090}],
            {**BALANCER, "healthCheckNodePort": 30090},
            500,
            f"{CHECK} 30090: provided port is already allocated",
        ),
    ],
)
def test_the_first_that_cannot_be_allocated_is_told(
    ports: list[dict[str, Any]], fields: dict[str, Any], status: int, message: str
) -> None:
    """Source: pkg/registry/core/service/storage/alloc.go, allocateCreate and what it calls."""
    first = service("a", {"port": 80, "nodePort": 30080}, clusterIP="10.0.0.9", healthCheckNodePort=30081, **BALANCER)
    _, refused = address_services(Cluster.of([first, service("b", *ports, **fields)]))
    assert [(answer.status, answer.message) for _, answer in refused] == [(status, message)]


def test_of_two_manifests_the_first_that_was_written_has_the_node_port() -> None:
    ports = "type: NodePort, ports: [{port: 80, nodePort: 30080}]"
    texts = [f"{{apiVersion: v1, kind: Service, metadata: {{name: {name}}}, spec: {{{ports}}}}}" for name in "zam"]
    refused = plan(load("\n---\n".join(texts))).refusals
    assert sorted(each.owner for each in refused) == ["Service default/a", "Service default/m"]


def test_what_a_cluster_made_goes_before_a_manifest() -> None:
    old = service("old", {"port": 80, "nodePort": 30080}, type="NodePort", clusterIP="10.0.0.9")
    made = Object(
        api_version="v1",
        kind="Service",
        namespace="default",
        name="old",
        document={**old.document, "metadata": {"name": "old", "namespace": "default", "uid": "u"}},
    )
    _, refused = address_services(Cluster.of([service("a", {"port": 80}, clusterIP="10.0.0.9"), made]))
    assert [each.name for each, _ in refused] == ["a"]


def test_ports_of_one_number_share_a_node_port() -> None:
    dns = service(
        "dns", {"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}, {"port": 80}, type="NodePort"
    )
    cluster, _ = address_services(Cluster.of([dns]))
    assert [port["nodePort"] for port in specs(cluster)["dns"]["ports"]] == [30086, 30086, 30087]


def test_a_local_load_balancer_gets_a_port_for_health_checks_and_may_do_without_node_ports() -> None:
    local = service(
        "l", {"port": 80}, type="LoadBalancer", externalTrafficPolicy="Local", allocateLoadBalancerNodePorts=False
    )
    cluster, _ = address_services(Cluster.of([local]))
    assert specs(cluster)["l"]["healthCheckNodePort"] == 30086
    assert "nodePort" not in specs(cluster)["l"]["ports"][0]


def test_a_service_created_in_a_run_gets_the_next_address() -> None:
    cluster, _ = address_services(Cluster.of([service("a", {"port": 80})]))
    document = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "b"}, "spec": {"ports": [{"port": 80}]}}
    outcome = requests.create(State(cluster=cluster), document)
    assert outcome.answer.accepted
    assert specs(outcome.state.cluster)["b"]["clusterIP"] == "10.0.1.2"
    taken = {**document, "metadata": {"name": "c"}, "spec": {"clusterIP": "10.0.1.2", "ports": [{"port": 80}]}}
    assert requests.create(outcome.state, taken).answer.status == 422


def test_addresses_and_ports_come_from_the_ranges_that_are_set() -> None:
    cluster, refused = address_services(
        Cluster.of([service("a", {"port": 80}, type="NodePort")]),
        service_cluster_ip_range="172.30.0.0/24",
        service_node_port_range="31000-31099",
    )
    assert not refused
    found = specs(cluster)["a"]  # the first 16 of 256 addresses and the first 16 of 100 ports are handed out last
    assert (found["clusterIP"], found["ports"][0]["nodePort"]) == ("172.30.0.17", 31016)


def test_a_range_that_is_full_refuses() -> None:
    wanted = [service(name, {"port": 80}) for name in "abc"]  # the first of two addresses is the API server's own
    cluster, refused = address_services(Cluster.of(wanted), service_cluster_ip_range="172.30.0.0/30")
    assert [specs(cluster)["a"]["clusterIP"], sorted(specs(cluster))] == ["172.30.0.2", ["a"]]
    message = "Internal error occurred: failed to allocate a serviceIP: range is full"
    assert [(each.name, answer.status, answer.message) for each, answer in refused] == [
        ("b", 500, message),
        ("c", 500, message),
    ]
    ports = [service(name, {"port": 80}, type="NodePort") for name in "ab"]
    _, refused = address_services(Cluster.of(ports), service_node_port_range="31000-31000")
    assert [answer.message for _, answer in refused] == [
        "Internal error occurred: failed to allocate a nodePort: range is full"
    ]


def test_an_address_of_each_family_that_a_service_has() -> None:
    six = service("six", {"port": 80}, ipFamilies=["IPv6"])
    both = service("two", {"port": 80}, ipFamilies=["IPv4", "IPv6"], ipFamilyPolicy="PreferDualStack")
    would = service("would", {"port": 80}, ipFamilies=["IPv4"], ipFamilyPolicy="PreferDualStack")
    found = specs(address_services(Cluster.of([six, both, would]))[0])
    assert found["six"]["clusterIPs"] == ["fd00:10::101"]
    assert found["two"]["clusterIPs"] == ["10.0.1.1", "fd00:10::102"]
    assert found["would"]["clusterIPs"] == ["10.0.1.2"]
    dual = specs(address_services(Cluster.of([would]), service_cluster_ip_range="10.1.0.0/16,fd11::/112")[0])
    assert dual["would"]["clusterIPs"] == ["10.1.1.1", "fd11::101"]
    assert dual["would"]["ipFamilies"] == ["IPv4", "IPv6"]


@pytest.mark.parametrize(("uid", "refused"), [("u", 0), ("", 1)])
def test_what_a_cluster_gave_is_not_the_api_servers(uid: str, refused: int) -> None:
    """The first address of the range is reserved, unless a printed Service shows that the cluster gave it away."""
    spec = {"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ports": [{"port": 80}]}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "uid": uid}, "spec": spec}
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "oak"}}
    assert len(plan(load([node, service])).refusals) == refused


RANGE = {"service_cluster_ip_range": "172.30.0.0/16"}


def _refused(parameters: dict[str, Any] | None, metadata: str = "name: a", address: str = "10.9.0.5") -> list[str]:
    spec = f"{{clusterIP: {address}, ports: [{{port: 80}}]}}"
    text = f"{{apiVersion: v1, kind: Service, metadata: {{{metadata}}}, spec: {spec}}}"
    return [each.message for each in plan(load(text), Options(parameters=parameters)).refusals]


def test_an_address_outside_of_the_range_that_is_set_is_refused() -> None:
    [message] = _refused(RANGE)
    assert "failed to allocate IP 10.9.0.5: the provided network does not match the current range" in message
    assert len(_refused({"service_cluster_ip_range": "172.30.0.0/16,fd00:9::/112"})) == 1


def test_an_address_is_kept_inside_of_it_or_where_it_is_not_known_or_a_cluster_gave_it() -> None:
    assert _refused(RANGE, address="172.30.9.9") == []
    assert _refused(RANGE, address="None") == []
    assert _refused(None) == []
    assert _refused(RANGE, "name: a, uid: 0a1b") == []
    assert _refused(RANGE, 'name: a, resourceVersion: "7", creationTimestamp: "2026-01-01T00:00:00Z"') == []
    assert _refused({"service_node_port_range": "31000-31099"}) == []
