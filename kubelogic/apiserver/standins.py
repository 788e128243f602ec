"""Stand-ins for objects that a dump refers to and does not have, made from what it has.

A pod that a ReplicaSet made is made anew when it is evicted, whether the ReplicaSet was printed or not; the pods of a
DaemonSet are up to date if their labels and its status say so, whether its ControllerRevisions were printed or not.
Every stand-in has an annotation that says what it was made from; notices are written from it (``verbs.missing``).

Source: pkg/controller/replicaset/replica_set.go (manageReplicas); pkg/controller/daemon/util/daemonset_util.go
(IsPodUpdated); pkg/controller/statefulset/stateful_set_utils.go (getPodRevision) of Kubernetes 1.36.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.apiserver.unprinted import unprinted_pods
from kubelogic.apiserver.unprinted_volumes import unprinted_volumes
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import metadata
from kubelogic.cluster.naming import HASH_LABEL, REVISION
from kubelogic.cluster.objects import as_object
from kubelogic.cluster.owners import Owned, by_controller, with_owners
from kubelogic.cluster.pods import controller_reference, is_active
from kubelogic.facts.parameters import parameters_of
from kubelogic.facts.rulebook import builtin_rulebook
from kubelogic.kinds.evidence import STAND_IN, UNPRINTED, is_stored
from kubelogic.kinds.validation import admit
from kubelogic.text.numbers import whole

_GENERATION = "deprecated.daemonset.template.generation"
_REVISION_LABEL = "controller-revision-hash"
_OWNERS = frozenset({"ReplicaSet", "ReplicationController"})
_GIVEN_TOLERATIONS = frozenset({"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"})
_ADDED = ("nodeName", "priority", "overhead", "hostname", "ephemeralContainers", "resourceClaimStatuses")
"""Fields of a pod that its template need not have: admission or the scheduler wrote them."""

Document = Mapping[str, Any]
Identity = tuple[str, str, str, str]
"""Kind, namespace, name and uid of a controller of pods."""


def stand_ins(there: Cluster, printed: Collection[str] = ()) -> list[Object]:
    """Stand-ins for owners, revisions, pods, claims and volumes that a dump does not have.

    Args:
        there: what was read.
        printed: kinds of which all that there is was read.
    """
    pods = [each for each in with_owners(there) if each[1][0].kind == "Pod"]
    members = _members(there, pods)
    made = [*_owners(there, members), *_unprinted_sets(there, members), *_revisions(there, pods)]
    unprinted = [_defaulted(each) for each in unprinted_pods(there.replacing(made), pods)]
    return [*made, *unprinted, *unprinted_volumes(there.replacing(unprinted), printed)]


def _defaulted(pod: Object) -> Object:
    """A pod with the defaults of its kind, found where its controller was written."""
    return _admitted(pod.document, pod)


def _unprinted_sets(there: Cluster, sets: Mapping[Identity, Sequence[Object]]) -> Iterator[Object]:
    """The ReplicaSets of Deployments that have pods by their status, where neither the sets nor their pods are here."""
    owned = {
        str(owner.get("uid"))
        for each in there.objects("ReplicaSet").values()
        if (owner := controller_reference(each)) is not None
    }
    deployments = there.objects("Deployment").values()
    above = [each for each in deployments if (uid := metadata(each).get("uid")) and uid not in owned]
    for each in above:
        status = each.document.get("status") or {}
        number, updated = _whole(status.get("replicas")), _whole(status.get("updatedReplicas"))
        shown = {key: pods for key, pods in sets.items() if _is_of(each, key[1], key[2], _common(pods))}
        present = _present(each, shown)
        old = max(0, number - max(updated, len(shown[present]) if present else 0))
        ready = _whole(status.get("readyReplicas"))  # old pods are taken to be the ready ones, as in ``_shares``
        if present is None and updated:
            yield _unprinted_set(each, min(number, updated), ready - old)
        if old and not shown.keys() - {present}:
            yield _unprinted_set(each, old, ready, is_old=True)


def _unprinted_set(deployment: Object, number: int, ready: int, *, is_old: bool = False) -> Object:
    """A ReplicaSet of the present template, or of one that is not known, as the status of its Deployment has it."""
    template = dict((deployment.document.get("spec") or {}).get("template") or {})
    about = dict(template.get("metadata") or {})
    ending = UNPRINTED[is_old]
    labels = {**(about.get("labels") or {}), HASH_LABEL: ending[1:]}
    revision = str((metadata(deployment).get("annotations") or {}).get(REVISION) or "1")
    if is_old:  # of its template is known only that it is another one
        revision = str((whole(revision) or 1) - 1)
        about["annotations"] = {**(about.get("annotations") or {}), STAND_IN: "a template that was not printed"}
    name, uid = f"{deployment.name}{ending}", str(metadata(deployment)["uid"])
    return _admitted(
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": name,
                "namespace": deployment.namespace,
                "uid": f"stand-in-{uid}{'-old' if is_old else ''}",
                "labels": labels,
                "annotations": {STAND_IN: f"the status of Deployment {deployment.key}", REVISION: revision},
                "ownerReferences": [_reference(deployment)],
            },
            "spec": {
                "replicas": number,
                "selector": {"matchLabels": labels},
                "template": {**template, "metadata": {**about, "labels": labels}},
            },
            "status": {"replicas": number, "readyReplicas": max(0, min(number, ready))},
        },
        deployment,
    )


def _reference(deployment: Object) -> Document:
    """A reference to a Deployment as the controller of a ReplicaSet."""
    return {
        "apiVersion": deployment.api_version,
        "kind": deployment.kind,
        "name": deployment.name,
        "uid": metadata(deployment).get("uid") or f"{deployment.kind}:{deployment.key}",
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _present(deployment: Object, sets: Mapping[Identity, Sequence[Object]]) -> Identity | None:
    """Which of a Deployment's sets has its present template: of those whose pods may be made from it, the newest."""
    template = (deployment.document.get("spec") or {}).get("template") or {}
    known = [key for key, pods in sets.items() if _made_from(pods[0], template) or _all_updated(deployment, pods)]
    return max(
        known,
        key=lambda key: (max(str(metadata(pod).get("creationTimestamp") or "") for pod in sets[key]), key),
        default=None,
    )


