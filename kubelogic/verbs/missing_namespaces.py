"""Namespaces that the input does not have, where something selects namespaces by labels that they may have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.naming import NAMESPACE_LABEL
from kubelogic.explain.units import some
from kubelogic.facts.cluster_policies import CLUSTER_POLICIES
from kubelogic.facts.templates import asking
from kubelogic.kinds.references import SYSTEM_NAMESPACES, TEMPLATES
from kubelogic.text import Notice

_Path = tuple[str | int, ...]
_TERMS = (
    ("requiredDuringSchedulingIgnoredDuringExecution", ()),
    ("preferredDuringSchedulingIgnoredDuringExecution", ("podAffinityTerm",)),
)
"""Where terms of affinity stand, and where each keeps what it selects."""


def unlabelled_for_policies(cluster: Cluster) -> Iterator[Notice]:
    """One notice if network policies ask for labels of namespaces that are not in the input."""
    policies = (
        obj for kind in ("NetworkPolicy", *CLUSTER_POLICIES) for _, obj in sorted(cluster.objects(kind).items())
    )
    yield from _told(
        cluster, ((obj, *each) for obj in policies for each in _selectors(obj.document.get("spec"), ("spec",)))
    )


def unlabelled_for_pods(cluster: Cluster, makers: tuple[str, ...]) -> Iterator[Notice]:
    """One notice if affinities of pods ask for labels of namespaces that are not in the input.

    Args:
        cluster: as it was read.
        makers: kinds that make pods from a template.
    """
    yield from _told(cluster, _of_pods(cluster, makers))


def _of_pods(cluster: Cluster, makers: tuple[str, ...]) -> Iterator[tuple[Object, _Path, Mapping[str, Any]]]:
    for kind in ("Pod", *makers):
        path = TEMPLATES[kind]
        wishing = [(obj, spec["affinity"]) for obj, spec in asking(cluster, "affinity", (kind,))]
        for obj, affinity in sorted(wishing, key=lambda each: each[0].key):
            for part in ("podAffinity", "podAntiAffinity"):
                for when, inside in _TERMS:
                    for index, term in enumerate((affinity.get(part) or {}).get(when) or ()):
                        found = _at(term, (*inside, "namespaceSelector"))
                        if found:
                            yield obj, (*path, "affinity", part, when, index, *inside, "namespaceSelector"), found


def _at(value: Any, path: _Path) -> Any:
    for step in path:
        value = (value or {}).get(step)
    return value


def _selectors(value: Any, path: _Path) -> Iterator[tuple[_Path, Mapping[str, Any]]]:
    """Selectors of namespaces anywhere in the spec of a policy."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name in ("namespaceSelector", "namespaces") and isinstance(inner, Mapping):
                yield (*path, name), inner
            else:
                yield from _selectors(inner, (*path, name))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _selectors(inner, (*path, index))


def _told(cluster: Cluster, found: Iterator[tuple[Object, _Path, Mapping[str, Any]]]) -> Iterator[Notice]:
    asked: dict[str, tuple[Object, _Path]] = {}
    for obj, path, selector in found:
        names = [
            *(selector.get("matchLabels") or ()),
            *(each["key"] for each in selector.get("matchExpressions") or ()),
        ]
        for name in names:
            if name != NAMESPACE_LABEL:
                asked.setdefault(str(name), (obj, path))
    if not asked:
        return
    known = cluster.objects("Namespace")
    there = {*known, *SYSTEM_NAMESPACES} if known else known  # whoever writes some has nothing to say of these
    spaces = sorted({obj.namespace for obj in cluster if obj.namespace and obj.namespace not in there})
    if spaces:
        are, own, them = ("it is", "its", "it") if len(spaces) == 1 else ("they are", "their", "them")
        obj, path = next(iter(asked.values()))
        message = (
            f"not in the input: Namespace {some(spaces)}; {obj} asks for labels of namespaces ({some(sorted(asked))}), "
            f"and {are} taken to have none of {own} own; kubectl get namespaces -o yaml brings {them}"
        )
        yield Notice(code="KL195", message=message, location=obj.place(path), count=len(spaces))
