"""What ``explain`` says of Services without ports or selectors, of traffic from outside, and of Jobs at rest."""

from __future__ import annotations

import pytest

from kubelogic.api import load
from kubelogic.report.about import render_about
from kubelogic.verbs.about import ServiceExplanation, WorkloadExplanation, explain_any
from tests.explain.small import node, pod, spec

NODES = "---\n".join(
    f"""
apiVersion: v1
kind: Node
metadata: {{name: {name}, labels: {{kubernetes.io/hostname: {name}}}}}
status: {{allocatable: {{cpu: "4", memory: 8Gi, pods: "110"}}, conditions: [{{type: Ready, status: "True"}}]}}
"""
    for name in ("oak", "elm")
)
POD = """
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  nodeSelector: {kubernetes.io/hostname: oak}
  containers: [{name: web, image: "web:1", ports: [{name: dns, containerPort: 53, protocol: UDP}]}]
"""


def service(spec: str, *, pod: str = POD) -> ServiceExplanation:
    written = f"\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec: {spec}\n"
    found = explain_any(load(NODES + pod + written), "svc/web")
    assert isinstance(found, ServiceExplanation)
    return found


def test_a_headless_service_without_ports_has_the_addresses_of_its_pods() -> None:
    found = service("{clusterIP: None, selector: {app: web}}")
    assert found.ready == ("10.244.1.2",)
    assert found.pods == (("default/web", ""),)
    assert found.remarks == ()


def test_a_service_without_a_selector_says_who_gives_it_endpoints() -> None:
    (remark,) = service("{ports: [{port: 80}]}").remarks
    assert remark.endswith("what somebody writes: an EndpointSlice with the label kubernetes.io/service-name: web")


RESTING = """
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: a, image: a}]}}
"""


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ("", "Service default/web selects no pod: none in default has the labels app=web"),
        (RESTING, "selects no pod now: Deployment default/web makes such pods, and there is none of them"),
    ],
)
def test_that_it_selects_no_pod_is_told_where_there_is_none_at_all(others: str, words: str) -> None:
    found = service("{selector: {app: web}, ports: [{port: 80}]}", pod=others)
    (remark,) = found.remarks
    assert remark.endswith(words)
    assert f"  - {remark}" in render_about(found)


def test_a_slice_that_somebody_wrote_is_what_it_needs() -> None:
    ends = "{addressType: IPv4, endpoints: [{addresses: [192.0.2.7]}], ports: [{port: 80}]}"
    label = "labels: {kubernetes.io/service-name: web}"
    about = f"apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {{name: web-1, {label}}}"
    written = f"\n---\n{ends[:-1]}, {about}}}\n"
    found = service("{ports: [{port: 80}]}", pod=written)
    assert (found.ready, found.remarks) == (("192.0.2.7:80",), ())


@pytest.mark.parametrize("name", ["", "http"])
def test_ports_of_slices_are_those_of_the_service_by_name(name: str) -> None:
    port = f"{{name: {name}, port: 80}}" if name else "{port: 80}"
    label = "labels: {kubernetes.io/service-name: web}"
    about = f"apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {{name: web-1, {label}}}"
    written = f"\n---\n{{addressType: IPv4, endpoints: [{{addresses: [192.0.2.7]}}], ports: [{port}], {about}}}\n"
    found = service("{ports: [{port: 80}]}", pod=written)
    if not name:
        assert (found.ready, found.remarks) == (("192.0.2.7:80",), ())
        return
    assert found.ready == ()
    assert found.remarks == (
        'Service default/web leads to no endpoint of the port named "http": kube-proxy goes by the names of ports, and '
        'those of the Service are ""',
    )


def test_the_name_of_a_headless_service_is_answered_whatever_ports_are_called() -> None:
    label = "labels: {kubernetes.io/service-name: web}"
    about = f"apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {{name: web-1, {label}}}"
    port = "{name: http, port: 80}"
    written = f"\n---\n{{addressType: IPv4, endpoints: [{{addresses: [192.0.2.7]}}], ports: [{port}], {about}}}\n"
    found = service("{clusterIP: None, ports: [{port: 80}]}", pod=written)
    assert (found.ready, found.remarks) == (("192.0.2.7:80",), ())


def test_which_nodes_answer_their_own_pods() -> None:
    found = service("{internalTrafficPolicy: Local, selector: {app: web}, ports: [{port: 53, protocol: UDP}]}")
    words = "only oak answers pods on it: elm drops what pods there send (internalTrafficPolicy: Local)"
    assert (found.inside, found.outside) == (words, "")
    assert words in render_about(found)


def test_a_readiness_gate_that_nobody_opens_is_named() -> None:
    gated = POD.replace("spec:\n", "spec:\n  readinessGates: [{conditionType: example.com/lb}]\n", 1)
    found = service("{selector: {app: web}, ports: [{port: 53, protocol: UDP}]}", pod=gated)
    assert found.pods == (
        (
            "default/web",
            "it is not ready: its readiness gate example.com/lb is no condition that somebody has set to True",
        ),
    )


