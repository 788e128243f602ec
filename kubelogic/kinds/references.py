"""What pods refer to by name: ConfigMaps and Secrets with the keys that they need, and ServiceAccounts.

Source: pkg/kubelet/kubelet_pods.go (makeEnvironmentVariables, getPullSecretsForPod), pkg/volume/{configmap,secret,
projected,csi,flexvolume,iscsi} (SetUpAt), plugin/pkg/admission/serviceaccount/admission.go of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

SYSTEM_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
"""The namespaces that every API server makes for itself. Source: pkg/controlplane/controller/systemnamespaces."""

OF_EVERY_NAMESPACE = frozenset({"kube-root-ca.crt"})
"""ConfigMaps that a controller keeps in every namespace."""

_WAITS = "its container waits with CreateContainerConfigError without it"
_MOUNTS = "its pod stays in ContainerCreating without it"
_PULLS = "private images cannot be pulled without it"
_MAKES = "no pod is made without it"
_SECRETS_OF_VOLUMES = (
    ("azureFile", "secretName", ""),
    ("cephfs", "secretRef", "name"),
    ("csi", "nodePublishSecretRef", "name"),
    ("flexVolume", "secretRef", "name"),
    ("iscsi", "secretRef", "name"),
    ("rbd", "secretRef", "name"),
    ("scaleIO", "secretRef", "name"),
    ("storageos", "secretRef", "name"),
)
"""By kind of volume, the field that names the Secret with which it is mounted."""
DEFAULT_ACCOUNT = "default"
"""The ServiceAccount that a controller keeps in every namespace."""

Path = tuple[str | int, ...]

TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "Pod": ("spec",),
    "DaemonSet": ("spec", "template", "spec"),
    "Deployment": ("spec", "template", "spec"),
    "Job": ("spec", "template", "spec"),
    "ReplicaSet": ("spec", "template", "spec"),
    "ReplicationController": ("spec", "template", "spec"),
    "StatefulSet": ("spec", "template", "spec"),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
}
"""By kind, where the spec of its pods stands."""


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """What a part of a pod refers to.

    Attributes:
        kind: ConfigMap, Secret or ServiceAccount.
        name: of the object.
        keys: of it that are needed.
        path: of the name, in the pod's spec.
        follows: what follows if it is not there.
    """

    kind: str
    name: str
    keys: tuple[str, ...]
    path: Path
    follows: str


def references(spec: Mapping[str, Any]) -> Iterator[Reference]:
    """All that a pod needs of ConfigMaps, Secrets and ServiceAccounts; what is optional is left out."""
    for field in ("serviceAccountName", "serviceAccount"):
        if name := spec.get(field):
            if name != DEFAULT_ACCOUNT:
                yield Reference(kind="ServiceAccount", name=name, keys=(), path=(field,), follows=_MAKES)
            break
    for part in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(part) or ()):
            yield from _of_container(container, (part, index))
    for index, volume in enumerate(spec.get("volumes") or ()):
        yield from _of_volume(volume, ("volumes", index))
    yield from pull_secrets(spec)


def pull_secrets(holder: Mapping[str, Any]) -> Iterator[Reference]:
    """The Secrets with which images are pulled, of a pod's spec or of a ServiceAccount."""
    for index, secret in enumerate(holder.get("imagePullSecrets") or ()):
        if secret.get("name"):
            path = ("imagePullSecrets", index, "name")
            yield Reference(kind="Secret", name=secret["name"], keys=(), path=path, follows=_PULLS)


def _of_container(container: Mapping[str, Any], path: Path) -> Iterator[Reference]:
    for index, variable in enumerate(container.get("env") or ()):
        source = variable.get("valueFrom") or {}
        for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            chosen = source.get(field)
            if chosen and chosen.get("name") and not chosen.get("optional"):
                where = (*path, "env", index, "valueFrom", field, "name")
                keys = (str(chosen["key"]),) if chosen.get("key") else ()
                yield Reference(kind=kind, name=chosen["name"], keys=keys, path=where, follows=_WAITS)
    for index, source in enumerate(container.get("envFrom") or ()):
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            chosen = source.get(field)
            if chosen and chosen.get("name") and not chosen.get("optional"):
                where = (*path, "envFrom", index, field, "name")
                yield Reference(kind=kind, name=chosen["name"], keys=(), path=where, follows=_WAITS)


def _of_volume(volume: Mapping[str, Any], path: Path) -> Iterator[Reference]:
    sources = [(volume, path)]
    projected = (volume.get("projected") or {}).get("sources") or ()
    sources += [(each, (*path, "projected", "sources", index)) for index, each in enumerate(projected)]
    for source, where in sources:
        for field, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
            chosen = source.get(field)
            if not chosen or chosen.get("optional"):
                continue
            named = "secretName" if chosen.get("secretName") else "name"
            if chosen.get(named):
                keys = tuple(str(each["key"]) for each in chosen.get("items") or () if each.get("key"))
                place = (*where, field, named)
                yield Reference(kind=kind, name=chosen[named], keys=keys, path=place, follows=_MOUNTS)
    for kind, field, inner in _SECRETS_OF_VOLUMES:
        named_by = (volume.get(kind) or {}).get(field)
        name = (named_by or {}).get(inner) if inner else named_by
        if name:
            place = (*path, kind, field, *((inner,) if inner else ()))
            yield Reference(kind="Secret", name=str(name), keys=(), path=place, follows=_MOUNTS)
