"""An autoscaler does the same whether time is leapt over or gone through sync by sync."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from kubelogic.apiserver import requests
from kubelogic.cluster import Cluster
from kubelogic.cluster.state import State
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.reconcile.engine import reconciler
from kubelogic.reconcile.settle import Run, settle

SECOND, MINUTE = 1000, 60_000
START = 1_777_593_600_000
SYNC = 15 * SECOND
NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "oak", "labels": {"kubernetes.io/hostname": "oak"}},
    "status": {
        "allocatable": {"cpu": "8", "memory": "8Gi", "pods": "30"},
        "conditions": [{"type": "Ready", "status": "True"}],
    },
}
CONTAINER = {"name": "app", "image": "web:1", "resources": {"requests": {"cpu": "100m"}}}
SLOW = {"initialDelaySeconds": 400, "httpGet": {"port": 80, "path": "/"}}
"""A probe that makes pods ready only once they count for the autoscaler as they are."""
ONE_A_MINUTE = [{"type": "Pods", "value": 1, "periodSeconds": 60}]
BEHAVIORS: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    "none": ({}, {}),
    "one pod a minute": ({"scaleUp": {"policies": ONE_A_MINUTE}, "scaleDown": {"policies": ONE_A_MINUTE}}, {}),
    "windows both ways": (
        {"scaleUp": {"stabilizationWindowSeconds": 100}, "scaleDown": {"stabilizationWindowSeconds": 140}},
        {},
    ),
    "never down": ({"scaleDown": {"selectPolicy": "Disabled"}}, {}),
    "pods that are ready late": ({"scaleDown": {"stabilizationWindowSeconds": 0}}, {"readinessProbe": SLOW}),
}
LOADS = ((8 * MINUTE, 200), (12 * MINUTE, 10))
"""For how long each pod uses so many millicores."""


def _start(behavior: Mapping[str, Any], container: Mapping[str, Any]) -> State:
    pod = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{**CONTAINER, **container}]}}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}
    documents: tuple[Mapping[str, Any], ...] = (
        NODE,
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": pod},
        },
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "web"},
            "spec": {
                "minReplicas": 2,
                "maxReplicas": 6,
                "scaleTargetRef": target,
                "metrics": [{"type": "Resource", "resource": cpu}],
                **({"behavior": behavior} if behavior else {}),
            },
        },
    )
    now = State(cluster=Cluster(), now=START)
    for document in documents:
        outcome = requests.create(now, document)
        assert outcome.answer.accepted, outcome.answer
        now = outcome.state
    return now


def _scaled(run: Run) -> list[tuple[int, object]]:
    """When the number of pods was set, and to what."""
    return [
        ((step.now - START) // SECOND, action.arguments()["replicas"])
        for step in run.steps
        for action in step.actions
        if type(action).__name__ == "ScaleTarget"
    ]


def _gone_through(start: State, chunk: int) -> list[tuple[int, object]]:
    ticker = reconciler(load_rulebook(), scheduler="kube")
    now, told = start, []
    for length, each in LOADS:
        end = now.now + length
        now = now.with_world(add=[("workload_uses", ("Deployment", "default/web", "", "cpu", each))])
        while now.now < end:
            run = settle(ticker, now, until=min(now.now + chunk, end), fold=False)
            told += _scaled(run)
            now = run.state
        now = now.with_world(remove=[("workload_uses", ("Deployment", "default/web", "", "cpu", each))])
    return told


@pytest.mark.parametrize("case", BEHAVIORS)
def test_an_autoscaler_scales_at_the_same_moments_however_time_goes_on(case: str) -> None:
    start = _start(*BEHAVIORS[case])
    one_by_one = _gone_through(start, SYNC)
    assert len(one_by_one) > 0
    assert _gone_through(start, 20 * MINUTE) == one_by_one


def test_five_minutes_after_the_load_has_gone_pods_go() -> None:
    found = _gone_through(_start({}, {}), 20 * MINUTE)
    assert next(moment for moment, _ in found if moment > 480) == 480 - 15 + 300
