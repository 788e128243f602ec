"""A pod that is only asked about: as a controller would send it, and as the API server would admit it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from kubelogic.apiserver import requests
from kubelogic.apiserver.answers import Status
from kubelogic.apiserver.transaction import ADMINISTRATOR, Transaction, reference
from kubelogic.cluster import Cluster, Object, naming
from kubelogic.cluster.edit import edited, uid_of
from kubelogic.cluster.pods import controller_reference
from kubelogic.cluster.state import State
from kubelogic.reconcile.actions import Action, Cause, CreatePod, CreateReplicaSet
from kubelogic.reconcile.apply.carry_out import APPLIERS
from kubelogic.reconcile.functions import run_name
from kubelogic.reconcile.job_actions import StartCronRun
from kubelogic.reconcile.pods import daemon_tolerations, pod_document
from kubelogic.reconcile.senders import sender_of

_TEMPLATED = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job")
_CAUSE = Cause(predicate="asked", row=())


class NoPodError(LookupError):
    """What was given as a pod is none."""


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """A pod that is asked about.

    Attributes:
        pod: as it would be admitted.
        claims: those that are made for it alone, from templates.
        refusal: the API server's answer, if it does not take the pod; ``pod`` is then as it was sent.
    """

    pod: Object
    claims: tuple[Object, ...] = ()
    refusal: Status | None = None


def probe(cluster: Cluster, given: Object) -> Object:
    """The pod as it would be admitted, under a name that nothing has.

    Raises:
        NoPodError: if it is no pod and has no template.
    """
    # which accounts there are does not matter for where a pod could go
    state = State(cluster=cluster, unseen_accounts=frozenset({given.namespace}))
    return admitted(requests.trial(state), given).pod


def admitted(tx: Transaction, given: Object) -> Probe:
    """One more pod like those of an object, sent through admission as its controller sends it. The transaction then has
    it and its claims, and the workload and what makes its pods, if they were not there.

    Args:
        tx: what was sent before counts for quotas.
        given: a Pod, or an object with a pod template.

    Raises:
        NoPodError: if it is neither.
    """
    template = _template(given)
    owner, refusal = (None, None) if given.kind == "Pod" else _maker(tx, given)
    name = given.name
    while tx.get("Pod", f"{given.namespace}/{name}") is not None:
        name += "-more"
    asked = _asked(given if owner is None else owner, f"{given.namespace}/{name}")
    document = _document(owner, template, asked)
    spec = {key: value for key, value in document["spec"].items() if key != "nodeName"}
    made: dict[str, Mapping[str, Any]] = {}
    if given.kind == "StatefulSet":
        for each in given.document["spec"].get("volumeClaimTemplates") or ():
            made[f"{each['metadata']['name']}-{name}"] = each.get("spec") or {}
    if volumes := [_claimed(volume, name, made) for volume in spec.get("volumes") or ()]:
        spec["volumes"] = volumes
    claims = [_object(given, "PersistentVolumeClaim", key, {"spec": dict(claim)}) for key, claim in made.items()]
    pod = _object(given, "Pod", name, {**document, "spec": spec})
    if refusal is None and owner is not None:
        tx.sender = sender_of(tx, asked)
    for each in (*claims, pod):
        refusal = refusal or requests.send(tx, each)
    return Probe(
        pod=tx.get("Pod", pod.key) or pod,
        claims=tuple(tx.get(each.kind, each.key) or each for each in claims),
        refusal=refusal,
    )


def _maker(tx: Transaction, given: Object) -> tuple[Object, Status | None]:
    """What makes the pods of a workload, and the API server's answer if it does not take that: the ReplicaSet of a
    Deployment, the Job of a CronJob, or the workload itself."""
    if tx.get(given.kind, given.key) is None:
        tx.sender = ADMINISTRATOR
        named = edited(given, ["metadata"], {"uid": uid_of(given)})  # by which what it makes names it
        refusal = requests.send(tx, named)
        if refusal is not None:
            return given, refusal
    present = tx.get(given.kind, given.key) or given
    match given.kind:
        case "Deployment":
            return _made(tx, present, "ReplicaSet", *_replica_set(tx, present))
        case "CronJob":
            run = run_name(given.key, tx.state.now)
            return _made(
                tx, present, "Job", run, StartCronRun(cause=_CAUSE, cron_job=given.key, job=run, t=tx.state.now)
            )
    return present, None


def _made(tx: Transaction, maker: Object, kind: str, key: str, action: Action) -> tuple[Object, Status | None]:
    """An object that the controller of another makes, as it is or as an action makes it; or the maker, and why not."""
    if tx.get(kind, key) is None:
        tx.sender = sender_of(tx, action)
        APPLIERS[type(action)](tx, action)
    made = tx.get(kind, key)
    return (maker, tx.refused[-1].answer) if made is None else (made, None)


def _replica_set(tx: Transaction, deployment: Object) -> tuple[str, Action]:
    """The ReplicaSet of a Deployment's present template, by its key, and what makes it if it is not there."""
    spec = deployment.document["spec"]
    code = naming.template_hash(spec["template"])

    def there() -> str:
        for key, each in sorted(tx.state.cluster.objects("ReplicaSet").items()):
            if (controller_reference(each) or {}).get("uid") == uid_of(deployment):
                template = each.document["spec"].get("template") or {}
                if naming.template_hash(template) == code:
                    return key
        return ""

    collisions = int((deployment.document.get("status") or {}).get("collisionCount") or 0)
    named = f"{deployment.key}-{naming.template_hash(spec['template'], collisions)}"
    key = tx.state.cluster.kept(f"new ReplicaSet of {deployment.key} {code}", there) or named
    replicas = int(spec.get("replicas", 1))
    return key, CreateReplicaSet(
        cause=_CAUSE, deployment=deployment.key, replicas=replicas, max_replicas=replicas, revision=1
    )


