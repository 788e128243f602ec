"""Tolerations that were meant for a taint and miss it: by their value, their effect, or an old name of its key.

Source: k8s.io/api/core/v1/toleration.go, ToleratesTaint: without an operator a toleration asks for the same value, and
one without a value asks for none. The taint node-role.kubernetes.io/master is gone since Kubernetes 1.25.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubelogic.explain.filters import Relations
from kubelogic.logic import Value

_RENAMED = {"node-role.kubernetes.io/control-plane": "node-role.kubernetes.io/master"}
"""What taints were called before."""

_OF_NODES = "node.kubernetes.io/"
"""Taints of a node's state: admission and controllers give tolerations of some of their effects to every pod."""


def near_words(relations: Relations, shape: str, witness: Mapping[str, Value]) -> str:
    """What pods of a shape tolerate instead of a taint, in words that go on a sentence; empty if nothing is near.

    Args:
        relations: with the tolerations of the shape.
        shape: its name.
        witness: the taint, by the arguments of ``rejects_taint``.
    """
    key = str(witness["Key"])
    if key.startswith(_OF_NODES):
        return ""
    said = [
        words
        for each in (key, _RENAMED.get(key, ""))
        if each
        for row in sorted(relations.matching("shape_toleration", {0: shape, 1: each}), key=repr)
        for words in (_told(str(row[1]), str(row[2]), str(row[3]), str(row[4])),)
    ]
    return f": it tolerates {' and '.join(dict.fromkeys(said))}" if said else ""


def _told(key: str, operator: str, value: str, effect: str) -> str:
    """A toleration as taints are written.

    >>> _told("gpu", "Equal", "yes", "NoSchedule"), _told("gpu", "Exists", "", "NoExecute")
    ('gpu=yes:NoSchedule', 'gpu:NoExecute with any value')
    >>> _told("gpu", "Equal", "", "NoSchedule")
    'gpu:NoSchedule without a value (operator: Exists takes any)'
    """
    named = f"{key}={value}" if value else key
    taint = f"{named}:{effect}" if effect else f"{named} with any effect"
    if operator == "Exists":
        return f"{taint} with any value" if effect else f"{named} with any value and effect"
    return taint if value else f"{taint} without a value (operator: Exists takes any)"
