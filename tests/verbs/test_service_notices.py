"""What a plan says about Services that cannot do their work, and that it is silent about those that can."""

from __future__ import annotations

import pytest

from kubelogic.api import load, plan

CLUSTER = """
apiVersion: v1
kind: Node
metadata: {name: oak, labels: {kubernetes.io/hostname: oak}}
status: {allocatable: {cpu: "4", memory: 8Gi, pods: "110"}, conditions: [{type: Ready, status: "True"}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web, tier: front}}
    spec:
      containers: [{name: app, image: "web:1", ports: [{name: http, containerPort: 8080}]}]
---
apiVersion: v1
kind: Service
metadata: {name: front}
"""


def said(spec: str, status: str = "{}") -> list[tuple[str, str]]:
    found = plan(load(f"{CLUSTER}spec: {spec}\nstatus: {status}\n"))
    return [(each.code, each.message) for each in found.notices if each.code.startswith("KL15")]


@pytest.mark.parametrize(
    ("spec", "code", "words"),
    [
        ("{type: LoadBalancer, selector: {app: web}, ports: [{port: 80, targetPort: http}]}", "KL150", "stays pending"),
        ("{type: ExternalName, externalName: db.example.com}", "KL151", "db.example.com"),
        ("{type: ExternalName, externalName: 192.0.2.7}", "KL151", "which is an address and no name"),
        ("{type: ExternalName, externalName: none.default.svc.cluster.local}", "KL151", "nobody resolves here"),
        ("{selector: {app: webb}, ports: [{port: 80}]}", "KL152", "app=webb; there are app=web"),
        ("{selector: {app: web, tier: back}, ports: [{port: 80}]}", "KL152", "app=web,tier=front"),
        ("{clusterIP: None, selector: {other: web}, ports: [{port: 80}]}", "KL152", "has the labels other=web"),
        (
            "{selector: {app: web, part: api}, ports: [{port: 80}]}",
            "KL152",
            "has the labels app=web,part=api; there are pods with app=web, which lack part=api",
        ),
        (
            "{selector: {app: web, part: api, tier: back}, ports: [{port: 80}]}",
            "KL152",
            "there are pods with app=web, which lack part=api and have tier=front",
        ),
        ("{selector: {app: web}, ports: [{port: 80, targetPort: web}]}", "KL153", "named web, which no container has"),
        ("{selector: {app: web}, ports: [{port: 80}]}", "KL153", "port 80, and its pods' containers declare 8080 only"),
        ("{selector: {app: web}, ports: [{port: 8080, protocol: UDP, targetPort: http}]}", "KL153", "named http"),
    ],
    ids=lambda value: value if str(value).startswith("KL") else "",
)
def test_what_a_service_cannot_do_is_said(spec: str, code: str, words: str) -> None:
    found = said(spec)
    assert [each for each, _ in found] == [code]
    assert "Service default/front" in found[0][1]
    assert words in found[0][1]


@pytest.mark.parametrize(
    ("spec", "status"),
    [
        ("{selector: {app: web}, ports: [{port: 80, targetPort: http}]}", "{}"),
        ("{selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}", "{}"),
        ("{ports: [{port: 80}]}", "{}"),
        (
            "{type: LoadBalancer, selector: {app: web}, ports: [{port: 80, targetPort: http}]}",
            "{loadBalancer: {ingress: [{ip: 192.0.2.1}]}}",
        ),
        ("{type: NodePort, selector: {tier: front}, ports: [{port: 80, targetPort: http}]}", "{}"),
        ("{type: ExternalName, externalName: front.default.svc.cluster.local}", "{}"),
    ],
)
def test_services_that_work_are_not_spoken_of(spec: str, status: str) -> None:
    assert said(spec, status) == []


def test_pods_with_the_labels_in_another_namespace_are_named() -> None:
    apart = """---
apiVersion: v1
kind: Service
metadata: {name: front, namespace: apart}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""
    found = plan(load(f"{CLUSTER}spec: {{ports: [{{port: 80}}]}}\n{apart}"))
    (notice,) = [each for each in found.notices if each.code == "KL152"]
    assert notice.message.endswith("; pods in default have, but a Service selects in its own namespace only")


def test_where_it_stands_is_said() -> None:
    found = plan(load(f"{CLUSTER}spec: {{selector: {{app: x}}, ports: [{{port: 80}}]}}\n"))
    (notice,) = [each for each in found.notices if each.code == "KL152"]
    assert notice.location is not None
    assert notice.location.path == "spec.selector"


@pytest.mark.parametrize(("replicas", "more"), [(0, ""), (1, "priorityClassName: none, ")])
def test_a_workload_that_makes_such_pods_is_no_typing_error(replicas: int, more: str) -> None:
    resting = f"""
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: api}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: api}}}}
  template: {{metadata: {{labels: {{app: api}}}}, spec: {{{more}containers: [{{name: a, image: a}}]}}}}
"""
    found = plan(load(f"{CLUSTER}spec: {{selector: {{app: api}}, ports: [{{port: 80}}]}}{resting}"))
    (notice,) = [each for each in found.notices if each.code == "KL152"]
    assert notice.message == (
        "Service default/front selects no pod now: Deployment default/api makes such pods, and there is none of them"
    )
