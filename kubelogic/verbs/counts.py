"""How many pods of each workload have a node: what trials and replays compare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import metadata
from kubelogic.cluster.owners import Workloads, makers, workload
from kubelogic.cluster.pods import node_of


class Tally:
    """The pods of a cluster by who made them, and of clusters that came from it: of these only what changed counts."""

    def __init__(self, cluster: Cluster) -> None:
        """Go through the pods once.

        Args:
            cluster: the one that others came from.
        """
        self._made = makers(cluster)
        self._there = {maker: _there(pods) for maker, pods in self._made.items()}

    def placed(self, cluster: Cluster) -> Counter[str]:
        """How many pods of each workload have a node, or had one until they were done.

        Args:
            cluster: the one that was counted, or one that came from it.
        """
        found: Counter[str] = Counter()
        of = Workloads(cluster).of
        for maker, pods in makers(cluster).items():
            there = self._there[maker] if pods is self._made.get(maker) else _there(pods)
            if there and maker[2]:
                found[of(pods[0])] += len(there)
            else:
                found.update(map(str, there))
        return found


def placed(cluster: Cluster) -> Counter[str]:
    """How many pods of each workload have a node, or had one until they were done."""
    return Tally(cluster).placed(cluster)


def _there(pods: Sequence[Object]) -> list[Object]:
    """Those with a node that are not on their way out."""
    return [pod for pod in pods if node_of(pod) and not metadata(pod).get("deletionTimestamp")]


def workload_name(cluster: Cluster, key: str) -> str:
    """The workload of a pod by the pod's key; the pod itself if it is not there."""
    pod = cluster.get("Pod", key)
    return workload(cluster, pod) if pod is not None else f"Pod {key}"
