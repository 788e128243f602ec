"""Pods that have a node and yet are not there for anybody, and pods that are only taken to get ready.

Source: pkg/controller/statefulset/stateful_set_control.go (processReplica), pkg/controller/nodelifecycle
(markPodsNotReady) and pkg/kubelet/kubelet_pods.go of Kubernetes 1.36.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import is_being_deleted, uid_of
from kubelogic.cluster.owners import Workloads
from kubelogic.cluster.pods import controller_reference, is_active, is_ready, node_of
from kubelogic.explain.units import count, some
from kubelogic.kinds.evidence import is_stored, stand_in_reason
from kubelogic.text import Notice


def taken_to_get_ready(cluster: Cluster, final: Cluster) -> Iterator[Notice]:
    """One notice for the pods that a cluster printed as not ready and that get ready here.

    Args:
        cluster: as it was read.
        final: as its controllers leave it.
    """
    later = final.objects("Pod")
    changed = [pod for key, pod in cluster.objects("Pod").items() if key in later and later[key] is not pod]
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


def silent_remarks(final: Cluster) -> Iterator[str]:
    """What is told of pods on nodes that are not ready: they count as placed; sets wait for those that are deleted.

    Args:
        final: the cluster as its controllers leave it.
    """
    silent = {name for name, node in final.objects("Node").items() if _is_unready(node)}
    if not silent:
        return
    here: dict[str, list[Object]] = defaultdict(list)
    sets: dict[str, list[Object]] = defaultdict(list)
    of = Workloads(final).of
    for _, pod in sorted(final.objects("Pod").items()):
        if node_of(pod) not in silent or (not is_active(pod) and not is_being_deleted(pod)):
            continue
        if not is_being_deleted(pod):
            if not is_ready(pod) and not stand_in_reason(pod.document):
                here[of(pod)].append(pod)
        elif (controller_reference(pod) or {}).get("kind") == "StatefulSet":
            sets[of(pod)].append(pod)
    for owner, pods in sorted(here.items()):
        if not owner.startswith("DaemonSet "):
            yield _told(owner, pods)
    for owner, pods in sorted(sets.items()):
        names, them = some([pod.key for pod in pods], 3), "it" if len(pods) == 1 else "them"
        are = "is" if len(pods) == 1 else "are"
        yield (
            f"{owner} makes no other for {names}, which {are} being deleted on {_nodes(pods)}: no kubelet there ends "
            f"{them} while the node is not ready."
        )


def _told(owner: str, pods: list[Object]) -> str:
    what = owner if owner.startswith("Pod ") else f"{count(len(pods), 'pod')} of {owner}"
    counts = "counts as placed, and is not ready" if len(pods) == 1 else "count as placed, and are not ready"
    return f"{what} {counts}: {_nodes(pods)} {'is' if len({node_of(pod) for pod in pods}) == 1 else 'are'} not ready."


def _nodes(pods: list[Object]) -> str:
    return some(sorted({node_of(pod) for pod in pods}), 3)


def _is_unready(node: Object) -> bool:
    conditions: list[Mapping[str, str]] = (node.document.get("status") or {}).get("conditions") or []
    return any(each.get("type") == "Ready" and each.get("status") != "True" for each in conditions)
