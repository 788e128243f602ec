"""Pods that controllers make of templates are decoded like any other: limits imply requests, whoever asks for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubelogic.apiserver.reading import load
from kubelogic.cluster import Cluster
from kubelogic.kinds.defaults.pods import with_requests
from kubelogic.verbs.plan import plan

NODE = """
apiVersion: v1
kind: Node
metadata: {name: oak, labels: {kubernetes.io/hostname: oak}}
status: {allocatable: {cpu: "8", memory: 8Gi, pods: "110"}, conditions: [{type: Ready, status: "True"}]}
"""
QUOTAS = """
{apiVersion: v1, kind: ResourceQuota, metadata: {name: count}, spec: {hard: {pods: "%d"}}}
---
{apiVersion: v1, kind: ResourceQuota, metadata: {name: cpu}, spec: {hard: {requests.cpu: "7", memory: 7Gi}}}
"""
LIMITS = "{name: app, image: 'app:1', resources: {limits: {cpu: 1, memory: 1Gi}}}"
NOTHING = "{name: app, image: 'app:1'}"
TEMPLATE = "template: {metadata: {labels: {app: a}}, spec: {%s containers: [%s]}}"
SELECTED = "selector: {matchLabels: {app: a}}, "
WORKLOADS = {
    "Deployment": ("apps/v1", SELECTED),
    "ReplicaSet": ("apps/v1", SELECTED),
    "StatefulSet": ("apps/v1", f"{SELECTED}serviceName: a, "),
    "DaemonSet": ("apps/v1", SELECTED),
    "ReplicationController": ("v1", ""),
    "Job": ("batch/v1", ""),
}


def workload(kind: str, container: str) -> str:
    version, spec = WORKLOADS[kind]
    template = TEMPLATE % ("restartPolicy: Never," if kind == "Job" else "", container)
    return f"{{apiVersion: {version}, kind: {kind}, metadata: {{name: {kind.lower()}}}, spec: {{{spec}{template}}}}}"


def read(tmp_path: Path, *documents: str) -> Cluster:
    file = tmp_path / "all.yaml"
    file.write_text("\n---\n".join([NODE, *documents]), encoding="utf-8")
    return Cluster.of(load([file]).objects)


def test_limits_of_a_template_are_requests_for_quotas(tmp_path: Path) -> None:
    found = plan(read(tmp_path, QUOTAS % 9, *(workload(kind, LIMITS) for kind in WORKLOADS)))
    assert not found.refusals
    assert len(found.placements) == len(WORKLOADS)


@pytest.mark.parametrize("pods", [0, 9])
def test_what_quotas_want_stated_is_said_before_any_is_charged(tmp_path: Path, pods: int) -> None:
    found = plan(read(tmp_path, QUOTAS % pods, workload("ReplicaSet", NOTHING)))
    (refused,) = found.refusals
    assert "failed quota: cpu: must specify memory for: app; requests.cpu for: app" in str(refused)


def test_a_template_is_left_as_it_is() -> None:
    plain = {"containers": [{"name": "app", "resources": {"requests": {"cpu": "1"}}}]}
    assert with_requests(plain) is plain
    spec = {
        "containers": [
            {"name": "app", "resources": {"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "1"}}}
        ],
        "resources": {"limits": {"cpu": "3"}},
    }
    made = with_requests(spec)
    assert made["containers"][0]["resources"]["requests"] == {"cpu": "1", "memory": "1Gi"}
    assert made["resources"]["requests"] == {"cpu": "1", "memory": "1Gi"}
    assert "requests" not in spec["resources"]
    assert spec["containers"][0]["resources"]["requests"] == {"cpu": "1"}  # type: ignore[index]
