"""``kubectl rollout undo`` of a Deployment: which revision is meant, what is put back, when nothing is done.

Source: staging/src/k8s.io/kubectl/pkg/polymorphichelpers/rollback.go, DeploymentRollbacker.Rollback,
deploymentRevision.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelogic.apiserver import requests
from kubelogic.apiserver.answers import Status
from kubelogic.apiserver.requests import Outcome
from kubelogic.cluster import Object
from kubelogic.cluster.edit import metadata, uid_of
from kubelogic.cluster.naming import HASH_LABEL, REVISION
from kubelogic.cluster.state import State
from kubelogic.facts.selectors import matches, requirements
from kubelogic.text.numbers import whole

_STAYS = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        REVISION,
        "deployment.kubernetes.io/revision-history",
        "deployment.kubernetes.io/desired-replicas",
        "deployment.kubernetes.io/max-replicas",
        "deprecated.deployment.rollback.to",
    }
)
"""Annotations that an undo leaves as the Deployment has them."""


def undo(state: State, deployment: str, revision: int = 0) -> Outcome:
    """Put the template and the annotations of an earlier revision back, as ``kubectl rollout undo`` does.

    Args:
        state: before the request.
        deployment: key of the Deployment.
        revision: its number; 0 for the one before the present.

    Returns:
        The state after it. Refused, in kubectl's words, for a paused Deployment and for a revision that is not there;
        nothing is changed, and the answer says so, if the template is the present one.
    """
    obj = state.cluster.get("Deployment", deployment)
    if obj is None:
        name = deployment.rpartition("/")[2]
        message = f'deployments.apps "{name}" not found'
        return Outcome(state=state, answer=Status(status=404, reason="NotFound", message=message))
    if revision < 0:
        return _refused(state, f"unable to find specified revision {revision} in history")
    found = revision_of(state, obj, revision)
    if found is None and revision > 0:
        return _refused(state, f"unable to find specified revision {revision} in history")
    if found is None:
        return _refused(state, f'no rollout history found for deployment "{obj.name}"{_not_adopted(state, obj)}')
    if obj.document["spec"].get("paused"):
        return _refused(
            state,
            "you cannot rollback a paused deployment; resume it first with 'kubectl rollout resume' and try again",
        )
    template = without_hash(found.document["spec"]["template"])
    if template == without_hash(obj.document["spec"]["template"]):
        message = f"skipped rollback (current template already matches revision {revision})"
        return Outcome(state=state, answer=Status(status=200, message=message))
    annotations = {name: text for name, text in _annotations(obj).items() if name in _STAYS}
    annotations.update({name: text for name, text in _annotations(found).items() if name not in _STAYS})
    document = {
        **obj.document,
        "metadata": {**metadata(obj), "annotations": annotations},
        "spec": {**obj.document["spec"], "template": template},
    }
    return requests.replace_fields(state, "Deployment", deployment, document)


def revision_of(state: State, deployment: Object, revision: int) -> Object | None:
    """The ReplicaSet of a revision of a Deployment; None if there is no such revision.

    Args:
        state: knows the ReplicaSets.
        deployment: whose revision.
        revision: its number; 0 for the second newest. A ReplicaSet without a number is of revision 0.
    """
    latest: tuple[int, Object | None] = (-1, None)
    previous: tuple[int, Object | None] = (-1, None)
    for _, candidate in sorted(state.cluster.objects("ReplicaSet").items()):
        number = _number(candidate)
        if number is None or not _is_of(candidate, deployment):
            continue
        if revision:
            if number == revision:
                return candidate
        elif latest[0] < number:
            previous, latest = latest, (number, candidate)
        elif previous[0] < number:
            previous = (number, candidate)
    return None if revision else previous[1]


def without_hash(template: Mapping[str, Any]) -> Mapping[str, Any]:
    """A pod template without the label that holds its hash.

    >>> without_hash({"metadata": {"labels": {"app": "a", "pod-template-hash": "x"}}})
    {'metadata': {'labels': {'app': 'a'}}}
    """
    meta = template.get("metadata") or {}
    labels = {name: value for name, value in (meta.get("labels") or {}).items() if name != HASH_LABEL}
    return {**template, "metadata": {**meta, "labels": labels}}


def _number(replica_set: Object) -> int | None:
    text = _annotations(replica_set).get(REVISION)
    if text is None:
        return 0
    return whole(text)


def _is_of(replica_set: Object, deployment: Object) -> bool:
    owned = any(
        reference.get("controller") and reference.get("uid") == uid_of(deployment)
        for reference in metadata(replica_set).get("ownerReferences") or ()
    )
    labels = metadata(replica_set).get("labels") or {}
    return owned and matches(requirements(deployment.document["spec"].get("selector") or {}), labels)


def _not_adopted(state: State, deployment: Object) -> str:
    """Which ReplicaSets look like earlier revisions, and why they are none.

    A ReplicaSet is adopted by its own labels, which nobody sets if it does not say them itself.

    Source: pkg/controller/controller_ref_manager.go: ClaimReplicaSets; pkg/apis/apps/v1/defaults.go:
    SetDefaults_ReplicaSet.
    """
    selector = requirements(deployment.document["spec"].get("selector") or {})
    alike = [
        each.name
        for _, each in sorted(state.cluster.objects("ReplicaSet").items())
        if each.namespace == deployment.namespace
        and not matches(selector, metadata(each).get("labels") or {})
        and matches(selector, (each.document["spec"]["template"].get("metadata") or {}).get("labels") or {})
    ]
    if not alike:
        return ""
    named = ", ".join(alike)
    many = len(alike) > 1
    return (
        f": {'ReplicaSets' if many else 'ReplicaSet'} {named} {'make' if many else 'makes'} pods that it selects, but"
        f" {'were' if many else 'was'} not adopted, as {'their' if many else 'its'} own metadata.labels do not match"
    )


def _annotations(obj: Object) -> Mapping[str, str]:
    found: Mapping[str, str] = metadata(obj).get("annotations") or {}
    return found


def _refused(state: State, message: str) -> Outcome:
    return Outcome(state=state, answer=Status(status=400, reason="BadRequest", message=message))
