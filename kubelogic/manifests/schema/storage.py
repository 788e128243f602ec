"""Claims, volumes, classes and drivers."""

from __future__ import annotations

from msgspec import field

from kubelogic.manifests.schema.base import (
    Condition,
    LabelSelector,
    ObjectReference,
    Quantity,
    Resources,
    Root,
    View,
)
from kubelogic.manifests.schema.scheduling import NodeSelector
from kubelogic.manifests.schema.volumes import (
    AwsSource,
    AzureSource,
    CinderSource,
    CsiSource,
    GceSource,
    HostPathSource,
    IscsiSource,
    PathSource,
    PersistentVolumeClaimSpec,
    RbdSource,
)


class PersistentVolumeClaimStatus(View, frozen=True, kw_only=True):
    """What a claim has."""

    phase: str = ""
    access_modes: tuple[str, ...] = ()
    capacity: Resources = {}
    conditions: tuple[Condition, ...] = ()


class PersistentVolumeClaim(Root, frozen=True, kw_only=True):
    """A request for a volume."""

    spec: PersistentVolumeClaimSpec = PersistentVolumeClaimSpec()
    status: PersistentVolumeClaimStatus = PersistentVolumeClaimStatus()


class VolumeNodeAffinity(View, frozen=True, kw_only=True):
    """The nodes that can reach a volume."""

    required: NodeSelector | None = None


class PersistentVolumeSpec(View, frozen=True, kw_only=True):
    """What a volume is."""

    capacity: Resources = {}
    access_modes: tuple[str, ...] = ()
    claim_ref: ObjectReference | None = None
    persistent_volume_reclaim_policy: str = "Retain"
    storage_class_name: str = ""
    mount_options: tuple[str, ...] = ()
    volume_mode: str = "Filesystem"
    node_affinity: VolumeNodeAffinity | None = None
    volume_attributes_class_name: str | None = None
    csi: CsiSource | None = None
    local: PathSource | None = None
    host_path: HostPathSource | None = None
    aws_elastic_block_store: AwsSource | None = None
    gce_persistent_disk: GceSource | None = None
    azure_disk: AzureSource | None = None
    cinder: CinderSource | None = None
    iscsi: IscsiSource | None = None
    rbd: RbdSource | None = None


class PersistentVolumeStatus(View, frozen=True, kw_only=True):
    """What a volume does."""

    phase: str = ""
    reason: str = ""
    message: str = ""


class PersistentVolume(Root, frozen=True, kw_only=True):
    """A piece of storage."""

    spec: PersistentVolumeSpec = PersistentVolumeSpec()
    status: PersistentVolumeStatus = PersistentVolumeStatus()


class TopologyLabelRequirement(View, frozen=True, kw_only=True):
    """Values of one topology key."""

    key: str = ""
    values: tuple[str, ...] = ()


class TopologyTerm(View, frozen=True, kw_only=True):
    """Topologies that a class provisions in; all expressions hold."""

    match_label_expressions: tuple[TopologyLabelRequirement, ...] = ()


class StorageClass(Root, frozen=True, kw_only=True):
    """How volumes are provisioned."""

    provisioner: str = ""
    parameters: dict[str, str] = {}
    reclaim_policy: str = "Delete"
    mount_options: tuple[str, ...] = ()
    allow_volume_expansion: bool = False
    volume_binding_mode: str = "Immediate"
    allowed_topologies: tuple[TopologyTerm, ...] = ()


class VolumeNodeResources(View, frozen=True, kw_only=True):
    """How many volumes of a driver a node takes; None is no limit."""

    count: int | None = None


class CSINodeDriver(View, frozen=True, kw_only=True):
    """A driver on a node."""

    name: str = ""
    node_id: str = field(name="nodeID", default="")
    topology_keys: tuple[str, ...] = ()
    allocatable: VolumeNodeResources | None = None


class CSINodeSpec(View, frozen=True, kw_only=True):
    """The drivers of a node."""

    drivers: tuple[CSINodeDriver, ...] = ()


class CSINode(Root, frozen=True, kw_only=True):
    """What storage drivers a node has."""

    spec: CSINodeSpec = CSINodeSpec()


class CSIDriverSpec(View, frozen=True, kw_only=True):
    """What a driver can do."""

    attach_required: bool = True
    pod_info_on_mount: bool = False
    storage_capacity: bool = False
    volume_lifecycle_modes: tuple[str, ...] = ()
    prevent_pod_scheduling_if_missing: bool = False


class CSIDriver(Root, frozen=True, kw_only=True):
    """A storage driver."""

    spec: CSIDriverSpec = CSIDriverSpec()


class CSIStorageCapacity(Root, frozen=True, kw_only=True):
    """How much a driver can still provision somewhere."""

    storage_class_name: str = ""
    node_topology: LabelSelector | None = None
    capacity: Quantity | None = None
    maximum_volume_size: Quantity | None = None


class VolumeAttachmentSource(View, frozen=True, kw_only=True):
    """The volume that is attached."""

    persistent_volume_name: str | None = None


class VolumeAttachmentSpec(View, frozen=True, kw_only=True):
    """Which volume is attached where."""

    attacher: str = ""
    node_name: str = ""
    source: VolumeAttachmentSource = VolumeAttachmentSource()


class VolumeAttachmentStatus(View, frozen=True, kw_only=True):
    """Whether it is."""

    attached: bool = False


class VolumeAttachment(Root, frozen=True, kw_only=True):
    """The will to attach a volume to a node."""

    spec: VolumeAttachmentSpec = VolumeAttachmentSpec()
    status: VolumeAttachmentStatus = VolumeAttachmentStatus()
