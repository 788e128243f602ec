"""The stable names by which traces call objects with generated names: ``web#1`` for the first ReplicaSet of web."""

from __future__ import annotations

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import metadata, uid_of

_NUMBERED = {"ReplicaSet": "Deployment", "ControllerRevision": "", "Job": "CronJob"}
"""Kinds that are numbered in the order in which their owner makes them, and the owner's kind (empty: any)."""


class Names:
    """Remembers in which order objects came, over a whole run."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._keys: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}
        self._labels: dict[tuple[str, str], str] = {}
        self._order: dict[str, int] = {}
        self._incarnations: dict[str, list[str]] = {}
        self._seen: Cluster = Cluster()

    def learn(self, cluster: Cluster) -> None:
        """Take note of new objects; of those made at one moment, by name."""
        if cluster is self._seen:
            return
        _, added = cluster.changes_since(self._seen)
        self._seen = cluster
        for obj in sorted(added, key=lambda o: (o.kind, str(metadata(o).get("creationTimestamp") or ""), o.key)):
            if uid_of(obj) in self._order:
                continue
            self._order[uid_of(obj)] = len(self._order)
            self._incarnations.setdefault(f"{obj.kind} {obj.key}", []).append(uid_of(obj))
            if obj.kind in _NUMBERED:
                self._number(obj)

    def _number(self, obj: Object) -> None:
        owner = controller(obj)
        wanted = _NUMBERED[obj.kind]
        if owner is None or (wanted and owner["kind"] != wanted):
            return
        counter = f"{obj.kind} {owner['kind']} {obj.namespace}/{owner['name']}"
        before = [name for (kind, name), key in self._keys.items() if kind == obj.kind and key == obj.key]
        if before:
            name = before[0]
        else:
            self._counts[counter] = self._counts.get(counter, 0) + 1
            name = f"{owner['name']}#{self._counts[counter]}"
        self._names[uid_of(obj)] = name
        self._keys[obj.kind, name] = obj.key
        labels = metadata(obj).get("labels") or {}
        for label in ("pod-template-hash", "controller-revision-hash"):
            if label in labels:
                self._labels[label, labels[label]] = name

    def name(self, obj: Object) -> str:
        """What a trace calls an object; its own name if that is not generated."""
        return self._names.get(uid_of(obj), obj.name)

    def key(self, kind: str, name: str) -> str | None:
        """The key of an object that a trace calls by a number."""
        return self._keys.get((kind, name))

    def revision(self, name: str) -> str:
        """What a trace calls the ControllerRevision ``name``."""
        return self._labels.get(("controller-revision-hash", name), name)

    def label(self, label: str, value: str) -> str:
        """The value of a label, with template hashes replaced by names."""
        return self._labels.get((label, value), value)

    def owner(self, obj: Object) -> str:
        """``Kind/name`` of the controller of an object, empty for none."""
        reference = controller(obj)
        return f"{reference['kind']}/{self._by_uid(reference)}" if reference else ""

    def _by_uid(self, reference: dict[str, str]) -> str:
        return self._names.get(reference.get("uid", ""), reference["name"])

    def order(self, obj: Object) -> int:
        """When an object was first seen, as a number."""
        return self._order.get(uid_of(obj), len(self._order))

    def incarnation(self, obj: Object) -> int:
        """1 for the first object of its name, and so on."""
        found = self._incarnations.get(f"{obj.kind} {obj.key}", [])
        return found.index(uid_of(obj)) + 1 if uid_of(obj) in found else 1


def controller(obj: Object) -> dict[str, str] | None:
    """The reference to the controller of an object."""
    for reference in metadata(obj).get("ownerReferences") or ():
        if reference.get("controller"):
            found: dict[str, str] = reference
            return found
    return None
