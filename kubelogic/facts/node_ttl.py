"""What nodes say of how long kubelets may keep Secrets and ConfigMaps."""

from __future__ import annotations

from collections.abc import Iterator

from kubelogic.cluster import Object
from kubelogic.facts.base import Fact, FactModule, reader

TTL = "node.alpha.kubernetes.io/ttl"


def node_ttl(obj: Object) -> Iterator[Fact]:
    """The seconds that one node says, as text."""
    said = ((obj.document.get("metadata") or {}).get("annotations") or {}).get(TTL)
    if said is not None:
        yield "node_ttl", (obj.name, said)


MODULE = FactModule(name="node_ttl", extractors={"Node": (reader(node_ttl, "metadata.annotations"),)})
