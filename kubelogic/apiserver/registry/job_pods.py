"""What a Job adds to its pods. Source: job controller, manageJob; the Job strategy, generateSelector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubelogic.cluster import Object
from kubelogic.cluster.edit import edited, metadata, uid_of
from kubelogic.facts.jobs import INDEX, job_labels

_INDEX_VARIABLE = "JOB_COMPLETION_INDEX"
_MAX_HOST_NAME = 63


def with_selector(job: Object) -> Object:
    """The Job with the selector that the API server makes for it, and the labels of its template that match it."""
    spec: Mapping[str, Any] = job.document.get("spec") or {}
    if spec.get("selector") or spec.get("manualSelector"):
        return job
    labels = job_labels(job, uid_of(job))
    template = spec.get("template") or {}
    meta = template.get("metadata") or {}
    labelled = {**template, "metadata": {**meta, "labels": {**(meta.get("labels") or {}), **labels}}}
    chosen = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid_of(job)}}
    job = edited(job, ["spec"], {"selector": chosen, "template": labelled})
    if not metadata(job).get("labels"):  # the API's default for a Job without labels of its own
        job = edited(job, ["metadata"], {"labels": labelled["metadata"]["labels"]})
    return job


def missing_job_labels(job: Object) -> dict[str, str]:
    """The labels of a Job's pods where the Job comes from a manifest and not from the API server."""
    spec: Mapping[str, Any] = job.document.get("spec") or {}
    return {} if spec.get("selector") else job_labels(job, uid_of(job))


def job_index_labels(index: int) -> dict[str, str]:
    """The label, and annotation, of the pod of an index; none for -1."""
    return {INDEX: str(index)} if index >= 0 else {}


def job_spec(job: Object, spec: Mapping[str, Any], index: int) -> Mapping[str, Any]:
    """The spec of a Job's pod: that of an index has its own host name and finds its index in its environment."""
    if index < 0:
        return spec
    changed: dict[str, Any] = {**spec, "hostname": f"{job.name}-{index}"[:_MAX_HOST_NAME]}
    for part in ("initContainers", "containers"):
        if spec.get(part):
            changed[part] = [_with_index(container) for container in spec[part]]
    return changed


def _with_index(container: Mapping[str, Any]) -> Mapping[str, Any]:
    present = list(container.get("env") or ())
    if any(variable.get("name") == _INDEX_VARIABLE for variable in present):
        return container
    reference = {"fieldRef": {"fieldPath": f"metadata.annotations['{INDEX}']"}}
    return {**container, "env": [*present, {"name": _INDEX_VARIABLE, "valueFrom": reference}]}
