"""What the API server adds to objects, and what it refuses, when they are created, changed or evicted.

Each kind has a function; it may change the object in the transaction, or answer with a refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from kubelogic.apiserver.admission.default_toleration_seconds import with_default_tolerations
from kubelogic.apiserver.admission.limit_ranger import admit_claim_by_limits, admit_pod_by_limits
from kubelogic.apiserver.admission.objects import (
    admit_claim,
    admit_node,
    admit_volume,
    refuse_in_ending_namespace,
    refuse_unknown_priority,
)
from kubelogic.apiserver.admission.priority import with_priority
from kubelogic.apiserver.admission.resource_quota import admit_by_quota, admit_change_by_quota
from kubelogic.apiserver.allocators.services import admit_service, admit_service_change, without_lost_fields
from kubelogic.apiserver.answers import Status
from kubelogic.apiserver.registry.daemon_sets import count_template, count_template_change
from kubelogic.apiserver.registry.eviction import decide_eviction
from kubelogic.apiserver.registry.job_pods import with_selector
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.edit import edited

OnCreate = Callable[[Transaction, Object], Status | None]
OnUpdate = Callable[[Transaction, Object, Object], Status | None]


def admit_pod(tx: Transaction, pod: Object) -> Status | None:
    """Default tolerations and priority."""
    spec = with_priority(tx, with_default_tolerations(pod.document.get("spec") or {}))
    status = {"phase": "Pending", **(pod.document.get("status") or {})}
    tx.put(edited(edited(pod, ["spec"], spec), ["status"], status))
    return refuse_unknown_priority(tx, pod)


def admit_replication_controller(tx: Transaction, obj: Object) -> Status | None:
    """The selector defaults to the labels of the template."""
    spec = obj.document.get("spec") or {}
    if not spec.get("selector"):
        labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
        tx.put(edited(obj, ["spec"], {"selector": labels}))
    return None


def admit_job(tx: Transaction, job: Object) -> Status | None:
    """The selector, and the labels that match it."""
    tx.put(with_selector(job))
    return None


CREATE: Mapping[str, tuple[OnCreate, ...]] = MappingProxyType(
    {
        "Pod": (admit_pod, admit_pod_by_limits),
        "ReplicationController": (admit_replication_controller,),
        "Job": (admit_job,),
        "DaemonSet": (count_template,),
        "Service": (admit_service,),
        "Node": (admit_node,),
        "PersistentVolumeClaim": (admit_claim, admit_claim_by_limits),
        "PersistentVolume": (admit_volume,),
    }
)
UPDATE: Mapping[str, tuple[OnUpdate, ...]] = MappingProxyType(
    {
        "Service": (admit_service_change, admit_change_by_quota),
        "PersistentVolumeClaim": (admit_change_by_quota,),
        "DaemonSet": (count_template_change,),
    }
)


def on_create(tx: Transaction, obj: Object) -> Status | None:
    """Admit a new object that is in the transaction already. None: accepted. Quotas are charged last."""
    for admit in (refuse_in_ending_namespace, *CREATE.get(obj.kind, ()), admit_by_quota):
        present = tx.get(obj.kind, obj.key)
        if present is None:
            return None
        refusal = admit(tx, present)
        if refusal is not None:
            return refusal
    return None


def prepared(old: Object, document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A changed document before it is validated: without what its old state had and its new one cannot have."""
    return without_lost_fields(old.document, document) if old.kind == "Service" else document


def on_update(tx: Transaction, old: Object, new: Object) -> Status | None:
    """Admit a changed object that is in the transaction already. None: accepted."""
    for admit in UPDATE.get(new.kind, ()):
        present = tx.get(new.kind, new.key)
        if present is None:
            return None
        refusal = admit(tx, old, present)
        if refusal is not None:
            return refusal
    return None


def on_evict(tx: Transaction, pod: Object) -> Status | None:
    """Decide about an eviction. None: granted."""
    return decide_eviction(tx, pod)
