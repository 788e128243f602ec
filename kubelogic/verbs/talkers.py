"""Groups of pods that no policy tells apart, and a small cluster in which one pod of each stands for all.

What the rules say of a group follows from what tells it from others, so a question about 150,000 pods is one about
a few hundred. Who is on whose node is told of pods, so pods that are on one node stand in where that matters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from kubelogic.apiserver.loading import load_state, was_admitted
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.clock import PRESENT
from kubelogic.facts.peers import POLICIES, PeerReader
from kubelogic.logic import Rulebook

_BULK = ("ControllerRevision", "Endpoints", "EndpointSlice", "Event", "Lease", "Node", "Pod", "ReplicaSet")
"""Kinds of which there are many, and which admission of other objects does not read."""


class Talkers(msgspec.Struct, frozen=True, kw_only=True):
    """Pods, grouped.

    Attributes:
        stands: the group's pod that stands for it, by each pod.
        groups: the pods of a group, by the one that stands for it.
        cluster: those that stand for others, with all that decides who talks.
    """

    stands: Mapping[str, str]
    groups: Mapping[str, list[Object]]
    cluster: Cluster


def admitted(cluster: Cluster, book: Rulebook) -> Cluster:
    """A cluster as the API server holds it. What is there in bulk and was admitted before is not gone through.

    Args:
        cluster: as it was read.
        book: the rules of admission.
    """
    counted = bool(cluster.objects("ResourceQuota")) and not all(map(was_admitted, cluster.objects("Pod").values()))
    held: dict[str, Mapping[str, Object]] = {}
    small: dict[str, Mapping[str, Object]] = {}
    for kind in cluster.kinds():
        small[kind] = objects = cluster.objects(kind)
        if kind in _BULK and not counted:
            new = {key: obj for key, obj in objects.items() if not was_admitted(obj)}
            if len(new) < len(objects):
                small[kind] = new
                held[kind] = {key: obj for key, obj in objects.items() if key not in new} if new else objects
    done = load_state(Cluster(small, cluster.unread), rules=book, now=PRESENT).state.cluster
    kinds = {*done.kinds(), *held}
    return Cluster({kind: _both(held.get(kind, {}), done.objects(kind)) for kind in sorted(kinds)}, cluster.unread)


def _both(one: Mapping[str, Object], other: Mapping[str, Object]) -> Mapping[str, Object]:
    return {**one, **other} if one and other else one or other


def talkers(cluster: Cluster, ends: Iterable[Iterable[str] | None]) -> Talkers:
    """Group the pods that a question is about.

    Args:
        cluster: with all pods.
        ends: the keys of the pods of each end; None for all pods.
    """
    pods = cluster.objects("Pod")
    wanted = [None if end is None else [pods[key] for key in end] for end in ends]
    asked: Iterable[Object] = pods.values()
    if None not in wanted:
        asked = {pod.key: pod for end in wanted for pod in end or ()}.values()
    reader = PeerReader(cluster)
    groups = {min([pod.key for pod in group]): group for group in reader.grouped(asked)}
    stands = {pod.key: name for name, group in groups.items() for pod in group}
    shown = {pods[name].key: pods[name] for name in groups}
    shown |= {pod.key: pod for pod in _neighbours(groups)}
    kinds = [*POLICIES, "Namespace", *(["Node"] if reader.mentions.nodes is not None else [])]
    parts = {kind: cluster.objects(kind) for kind in kinds if cluster.objects(kind)}
    return Talkers(stands=stands, groups=groups, cluster=Cluster({**parts, "Pod": shown}, cluster.unread))


def _neighbours(groups: Mapping[str, list[Object]]) -> Iterator[Object]:
    """For each group on the network of nodes and each other one, two pods that are on one node, if there are any."""
    hosts = {name: group for name, group in groups.items() if _spec(group[0]).get("hostNetwork")}
    if not hosts:
        return
    places = {name: {_spec(pod).get("nodeName"): pod for pod in reversed(group)} for name, group in groups.items()}
    for name in hosts:
        for other in groups:
            small, large = sorted((places[name], places[other]), key=len)
            node = next((node for node in small if node and node in large), None)
            if node is not None:
                yield places[name][node]
                yield places[other][node]


def _spec(pod: Object) -> Mapping[str, Any]:
    found: Mapping[str, Any] = pod.document.get("spec") or {}
    return found
