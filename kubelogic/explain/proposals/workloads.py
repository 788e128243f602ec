"""Proposals about workloads: how many pods there are, and in which order old ones go and new ones come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.owners import owner_objects
from kubelogic.cluster.pods import controller_reference, node_of
from kubelogic.explain.proposals.case import Candidate, Case, Document, Edit, Operation, Patch, by_app, pinned_to
from kubelogic.explain.proposals.patches import dig, put, setting
from kubelogic.explain.units import some
from kubelogic.kinds.operated import OPERATED

HOSTNAME = "kubernetes.io/hostname"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
NODE_TERMS = ("spec", "affinity", "nodeAffinity", REQUIRED)

_NAMED = 10
"""Nodes that a sentence names; the patch has them all."""

_SCALED = frozenset({"Deployment", "ReplicaSet", "ReplicationController", "StatefulSet"})


def editable(cluster: Cluster, pod: Object) -> Object:
    """What a person edits to change a pod: its topmost controller that is there; the pod itself if none is."""
    *_, top = owner_objects(cluster, pod)
    return top


def is_of_nobody_here(top: Object) -> bool:
    """Whether an object is made by a controller that is not among the objects, or that does not run here: to edit it
    would be undone, or come to nothing.
    """
    return top.kind in OPERATED or controller_reference(top) is not None


def template_path(obj: Object) -> tuple[str, ...]:
    """Where an object has the template of its pods; nowhere for a pod itself."""
    if obj.kind == "CronJob":
        return ("spec", "jobTemplate", "spec", "template")
    return ("spec", "template") if "template" in (obj.document.get("spec") or {}) else ()


def fewer_replicas(case: Case) -> Iterator[Candidate]:
    """As many pods as find a node."""
    top, waiting = case.workload, len(case.waiting)
    spec = top.document.get("spec") or {}
    if top.kind in _SCALED:
        wanted = int(spec.get("replicas", 1))
        # Of a rollout, old and new pods are there at once: those beyond the wanted number need no room of their own, if
        # old ones go in time; else what runs of either kind is what there is room for.
        surplus = max(0, len(case.pods) - wanted)
        amounts = (wanted - max(1, waiting - surplus), min(wanted - 1, wanted - waiting if wanted > waiting else 1))
        for cost, less in enumerate(dict.fromkeys(each for each in amounts if each >= 1), start=5):
            what = f"{less} {'replica' if less == 1 else 'replicas'}"
            if (scaler := _autoscaler(case)) is not None:
                change, fields = _bounded(scaler, less)
                yield by_app("replicas", cost, f"{what} at most ({fields} of {scaler})", changes=(change,))
            else:
                yield by_app("replicas", cost, f"{what} instead of {wanted}", alters=put(("spec", "replicas"), less))
    elif top.kind == "Job":
        wanted = int(spec.get("parallelism", 1))
        less = wanted - waiting
        if less >= 1 and spec.get("completionMode") != "Indexed":
            what = f"{less} {'pod' if less == 1 else 'pods'} at a time instead of {wanted} (parallelism)"
            yield by_app("replicas", 5, what, alters=put(("spec", "parallelism"), less))


def _autoscaler(case: Case) -> Object | None:
    """What sets the number of replicas of the workload, if that is an autoscaler."""
    for _, scaler in sorted(case.cluster.objects("HorizontalPodAutoscaler").items()):
        target: Any = dig(scaler.document, ("spec", "scaleTargetRef")) or {}
        named = target.get("kind"), f"{scaler.namespace}/{target.get('name')}"
        if named == (case.workload.kind, case.workload.key):
            return scaler
    return None


def _bounded(scaler: Object, most: int) -> tuple[Patch, str]:
    """Let an autoscaler have so many replicas at most: as a change, and the fields that it sets.

    Source: pkg/controller/podautoscaler/horizontal.go, reconcileAutoscaler, of Kubernetes 1.36: more than maxReplicas
    are taken away whatever the metrics say.
    """
    spec = scaler.document["spec"]
    fields = ["maxReplicas", *(["minReplicas"] if int(spec.get("minReplicas") or 1) > most else [])]
    operations = tuple(each for name in fields for each in put(("spec", name), most)(scaler.document))
    return Patch(target=scaler, operations=operations), " and ".join(fields)


def leave_out(case: Case) -> Iterator[Candidate]:
    """Let a DaemonSet leave out the nodes that its pods wait for, or those that something else than room bars."""
    if case.workload.kind != "DaemonSet":
        return
    waiting = {name for pod in case.waiting if (name := pinned_to(pod))}
    barred = waiting & case.barred("rejects_fit", "rejects_outside_names")
    for names in dict.fromkeys((tuple(sorted(waiting)), tuple(sorted(barred)))):
        if 0 < len(names) < len(case.pods):
            what = f"leave out {some(names, _NAMED)} (node affinity: {HOSTNAME} NotIn)"
            yield by_app("left out", 5, what, _outside(names))


def _outside(names: tuple[str, ...]) -> Edit:
    return _with_rows([{"key": HOSTNAME, "operator": "NotIn", "values": [*names]}])


def kept_to(labels: Mapping[str, str]) -> Edit:
    """Only nodes with some labels."""
    return _with_rows([{"key": key, "operator": "In", "values": [value]} for key, value in labels.items()])


def _with_rows(rows: Sequence[Document]) -> Edit:
    """Every term of the node affinity also asks for this; terms are alternatives, so each has to."""

    def edit(document: Document) -> list[Operation]:
        terms = dig(document, (*NODE_TERMS, "nodeSelectorTerms")) or [{}]
        wanted = [{**term, "matchExpressions": [*(term.get("matchExpressions") or ()), *rows]} for term in terms]
        return setting(document, (*NODE_TERMS, "nodeSelectorTerms"), wanted)

    return edit


def old_ones_first(case: Case) -> Iterator[Candidate]:
    """Let a rollout take old pods away before it makes new ones, where they are in each other's way."""
    top = case.workload
    field = "updateStrategy" if top.kind == "DaemonSet" else "strategy"
    strategy = dig(top.document, ("spec", field)) or {}
    running = [pod for pod in case.pods if node_of(pod)]
    if top.kind not in ("Deployment", "DaemonSet") or not running or strategy.get("type") in ("Recreate", "OnDelete"):
        return
    rolling = strategy.get("rollingUpdate") or {}
    usual = "25%" if top.kind == "Deployment" else 0
    if str(rolling.get("maxSurge", usual)) not in ("0", "0%"):
        careful = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
        yield by_app(
            "rollout",
            2,
            "let old pods go first (maxSurge 0, maxUnavailable 1)",
            alters=put(("spec", field), careful),
        )
    if top.kind == "DaemonSet":
        return
    what = "let all old pods go first (strategy Recreate)"
    yield by_app(
        "recreate", 4, what, alters=put(("spec", "strategy"), {"type": "Recreate"}), unless=frozenset({"rollout"})
    )
