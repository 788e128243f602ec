"""Labels of nodes as the node lifecycle controller keeps them: old names of the system and architecture follow the new.

Source: pkg/controller/nodelifecycle/node_lifecycle_controller.go, labelReconcileInfo and reconcileNodeLabels, of
Kubernetes 1.36 (``beta.kubernetes.io/os`` and ``arch``; those of zones, regions and instance types are not copied).
"""

from __future__ import annotations

from collections.abc import Mapping

_FOLLOWS = {
    "beta.kubernetes.io/os": "kubernetes.io/os",
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
}


def kept_labels(labels: Mapping[str, str]) -> Mapping[str, str]:
    """The labels with those that follow others.

    >>> kept_labels({"kubernetes.io/os": "linux"})
    {'kubernetes.io/os': 'linux', 'beta.kubernetes.io/os': 'linux'}
    """
    followed = {old: labels[new] for old, new in _FOLLOWS.items() if new in labels and labels.get(old) != labels[new]}
    return {**labels, **followed} if followed else labels
