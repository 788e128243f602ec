"""Stand-ins for claims and volumes that a dump uses and does not have.

``kubectl get nodes,pods`` brings no claims, and claims come without their volumes. A claim that running pods use is
there and bound, and so is the volume of a bound claim; one that only waiting pods or workloads use may be. On which
nodes such a volume can be used nobody knows: here on all, and answers that rest on this say so (``verbs.missing``).
Where some objects of the kind were printed (claims: of the namespace), all were.

Source: pkg/scheduler/framework/plugins/volumebinding/binder.go (GetPodVolumeClaims, checkBoundClaims);
pkg/controller/volume/persistentvolume/pv_controller.go (syncBoundClaim) of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import metadata
from kubelogic.cluster.objects import as_object
from kubelogic.cluster.pods import node_of
from kubelogic.facts.storage import BIND_COMPLETED
from kubelogic.facts.templates import asking
from kubelogic.kinds.evidence import STAND_IN, is_stored

Document = Mapping[str, Any]

ONLY_NAMED = "which names it and does not run yet"
"""How the words end that tell what a claim was made from that may not be there at all."""

_CLAIM = "PersistentVolumeClaim"
_PROVISIONERS = ("volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner")


def unprinted_volumes(there: Cluster, printed: Collection[str] = ()) -> Iterator[Object]:
    """Claims that pods of the cluster use, and volumes of bound claims, as far as they are not there.

    Args:
        there: what was read.
        printed: kinds of which all that there is was read.
    """
    claims = there.objects(_CLAIM).values()
    made = [] if _CLAIM in printed else list(_claims(there, claims))
    yield from made
    volumes = there.objects("PersistentVolume").values()
    if any(is_stored(each.document) for each in volumes):
        return
    names = {each.name for each in volumes}
    classes = {each.name: each.document for each in there.objects("StorageClass").values()}
    for claim in sorted([*claims, *made], key=lambda each: each.key):
        spec = claim.document.get("spec") or {}
        name = str(spec.get("volumeName") or "")
        phase = (claim.document.get("status") or {}).get("phase")
        bound = phase == "Bound" or (phase != "Lost" and BIND_COMPLETED in _annotations(claim))
        if name and name not in names and bound and is_stored(claim.document):
            names.add(name)
            yield _volume(name, claim, classes)


def _claims(there: Cluster, claims: Collection[Object]) -> Iterator[Object]:
    keys = {each.key for each in claims}
    printed = {each.namespace for each in claims if is_stored(each.document)}
    for user, spec in sorted(asking(there, "volumes"), key=lambda each: _tells_less(each[0])):
        if user.namespace in printed or not metadata(user).get("uid"):
            continue
        for volume in spec["volumes"]:
            name = str((volume.get("persistentVolumeClaim") or {}).get("claimName") or "")
            if name and f"{user.namespace}/{name}" not in keys:
                keys.add(f"{user.namespace}/{name}")
                yield _claim(name, user)


def _tells_less(user: Object) -> int:
    """Running pods say most of their claims, what makes pods says least."""
    return 2 if user.kind != "Pod" else int(not node_of(user))


def _claim(name: str, user: Object) -> Object:
    words = "which uses it" if node_of(user) else ONLY_NAMED
    about = {
        "name": name,
        "namespace": user.namespace,
        "uid": f"stand-in-{user.namespace}-{name}",
        "annotations": {STAND_IN: f"{user.kind} {user.key}, {words}", BIND_COMPLETED: "yes"},
    }
    spec = {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "0"}},
        "storageClassName": "",
        "volumeMode": "Filesystem",
        "volumeName": f"unprinted-{user.namespace}-{name}",
    }
    return _made("PersistentVolumeClaim", about, spec, user)


def _volume(name: str, claim: Object, classes: Mapping[str, Document]) -> Object:
    spec = claim.document.get("spec") or {}
    uid = str((claim.document.get("metadata") or {}).get("uid") or "")
    status = claim.document.get("status") or {}
    storage_class = str(spec.get("storageClassName") or "")
    driver = next((str(text) for key in _PROVISIONERS if (text := _annotations(claim).get(key))), "")
    driver = driver or str((classes.get(storage_class) or {}).get("provisioner") or "")
    about = {
        "name": name,
        "uid": f"stand-in-{name}",
        "annotations": {STAND_IN: f"PersistentVolumeClaim {claim.key}, which is bound to it"},
    }
    asked = (spec.get("resources") or {}).get("requests") or {}
    held = {
        "capacity": status.get("capacity") or {"storage": asked.get("storage", "0")},
        "accessModes": spec.get("accessModes") or [],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": storage_class,
        "volumeMode": spec.get("volumeMode") or "Filesystem",
        "claimRef": {"kind": "PersistentVolumeClaim", "namespace": claim.namespace, "name": claim.name, "uid": uid},
        **(
            {"csi": {"driver": driver, "volumeHandle": name}}
            if driver and not driver.startswith("kubernetes.io/")
            else {}
        ),
    }
    return _made("PersistentVolume", about, held, claim)


def _made(kind: str, about: Document, spec: Document, source: Object) -> Object:
    document = {"apiVersion": "v1", "kind": kind, "metadata": about, "spec": spec, "status": {"phase": "Bound"}}
    return msgspec.structs.replace(as_object(document), origin=source.origin)


def _annotations(obj: Object) -> Document:
    return metadata(obj).get("annotations") or {}
