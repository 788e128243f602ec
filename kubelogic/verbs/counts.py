"""How many pods of each workload have a node: what trials and replays compare."""

from __future__ import annotations

from collections import Counter

from kubelogic.cluster import Cluster
from kubelogic.cluster.owners import Workloads, workload
from kubelogic.cluster.pods import node_of


def placed(cluster: Cluster) -> Counter[str]:
    """How many pods of each workload have a node, or had one until they were done."""
    found: Counter[str] = Counter()
    of = Workloads(cluster).of
    for pod in cluster.objects("Pod").values():
        if node_of(pod) and not (pod.document.get("metadata") or {}).get("deletionTimestamp"):
            found[of(pod)] += 1
    return found


def workload_name(cluster: Cluster, key: str) -> str:
    """The workload of a pod by the pod's key; the pod itself if it is not there."""
    pod = cluster.get("Pod", key)
    return workload(cluster, pod) if pod is not None else f"Pod {key}"
