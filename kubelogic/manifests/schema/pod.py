"""Pods and the templates that make them."""

from __future__ import annotations

from msgspec import field

from kubelogic.manifests.schema.base import (
    Condition,
    IntOrString,
    LocalReference,
    ObjectMeta,
    Resources,
    Root,
    Time,
    View,
)
from kubelogic.manifests.schema.scheduling import (
    Affinity,
    PodSchedulingGate,
    Toleration,
    TopologySpreadConstraint,
)
from kubelogic.manifests.schema.volumes import Volume


class ContainerPort(View, frozen=True, kw_only=True):
    """A port that a container listens on."""

    name: str = ""
    container_port: int = 0
    host_port: int = 0
    host_ip: str = field(name="hostIP", default="")
    protocol: str = "TCP"


class EnvSource(View, frozen=True, kw_only=True):
    """Where the value of an environment variable comes from, by name."""

    name: str = ""
    key: str = ""
    optional: bool = False


class EnvValueFrom(View, frozen=True, kw_only=True):
    """The object that a value is read from."""

    config_map_key_ref: EnvSource | None = None
    secret_key_ref: EnvSource | None = None


class EnvVar(View, frozen=True, kw_only=True):
    """An environment variable."""

    name: str = ""
    value: str = ""
    value_from: EnvValueFrom | None = None


class EnvFromSource(View, frozen=True, kw_only=True):
    """All keys of an object as environment variables."""

    prefix: str = ""
    config_map_ref: EnvSource | None = None
    secret_ref: EnvSource | None = None


class ResourceClaimUse(View, frozen=True, kw_only=True):
    """A device claim of the pod that a container uses."""

    name: str = ""
    request: str = ""


class ResourceRequirements(View, frozen=True, kw_only=True):
    """Requests, limits and device claims of a container or a pod."""

    requests: Resources = {}
    limits: Resources = {}
    claims: tuple[ResourceClaimUse, ...] = ()


class VolumeMount(View, frozen=True, kw_only=True):
    """Where a container mounts a volume."""

    name: str = ""
    mount_path: str = ""
    read_only: bool = False


class VolumeDevice(View, frozen=True, kw_only=True):
    """Where a container gets a raw block volume."""

    name: str = ""
    device_path: str = ""


class HTTPGetAction(View, frozen=True, kw_only=True):
    """A probe by HTTP."""

    path: str = ""
    port: IntOrString = 0
    host: str = ""
    scheme: str = "HTTP"


class TCPSocketAction(View, frozen=True, kw_only=True):
    """A probe by TCP."""

    port: IntOrString = 0
    host: str = ""


class GRPCAction(View, frozen=True, kw_only=True):
    """A probe by gRPC."""

    port: int = 0
    service: str | None = None


class ExecAction(View, frozen=True, kw_only=True):
    """A probe by command."""

    command: tuple[str, ...] = ()


class Probe(View, frozen=True, kw_only=True):
    """How the kubelet asks a container how it is. Times in seconds."""

    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    grpc: GRPCAction | None = None
    exec: ExecAction | None = None
    initial_delay_seconds: int = 0
    timeout_seconds: int = 1
    period_seconds: int = 10
    success_threshold: int = 1
    failure_threshold: int = 3
    termination_grace_period_seconds: int | None = None


class ContainerExitCodes(View, frozen=True, kw_only=True):
    """Exit codes that a restart rule speaks of."""

    operator: str = ""
    values: tuple[int, ...] = ()


class ContainerRestartRule(View, frozen=True, kw_only=True):
    """What to do when a container ends with certain exit codes."""

    action: str = ""
    exit_codes: ContainerExitCodes | None = None


class ContainerResizePolicy(View, frozen=True, kw_only=True):
    """Whether a container restarts when a resource is resized."""

    resource_name: str = ""
    restart_policy: str = ""


class Container(View, frozen=True, kw_only=True):
    """A container, init container or ephemeral container."""

    name: str = ""
    image: str = ""
    image_pull_policy: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    ports: tuple[ContainerPort, ...] = ()
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[EnvFromSource, ...] = ()
    resources: ResourceRequirements = ResourceRequirements()
    resize_policy: tuple[ContainerResizePolicy, ...] = ()
    restart_policy: str | None = None
    restart_policy_rules: tuple[ContainerRestartRule, ...] = ()
    volume_mounts: tuple[VolumeMount, ...] = ()
    volume_devices: tuple[VolumeDevice, ...] = ()
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    target_container_name: str = ""

    @property
    def is_sidecar(self) -> bool:
        """An init container that keeps running beside the main ones."""
        return self.restart_policy == "Always"


class PodReadinessGate(View, frozen=True, kw_only=True):
    """A condition that must be true before the pod counts as ready."""

    condition_type: str = ""


