"""What people call the types of nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from kubelogic.cluster import Cluster
from kubelogic.placement.optimal.cheapest import Purchase

POOL_LABELS = (
    "node.kubernetes.io/instance-type",
    "cloud.google.com/gke-nodepool",
    "eks.amazonaws.com/nodegroup",
    "kubernetes.azure.com/agentpool",
    "karpenter.sh/nodepool",
    "pool",
)
"""Labels that name the type of a node, the best first. Nodes without any are named after the first of their type."""


def by_type(cluster: Cluster, needed: Purchase) -> Mapping[str, int]:
    """The counts by what people call the types of nodes."""
    found: dict[str, int] = defaultdict(int)
    for name, number in needed.nodes.items():
        node = cluster.get("Node", name)
        labels = (node.document["metadata"].get("labels") or {}) if node else {}
        pool = next((labels[label] for label in POOL_LABELS if label in labels), name)
        if number:
            found[str(pool)] += number
    return dict(sorted(found.items()))
