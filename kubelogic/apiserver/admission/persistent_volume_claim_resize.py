"""A claim may ask for more only once it is bound, and only if its class can give more.

Source: plugin/pkg/admission/storage/persistentvolume/resize/admission.go of Kubernetes 1.36.
"""

from __future__ import annotations

from fractions import Fraction

from kubelogic.apiserver.answers import Obstacle, Status, forbidden
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.facts.storage import claim_class
from kubelogic.kinds.quantity import parse

_STORAGE = ("spec", "resources", "requests", "storage")
_NOT_EXPANDABLE = (
    "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"
)


def validate(tx: Transaction, claim: Object, old: Object | None) -> Status | None:
    """Refuse a claim that asks for more than it can get."""
    if claim.kind != "PersistentVolumeClaim" or old is None or _asked(claim) <= _asked(old):
        return None
    if (old.document.get("status") or {}).get("phase") != "Bound":
        return forbidden(claim, "Only bound persistent volume claims can be expanded", path=_STORAGE)
    name = claim_class(claim.document)
    chosen = tx.get("StorageClass", name) if name else None
    if chosen is not None and chosen.document.get("allowVolumeExpansion"):
        return None
    standing: tuple[Obstacle, ...] = ()
    if chosen is not None:
        path = ("allowVolumeExpansion",)
        standing = (Obstacle(kind=chosen.kind, key=chosen.key, path=path, remedy="let volumes of this class grow"),)
    return forbidden(claim, _NOT_EXPANDABLE, obstacles=standing, path=_STORAGE)


def _asked(claim: Object) -> Fraction:
    requests = ((claim.document.get("spec") or {}).get("resources") or {}).get("requests") or {}
    return parse(requests.get("storage", 0))
