"""What goes round for ever, or will: ``explain`` and ``plan`` say so of a workload, and it is no yes."""

from __future__ import annotations

from typing import Any

import pytest

from kubelogic.api import explain, load, plan
from kubelogic.verbs.about import WorkloadExplanation, explain_any
from kubelogic.verbs.reconciled import Options
from tests.explain.small import node, spec, workload

TAINTED = node("oak", taints=[{"key": "pool", "value": "ml", "effect": "NoExecute"}])

ONCE: dict[str, Any] = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "once"},
    "spec": {"template": {"spec": spec(nodeName="oak", restartPolicy="Never")}},
}


def for_seconds(seconds: int) -> list[dict[str, Any]]:
    return [{"key": "pool", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds}]


@pytest.mark.parametrize("name", ["web", "deploy/web"])
def test_pods_that_come_and_go_for_ever(name: str) -> None:
    cluster = load([TAINTED, workload("Deployment", "web", spec(nodeName="oak"))])
    found = explain_any(cluster, name, Options()) if "/" in name else explain(cluster, f"default/{name}")
    assert [each.reason for each in found.unwell] == ["Loop"]
    assert isinstance(found, WorkloadExplanation) == ("/" in name)


@pytest.mark.parametrize("seconds", [30, 300])
def test_pods_that_will_be_evicted_after_the_horizon(seconds: int) -> None:
    """What goes round within the horizon is a loop; what is evicted later is told of the pod."""
    found = plan(load([TAINTED, workload("Deployment", "web", spec(tolerations=for_seconds(seconds)))]))
    assert [each.reason for each in found.troubles] == ["DeletionByTaintManager"]


def test_a_job_whose_pods_fail() -> None:
    found = plan(load([TAINTED, ONCE]))
    assert [(each.kind, each.reason) for each in found.troubles] == [("Job", "BackOff")]
