"""Objects of operators that start pods in groups, read as what their controllers make of them.

JobSets, LeaderWorkerSets, Jobs and PodGroups of Volcano, PodGroups of coscheduling and Workloads of Kueue are no part
of Kubernetes. Where their meaning is that of objects of Kubernetes, those are made when the input is read; what is not
heeded is told by the headers of ``rules/scheduling/operator_gangs.dl``. A table, one row a kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

from kubelogic.text.location import Path

if TYPE_CHECKING:
    from kubelogic.apiserver.operators.made import Child, Document, Fields, Operator


OPERATORS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("jobset.x-k8s.io", "JobSet"): "job_set.OPERATOR",
        ("leaderworkerset.x-k8s.io", "LeaderWorkerSet"): "leader_worker_set.OPERATOR",
        ("scheduling.volcano.sh", "PodGroup"): "volcano.POD_GROUP",
        ("batch.volcano.sh", "Job"): "volcano.JOB",
        ("scheduling.x-k8s.io", "PodGroup"): "coscheduling.POD_GROUP",
        ("kueue.x-k8s.io", "Workload"): "kueue.WORKLOAD",
    }
)
"""Module and name of each operator, by API group and kind."""


def operator_of(api_version: str, kind: str) -> Operator | None:
    """Who looks after objects of a kind; None if nobody who is known here, or in another version."""
    group, _, version = api_version.partition("/")
    name = OPERATORS.get((group, kind))
    if name is None:
        return None
    module, _, constant = name.partition(".")
    found: Operator = getattr(import_module(f"kubelogic.apiserver.operators.{module}"), constant)
    return found if version in found.versions else None


def children(operator: Operator, given: Fields) -> list[Child]:
    """What an operator makes of an object; what is wrong with it is in ``given.problems``."""
    return list(operator.make(given))


def source_of(document: Document, kind: str, name: str, path: Path) -> Path | None:
    """Where a field of a made object was written in that of its operator; None if it did not make it so.

    Args:
        document: of the operator's object.
        kind: of the made object.
        name: of the made object.
        path: of the field there.
    """
    from kubelogic.apiserver.operators.made import Fields

    operator = operator_of(str(document.get("apiVersion")), str(document.get("kind")))
    if operator is None:
        return None
    meta = document.get("metadata") or {}
    for child in children(operator, Fields(document, name=str(meta.get("name")))):
        if (child.document["kind"], child.document["metadata"]["name"]) == (kind, name):
            return child.source(path)
    return None
