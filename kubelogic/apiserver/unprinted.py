"""Stand-ins for pods that a dump does not have although the status of their controller counts them.

``kubectl get pods --field-selector status.phase=Running``, a label selector, or no pods at all: the controller would
make the others anew if they were taken for absent. They hold their place, on a node of which nothing is known.

Source: status of pkg/controller/replicaset (calculateStatus), statefulset (updateStatefulSet), daemon
(updateDaemonSetStatus) and job (syncJob) of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count, islice
from typing import Any

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import metadata
from kubelogic.cluster.owners import Owned, by_controller
from kubelogic.cluster.pods import is_active, is_ready, node_of
from kubelogic.facts.node_labels import kept_labels
from kubelogic.facts.selectors import matches
from kubelogic.kinds.evidence import STAND_IN, UNKNOWN_NODE, is_stored
from kubelogic.text.numbers import whole

MOST = 1_000
"""Stand-ins for one controller, at most."""

_COUNTED: Mapping[str, tuple[str, str]] = {
    "DaemonSet": ("currentNumberScheduled", "numberReady"),
    "Job": ("active", "ready"),
    "ReplicaSet": ("replicas", "readyReplicas"),
    "ReplicationController": ("replicas", "readyReplicas"),
    "StatefulSet": ("replicas", "readyReplicas"),
}
"""By kind of controller, where its status says how many pods there are, and how many are ready."""

_INDEX = "batch.kubernetes.io/job-completion-index"

_NOT_READY: Mapping[str, Any] = {"ready": False, "restartCount": 0, "state": {"waiting": {"reason": "NotInTheInput"}}}
"""What is known of a container of a pod that is not ready."""

Document = Mapping[str, Any]


def unprinted_pods(there: Cluster, owned: Sequence[Owned]) -> Iterator[Object]:
    """One pod for each that a controller counts and that is not there, as documents without defaults.

    Args:
        there: what was read.
        owned: the pods among it, by what they say of their owners.
    """
    counting = (each for kind in _COUNTED for each in there.objects(kind).values())
    owners = [each for each in counting if metadata(each).get("uid") and is_stored(each.document)]
    if not owners:
        return
    pods = by_controller(owned)
    nodes = list(there.objects("Node").values())
    taken = {each.key for _, mine in owned for each in mine}
    for owner in owners:
        here = pods.get(str(metadata(owner)["uid"]), ())
        status = owner.document.get("status") or {}
        counted, ready = (_number(status.get(name)) for name in _COUNTED[owner.kind])
        missing = counted - len(here)  # those that ended a moment ago may still be counted
        if missing > 0 and owner.document.get("spec"):
            lacking_ready = max(0, ready - sum(is_ready(each) for each in here))
            yield from _made(owner, here, nodes, taken, (min(missing, MOST), lacking_ready, counted))


def _made(
    owner: Object,
    here: Sequence[Object],
    nodes: Sequence[Object],
    taken: set[str],
    numbers: tuple[int, int, int],
) -> Iterator[Object]:
    missing, lacking_ready, counted = numbers
    noun = "1 pod" if counted == 1 else f"{counted} pods"
    reason = f"the status of {owner.kind} {owner.key}, which counts {noun}"
    places = islice(_places(owner, here, nodes), missing)
    for number, (name, node, extra) in enumerate(places):
        if f"{owner.namespace}/{name}" not in taken:
            yield _pod(owner, name, node, extra, reason=reason, is_ready=number < lacking_ready)


def _places(owner: Object, here: Sequence[Object], nodes: Sequence[Object]) -> Iterator[tuple[str, str, Document]]:
    """Names of pods that are not there, where they are, and labels and annotations of their own."""
    spec = owner.document["spec"]
    names = {each.name for each in here}
    match owner.kind:
        case "StatefulSet":
            first = _number((spec.get("ordinals") or {}).get("start"))
            wanted = spec.get("replicas")
            for ordinal in range(first, first + (1 if wanted is None else _number(wanted))):
                name = f"{owner.name}-{ordinal}"
                if name not in names:
                    own = {"apps.kubernetes.io/pod-index": str(ordinal), "statefulset.kubernetes.io/pod-name": name}
                    yield name, UNKNOWN_NODE, {"labels": {**own, **_revision_label(owner, here)}}
        case "DaemonSet":
            hosts = {node_of(each) for each in here}
            free = [each for each in nodes if each.name not in hosts and _may_run_on(spec, each)]
            for number, node in enumerate(free):
                generation = (metadata(owner).get("annotations") or {}).get("deprecated.daemonset.template.generation")
                labels = {**_revision_label(owner, here), "pod-template-generation": str(generation or 1)}
                yield f"{owner.name}-unprinted-{number + 1}", node.name, {"labels": labels}
        case "Job" if spec.get("completionMode") == "Indexed":
            done = _indexes(str((owner.document.get("status") or {}).get("completedIndexes") or ""))
            done |= {_number((metadata(each).get("annotations") or {}).get(_INDEX)) for each in here if is_active(each)}
            for number in range(_number(spec.get("completions"))):
                if number not in done:
                    extra = {"annotations": {_INDEX: str(number)}, "labels": {_INDEX: str(number)}}
                    yield f"{owner.name}-{number}-unprinted", UNKNOWN_NODE, extra
        case _:
            for number in count(1):
                yield f"{owner.name}-unprinted-{number}", UNKNOWN_NODE, {}


def _pod(owner: Object, name: str, node: str, extra: Document, *, reason: str, is_ready: bool) -> Object:
    template = owner.document["spec"].get("template") or {}
    about = template.get("metadata") or {}
    reference = {"apiVersion": owner.api_version, "kind": owner.kind, "name": owner.name, "controller": True}
    conditions = [{"type": kind, "status": "True" if is_ready else "False"} for kind in ("Ready", "ContainersReady")]
    status: dict[str, Any] = {"phase": "Running", "conditions": conditions}
    if not is_ready:  # why is not known, so nothing says when it will be
        names = [each.get("name") for each in (template.get("spec") or {}).get("containers") or ()]
        status["containerStatuses"] = [{"name": name, **_NOT_READY} for name in names]
    document = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": owner.namespace,
            "uid": f"unprinted-{owner.namespace}-{name}",
            "labels": {**(about.get("labels") or {}), **extra.get("labels", {})},
            "annotations": {**(about.get("annotations") or {}), **extra.get("annotations", {}), STAND_IN: reason},
            "ownerReferences": [{**reference, "uid": str(metadata(owner)["uid"]), "blockOwnerDeletion": True}],
        },
        "spec": {**(template.get("spec") or {}), "nodeName": node},
        "status": status,
    }
    return Object(
        api_version="v1", kind="Pod", namespace=owner.namespace, name=name, document=document, origin=owner.origin
    )


def _number(value: Any) -> int:
    return int(value) if isinstance(value, int) else whole(value) or 0


def _revision_label(owner: Object, here: Sequence[Object]) -> dict[str, str]:
    """The label of the revision that most likely is theirs: that of the status, or of the pods that are there."""
    key = "controller-revision-hash"
    status = owner.document.get("status") or {}
    told = status.get("updateRevision") or status.get("currentRevision")
    seen = sorted({str(value) for each in here if (value := (metadata(each).get("labels") or {}).get(key))})
    code = told or (seen[-1] if seen else "unprinted" if owner.kind == "DaemonSet" else "")
    return {key: str(code)} if code else {}


def _may_run_on(spec: Document, node: Object) -> bool:
    """Whether a DaemonSet has a pod on a node, as far as its selector and the node's taints tell.

    Source: pkg/controller/daemon/util/daemonset_util.go AddOrUpdateDaemonPodTolerations.
    """
    pod = (spec.get("template") or {}).get("spec") or {}
    labels = kept_labels(metadata(node).get("labels") or {})
    if any(labels.get(key) != value for key, value in (pod.get("nodeSelector") or {}).items()):
        return False
    affinity = (pod.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is not None and not any(
        _meets(term, labels, node.name) for term in required.get("nodeSelectorTerms") or ()
    ):
        return False
    taints = (node.document.get("spec") or {}).get("taints") or ()
    hard = [each for each in taints if each.get("effect") in ("NoSchedule", "NoExecute")]
    return all(_is_own(each) or any(_tolerates(t, each) for t in pod.get("tolerations") or ()) for each in hard)


def _meets(term: Document, labels: Document, name: str) -> bool:
    """Whether a node meets a term of a node affinity, as far as its operators compare no numbers."""
    fields = [(each.get("operator", ""), tuple(each.get("values") or ())) for each in term.get("matchFields") or ()]
    if any((name in values) != (operator == "In") for operator, values in fields):
        return False
    rows = [each for each in term.get("matchExpressions") or () if each.get("operator") not in ("Gt", "Lt")]
    return matches([(str(r.get("key")), str(r.get("operator")), tuple(r.get("values") or ())) for r in rows], labels)


def _is_own(taint: Document) -> bool:
    """Whether every DaemonSet tolerates a taint."""
    return str(taint.get("key")).startswith("node.kubernetes.io/")


def _tolerates(toleration: Document, taint: Document) -> bool:
    if toleration.get("effect") not in (None, "", taint.get("effect")):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, "", taint.get("key"))
    same = toleration.get("key") == taint.get("key")
    return same and (toleration.get("value") or "") == (taint.get("value") or "")


def _indexes(text: str) -> set[int]:
    """The numbers of a list such as ``0,2-4``; none of a text that is no such list."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        low, high = whole(first), whole(last or first)
        if low is not None and high is not None:
            found.update(range(low, min(high, low + MOST * 10) + 1))
    return found
