"""An object as a person would make it anew: without what the API server and controllers wrote into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SERVERS = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
    "ownerReferences",
    "finalizers",
)
_OF_JOBS = ("controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name")


def remade(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The document to create an object like this one with.

    A Job gets its selector and the labels for it anew. Source: pkg/registry/batch/job/strategy.go, generateSelector.

    >>> remade({"kind": "Pod", "metadata": {"name": "a", "uid": "1"}, "spec": {}, "status": {"phase": "Pending"}})
    {'kind': 'Pod', 'metadata': {'name': 'a'}, 'spec': {}}
    """
    meta = {key: value for key, value in (document.get("metadata") or {}).items() if key not in _SERVERS}
    kept = {**{key: value for key, value in document.items() if key != "status"}, "metadata": meta}
    if document.get("kind") == "Pod":
        kept["spec"] = {key: value for key, value in kept["spec"].items() if key != "nodeName"}
    if document.get("kind") == "Job" and not (document.get("spec") or {}).get("manualSelector"):
        spec = {key: value for key, value in kept["spec"].items() if key != "selector"}
        template = dict(spec["template"])
        kept["metadata"] = _without_labels(meta)
        template["metadata"] = _without_labels(template.get("metadata") or {})
        kept["spec"] = {**spec, "template": template}
    return kept


def _without_labels(meta: Mapping[str, Any]) -> dict[str, Any]:
    labels = {key: value for key, value in (meta.get("labels") or {}).items() if key not in _OF_JOBS}
    return {**{key: value for key, value in meta.items() if key != "labels"}, **({"labels": labels} if labels else {})}