def _document(owner: Object | None, template: Mapping[str, Any], action: CreatePod) -> dict[str, Any]:
    """A pod as its controller sends it, or somebody who has only its manifest; one of a DaemonSet is for any node."""
    if owner is None:
        meta = template.get("metadata") or {}
        kept = {field: meta[field] for field in ("annotations", "finalizers", "labels") if meta.get(field)}
        return {"metadata": kept, "spec": template.get("spec") or {}, "status": {"phase": "Pending"}}
    document = pod_document(owner, (owner.document.get("spec") or {}).get("template") or template, action)
    spec = template.get("spec") or {}
    if owner.kind == "DaemonSet":
        document["spec"] = {**spec, "tolerations": daemon_tolerations(spec)}
    document["metadata"]["ownerReferences"] = [reference(owner, blocking=True)]
    return document


def _asked(owner: Object, pod: str) -> CreatePod:
    """What a controller does to make one more pod."""
    spec, status = owner.document.get("spec") or {}, owner.document.get("status") or {}
    revision = f"{owner.namespace}/{status['updateRevision']}" if status.get("updateRevision") else ""
    index = 0 if owner.kind == "StatefulSet" or spec.get("completionMode") == "Indexed" else -1
    return CreatePod(cause=_CAUSE, pod=pod, owner_kind=owner.kind, owner=owner.key, revision=revision, index=index)


def _template(given: Object) -> Mapping[str, Any]:
    if given.kind == "Pod":
        return given.document
    spec: Mapping[str, Any] = given.document.get("spec") or {}
    if given.kind == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    elif given.kind not in _TEMPLATED:
        raise NoPodError(f"{given} is no pod and has no pod template")
    template: Mapping[str, Any] = spec["template"]
    return template


def _claimed(volume: Mapping[str, Any], pod: str, made: dict[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """A volume whose claim is made for the pod, as one that names the claim."""
    template = (volume.get("ephemeral") or {}).get("volumeClaimTemplate")
    if template is None:
        return volume
    claim = f"{pod}-{volume['name']}"
    made[claim] = template.get("spec") or {}
    return {"name": volume["name"], "persistentVolumeClaim": {"claimName": claim}}


def _object(given: Object, kind: str, name: str, document: Mapping[str, Any]) -> Object:
    metadata = {"namespace": given.namespace, "name": name, **(document.get("metadata") or {})}
    return Object(
        api_version="v1",
        kind=kind,
        namespace=given.namespace,
        name=name,
        document={"apiVersion": "v1", "kind": kind, **document, "metadata": metadata},
        origin=given.origin,
    )
