"""Objects need a namespace that is there and stays.

Source: staging/src/k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle/admission.go of Kubernetes 1.36.
"""

from __future__ import annotations

from kubelogic.apiserver.answers import Status, forbidden
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.edit import metadata

ENDING = "NamespaceTerminating"
"""The type of the cause by which controllers know that there is no use in trying again."""


IMMORTAL = ("default", "kube-public", "kube-system")
"""Namespaces that nobody may delete."""


def admit(tx: Transaction, obj: Object, old: Object | None) -> Status | None:
    """Refuse what is to be made in a namespace that is being deleted, or that is known not to be there.

    Manifests are written for namespaces that exist: one that nobody mentions is missing only where the namespaces
    are known, ``default`` among them.
    """
    if old is not None or not obj.namespace:
        return None
    namespace = tx.get("Namespace", obj.namespace)
    if namespace is None:
        if obj.namespace in tx.presumed or tx.get("Namespace", "default") is None:
            return None
        return Status(status=404, reason="NotFound", message=f'namespaces "{obj.namespace}" not found')
    if not metadata(namespace).get("deletionTimestamp"):
        return None
    why = f"unable to create new content in namespace {obj.namespace} because it is being terminated"
    return forbidden(obj, why, causes=(f"namespace {obj.namespace} is being terminated",), kind_of_cause=ENDING)


def admit_deletion(obj: Object) -> Status | None:
    """Refuse to delete a namespace that every cluster has."""
    if obj.kind != "Namespace" or obj.name not in IMMORTAL:
        return None
    return forbidden(obj, "this namespace may not be deleted")
