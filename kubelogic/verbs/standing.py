"""Pods that have a node and yet are not there for anybody, and pods that are only taken to get ready.

Source: pkg/controller/util/node/controller_utils.go (MarkPodsNotReady) and pkg/kubelet/kubelet_pods.go of Kubernetes
1.36.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import compress
from operator import is_not

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import uid_of
from kubelogic.cluster.owners import Workloads
from kubelogic.cluster.pods import is_active, is_ready, node_of
from kubelogic.explain.units import some
from kubelogic.kinds.evidence import is_stored, stand_in_reason
from kubelogic.text import Notice
from kubelogic.verbs.results import Trouble

STRANDED = "NodeNotReady"
"""Why a pod is not well whose node is not."""

_BOUND_TO_NODES = ("DaemonSet ", "Node ")
"""Owners of pods that belong to their node, and go down with it."""


def taken_to_get_ready(cluster: Cluster, final: Cluster) -> Iterator[Notice]:
    """One notice for the pods that a cluster printed as not ready and that get ready here.

    Args:
        cluster: as it was read.
        final: as its controllers leave it.
    """
    pods, later = cluster.objects("Pod"), final.objects("Pod")
    moved = compress(pods, map(is_not, pods.values(), map(later.get, pods)))
    changed = [pods[key] for key in moved if key in later]
    taken = [
        pod
        for pod in changed
        if node_of(pod)
        and is_stored(pod.document)
        and not stand_in_reason(pod.document)
        and is_active(pod)
        and not is_ready(pod)
        and uid_of(later[pod.key]) == uid_of(pod)
        and is_ready(later[pod.key])
    ]
    taken.sort(key=lambda pod: pod.key)
    if taken:
        names = some([pod.key for pod in taken], 3)
        are, gets, it_is = ("is", "gets", "it is") if len(taken) == 1 else ("are", "get", "they are")
        message = (
            f"not in the input: whether {names}, which {are} not ready there, ever {gets} ready; {it_is} taken to, as "
            "nothing says that it lasts"
        )
        yield Notice(code="KL195", message=message, location=taken[0].place(("status",)), count=len(taken))


def stranded(cluster: Cluster, final: Cluster) -> Iterator[Trouble]:
    """The pods that count as placed, and are there for nobody: their nodes were not ready, and are not at the end.

    Args:
        cluster: as it was read.
        final: as its controllers leave it.
    """
    unready = {name for name, node in final.objects("Node").items() if _is_unready(node)}
    unready = {name for name in unready if (old := cluster.get("Node", name)) is not None and _is_unready(old)}
    if not unready:
        return
    of = Workloads(final).of
    for key, pod in sorted(final.objects("Pod").items()):
        name = node_of(pod)
        if name not in unready or not is_active(pod) or is_ready(pod) or stand_in_reason(pod.document):
            continue
        if not of(pod).startswith(_BOUND_TO_NODES):
            message = f"it counts as placed, and is not ready: its node {name} is not ready"
            yield Trouble(kind="Pod", key=key, reason=STRANDED, message=message, new=False, location=pod.place())


def _is_unready(node: Object) -> bool:
    conditions: list[Mapping[str, str]] = (node.document.get("status") or {}).get("conditions") or []
    return any(each.get("type") == "Ready" and each.get("status") != "True" for each in conditions)
