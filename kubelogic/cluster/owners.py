"""Which workload a pod belongs to."""

from __future__ import annotations

from kubelogic.cluster import Cluster, Object


def workload(cluster: Cluster, pod: Object) -> str:
    """The topmost controller of a pod as ``Kind namespace/name``; the pod itself if it has none."""
    obj = pod
    for _ in range(8):
        references = (obj.document.get("metadata") or {}).get("ownerReferences") or ()
        owner = next((reference for reference in references if reference.get("controller")), None)
        if owner is None:
            break
        found = cluster.get(owner["kind"], f"{obj.namespace}/{owner['name']}")
        if found is None:
            return f"{owner['kind']} {obj.namespace}/{owner['name']}"
        obj = found
    return str(obj)
