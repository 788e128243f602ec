"""Stand-ins for PriorityClasses and RuntimeClasses that are named and that nobody printed.

``kubectl get nodes,pods`` brings no classes. A cluster's own pods say what their class gave them; a class that only new
pods name is taken to be there. Where some classes of the kind were printed, all were: then a name without a class is
refused, as the API server does it.

Source: plugin/pkg/admission/priority/admission.go (Admit), plugin/pkg/admission/runtimeclass/admission.go (Admit) of
Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from kubelogic.cluster import Object
from kubelogic.cluster.objects import as_object
from kubelogic.facts.templates import pod_specs
from kubelogic.kinds.evidence import STAND_IN, is_stored
from kubelogic.kinds.validation import admit
from kubelogic.kinds.validation.policy import SYSTEM_PRIORITIES

Document = Mapping[str, Any]

OF_PODS = "what its pods say of themselves"
"""What a stand-in is made from if pods of the cluster name the class."""

OF_NAME = "its name"
"""What a stand-in is made from if nothing but manifests names the class."""

_FIELDS: Mapping[str, tuple[str, str]] = {
    "PriorityClass": ("scheduling.k8s.io/v1", "priorityClassName"),
    "RuntimeClass": ("node.k8s.io/v1", "runtimeClassName"),
}


def with_classes(objects: Iterable[Object]) -> tuple[Object, ...]:
    """The objects, and stand-ins for classes that they name and whose whole kind is missing, sorted like them."""
    given = tuple(objects)
    if not any(_is_printed(each) for each in given):
        return given
    made: list[Object] = []
    naming = _users(given)
    for kind, (api_version, _) in _FIELDS.items():
        if any(each.kind == kind and _is_printed(each) for each in given):
            continue
        known = {each.name for each in given if each.kind == kind} | (
            set(SYSTEM_PRIORITIES) if kind == "PriorityClass" else set()
        )
        for name, users in sorted(naming[kind].items()):
            if name not in known:
                made.append(_made(kind, api_version, name, users))
    if not made:
        return given
    return tuple(sorted([*given, *made], key=lambda each: (each.kind, each.key, each.api_version)))


def _is_printed(obj: Object) -> bool:
    """Whether a cluster printed an object: nodes that somebody wrote have a status, too, but no uid."""
    return bool((obj.document.get("metadata") or {}).get("uid"))


def _users(given: Iterable[Object]) -> dict[str, dict[str, list[tuple[Object, Document]]]]:
    """By kind and name of a class, who names it, each with its pod's spec."""
    found: dict[str, dict[str, list[tuple[Object, Document]]]] = {kind: {} for kind in _FIELDS}
    for each, spec in pod_specs(given):
        for kind, (_, field) in _FIELDS.items():
            if name := spec.get(field):
                found[kind].setdefault(str(name), []).append((each, spec))
    return found


def _made(kind: str, api_version: str, name: str, users: list[tuple[Object, Document]]) -> Object:
    told = [(obj, spec) for obj, spec in users if obj.kind == "Pod" and is_stored(obj.document)]
    _, spec = told[0] if told else users[0]
    source = (told or users)[0][0]
    about = {"name": name, "uid": f"stand-in-{kind}-{name}", "annotations": {STAND_IN: OF_PODS if told else OF_NAME}}
    document: dict[str, Any] = {"apiVersion": api_version, "kind": kind, "metadata": about}
    if kind == "PriorityClass":
        document["value"] = int(spec.get("priority") or 0) if told else 0
        if told and spec.get("preemptionPolicy"):
            document["preemptionPolicy"] = spec["preemptionPolicy"]
    else:
        document["handler"] = name
        if told and spec.get("overhead"):
            document["overhead"] = {"podFixed": spec["overhead"]}
    admitted = admit(document, namespace="")
    made = as_object(document if admitted.problems else admitted.document)
    return msgspec.structs.replace(made, origin=source.origin)
