"""Groups of pods that are scheduled together, and the pods in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubelogic.cluster import Object
from kubelogic.facts.base import Fact, FactModule, reader
from kubelogic.facts.shapes import FINISHED


def group_facts(obj: Object) -> Iterator[Fact]:
    """The facts of one PodGroup, of either version."""
    spec: Mapping[str, Any] = obj.document.get("spec") or {}
    key = obj.key
    yield "pod_group", (key,)
    yield "pod_group_priority", (key, spec.get("priority") or 0)
    gang = (spec.get("schedulingPolicy") or {}).get("gang")
    if gang is not None:
        yield "pod_group_min_count", (key, gang.get("minCount") or 0)
    constraints = spec.get("schedulingConstraints")
    if constraints is not None:
        yield "pod_group_constrained", (key,)
        for each in (constraints.get("topology") or ())[:1]:
            yield "pod_group_topology", (key, each.get("key") or "")
    mode = spec.get("disruptionMode")
    if mode == "PodGroup" or (isinstance(mode, Mapping) and mode.get("all") is not None):
        yield "pod_group_disrupted_whole", (key,)
    if spec.get("preemptionPolicy") == "Never":
        yield "pod_group_never_preempts", (key,)


def pod_facts(obj: Object) -> Sequence[Fact]:
    """The group of a pod that has not finished."""
    group = ((obj.document.get("spec") or {}).get("schedulingGroup") or {}).get("podGroupName")
    if not group or (obj.document.get("status") or {}).get("phase") in FINISHED:
        return ()
    return (("pod_scheduling_group", (obj.key, f"{obj.namespace}/{group}", group)),)


MODULE = FactModule(
    name="pod_groups",
    extractors={
        "PodGroup": group_facts,
        "Pod": (
            reader(pod_facts, "spec.schedulingGroup", "status.phase", by=["spec.schedulingGroup", "status.phase"]),
        ),
    },
)
