"""Actions on objects of any kind: ownership, metadata, status, conditions, and controllers' memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from kubelogic.cluster import Object
from kubelogic.cluster.edit import metadata, uid_of
from kubelogic.reconcile.actions import (
    Action,
    AddTaint,
    AdoptObject,
    AnnotateObject,
    DeleteObject,
    Forget,
    LabelObject,
    ReleaseObject,
    Remember,
    RememberMoment,
    RemoveCondition,
    RemoveTaint,
    SetCondition,
    UpdateStatus,
)
from kubelogic.reconcile.draft import Draft, owners, reference, without_owner

_TIMED = frozenset({"Deployment"})
"""Kinds whose conditions say when they were last updated."""


def delete_object(draft: Draft, action: DeleteObject) -> None:
    draft.delete(action.kind, action.key, propagation=action.propagation)


def adopt_object(draft: Draft, action: AdoptObject) -> None:
    obj, owner = draft.get(action.kind, action.key), draft.get(action.owner_kind, action.owner)
    if obj is None or owner is None or any(r.get("controller") for r in owners(obj)):
        return
    draft.edit(action.kind, action.key, ["metadata"], {"ownerReferences": [*owners(obj), reference(owner)]})


def release_object(draft: Draft, action: ReleaseObject) -> None:
    obj, owner = draft.get(action.kind, action.key), draft.get(action.owner_kind, action.owner)
    if obj is None or owner is None:
        return
    kept = without_owner(owners(obj), uid_of(owner))
    draft.edit(action.kind, action.key, ["metadata"], {"ownerReferences": kept})


def annotate_object(draft: Draft, action: AnnotateObject) -> None:
    draft.edit(action.kind, action.key, ["metadata", "annotations"], {action.annotation: action.value})


def label_object(draft: Draft, action: LabelObject) -> None:
    draft.edit(action.kind, action.key, ["metadata", "labels"], {action.label: action.value})


def update_status(draft: Draft, action: UpdateStatus) -> None:
    draft.edit(action.kind, action.key, ["status"], dict(action.fields))


def set_condition(draft: Draft, action: SetCondition) -> None:
    obj = draft.get(action.kind, action.key)
    if obj is not None:
        put_condition(
            draft, obj, name=action.condition, status=action.status, reason=action.reason, message=action.message
        )


def put_condition(draft: Draft, obj: Object, *, name: str, status: str, reason: str = "", message: str = "") -> None:
    """Set a condition of an object, which is as it is by now."""
    conditions = conditions_after(draft, obj, name=name, status=status, reason=reason, message=message)
    draft.set_status(obj, {"conditions": conditions})


def conditions_after(
    draft: Draft, obj: Object, *, name: str, status: str, reason: str = "", message: str = ""
) -> Sequence[Mapping[str, Any]]:
    """The conditions of an object with one set now; objects with the very same ones share them."""
    return draft.alike(
        (name, status, reason, message, obj.kind),
        ((obj.document.get("status") or {}).get("conditions"),),
        lambda: conditions_with(obj, now=draft.now, name=name, status=status, reason=reason, message=message),
    )


def conditions_with(
    obj: Object, *, now: str, name: str, status: str, reason: str = "", message: str = ""
) -> list[Mapping[str, Any]]:
    """The conditions of an object with one set at ``now``, after the others."""
    present: list[Mapping[str, Any]] = list((obj.document.get("status") or {}).get("conditions") or ())
    old = next((c for c in present if c.get("type") == name), None)
    condition: dict[str, Any] = {
        "type": name,
        "status": status,
        "lastTransitionTime": old["lastTransitionTime"]
        if old and old.get("status") == status and old.get("lastTransitionTime")
        else now,
    }
    if reason:
        condition["reason"] = reason
    if message:
        condition["message"] = message
    if obj.kind in _TIMED:
        condition["lastUpdateTime"] = now
    if old is None:
        present.append(condition)
    else:
        present[present.index(old)] = condition
    return present


def remove_condition(draft: Draft, action: RemoveCondition) -> None:
    obj = draft.get(action.kind, action.key)
    if obj is None:
        return
    present = (obj.document.get("status") or {}).get("conditions") or ()
    kept = [c for c in present if c.get("type") != action.condition]
    draft.set_status(obj, {"conditions": kept or None})


def add_taint(draft: Draft, action: AddTaint) -> None:
    node = draft.get("Node", action.node)
    if node is None:
        return
    kept = _other_taints(node, action.taint, action.effect)
    taint = {"key": action.taint, "effect": action.effect}
    if action.value:
        taint["value"] = action.value
    if action.effect == "NoExecute":
        taint["timeAdded"] = draft.now
    draft.edit("Node", action.node, ["spec"], {"taints": [*kept, taint]})


def remove_taint(draft: Draft, action: RemoveTaint) -> None:
    node = draft.get("Node", action.node)
    if node is not None:
        kept = _other_taints(node, action.taint, action.effect)
        draft.edit("Node", action.node, ["spec"], {"taints": kept or None})


def _other_taints(node: Object, key: str, effect: str) -> list[Mapping[str, Any]]:
    taints = (node.document.get("spec") or {}).get("taints") or ()
    return [t for t in taints if not (t.get("key") == key and t.get("effect") == effect)]


def remember(draft: Draft, action: Remember) -> None:
    draft.memory[action.topic, action.key] = action.value


def remember_moment(draft: Draft, action: RememberMoment) -> None:
    draft.memory[action.topic, action.key] = draft.state.now


def forget(draft: Draft, action: Forget) -> None:
    draft.memory[action.topic, action.key] = None


def is_being_deleted(obj: Object) -> bool:
    """Whether an object waits for its grace period or finalizers to go."""
    return bool(metadata(obj).get("deletionTimestamp"))


APPLIERS: Mapping[type[Action], Callable[[Draft, Any], None]] = MappingProxyType(
    {
        DeleteObject: delete_object,
        AdoptObject: adopt_object,
        ReleaseObject: release_object,
        AnnotateObject: annotate_object,
        LabelObject: label_object,
        UpdateStatus: update_status,
        SetCondition: set_condition,
        RemoveCondition: remove_condition,
        AddTaint: add_taint,
        RemoveTaint: remove_taint,
        Remember: remember,
        RememberMoment: remember_moment,
        Forget: forget,
    }
)
