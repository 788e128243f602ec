"""Nodes, namespaces, budgets, quotas and the small kinds around them."""

from __future__ import annotations

from msgspec import field

from kubelogic.manifests.schema.base import (
    Condition,
    IntOrString,
    Labels,
    LabelSelector,
    LocalReference,
    ObjectReference,
    Resources,
    Root,
    Time,
    View,
)


class Taint(View, frozen=True, kw_only=True):
    """Keeps pods away that do not tolerate it."""

    key: str = ""
    value: str = ""
    effect: str = ""
    time_added: Time | None = None


class NodeSpec(View, frozen=True, kw_only=True):
    """What a node is told."""

    pod_cidr: str = field(name="podCIDR", default="")
    pod_cidrs: tuple[str, ...] = field(name="podCIDRs", default=())
    provider_id: str = field(name="providerID", default="")
    unschedulable: bool = False
    taints: tuple[Taint, ...] = ()


class NodeAddress(View, frozen=True, kw_only=True):
    """One address of a node."""

    type: str = ""
    address: str = ""


class ContainerImage(View, frozen=True, kw_only=True):
    """An image that a node has."""

    names: tuple[str, ...] = ()
    size_bytes: int = 0


class NodeSystemInfo(View, frozen=True, kw_only=True):
    """What a node runs."""

    kubelet_version: str = ""
    operating_system: str = ""
    architecture: str = ""


class AttachedVolume(View, frozen=True, kw_only=True):
    """A volume that is attached to a node."""

    name: str = ""
    device_path: str = ""


class NodeStatus(View, frozen=True, kw_only=True):
    """What a node says."""

    capacity: Resources = {}
    allocatable: Resources = {}
    phase: str = ""
    conditions: tuple[Condition, ...] = ()
    addresses: tuple[NodeAddress, ...] = ()
    node_info: NodeSystemInfo = NodeSystemInfo()
    images: tuple[ContainerImage, ...] = ()
    volumes_attached: tuple[AttachedVolume, ...] = ()
    volumes_in_use: tuple[str, ...] = ()
    declared_features: tuple[str, ...] = ()


class Node(Root, frozen=True, kw_only=True):
    """A machine."""

    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


class NamespaceSpec(View, frozen=True, kw_only=True):
    """What must be cleaned up before a namespace is gone."""

    finalizers: tuple[str, ...] = ()


class NamespaceStatus(View, frozen=True, kw_only=True):
    """Whether a namespace is going."""

    phase: str = ""


class Namespace(Root, frozen=True, kw_only=True):
    """A scope for names."""

    spec: NamespaceSpec = NamespaceSpec()
    status: NamespaceStatus = NamespaceStatus()


class ServiceAccount(Root, frozen=True, kw_only=True):
    """Who a pod is."""

    secrets: tuple[ObjectReference, ...] = ()
    image_pull_secrets: tuple[LocalReference, ...] = ()
    automount_service_account_token: bool | None = None


class ConfigMap(Root, frozen=True, kw_only=True):
    """Configuration."""

    data: Labels = {}
    binary_data: Labels = {}
    immutable: bool = False


class Secret(Root, frozen=True, kw_only=True):
    """Confidential configuration."""

    type: str = "Opaque"
    data: Labels = {}
    immutable: bool = False


class LeaseSpec(View, frozen=True, kw_only=True):
    """Who holds a lease since when."""

    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: Time | None = None
    renew_time: Time | None = None
    lease_transitions: int | None = None


class Lease(Root, frozen=True, kw_only=True):
    """A sign of life: of a node, or of a leader."""

    spec: LeaseSpec = LeaseSpec()


class PodDisruptionBudgetSpec(View, frozen=True, kw_only=True):
    """How many pods must stay."""

    min_available: IntOrString | None = None
    max_unavailable: IntOrString | None = None
    selector: LabelSelector | None = None
    unhealthy_pod_eviction_policy: str | None = None


class PodDisruptionBudgetStatus(View, frozen=True, kw_only=True):
    """How many may go."""

    observed_generation: int = 0
    disruptions_allowed: int = 0
    current_healthy: int = 0
    desired_healthy: int = 0
    expected_pods: int = 0
    disrupted_pods: dict[str, Time] = {}
    conditions: tuple[Condition, ...] = ()


class PodDisruptionBudget(Root, frozen=True, kw_only=True):
    """Limits voluntary evictions."""

    spec: PodDisruptionBudgetSpec = PodDisruptionBudgetSpec()
    status: PodDisruptionBudgetStatus = PodDisruptionBudgetStatus()


class PriorityClass(Root, frozen=True, kw_only=True):
    """A name for a priority."""

    value: int = 0
    global_default: bool = False
    description: str = ""
    preemption_policy: str = "PreemptLowerPriority"


class ScopeRequirement(View, frozen=True, kw_only=True):
    """One expression of a scope selector."""

    scope_name: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()


class ScopeSelector(View, frozen=True, kw_only=True):
    """The pods that a quota counts."""

    match_expressions: tuple[ScopeRequirement, ...] = ()


class ResourceQuotaSpec(View, frozen=True, kw_only=True):
    """How much a namespace may have."""

    hard: Resources = {}
    scopes: tuple[str, ...] = ()
    scope_selector: ScopeSelector | None = None


class ResourceQuotaStatus(View, frozen=True, kw_only=True):
    """How much it has."""

    hard: Resources = {}
    used: Resources = {}


class ResourceQuota(Root, frozen=True, kw_only=True):
    """Limits what a namespace takes."""

    spec: ResourceQuotaSpec = ResourceQuotaSpec()
    status: ResourceQuotaStatus = ResourceQuotaStatus()


class LimitRangeItem(View, frozen=True, kw_only=True):
    """Bounds and defaults for one type of thing."""

    type: str = ""
    max: Resources = {}
    min: Resources = {}
    default: Resources = {}
    default_request: Resources = {}
    max_limit_request_ratio: Resources = {}


class LimitRangeSpec(View, frozen=True, kw_only=True):
    """All bounds of a range."""

    limits: tuple[LimitRangeItem, ...] = ()


class LimitRange(Root, frozen=True, kw_only=True):
    """Bounds and defaults for single pods, containers and claims."""

    spec: LimitRangeSpec = LimitRangeSpec()
