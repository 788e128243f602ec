"""What nodes say of themselves: versions, runtime, architecture; and which of them are the control plane.

These facts are given only to questions that need them.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubelogic.cluster import Object
from kubelogic.facts.base import Fact, FactModule, reader
from kubelogic.patterns import regex

_VERSION = regex(r"v?1\.([0-9]{1,3})[.+-]")
_CONTROL_PLANE = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")


def node_facts(obj: Object) -> Iterator[Fact]:
    """The facts of one node."""
    labels = (obj.document.get("metadata") or {}).get("labels") or {}
    if any(label in labels for label in _CONTROL_PLANE):
        yield "control_plane_node", (obj.name,)
    info = (obj.document.get("status") or {}).get("nodeInfo") or {}
    for field, component in (("kubeletVersion", "kubelet"), ("kubeProxyVersion", "kube-proxy")):
        if match := _VERSION.match(str(info.get(field) or "")):
            yield "node_minor", (obj.name, component, int(match[1]))
    if info.get("containerRuntimeVersion"):
        yield "node_runtime", (obj.name, str(info["containerRuntimeVersion"]).partition(":")[0])
    if info.get("architecture"):
        yield "node_architecture", (obj.name, str(info["architecture"]))


MODULE = FactModule(
    name="node_info",
    extractors={"Node": (reader(node_facts, "metadata.labels", "status.nodeInfo"),)},
    gives=frozenset({"control_plane_node", "node_architecture", "node_minor", "node_runtime"}),
)
