"""Who belongs to whom in the course of a run, for the slice of a timeline that is about one object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import metadata
from kubelogic.cluster.pods import node_of
from kubelogic.facts.selectors import matches

Name = tuple[str, str]
"""Kind and key."""

_OWNED = ("Pod", "ReplicaSet", "Job", "PersistentVolumeClaim", "ControllerRevision")
_KINDS: Mapping[str, str] = {
    "pod": "Pod",
    "deployment": "Deployment",
    "replica_set": "ReplicaSet",
    "service": "Service",
    "claim": "PersistentVolumeClaim",
    "job": "Job",
    "cron_job": "CronJob",
    "budget": "PodDisruptionBudget",
    "beneficiary": "Pod",
}
"""The kind of the object that an argument of this name means."""


@dataclass(slots=True)
class Kin:
    """Notes who owns whom, and where pods are; for one run."""

    owners: dict[Name, Name] = field(default_factory=dict)
    nodes: dict[str, set[str]] = field(default_factory=dict)
    seen: dict[str, Mapping[str, Object]] = field(default_factory=dict, repr=False, compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """What was looked at last is not kept."""
        return _kin, (self.owners, self.nodes)

    def see(self, cluster: Cluster) -> None:
        """Take note of a state."""
        for kind in _OWNED:
            objects = cluster.objects(kind)
            if self.seen.get(kind) is objects:
                continue
            self.seen[kind] = objects
            for key, obj in objects.items():
                if (kind, key) not in self.owners and (owner := _owner(obj)) is not None:
                    self.owners[kind, key] = owner
                if kind == "Pod" and (node := node_of(obj)):
                    self.nodes.setdefault(key, set()).add(str(node))

    def family(self, kind: str, key: str, cluster: Cluster) -> Family:
        """An object, what it owned at any time, the Services, budgets and autoscalers that are about its pods."""
        members = {(kind, key), *_scaled(cluster, kind, key)}
        grown = True
        while grown:
            more = {child for child, owner in self.owners.items() if owner in members} - members
            members |= more
            grown = bool(more)
        pods = {name for of, name in members if of == "Pod"}
        members.update(_about(cluster, kind, key))
        nodes = {key} if kind == "Node" else {node for pod in pods for node in self.nodes.get(pod, ())}
        return Family(members=frozenset(members), nodes=frozenset(nodes))


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """An object and what is about it; ``nodes``: where its pods were."""

    members: frozenset[Name]
    nodes: frozenset[str]

    def concerns(self, arguments: Mapping[str, Any], *, event: bool) -> bool:
        """Whether an entry with these arguments is about one of them.

        Args:
            arguments: of an action or an event.
            event: whether a person or the world does it: then what befalls a node of the family concerns it, too.
        """
        if any(self._is_member(name, value, arguments) for name, value in arguments.items()):
            return True
        node = arguments.get("node") or (arguments.get("key") if arguments.get("kind") == "Node" else None)
        return event and node in self.nodes

    def _is_member(self, name: str, value: Any, arguments: Mapping[str, Any]) -> bool:
        if isinstance(value, list | tuple):
            return any(isinstance(each, str) and self._named(each) for each in value)
        if not isinstance(value, str):
            return False
        if name == "key":
            return (str(arguments.get("kind") or ""), value) in self.members or (
                "kind" not in arguments and any(key == value for _, key in self.members)
            )
        if name == "owner":
            return (str(arguments.get("owner_kind") or ""), value) in self.members
        if name == "node":
            return ("Node", value) in self.members
        if name == "target":
            return any(f"{kind} {key}" in value for kind, key in self.members)
        return name in _KINDS and (_KINDS[name], value) in self.members

    def _named(self, text: str) -> bool:
        """Whether an item of a list names a member: ``Kind namespace/name``, or the key of a pod."""
        kind, _, key = text.rpartition(" ")
        return (kind or "Pod", key) in self.members


def _owner(obj: Object) -> Name | None:
    for reference in metadata(obj).get("ownerReferences") or ():
        if reference.get("controller") or obj.kind == "PersistentVolumeClaim":
            return str(reference.get("kind")), f"{obj.namespace}/{reference.get('name')}"
    return None


def _scaled(cluster: Cluster, kind: str, key: str) -> Iterator[Name]:
    """What an autoscaler scales."""
    scaler = cluster.get(kind, key) if kind == "HorizontalPodAutoscaler" else None
    if scaler is not None:
        target = (scaler.document.get("spec") or {}).get("scaleTargetRef") or {}
        yield str(target.get("kind")), f"{scaler.namespace}/{target.get('name')}"


def _about(cluster: Cluster, kind: str, key: str) -> Iterator[Name]:
    obj = cluster.get(kind, key)
    if obj is None:
        return
    spec = obj.document.get("spec") or {}
    meta = metadata(obj) if kind == "Pod" else ((spec.get("template") or {}).get("metadata") or {})
    labels = meta.get("labels") or {}
    for service in cluster.objects("Service").values():
        wanted = (service.document.get("spec") or {}).get("selector") or {}
        if wanted and service.namespace == obj.namespace and wanted.items() <= labels.items():
            yield "Service", service.key
    for budget in cluster.objects("PodDisruptionBudget").values():
        selector = (budget.document.get("spec") or {}).get("selector")
        if labels and selector is not None and budget.namespace == obj.namespace:
            exact = [(name, "In", (value,)) for name, value in (selector.get("matchLabels") or {}).items()]
            if exact and matches(exact, labels):
                yield "PodDisruptionBudget", budget.key
    for scaler in cluster.objects("HorizontalPodAutoscaler").values():
        target = (scaler.document.get("spec") or {}).get("scaleTargetRef") or {}
        if (target.get("kind"), f"{scaler.namespace}/{target.get('name')}") == (kind, key):
            yield "HorizontalPodAutoscaler", scaler.key


def _kin(owners: dict[Name, Name], nodes: dict[str, set[str]]) -> Kin:
    return Kin(owners=owners, nodes=nodes)
