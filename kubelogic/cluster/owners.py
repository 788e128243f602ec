"""Which workload a pod belongs to, and to which revision of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.columns import Columns
from kubelogic.cluster.edit import metadata
from kubelogic.cluster.naming import REVISION
from kubelogic.cluster.pods import controller_reference
from kubelogic.kinds.operated import kept_kind
from kubelogic.text.numbers import whole

_namespace = attrgetter("namespace")


def workload(cluster: Cluster, pod: Object) -> str:
    """The topmost controller of a pod as ``Kind namespace/name``; the pod itself if it has none."""
    obj = pod
    for _ in range(8):
        owner = controller_reference(obj)
        if owner is None:
            break
        kind = kept_kind(owner.get("apiVersion") or "", owner["kind"])
        key = owner["name"] if kind == "Node" else f"{obj.namespace}/{owner['name']}"  # of a static pod
        found = cluster.get(kind, key)
        if found is None:
            return f"{kind} {key}"
        obj = found
    return str(obj)


Maker = tuple[str, str, str, str]
"""Namespace of a pod; API version, kind and name of the controller that it names, empty if it names none."""


def maker_of(pod: Object) -> Maker | None:
    """Who made a pod, by what it says itself; None if nobody did."""
    owner = controller_reference(pod)
    return (pod.namespace, owner.get("apiVersion") or "", owner["kind"], owner["name"]) if owner else None


Owned = tuple[Sequence[Mapping[str, Any]], list[Object]]
"""What some objects of one kind and namespace say of their owners, and these objects."""


def by_owners(columns: Columns) -> list[Owned]:
    """Objects of a kind by what they say of their owners: those of a namespace that share it are together.

    Most pods of a large cluster share it with others, which makes few of them.
    """
    found: defaultdict[tuple[str, int], list[Object]] = defaultdict(list)
    said = columns.values("metadata.ownerReferences") or [None] * len(columns.objects)
    marks = zip(map(_namespace, columns.objects), map(id, said), strict=True)
    for obj, mark in zip(columns.objects, marks, strict=True):
        found[mark].append(obj)
    return [(metadata(objects[0]).get("ownerReferences") or (), objects) for objects in found.values()]


def by_controller(owned: Iterable[Owned]) -> dict[str, list[Object]]:
    """Objects by the uid of the owner that manages them; without those that none does."""
    found: dict[str, list[Object]] = {}
    for _, mine in owned:
        owner = controller_reference(mine[0])
        if owner is not None:
            found.setdefault(str(owner.get("uid") or ""), []).extend(mine)
    return found


def with_owners(cluster: Cluster) -> Sequence[Owned]:
    """All objects by what they say of their owners, found once of each cluster."""
    kinds = map(cluster.columns, cluster.kinds())
    return cluster.kept("objects by owners", lambda: [each for kind in kinds for each in by_owners(kind)])


def by_maker(pods: Iterable[Object]) -> dict[Maker, list[Object]]:
    """Pods by who made them, those of a namespace that nobody made together."""
    return _by_maker(by_owners(Columns(pods)))


def _by_maker(owned: Iterable[Owned]) -> dict[Maker, list[Object]]:
    found: dict[Maker, list[Object]] = {}
    for _, pods in owned:
        found.setdefault(maker_of(pods[0]) or (pods[0].namespace, "", "", ""), []).extend(pods)
    return found


def makers(cluster: Cluster) -> Mapping[Maker, Sequence[Object]]:
    """All pods by who made them, those of one maker in no order; found once for each cluster.

    Where a cluster came from another one by few changes, makers of which no pod changed have the same sequence.
    """
    return cluster.followed("pods by maker", _makers, _renewed_makers)


def _makers(cluster: Cluster) -> Mapping[Maker, Sequence[Object]]:
    return _by_maker(each for each in with_owners(cluster) if each[1][0].kind == "Pod")


def _renewed_makers(
    known: Mapping[Maker, Sequence[Object]], before: Cluster, now: Cluster
) -> Mapping[Maker, Sequence[Object]]:
    changes = now.differences(before, ("Pod",))
    found = dict(known)
    for maker, pods in by_maker([*changes.gone, *(old for old, _ in changes.replaced)]).items():
        keys = {pod.key for pod in pods}
        found[maker] = [pod for pod in found[maker] if pod.key not in keys]
    for maker, pods in by_maker([*changes.come, *(new for _, new in changes.replaced)]).items():
        found[maker] = [*found.get(maker, ()), *pods]
    return {maker: pods for maker, pods in found.items() if pods}


class Workloads:
    """The workloads of pods, found once for all pods of one controller."""

    __slots__ = ("_cluster", "_known")

    def __init__(self, cluster: Cluster) -> None:
        """Prepare to look them up.

        Args:
            cluster: with the controllers.
        """
        self._cluster = cluster
        self._known: dict[Maker, str] = {}

    def of(self, pod: Object) -> str:
        """``workload`` of a pod."""
        maker = maker_of(pod)
        return self._made_by(maker, pod) if maker is not None else str(pod)

    def of_all(self, made: Iterable[tuple[Maker, Sequence[Object]]]) -> set[str]:
        """The workloads of many pods, each once.

        Args:
            made: pods by who made them, as ``by_maker`` has them.
        """
        found: set[str] = set()
        for maker, pods in made:
            if maker[2]:
                found.add(self._made_by(maker, pods[0]))
            else:
                found.update(map(str, pods))
        return found

    def _made_by(self, maker: Maker, pod: Object) -> str:
        found = self._known.get(maker)
        if found is None:
            found = self._known[maker] = workload(self._cluster, pod)
        return found


def controllers(cluster: Cluster, pod: Object) -> Iterator[str]:
    """All controllers in a pod's chain as ``Kind namespace/name``, the nearest first."""
    obj: Object | None = pod
    for _ in range(8):
        owner = controller_reference(obj) if obj else None
        if owner is None or obj is None:
            return
        kind = kept_kind(owner.get("apiVersion") or "", owner["kind"])
        yield f"{kind} {obj.namespace}/{owner['name']}"
        obj = cluster.get(kind, f"{obj.namespace}/{owner['name']}")


