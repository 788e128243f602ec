"""Labels and resources of nodes that a pod means perhaps: almost the same text, or the name that a label has today.

Source: docs reference/labels-annotations-taints, of Kubernetes 1.36: which labels are deprecated, and what for.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.cluster import Cluster
from kubelogic.explain.blockers import Blocker
from kubelogic.explain.units import some

_RENAMED = {
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
    "beta.kubernetes.io/os": "kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
}
"""Deprecated labels of nodes, with what they are called now."""

_LIKE = 0.6
"""How alike two values of a label are, from 0 to 1, of which one may be a slip for the other."""


def with_near_labels(cluster: Cluster, found: Iterable[Blocker]) -> Iterator[Blocker]:
    """Blockers, those about a label or resource that a node lacks with the one that it has and that may be meant.

    Args:
        cluster: with the nodes.
        found: what the filter rules say.
    """
    for each in found:
        node = cluster.get("Node", each.node) if each.predicate in _NEAR else None
        near = _NEAR[each.predicate](node.document, each) if node is not None else ""
        words = f": it has {near}" if near else ""
        yield msgspec.structs.replace(each, detail=each.detail + words, gist=each.gist + words) if words else each


def _label(node: Mapping[str, Any], blocker: Blocker) -> str:
    labels = (node.get("metadata") or {}).get("labels") or {}
    return near_label(labels, str(blocker.witness.get("Key", "")), str(blocker.witness.get("Value", "")))


def _resource(node: Mapping[str, Any], blocker: Blocker) -> str:
    held = (node.get("status") or {}).get("allocatable") or {}
    return near_resource(sorted(held), str(blocker.witness.get("Resource", "")))


_NEAR = {"rejects_node_selector": _label, "rejects_fit": _resource}
"""By relation that rejects, what the node has instead."""


def near_resource(held: Sequence[str], resource: str) -> str:
    """The extended resources of a node that may be meant by one that it lacks; empty if none is near.

    >>> near_resource(["cpu", "amd.com/gpu"], "amd.com/gpus"), near_resource(["amd.com/mig-1"], "amd.com/gpu")
    ('amd.com/gpu', 'amd.com/mig-1')
    >>> near_resource(["cpu", "amd.com/gpu"], "example.com/tpu"), near_resource(["example.com/tpu"], "example.com/tpu")
    ('', '')
    """
    domain = resource.partition("/")[0] + "/"
    if resource in held or domain == f"{resource}/":
        return ""
    near = difflib.get_close_matches(resource, [name for name in held if "/" in name], n=1, cutoff=0.9)
    return some(near or [name for name in held if name.startswith(domain)])


def near_label(labels: Mapping[str, str], key: str, value: str) -> str:
    """The label of a node that is meant by one that it lacks, as ``key=value``; empty if none is near.

    >>> near_label({"disk": "ssd", "pool": "a"}, "disk", "sdd"), near_label({"disk": "ssd"}, "disc", "ssd")
    ('disk=ssd', 'disk=ssd')
    >>> near_label({"topology.kubernetes.io/zone": "a"}, "failure-domain.beta.kubernetes.io/zone", "a")
    'topology.kubernetes.io/zone=a, as this label is called now'
    >>> near_label({"disk": "ssd", "pool": "blue"}, "pool", "red")
    ''
    """
    now = _RENAMED.get(key, "")
    if now and labels.get(now) == value:
        return f"{now}={value}, as this label is called now"
    own = labels.get(key)
    if own is not None:
        same = own.lower() == value.lower() or difflib.SequenceMatcher(None, own, value).ratio() >= _LIKE
        return f"{key}={own}" if same else ""
    like = [name for name, other in labels.items() if other == value]
    near = difflib.get_close_matches(key, sorted(like), n=1, cutoff=0.7)
    return f"{near[0]}={value}" if near else ""
