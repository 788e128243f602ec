"""What admission reads of other objects: priority classes and namespaces."""

from __future__ import annotations

from collections.abc import Iterator

from kubelogic.cluster import Object
from kubelogic.cluster.naming import NAMESPACE_LABEL
from kubelogic.facts.base import Fact, FactModule
from kubelogic.facts.selectors import label_set


def priority_class(obj: Object) -> Iterator[Fact]:
    """The facts of a PriorityClass."""
    yield "priority_class", (obj.name, obj.document.get("value") or 0)
    if obj.document.get("globalDefault"):
        yield "priority_class_is_default", (obj.name,)
    if policy := obj.document.get("preemptionPolicy"):
        yield "priority_class_preemption_policy", (obj.name, policy)


def namespace(obj: Object) -> Iterator[Fact]:
    """The facts of a Namespace. The API server labels each with its name."""
    labels = obj.document["metadata"].get("labels") or {}
    text = label_set({**labels, NAMESPACE_LABEL: obj.name})
    yield "namespace", (obj.name,)
    yield "namespace_labels", (obj.name, text)
    yield "label_set", (text,)
    for finalizer in (obj.document.get("spec") or {}).get("finalizers") or ():
        yield "namespace_finalizer", (obj.name, finalizer)


MODULE = FactModule(name="admission", extractors={"PriorityClass": priority_class, "Namespace": namespace})
