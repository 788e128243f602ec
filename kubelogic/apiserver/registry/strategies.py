"""What the API server itself fills in when an object of a kind is made or changed, beside what admission does.

Source: the strategies of each kind under pkg/registry, PrepareForCreate and BeginCreate, of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from kubelogic.apiserver.allocators.services import admit_service, admit_service_change, without_lost_fields
from kubelogic.apiserver.answers import Status
from kubelogic.apiserver.registry.daemon_sets import count_template, count_template_change
from kubelogic.apiserver.registry.device_claims import authorize_admin
from kubelogic.apiserver.registry.job_pods import with_selector
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.edit import edited
from kubelogic.cluster.state import State
from kubelogic.kinds.validation import Admission, admit


def prepare_new(tx: Transaction, obj: Object) -> Status | None:
    """Fill in the fields of a new object that the API server decides on, or refuse what it cannot give."""
    prepare = _NEW.get(obj.kind)
    return prepare(tx, obj) if prepare is not None else None


def validate_new(tx: Transaction, obj: Object) -> Status | None:
    """Refuse a new object for what other objects say, where that is no matter of admission."""
    allowed = _ALLOWED.get(obj.kind)
    return allowed(tx, obj) if allowed is not None else None


def prepare_changed(tx: Transaction, old: Object, new: Object) -> Status | None:
    """The same for a changed object."""
    prepare = _CHANGED.get(new.kind)
    return prepare(tx, old, new) if prepare is not None else None


def refuse_early(state: State, document: Mapping[str, Any]) -> Status | None:
    """The refusal of a new object for what it asks the API server to allocate, which comes before its validation.

    Args:
        state: before the request.
        document: decoded, not validated.
    """
    if document.get("kind") != "Service":
        return None
    meta = document.get("metadata") or {}
    namespace, name = str(meta.get("namespace") or ""), str(meta.get("name") or "")
    service = Object(api_version="v1", kind="Service", namespace=namespace, name=name, document=document)
    refusal = admit_service(Transaction(state=state), service)
    return refusal if refusal is not None and refusal.reason == "Invalid" else None


def without_lost(old: Object, document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A changed document before it is validated: without what its old state had and its new one cannot have.

    A document that is not decoded stays as it is.
    """
    if old.kind != "Service" or not is_decoded(admit(document, namespace=old.namespace or "default")):
        return document
    return without_lost_fields(old.document, document)


def is_decoded(admission: Admission) -> bool:
    """Whether no field of a document is of a wrong type: else the API server judges nothing else of it."""
    return not any(problem.code == _WRONG_TYPE for problem in admission.problems)


_WRONG_TYPE = "KL110"
"""Code of a field of a wrong type."""


def _pod(tx: Transaction, pod: Object) -> Status | None:
    status = pod.document.get("status") or {}
    if not status.get("phase"):
        tx.put(edited(pod, ["status"], {"phase": "Pending"}))
    return None


def _replication_controller(tx: Transaction, obj: Object) -> Status | None:
    """The selector defaults to the labels of the template."""
    spec = obj.document.get("spec") or {}
    if not spec.get("selector"):
        labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
        tx.put(edited(obj, ["spec"], {"selector": labels}))
    return None


def _job(tx: Transaction, job: Object) -> Status | None:
    """The selector, and the labels that match it."""
    tx.put(with_selector(job))
    return None


def _namespace_change(tx: Transaction, old: Object, new: Object) -> Status | None:
    """The finalizers of the spec are changed by the request ``finalize`` alone."""
    kept = (old.document.get("spec") or {}).get("finalizers")
    tx.put(edited(new, ["spec"], {"finalizers": kept}))
    return None


_NEW: Mapping[str, Callable[[Transaction, Object], Status | None]] = MappingProxyType(
    {
        "Pod": _pod,
        "ReplicationController": _replication_controller,
        "Job": _job,
        "DaemonSet": count_template,
        "Service": admit_service,
    }
)
_ALLOWED: Mapping[str, Callable[[Transaction, Object], Status | None]] = MappingProxyType(
    {"ResourceClaim": authorize_admin, "ResourceClaimTemplate": authorize_admin}
)
_CHANGED: Mapping[str, Callable[[Transaction, Object, Object], Status | None]] = MappingProxyType(
    {"Service": admit_service_change, "DaemonSet": count_template_change, "Namespace": _namespace_change}
)
