"""Proposals for pods that the scheduler does not look at, or for which it moves nobody."""

from __future__ import annotations

from collections.abc import Iterator

from kubelogic.cluster import Object
from kubelogic.explain.proposals.case import Candidate, Case, Create, Document, Edit, Operation, by_app, by_platform
from kubelogic.explain.proposals.patches import add, remove, without
from kubelogic.kinds.validation.policy import SYSTEM_PRIORITIES


def open_gate(case: Case) -> Iterator[Candidate]:
    """Take the gates off."""
    names = ", ".join(str(blocker.witness["Gate"]) for blocker in case.about("pod_gate"))
    what = f"remove the scheduling gate{'s' if ',' in names else ''} {names}"
    yield by_app("gate", 1, what, without("spec", "schedulingGates"))


def default_scheduler(_case: Case) -> Iterator[Candidate]:
    """Leave the pod to the scheduler that is there."""
    yield by_app("scheduler", 3, "leave it to the default scheduler", without("spec", "schedulerName"))


def class_that_preempts(case: Case) -> Iterator[Candidate]:
    """Name a class whose pods push out others, for a pod whose own class never does: one that is worth as much, or
    little more; else one that is to be made, or what comes next below. A class cannot be changed so.
    """
    if case.spec.get("preemptionPolicy") != "Never":
        return
    own = int(case.spec.get("priority") or 0)
    classes = case.cluster.objects("PriorityClass")
    there = [each for name, each in sorted(classes.items()) if name not in SYSTEM_PRIORITIES and _preempts(each)]
    near = min(there, key=lambda each: (_worth(each) < own, abs(_worth(each) - own), each.name), default=None)
    if near is not None:
        what = f"name the PriorityClass {near.name}, whose pods preempt others"
        yield by_app("priority class", 7, what, _of_class(near.name))
    name = f"{case.spec.get('priorityClassName')}-preempting"
    if (near is None or _worth(near) < own) and name not in classes:
        metadata = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}}
        what = f"make a PriorityClass of the value {own} that preempts ({name}), and name it"
        made = (Create(document={**metadata, "value": own}),)
        yield by_platform("priority class", 8, what, _of_class(name), changes=made)


def _preempts(priority: Object) -> bool:
    return priority.document.get("preemptionPolicy") != "Never"


def _worth(priority: Object) -> int:
    return int(priority.document.get("value") or 0)


def _of_class(name: str) -> Edit:
    """Name a class; what admission wrote of the one before goes, since it would contradict."""

    def edit(document: Document) -> list[Operation]:
        spec = document.get("spec") or {}
        written = [field for field in ("priority", "preemptionPolicy") if field in spec]
        return [add(("spec", "priorityClassName"), name), *(remove(("spec", field)) for field in written)]

    return edit
