"""Kinds of operators whose names Kubernetes has, too: as what they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

KEPT_AS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("batch.volcano.sh", "Job"): "VolcanoJob",
        ("kueue.x-k8s.io", "Workload"): "KueueWorkload",
        ("scheduling.volcano.sh", "PodGroup"): "VolcanoPodGroup",
        ("scheduling.x-k8s.io", "PodGroup"): "CoschedulingPodGroup",
    }
)
"""By API group and kind."""

OPERATED = frozenset({"JobSet", "LeaderWorkerSet", *KEPT_AS.values()})
"""The kinds that are kept beside what their operators make of them. What is made is not made anew when they change."""


def kept_kind(api_version: str, kind: str) -> str:
    """The kind as which objects of an API are kept.

    >>> kept_kind("batch.volcano.sh/v1alpha1", "Job"), kept_kind("batch/v1", "Job")
    ('VolcanoJob', 'Job')
    """
    return KEPT_AS.get((api_version.partition("/")[0], kind), kind)
