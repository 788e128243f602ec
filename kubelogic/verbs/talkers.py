"""Groups of pods that no policy tells apart, and a small cluster in which one pod of each stands for all.

What the rules say of a group follows from what tells it from others, so a question about 150,000 pods is one about
a few hundred. Who is on whose node is told of pods, so pods that are on one node stand in where that matters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.apiserver.loading import load_state, was_admitted
from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.clock import PRESENT
from kubelogic.cluster.owners import Maker, by_maker, makers
from kubelogic.facts.peers import POLICIES, Alike, PeerReader
from kubelogic.facts.rulebook import builtin_rulebook
from kubelogic.logic import Rulebook

_BULK = ("ControllerRevision", "Endpoints", "EndpointSlice", "Event", "Lease", "Node", "Pod", "ReplicaSet")
"""Kinds of which there are many, and which admission of other objects does not read."""


Parts = list[tuple[Maker, list[Object]]]
"""Pods by who made them."""


class Talkers(msgspec.Struct, frozen=True, kw_only=True):
    """Pods, grouped.

    Attributes:
        groups: the pods of a group, by the one that stands for it.
        cluster: those that stand for others, with all policies and what they ask of.
    """

    groups: Mapping[str, Parts]
    cluster: Cluster
    _reader: PeerReader
    _names: Mapping[Alike, str]

    def with_pods(self, pods: Iterable[Object]) -> Cluster:
        """Those that stand for others, and further pods.

        Args:
            pods: of the groups.
        """
        shown = {**self.cluster.objects("Pod"), **{pod.key: pod for pod in pods}}
        parts = {kind: self.cluster.objects(kind) for kind in self.cluster.kinds()}
        return Cluster({**parts, "Pod": shown}, self.cluster.unread)

    def among(self, pods: Iterable[Object]) -> dict[str, Parts]:
        """Some of the pods that were grouped, in their groups.

        Args:
            pods: which.
        """
        return {self._names[alike]: parts for alike, parts in _parts(self._reader, by_maker(pods)).items()}

    def but(self, pods: Iterable[Object]) -> dict[str, Parts]:
        """The groups without some of their pods; without those that have no others.

        Args:
            pods: which to leave out.
        """
        without = list(pods)
        keys = {pod.key for pod in without}
        found = dict(self.groups)
        for name in self.among(without):
            left = [(maker, [pod for pod in mine if pod.key not in keys]) for maker, mine in found.pop(name)]
            if left := [(maker, mine) for maker, mine in left if mine]:
                found[name] = left
        return found


def admitted(cluster: Cluster, book: Rulebook) -> Cluster:
    """A cluster as the API server holds it. What is there in bulk and was admitted before is not gone through.

    Args:
        cluster: as it was read; by the built-in rules it is admitted once.
        book: the rules of admission.
    """
    if book is builtin_rulebook():
        return cluster.kept("admitted", lambda: _admitted(cluster, book))
    return _admitted(cluster, book)


def _admitted(cluster: Cluster, book: Rulebook) -> Cluster:
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
    if None in wanted:
        return cluster.kept("groups of all pods", lambda: _grouped(cluster, makers(cluster)))
    return _grouped(cluster, by_maker({pod.key: pod for end in wanted for pod in end or ()}.values()))


def _grouped(cluster: Cluster, made: Mapping[Maker, Sequence[Object]]) -> Talkers:
    reader = PeerReader(cluster)
    parts = _parts(reader, made)
    names = {alike: min([pod.key for _, pods in mine for pod in pods]) for alike, mine in parts.items()}
    kinds = [*POLICIES, "Namespace", *(["Node"] if reader.mentions.nodes is not None else [])]
    shown = {kind: cluster.objects(kind) for kind in kinds if cluster.objects(kind)}
    pods = {name: cluster.objects("Pod")[name] for name in names.values()}
    return Talkers(
        groups={names[alike]: mine for alike, mine in parts.items()},
        cluster=Cluster({**shown, "Pod": pods}, cluster.unread),
        _reader=reader,
        _names=names,
    )


def _parts(reader: PeerReader, made: Mapping[Maker, Sequence[Object]]) -> dict[Alike, Parts]:
    found: dict[Alike, Parts] = {}
    for maker, pods in made.items():
        for alike, mine in reader.grouped(pods).items():
            found.setdefault(alike, []).append((maker, mine))
    return found


def neighbours(sources: Mapping[str, Parts], targets: Mapping[str, Parts]) -> Iterator[Object]:
    """For each source on the network of nodes and each target, two pods that are on one node, if there are any.

    Args:
        sources: pods of one end, in groups.
        targets: pods of the other end.
    """
    for parts in sources.values():
        if not _spec(parts[0][1][0]).get("hostNetwork"):
            continue
        places = {node: pod for _, pods in parts for pod in pods if (node := _spec(pod).get("nodeName"))}
        for theirs in targets.values():
            near = next((pod for _, pods in theirs for pod in pods if _spec(pod).get("nodeName") in places), None)
            if near is not None:
                yield places[_spec(near)["nodeName"]]
                yield near


def _spec(pod: Object) -> Mapping[str, Any]:
    found: Mapping[str, Any] = pod.document.get("spec") or {}
    return found
