"""Actions on objects of any kind: ownership, metadata, status, conditions, and controllers' memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelogic.apiserver.answers import Status, invalid
from kubelogic.apiserver.conditions import pod_conditions, put_condition
from kubelogic.apiserver.posting import amend, erase
from kubelogic.apiserver.transaction import Denied, Transaction, owners, reference, without_owner
from kubelogic.cluster import Object
from kubelogic.cluster.edit import uid_of
from kubelogic.kinds.validation.common import check_annotations, labels
from kubelogic.kinds.validation.problems import Report
from kubelogic.reconcile import actions
from kubelogic.reconcile.apply.reports import readiness


def delete_object(tx: Transaction, action: actions.DeleteObject) -> None:
    erase(tx, action.kind, action.key, propagation=action.propagation)


def adopt_object(tx: Transaction, action: actions.AdoptObject) -> None:
    obj, owner = tx.get(action.kind, action.key), tx.get(action.owner_kind, action.owner)
    if obj is None or owner is None or any(r.get("controller") for r in owners(obj)):
        return
    amend(tx, action.kind, action.key, ["metadata"], {"ownerReferences": [*owners(obj), reference(owner)]})


def release_object(tx: Transaction, action: actions.ReleaseObject) -> None:
    obj, owner = tx.get(action.kind, action.key), tx.get(action.owner_kind, action.owner)
    if obj is None or owner is None:
        return
    kept = without_owner(owners(obj), uid_of(owner))
    amend(tx, action.kind, action.key, ["metadata"], {"ownerReferences": kept})


def annotate_object(tx: Transaction, action: actions.AnnotateObject) -> None:
    """The Deployment controller writes the annotations of a Deployment together with its status, the rest as a change.

    Source: pkg/controller/deployment/sync.go: getNewReplicaSet (UpdateStatus).
    """
    path, fields = ["metadata", "annotations"], {action.annotation: action.value}
    if _refused(tx, action, "annotations", fields):
        return
    if action.kind == "Deployment":
        tx.edit(action.kind, action.key, path, fields)
    else:
        amend(tx, action.kind, action.key, path, fields)


def label_object(tx: Transaction, action: actions.LabelObject) -> None:
    fields = {action.label: action.value}
    if not _refused(tx, action, "labels", fields):
        amend(tx, action.kind, action.key, ["metadata", "labels"], fields)


def _refused(tx: Transaction, action: actions.ObjectAction, field: str, values: Mapping[str, str]) -> bool:
    """Whether labels or annotations cannot be, or are for an object that is not there: rules of one's own say anything.

    What has gone in the same tick is no fault.
    """
    obj = tx.get(action.kind, action.key)
    if obj is None:
        if tx.state.cluster.get(action.kind, action.key) is not None:
            return False
        message = f'{action.kind} "{action.key}" not found'
        answer = Status(status=404, reason="NotFound", message=message)
    else:
        report = Report()
        path = ("metadata", field)
        (labels if field == "labels" else check_annotations)(report, path, values)
        if not report.problems:
            return False
        answer = invalid(obj, [told for each in report.problems for told in each.told or ()])
    tx.undone = True
    tx.denied.append(Denied(verb="change", kind=action.kind, key=action.key, answer=answer))
    return True


def update_status(tx: Transaction, action: actions.UpdateStatus) -> None:
    tx.edit(action.kind, action.key, ["status"], dict(action.fields))


def set_condition(tx: Transaction, action: actions.SetCondition) -> None:
    """Set one condition, or those that a kubelet sets which says of a pod whether it is ready."""
    obj = tx.get(action.kind, action.key)
    if obj is None:
        return
    if wanted := readiness(action):
        present = (obj.document.get("status") or {}).get("conditions")
        tx.set_status(obj, {"conditions": pod_conditions(tx, present, wanted)})
    else:
        put_condition(
            tx, obj, name=action.condition, status=action.status, reason=action.reason, message=action.message
        )
        if action.kind == "PodGroup":
            _say_generation(tx, action)


def _say_generation(tx: Transaction, action: actions.SetCondition) -> None:
    """Let a condition of a group say of which generation of the group it speaks, if that is known."""
    group = tx.get(action.kind, action.key)
    generation = ((group.document.get("metadata") or {}) if group is not None else {}).get("generation")
    if group is None or not generation:
        return
    conditions = [
        {**each, "observedGeneration": generation} if each.get("type") == action.condition else each
        for each in group.document["status"]["conditions"]
    ]
    tx.set_status(group, {"conditions": conditions})


def remove_condition(tx: Transaction, action: actions.RemoveCondition) -> None:
    obj = tx.get(action.kind, action.key)
    if obj is None:
        return
    present = (obj.document.get("status") or {}).get("conditions") or ()
    kept = [c for c in present if c.get("type") != action.condition]
    tx.set_status(obj, {"conditions": kept or None})


def add_taint(tx: Transaction, action: actions.AddTaint) -> None:
    node = tx.get("Node", action.node)
    if node is None:
        return
    kept = _other_taints(node, action.taint, action.effect)
    taint = {"key": action.taint, "effect": action.effect}
    if action.value:
        taint["value"] = action.value
    if action.effect == "NoExecute":
        taint["timeAdded"] = tx.now
    amend(tx, "Node", action.node, ["spec"], {"taints": [*kept, taint]})


def remove_taint(tx: Transaction, action: actions.RemoveTaint) -> None:
    node = tx.get("Node", action.node)
    if node is not None:
        kept = _other_taints(node, action.taint, action.effect)
        amend(tx, "Node", action.node, ["spec"], {"taints": kept or None})


def _other_taints(node: Object, key: str, effect: str) -> list[Mapping[str, Any]]:
    taints = (node.document.get("spec") or {}).get("taints") or ()
    return [t for t in taints if not (t.get("key") == key and t.get("effect") == effect)]


def remember(tx: Transaction, action: actions.Remember) -> None:
    tx.memory[action.topic, action.key] = action.value


def remember_moment(tx: Transaction, action: actions.RememberMoment) -> None:
    tx.memory[action.topic, action.key] = tx.state.now


def forget(tx: Transaction, action: actions.Forget) -> None:
    tx.memory[action.topic, action.key] = None
