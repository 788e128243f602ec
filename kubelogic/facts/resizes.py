"""What a node gives a pod other than it asks for: pods that are resized in place.

Only what differs in effect is said, so pods that have what they ask for stay of one shape with their template.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubelogic.facts.base import Fact
from kubelogic.facts.pod_specs import Spec, all_containers
from kubelogic.kinds.quantity import amount

READS = ("allocatedResources", "conditions", "containerStatuses", "initContainerStatuses", "resources")
"""The fields of a pod's status that are read here."""

_STATUSES = ("containerStatuses", "initContainerStatuses")


def given(spec: Spec, status: Spec) -> Sequence[Fact]:
    """Tails of facts about containers, and the pod as a whole, for which not only the spec counts.

    Args:
        spec: the pod's spec.
        status: the pod's status.

    Source: k8s.io/component-helpers/resource, PodRequests with UseStatusResources.
    """
    reported: dict[str, Spec] = {}
    for field in _STATUSES:
        for found in status.get(field) or ():
            if found.get("resources") is not None:
                reported[found.get("name") or ""] = found
    whole = spec.get("resources")
    if not reported and (not whole or status.get("resources") is None):
        return ()
    return tuple(_given(spec, status, reported))


def _given(spec: Spec, status: Spec, reported: Mapping[str, Spec]) -> Iterator[Fact]:
    refused = _refused(status)
    for kind, order, container in all_containers(spec):
        found = reported.get(container.get("name", ""))
        if found is None or kind == "init":
            continue
        sources = [(found["resources"] or {}).get("requests") or {}, found.get("allocatedResources") or {}]
        asked = _asked(container)
        if _counts(asked, sources, refused=refused):
            name = f"{kind}-{order}"
            if refused:
                yield "container_resize_refused", (name,)
            for resource, value in _rows(sources):
                yield "container_given", (name, resource, value)
    asked = _asked(spec)
    if asked and status.get("resources") is not None:
        sources = [status["resources"].get("requests") or {}, status.get("allocatedResources") or {}]
        sources = [{name: source[name] for name in source if name in asked} for source in sources]
        if _counts(asked, sources, refused=refused):
            if refused:
                yield "shape_resize_refused", ()
            nothing = {name: 0 for name in asked if not any(name in source for source in sources)}
            for resource, value in _rows([*sources, nothing]):
                yield "shape_level_given", (resource, value)


def _asked(owner: Spec) -> dict[str, Any]:
    resources = owner.get("resources") or {}
    return {**(resources.get("limits") or {}), **(resources.get("requests") or {})}


def _refused(status: Spec) -> bool:
    """Whether the node has said that it can never give what is asked for; the first such condition counts."""
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodResizePending":
            return bool(condition.get("reason") == "Infeasible")
    return False


def _counts(asked: Spec, sources: Sequence[Spec], *, refused: bool) -> bool:
    """Whether a pod counts with anything but what it asks for."""
    if all(source == asked or (not refused and not source) for source in sources):
        return False
    wanted = {name: amount(name, value) for name, value in asked.items()}
    most: dict[str, int] = {}
    for name, value in _rows(sources):
        most[name] = max(most.get(name, 0), value)
    if refused:
        return most != wanted
    return any(name not in wanted or value > wanted[name] for name, value in most.items())


def _rows(sources: Sequence[Spec]) -> list[tuple[str, int]]:
    return sorted({(name, amount(name, value)) for source in sources for name, value in source.items()})
