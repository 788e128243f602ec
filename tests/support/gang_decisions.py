"""Recorded decisions about groups of pods, step by step: the cluster before each step, and what became of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubelogic.explain import message
from kubelogic.explain.filter_verdicts import Verdicts
from kubelogic.placement.kube.scheduler import schedule
from kubelogic.placement.placement import Placement
from kubelogic.placement.problem import Problem
from tests.support.decisions import _LEAVING, _NAMESPACES, Document, Pipeline, _bound, _namespace

Key = tuple[str, str, str]

_GATES = {
    "TopologyAwareWorkloadScheduling": "topology_aware_workload_scheduling",
    "WorkloadAwarePreemption": "workload_aware_preemption",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a case.

    Attributes:
        outcome: what a real scheduler did.
        documents: the cluster then.
        parts: what there was to do and what we do, one after the other: victims go one by one.
    """

    outcome: Document
    documents: Mapping[Key, Document]
    parts: tuple[tuple[Problem, Placement], ...]


def parameters(path: Path) -> tuple[tuple[str, int], ...]:
    """The parameters that stand for the feature gates of a case."""
    gates = set(json.loads(path.read_text(encoding="utf-8"))["feature_gates"])
    return tuple((parameter, int(gate in gates)) for gate, parameter in _GATES.items())


def steps(path: Path, pipeline: Pipeline) -> Iterator[Step]:
    """The steps of a case, each begun where the recording left the one before."""
    case: Document = json.loads(path.read_text(encoding="utf-8"))
    documents: dict[Key, Document] = {("Namespace", "", name): _namespace(name) for name in _NAMESPACES}
    documents.update((_key(each), each) for each in case["objects"])
    created = 0
    victims: list[str] = []
    for step, outcome in zip(case["steps"], case["outcomes"], strict=True):
        for each in step.get("create", ()):
            created += 1
            stamped = {**each, "metadata": {**each["metadata"], "creationTimestamp": _time(created)}}
            documents[_key(each)] = stamped
        if "delete" in step:
            kind, namespace, name = step["delete"].split("/")
            documents.pop((kind, namespace, name))
        before = dict(documents)
        parts: list[tuple[Problem, Placement]] = []
        for victim in victims if step.get("remove_victims") else ():
            documents.pop(_pod(victim), None)
            parts.append(_decide(pipeline, documents))
            for binding in parts[-1][1].bindings:
                _bind(documents, binding.pod, binding.node)
        parts = parts or [_decide(pipeline, documents)]
        yield Step(outcome=outcome, documents=before, parts=tuple(parts))
        victims = list(outcome["victims"])
        for name, fate in outcome["pods"].items():
            key: Key = _pod(name)
            pod = documents[key]
            if fate["node"]:
                _bind(documents, name, fate["node"])
            elif fate.get("nominated_node"):
                documents[key] = {
                    **pod,
                    "status": {**pod.get("status", {}), "nominatedNodeName": fate["nominated_node"]},
                }
        for name in victims:
            key = _pod(name)
            pod = documents[key]
            documents[key] = {**pod, "metadata": {**pod["metadata"], "deletionTimestamp": _LEAVING}}


def _decide(pipeline: Pipeline, documents: Mapping[Key, Document]) -> tuple[Problem, Placement]:
    problem = pipeline.problem([*documents.values()])
    return problem, schedule(problem)


def _bind(documents: dict[Key, Document], pod: str, node: str) -> None:
    key: Key = _pod(pod)
    labels = documents["Node", "", node]["metadata"].get("labels") or {}
    documents[key] = _bound(documents[key], node, labels)


def _pod(name: str) -> Key:
    namespace, _, own = name.partition("/")
    return "Pod", namespace, own


def _time(number: int) -> str:
    return f"2026-01-02T00:00:{number:02}Z"


def _key(document: Document) -> Key:
    metadata = document["metadata"]
    return document["kind"], metadata.get("namespace", ""), metadata["name"]


# -- what became of pods and groups ------------------------------------------------------------------------

Fate = tuple[str, str, str, str, str]
"""Node, nominated node, reason, message, and what is said before the pod is tried."""


def recorded_fates(step: Step) -> dict[str, Counter[Fate]]:
    """The recorded fates of pods that were created, those that differ only by name together."""
    found: dict[str, Counter[Fate]] = {}
    for name, fate in step.outcome["pods"].items():
        kind = _alike(step.documents[_pod(name)])
        row = tuple(
            fate.get(key) or ""
            for key in ("node", "nominated_node", "condition_reason", "condition_message", "pre_enqueue_message")
        )
        found.setdefault(kind, Counter())[row] += 1  # type: ignore[index]
    return found


def our_fates(step: Step, pipeline: Pipeline) -> dict[str, Counter[Fate]]:
    """What becomes of the same pods here."""
    nodes = {binding.pod: binding.node for _, placement in step.parts for binding in placement.bindings}
    problem, placement = step.parts[-1]
    out = {entry.pod: entry for entry in placement.unplaced}
    errors = {each.group for each in placement.groups if each.reason == "SchedulerError"}
    groups = {pod.name: pod.group for pod in problem.pods}
    awaited = {str(row[0]): str(row[1]) for row in pipeline.evaluation.rows("group_awaited")}
    gated = {str(row[0]) for row in pipeline.evaluation.rows("pod_gate")}
    found: dict[str, Counter[Fate]] = {}
    for name in step.outcome["pods"]:
        document = step.documents[_pod(name)]
        node = nodes.get(name) or document["spec"].get("nodeName") or ""
        row: Fate = (node, "", "", "", "")
        if not node and name in awaited and name not in gated:
            row = ("", "", "", "", awaited[name])
        elif not node and name in gated:
            row = ("", "", "SchedulingGated", message.GATED, "")
        elif not node and name in out:
            entry = out[name]
            reason = "SchedulerError" if groups[name] in errors else "Unschedulable"
            row = ("", entry.node, reason, _said(name, entry.refusal, placement, pipeline, bool(entry.node)), "")
        found.setdefault(_alike(document), Counter())[row] += 1
    return found


def _said(name: str, refusal: int, placement: Placement, pipeline: Pipeline, promised: bool) -> str:
    given = placement.refusals[refusal]
    verdict = Verdicts(pipeline.evaluation).of(name)
    verdict = message.in_group(verdict, given, pipeline.evaluation) if given.among else verdict
    return message.line(verdict, None if promised and not given.words else given, relations=pipeline.evaluation)


def _alike(document: Document) -> str:
    metadata = {key: value for key, value in document["metadata"].items() if key in ("namespace", "labels")}
    if document["spec"].get("nodeName"):
        metadata["name"] = document["metadata"]["name"]
    spec: dict[str, Any] = dict(document["spec"])
    return json.dumps([metadata, spec], sort_keys=True)


def our_groups(step: Step, before: Mapping[str, Any]) -> dict[str, Any]:
    """The conditions of the groups, as the recordings write them; a group that is scheduled stays so."""
    found: dict[str, Any] = {}
    for kind, namespace, name in step.documents:
        if kind == "PodGroup":
            found[f"{namespace}/{name}"] = before.get(f"{namespace}/{name}", {})
    for _, placement in step.parts:
        for each in placement.groups:
            if found[each.group].get("PodGroupScheduled", {}).get("status") != "True":
                status = "True" if each.scheduled else "False"
                found[each.group] = {
                    "PodGroupScheduled": {"status": status, "reason": each.reason, "message": each.message}
                }
    return found