def pods_under(cluster: Cluster, name: str) -> list[Object]:
    """The pods with a controller in their chain, those of one maker together.

    Args:
        cluster: with pods and controllers.
        name: the controller as ``Kind namespace/name``.
    """
    return [
        pod
        for maker, pods in makers(cluster).items()
        if maker[2] and name in controllers(cluster, pods[0])
        for pod in pods
    ]


def owner_objects(cluster: Cluster, pod: Object) -> Iterator[Object]:
    """A pod, and the objects in its chain of controllers that are there, the nearest first."""
    obj: Object | None = pod
    for _ in range(8):
        if obj is None:
            return
        yield obj
        owner = controller_reference(obj)
        kind = kept_kind(owner.get("apiVersion") or "", owner["kind"]) if owner else ""
        obj = cluster.get(kind, f"{obj.namespace}/{owner['name']}") if owner else None


def revision(cluster: Cluster, pod: Object) -> int:
    """The revision of a Deployment that a pod is of, the newest one the largest; 0 for pods of other workloads."""
    owner = controller_reference(pod)
    found = cluster.get("ReplicaSet", f"{pod.namespace}/{owner['name']}") if owner else None
    annotations = ((found.document.get("metadata") or {}).get("annotations") or {}) if found is not None else {}
    return whole(annotations.get(REVISION)) or 0


def owner_with_origin(cluster: Cluster, pod: Object) -> Object:
    """The nearest object in a pod's chain of controllers that stands in a file; the pod itself if none does."""
    return next((obj for obj in owner_objects(cluster, pod) if obj.origin is not None), pod)
