"""Nodes that Karpenter has asked for and that have not joined yet: NodeClaims in flight.

Source: karpenter, pkg/controllers/state/statenode.go (Labels, Taints, Capacity, Allocatable: what counts of a claim
until its node is initialized), pkg/controllers/nodeclaim/lifecycle (Launched, Registered).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kubelogic.apiserver.item_parts import part
from kubelogic.text.documents import Item
from kubelogic.text.location import Fault
from kubelogic.text.notices import Notice

_HOST = "kubernetes.io/hostname"


def coming_node(item: Item, faults: list[Fault]) -> Item | Notice | None:
    """The Node that a NodeClaim brings.

    Startup taints are left out: they are gone when the node is ready, and pods wait for that.

    Args:
        item: the claim.
        faults: where what is wrong goes.

    Returns:
        The Node, at the place of the claim; what there is to say if nobody knows what it will be like; None if its node
        has joined, and so is among the nodes, or if the claim is going.
    """
    metadata, status = (part(item, (name,), dict, faults) for name in ("metadata", "status"))
    name = str(metadata.get("name", ""))
    joined = any(
        isinstance(each, Mapping) and (each.get("type"), each.get("status")) == ("Registered", "True")
        for each in part(item, ("status", "conditions"), list, faults)
    )
    if joined or metadata.get("deletionTimestamp"):
        return None
    capacity = part(item, ("status", "capacity"), dict, faults)
    if not capacity:
        message = f"NodeClaim {name} is not launched yet: what its node will hold is not known, so it does not count"
        return Notice(code="KL119", message=message, location=item.origin.locate(("metadata", "name")))
    node = str(status.get("nodeName") or name)
    taints = part(item, ("spec", "taints"), list, faults)
    labels = part(item, ("metadata", "labels"), dict, faults)
    made = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node, "labels": {**labels, _HOST: node}},
        "spec": {"taints": taints} if taints else {},
        "status": {"capacity": capacity, "allocatable": status.get("allocatable") or capacity},
    }
    return msgspec.structs.replace(item, document=made)