def test_a_port_of_another_protocol_is_named() -> None:
    (remark,) = service("{selector: {app: web}, ports: [{port: 53, targetPort: dns}]}").remarks
    assert remark.endswith("which no container has; it is there for UDP, and the Service is for TCP")


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("Local", "only oak answers from outside: elm drops what arrives there (externalTrafficPolicy: Local)"),
        ("Cluster", ""),
    ],
)
def test_which_nodes_answer_from_outside(policy: str, words: str) -> None:
    rest = "selector: {app: web}, ports: [{port: 53, protocol: UDP}]"
    found = service(f"{{type: NodePort, externalTrafficPolicy: {policy}, {rest}}}")
    assert found.outside == words
    assert words in render_about(found)


def test_no_node_answers_where_there_is_no_pod() -> None:
    spec = "{type: NodePort, externalTrafficPolicy: Local, selector: {app: none}, ports: [{port: 80}]}"
    assert service(spec).outside.startswith("no node answers from outside: elm, oak drop")


TEMPLATE = "template: {spec: {restartPolicy: Never, containers: [{name: c, image: 'job:1'}]}}"


def at_rest(kind: str, spec: str) -> WorkloadExplanation:
    written = f"\n---\napiVersion: batch/v1\nkind: {kind}\nmetadata: {{name: night}}\nspec: {spec}\n"
    found = explain_any(load(NODES + written), f"{kind}/night")
    assert isinstance(found, WorkloadExplanation)
    return found


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ("schedule: '* * * * *'", 'its schedule "* * * * *" is due next at 2026-11-02T00:01:00Z'),
        ("schedule: '@every 90m'", "is due next at 2026-11-02T01:30:00Z"),
        ("schedule: '0 2 30 2 *'", 'its schedule "0 2 30 2 *" is never due'),
        ("schedule: '0 2 * * *', suspend: true", "it is suspended (spec.suspend)"),
        ("schedule: '0 2 * * *', timeZone: Europe/Berlin", "T02:00:00+01:00 in Europe/Berlin)"),
    ],
)
def test_when_a_cron_job_makes_a_job(rest: str, words: str) -> None:
    found = at_rest("CronJob", f"{{{rest}, jobTemplate: {{spec: {{{TEMPLATE}}}}}}}")
    assert words in found.schedule[0]
    assert found.schedule[1:] == ("the input has no Job of it, and it has started none",)
    assert found.without_pods == (
        "no Job of it has pods at this time; kubelogic check says whether a node would take them",
    )


def test_a_job_without_parallelism_says_so() -> None:
    assert at_rest("Job", f"{{parallelism: 0, {TEMPLATE}}}").without_pods == ("its parallelism is 0",)


def _in_zones(how: str, zones: dict[str, str], on: tuple[str, ...], *, headless: bool = False) -> tuple[str, ...]:
    """What is told of a Service with a pod on some nodes, of nodes in zones."""
    nodes = [node(name, labels={"topology.kubernetes.io/zone": zone} if zone else {}) for name, zone in zones.items()]
    pods = [{**pod(f"on-{name}", spec("1"), on=name, labels={"app": "web"}), "status": {}} for name in on]
    about = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "default"}}
    ports = {"selector": {"app": "web"}, "ports": [{"port": 80}], "trafficDistribution": how}
    web = {**about, "spec": {**ports, **({"clusterIP": "None"} if headless else {})}}
    found = explain_any(load([*nodes, *pods, web]), "svc/web")
    assert isinstance(found, ServiceExplanation)
    assert len(found.ready) == len(on)
    assert all(each in render_about(found) for each in found.near)
    return found.near


ZONES = {"a1": "a", "a2": "a", "b1": "b", "c1": "c"}


def test_which_endpoints_are_near_is_told() -> None:
    assert _in_zones("PreferClose", ZONES, ("a1", "b1")) == (
        "PreferClose: what pods on a1, a2 send goes to 10.244.0.2:80",
        "PreferClose: what pods on b1 send goes to 10.244.2.2:80",
        "PreferClose: what pods on c1 send goes to any of 2 endpoints, as none is ready in the zone of the node",
    )


def test_a_node_is_nearer_than_its_zone() -> None:
    assert _in_zones("PreferSameNode", ZONES, ("a1", "a2")) == (
        "PreferSameNode: what pods on a1 send goes to 10.244.0.2:80",
        "PreferSameNode: what pods on a2 send goes to 10.244.1.2:80",
        "PreferSameNode: what pods on b1, c1 send goes to any of 2 endpoints, as none is ready in the zone of the node",
    )


def test_without_zones_none_is_preferred() -> None:
    (told,) = _in_zones("PreferSameZone", {**ZONES, "d1": ""}, ("a1", "d1"))
    assert told.endswith("any of 2 endpoints: not all of them are on nodes with a zone, so that none is preferred")


def test_a_headless_service_prefers_none() -> None:
    assert _in_zones("PreferSameZone", ZONES, ("a1",), headless=True) == ()
