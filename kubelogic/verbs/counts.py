"""How many pods of each workload have a node: what trials and replays compare."""

from __future__ import annotations

from collections import Counter

from kubelogic.cluster import Cluster
from kubelogic.cluster.edit import metadata
from kubelogic.cluster.owners import Workloads, makers, workload
from kubelogic.cluster.pods import node_of


def placed(cluster: Cluster) -> Counter[str]:
    """How many pods of each workload have a node, or had one until they were done."""
    found: Counter[str] = Counter()
    of = Workloads(cluster).of
    for maker, pods in makers(cluster).items():
        there = [pod for pod in pods if node_of(pod) and not metadata(pod).get("deletionTimestamp")]
        if there and maker[2]:
            found[of(pods[0])] += len(there)
        else:
            found.update(map(str, there))
    return found


def workload_name(cluster: Cluster, key: str) -> str:
    """The workload of a pod by the pod's key; the pod itself if it is not there."""
    pod = cluster.get("Pod", key)
    return workload(cluster, pod) if pod is not None else f"Pod {key}"
