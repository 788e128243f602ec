"""PodDisruptionBudgets as preemption reads them."""

from __future__ import annotations

from collections.abc import Iterator

from kubelogic.cluster import Object
from kubelogic.facts.base import Fact, FactModule
from kubelogic.facts.selectors import selector


def budget(obj: Object) -> Iterator[Fact]:
    """The facts of a PodDisruptionBudget: whom it protects, and how many evictions its status allows."""
    spec, status = obj.document.get("spec") or {}, obj.document.get("status") or {}
    text = selector(spec.get("selector"))
    yield "pdb_selector", (obj.key, obj.namespace, text)
    yield "selector", (text,)
    yield "pdb_allows", (obj.key, status.get("disruptionsAllowed") or 0)
    for pod in sorted(status.get("disruptedPods") or ()):
        yield "pdb_disrupted", (obj.key, f"{obj.namespace}/{pod}")


MODULE = FactModule(name="budgets", extractors={"PodDisruptionBudget": budget})
