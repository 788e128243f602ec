"""Conflicts in words: what cannot hold together, with the numbers of both sides and the line that says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.api import explain, load
from kubelogic.verbs.explain import Explanation

NODE = """\
apiVersion: v1
kind: Node
metadata: {{name: {name}, labels: {{kubernetes.io/hostname: {name}, zone: {zone}}}}}
spec: {{{spec}}}
status: {{allocatable: {{cpu: "{cpu}", memory: 8Gi, pods: "20"}}}}
---
"""
RUNNING = """\
apiVersion: v1
kind: Pod
metadata: {name: there}
spec: {nodeName: n1, containers: [{name: c, image: i, resources: {requests: {cpu: 2700m}}}]}
---
"""


def node(name: str, cpu: int, spec: str = "", zone: str = "a") -> str:
    return NODE.format(name=name, cpu=cpu, spec=spec, zone=zone)


def deployment(replicas: int, spec: str) -> str:
    return f"""\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      {spec}
"""


def explained(tmp_path: Path, *parts: str) -> Explanation:
    path = tmp_path / "all.yaml"
    path.write_text("".join(parts))
    return explain(load([str(path)]), "default/web")


def said(found: Explanation) -> set[tuple[str, str]]:
    """Texts, and the field that says so."""
    return {(each.text, each.location.path if each.location else "") for each in found.conflict}


def container(cpu: str, more: str = "") -> str:
    return f"containers: [{{name: c, image: i, resources: {{requests: {{cpu: {cpu}}}}}{more}}}]"


def test_free_amounts_count_beside_what_runs(tmp_path: Path) -> None:
    found = explained(tmp_path, node("n1", 4), RUNNING, deployment(1, container("2")))
    assert said(found) == {
        (
            "n1 has 1.3 of cpu free, of 4, beside the pods that run",
            "status.allocatable.cpu",
        ),
        (
            "each pod of default/web requests 2 of cpu",
            "spec.template.spec.containers[0].resources.requests.cpu",
        ),
    }


def test_a_node_that_is_too_small_says_what_it_can_hold(tmp_path: Path) -> None:
    found = explained(tmp_path, node("n1", 4), deployment(1, container("9")))
    assert ("n1 can hold at most 4 of cpu", "status.allocatable.cpu") in said(found)


def test_a_taint_is_named_only_if_the_node_behind_it_would_do(tmp_path: Path) -> None:
    taint = "taints: [{key: gpu, effect: NoSchedule}]"
    needed = explained(tmp_path, node("n1", 1), node("n2", 8, taint), deployment(1, container("2")))
    assert ("pods of default/web do not tolerate the taints of n2", "spec.template.spec.tolerations") in said(needed)
    idle = explained(tmp_path, node("n1", 1), node("n2", 1, taint), deployment(1, container("2")))
    assert not any("tolerate" in text for text, _ in said(idle))


def test_ports_of_all_nodes_are_taken(tmp_path: Path) -> None:
    ports = ", ports: [{containerPort: 80, hostPort: 80}]"
    found = explained(tmp_path, node("n1", 4), node("n2", 4), deployment(3, container("1", ports)))
    # Two of the three have a node by now, so the third alone is one too many.
    assert said(found) == {("pods of default/web need ports of their node", "spec.template.spec.containers")}


@pytest.mark.parametrize(
    ("rule", "text", "field"),
    [
        (
            "affinity: {podAntiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "
            "[{topologyKey: zone, labelSelector: {matchLabels: {app: web}}}]}}",
            "pods of default/web must not share their zone with pods that they name",
            "spec.template.spec.affinity.podAntiAffinity",
        ),
        (
            "topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, minDomains: 3, "
            "whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}}]",
            "pods of default/web have to be spread over zone",
            "spec.template.spec.topologySpreadConstraints",
        ),
    ],
    ids=["anti-affinity", "spread"],
)
def test_too_few_domains(rule: str, text: str, field: str, tmp_path: Path) -> None:
    nodes = node("n1", 8), node("n2", 8, zone="b")
    found = explained(tmp_path, *nodes, deployment(3, f"{{{container('1')}, {rule}}}"))
    assert said(found) == {(text, field)}
