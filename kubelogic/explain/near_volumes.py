"""Volumes that a claim would have if it were not for something: whose they were, or what they are.

Source: pkg/controller/volume/persistentvolume/index.go, findMatchingVolume: class, mode, size, access modes and a
``claimRef`` of somebody else each rule a volume out. One that is Released keeps the ``claimRef`` of the claim that it
had, by uid, and nobody takes it away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import is_being_deleted, uid_of
from kubelogic.cluster.pods import node_of
from kubelogic.explain.units import some
from kubelogic.facts.storage import named_class
from kubelogic.kinds import quantity

_SHOWN = 3


def is_released(cluster: Cluster, volume: Object) -> bool:
    """Whether a volume is kept for a claim that is not there any more."""
    held: Mapping[str, Any] = (volume.document.get("spec") or {}).get("claimRef") or {}
    if not held.get("uid"):
        return False
    claim = cluster.get("PersistentVolumeClaim", f"{held.get('namespace')}/{held.get('name')}")
    return claim is None or uid_of(claim) != held["uid"]


def lacks(cluster: Cluster, claim: Object, volume: Object) -> dict[str, str] | None:
    """What rules a volume out for a claim, by field, in words; None if another claim has it.

    Args:
        cluster: with the claims.
        claim: one without a volume.
        volume: any.
    """
    wanted: Mapping[str, Any] = claim.document.get("spec") or {}
    has: Mapping[str, Any] = volume.document.get("spec") or {}
    found: dict[str, str] = {}
    if has.get("claimRef"):
        if not is_released(cluster, volume):
            return None
        before = has["claimRef"]
        found["claimRef"] = f"is kept for the claim {before.get('namespace')}/{before.get('name')} that it had before"
    mode = has.get("volumeMode") or "Filesystem"
    if mode != (wanted.get("volumeMode") or "Filesystem"):
        found["volumeMode"] = f"has the volumeMode {mode}"
    given = str(has.get("storageClassName") or "")
    if given != str(wanted.get("storageClassName") or ""):
        found["storageClassName"] = f"is of class {given}" if given else "has no class"
    modes = list(has.get("accessModes") or ())
    if not set(wanted.get("accessModes") or ()) <= set(modes):
        found["accessModes"] = f"has the access modes {', '.join(modes)}"
    size = str((has.get("capacity") or {}).get("storage") or "0")
    asked = str(((wanted.get("resources") or {}).get("requests") or {}).get("storage", "1Gi"))
    if quantity.amount("storage", size) < quantity.amount("storage", asked):
        found["resources"] = f"has {size} only"
    return found


def near_words(cluster: Cluster, claim: Object) -> str:
    """Which volumes fail a claim for one thing only, in words that go on a sentence; empty if there are none."""
    said = [
        f"{volume.name} {words}"
        for volume in _loose(cluster)
        if (found := lacks(cluster, claim, volume)) is not None and len(found) == 1
        for words in found.values()
    ]
    return f"; {some(said, _SHOWN)}" if said else ""


def where_words(cluster: Cluster, claim: Object) -> str:
    """Where the class of a claim makes volumes, if it does so in some places only, in words that go on a sentence.

    For a claim with a selector no driver makes one. Source: kubernetes-csi external-provisioner, controller.go.
    """
    name = named_class(claim.document)
    found = cluster.get("StorageClass", name) if name else None
    if found is not None and (claim.document.get("spec") or {}).get("selector") is not None:
        return "; it has a selector, and for such a claim no volume is made: one that is there has to have the labels"
    terms = (found.document.get("allowedTopologies") or ()) if found is not None else ()
    places = [
        " and ".join(f"{each['key']}={some(list(each['values']), _SHOWN)}" for each in term["matchLabelExpressions"])
        for term in terms
    ]
    return f"; the class makes volumes only where {' or where '.join(places)}" if places else ""


def users_words(cluster: Cluster, claim: Object) -> str:
    """Which pods keep a claim that is being deleted, in words that go on a sentence; empty if it is not.

    Source: pkg/controller/volume/pvcprotection/pvc_protection_controller.go, podUsesPVC: pods without a node do not.
    """
    if not is_being_deleted(claim):
        return ""
    mine = [
        key
        for key, pod in sorted(cluster.objects("Pod").items())
        if pod.namespace == claim.namespace
        and node_of(pod)
        and any(
            (each.get("persistentVolumeClaim") or {}).get("claimName") == claim.name
            for each in (pod.document.get("spec") or {}).get("volumes") or ()
        )
    ]
    if not mine:
        return ""
    return f"; it goes when no pod uses it any more, and {some(mine, _SHOWN)} {'does' if len(mine) == 1 else 'do'}"


def _loose(cluster: Cluster) -> list[Object]:
    """The volumes that no claim has, by name."""
    return cluster.kept("loose volumes", lambda: _all_loose(cluster))


def _all_loose(cluster: Cluster) -> list[Object]:
    volumes = sorted(cluster.objects("PersistentVolume").items())
    return [
        each
        for _, each in volumes
        if not (each.document.get("spec") or {}).get("claimRef") or is_released(cluster, each)
    ]


def free_of(volume: Object) -> Iterator[Mapping[str, Any]]:
    """The operations that let a volume go from the claim that it had."""
    if (volume.document.get("spec") or {}).get("persistentVolumeReclaimPolicy") == "Retain":
        yield {"op": "remove", "path": "/spec/claimRef"}
