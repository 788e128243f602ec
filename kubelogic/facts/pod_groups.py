"""Groups of pods that are scheduled together, and the pods in them: of Kubernetes, Volcano, coscheduling and Kueue.

Source: k8s.io/api/scheduling/v1alpha2; volcano-sh/volcano, pkg/scheduler/api/job_info.go (getJobID);
kubernetes-sigs/lws, pkg/schedulerprovider/volcano_provider.go (InjectPodGroupMetadata); kubernetes-sigs/kueue,
pkg/controller/jobs/pod (groupTotalCount); kubernetes-sigs/scheduler-plugins, pkg/util/podgroup.go (GetPodGroupLabel).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubelogic.cluster import Object
from kubelogic.facts.base import Fact, FactModule, reader
from kubelogic.facts.shapes import FINISHED
from kubelogic.text.numbers import whole

GROUP_NAME, VOLCANO_GROUP_NAME = "scheduling.k8s.io/group-name", "scheduling.volcano.sh/group-name"
"""Annotations by which a pod names its group to Volcano."""

SCHEDULER = "kubelogic.dev/gang-scheduler"
"""Annotation of a PodGroup that stands for one of another scheduler: the name of that scheduler."""

COSCHEDULED = "kubelogic.dev/coscheduled"
"""Annotation of a PodGroup that stands for one of coscheduling, which every scheduler of its pods runs."""

GROUP_LABEL = "scheduling.x-k8s.io/pod-group"
"""Label by which a pod names its group to coscheduling."""

LEADER_OF, WORKER_INDEX = "leaderworkerset.sigs.k8s.io/name", "leaderworkerset.sigs.k8s.io/worker-index"
"""Labels of the pods of a LeaderWorkerSet: the leader of a group has the index 0, and the group has its name."""

_KUEUE = "kueue.x-k8s.io/"
_DEFAULT = "default-scheduler"


def group_facts(obj: Object) -> Iterator[Fact]:
    """The facts of one PodGroup, of either version."""
    spec: Mapping[str, Any] = obj.document.get("spec") or {}
    key = obj.key
    yield "pod_group", (key,)
    yield "pod_group_priority", (key, spec.get("priority") or 0)
    annotations = (obj.document.get("metadata") or {}).get("annotations") or {}
    if scheduler := annotations.get(SCHEDULER):
        yield "pod_group_scheduler", (key, scheduler)
    if annotations.get(COSCHEDULED):
        yield "pod_group_coscheduled", (key,)
    gang = (spec.get("schedulingPolicy") or {}).get("gang")
    if gang is not None:
        yield "pod_group_min_count", (key, gang.get("minCount") or 0)
    constraints = spec.get("schedulingConstraints")
    if constraints is not None:
        yield "pod_group_constrained", (key,)
        for each in (constraints.get("topology") or ())[:1]:
            yield "pod_group_topology", (key, each.get("key") or "")
            yield "topology_key", (each.get("key") or "",)
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


def other_group_facts(obj: Object) -> Iterator[Fact]:
    """The groups that a pod names to Volcano, to coscheduling and to Kueue."""
    meta: Mapping[str, Any] = obj.document.get("metadata") or {}
    annotations, labels = meta.get("annotations") or {}, meta.get("labels") or {}
    phase = (obj.document.get("status") or {}).get("phase")
    scheduler = (obj.document.get("spec") or {}).get("schedulerName") or ""
    name = annotations.get(GROUP_NAME) or annotations.get(VOLCANO_GROUP_NAME)
    if not name and labels.get(LEADER_OF) and labels.get(WORKER_INDEX) == "0" and phase not in FINISHED:
        yield "pod_leads_group", (obj.key, scheduler)
    if name and phase not in FINISHED:
        yield "pod_annotated_group", (obj.key, f"{obj.namespace}/{name}", name, scheduler)
    if (name := labels.get(GROUP_LABEL)) and phase not in FINISHED:
        yield "pod_labelled_group", (obj.key, f"{obj.namespace}/{name}", name, scheduler or _DEFAULT)
    queued = f"{_KUEUE}queue-name" in labels or labels.get(f"{_KUEUE}managed") == "true"
    group, total = labels.get(f"{_KUEUE}pod-group-name"), whole(annotations.get(f"{_KUEUE}pod-group-total-count"))
    fast = annotations.get(f"{_KUEUE}pod-group-fast-admission") == "true"
    if queued and group and total is not None and not fast and phase != "Failed":
        yield "pod_kueue_group", (obj.key, f"{obj.namespace}/{group}", group, total)


MODULE = FactModule(
    name="pod_groups",
    extractors={
        "PodGroup": group_facts,
        "Pod": (
            reader(pod_facts, "spec.schedulingGroup", "status.phase", by=["spec.schedulingGroup", "status.phase"]),
            reader(
                other_group_facts,
                "metadata.annotations",
                "metadata.labels",
                "spec.schedulerName",
                "status.phase",
                by=["metadata.annotations", "metadata.labels", "spec.schedulerName", "status.phase"],
            ),
        ),
    },
)
