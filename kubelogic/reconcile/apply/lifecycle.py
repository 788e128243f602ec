"""Actions on ownership, deletion, volumes and namespaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.apiserver.conditions import put_condition
from kubelogic.apiserver.posting import amend, erase, post
from kubelogic.apiserver.transaction import Transaction, owners, without_owner
from kubelogic.cluster import Object
from kubelogic.cluster.clock import timestamp
from kubelogic.cluster.edit import metadata, uid_of
from kubelogic.facts.ownership import ROOT_CA
from kubelogic.facts.quota import unit
from kubelogic.facts.storage import BIND_COMPLETED
from kubelogic.kinds.quantity import written
from kubelogic.reconcile import object_actions
from kubelogic.reconcile.refusals import note_own, subject_of

BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"
"""What stands for the cluster's certificate in a simulated cluster."""


def collect_pod(tx: Transaction, action: object_actions.CollectPod) -> None:
    pod = tx.get("Pod", action.pod)
    if pod is None:
        return
    status = pod.document.get("status") or {}
    if status.get("phase") not in ("Succeeded", "Failed"):
        if action.reason:
            put_condition(tx, pod, name="DisruptionTarget", status="True", reason=action.reason, message=action.message)
        tx.edit("Pod", action.pod, ["status"], {"phase": "Failed"})
    erase(tx, "Pod", action.pod, grace=0)


def drop_owner(tx: Transaction, action: object_actions.DropOwner) -> None:
    obj = tx.get(action.kind, action.key)
    if obj is not None:
        kept = without_owner(owners(obj), action.uid)
        amend(tx, action.kind, action.key, ["metadata"], {"ownerReferences": kept})


def add_finalizer(tx: Transaction, action: object_actions.AddFinalizer) -> None:
    obj = tx.get(action.kind, action.key)
    if obj is None:
        return
    present = list(metadata(obj).get("finalizers") or ())
    if action.finalizer not in present:
        amend(tx, action.kind, action.key, ["metadata"], {"finalizers": [*present, action.finalizer]})


def remove_finalizer(tx: Transaction, action: object_actions.RemoveFinalizer) -> None:
    obj = tx.get(action.kind, action.key)
    if obj is None:
        return
    part = "spec" if (action.kind, action.finalizer) == ("Namespace", "kubernetes") else "metadata"
    kept = [name for name in (obj.document.get(part) or {}).get("finalizers") or () if name != action.finalizer]
    if amend(tx, action.kind, action.key, [part], {"finalizers": kept or None}):
        tx.finish_deletion(action.kind, action.key)


def bind_claim(tx: Transaction, action: object_actions.BindClaim) -> None:
    claim, volume = tx.get("PersistentVolumeClaim", action.claim), tx.get("PersistentVolume", action.volume)
    if claim is None or volume is None:
        return
    spec, wanted = volume.document.get("spec") or {}, claim.document.get("spec") or {}
    reference = spec.get("claimRef")
    if not reference or not reference.get("uid"):
        full = {
            **(reference or {}),
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "namespace": claim.namespace,
            "name": claim.name,
            "uid": uid_of(claim),
        }
        amend(tx, "PersistentVolume", action.volume, ["spec"], {"claimRef": full})
        if not reference:
            _annotate(tx, "PersistentVolume", action.volume, {BOUND_BY_CONTROLLER: "yes"})
    tx.edit("PersistentVolume", action.volume, ["status"], {"phase": "Bound"})
    annotations = {BIND_COMPLETED: "yes"}
    if wanted.get("volumeName") != action.volume:
        amend(tx, "PersistentVolumeClaim", action.claim, ["spec"], {"volumeName": action.volume})
        annotations[BOUND_BY_CONTROLLER] = "yes"
    _annotate(tx, "PersistentVolumeClaim", action.claim, annotations)
    status = {"phase": "Bound", "accessModes": spec.get("accessModes"), "capacity": spec.get("capacity")}
    tx.edit("PersistentVolumeClaim", action.claim, ["status"], status)


