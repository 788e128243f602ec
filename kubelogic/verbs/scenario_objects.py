"""Whether the objects that steps of scenarios name can be there, and whether anybody reads what they say."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from kubelogic.cluster import Cluster
from kubelogic.reconcile.scenario import (
    Apply,
    Cordon,
    Drain,
    FailNode,
    HealNode,
    Measure,
    Operation,
    Patch,
    Pause,
    Scale,
    SetImage,
    Taint,
    Undo,
)
from kubelogic.text.location import Path as FieldPath
from kubelogic.verbs.scenario_fields import WrongFieldError


def check_objects(cluster: Cluster, operations: Sequence[Operation], operation: Operation, path: FieldPath) -> None:
    """Refuse a step about an object that is neither in the cluster nor applied by the scenario.

    Args:
        cluster: where the scenario begins.
        operations: all steps of the scenario that can be read.
        operation: the step.
        path: its place in the file.

    Raises:
        WrongFieldError: if there is no such object, or if no autoscaler reads a metric.
    """
    match operation:
        case FailNode(node=node) | HealNode(node=node) | Cordon(node=node) | Drain(node=node):
            _exists(cluster, operations, "Node", node, path)
        case Taint(node=node):
            _exists(cluster, operations, "Node", node, (*path, "node"))
        case Undo(key=key) | Pause(key=key):
            _exists(cluster, operations, "Deployment", key, (*path, "name"))
        case Scale(kind=kind, key=key) | SetImage(kind=kind, key=key):
            _exists(cluster, operations, kind, key, (*path, "name"))
        case Patch(kind=kind, key=key) if kind in ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Node"):
            _exists(cluster, operations, kind, key, (*path, "name"))
        case Measure(kind=kind, key=key):
            _exists(cluster, operations, kind, key, (*path, "name"))
            _is_read(cluster, operations, operation, path)
        case _:
            pass


def _made(operations: Sequence[Operation]) -> list[tuple[str, str, Mapping[str, object]]]:
    return [(obj.kind, obj.key, obj.document) for each in operations if isinstance(each, Apply) for obj in each.objects]


def _exists(cluster: Cluster, operations: Sequence[Operation], kind: str, key: str, path: FieldPath) -> None:
    known = {*cluster.objects(kind), *(name for made, name, _ in _made(operations) if made == kind)}
    if key in known:
        return
    if kind == "ReplicaSet" and cluster.objects("Deployment"):
        return  # one that a Deployment will make
    near = difflib.get_close_matches(key, sorted(known), n=1)
    what = f"there is no {kind} {key.removeprefix('default/')}"
    raise WrongFieldError(path, f"{what}; did you mean {near[0]}?" if near else what, code="KL128")


def _is_read(cluster: Cluster, operations: Sequence[Operation], operation: Measure, path: FieldPath) -> None:
    kind, key, metric = operation.kind, operation.key, operation.metric
    if any(isinstance(each, Patch) and each.kind == "HorizontalPodAutoscaler" for each in operations):
        return
    documents = [obj.document for obj in cluster.objects("HorizontalPodAutoscaler").values()]
    documents += [document for made, _, document in _made(operations) if made == "HorizontalPodAutoscaler"]
    names: set[str] = set()
    for document in documents:
        spec = document.get("spec") or {}
        target = spec.get("scaleTargetRef") or {}
        namespace = (document.get("metadata") or {}).get("namespace") or "default"
        if (target.get("kind"), f"{namespace}/{target.get('name')}") != (kind, key):
            continue
        read = spec.get("metrics") or [{"type": "Resource", "resource": {"name": "cpu"}}]
        for each in read:
            for field in ("resource", "containerResource", "pods", "object", "external"):
                inner = each.get(field) or {}
                names.add(str(inner.get("name") or (inner.get("metric") or {}).get("name") or ""))
    names.discard("")
    if metric not in names:
        there = f"; those of {kind} {key} read {', '.join(sorted(names))}" if names else ""
        raise WrongFieldError((*path, "resource"), f"no autoscaler reads {metric} of {kind} {key}{there}", code="KL128")
