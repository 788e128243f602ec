"""What pods refer to by name: ConfigMaps and Secrets, and the keys of them that they need.

Source: pkg/kubelet/kubelet_pods.go (makeEnvironmentVariables), pkg/volume/{configmap,secret,projected} (SetUpAt) of
Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

OF_EVERY_NAMESPACE = frozenset({"kube-root-ca.crt"})
"""ConfigMaps that a controller keeps in every namespace."""

_WAITS = "its container waits with CreateContainerConfigError without it"
_MOUNTS = "its pod stays in ContainerCreating without it"
_PULLS = "private images cannot be pulled without it"

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What a part of a pod refers to.

    Attributes:
        kind: ConfigMap or Secret.
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
    """All that a pod needs of ConfigMaps and Secrets; what is optional is left out."""
    for part in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(part) or ()):
            yield from _of_container(container, (part, index))
    for index, volume in enumerate(spec.get("volumes") or ()):
        yield from _of_volume(volume, ("volumes", index))
    for index, secret in enumerate(spec.get("imagePullSecrets") or ()):
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
