"""Stand-ins for objects that a dump refers to and does not have, made from what it has.

A pod that a ReplicaSet made is made anew when it is evicted, whether the ReplicaSet was printed or not; the pods of a
DaemonSet are up to date if their labels and its status say so, whether its ControllerRevisions were printed or not.
Every stand-in has an annotation that says what it was made from; notices are written from it (``verbs.missing``).

Source: pkg/controller/replicaset/replica_set.go (manageReplicas); pkg/controller/daemon/util/daemonset_util.go
(IsPodUpdated); pkg/controller/statefulset/stateful_set_utils.go (getPodRevision) of Kubernetes 1.36.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.apiserver.unprinted import unprinted_pods
from kubelogic.apiserver.unprinted_volumes import unprinted_volumes
from kubelogic.cluster import Object
from kubelogic.cluster.naming import HASH_LABEL, REVISION
from kubelogic.cluster.objects import as_object
from kubelogic.facts.parameters import parameters_of
from kubelogic.facts.rulebook import builtin_rulebook
from kubelogic.kinds.evidence import STAND_IN, is_stored
from kubelogic.kinds.validation import admit

_GENERATION = "deprecated.daemonset.template.generation"
_REVISION_LABEL = "controller-revision-hash"
_OWNERS = frozenset({"ReplicaSet", "ReplicationController"})
_GIVEN_TOLERATIONS = frozenset({"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"})
_ADDED = ("nodeName", "priority", "overhead", "hostname", "ephemeralContainers", "resourceClaimStatuses")
"""Fields of a pod that its template need not have: admission or the scheduler wrote them."""

Document = Mapping[str, Any]


def with_stand_ins(objects: Iterable[Object]) -> tuple[Object, ...]:
    """The objects of a dump, and stand-ins for owners and revisions that it does not have, sorted like them."""
    given = tuple(objects)
    by_uid = {str(_meta(each).get("uid") or ""): each for each in given}
    made = [*_owners(given, by_uid), *_present_sets(given), *_revisions(given)]
    unprinted = [_defaulted(each) for each in unprinted_pods([*given, *made])]
    unprinted += unprinted_volumes([*given, *unprinted])
    if not made and not unprinted:
        return given
    return tuple(sorted([*given, *made, *unprinted], key=lambda each: (each.kind, each.key, each.api_version)))


def _defaulted(pod: Object) -> Object:
    """A pod with the defaults of its kind, found where its controller was written."""
    return _admitted(pod.document, pod)


def _present_sets(given: Sequence[Object]) -> Iterator[Object]:
    """The ReplicaSet of each Deployment that has pods by its status, but neither pods nor ReplicaSets here."""
    owned = {
        str(owner.get("uid"))
        for each in given
        if each.kind == "ReplicaSet" and (owner := _controller(each)) is not None
    }
    pods = [
        each
        for each in given
        if each.kind == "Pod" and (owner := _controller(each)) and owner.get("kind") == "ReplicaSet"
    ]
    for each in given:
        uid, status = str(_meta(each).get("uid") or ""), each.document.get("status") or {}
        number = status.get("replicas") or 0
        if (
            each.kind != "Deployment"
            or not uid
            or uid in owned
            or not number
            or status.get("updatedReplicas") != number
        ):
            continue
        if not any(
            _is_of(each, pod.namespace, str((_controller(pod) or {}).get("name")), _meta(pod).get("labels") or {})
            for pod in pods
        ):
            yield _present_set(each, uid, number)


def _present_set(deployment: Object, uid: str, number: int) -> Object:
    """A ReplicaSet of the present template, as the status of its Deployment has it."""
    template = (deployment.document.get("spec") or {}).get("template") or {}
    labels = {**((template.get("metadata") or {}).get("labels") or {}), HASH_LABEL: "unprinted"}
    revision = str((_meta(deployment).get("annotations") or {}).get(REVISION) or "1")
    name = f"{deployment.name}-unprinted"
    reference = {"apiVersion": deployment.api_version, "kind": "Deployment", "name": deployment.name, "uid": uid}
    status = deployment.document.get("status") or {}
    return _admitted(
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": name,
                "namespace": deployment.namespace,
                "uid": f"stand-in-{uid}",
                "labels": labels,
                "annotations": {STAND_IN: f"the status of Deployment {deployment.key}", REVISION: revision},
                "ownerReferences": [{**reference, "controller": True, "blockOwnerDeletion": True}],
            },
            "spec": {
                "replicas": number,
                "selector": {"matchLabels": labels},
                "template": {**template, "metadata": {**(template.get("metadata") or {}), "labels": labels}},
            },
            "status": {"replicas": number, "readyReplicas": status.get("readyReplicas") or 0},
        },
        deployment,
    )


def _meta(obj: Object) -> Document:
    found: Document = obj.document.get("metadata") or {}
    return found


def _controller(obj: Object) -> Document | None:
    return next((each for each in _meta(obj).get("ownerReferences") or () if each.get("controller")), None)


def _is_active(pod: Object) -> bool:
    phase = (pod.document.get("status") or {}).get("phase")
    return phase not in ("Succeeded", "Failed") and not _meta(pod).get("deletionTimestamp")


def _owners(given: Sequence[Object], by_uid: Mapping[str, Object]) -> Iterator[Object]:
    """A ReplicaSet or ReplicationController for the pods of each one that is not there."""
    names = {(each.kind, each.key) for each in given}
    pods: dict[tuple[str, str, str, str], list[Object]] = defaultdict(list)
    for obj in given:
        owner = _controller(obj) if obj.kind == "Pod" and is_stored(obj.document) and _is_active(obj) else None
        if owner is None or owner.get("kind") not in _OWNERS or not owner.get("uid"):
            continue
        identity = str(owner["kind"]), obj.namespace, str(owner.get("name") or ""), str(owner["uid"])
        if identity[3] not in by_uid and (identity[0], f"{obj.namespace}/{identity[2]}") not in names:
            pods[identity].append(obj)
    deployments = [each for each in given if each.kind == "Deployment"]
    for (kind, namespace, name, uid), members in sorted(pods.items()):
        labels = _common(members)
        if labels and name:
            yield _owner(kind, namespace, name, uid, (members, labels, deployments))


def _common(pods: Sequence[Object]) -> dict[str, str]:
    """The labels that all pods have."""
    first, *rest = (dict(_meta(pod).get("labels") or {}) for pod in pods)
    return {key: value for key, value in first.items() if all(each.get(key) == value for each in rest)}


def _owner(
    kind: str,
    namespace: str,
    name: str,
    uid: str,
    evidence: tuple[Sequence[Object], Mapping[str, str], Sequence[Object]],
) -> Object:
    members, labels, deployments = evidence
    template = _template(members[0], labels)
    above = next((each for each in deployments if _is_of(each, namespace, name, labels)), None)
    words = f"{len(members)} pod{'s' if len(members) > 1 else ''} that it controls"
    about: dict[str, Any] = {"name": name, "namespace": namespace, "uid": uid, "labels": dict(labels)}
    about["annotations"] = {STAND_IN: words}
    if above is not None:
        present = (above.document.get("spec") or {}).get("template") or {}
        if _made_from(members[0], present) or _all_updated(above, members):
            template = {**present, "metadata": {**(present.get("metadata") or {}), "labels": dict(labels)}}
        revision = str((_meta(above).get("annotations") or {}).get(REVISION) or "1")
        about["annotations"][REVISION] = revision
        about["ownerReferences"] = [
            {
                "apiVersion": above.api_version,
                "kind": above.kind,
                "name": above.name,
                "uid": _meta(above).get("uid") or f"{above.kind}:{above.key}",
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ]
    selector: Any = {"matchLabels": dict(labels)} if kind == "ReplicaSet" else dict(labels)
    return _admitted(
        {
            "apiVersion": "apps/v1" if kind == "ReplicaSet" else "v1",
            "kind": kind,
            "metadata": about,
            "spec": {"replicas": len(members), "selector": selector, "template": template},
            "status": {"replicas": len(members)},
        },
        members[0],
    )


def _admitted(document: Document, source: Object) -> Object:
    """A stand-in with the defaults of its kind; it is found where what it was made from was written."""
    admitted = admit(document, namespace=source.namespace)
    made = as_object(document if admitted.problems else admitted.document)
    return msgspec.structs.replace(made, origin=source.origin)


def _is_of(deployment: Object, namespace: str, name: str, labels: Mapping[str, str]) -> bool:
    """Whether a ReplicaSet belongs to a Deployment, by its name and labels."""
    code = labels.get(HASH_LABEL)
    if deployment.namespace != namespace or not code or name != f"{deployment.name}-{code}":
        return False
    selector = (deployment.document.get("spec") or {}).get("selector") or {}
    return all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())


def _all_updated(deployment: Object, members: Sequence[Object]) -> bool:
    """Whether a Deployment has seen its present template, and has no pods of any other."""
    status = deployment.document.get("status") or {}
    seen = status.get("observedGeneration") == (_meta(deployment).get("generation") or 1)
    number = status.get("replicas") or 0
    return bool(seen and number and status.get("updatedReplicas") == number >= len(members))


def _made_from(pod: Object, template: Document) -> bool:
    """Whether a pod has all that a template says: what admission and kubelet add does not matter."""
    return _covers(pod.document.get("spec") or {}, template.get("spec") or {})


def _covers(whole: Any, part: Any) -> bool:
    if isinstance(part, Mapping):
        if not isinstance(whole, Mapping):
            return not part
        return all(_covers(whole.get(key), value) for key, value in part.items())
    if isinstance(part, list):
        if not isinstance(whole, list):
            return not part
        return all(any(_covers(other, each) for other in whole) for each in part)
    return bool(whole == part) or part in (None, "", 0, False)


def _template(pod: Object, labels: Mapping[str, str]) -> dict[str, Any]:
    """The template that a pod was made from, as far as the pod tells."""
    spec = {key: value for key, value in (pod.document.get("spec") or {}).items() if key not in _ADDED}
    tokens = {
        each["name"] for each in spec.get("volumes") or () if str(each.get("name")).startswith("kube-api-access-")
    }
    if tokens:
        spec["volumes"] = [each for each in spec["volumes"] if each["name"] not in tokens]
        for part in ("containers", "initContainers"):
            if spec.get(part):
                spec[part] = [_without_mounts(each, tokens) for each in spec[part]]
    if spec.get("tolerations"):
        spec["tolerations"] = [each for each in spec["tolerations"] if not _is_given(each)]
    return {"metadata": {"labels": dict(labels)}, "spec": spec}


def _without_mounts(container: Document, volumes: set[str]) -> Document:
    mounts = [each for each in container.get("volumeMounts") or () if each.get("name") not in volumes]
    return {**container, "volumeMounts": mounts}


def _usual_seconds() -> int:
    """How long pods of a cluster whose flags nobody knows tolerate a node's troubles by default."""
    return int(parameters_of(builtin_rulebook())["default_toleration_seconds"])


