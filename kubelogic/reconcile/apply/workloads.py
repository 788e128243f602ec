"""Actions on ReplicaSets, revisions and claims: what Deployments, StatefulSets and DaemonSets make beside pods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelogic.apiserver.posting import amend, post
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import naming
from kubelogic.cluster.edit import metadata
from kubelogic.cluster.naming import REVISION
from kubelogic.reconcile import actions
from kubelogic.reconcile.refusals import note_made, note_own, subject_of

_PREFIX = "deployment.kubernetes.io"
REVISION_HISTORY = f"{_PREFIX}/revision-history"
DESIRED = f"{_PREFIX}/desired-replicas"
MAXIMUM = f"{_PREFIX}/max-replicas"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
NOT_COPIED = frozenset({REVISION, REVISION_HISTORY, DESIRED, MAXIMUM, LAST_APPLIED})
"""Annotations of a Deployment that its ReplicaSets do not get. Source: annotationsToSkip."""


def create_replica_set(tx: Transaction, action: actions.CreateReplicaSet) -> None:
    """Make the ReplicaSet; if another one has its name, count a collision, which gives another name the next time.

    Source: Deployment controller, getNewReplicaSet.
    """
    deployment = tx.get("Deployment", action.deployment)
    if deployment is None:
        return
    spec = deployment.document["spec"]
    template = spec["template"]
    collisions = int((deployment.document.get("status") or {}).get("collisionCount") or 0)
    code = naming.template_hash(template, collisions)
    labels = {**((template.get("metadata") or {}).get("labels") or {}), naming.HASH_LABEL: code}
    annotations = {
        name: value for name, value in (metadata(deployment).get("annotations") or {}).items() if name not in NOT_COPIED
    }
    annotations[REVISION] = str(action.revision)
    annotations[DESIRED] = str(spec.get("replicas", 1))
    annotations[MAXIMUM] = str(action.max_replicas)
    selector = spec.get("selector") or {}
    wanted: dict[str, Any] = {
        "replicas": action.replicas,
        "selector": {
            **selector,
            "matchLabels": {**(selector.get("matchLabels") or {}), naming.HASH_LABEL: code},
        },
        "template": {**template, "metadata": {**(template.get("metadata") or {}), "labels": labels}},
    }
    if spec.get("minReadySeconds"):
        wanted["minReadySeconds"] = spec["minReadySeconds"]
    key = f"{deployment.namespace}/{deployment.name}-{code}"
    if tx.get("ReplicaSet", key) is not None:
        tx.edit("Deployment", action.deployment, ["status"], {"collisionCount": collisions + 1})
        return
    made = post(
        tx,
        api_version="apps/v1",
        kind="ReplicaSet",
        key=key,
        document={"metadata": {"labels": labels, "annotations": annotations}, "spec": wanted, "status": {}},
        owner=deployment,
    )
    note_made(tx, made, deployment)


def scale_replica_set(tx: Transaction, action: actions.ScaleReplicaSet) -> None:
    found = tx.get("ReplicaSet", action.replica_set)
    if found is None:
        return
    wanted, same = {"replicas": action.replicas}, found.document["spec"].get("replicas") == action.replicas
    if not same and not amend(tx, "ReplicaSet", action.replica_set, ["spec"], wanted):
        return
    notes = {DESIRED: str(action.desired), MAXIMUM: str(action.maximum)}
    amend(tx, "ReplicaSet", action.replica_set, ["metadata", "annotations"], notes)


def pace_replica_set(tx: Transaction, action: actions.PaceReplicaSet) -> None:
    amend(tx, "ReplicaSet", action.replica_set, ["spec"], {"minReadySeconds": action.seconds or None})


def create_controller_revision(tx: Transaction, action: actions.CreateControllerRevision) -> None:
    """Make the revision; if another one has its name, count a collision, which gives another name the next time.

    Source: StatefulSet and daemon controllers, newRevision and snapshot.
    """
    owner = tx.get(action.kind, action.key)
    if owner is None:
        return
    collisions = int((owner.document.get("status") or {}).get("collisionCount") or 0)
    code = naming.template_hash(owner.document["spec"]["template"], collisions)
    key = f"{owner.namespace}/{owner.name}-{code}"
    if tx.get("ControllerRevision", key) is not None:
        tx.edit(action.kind, action.key, ["status"], {"collisionCount": collisions + 1})
        return
    template = owner.document["spec"]["template"]
    labels = dict((template.get("metadata") or {}).get("labels") or {})
    labels["controller-revision-hash"] = (
        key.rpartition("/")[2] if action.kind == "StatefulSet" else key.rpartition("-")[2]
    )
    revision = post(
        tx,
        api_version="apps/v1",
        kind="ControllerRevision",
        key=key,
        document={
            "metadata": {"labels": labels},
            "data": {"spec": {"template": {**template, "$patch": "replace"}}},
            "revision": action.number,
        },
        owner=owner,
    )
    note_own(tx, revision, subject=subject_of(action))


def create_persistent_volume_claim(tx: Transaction, action: actions.CreatePersistentVolumeClaim) -> None:
    """Source: StatefulSet controller, getPersistentVolumeClaims."""
    owner = tx.get("StatefulSet", action.stateful_set)
    if owner is None or tx.get("PersistentVolumeClaim", action.claim) is not None:
        return
    template = next(
        t for t in owner.document["spec"]["volumeClaimTemplates"] if t["metadata"]["name"] == action.template
    )
    meta = template.get("metadata") or {}
    selected = (owner.document["spec"].get("selector") or {}).get("matchLabels") or {}
    given: dict[str, Any] = {"labels": {**(meta.get("labels") or {}), **selected}}
    if meta.get("annotations"):
        given["annotations"] = meta["annotations"]
    document = _new_claim(given, template)
    claim = post(tx, api_version="v1", kind="PersistentVolumeClaim", key=action.claim, document=document)
    note_made(tx, claim, owner)


def create_ephemeral_claim(tx: Transaction, action: actions.CreateEphemeralClaim) -> None:
    """Source: ephemeral volume controller, handleVolume."""
    pod = tx.get("Pod", action.pod)
    if pod is None or tx.get("PersistentVolumeClaim", action.claim) is not None:
        return
    volume = next(v for v in pod.document["spec"]["volumes"] if v["name"] == action.volume)
    template = volume["ephemeral"]["volumeClaimTemplate"]
    meta = template.get("metadata") or {}
    given: dict[str, Any] = {field: meta[field] for field in ("labels", "annotations") if meta.get(field)}
    document = _new_claim(given, template)
    claim = post(tx, api_version="v1", kind="PersistentVolumeClaim", key=action.claim, document=document, owner=pod)
    note_made(tx, claim, pod)


def _new_claim(given: Mapping[str, Any], template: Mapping[str, Any]) -> dict[str, Any]:
    return {"metadata": given, "spec": template.get("spec") or {}, "status": {"phase": "Pending"}}
