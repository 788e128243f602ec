"""Proposals about other pods: affinity, anti-affinity, ports of nodes, claims for a single pod."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from kubelogic.cluster import Object
from kubelogic.cluster.pods import node_of
from kubelogic.explain.proposals.case import (
    Candidate,
    Case,
    Delete,
    Document,
    Edit,
    Operation,
    Patch,
    by_app,
    labels_of,
)
from kubelogic.explain.proposals.patches import dig, put, remove, replace, without
from kubelogic.explain.proposals.workloads import REQUIRED, editable, template_path
from kubelogic.facts.pod_specs import disks
from kubelogic.facts.selectors import matches, requirements

PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_CONTAINERS = ("containers", "initContainers")
_APART = ("spec", "affinity", "podAntiAffinity")
_TOGETHER = ("spec", "affinity", "podAffinity")

_MOST_OTHERS = 3
"""Other pods that are proposed to go or change, at most."""


def prefer_apart(_case: Case) -> Iterator[Candidate]:
    """Be apart where that can be had."""
    yield by_app("anti-affinity", 4, "prefer to be apart instead of requiring it", _as_a_wish(_APART))


def _as_a_wish(path: tuple[str, ...]) -> Edit:
    def edit(document: Document) -> list[Operation]:
        rules = dig(document, path) or {}
        wishes = [{"weight": 100, "podAffinityTerm": term} for term in rules.get(REQUIRED) or ()]
        return [replace(path, {PREFERRED: [*wishes, *(rules.get(PREFERRED) or ())]})] if wishes else []

    return edit


def drop_affinity(case: Case) -> Iterator[Candidate]:
    """Do not require company, or look for it in the namespaces where it is."""
    yield by_app("affinity", 4, "do not require a pod affinity", without(*_TOGETHER, REQUIRED))
    for index, term in enumerate(dig(case.pod.document, (*_TOGETHER, REQUIRED)) or ()):
        looked = set(term.get("namespaces") or ((case.pod.namespace,) if "namespaceSelector" not in term else ()))
        wanted = requirements(term.get("labelSelector") or {})
        found = sorted(
            {
                pod.namespace
                for pod in case.cluster.objects("Pod").values()
                if node_of(pod) and pod.namespace not in looked and wanted and matches(wanted, labels_of(pod))
            }
        )
        for namespace in found[:_MOST_OTHERS]:
            yield by_app(
                "namespaces",
                2,
                f"look for its company in the namespace {namespace}",
                put((*_TOGETHER, REQUIRED, index, "namespaces"), sorted({*looked, namespace})),
            )


def kept_out(case: Case) -> Iterator[Candidate]:
    """What pods that run require to be apart from: change that rule, or do not be such a pod, or let them go."""
    for other in _others(case, "rejects_existing_anti_affinity", lambda pod: bool(_rules_about(case, pod))):
        mine = _rules_about(case, other)
        for key in sorted({key for term in mine for key, how, _ in _wanted(term) if how in ("In", "Exists")}):
            if key in _selected(case.workload):
                continue  # without it the pods would not be its own
            what = f"take the label {key} off {case.workload.name}"
            yield by_app("label of the pod", 4, what, without("metadata", "labels", key))
        top = editable(case.cluster, other)
        operations = _as_a_wish_of(top)
        if mine and operations and top.key != case.workload.key:
            what = f"let {top} prefer to be apart instead of requiring it"
            yield by_app("rule of another", 7, what, changes=(Patch(target=top, operations=operations),))
        yield from _without_pod(other)


def _selected(top: Object) -> set[str]:
    """The label keys that the selector of a workload names."""
    selector = dig(top.document, ("spec", "selector")) or {}
    if top.kind == "ReplicationController":
        return set(selector)
    return {*(selector.get("matchLabels") or {}), *(each["key"] for each in selector.get("matchExpressions") or ())}


def _as_a_wish_of(top: Object) -> tuple[Operation, ...]:
    prefix = template_path(top)
    document = dig(top.document, prefix) or {}
    operations = _as_a_wish(_APART)(document)
    start = "".join(f"/{step}" for step in prefix)
    return tuple({**operation, "path": start + operation["path"]} for operation in operations)


def _wanted(term: Mapping[str, Any]) -> Any:
    return requirements(term.get("labelSelector") or {})


def _rules_about(case: Case, other: Object) -> list[Mapping[str, Any]]:
    """The terms of another pod's anti-affinity that are about this pod."""
    rules = dig(other.document, (*_APART, REQUIRED)) or ()
    return [term for term in rules if _is_about(term, case, other)]


