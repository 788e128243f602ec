"""What the API server adds to objects, and what it refuses, when they are created, changed or evicted.

Each kind has a function; it may change the object in the draft, or answer with a refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from kubelogic.cluster import Object
from kubelogic.cluster.edit import edited
from kubelogic.reconcile.admission.eviction import decide_eviction
from kubelogic.reconcile.admission.limits import admit_claim_by_limits, admit_pod_by_limits
from kubelogic.reconcile.admission.objects import (
    admit_claim,
    admit_node,
    admit_volume,
    refuse_in_ending_namespace,
    refuse_unknown_priority,
)
from kubelogic.reconcile.admission.quota import admit_by_quota, admit_change_by_quota
from kubelogic.reconcile.admission.services import admit_service, admit_service_change, without_lost_fields
from kubelogic.reconcile.answers import Answer
from kubelogic.reconcile.draft import Draft
from kubelogic.reconcile.job_pods import with_selector
from kubelogic.reconcile.pods import with_default_tolerations, with_priority

OnCreate = Callable[[Draft, Object], Answer | None]
OnUpdate = Callable[[Draft, Object, Object], Answer | None]


def admit_pod(draft: Draft, pod: Object) -> Answer | None:
    """Default tolerations and priority."""
    spec = with_priority(draft, with_default_tolerations(pod.document.get("spec") or {}))
    status = {"phase": "Pending", **(pod.document.get("status") or {})}
    draft.put(edited(edited(pod, ["spec"], spec), ["status"], status))
    return refuse_unknown_priority(draft, pod)


def admit_replication_controller(draft: Draft, obj: Object) -> Answer | None:
    """The selector defaults to the labels of the template."""
    spec = obj.document.get("spec") or {}
    if not spec.get("selector"):
        labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
        draft.put(edited(obj, ["spec"], {"selector": labels}))
    return None


def admit_job(draft: Draft, job: Object) -> Answer | None:
    """The selector, and the labels that match it."""
    draft.put(with_selector(job))
    return None


CREATE: Mapping[str, tuple[OnCreate, ...]] = MappingProxyType(
    {
        "Pod": (admit_pod, admit_pod_by_limits),
        "ReplicationController": (admit_replication_controller,),
        "Job": (admit_job,),
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
    }
)


def on_create(draft: Draft, obj: Object) -> Answer | None:
    """Admit a new object that is in the draft already. None: accepted. Quotas are charged last."""
    for admit in (refuse_in_ending_namespace, *CREATE.get(obj.kind, ()), admit_by_quota):
        present = draft.get(obj.kind, obj.key)
        if present is None:
            return None
        refusal = admit(draft, present)
        if refusal is not None:
            return refusal
    return None


def prepared(old: Object, document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A changed document before it is validated: without what its old state had and its new one cannot have."""
    return without_lost_fields(old.document, document) if old.kind == "Service" else document


def on_update(draft: Draft, old: Object, new: Object) -> Answer | None:
    """Admit a changed object that is in the draft already. None: accepted."""
    for admit in UPDATE.get(new.kind, ()):
        present = draft.get(new.kind, new.key)
        if present is None:
            return None
        refusal = admit(draft, old, present)
        if refusal is not None:
            return refusal
    return None


def on_evict(draft: Draft, pod: Object) -> Answer | None:
    """Decide about an eviction. None: granted."""
    return decide_eviction(draft, pod)