def _shares(deployment: Object, sets: Mapping[Identity, Sequence[Object]]) -> dict[Identity, tuple[int, int]]:
    """How many pods each of a Deployment's sets has, and how many are ready: some may not have been printed.

    What the status counts beyond the pods that are here belongs to the present set as far as it has new pods, and to
    the largest of the others. Old pods are taken to be the ready ones, as a rollout leaves them.
    """
    status = deployment.document.get("status") or {}
    total, ready = _whole(status.get("replicas")), _whole(status.get("readyReplicas"))
    counts = {key: len(pods) for key, pods in sets.items()}
    present = _present(deployment, sets)
    updated = _whole(status.get("updatedReplicas"))
    if present is not None:
        counts[present] = max(counts[present], min(updated, total))
    old = sorted((key for key in sets if key != present), key=lambda key: (-counts[key], key))
    if old:
        counts[old[0]] += max(0, total - sum(counts.values()) - (updated if present is None else 0))
    found = {}
    for key in (*old, *([] if present is None else [present])):
        found[key] = counts[key], min(counts[key], ready)
        ready -= found[key][1]
    return found


def _members(there: Cluster, owned: Iterable[Owned]) -> dict[Identity, list[Object]]:
    """The pods of each ReplicaSet and ReplicationController that is not there."""
    pods: dict[Identity, list[Object]] = defaultdict(list)
    for _, mine in owned:
        identity = _controller(mine[0], there)
        if identity is not None:
            pods[identity] += (each for each in mine if is_stored(each.document) and is_active(each))
    uids = {str(metadata(each).get("uid") or "") for each in there.everything()} if pods else ()
    return {identity: those for identity, those in pods.items() if those and identity[3] not in uids}


def _controller(pod: Object, there: Cluster) -> Identity | None:
    """The ReplicaSet or ReplicationController of a pod, if none of its name is there."""
    owner = controller_reference(pod)
    if owner is None or owner.get("kind") not in _OWNERS or not owner.get("uid"):
        return None
    kind, name = str(owner["kind"]), str(owner.get("name") or "")
    found = there.get(kind, f"{pod.namespace}/{name}")
    return (kind, pod.namespace, name, str(owner["uid"])) if found is None else None


