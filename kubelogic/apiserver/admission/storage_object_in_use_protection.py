"""Claims and volumes do not go while they are in use.

Source: plugin/pkg/admission/storage/storageobjectinuseprotection/admission.go of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kubelogic.apiserver.answers import Status
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.edit import edited, metadata

FINALIZERS: Mapping[str, str] = MappingProxyType(
    {
        "PersistentVolumeClaim": "kubernetes.io/pvc-protection",
        "PersistentVolume": "kubernetes.io/pv-protection",
    }
)


def admit(tx: Transaction, obj: Object, old: Object | None) -> Status | None:
    """Give a new claim or volume its finalizer."""
    finalizer = FINALIZERS.get(obj.kind)
    if finalizer is None or old is not None:
        return None
    present = list(metadata(obj).get("finalizers") or ())
    if finalizer not in present:
        tx.put(edited(obj, ["metadata"], {"finalizers": [*present, finalizer]}))
    return None
