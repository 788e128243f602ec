"""What keeps autoscalers from nodes that a drain would empty: what nodes and pods say, and pods that they do not move.

Source: kubernetes/autoscaler, cluster-autoscaler/FAQ.md ("What types of pods can prevent CA from removing a node?") and
simulator/drainability/rules, with the flags that it has by default; Karpenter, concepts/disruption.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kubelogic.apiserver.registry.eviction import budgets_of
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import metadata
from kubelogic.cluster.pods import controller_reference, has_ended, node_of
from kubelogic.facts.shapes import MIRROR

_SAFE = "cluster-autoscaler.kubernetes.io/safe-to-evict"
_VOLUMES = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"
_KARPENTER = "karpenter.sh/do-not-disrupt"
_NODE = (("cluster-autoscaler.kubernetes.io/scale-down-disabled", "cluster-autoscaler"), (_KARPENTER, "Karpenter"))
"""Annotations of a node that keep it when they are ``true``, and who heeds them."""

EXPENDABLE = -10
"""Pods of a lower priority count for nothing to cluster-autoscaler (``--expendable-pods-priority-cutoff``)."""


def held_by_autoscalers(cluster: Cluster, node: str) -> tuple[str, ...]:
    """Why autoscalers leave a node alone, the first reason of each.

    Args:
        cluster: with the node and its pods.
        node: its name.
    """
    found: dict[str, str] = {}
    there = cluster.get("Node", node)
    for key, who in _NODE if there is not None else ():
        if there is not None and _annotations(there).get(key) == "true":
            found.setdefault(who, f"it says {key}: true")
    for _, pod in sorted(cluster.objects("Pod").items()):
        if node_of(pod) == node and not has_ended(pod):
            for who, why in _held_by(cluster, pod):
                found.setdefault(who, why)
    return tuple(f"{who}: {why}" for who, why in sorted(found.items(), reverse=True))


def is_expendable(pod: Object) -> bool:
    """Whether cluster-autoscaler adds no node for a pod, and keeps none, as its priority is so low."""
    return int((pod.document.get("spec") or {}).get("priority") or 0) < EXPENDABLE


def _held_by(cluster: Cluster, pod: Object) -> Iterator[tuple[str, str]]:
    says = _annotations(pod)
    controller = controller_reference(pod)
    if says.get(_KARPENTER) == "true":
        yield "Karpenter", f"{pod.key} says {_KARPENTER}: true"
    spec = pod.document.get("spec") or {}
    moves = MIRROR not in says and (controller or {}).get("kind") != "DaemonSet"
    if not moves or says.get(_SAFE) == "true" or is_expendable(pod):
        return
    local = [name for name in _local(spec) if name not in says.get(_VOLUMES, "").split(",")]
    reasons = (
        (says.get(_SAFE) == "false", f"{pod.key} says {_SAFE}: false"),
        (controller is None, f"nothing makes {pod.key} anew"),
        (
            pod.namespace == "kube-system" and not budgets_of(cluster, pod),
            f"{pod.key} is of kube-system, without a budget",
        ),
        (bool(local), f"{pod.key} has local storage ({', '.join(local)})"),
    )
    yield from (("cluster-autoscaler", words) for holds, words in reasons if holds)


def _local(spec: Mapping[str, object]) -> Iterator[str]:
    """The volumes of a pod that are of its node, but for those in memory."""
    volumes = spec.get("volumes")
    for volume in volumes if isinstance(volumes, list) else ():
        if "hostPath" in volume or ("emptyDir" in volume and (volume["emptyDir"] or {}).get("medium") != "Memory"):
            yield str(volume["name"])


def _annotations(obj: Object) -> Mapping[str, str]:
    return metadata(obj).get("annotations") or {}
