"""How long reading takes, as ratios to work that cannot be avoided."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from kubelogic.apiserver.reading import load
from kubelogic.kinds.validation import admit
from kubelogic.text import InputError

PODS = 10_000


def pod(number: int) -> dict[str, Any]:
    token = f"kube-api-access-{number:05}"
    mount = {"name": token, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": True}
    requests = {"cpu": "100m", "memory": "128Mi"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"app-{number}", "labels": {"app": f"app-{number // 100}"}, "uid": f"u{number}"},
        "spec": {
            "nodeName": f"node-{number % 100}",
            "serviceAccountName": "default",
            "containers": [{"name": "c", "image": "a:1", "resources": {"requests": requests}, "volumeMounts": [mount]}],
            "volumes": [{"name": token, "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}],
        },
        "status": {
            "phase": "Running",
            "podIP": f"10.0.{number // 250}.{number % 250}",
            "conditions": [{"type": "Ready", "status": "True", "lastProbeTime": None}],
        },
    }


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@pytest.mark.benchmark
def test_a_list_of_running_pods() -> None:
    trees = [pod(number) for number in range(PODS)]
    data = msgspec.json.encode({"apiVersion": "v1", "kind": "List", "items": trees})
    decoding = seconds(lambda: msgspec.json.decode(data))
    alone = seconds(lambda: [admit(tree) for tree in trees[: PODS // 10]]) * 10
    reading = seconds(lambda: load(["-"], stdin=data))
    assert len(load(["-"], stdin=data).objects) == PODS
    print(f"\n{PODS} pods: decode {decoding:.2f} s, read {reading:.2f} s, admitted one by one {alone:.2f} s")
    assert reading < 0.7 * alone
    assert reading < 60 * decoding


@pytest.mark.benchmark
def test_faults_of_one_long_line_cost_the_same_each() -> None:
    def faults(count: int) -> float:
        wrong = [{**pod(number), "spec": {"nodeName": "n"}} for number in range(count)]
        data = msgspec.json.encode({"apiVersion": "v1", "kind": "List", "items": wrong})
        started = time.perf_counter()
        with pytest.raises(InputError) as caught:
            load(["-"], stdin=data)
        assert len(caught.value.faults) == count
        return time.perf_counter() - started

    few, many = faults(3_000), faults(12_000)
    print(f"\n3,000 faults {few:.2f} s, 12,000 faults {many:.2f} s")
    assert many < 10 * few