class PodResourceClaim(View, frozen=True, kw_only=True):
    """A device claim of a pod, by claim or by template."""

    name: str = ""
    resource_claim_name: str | None = None
    resource_claim_template_name: str | None = None


class PodOS(View, frozen=True, kw_only=True):
    """The operating system that a pod needs."""

    name: str = ""


class PodSchedulingGroup(View, frozen=True, kw_only=True):
    """The group that a pod is scheduled with."""

    pod_group_name: str | None = None


class PodSpec(View, frozen=True, kw_only=True):
    """What a pod runs and where it may run."""

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    ephemeral_containers: tuple[Container, ...] = ()
    volumes: tuple[Volume, ...] = ()
    restart_policy: str = "Always"
    termination_grace_period_seconds: int = 30
    active_deadline_seconds: int | None = None
    dns_policy: str = "ClusterFirst"
    node_selector: dict[str, str] = {}
    node_name: str = ""
    service_account_name: str = ""
    automount_service_account_token: bool | None = None
    host_network: bool = False
    host_users: bool | None = None
    hostname: str = ""
    subdomain: str = ""
    image_pull_secrets: tuple[LocalReference, ...] = ()
    affinity: Affinity | None = None
    scheduler_name: str = "default-scheduler"
    tolerations: tuple[Toleration, ...] = ()
    priority_class_name: str = ""
    priority: int | None = None
    preemption_policy: str | None = None
    readiness_gates: tuple[PodReadinessGate, ...] = ()
    runtime_class_name: str | None = None
    overhead: Resources = {}
    topology_spread_constraints: tuple[TopologySpreadConstraint, ...] = ()
    scheduling_gates: tuple[PodSchedulingGate, ...] = ()
    resource_claims: tuple[PodResourceClaim, ...] = ()
    resources: ResourceRequirements | None = None
    os: PodOS | None = None
    scheduling_group: PodSchedulingGroup | None = None


class ContainerStateRunning(View, frozen=True, kw_only=True):
    """Since when a container runs."""

    started_at: Time | None = None


class ContainerStateTerminated(View, frozen=True, kw_only=True):
    """How a container ended."""

    exit_code: int = 0
    reason: str = ""
    started_at: Time | None = None
    finished_at: Time | None = None


class ContainerStateWaiting(View, frozen=True, kw_only=True):
    """Why a container does not run yet."""

    reason: str = ""
    message: str = ""


class ContainerState(View, frozen=True, kw_only=True):
    """One of running, terminated and waiting."""

    running: ContainerStateRunning | None = None
    terminated: ContainerStateTerminated | None = None
    waiting: ContainerStateWaiting | None = None


class ContainerStatus(View, frozen=True, kw_only=True):
    """What the kubelet last said of a container."""

    name: str = ""
    ready: bool = False
    started: bool | None = None
    restart_count: int = 0
    image: str = ""
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()
    allocated_resources: Resources = {}
    resources: ResourceRequirements | None = None


class PodIP(View, frozen=True, kw_only=True):
    """One address of a pod."""

    ip: str = ""


class PodResourceClaimStatus(View, frozen=True, kw_only=True):
    """The claim that was made for a pod's claim template."""

    name: str = ""
    resource_claim_name: str | None = None


class PodStatus(View, frozen=True, kw_only=True):
    """What the cluster last said of a pod."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    conditions: tuple[Condition, ...] = ()
    nominated_node_name: str = ""
    host_ip: str = field(name="hostIP", default="")
    pod_ip: str = field(name="podIP", default="")
    pod_ips: tuple[PodIP, ...] = field(name="podIPs", default=())
    start_time: Time | None = None
    qos_class: str = ""
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    ephemeral_container_statuses: tuple[ContainerStatus, ...] = ()
    resource_claim_statuses: tuple[PodResourceClaimStatus, ...] = ()
    allocated_resources: Resources = {}
    resources: ResourceRequirements | None = None
    resize: str = ""
    observed_generation: int = 0


class Pod(Root, frozen=True, kw_only=True):
    """A pod."""

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class PodTemplateSpec(View, frozen=True, kw_only=True):
    """The pod that a controller makes."""

    metadata: ObjectMeta = ObjectMeta()
    spec: PodSpec = PodSpec()


class PodTemplate(Root, frozen=True, kw_only=True):
    """A stored pod template."""

    template: PodTemplateSpec = PodTemplateSpec()


class Overhead(View, frozen=True, kw_only=True):
    """What a runtime costs beyond the containers."""

    pod_fixed: Resources = {}


class RuntimeClassScheduling(View, frozen=True, kw_only=True):
    """Where a runtime is available."""

    node_selector: dict[str, str] = {}
    tolerations: tuple[Toleration, ...] = ()


class RuntimeClass(Root, frozen=True, kw_only=True):
    """A container runtime, its cost and its nodes."""

    handler: str = ""
    overhead: Overhead | None = None
    scheduling: RuntimeClassScheduling | None = None
