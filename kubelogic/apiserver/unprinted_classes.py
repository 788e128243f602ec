"""Stand-ins for PriorityClasses and RuntimeClasses that are named and that nobody printed.

``kubectl get nodes,pods`` brings no classes. A cluster's own pods say what their class gave them; a class that only new
pods name is taken to be there. Where some classes of the kind were printed, all were: then a name without a class is
refused, as the API server does it.

Source: plugin/pkg/admission/priority/admission.go (Admit), plugin/pkg/admission/runtimeclass/admission.go (Admit) of
Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.objects import as_object
from kubelogic.facts.templates import asking
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


def class_stand_ins(there: Cluster) -> Iterator[Object]:
    """Stand-ins for classes that objects name and whose whole kind is missing, where a cluster printed any object."""
    if not any(_are_printed(there, kind) for kind in there.kinds()):
        return
    for kind, (api_version, field) in _FIELDS.items():
        if _are_printed(there, kind):
            continue
        known = {*there.objects(kind), *(SYSTEM_PRIORITIES if kind == "PriorityClass" else ())}
        naming: dict[str, list[tuple[Object, Document]]] = {}
        for each, spec in asking(there, field):
            naming.setdefault(str(spec[field]), []).append((each, spec))
        for name, users in sorted(naming.items()):
            if name not in known:
                yield _made(kind, api_version, name, users)


def _are_printed(there: Cluster, kind: str) -> bool:
    """Whether a cluster printed any object of a kind: nodes that somebody wrote have a status, too, but no uid."""
    return any(there.columns(kind).values("metadata.uid"))


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
