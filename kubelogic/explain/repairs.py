"""Changes that get a pending workload placed, each proved by placing everything anew.

A repair is kept only if, with its changes made, every pending pod of the workload gets a node, nothing is evicted, and
no pod that was placed before is left out. Single changes come first; pairs only if no single change works.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import jsonpatch

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import with_document
from kubelogic.cluster.objects import as_object
from kubelogic.cluster.owners import owner_with_origin
from kubelogic.explain.blockers import Blocker
from kubelogic.explain.proposals import Candidate, Change, Create, Operation, Owner, Patch, candidates
from kubelogic.kinds.validation import admit

__all__ = ["Change", "Create", "Patch", "Prover", "Repair", "repairs"]

MOST_CHECKS = 40
"""Repairs that are tried before giving up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """Changes that were proved to get the workload placed.

    Attributes:
        summary: what to do, in words.
        cost: how much is asked: smaller is less. Only the order means anything.
        owner: who can do it: ``app`` edits the workload, ``platform`` the cluster.
        changes: what to change in the user's objects.
    """

    summary: str
    cost: int
    owner: Owner
    changes: tuple[Change, ...]


class Prover(Protocol):
    """Whether every pod that ought to have a node gets one in a changed cluster."""

    def __call__(self, changed: Cluster, *, by_controllers: bool) -> bool:
        """Place everything, after controllers have run if they have a part in it."""


def repairs(
    cluster: Cluster,
    pod: Object,
    siblings: Sequence[Object],
    blockers: Sequence[Blocker],
    *,
    proves: Prover,
    most: int = 3,
) -> tuple[Repair, ...]:
    """The cheapest proved repairs.

    Args:
        cluster: as it stands, with the pod pending.
        pod: the pod to place.
        siblings: the pending pods of its workload, itself among them; all get the same edits.
        blockers: what is in its way.
        proves: decides for a changed cluster.
        most: how many repairs to find.
    """
    spec = _written_spec(owner_with_origin(cluster, pod))
    singles = [each for each in candidates(cluster, pod, blockers) if each.edit is None or each.edit(spec)]
    pairs = sorted(
        (two for two in itertools.combinations(singles, 2) if _targets(two[0]).isdisjoint(_targets(two[1]))),
        key=lambda two: (two[0].cost + two[1].cost, two[0].summary),
    )
    budget = MOST_CHECKS
    for group in ([(each,) for each in singles], pairs):
        found: list[Repair] = []
        for combination in group:
            if budget == 0 or len(found) == most:
                break
            budget -= 1
            changed = _changed(cluster, siblings, combination)
            if proves(changed, by_controllers=any(each.by_controllers for each in combination)):
                found.append(_repair(cluster, pod, combination))
        if found:
            return tuple(found)
    return ()


def _changed(cluster: Cluster, siblings: Sequence[Object], combination: Sequence[Candidate]) -> Cluster:
    """The cluster with all changes made to the pods and objects that they are about."""
    changed = []
    for pod in siblings:
        spec = pod.document["spec"]
        for each in combination:
            if each.edit is not None:
                spec = jsonpatch.apply_patch(spec, with_parents(spec, each.edit(spec)))
        changed.append(with_document(pod, {**pod.document, "spec": spec}))
    for change in (change for each in combination for change in each.changes):
        match change:
            case Patch(target=target, operations=operations):
                document = jsonpatch.apply_patch(target.document, with_parents(target.document, operations))
                changed.append(with_document(target, document))
            case Create(document=document):
                changed.append(as_object(admit(document).document))
    return cluster.replacing(changed)


def _repair(cluster: Cluster, pod: Object, combination: Sequence[Candidate]) -> Repair:
    """The repair in terms of the objects that the user wrote."""
    written = owner_with_origin(cluster, pod)
    spec = _written_spec(written)
    prefix = "".join(f"/{step}" for step in _template_path(written))
    changes: list[Change] = []
    for each in combination:
        if each.edit is not None:
            operations = with_parents(spec, each.edit(spec))
            spec = jsonpatch.apply_patch(spec, operations)
            placed = tuple({**operation, "path": prefix + operation["path"]} for operation in operations)
            changes.append(Patch(target=written, operations=placed))
        changes.extend(_complete(change) for change in each.changes)
    owners = {each.owner for each in combination}
    return Repair(
        summary=" and ".join(each.summary for each in combination),
        cost=sum(each.cost for each in combination),
        owner="platform" if "platform" in owners else "app",
        changes=tuple(changes),
    )


def _complete(change: Change) -> Change:
    if not isinstance(change, Patch):
        return change
    return Patch(target=change.target, operations=tuple(with_parents(change.target.document, change.operations)))


def with_parents(document: Any, operations: Iterable[Operation]) -> list[Operation]:
    """Operations before which the mappings are made that they add to: a patch makes no parents by itself.

    Source: RFC 6902, 4.1.

    >>> with_parents({"metadata": {}}, [{"op": "add", "path": "/metadata/labels/a~1b", "value": "c"}])[0]
    {'op': 'add', 'path': '/metadata/labels', 'value': {}}
    """
    made: set[str] = set()
    found: list[Operation] = []
    for operation in operations:
        part: Any = document
        path = ""
        steps = operation["path"].split("/")[1:-1] if operation["op"] == "add" else ()
        for step in steps:
            path += f"/{step}"
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(part, list):
                part = part[int(name)] if name.isdecimal() and int(name) < len(part) else None
                continue
            part = part.get(name) if isinstance(part, Mapping) else None
            if part is None and path not in made:
                made.add(path)
                found.append({"op": "add", "path": path, "value": {}})
        found.append(operation)
    return found


def _targets(candidate: Candidate) -> set[tuple[str, str]]:
    return {(each.target.kind, each.target.key) for each in candidate.changes if isinstance(each, Patch)}


def _written_spec(written: Object) -> Any:
    """The pod spec in an object that a person wrote."""
    spec: Any = written.document
    for step in _template_path(written):
        spec = (spec or {}).get(step) or {}
    return spec


def _template_path(obj: Object) -> tuple[str, ...]:
    if obj.kind == "CronJob":
        return ("spec", "jobTemplate", "spec", "template", "spec")
    return ("spec", "template", "spec") if "template" in (obj.document.get("spec") or {}) else ("spec",)