def _is_about(term: Mapping[str, Any], case: Case, other: Object) -> bool:
    """Whether a term of another pod's anti-affinity is about this pod, as far as labels say."""
    spaces = term.get("namespaces") or ([other.namespace] if "namespaceSelector" not in term else [case.pod.namespace])
    return case.pod.namespace in spaces and matches(_wanted(term), case.labels)


def _others(case: Case, predicate: str, is_one: Callable[[Object], bool]) -> list[Object]:
    """The other pods on the nodes that some blockers are about that are meant by them."""
    nodes = {blocker.node for blocker in case.about(predicate)}
    mine = {pod.key for pod in case.pods}
    pods = [pod for key, pod in sorted(case.cluster.objects("Pod").items()) if node_of(pod) and key not in mine]
    return [pod for pod in pods if (node_of(pod) in nodes or "" in nodes) and is_one(pod)][:_MOST_OTHERS]


def _without_pod(other: Object) -> Iterator[Candidate]:
    """Delete another pod that nobody makes anew."""
    if not (other.document.get("metadata") or {}).get("ownerReferences"):
        yield by_app(
            "other pod", 8, f"delete pod {other.key}", changes=(Delete(target=other),), evicts=frozenset({other.key})
        )


def stand_in_line(case: Case) -> Iterator[Candidate]:
    """Delete the pod that has what only one pod can have."""
    claims = {str(blocker.witness["Claim"]) for blocker in case.about("rejects_exclusive_claim")}
    for other in _others(case, "rejects_exclusive_claim", lambda pod: not claims.isdisjoint(_claims(pod))):
        yield from _without_pod(other)
    used = set(_disks(case.pod))
    for other in _others(case, "rejects_disk", lambda pod: not used.isdisjoint(_disks(pod))):
        yield from _without_pod(other)


def _claims(pod: Object) -> list[str]:
    volumes = dig(pod.document, ("spec", "volumes")) or ()
    named = [dig(each, ("persistentVolumeClaim", "claimName")) for each in volumes]
    return [f"{pod.namespace}/{name}" for name in named if name]


def _disks(pod: Object) -> list[str]:
    volumes = dig(pod.document, ("spec", "volumes")) or ()
    return [str(row[0]) for each in volumes for row in disks(each)]


def free_port(case: Case) -> Iterator[Candidate]:
    """Do not ask for a port of the node that pods of others have. (What one's own pod has, one wants to keep.)"""
    for number in sorted({int(blocker.witness["Port"]) for blocker in case.about("rejects_port")}):
        others = _others(case, "rejects_port", partial(_has_port, number))
        if others:
            yield by_app("port", 8, f"do not ask for port {number} of the node", _without_port(number))
        for other in others:
            yield from _without_pod(other)


def _has_port(number: int, pod: Object) -> bool:
    containers = [each for kind in _CONTAINERS for each in dig(pod.document, ("spec", kind)) or ()]
    return any(port.get("hostPort") == number for each in containers for port in each.get("ports") or ())


def _without_port(number: int) -> Edit:
    def edit(document: Document) -> list[Operation]:
        if dig(document, ("spec", "hostNetwork")):
            return []
        return [
            remove(("spec", kind, i, "ports", j, "hostPort"))
            for kind in _CONTAINERS
            for i, container in enumerate(dig(document, ("spec", kind)) or ())
            for j, port in enumerate(container.get("ports") or ())
            if port.get("hostPort") == number
        ]

    return edit
