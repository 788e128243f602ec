"""Deployments, ReplicaSets and ReplicationControllers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubelogic.cluster import Object
from kubelogic.cluster.naming import template_hash
from kubelogic.facts.base import Fact, FactModule
from kubelogic.facts.objects import identity_facts, scaled, status_facts
from kubelogic.facts.selectors import label_set, map_selector, selector
from kubelogic.text.numbers import whole

ANNOTATIONS = "deployment.kubernetes.io/"
NOT_COPIED = (ANNOTATIONS, "kubectl.kubernetes.io/last-applied-configuration")

SET_COUNTERS = (
    "observedGeneration",
    "replicas",
    "fullyLabeledReplicas",
    "readyReplicas",
    "availableReplicas",
)
DEPLOYMENT_COUNTERS = (
    "observedGeneration",
    "replicas",
    "updatedReplicas",
    "readyReplicas",
    "availableReplicas",
    "unavailableReplicas",
    "terminatingReplicas",
)


def replica_set_constant(kind: str, key: str) -> str:
    """The constant of a ReplicaSet (its key) or of a ReplicationController (another name space)."""
    return key if kind == "ReplicaSet" else f"{kind} {key}"


def replica_set_facts(obj: Object) -> Iterator[Fact]:
    """Facts of a ReplicaSet, or of a ReplicationController: the same controller runs both."""
    spec = obj.document.get("spec") or {}
    name = replica_set_constant(obj.kind, obj.key)
    template = spec.get("template") or {}
    template_labels = (template.get("metadata") or {}).get("labels") or {}
    if obj.kind == "ReplicaSet":
        chosen = selector(spec.get("selector"))
    else:
        chosen = map_selector(spec.get("selector") or template_labels)
    labelled = map_selector(template_labels)
    yield from identity_facts(obj)
    counters = (*SET_COUNTERS, "terminatingReplicas") if obj.kind == "ReplicaSet" else SET_COUNTERS
    yield from status_facts(obj, counters)
    yield "replica_set", (name, obj.kind, obj.key)
    yield "replica_set_replicas", (name, _count(spec))
    yield "replica_set_selector", (name, obj.namespace, chosen)
    yield "selector", (chosen,)
    yield "replica_set_template_labels", (name, labelled)
    yield "selector", (labelled,)
    yield "replica_set_min_ready", (name, 1000 * int(spec.get("minReadySeconds") or 0))
    if obj.kind == "ReplicaSet":
        yield from _deployed_facts(obj, template)


def _deployed_facts(obj: Object, template: Mapping[str, Any]) -> Iterator[Fact]:
    """What a Deployment wants to know of a ReplicaSet."""
    meta = obj.document.get("metadata") or {}
    labels = label_set(meta.get("labels"))
    yield "label_set", (labels,)
    yield "replica_set_labels", (obj.key, obj.namespace, labels)
    yield "replica_set_template", (obj.key, template_hash(template))
    for annotation, value in (meta.get("annotations") or {}).items():
        yield "replica_set_annotation", (obj.key, annotation, str(value))
    for annotation, predicate in (
        ("revision", "replica_set_revision"),
        ("desired-replicas", "replica_set_desired"),
        ("max-replicas", "replica_set_maximum"),
    ):
        number = whole((meta.get("annotations") or {}).get(ANNOTATIONS + annotation))
        if number is not None:
            yield predicate, (obj.key, number)


def deployment_facts(obj: Object) -> Iterator[Fact]:
    """Facts of a Deployment."""
    key = obj.key
    meta = obj.document.get("metadata") or {}
    spec = obj.document.get("spec") or {}
    status = obj.document.get("status") or {}
    replicas = _count(spec)
    strategy = spec.get("strategy") or {}
    rolling = strategy.get("rollingUpdate") or {}
    chosen = selector(spec.get("selector"))
    template = spec.get("template") or {}
    yield from identity_facts(obj)
    yield from status_facts(obj, DEPLOYMENT_COUNTERS)
    yield "deployment", (key, obj.namespace)
    yield "deployment_replicas", (key, replicas)
    yield "deployment_selector", (key, obj.namespace, chosen)
    yield "selector", (chosen,)
    yield "deployment_template", (key, template_hash(template))
    yield "deployment_new_name", (key, f"{key}-{template_hash(template, int(status.get('collisionCount') or 0))}")
    yield "deployment_strategy", (key, strategy.get("type") or "RollingUpdate")
    surge = scaled(rolling.get("maxSurge", "25%"), replicas, up=True) or 0
    unavailable = scaled(rolling.get("maxUnavailable", "25%"), replicas, up=False) or 0
    yield "deployment_surge", (key, surge)
    yield "deployment_unavailable", (key, unavailable)
    yield "deployment_min_ready", (key, int(spec.get("minReadySeconds") or 0))
    limit = spec.get("revisionHistoryLimit")
    yield "deployment_history_limit", (key, 10 if limit is None else int(limit))
    if spec.get("paused"):
        yield "deployment_paused", (key,)
    deadline = spec.get("progressDeadlineSeconds")
    deadline = 600 if deadline is None else int(deadline)
    if deadline != _NO_DEADLINE:
        yield "deployment_deadline", (key, 1000 * deadline)
    for annotation, value in (meta.get("annotations") or {}).items():
        if annotation == f"{ANNOTATIONS}revision":
            yield "deployment_revision", (key, str(value))
        elif not annotation.startswith(NOT_COPIED):
            yield "deployment_annotation", (key, annotation, str(value))


_NO_DEADLINE = 2**31 - 1
"""A progress deadline that means: none. Source: deployment util, HasProgressDeadline."""


def _count(spec: Mapping[str, Any]) -> int:
    replicas = spec.get("replicas")
    return 1 if replicas is None else int(replicas)


MODULE = FactModule(
    name="workloads",
    extractors={
        "ReplicaSet": replica_set_facts,
        "ReplicationController": replica_set_facts,
        "Deployment": deployment_facts,
    },
)
