"""What a pod mounts, and the sources that volumes can come from."""

from __future__ import annotations

from msgspec import field

from kubelogic.manifests.schema.base import (
    LabelSelector,
    ObjectMeta,
    Quantity,
    Resources,
    TypedReference,
    View,
)


class ResourceAmounts(View, frozen=True, kw_only=True):
    """Requests and limits of a claim."""

    requests: Resources = {}
    limits: Resources = {}


class PersistentVolumeClaimSpec(View, frozen=True, kw_only=True):
    """What a claim asks for."""

    access_modes: tuple[str, ...] = ()
    resources: ResourceAmounts = ResourceAmounts()
    selector: LabelSelector | None = None
    storage_class_name: str | None = None
    volume_name: str = ""
    volume_mode: str | None = None
    data_source: TypedReference | None = None
    data_source_ref: TypedReference | None = None
    volume_attributes_class_name: str | None = None


class PersistentVolumeClaimTemplate(View, frozen=True, kw_only=True):
    """The claim that a pod's ephemeral volume makes."""

    metadata: ObjectMeta = ObjectMeta()
    spec: PersistentVolumeClaimSpec = PersistentVolumeClaimSpec()


class EphemeralSource(View, frozen=True, kw_only=True):
    """A claim that lives as long as its pod."""

    volume_claim_template: PersistentVolumeClaimTemplate | None = None


class ClaimSource(View, frozen=True, kw_only=True):
    """A claim by name."""

    claim_name: str = ""
    read_only: bool = False


class ConfigMapSource(View, frozen=True, kw_only=True):
    """Files from a ConfigMap."""

    name: str = ""
    optional: bool = False


class SecretSource(View, frozen=True, kw_only=True):
    """Files from a Secret."""

    secret_name: str = ""
    optional: bool = False


class ProjectedPart(View, frozen=True, kw_only=True):
    """One source of a projected volume."""

    config_map: ConfigMapSource | None = None
    secret: ConfigMapSource | None = None


class ProjectedSource(View, frozen=True, kw_only=True):
    """Several sources in one directory."""

    sources: tuple[ProjectedPart, ...] = ()


class ImageSource(View, frozen=True, kw_only=True):
    """An image mounted as a directory."""

    reference: str = ""
    pull_policy: str = ""


class EmptyDirSource(View, frozen=True, kw_only=True):
    """Scratch space on the node."""

    medium: str = ""
    size_limit: Quantity | None = None


class HostPathSource(View, frozen=True, kw_only=True):
    """A path of the node."""

    path: str = ""
    type: str = ""


class CsiSource(View, frozen=True, kw_only=True):
    """A volume of a CSI driver, inline or persistent."""

    driver: str = ""
    volume_handle: str = ""
    read_only: bool = False


class AwsSource(View, frozen=True, kw_only=True):
    """An EBS disk."""

    volume_id: str = field(name="volumeID", default="")
    read_only: bool = False
    partition: int = 0


class GceSource(View, frozen=True, kw_only=True):
    """A GCE disk."""

    pd_name: str = ""
    read_only: bool = False
    partition: int = 0


class AzureSource(View, frozen=True, kw_only=True):
    """An Azure disk."""

    disk_name: str = ""
    read_only: bool = False


class CinderSource(View, frozen=True, kw_only=True):
    """An OpenStack disk."""

    volume_id: str = field(name="volumeID", default="")
    read_only: bool = False


class IscsiSource(View, frozen=True, kw_only=True):
    """An iSCSI disk."""

    target_portal: str = ""
    iqn: str = ""
    lun: int = 0
    read_only: bool = False


class RbdSource(View, frozen=True, kw_only=True):
    """A Ceph block device."""

    monitors: tuple[str, ...] = ()
    pool: str = "rbd"
    image: str = ""
    read_only: bool = False


class PathSource(View, frozen=True, kw_only=True):
    """A directory or disk of the node (local volumes)."""

    path: str = ""


class Volume(View, frozen=True, kw_only=True):
    """A volume of a pod: a name and one source."""

    name: str = ""
    persistent_volume_claim: ClaimSource | None = None
    ephemeral: EphemeralSource | None = None
    config_map: ConfigMapSource | None = None
    secret: SecretSource | None = None
    projected: ProjectedSource | None = None
    empty_dir: EmptyDirSource | None = None
    host_path: HostPathSource | None = None
    image: ImageSource | None = None
    csi: CsiSource | None = None
    aws_elastic_block_store: AwsSource | None = None
    gce_persistent_disk: GceSource | None = None
    azure_disk: AzureSource | None = None
    cinder: CinderSource | None = None
    iscsi: IscsiSource | None = None
    rbd: RbdSource | None = None
