"""Actions on pods: making, binding, failing and deleting them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from kubelogic.apiserver.conditions import conditions_after, put_condition
from kubelogic.apiserver.posting import amend, erase, post
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.edit import is_being_deleted, metadata, uid_of
from kubelogic.cluster.slow_start import SlowStart
from kubelogic.facts.shapes import FINISHED
from kubelogic.facts.storage import SELECTED_NODE, claim_class
from kubelogic.reconcile import actions
from kubelogic.reconcile.apply.devices import give_devices
from kubelogic.reconcile.apply.reports import start_time
from kubelogic.reconcile.functions import container_key
from kubelogic.reconcile.pods import pod_document
from kubelogic.reconcile.refusals import note_pod

_POD = "Pod"


def create_pod(tx: Transaction, action: actions.CreatePod) -> None:
    owner = tx.get(action.owner_kind, action.owner)
    if owner is None or tx.get(_POD, action.pod) is not None:
        return
    start = tx.starts.setdefault((action.owner_kind, action.owner), SlowStart(size=tx.parameter("slow_start_batch")))
    if not start.goes_on():
        tx.undone = True
        return
    template = _template(tx, action, owner)
    document = pod_document(owner, template, action)
    posted = post(tx, api_version="v1", kind=_POD, key=action.pod, document=document, owner=owner)
    start.note(succeeded=note_pod(tx, posted, owner))
    if not tx.undone:
        counter = f"{action.owner_kind} {action.owner}"
        tx.names[counter] = tx.names.get(counter, tx.state.names.get(counter, 0)) + 1


def _template(tx: Transaction, action: actions.CreatePod, owner: Object) -> Mapping[str, Any]:
    if action.revision:
        revision = tx.get("ControllerRevision", action.revision)
        if revision is not None:
            stored: Mapping[str, Any] = revision.document["data"]["spec"]["template"]
            return stored
    template: Mapping[str, Any] = owner.document["spec"]["template"]
    return template


def delete_pod(tx: Transaction, action: actions.DeletePod) -> None:
    erase(tx, _POD, action.pod)


def remove_pod(tx: Transaction, action: actions.RemovePod) -> None:
    erase(tx, _POD, action.pod, grace=0)


def restore_pod(tx: Transaction, action: actions.RestorePod) -> None:
    """Source: kubelet, SyncPod (a static pod whose mirror pod was deleted, or that starts again with its node)."""
    pod = tx.get(_POD, action.pod)
    if pod is None:
        return
    if not erase(tx, _POD, action.pod, grace=0):
        return
    meta = {name: value for name, value in metadata(pod).items() if name not in _OF_ONE_COPY}
    document = {**pod.document, "metadata": meta}
    if (document.get("status") or {}).get("phase") in FINISHED:
        del document["status"]
    post(tx, api_version=pod.api_version, kind=_POD, key=action.pod, document=document)


_OF_ONE_COPY = frozenset(
    {"uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "resourceVersion"}
)
"""What a pod that is made anew does not take over."""


def evict_pod(tx: Transaction, action: actions.EvictPod) -> None:
    _disrupt(tx, action.pod, reason=action.reason, message=action.message)


def preempt_pod(tx: Transaction, action: actions.PreemptPod) -> None:
    message = f"preempted by {action.beneficiary} on node {action.node}"
    _disrupt(tx, action.pod, reason="PreemptionByScheduler", message=message)


def _disrupt(tx: Transaction, key: str, *, reason: str, message: str) -> None:
    pod = tx.get(_POD, key)
    if pod is None:
        return
    present = (pod.document.get("status") or {}).get("conditions") or ()
    marked = any((each.get("type"), each.get("reason")) == ("DisruptionTarget", reason) for each in present)
    if not marked and not is_being_deleted(pod):
        put_condition(tx, pod, name="DisruptionTarget", status="True", reason=reason, message=message)
    erase(tx, _POD, key)


def bind_pod(tx: Transaction, action: actions.BindPod) -> None:
    pod = tx.get(_POD, action.pod)
    if pod is None or is_being_deleted(pod):
        return
    spec = pod.document.get("spec") or {}
    if spec.get("volumes"):
        _select_node(tx, pod, action.node)
    if action.devices or spec.get("resourceClaims"):
        give_devices(tx, pod, action.node, action.devices)
        pod = tx.get(_POD, action.pod) or pod
    tx.bind(pod, action.node, tx.status_after(pod, "bound", (), partial(_scheduled, tx, pod)))


def _scheduled(tx: Transaction, pod: Object) -> dict[str, Any]:
    """The status of a pod that has got its node."""
    status = {name: value for name, value in (pod.document.get("status") or {}).items() if name != "nominatedNodeName"}
    return {**status, "conditions": conditions_after(tx, pod, name="PodScheduled", status="True")}


def _select_node(tx: Transaction, pod: Object, node: str) -> None:
    """Say for which node volumes are to be made. Source: kube-scheduler, volumebinding, BindPodVolumes."""
    for volume in (pod.document.get("spec") or {}).get("volumes") or ():
        named = volume.get("persistentVolumeClaim")
        name = named["claimName"] if named else f"{pod.name}-{volume['name']}" if "ephemeral" in volume else ""
        claim = tx.get("PersistentVolumeClaim", f"{pod.namespace}/{name}") if name else None
        if claim is None or (claim.document.get("spec") or {}).get("volumeName"):
            continue
        storage_class = tx.get("StorageClass", claim_class(claim.document))
        if storage_class is not None and storage_class.document.get("volumeBindingMode") == "WaitForFirstConsumer":
            amend(tx, "PersistentVolumeClaim", claim.key, ["metadata", "annotations"], {SELECTED_NODE: node})


def nominate_node(tx: Transaction, action: actions.NominateNode) -> None:
    tx.edit(_POD, action.pod, ["status"], {"nominatedNodeName": action.node})


# -- what kubelets do about pods as a whole -----------------------------------------------------------------


def kill_container(tx: Transaction, action: actions.KillContainer) -> None:
    pod = tx.get(_POD, action.pod)
    if pod is not None:
        tx.memory["kill", f"{container_key(uid_of(pod), action.container)} {action.probe}"] = tx.state.now


def fail_pod(tx: Transaction, action: actions.RejectPod | actions.FailPod) -> None:
    """Source: kubelet, rejectPod, evictPod."""
    pod = tx.get(_POD, action.pod)
    if pod is not None:
        fields = {"phase": "Failed", "reason": action.reason, "message": action.message}
        tx.set_status(pod, {**fields, **start_time(pod.document.get("status") or {}, metadata(pod), tx.now)})


reject_pod = fail_pod
