"""A new node takes no pods before the node controller has seen it ready.

Source: plugin/pkg/admission/nodetaint/admission.go of Kubernetes 1.36.
"""

from __future__ import annotations

from kubelogic.apiserver.answers import Status
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.edit import edited

NOT_READY = "node.kubernetes.io/not-ready"


def admit(tx: Transaction, node: Object, old: Object | None) -> Status | None:
    """Taint a new node as not ready."""
    if node.kind != "Node" or old is not None:
        return None
    taints = list((node.document.get("spec") or {}).get("taints") or ())
    if not any(t.get("key") == NOT_READY and t.get("effect") == "NoSchedule" for t in taints):
        tx.put(edited(node, ["spec"], {"taints": [*taints, {"key": NOT_READY, "effect": "NoSchedule"}]}))
    return None
