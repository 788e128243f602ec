"""Steps about nodes and pods that a step describes instead of naming them: a zone, labels, one pod of a workload.

Who is meant is found out when the step comes, from what is there then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import is_being_deleted, metadata, uid_of
from kubelogic.cluster.pods import controller_reference, is_active, is_running, node_of
from kubelogic.facts.selectors import Requirement, matches
from kubelogic.reconcile.scenario import Operation
from kubelogic.reconcile.troubles import Target

ZONE = "topology.kubernetes.io/zone"


class NodeChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Several nodes: by name, or all with labels.

    Attributes:
        names: the names.
        wanted: instead: what the labels of the nodes have to meet.
        text: as it was written.
    """

    text: str
    names: tuple[str, ...] = ()
    wanted: tuple[Requirement, ...] = ()

    def of(self, cluster: Cluster) -> list[str]:
        """The nodes that are meant, in order; of those that are named, also the ones that are not there."""
        if self.names:
            return list(self.names)
        nodes = cluster.objects("Node").items()
        return sorted(name for name, node in nodes if matches(self.wanted, metadata(node).get("labels") or {}))

    def __str__(self) -> str:
        return f"nodes with {self.text}" if self.wanted else self.text


class PodChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Pods of a workload, or with labels; running ones first, then by name.

    Attributes:
        kind: kind of the workload; empty for pods by label.
        key: its key.
        namespace: of the pods.
        wanted: what the labels of the pods have to meet.
        text: as it was written.
        node: only pods on this node; empty for any.
        count: so many; None for all.
        ending: also pods that are being deleted, after the others: they can still be removed by force.
    """

    text: str
    namespace: str
    kind: str = ""
    key: str = ""
    wanted: tuple[Requirement, ...] = ()
    node: str = ""
    count: int | None = 1
    ending: bool = False

    def of(self, cluster: Cluster) -> list[str]:
        """The pods that are meant, by key: never those that have ended, and only if so said those being deleted."""
        found = list(pods_of(cluster, self.kind, self.key)) if self.kind else self._labelled(cluster)
        if self.node:
            found = [pod for pod in found if node_of(pod) == self.node]
        meant = [pod for pod in found if is_active(pod) or (self.ending and is_being_deleted(pod))]
        ordered = sorted((is_being_deleted(pod), not is_running(pod), pod.key) for pod in meant)
        return [key for _, _, key in ordered][: self.count]

    def _labelled(self, cluster: Cluster) -> list[Object]:
        return [
            pod
            for pod in cluster.objects("Pod").values()
            if pod.namespace == self.namespace and matches(self.wanted, metadata(pod).get("labels") or {})
        ]

    def __str__(self) -> str:
        whose = f"{self.kind} {self.key}" if self.kind else f"{self.namespace} with {self.text}"
        return f"pods of {whose}{f' on {self.node}' if self.node else ''}"


Choice = NodeChoice | PodChoice


class ForEach(Operation, frozen=True, kw_only=True):
    """An operation on each node or pod that is meant; ``template`` lacks only its name."""

    choice: Choice
    template: Operation

    @property
    def type(self) -> str:
        """The name of the operation that is done."""
        return self.template.type

    def arguments(self) -> dict[str, Any]:
        """Those of the operation; who is meant, in words."""
        name = subject(self.template)
        who = str(self.choice)
        return {**self.template.arguments(), name: who.removeprefix("pods ") if name == "key" else who}

    def on(self, cluster: Cluster) -> list[Operation]:
        """What is done, one after the other."""
        return [named(self.template, name) for name in self.choice.of(cluster)]

    @property
    def nobody(self) -> str:
        """What is said if nobody is meant."""
        return f"there are no {self.choice}"


def subject(operation: Operation) -> str:
    """The field of an operation that says whom it is about.

    Raises:
        TypeError: if it is about neither a node nor a pod.
    """
    names = set(operation.__struct_fields__)
    for name in ("node", "target", "key"):
        if name in names:
            return name
    raise TypeError(f"{operation.type} is about nobody")


def named(operation: Operation, name: str) -> Operation:
    """The same operation on the node or pod of this name."""
    field = subject(operation)
    if field == "target":
        container = operation.target.container  # type: ignore[attr-defined]
        return replace(operation, **{field: Target(kind="Pod", key=name, container=container)})
    return replace(operation, **{field: name})


# -- pods ----------------------------------------------------------------------------------------------------------


def pods_of(cluster: Cluster, kind: str, key: str) -> Iterator[Object]:
    """The pods that a workload controls, itself or through what it controls, by key."""
    root = cluster.get(kind, key)
    if root is None:
        return
    known = {uid_of(root)}
    for middle in ("ReplicaSet", "Job"):
        known.update(uid_of(each) for each in cluster.objects(middle).values() if _owner(each) in known)
    for _, pod in sorted(cluster.objects("Pod").items()):
        if _owner(pod) in known:
            yield pod


def restarts_of(pod: Object) -> int:
    """How often containers of a pod were restarted."""
    status = pod.document.get("status") or {}
    found = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    return sum(int(each.get("restartCount") or 0) for each in found)


def _owner(obj: Object) -> str:
    return str((controller_reference(obj) or {}).get("uid") or "")
