"""Disruption budgets and the sizes of what they protect, as the disruption controller sees them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubelogic.cluster import Object
from kubelogic.cluster.clock import milliseconds
from kubelogic.facts.base import Fact, FactModule
from kubelogic.facts.selectors import selector

CONDITION = "DisruptionAllowed"


def budget_facts(obj: Object) -> Iterator[Fact]:
    """The facts of one PodDisruptionBudget."""
    key = obj.key
    spec: Mapping[str, Any] = obj.document.get("spec") or {}
    status: Mapping[str, Any] = obj.document.get("status") or {}
    wanted = selector(spec.get("selector"))
    yield "budget", (key, obj.namespace, wanted)
    yield "selector", (wanted,)
    for field, plain, percent in (
        ("minAvailable", "budget_min", "budget_min_percent"),
        ("maxUnavailable", "budget_max", "budget_max_percent"),
    ):
        value = spec.get(field)
        if isinstance(value, str):
            yield percent, (key, int(value.removesuffix("%")))
        elif value is not None:
            yield plain, (key, int(value))
    counts = (int(status.get(name) or 0) for name in ("expectedPods", "currentHealthy", "desiredHealthy"))
    yield "budget_status", (key, *counts, int(status.get("disruptionsAllowed") or 0))
    if status and int(status.get("observedGeneration") or 0) < int(
        (obj.document.get("metadata") or {}).get("generation") or 0
    ):
        yield "budget_unseen", (key,)
    for condition in status.get("conditions") or ():
        if condition["type"] == CONDITION:
            yield "budget_condition", (key, condition["status"], condition.get("reason") or "")
    for pod, moment in (status.get("disruptedPods") or {}).items():
        yield "budget_disrupts", (key, f"{obj.namespace}/{pod}", milliseconds(moment))


def scale_facts(obj: Object) -> Iterator[Fact]:
    """How many pods a workload wants."""
    replicas = (obj.document.get("spec") or {}).get("replicas")
    yield "workload_scale", (obj.kind, obj.key, 1 if replicas is None else int(replicas))
    for reference in (obj.document.get("metadata") or {}).get("ownerReferences") or ():
        if reference.get("controller"):
            yield "workload_controller", (obj.kind, obj.key, reference["kind"], f"{obj.namespace}/{reference['name']}")


MODULE = FactModule(
    name="disruption",
    extractors={
        "PodDisruptionBudget": budget_facts,
        **dict.fromkeys(("Deployment", "ReplicaSet", "ReplicationController", "StatefulSet"), scale_facts),
    },
)
