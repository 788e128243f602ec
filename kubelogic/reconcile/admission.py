"""What the API server adds to objects, and what it refuses, when they are created, changed or evicted.

Each kind has a function; it may change the object in the draft, or answer with a refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from kubelogic.cluster import Object
from kubelogic.cluster.edit import edited
from kubelogic.reconcile.draft import Draft
from kubelogic.reconcile.pods import with_default_tolerations, with_priority


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to a request: an HTTP status and, for a refusal, why."""

    status: int
    reason: str = ""
    message: str = ""
    causes: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether the request was carried out."""
        return self.status < 300


OnCreate = Callable[[Draft, Object], Answer | None]
OnUpdate = Callable[[Draft, Object, Object], Answer | None]
OnEvict = Callable[[Draft, Object], Answer | None]


def admit_pod(draft: Draft, pod: Object) -> Answer | None:
    """Default tolerations and priority."""
    spec = with_priority(draft, with_default_tolerations(pod.document.get("spec") or {}))
    status = {"phase": "Pending", **(pod.document.get("status") or {})}
    draft.put(edited(edited(pod, ["spec"], spec), ["status"], status))
    return None


def admit_replication_controller(draft: Draft, obj: Object) -> Answer | None:
    """The selector defaults to the labels of the template."""
    spec = obj.document.get("spec") or {}
    if not spec.get("selector"):
        labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
        draft.put(edited(obj, ["spec"], {"selector": labels}))
    return None


CREATE: Mapping[str, tuple[OnCreate, ...]] = MappingProxyType(
    {"Pod": (admit_pod,), "ReplicationController": (admit_replication_controller,)}
)
UPDATE: Mapping[str, tuple[OnUpdate, ...]] = MappingProxyType({})
EVICT: tuple[OnEvict, ...] = ()


def on_create(draft: Draft, obj: Object) -> Answer | None:
    """Admit a new object that is in the draft already. None: accepted."""
    for admit in CREATE.get(obj.kind, ()):
        present = draft.get(obj.kind, obj.key)
        if present is None:
            return None
        refusal = admit(draft, present)
        if refusal is not None:
            return refusal
    return None


def on_update(draft: Draft, old: Object, new: Object) -> Answer | None:
    """Admit a changed object that is in the draft already. None: accepted."""
    for admit in UPDATE.get(new.kind, ()):
        refusal = admit(draft, old, new)
        if refusal is not None:
            return refusal
    return None


def on_evict(draft: Draft, pod: Object) -> Answer | None:
    """Decide about an eviction. None: granted."""
    for decide in EVICT:
        refusal = decide(draft, pod)
        if refusal is not None:
            return refusal
    return None
