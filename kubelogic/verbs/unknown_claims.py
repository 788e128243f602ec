"""Claims of which the input does not have what decides where they can be used: capacity takes them for unknown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import edited
from kubelogic.explain.units import some
from kubelogic.facts.quota_costs import plural_of
from kubelogic.facts.storage import is_default_class, named_class
from kubelogic.text import Notice


class _Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """An object that a pod needs and the input does not have; ``volume`` of the pod asks for it, if it is no device."""

    kind: str
    name: str
    volume: str = ""


def unknown_claims(cluster: Cluster, pods: Iterable[Object]) -> Mapping[str, Notice]:
    """A notice for each kind of object that pods without a node need for their claims and the input does not have.

    Args:
        cluster: with the claims.
        pods: those that are asked about.
    """
    users: dict[str, dict[str, Object]] = defaultdict(dict)
    for pod in pods:
        for each in _unknown(cluster, pod):
            users[each.kind].setdefault(each.name, pod)
    notices = {}
    for kind, by_name in sorted(users.items()):
        first = next(iter(by_name.values()))
        needing = sorted({str(each) for each in by_name.values()})
        message = (
            f"not in the input: {kind} {some(sorted(by_name))}, which {some(needing)} "
            f"need{'' if needing[1:] else 's'}; where that can be used is not known, and "
            f"not counted; kubectl get {plural_of(kind)} -A -o yaml brings it"
        )
        notices[kind] = Notice(code="KL195", message=message, location=first.place(("spec",)), count=len(by_name))
    return notices


def without_claims(cluster: Cluster, pod: Object) -> Object:
    """A pod without its claims on devices, which are not counted, and without the volumes of which nothing is known.

    Args:
        cluster: with the claims.
        pod: it.
    """
    spec = pod.document.get("spec") or {}
    fields: dict[str, Any] = {"resourceClaims": None} if "resourceClaims" in spec else {}
    if unknown := {each.volume for each in _unknown(cluster, pod)} - {""}:
        fields["volumes"] = [each for each in spec["volumes"] if each.get("name") not in unknown]
    return edited(pod, ["spec"], fields) if fields else pod


def _unknown(cluster: Cluster, pod: Object) -> Iterator[_Unknown]:
    spec: Mapping[str, Any] = pod.document.get("spec") or {}
    for entry in spec.get("resourceClaims") or ():
        for field, kind in (
            ("resourceClaimName", "ResourceClaim"),
            ("resourceClaimTemplateName", "ResourceClaimTemplate"),
        ):
            key = f"{pod.namespace}/{entry.get(field)}"
            if entry.get(field) and cluster.get(kind, key) is None:
                yield _Unknown(kind=kind, name=key)
    for volume in spec.get("volumes") or ():
        name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if volume.get("ephemeral"):
            name = f"{pod.name}-{volume.get('name')}"
        if not name:
            continue
        claim = cluster.get("PersistentVolumeClaim", f"{pod.namespace}/{name}")
        if claim is None:
            yield _Unknown(kind="PersistentVolumeClaim", name=f"{pod.namespace}/{name}", volume=str(volume["name"]))
        elif (missing := _missing_class(cluster, claim)) is not None:
            yield _Unknown(kind="StorageClass", name=missing, volume=str(volume["name"]))


def _missing_class(cluster: Cluster, claim: Object) -> str | None:
    """The class of a claim without a volume that neither a StorageClass nor a volume of the input has."""
    spec = claim.document.get("spec") or {}
    name = named_class(claim.document)
    classes = cluster.objects("StorageClass")
    if spec.get("volumeName") or name == "" or name in classes:
        return None
    volumes = cluster.objects("PersistentVolume").values()
    if name is None:
        made = any(is_default_class(each.document) for each in classes.values())
        return None if made or volumes else "of its own choice (the default one)"
    return None if any((each.document.get("spec") or {}).get("storageClassName") == name for each in volumes) else name
