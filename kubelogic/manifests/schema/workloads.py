"""Kinds whose controllers make pods, or scale those that do."""

from __future__ import annotations

from typing import Any

from msgspec import field

from kubelogic.manifests.schema.base import (
    Condition,
    IntOrString,
    Labels,
    LabelSelector,
    ObjectMeta,
    ObjectReference,
    Quantity,
    Root,
    Time,
    View,
)
from kubelogic.manifests.schema.pod import PodTemplateSpec
from kubelogic.manifests.schema.storage import PersistentVolumeClaim


class RollingUpdate(View, frozen=True, kw_only=True):
    """How fast a rollout moves. ``partition`` is for StatefulSets."""

    max_surge: IntOrString | None = None
    max_unavailable: IntOrString | None = None
    partition: int = 0


class UpdateStrategy(View, frozen=True, kw_only=True):
    """How old pods are replaced by new ones."""

    type: str = ""
    rolling_update: RollingUpdate | None = None


class DeploymentSpec(View, frozen=True, kw_only=True):
    """What a Deployment wants."""

    replicas: int = 1
    selector: LabelSelector = LabelSelector()
    template: PodTemplateSpec = PodTemplateSpec()
    strategy: UpdateStrategy = UpdateStrategy()
    min_ready_seconds: int = 0
    revision_history_limit: int = 10
    paused: bool = False
    progress_deadline_seconds: int | None = None


class DeploymentStatus(View, frozen=True, kw_only=True):
    """What a Deployment has."""

    observed_generation: int = 0
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    unavailable_replicas: int = 0
    terminating_replicas: int | None = None
    conditions: tuple[Condition, ...] = ()
    collision_count: int | None = None


class Deployment(Root, frozen=True, kw_only=True):
    """A rolling set of pods."""

    spec: DeploymentSpec = DeploymentSpec()
    status: DeploymentStatus = DeploymentStatus()


class ReplicaSetSpec(View, frozen=True, kw_only=True):
    """What a ReplicaSet wants."""

    replicas: int = 1
    selector: LabelSelector = LabelSelector()
    template: PodTemplateSpec = PodTemplateSpec()
    min_ready_seconds: int = 0


class ReplicaSetStatus(View, frozen=True, kw_only=True):
    """What a ReplicaSet or ReplicationController has."""

    observed_generation: int = 0
    replicas: int = 0
    fully_labeled_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    terminating_replicas: int | None = None
    conditions: tuple[Condition, ...] = ()


class ReplicaSet(Root, frozen=True, kw_only=True):
    """A number of equal pods."""

    spec: ReplicaSetSpec = ReplicaSetSpec()
    status: ReplicaSetStatus = ReplicaSetStatus()


class ReplicationControllerSpec(View, frozen=True, kw_only=True):
    """What a ReplicationController wants."""

    replicas: int = 1
    selector: Labels = {}
    template: PodTemplateSpec | None = None
    min_ready_seconds: int = 0


class ReplicationController(Root, frozen=True, kw_only=True):
    """The predecessor of ReplicaSet."""

    spec: ReplicationControllerSpec = ReplicationControllerSpec()
    status: ReplicaSetStatus = ReplicaSetStatus()


class Ordinals(View, frozen=True, kw_only=True):
    """The number of the first pod of a StatefulSet."""

    start: int = 0


class ClaimRetention(View, frozen=True, kw_only=True):
    """What happens to claims when a StatefulSet goes or shrinks."""

    when_deleted: str = "Retain"
    when_scaled: str = "Retain"


class StatefulSetSpec(View, frozen=True, kw_only=True):
    """What a StatefulSet wants."""

    replicas: int = 1
    selector: LabelSelector = LabelSelector()
    template: PodTemplateSpec = PodTemplateSpec()
    volume_claim_templates: tuple[PersistentVolumeClaim, ...] = ()
    service_name: str = ""
    pod_management_policy: str = "OrderedReady"
    update_strategy: UpdateStrategy = UpdateStrategy()
    revision_history_limit: int = 10
    min_ready_seconds: int = 0
    persistent_volume_claim_retention_policy: ClaimRetention = ClaimRetention()
    ordinals: Ordinals = Ordinals()