def _owners(there: Cluster, members: Mapping[Identity, Sequence[Object]]) -> Iterator[Object]:
    """A ReplicaSet or ReplicationController for the pods of each one that is not there."""
    sets = {key: pods for key, pods in sorted(members.items()) if key[2] and _common(pods)}
    deployments = there.objects("Deployment").values()
    above = {
        key: next((each for each in deployments if _is_of(each, key[1], key[2], _common(pods))), None)
        for key, pods in sets.items()
    }
    for key, pods in sets.items():
        deployment = above[key]
        if deployment is None:
            yield _owner(key, pods)
        else:
            siblings = {other: sets[other] for other in sets if above[other] is deployment}
            share = _shares(deployment, siblings)[key]
            yield _owner(key, pods, deployment, is_present=_present(deployment, siblings) == key, share=share)


def _common(pods: Sequence[Object]) -> dict[str, str]:
    """The labels that all pods have."""
    first, *rest = (dict(metadata(pod).get("labels") or {}) for pod in pods)
    return {key: value for key, value in first.items() if all(each.get(key) == value for each in rest)}


def _owner(
    identity: Identity,
    members: Sequence[Object],
    above: Object | None = None,
    *,
    is_present: bool = False,
    share: tuple[int, int] | None = None,
) -> Object:
    """The controller of some pods; below a Deployment it has as many as the status of that says, ``share``."""
    kind, namespace, name, uid = identity
    labels = _common(members)
    template = _template(members[0], labels)
    words = f"{len(members)} pod{'s' if len(members) > 1 else ''} that it controls"
    number = len(members) if share is None else share[0]
    if above is not None and number > len(members):
        words += f" and the status of Deployment {above.key}"
    about: dict[str, Any] = {"name": name, "namespace": namespace, "uid": uid, "labels": dict(labels)}
    about["annotations"] = {STAND_IN: words}
    if above is not None:
        if is_present:
            present = (above.document.get("spec") or {}).get("template") or {}
            template = {**present, "metadata": {**(present.get("metadata") or {}), "labels": dict(labels)}}
        about["annotations"][REVISION] = str((metadata(above).get("annotations") or {}).get(REVISION) or "1")
        about["ownerReferences"] = [_reference(above)]
    selector: Any = {"matchLabels": dict(labels)} if kind == "ReplicaSet" else dict(labels)
    status = {"replicas": number} if share is None else {"replicas": number, "readyReplicas": share[1]}
    return _admitted(
        {
            "apiVersion": "apps/v1" if kind == "ReplicaSet" else "v1",
            "kind": kind,
            "metadata": about,
            "spec": {"replicas": number, "selector": selector, "template": template},
            "status": status,
        },
        members[0],
    )


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


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
    seen = status.get("observedGeneration") == (metadata(deployment).get("generation") or 1)
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


def _revisions(there: Cluster, owned: Iterable[Owned]) -> Iterator[Object]:
    """The present revision of each DaemonSet and StatefulSet whose revisions are not there."""
    sets = (each for kind in ("DaemonSet", "StatefulSet") for each in there.objects(kind).values())
    owners = [each for each in sets if is_stored(each.document)]
    if not owners:
        return
    known = {
        (str(owner.get("kind")), each.namespace, str(owner.get("name")))
        for each in there.objects("ControllerRevision").values()
        if (owner := controller_reference(each)) is not None
    }
    pods = by_controller(owned)
    for owner_object in owners:
        uid = str(metadata(owner_object).get("uid") or "")
        if not uid or (owner_object.kind, owner_object.namespace, owner_object.name) in known:
            continue
        code, words = _present_code(owner_object, pods.get(uid, ()))
        if code:
            yield _revision(owner_object, uid, code, words)


def _present_code(owner: Object, pods: Sequence[Object]) -> tuple[str, str]:
    """The label of pods that are up to date, and what tells it; empty if nothing does."""
    status: Document = owner.document.get("status") or {}
    if owner.kind == "StatefulSet":
        return str(status.get("updateRevision") or status.get("currentRevision") or ""), "its status"
    generation = (metadata(owner).get("annotations") or {}).get(_GENERATION)
    labels = [metadata(pod).get("labels") or {} for pod in pods]
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
