"""What it costs to explain a pod that is stuck in a large cluster at rest: whole processes, beside a plan."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import fleets

pytestmark = pytest.mark.benchmark
ROOT = Path(__file__).resolve().parents[2]
Document = dict[str, Any]


def stuck() -> Iterator[Document]:
    """Deployments that are each stuck for another reason: room, labels, other pods, a claim, no domains."""
    together = {"labelSelector": {"matchLabels": {"app": "nobody"}}, "topologyKey": "kubernetes.io/hostname"}
    apart = {
        "maxSkew": 1,
        "topologyKey": "nothing",
        "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "domains"}},
    }
    yield deployment("room", cpu="500")
    yield deployment("labels", nodeSelector={"disk": "ssd"})
    yield deployment("pods", affinity={"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [together]}})
    yield deployment("claim", volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "gone"}}])
    yield deployment("domains", topologySpreadConstraints=[apart])


def deployment(name: str, *, cpu: str = "100m", **spec: object) -> Document:
    container = {"name": "main", "image": "app:1", "resources": {"requests": {"cpu": cpu}}}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container], **spec}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": "default", "name": name},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template},
    }


def cost(*arguments: str) -> tuple[float, float]:
    """Seconds of the clock and of the processor that a command takes, its start included."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "kubelogic", *arguments, "--timeout", "600"]
    done = subprocess.run(command, capture_output=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 1, done.stderr
    return time.monotonic() - began, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize(("nodes", "pods"), [(100, 2_000), (5_000, 50_000)])
def test_explain_beside_plan(nodes: int, pods: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cluster.json"
    running = fleets.running(nodes=nodes, pods=pods, deployments=pods // 50, endpoints=True)
    path.write_bytes(fleets.as_json([*running, *stuck()]))
    whole, planned = cost("plan", str(path))
    took = [cost("explain", each, str(path)) for each in ("room", "labels", "pods", "claim", "domains")]
    clock, processor = (statistics.median(column) for column in zip(*took, strict=True))
    dearest = max(each for _, each in took)
    with capsys.disabled():
        print(
            f"\n{nodes} nodes, {pods} pods: explain {processor:.2f} s of the processor in the median "
            f"({clock:.2f} by the clock), at most {dearest:.2f}, plan {planned:.2f} ({whole:.2f}): "
            f"{processor / planned:.2f} of it"
        )
    assert processor < 2 * planned
    assert dearest < 3 * planned


def held(nodes: list[Document]) -> Iterator[Document]:
    """A pod on every node with a port of it, which keeps away from pods of one name; and what that keeps out."""
    together = {"labelSelector": {"matchLabels": {"app": "holder"}}, "topologyKey": "kubernetes.io/hostname"}
    apart = {**together, "labelSelector": {"matchLabels": {"app": "kept-out"}}}
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    container = {"name": "main", "image": "app:1", "ports": [{"containerPort": 9000, "hostPort": 9000}]}
    for each in nodes:
        name = each["metadata"]["name"]
        yield {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"namespace": "default", "name": f"holder-{name}", "uid": name, "labels": {"app": "holder"}},
            "spec": {
                "nodeName": name,
                "containers": [container],
                "affinity": {"podAntiAffinity": {required: [apart]}},
            },
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
        }
    yield deployment("apart", affinity={"podAntiAffinity": {required: [together]}})
    yield deployment("kept-out")
    yield deployment("host", nodeSelector={"kubernetes.io/hostname": "gone"})


def differing(nodes: list[Document]) -> Iterator[Document]:
    """Every node with a taint of its own, and a pod that is too large besides."""
    for each in nodes:
        taint = {"key": "team", "value": each["metadata"]["name"], "effect": "NoSchedule"}
        each["spec"] = {"taints": [taint]}
    yield deployment("alone", cpu="500")


@pytest.mark.parametrize(
    ("kind", "names"), [("held", ("apart", "kept-out", "host")), ("differing", ("alone",))], ids=["held", "differing"]
)
def test_reasons_of_every_node_beside_plan(
    kind: str, names: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where each of a thousand nodes has a reason of its own."""
    path = tmp_path / "cluster.json"
    running = [dict(each) for each in fleets.running(nodes=1_000, pods=10_000, deployments=200)]
    more = {"held": held, "differing": differing}[kind]([each for each in running if each["kind"] == "Node"])
    path.write_bytes(fleets.as_json([*running, *list(more)]))
    _, planned = cost("plan", str(path))
    took = {name: cost("explain", name, str(path))[1] for name in names}
    with capsys.disabled():
        told = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in took.items())
        print(f"\n1000 nodes, 10000 pods: explain {told} of the processor, plan {planned:.2f}")
    assert max(took.values()) < 8 * planned
