"""What more pods of a workload are: replicas, or pods that a Job runs at once.

Source: pkg/controller/job/job_controller.go (manageJob: never more pods than completions that are left) and
pkg/controller/daemon/daemon_controller.go (one pod a node) of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelogic.cluster import Cluster, Object
from kubelogic.explain.units import count
from kubelogic.verbs.probe import NoPodError


def expect_number(asked: Object) -> None:
    """Refuse what has no number of pods.

    Raises:
        NoPodError: if it is a DaemonSet.
    """
    if asked.kind == "DaemonSet":
        raise NoPodError(
            f"{asked} has one pod on each node that takes one, and no number of pods: kubelogic explain "
            f"ds/{asked.name} -n {asked.namespace}, with its manifest among the paths, says which nodes have one and "
            "why others do not"
        )


def more_words(cluster: Cluster, asked: Object) -> str:
    """A sentence about what more of a workload means; empty for a pod, and for what is plain.

    Args:
        cluster: the input.
        asked: a Pod or a workload, of the input or not.
    """
    spec = asked.document.get("spec") or {}
    there = cluster.get(asked.kind, asked.key) is not None
    match asked.kind:
        case "StatefulSet":
            wants = _number(spec, "replicas")
            if there:
                return f"These are replicas beyond the {wants:,} that it asks for."
            return f"These are all its replicas: the input does not have it, and it asks for {wants:,}."
        case "Job":
            beside = "beside those that it has" if there else "and the input has none of it"
            return f"These are its pods at the same time, {beside}: {_at_once(spec)}."
        case "CronJob":
            return f"These are pods of its Jobs at the same time: {_at_once(spec['jobTemplate'].get('spec') or {})}."
        case _:
            return ""


def _at_once(spec: Mapping[str, Any]) -> str:
    """How many pods a Job has at once."""
    asks = f"a Job runs {count(_number(spec, 'parallelism'), 'pod')} at once (parallelism)"
    completions = spec.get("completions")
    return asks if completions is None else f"{asks}, and never more than its completions ({completions:,})"


def _number(spec: Mapping[str, Any], field: str) -> int:
    value = spec.get(field)
    return 1 if value is None else int(value)