def _is_given(toleration: Document) -> bool:
    """Whether admission gave a toleration to the pod."""
    return toleration.get("key") in _GIVEN_TOLERATIONS and toleration.get("tolerationSeconds") == _usual_seconds()


def _revisions(given: Sequence[Object]) -> Iterator[Object]:
    """The present revision of each DaemonSet and StatefulSet whose revisions are not there."""
    owners = [each for each in given if each.kind in ("DaemonSet", "StatefulSet") and is_stored(each.document)]
    if not owners:
        return
    known = {
        (str(owner.get("kind")), each.namespace, str(owner.get("name")))
        for each in given
        if each.kind == "ControllerRevision" and (owner := _controller(each)) is not None
    }
    pods: dict[str, list[Object]] = defaultdict(list)
    for each in given:
        owner = _controller(each) if each.kind == "Pod" else None
        if owner is not None and owner.get("uid"):
            pods[str(owner["uid"])].append(each)
    for owner_object in owners:
        uid = str(_meta(owner_object).get("uid") or "")
        if not uid or (owner_object.kind, owner_object.namespace, owner_object.name) in known:
            continue
        code, words = _present_code(owner_object, pods[uid])
        if code:
            yield _revision(owner_object, uid, code, words)


def _present_code(owner: Object, pods: Sequence[Object]) -> tuple[str, str]:
    """The label of pods that are up to date, and what tells it; empty if nothing does."""
    status: Document = owner.document.get("status") or {}
    if owner.kind == "StatefulSet":
        return str(status.get("updateRevision") or status.get("currentRevision") or ""), "its status"
    generation = (_meta(owner).get("annotations") or {}).get(_GENERATION)
    labels = [_meta(pod).get("labels") or {} for pod in pods]
    codes = {each.get(_REVISION_LABEL) for each in labels if each.get("pod-template-generation") == generation}
    if generation and len(codes) == 1 and (code := codes.pop()):
        return str(code), "the labels of its pods"
    every = {each.get(_REVISION_LABEL) for each in labels}
    updated = int(status.get("updatedNumberScheduled") or 0)
    if len(every) == 1 and updated >= len(pods) > 0 and (code := every.pop()):
        return str(code), "its status and the labels of its pods"
    return "", ""


def _revision(owner: Object, uid: str, code: str, words: str) -> Object:
    template = (owner.document.get("spec") or {}).get("template") or {}
    name = code if owner.kind == "StatefulSet" else f"{owner.name}-{code}"
    labels = {**((template.get("metadata") or {}).get("labels") or {}), _REVISION_LABEL: code}
    reference = {"apiVersion": "apps/v1", "kind": owner.kind, "name": owner.name, "uid": uid, "controller": True}
    return _admitted(
        {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": {
                "name": name,
                "namespace": owner.namespace,
                "uid": f"stand-in-{uid}",
                "labels": labels,
                "annotations": {STAND_IN: words},
                "ownerReferences": [{**reference, "blockOwnerDeletion": True}],
            },
            "data": {"spec": {"template": template}},
            "revision": 1,
        },
        owner,
    )
