"""What claims ask for: in claims, in StatefulSets and in ephemeral volumes."""

from __future__ import annotations

from kubelogic.kinds.validation import names, resources
from kubelogic.kinds.validation.common import check_name, selector, template_metadata
from kubelogic.kinds.validation.problems import Report, Tree
from kubelogic.text.location import Path, dotted

ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_ALONE = "Forbidden: may not use ReadWriteOncePod with other access modes"
VOLUME_MODES = ("Block", "Filesystem")
_TEMPLATE_METADATA = ("labels", "annotations")


def access_modes(report: Report, path: Path, modes: list[str], *, empty: str = "") -> None:
    """Check access modes: at least one, all known, ReadWriteOncePod alone; ``empty``: what is said if there is none."""
    report.present(path, modes, "give at least one access mode", api=empty)
    for index, mode in enumerate(modes):
        report.choice((*path, index), mode, ACCESS_MODES, at=dotted(path))
    known = {mode for mode in modes if mode in ACCESS_MODES}
    if "ReadWriteOncePod" in known and len(known) > 1:
        report.add(path, "KL142", "ReadWriteOncePod excludes every other access mode", api=_ALONE)


def claim_spec(report: Report, path: Path, spec: Tree) -> None:
    """Check what a claim asks for."""
    least = "at least 1 access mode is required"
    access_modes(report, (*path, "accessModes"), spec.get("accessModes", []), empty=least)
    selector(report, (*path, "selector"), spec.get("selector"))
    size = spec.get("resources", {}).get("requests", {}).get("storage")
    where = (*path, "resources", "requests", "storage")
    at = f"{dotted((*path, 'resources'))}[storage]"
    if size is None:
        report.required(where, "say how large the volume must be", at=at)
    else:
        resources.positive(report, where, size, at=at)
    for key in ("storageClassName", "volumeAttributesClassName"):
        if spec.get(key):
            check_name(report, (*path, key), spec[key], names.dns_subdomain)
    report.choice((*path, "volumeMode"), spec.get("volumeMode"), VOLUME_MODES)
    for key in ("dataSource", "dataSourceRef"):
        if key in spec:
            _data_source(report, (*path, key), spec[key])
    _both_sources(report, path, spec)


def _data_source(report: Report, path: Path, source: Tree) -> None:
    for key in ("name", "kind"):
        report.present((*path, key), source.get(key))
    group = source.get("apiGroup", "")
    if group:
        check_name(report, (*path, "apiGroup"), group, names.dns_subdomain)
    elif source.get("kind") != "PersistentVolumeClaim":
        detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
        text = "must be PersistentVolumeClaim when there is no apiGroup"
        report.wrong((*path, "kind"), "KL121", text, source.get("kind") or "", detail, at=dotted(path))
    if source.get("namespace"):
        check_name(report, (*path, "namespace"), source["namespace"], names.dns_label)


def _both_sources(report: Report, path: Path, spec: Tree) -> None:
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    if source is None or reference is None:
        return
    if any(source.get(key) != reference.get(key) for key in ("apiGroup", "kind", "name")):
        report.add((*path, "dataSource"), "KL142", "must be the same as dataSourceRef; set only one of them")


def claim_template(report: Report, path: Path, template: Tree) -> None:
    """Check the claim that an ephemeral volume makes."""
    meta = template.get("metadata", {})
    template_metadata(report, (*path, "metadata"), meta)
    for key in meta:
        if key not in _TEMPLATE_METADATA:
            report.forbidden((*path, "metadata", key), "may not be set here; only labels and annotations may")
    claim_spec(report, (*path, "spec"), template.get("spec", {}))