class StatefulSetStatus(View, frozen=True, kw_only=True):
    """What a StatefulSet has."""

    observed_generation: int = 0
    replicas: int = 0
    ready_replicas: int = 0
    current_replicas: int = 0
    updated_replicas: int = 0
    available_replicas: int = 0
    current_revision: str = ""
    update_revision: str = ""
    collision_count: int | None = None
    conditions: tuple[Condition, ...] = ()


class StatefulSet(Root, frozen=True, kw_only=True):
    """Pods with names and claims that stay."""

    spec: StatefulSetSpec = StatefulSetSpec()
    status: StatefulSetStatus = StatefulSetStatus()


class DaemonSetSpec(View, frozen=True, kw_only=True):
    """What a DaemonSet wants."""

    selector: LabelSelector = LabelSelector()
    template: PodTemplateSpec = PodTemplateSpec()
    update_strategy: UpdateStrategy = UpdateStrategy()
    min_ready_seconds: int = 0
    revision_history_limit: int = 10


class DaemonSetStatus(View, frozen=True, kw_only=True):
    """What a DaemonSet has."""

    observed_generation: int = 0
    current_number_scheduled: int = 0
    number_misscheduled: int = 0
    desired_number_scheduled: int = 0
    number_ready: int = 0
    updated_number_scheduled: int = 0
    number_available: int = 0
    number_unavailable: int = 0
    collision_count: int | None = None
    conditions: tuple[Condition, ...] = ()


class DaemonSet(Root, frozen=True, kw_only=True):
    """A pod on every node."""

    spec: DaemonSetSpec = DaemonSetSpec()
    status: DaemonSetStatus = DaemonSetStatus()


class ControllerRevision(Root, frozen=True, kw_only=True):
    """A remembered template of a StatefulSet or DaemonSet."""

    revision: int = 0
    data: Any = None


class ExitCodesRequirement(View, frozen=True, kw_only=True):
    """Exit codes of a pod failure rule."""

    container_name: str | None = None
    operator: str = ""
    values: tuple[int, ...] = ()


class PodConditionPattern(View, frozen=True, kw_only=True):
    """A pod condition of a pod failure rule."""

    type: str = ""
    status: str = "True"


class PodFailurePolicyRule(View, frozen=True, kw_only=True):
    """What a Job does about a kind of failure."""

    action: str = ""
    on_exit_codes: ExitCodesRequirement | None = None
    on_pod_conditions: tuple[PodConditionPattern, ...] = ()


class PodFailurePolicy(View, frozen=True, kw_only=True):
    """The first rule that matches a failed pod counts."""

    rules: tuple[PodFailurePolicyRule, ...] = ()


class SuccessPolicyRule(View, frozen=True, kw_only=True):
    """Indexes or a count that are enough."""

    succeeded_indexes: str | None = None
    succeeded_count: int | None = None


class SuccessPolicy(View, frozen=True, kw_only=True):
    """When a Job counts as done before all indexes are."""

    rules: tuple[SuccessPolicyRule, ...] = ()


class JobSpec(View, frozen=True, kw_only=True):
    """What a Job wants. Times in seconds."""

    parallelism: int | None = None
    completions: int | None = None
    active_deadline_seconds: int | None = None
    pod_failure_policy: PodFailurePolicy | None = None
    success_policy: SuccessPolicy | None = None
    backoff_limit: int = 6
    backoff_limit_per_index: int | None = None
    max_failed_indexes: int | None = None
    selector: LabelSelector | None = None
    manual_selector: bool = False
    template: PodTemplateSpec = PodTemplateSpec()
    ttl_seconds_after_finished: int | None = None
    completion_mode: str = "NonIndexed"
    suspend: bool = False
    pod_replacement_policy: str = ""
    managed_by: str | None = None


class UncountedPods(View, frozen=True, kw_only=True):
    """Finished pods that the counters do not hold yet."""

    succeeded: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


class JobStatus(View, frozen=True, kw_only=True):
    """What a Job has."""

    conditions: tuple[Condition, ...] = ()
    start_time: Time | None = None
    completion_time: Time | None = None
    active: int = 0
    succeeded: int = 0
    failed: int = 0
    terminating: int | None = None
    ready: int | None = None
    completed_indexes: str = ""
    failed_indexes: str | None = None
    uncounted_terminated_pods: UncountedPods | None = None


