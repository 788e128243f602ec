"""Claims with admin access to devices are for namespaces that allow it.

Source: pkg/registry/resource/resourceclaim/strategy.go and resourceclaimtemplate/strategy.go of Kubernetes 1.36:
Validate, AuthorizedForAdmin.
"""

from __future__ import annotations

from kubelogic.apiserver.answers import Status, invalid
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.edit import metadata

_LABEL = "resource.kubernetes.io/admin-access"


def authorize_admin(tx: Transaction, obj: Object) -> Status | None:
    """Refuse admin access in a namespace that is known and does not have the label for it."""
    namespace = tx.get("Namespace", obj.namespace)
    if namespace is None or (metadata(namespace).get("labels") or {}).get(_LABEL) == "true":
        return None
    spec = obj.document.get("spec") or {}
    devices = ((spec.get("spec") or {}) if obj.kind == "ResourceClaimTemplate" else spec).get("devices") or {}
    for index, request in enumerate(devices.get("requests") or ()):
        if (request.get("exactly") or {}).get("adminAccess"):
            path = f"spec.devices.requests[{index}].adminAccess"  # so the API server says, of templates, too
            words = f"admin access to devices requires the `{_LABEL}: true` label on the containing namespace"
            return invalid(obj, [(path, f"Forbidden: {words}")])
    return None
