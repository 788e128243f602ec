"""Recorded decisions of a real kube-scheduler, put through the whole pipeline: cluster, facts, rules, problem."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubelogic.cluster import Cluster
from kubelogic.cluster.objects import as_object
from kubelogic.explain.filters import goals
from kubelogic.facts import MODULES, FactBase, functions
from kubelogic.facts.parameters import with_parameters
from kubelogic.facts.rulebook import load_rulebook
from kubelogic.kinds.validation import admit
from kubelogic.logic import Evaluation
from kubelogic.logic.functions import functions_of
from kubelogic.placement.problem import Problem
from kubelogic.reconcile.problem import GOALS, Problems

Document = Mapping[str, Any]

_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_COPIED_LABELS = ("topology.kubernetes.io/region", "topology.kubernetes.io/zone")
_LEAVING = "2000-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A recorded cluster, the pods that were then created one by one, and what became of each.

    Attributes:
        name: of the case.
        area: the plugin or feature that it is about.
        objects: of the cluster before the first pod.
        pods: as they were stored, in the order of their creation.
        outcomes: one for each pod, see the README beside the cases.
        victims_remain: pods that were evicted stay, terminating, and their preemptor stays pending.
    """

    name: str
    area: str
    objects: tuple[Document, ...]
    pods: tuple[Document, ...]
    outcomes: tuple[Document, ...]
    victims_remain: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One pod of a case, when its turn came.

    Attributes:
        pod: its key.
        outcome: what the scheduler decided.
        documents: the cluster at that time, the pod included.
        problem: the placement problem that follows.
    """

    pod: str
    outcome: Document
    documents: tuple[Document, ...]
    problem: Problem

    @property
    def decided(self) -> bool:
        """Whether the scheduler looked at nodes for it: no gate, no node that it names, a profile that is for it."""
        return not self.outcome.get("bypassed_scheduler") and self.tried and not self.gated

    @property
    def gated(self) -> bool:
        """Whether scheduling gates held it back."""
        return bool(self.outcome["condition_reason"] == "SchedulingGated")

    @property
    def tried(self) -> bool:
        """Whether a scheduler said anything about it."""
        return bool(self.outcome["scheduled"] or self.outcome["condition_reason"])


def read_case(path: Path) -> Case:
    """The case in a JSON file. The objects that every cluster has are added."""
    document = json.loads(path.read_text(encoding="utf-8"))
    listed = {o["metadata"]["name"] for o in document["objects"] if o["kind"] == "Namespace"}
    implied = (name for name in _NAMESPACES if name not in listed)
    return Case(
        name=document["name"],
        area=document["area"],
        objects=(*document["objects"], *(_namespace(name) for name in implied), *_configuration(document)),
        pods=tuple({"apiVersion": "v1", "kind": "Pod", **pod} for pod in document["pods"]),
        outcomes=tuple(document["outcomes"]),
        victims_remain=document.get("victims_remain", False),
    )


def _configuration(document: Document) -> Iterator[Document]:
    """The configuration of the scheduler as it is read: checked and with defaults."""
    if given := document.get("scheduler_configuration"):
        admission = admit(given)
        assert not admission.problems
        yield admission.document


class Pipeline:
    """Facts and rules for one cluster after another: what two of them share is not derived twice."""

    def __init__(self, parameters: Mapping[str, int] | None = None) -> None:
        """Start with an empty cluster.

        Args:
            parameters: those of the control plane that are not as usual.
        """
        self._facts = FactBase(MODULES)
        book = load_rulebook()
        book = with_parameters(book, parameters) if parameters else book
        self.evaluation = Evaluation(book, functions_of(vars(functions)), [*GOALS, *goals(book), "feasible"])
        self._problems = Problems(self.evaluation)

    def problem(self, documents: Sequence[Document]) -> Problem:
        """The placement problem of the cluster that consists of these objects."""
        delta = self._facts.update(Cluster.of(as_object(document) for document in documents))
        self._problems.note(self.evaluation.update(delta.added, delta.removed))
        return self._problems.read()


def attempts(case: Case, pipeline: Pipeline) -> Iterator[Attempt]:
    """Each pod of a case with the cluster as the recording left it: earlier ones are bound, or gone again."""
    documents = {_key(document): document for document in case.objects}
    for pod, outcome in zip(case.pods, case.outcomes, strict=True):
        key = _key(pod)
        present = (*documents.values(), pod)
        yield Attempt(pod=outcome["pod"], outcome=outcome, documents=present, problem=pipeline.problem(present))
        if outcome["scheduled"] and "node" in outcome:
            node = documents.get(("Node", "", outcome["node"]), {"metadata": {}})
            documents[key] = _bound(pod, outcome["node"], node["metadata"].get("labels") or {})
        elif case.victims_remain:
            status = {**pod.get("status", {}), "nominatedNodeName": outcome["nominated_node"]}
            documents[key] = {**pod, "status": status}
            for victim in outcome["victims"]:
                namespace, name = victim.split("/")
                leaving = documents["Pod", namespace, name]
                metadata = {**leaving["metadata"], "deletionTimestamp": _LEAVING}
                documents["Pod", namespace, name] = {**leaving, "metadata": metadata}


def _namespace(name: str) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
    }


def _key(document: Document) -> tuple[str, str, str]:
    metadata = document["metadata"]
    return document["kind"], metadata.get("namespace", ""), metadata["name"]


def _bound(pod: Document, node: str, node_labels: Mapping[str, str]) -> Document:
    """The pod as the API server stores it once it has a node: with the labels that say where that is."""
    metadata = pod["metadata"]
    copied = {key: node_labels[key] for key in _COPIED_LABELS if key in node_labels}
    return {
        **pod,
        "metadata": {**metadata, "labels": {**(metadata.get("labels") or {}), **copied}},
        "spec": {**pod["spec"], "nodeName": node},
        "status": {**pod.get("status", {}), "phase": "Running"},
    }