class Job(Root, frozen=True, kw_only=True):
    """Pods that run to completion."""

    spec: JobSpec = JobSpec()
    status: JobStatus = JobStatus()


class JobTemplateSpec(View, frozen=True, kw_only=True):
    """The Job that a CronJob makes."""

    metadata: ObjectMeta = ObjectMeta()
    spec: JobSpec = JobSpec()


class CronJobSpec(View, frozen=True, kw_only=True):
    """What a CronJob wants."""

    schedule: str = ""
    time_zone: str | None = None
    starting_deadline_seconds: int | None = None
    concurrency_policy: str = "Allow"
    suspend: bool = False
    job_template: JobTemplateSpec = JobTemplateSpec()
    successful_jobs_history_limit: int = 3
    failed_jobs_history_limit: int = 1


class CronJobStatus(View, frozen=True, kw_only=True):
    """What a CronJob has."""

    active: tuple[ObjectReference, ...] = ()
    last_schedule_time: Time | None = None
    last_successful_time: Time | None = None


class CronJob(Root, frozen=True, kw_only=True):
    """Jobs by the clock."""

    spec: CronJobSpec = CronJobSpec()
    status: CronJobStatus = CronJobStatus()


class ScaleTarget(View, frozen=True, kw_only=True):
    """What an autoscaler scales."""

    api_version: str = ""
    kind: str = ""
    name: str = ""


class MetricTarget(View, frozen=True, kw_only=True):
    """The value that a metric is held at."""

    type: str = ""
    value: Quantity | None = None
    average_value: Quantity | None = None
    average_utilization: int | None = None


class MetricIdentifier(View, frozen=True, kw_only=True):
    """A metric by name."""

    name: str = ""
    selector: LabelSelector | None = None


class ResourceMetric(View, frozen=True, kw_only=True):
    """A metric over a resource of the pods, or of one container."""

    name: str = ""
    container: str = ""
    target: MetricTarget = MetricTarget()


class NamedMetric(View, frozen=True, kw_only=True):
    """A metric of pods, of an object or from outside."""

    metric: MetricIdentifier = MetricIdentifier()
    target: MetricTarget = MetricTarget()
    described_object: ScaleTarget | None = None


class MetricSpec(View, frozen=True, kw_only=True):
    """One metric of an autoscaler."""

    type: str = ""
    resource: ResourceMetric | None = None
    container_resource: ResourceMetric | None = None
    pods: NamedMetric | None = None
    object: NamedMetric | None = None
    external: NamedMetric | None = None


class ScalingPolicy(View, frozen=True, kw_only=True):
    """How much may change in a period of seconds."""

    type: str = ""
    value: int = 0
    period_seconds: int = 0


class ScalingRules(View, frozen=True, kw_only=True):
    """How fast an autoscaler moves in one direction."""

    stabilization_window_seconds: int | None = None
    select_policy: str | None = None
    policies: tuple[ScalingPolicy, ...] = ()
    tolerance: Quantity | None = None


class ScalingBehavior(View, frozen=True, kw_only=True):
    """Both directions."""

    scale_up: ScalingRules | None = None
    scale_down: ScalingRules | None = None


class HorizontalPodAutoscalerSpec(View, frozen=True, kw_only=True):
    """What an autoscaler does. The utilization is autoscaling/v1's."""

    scale_target_ref: ScaleTarget = ScaleTarget()
    min_replicas: int = 1
    max_replicas: int = 0
    metrics: tuple[MetricSpec, ...] = ()
    behavior: ScalingBehavior | None = None
    target_cpu_utilization_percentage: int | None = field(name="targetCPUUtilizationPercentage", default=None)


class HorizontalPodAutoscalerStatus(View, frozen=True, kw_only=True):
    """What an autoscaler last saw."""

    observed_generation: int | None = None
    last_scale_time: Time | None = None
    current_replicas: int = 0
    desired_replicas: int = 0
    conditions: tuple[Condition, ...] = ()


class HorizontalPodAutoscaler(Root, frozen=True, kw_only=True):
    """Scales a workload by metrics (autoscaling/v1 and v2)."""

    spec: HorizontalPodAutoscalerSpec = HorizontalPodAutoscalerSpec()
    status: HorizontalPodAutoscalerStatus = HorizontalPodAutoscalerStatus()
