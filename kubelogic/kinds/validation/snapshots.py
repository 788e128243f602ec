"""VolumeSnapshots, their contents and classes, as their definitions check them.

Source: github.com/kubernetes-csi/external-snapshotter, the kubebuilder markers of client/apis/volumesnapshot/v1.
"""

from __future__ import annotations

from kubelogic.kinds.validation import names
from kubelogic.kinds.validation.common import metadata
from kubelogic.kinds.validation.problems import Report, Tree

_POLICIES = ("Delete", "Retain")
_SOURCES = ("persistentVolumeClaimName", "volumeSnapshotContentName")
_HANDLES = ("snapshotHandle", "volumeHandle")


def snapshot(report: Report, tree: Tree) -> None:
    """Check a VolumeSnapshot: it is of a claim or of a content that is there, and of one of them only."""
    metadata(report, tree, names.dns_subdomain, namespaced=True)
    spec = tree.get("spec")
    if not spec:
        report.required(("spec",))
        return
    _one_of(report, ("spec", "source"), spec.get("source"), _SOURCES)
    if spec.get("volumeSnapshotClassName") == "":
        report.add(("spec", "volumeSnapshotClassName"), "KL121", "must not be the empty string when set")


def content(report: Report, tree: Tree) -> None:
    """Check a VolumeSnapshotContent."""
    metadata(report, tree, names.dns_subdomain, namespaced=False)
    spec = tree.get("spec")
    if not spec:
        report.required(("spec",))
        return
    for field in ("driver", "volumeSnapshotRef"):
        report.present(("spec", field), spec.get(field))
    _policy(report, ("spec",), spec)
    _one_of(report, ("spec", "source"), spec.get("source"), _HANDLES)


def snapshot_class(report: Report, tree: Tree) -> None:
    """Check a VolumeSnapshotClass."""
    metadata(report, tree, names.dns_subdomain, namespaced=False)
    report.present(("driver",), tree.get("driver"))
    _policy(report, (), tree)


def _policy(report: Report, path: tuple[str, ...], tree: Tree) -> None:
    if not tree.get("deletionPolicy"):
        report.required((*path, "deletionPolicy"), "say what becomes of the snapshot: Delete or Retain")
    elif tree["deletionPolicy"] not in _POLICIES:
        report.unsupported((*path, "deletionPolicy"), tree["deletionPolicy"], _POLICIES)


def _one_of(report: Report, path: tuple[str, ...], source: Tree | None, fields: tuple[str, ...]) -> None:
    given = [field for field in fields if (source or {}).get(field)]
    if not given:
        report.required(path, f"exactly one of {' and '.join(fields)} must be set")
    elif len(given) > 1:
        report.add(path, "KL142", f"exactly one of {' and '.join(fields)} must be set")
