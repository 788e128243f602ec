"""A pod that is only asked about: as a controller would send it, and as the API server would admit it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from kubelogic.apiserver import requests
from kubelogic.apiserver.answers import Status
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.state import State
from kubelogic.reconcile.pods import daemon_tolerations

_TEMPLATED = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job")


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
    """One more pod like those of an object, sent through admission. The transaction then has it and its claims.

    Args:
        tx: what was sent before counts for quotas.
        given: a Pod, or an object with a pod template.

    Raises:
        NoPodError: if it is neither.
    """
    template = _template(given)
    name = given.name
    while tx.get("Pod", f"{given.namespace}/{name}") is not None:
        name += "-more"
    spec = {key: value for key, value in (template.get("spec") or {}).items() if key != "nodeName"}
    if given.kind == "DaemonSet":
        spec["tolerations"] = daemon_tolerations(spec)
    made: dict[str, Mapping[str, Any]] = {}
    volumes = list(spec.get("volumes") or ())
    if given.kind == "StatefulSet":
        for each in given.document["spec"].get("volumeClaimTemplates") or ():
            volume = each["metadata"]["name"]
            made[f"{volume}-{name}"] = each.get("spec") or {}
            volumes = [v for v in volumes if v["name"] != volume]
            volumes.append({"name": volume, "persistentVolumeClaim": {"claimName": f"{volume}-{name}"}})
    volumes = [_claimed(volume, name, made) for volume in volumes]
    if volumes:
        spec["volumes"] = volumes
    claims = [_object(given, "PersistentVolumeClaim", key, {"spec": dict(claim)}) for key, claim in made.items()]
    metadata = {"labels": (template.get("metadata") or {}).get("labels") or {}}
    pod = _object(given, "Pod", name, {"metadata": metadata, "spec": spec, "status": {"phase": "Pending"}})
    refusal = None
    for each in (*claims, pod):
        refusal = requests.send(tx, each)
        if refusal is not None:
            break
    return Probe(
        pod=tx.get("Pod", pod.key) or pod,
        claims=tuple(tx.get(each.kind, each.key) or each for each in claims),
        refusal=refusal,
    )


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
