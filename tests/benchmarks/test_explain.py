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
    with capsys.disabled():
        print(
            f"\n{nodes} nodes, {pods} pods: explain {processor:.2f} s of the processor in the median "
            f"({clock:.2f} by the clock), plan {planned:.2f} ({whole:.2f}): {processor / planned:.2f} of it"
        )
    assert processor < 2 * planned
