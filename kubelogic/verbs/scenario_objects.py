"""Whether the objects that steps of scenarios name can be there, and whether anybody reads what they say."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubelogic.cluster import Cluster
from kubelogic.cluster.edit import metadata
from kubelogic.facts.autoscalers import WHOLE
from kubelogic.facts.selectors import matches
from kubelogic.reconcile.choices import ZONE, ForEach, NodeChoice, PodChoice
from kubelogic.reconcile.expectations import Expectation
from kubelogic.reconcile.kubectl_steps import Autoscale, Restart, RunCronJob, SetResources
from kubelogic.reconcile.scenario import (
    Apply,
    Delete,
    Evict,
    Measure,
    Operation,
    Patch,
    Pause,
    Scale,
    SetImage,
    Taint,
    TellPod,
    Undo,
)
from kubelogic.reconcile.world_steps import Fill, MeasureObject
from kubelogic.text.location import Path as FieldPath
from kubelogic.verbs.scenario_fields import WrongFieldError

_MADE = frozenset(
    {
        "ControllerRevision",
        "Endpoints",
        "EndpointSlice",
        "Event",
        "Job",
        "Lease",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "ReplicaSet",
        "ResourceClaim",
        "ServiceAccount",
        "ConfigMap",
    }
)
"""Kinds of which controllers make objects: a step may be about one that is not there yet."""

_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicaSet", "ReplicationController")
"""Kinds that people take for one another: a step that names no kind means a Deployment."""

_LABELS = 6
"""So many labels of nodes are named."""


def check_objects(cluster: Cluster, operations: Sequence[Operation], operation: Operation, path: FieldPath) -> None:
    """Refuse a step about an object that is neither in the cluster nor applied by the scenario.

    Args:
        cluster: where the scenario begins.
        operations: all steps of the scenario that can be read.
        operation: the step.
        path: its place in the file.

    Raises:
        WrongFieldError: if there is no such object, or if no autoscaler reads a metric.
    """
    there = _There(cluster=cluster, operations=operations)
    match operation:
        case ForEach(choice=NodeChoice() as choice):
            there.nodes(choice, path)
        case ForEach(choice=PodChoice() as choice):
            there.pods(choice, path)
        case Pause(key=key):
            there.exists("Deployment", key, (*path, "name"))
        case RunCronJob(key=key):
            there.exists("CronJob", key, (*path, "name"))
        case (
            Undo(kind=kind, key=key)
            | Scale(kind=kind, key=key)
            | SetImage(kind=kind, key=key)
            | SetResources(kind=kind, key=key)
            | Restart(kind=kind, key=key)
            | Autoscale(kind=kind, key=key)
        ):
            there.exists(kind, key, (*path, "name"))
        case Patch(kind=kind, key=key) | Delete(kind=kind, key=key):
            there.may_exist(kind, key, (*path, "name"))
        case Evict(key=key) | TellPod(key=key):
            there.may_exist("Pod", key, (*path, "name"))
        case Expectation(kind=kind, key=key, measure=measure) if kind and measure != "exists":
            there.may_exist(kind, key, (*path, "name"))
        case Measure(kind=kind, key=key):
            there.exists(kind, key, (*path, "name"))
            there.is_read(operation, path)
        case Fill(kind=kind, key=key):
            there.exists(kind, key, (*path, "name"))
            there.has_scratch(operation, path)
        case MeasureObject():
            there.is_measured(operation, path)
        case _ if hasattr(operation, "node"):
            of_node = isinstance(operation, Taint)
            there.exists("Node", operation.node, (*path, "node") if of_node else path)


class _There:
    """What there is, and what the steps of a scenario make."""

    def __init__(self, *, cluster: Cluster, operations: Sequence[Operation]) -> None:
        self.cluster = cluster
        self.operations = operations

    def made(self) -> Iterator[tuple[str, str, Mapping[str, object]]]:
        """What steps make: kind, key, document."""
        for each in self.operations:
            if isinstance(each, Apply):
                for obj in each.objects:
                    yield obj.kind, obj.key, obj.document
            elif isinstance(each, RunCronJob):
                yield "Job", f"{each.key.partition('/')[0]}/{each.name}", {}
            elif isinstance(each, Autoscale):
                yield (
                    "HorizontalPodAutoscaler",
                    f"{each.key.partition('/')[0]}/{each.name or each.key.partition('/')[2]}",
                    {},
                )

    def names(self, kind: str) -> set[str]:
        """The keys of the objects of a kind."""
        return {*self.cluster.objects(kind), *(key for made, key, _ in self.made() if made == kind)}

    def exists(self, kind: str, key: str, path: FieldPath) -> None:
        """Refuse an object that is not there and that nobody makes."""
        known = self.names(kind)
        if key in known or (kind == "ReplicaSet" and self.cluster.objects("Deployment")):
            return
        self._lacks(kind, key, path, known)

    def may_exist(self, kind: str, key: str, path: FieldPath) -> None:
        """Refuse an object that no controller can make, either."""
        if kind == "Pod":
            self._pod(key, path)
        elif kind not in _MADE:
            self.exists(kind, key, path)

    def _pod(self, key: str, path: FieldPath) -> None:
        known = self.names("Pod")
        owners = {name for kind in _MAKERS for name in self.names(kind)}
        if key in known or any(key.startswith(f"{owner}-") for owner in owners):
            return
        space, _, name = key.partition("/")
        like = difflib.get_close_matches(name, sorted(each.partition("/")[2] for each in owners), n=1)
        if like and f"{space}/{like[0]}" in owners:
            message = f"there is no Pod {key}; a pod of {like[0]} without its name is {{of: {like[0]}}}"
            raise WrongFieldError(path, message, code="KL128")
        self._lacks("Pod", key, path, known)

    def _lacks(self, kind: str, key: str, path: FieldPath, known: set[str]) -> None:
        names = {each.rpartition("/")[2]: each for each in sorted(known, reverse=True)}
        if kind == "Node":
            names |= {each.partition(".")[0]: each for each in sorted(known, reverse=True)}
        near = [names[each] for each in difflib.get_close_matches(key.rpartition("/")[2], sorted(names), n=1)]
        what = f"there is no {kind} {key.removeprefix('default/')}"
        others = [each for each in _WORKLOADS if kind in _WORKLOADS and key in self.names(each)]
        if others:
            what += f"; there is a {others[0]} of this name"
        elif near:
            what += f"; did you mean {near[0]}?"
        raise WrongFieldError(path, what, code="KL128")

    def nodes(self, choice: NodeChoice, path: FieldPath) -> None:
        """Refuse nodes of which one, or every one, is not there."""
        for name in choice.names:
            self.exists("Node", name, path)
        if choice.names:
            return
        labels = [metadata(node).get("labels") or {} for node in self.cluster.objects("Node").values()]
        for kind, _, document in self.made():
            if kind == "Node":
                about = document.get("metadata")
                labels.append((about.get("labels") or {}) if isinstance(about, dict) else {})
        if any(matches(choice.wanted, each) for each in labels) or self._relabels():
            return
        keys = [key for key, _, _ in choice.wanted]
        there = sorted({f"{key}={each[key]}" for each in labels for key in keys if key in each})
        known = ", ".join(each.replace(f"{ZONE}=", "zone=") for each in there[:_LABELS]) or "none with that label"
        raise WrongFieldError(path, f"there are no {choice}; there are {known}", code="KL128")

    def _relabels(self) -> bool:
        return any(isinstance(each, Patch) and each.kind == "Node" for each in self.operations)

    def pods(self, choice: PodChoice, path: FieldPath) -> None:
        """Refuse pods of a workload that is not there."""
        if choice.kind:
            self.exists(choice.kind, choice.key, (*path, "of"))
        if choice.node:
            self.exists("Node", choice.node, (*path, "node"))

    def is_read(self, operation: Measure, path: FieldPath) -> None:
        """Refuse a metric of a workload that no autoscaler reads."""
        kind, key, metric = operation.kind, operation.key, operation.metric
        if metric in WHOLE:  # kubelets read it, too
            return
        if self._rewrites() or any(
            isinstance(e, Autoscale) and (e.kind, e.key) == (kind, key) for e in self.operations
        ):
            return
        names: set[str] = set()
        for namespace, spec in self._autoscalers():
            target = spec.get("scaleTargetRef") or {}
            if (target.get("kind"), f"{namespace}/{target.get('name')}") == (kind, key):
                names.update(
                    name for part, name, _ in _metrics(spec) if part in ("resource", "containerResource", "pods")
                )
        if metric not in names:
            there = f"; those of {kind} {key} read {', '.join(sorted(names))}" if names else ""
            raise WrongFieldError(
                (*path, "resource"), f"no autoscaler reads {metric} of {kind} {key}{there}", code="KL128"
            )

    def has_scratch(self, operation: Fill, path: FieldPath) -> None:
        """Refuse a volume that is no emptyDir of the workload."""
        kind, key = operation.kind, operation.key
        found = self.cluster.get(kind, key)
        documents = [] if found is None else [found.document]
        documents += [document for made, name, document in self.made() if (made, name) == (kind, key)]
        if not documents or any(
            isinstance(each, Patch) and (each.kind, each.key) == (kind, key) for each in self.operations
        ):
            return
        names = {name for document in documents for name in _scratch(document)}
        if operation.volume not in names:
            there = f"; there are {', '.join(sorted(names))}" if names else ""
            what = f"{kind} {key} has no emptyDir {operation.volume}{there}"
            raise WrongFieldError((*path, "volume"), what, code="KL128")

    def is_measured(self, operation: MeasureObject, path: FieldPath) -> None:
        """Refuse a metric of an object, or from outside, that no autoscaler reads."""
        part = "object" if operation.kind else "external"
        if self._rewrites():
            return
        names: set[str] = set()
        for namespace, spec in self._autoscalers():
            for kind, name, described in _metrics(spec):
                of = f"{namespace}/{described.get('name')}" if operation.kind else namespace
                if kind == part and of == operation.key and described.get("kind", "") == operation.kind:
                    names.add(name)
        if operation.metric in names:
            return
        where = f"of {operation.kind} {operation.key}" if operation.kind else f"in {operation.key} from outside"
        there = f"; they read {', '.join(sorted(names))}" if names else ""
        field = "resource" if operation.kind else "external"
        raise WrongFieldError((*path, field), f"no autoscaler reads {operation.metric} {where}{there}", code="KL128")

    def _rewrites(self) -> bool:
        return any(isinstance(each, Patch) and each.kind == "HorizontalPodAutoscaler" for each in self.operations)

    def _autoscalers(self) -> Iterator[tuple[str, Mapping[str, Mapping[str, str]]]]:
        documents = [obj.document for obj in self.cluster.objects("HorizontalPodAutoscaler").values()]
        documents += [document for made, _, document in self.made() if made == "HorizontalPodAutoscaler" and document]
        for document in documents:
            yield (document.get("metadata") or {}).get("namespace") or "default", document.get("spec") or {}


_MAKERS = ("Deployment", "ReplicaSet", "ReplicationController", "StatefulSet", "DaemonSet", "Job", "CronJob")


def _metrics(spec: Mapping[str, object]) -> Iterator[tuple[str, str, Mapping[str, str]]]:
    """The metrics of an autoscaler: where they come from, their name, the object that they describe."""
    read = spec.get("metrics") or [{"resource": {"name": "cpu"}}]
    assert isinstance(read, list)
    for each in read:
        for part in ("resource", "containerResource", "pods", "object", "external"):
            inner = each.get(part)
            if inner:
                name = inner.get("name") or (inner.get("metric") or {}).get("name") or ""
                yield part, str(name), inner.get("describedObject") or {}


def _scratch(document: Mapping[str, Any]) -> Iterator[str]:
    """The emptyDir volumes of a workload's pods, by name."""
    spec = document.get("spec") or {}
    spec = (spec.get("jobTemplate") or {}).get("spec") or spec
    for volume in ((spec.get("template") or {}).get("spec") or spec).get("volumes") or ():
        if "emptyDir" in volume:
            yield str(volume.get("name"))
