"""What Kubernetes promises of its controllers, checked at every tick of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import metadata, uid_of
from kubelogic.cluster.state import State
from kubelogic.facts.objects import scaled
from kubelogic.kinds.quantity import amount
from kubelogic.reconcile.actions import Action, BindPod, CreatePod, DeletePod
from kubelogic.reconcile.settle import Step


@dataclass(slots=True)
class Watch:
    """Told of every step of a run, it collects the promises that were broken.

    Give it to ``settle`` as ``progress``; call ``moved`` when a user changes the state between runs.
    """

    state: State
    broken: list[str] = field(default_factory=list)

    def __call__(self, step: Step, state: State) -> None:
        """Check one step."""
        before, after = self.state.cluster, state.cluster
        for check in (surge, availability, order, fit, identity):
            self.broken.extend(f"at {step.now} ms: {line}" for line in check(before, after, step.actions))
        self.state = state

    def moved(self, state: State) -> None:
        """A user changed the state."""
        self.state = state


def surge(before: Cluster, after: Cluster, actions: Iterable[Action]) -> Iterator[str]:
    """The controller never raises the sum of a Deployment's ReplicaSets above replicas + maxSurge.

    Source: Kubernetes documentation, "Deployments", Max Surge: "the total number of Pods running at any time during the
    update is at most 130% of desired Pods".
    """
    for key, deployment in after.objects("Deployment").items():
        bounds = rollout_bounds(deployment)
        old, new = _wanted(before, deployment), _wanted(after, deployment)
        if new > max(bounds.most, old):
            yield f"Deployment {key} wants {new} pods in all, {bounds.most} are allowed"


def availability(before: Cluster, after: Cluster, actions: Iterable[Action]) -> Iterator[str]:
    """Controllers never delete a Deployment's ready pods below replicas - maxUnavailable.

    Source: Kubernetes documentation, "Deployments", Max Unavailable: "the total number of Pods available at all times
    during the update is at least 70% of the desired Pods".
    """
    deleted = {action.pod for action in actions if isinstance(action, DeletePod)}
    for key, deployment in after.objects("Deployment").items():
        ready = {pod.key for pod in _pods_of(before, deployment) if _is_ready(pod)}
        lost = ready & deleted
        bounds = rollout_bounds(deployment)
        if lost and bounds.rolling and len(ready) - len(lost) < bounds.least:
            yield f"Deployment {key} keeps {len(ready) - len(lost)} ready pods, {bounds.least} are promised"


def order(before: Cluster, after: Cluster, actions: Iterable[Action]) -> Iterator[str]:
    """An ordered StatefulSet makes a pod only when all lower ones are ready.

    Source: Kubernetes documentation, "StatefulSets", Deployment and Scaling Guarantees: "Before a scaling operation is
    applied to a Pod, all of its predecessors must be Running and Ready."
    """
    for action in actions:
        if not isinstance(action, CreatePod) or action.owner_kind != "StatefulSet":
            continue
        owner = after.get("StatefulSet", action.owner)
        if owner is None or owner.document["spec"].get("podManagementPolicy") == "Parallel":
            continue
        start = int((owner.document["spec"].get("ordinals") or {}).get("start") or 0)
        for ordinal in range(start, action.index):
            lower = before.get("Pod", f"{action.owner}-{ordinal}")
            if lower is None or not _is_ready(lower):
                yield f"{action.pod} is made before {action.owner}-{ordinal} is ready"


def identity(before: Cluster, after: Cluster, actions: Iterable[Action]) -> Iterator[str]:
    """A StatefulSet's pod is made only after the one of that name is gone: at most one pod has an identity.

    Source: Kubernetes documentation, "Force Delete StatefulSet Pods".
    """
    for action in actions:
        if isinstance(action, CreatePod) and before.get("Pod", action.pod) is not None:
            yield f"{action.pod} is made while there is a pod of that name"


def fit(before: Cluster, after: Cluster, actions: Iterable[Action]) -> Iterator[str]:
    """A pod is bound only to a node that takes pods and has room for what it requests.

    Source: Kubernetes documentation, "Resource Management": "the scheduler ensures that, for each resource type, the
    sum of the resource requests of the scheduled containers is less than the capacity of the node".
    """
    bound = [action for action in actions if isinstance(action, BindPod)]
    if not bound:
        return
    used: dict[str, dict[str, int]] = {}
    for pod in after.objects("Pod").values():
        node = (pod.document.get("spec") or {}).get("nodeName")
        if node and (pod.document.get("status") or {}).get("phase") not in ("Succeeded", "Failed"):
            total = used.setdefault(node, {})
            for resource, value in requests(pod).items():
                total[resource] = total.get(resource, 0) + value
    for name in sorted({action.node for action in bound}):
        node_object = before.get("Node", name)
        if node_object is None:
            yield f"a pod is bound to {name}, which does not exist"
            continue
        if (node_object.document.get("spec") or {}).get("unschedulable"):
            yield f"a pod is bound to {name}, which is cordoned"
        for resource, value in ((node_object.document.get("status") or {}).get("allocatable") or {}).items():
            if used.get(name, {}).get(resource, 0) > amount(resource, value):
                yield f"{name} has {value} of {resource}, its pods request {used[name][resource]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutBounds:
    """How many pods a Deployment may have at most and needs at least."""

    most: int
    least: int
    rolling: bool


def rollout_bounds(deployment: Object) -> RolloutBounds:
    """The bounds of a Deployment as its spec says."""
    spec = deployment.document.get("spec") or {}
    replicas = int(spec.get("replicas", 1))
    strategy = spec.get("strategy") or {}
    rolling = strategy.get("rollingUpdate") or {}
    if (strategy.get("type") or "RollingUpdate") != "RollingUpdate":
        return RolloutBounds(most=replicas, least=0, rolling=False)
    more = scaled(rolling.get("maxSurge", "25%"), replicas, up=True) or 0
    fewer = scaled(rolling.get("maxUnavailable", "25%"), replicas, up=False) or 0
    if not more and not fewer:
        fewer = 1
    return RolloutBounds(most=replicas + more, least=max(0, replicas - fewer), rolling=True)


def requests(pod: Object) -> Mapping[str, int]:
    """What the containers of a pod request together, and the pod itself as one of ``pods``."""
    total: dict[str, int] = {"pods": 1}
    for container in (pod.document.get("spec") or {}).get("containers") or ():
        for resource, value in ((container.get("resources") or {}).get("requests") or {}).items():
            total[resource] = total.get(resource, 0) + amount(resource, value)
    return total


def _sets_of(cluster: Cluster, deployment: Object) -> list[Object]:
    owner = uid_of(deployment)
    return [
        replica_set
        for replica_set in cluster.objects("ReplicaSet").values()
        if any(r.get("uid") == owner for r in metadata(replica_set).get("ownerReferences") or ())
    ]


def _wanted(cluster: Cluster, deployment: Object) -> int:
    return sum(int(s.document["spec"].get("replicas", 1)) for s in _sets_of(cluster, deployment))


def _pods_of(cluster: Cluster, deployment: Object) -> Iterator[Object]:
    owners = {uid_of(replica_set) for replica_set in _sets_of(cluster, deployment)}
    for pod in cluster.objects("Pod").values():
        if any(r.get("uid") in owners for r in metadata(pod).get("ownerReferences") or ()):
            yield pod


def _is_ready(pod: Object) -> bool:
    conditions: Iterable[Mapping[str, Any]] = (pod.document.get("status") or {}).get("conditions") or ()
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return ready and not metadata(pod).get("deletionTimestamp")
