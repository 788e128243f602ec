"""Labels and taints of nodes that are nobody's to change by hand, or that a careful person leaves for last. Data.

Source: Kubernetes documentation, "Well-Known Labels, Annotations and Taints"; the documentation of cluster-autoscaler,
Karpenter and the clouds' node pools. Taints that go by themselves are listed in ``rules/scheduling/grounds.dl``.
"""

from __future__ import annotations

FACTS = frozenset(
    {
        "kubernetes.io/arch",
        "kubernetes.io/os",
        "kubernetes.io/hostname",
        "beta.kubernetes.io/arch",
        "beta.kubernetes.io/os",
        "beta.kubernetes.io/instance-type",
        "node.kubernetes.io/instance-type",
        "node.kubernetes.io/windows-build",
        "topology.kubernetes.io/zone",
        "topology.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/region",
        "topology.k8s.aws/zone-id",
        "topology.gke.io/zone",
        "topology.ebs.csi.aws.com/zone",
        "topology.disk.csi.azure.com/zone",
        "karpenter.sh/nodepool",
        "karpenter.sh/capacity-type",
        "eks.amazonaws.com/nodegroup",
        "eks.amazonaws.com/capacityType",
        "cloud.google.com/gke-nodepool",
        "cloud.google.com/gke-spot",
        "cloud.google.com/gke-accelerator",
        "kubernetes.azure.com/agentpool",
        "agentpool",
    }
)
"""Labels that state what a node is: kubelets and clouds write them, so that a node that has them has to come."""

FACT_DOMAINS = (
    "feature.node.kubernetes.io",
    "nvidia.com",
    "amd.com",
    "karpenter.k8s.aws",
    "karpenter.azure.com",
    "topology.kubernetes.io",
    "kubernetes.azure.com",
)
"""Domains all of whose labels state facts: they are discovered, not decided."""

PASSING = frozenset(
    {
        "ToBeDeletedByClusterAutoscaler",
        "DeletionCandidateOfClusterAutoscaler",
        "node.cilium.io/agent-not-ready",
        "ebs.csi.aws.com/agent-not-ready",
        "efs.csi.aws.com/agent-not-ready",
        "aws-node-termination-handler/spot-itn",
        "aws-node-termination-handler/scheduled-maintenance",
        "aws-node-termination-handler/asg-lifecycle-termination",
        "aws-node-termination-handler/rebalance-recommendation",
        "cloud.google.com/impending-node-termination",
        "kubernetes.azure.com/scheduledevent",
        "weave.works/draining",
        "kured.dev/rebooting",
    }
)
"""Taints that controllers put on nodes which are going, or are not ready yet, and take off themselves."""

PASSING_DOMAINS = (
    "node.kubernetes.io",
    "node.cloudprovider.kubernetes.io",
    "karpenter.sh",
    "startup-taint.cluster-autoscaler.kubernetes.io",
    "ignore-taint.cluster-autoscaler.kubernetes.io",
    "status-taint.cluster-autoscaler.kubernetes.io",
    "readiness.k8s.io",
)
"""Domains all of whose taints are such."""

RESERVED = frozenset(
    {
        "nvidia.com/gpu",
        "amd.com/gpu",
        "gpu.intel.com/i915",
        "google.com/tpu",
        "cloud.google.com/gke-accelerator",
        "sku",
        "dedicated",
        "CriticalAddonsOnly",
        "node-role.kubernetes.io/control-plane",
        "node-role.kubernetes.io/master",
        "node-role.kubernetes.io/etcd",
        "node-role.kubernetes.io/infra",
    }
)
"""Taints that keep dear or delicate nodes for those that need them: they are tolerated last."""

CLASSLESS = frozenset({"", "manual"})
"""Names of storage classes that stand for volumes made by hand; no such class has to be there.

Source: Kubernetes documentation, "Configure a Pod to Use a PersistentVolume for Storage".
"""

PROVISIONERS = {
    "gp2": "ebs.csi.aws.com",
    "gp3": "ebs.csi.aws.com",
    "io2": "ebs.csi.aws.com",
    "auto-ebs-sc": "ebs.csi.eks.amazonaws.com",
    "efs-sc": "efs.csi.aws.com",
    "standard-rwo": "pd.csi.storage.gke.io",
    "premium-rwo": "pd.csi.storage.gke.io",
    "managed-csi": "disk.csi.azure.com",
    "managed-csi-premium": "disk.csi.azure.com",
    "managed-premium": "disk.csi.azure.com",
    "azurefile-csi": "file.csi.azure.com",
    "do-block-storage": "dobs.csi.digitalocean.com",
    "linode-block-storage": "linodebs.csi.linode.com",
    "hcloud-volumes": "csi.hetzner.cloud",
    "local-path": "rancher.io/local-path",
    "longhorn": "driver.longhorn.io",
    "rook-ceph-block": "rook-ceph.rbd.csi.ceph.com",
    "hostpath": "docker.io/hostpath",
}
"""Who makes the volumes of storage classes that distributions ship, by the name of the class."""


def states_a_fact(label: str) -> bool:
    """Whether a label of a node says what the node is.

    >>> states_a_fact("kubernetes.io/arch"), states_a_fact("feature.node.kubernetes.io/cpu"), states_a_fact("disk")
    (True, True, False)
    """
    return label in FACTS or _under(label, FACT_DOMAINS)


def is_passing(taint: str) -> bool:
    """Whether a taint is one that controllers put on nodes and take off again.

    >>> is_passing("karpenter.sh/disrupted"), is_passing("team")
    (True, False)
    """
    return taint in PASSING or _under(taint, PASSING_DOMAINS)


def _under(key: str, domains: tuple[str, ...]) -> bool:
    domain = key.rpartition("/")[0]
    return any(domain == each or domain.endswith(f".{each}") for each in domains)