def provision_volume(tx: Transaction, action: object_actions.ProvisionVolume) -> None:
    claim = tx.get("PersistentVolumeClaim", action.claim)
    storage_class = tx.get("StorageClass", action.class_name)
    if claim is None or storage_class is None:
        return
    wanted = claim.document.get("spec") or {}
    name = f"pvc-{uid_of(claim)}".replace(":", "-").replace("/", "-").lower()
    named = str(storage_class.document.get("provisioner") or action.provisioner)
    annotations = {"pv.kubernetes.io/provisioned-by": named}
    if named != action.provisioner:
        annotations["pv.kubernetes.io/migrated-to"] = action.provisioner
    reference = {
        "kind": "PersistentVolumeClaim",
        "namespace": claim.namespace,
        "name": claim.name,
        "uid": uid_of(claim),
    }
    labels = [(str(key), str(value)) for key, value in action.rows if key]
    volume = post(
        tx,
        api_version="v1",
        kind="PersistentVolume",
        key=name,
        document={
            "metadata": {"annotations": annotations},
            "spec": {
                "capacity": {"storage": ((wanted.get("resources") or {}).get("requests") or {}).get("storage", "0")},
                "accessModes": list(wanted.get("accessModes") or ()),
                "volumeMode": wanted.get("volumeMode") or "Filesystem",
                "storageClassName": action.class_name,
                "persistentVolumeReclaimPolicy": storage_class.document.get("reclaimPolicy") or "Delete",
                "claimRef": {"apiVersion": "v1", **reference},
                "csi": {"driver": action.provisioner, "volumeHandle": name},
                **({"nodeAffinity": _on_nodes(labels)} if labels else {}),
            },
            "status": {"phase": "Pending"},
        },
    )
    note_own(tx, volume, subject=subject_of(action))


def _on_nodes(labels: Sequence[tuple[str, str]]) -> Mapping[str, Any]:
    """The node affinity of a volume that is used where nodes have labels."""
    expressions = [{"key": key, "operator": "In", "values": [value]} for key, value in labels]
    return {"required": {"nodeSelectorTerms": [{"matchExpressions": expressions}]}}


def _annotate(tx: Transaction, kind: str, key: str, annotations: Mapping[str, str]) -> None:
    amend(tx, kind, key, ["metadata", "annotations"], annotations)


def create_service_account(tx: Transaction, action: object_actions.CreateServiceAccount) -> None:
    key = f"{action.namespace}/{action.name}"
    if tx.get("ServiceAccount", key) is None:
        posted = post(tx, api_version="v1", kind="ServiceAccount", key=key, document={})
        note_own(tx, posted, subject=subject_of(action))


def publish_root_ca(tx: Transaction, action: object_actions.PublishRootCa) -> None:
    key = f"{action.namespace}/{ROOT_CA}"
    found: Object | None = tx.get("ConfigMap", key)
    if found is None:
        document = {"data": {"ca.crt": CERTIFICATE}}
        posted = post(tx, api_version="v1", kind="ConfigMap", key=key, document=document)
        note_own(tx, posted, subject=subject_of(action))
    else:
        amend(tx, "ConfigMap", key, [], {"data": {"ca.crt": CERTIFICATE}})


def assign_pod_range(tx: Transaction, action: object_actions.AssignPodRange) -> None:
    amend(tx, "Node", action.node, ["spec"], {"podCIDR": action.ranges[0], "podCIDRs": action.ranges})


def write_quota_status(tx: Transaction, action: object_actions.WriteQuotaStatus) -> None:
    """Write what is used, unless admission has charged the quota meanwhile: that write conflicts and is tried anew."""
    before, now = tx.state.cluster.get("ResourceQuota", action.quota), tx.get("ResourceQuota", action.quota)
    if before is not now:
        return
    hard = {str(resource): str(limit) for resource, limit, _ in action.rows}
    used = {
        str(resource): written(int(amount) * (10**9 // unit(str(resource))), like=str(limit))
        for resource, limit, amount in action.rows
    }
    tx.edit("ResourceQuota", action.quota, ["status"], {"hard": hard, "used": used})


def write_rules(tx: Transaction, action: object_actions.WriteRules) -> None:
    """Write each rule once, in the order of selectors, names of roles, and rules of a role."""
    texts = dict.fromkeys(str(rule) for _, _, _, rule in sorted(action.rows) if rule)
    amend(tx, "ClusterRole", action.role, [], {"rules": [msgspec.json.decode(text) for text in texts]})


def write_budget_status(tx: Transaction, action: object_actions.WriteBudgetStatus) -> None:
    disrupted = {str(pod).rpartition("/")[2]: timestamp(int(moment)) for pod, moment in action.rows if pod}
    budget = tx.get("PodDisruptionBudget", action.budget)
    if budget is None:
        return
    status = {
        "expectedPods": action.expected,
        "currentHealthy": action.healthy,
        "desiredHealthy": action.desired,
        "disruptionsAllowed": action.allowed,
        "disruptedPods": disrupted or None,
        "observedGeneration": int(metadata(budget).get("generation") or 1),
    }
    tx.edit("PodDisruptionBudget", action.budget, ["status"], status)
    from kubelogic.apiserver.registry.eviction import set_disruption_condition

    set_disruption_condition(tx, action.budget)


def fail_budget(tx: Transaction, action: object_actions.FailBudget) -> None:
    tx.edit("PodDisruptionBudget", action.budget, ["status"], {"disruptionsAllowed": 0})
    budget = tx.get("PodDisruptionBudget", action.budget)
    if budget is not None:
        name = action.pod.rpartition("/")[2]
        message = f'found no controllers for pod "{name}"'
        put_condition(tx, budget, name="DisruptionAllowed", status="False", reason="SyncFailed", message=message)
