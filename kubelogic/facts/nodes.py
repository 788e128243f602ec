"""Nodes and node classes: nodes that are equal in everything that some constraint mentions.

Only label keys and values that a waiting pod's constraints (or the volumes and classes it needs) read take part. A
value that none of them mentions is ``*``, so a selector on one host name makes two classes, not one for each host.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.cluster import Object
from kubelogic.facts.base import Changes, Extractor, Fact, FactModule, Row, World
from kubelogic.facts.features import REQUIRABLE
from kubelogic.facts.node_labels import kept_labels
from kubelogic.facts.node_terms import NODE_NAME, integer
from kubelogic.facts.objects import created
from kubelogic.kinds.quantity import amount
from kubelogic.patterns import regex

_DIGITS = regex(r"[0-9]+")

OTHER = "*"
"""Stands for all values of a label that no constraint mentions."""

ZONE_LABELS = (
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
)

HOST_NAME = "kubernetes.io/hostname"

ClassKey = tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str, str], ...], bool, frozenset[str], frozenset[str]]
"""Labels, taints, whether cordoned, topology keys present, features that pods may need."""


def node(obj: Object) -> Iterator[Fact]:
    """The facts of a node that do not depend on what is mentioned."""
    name, document = obj.key, obj.document
    yield "node", (name,)
    yield "node_age", (name, created(document["metadata"]), natural(name))
    status = document.get("status") or {}
    allocatable = status.get("allocatable") or status.get("capacity") or {}
    for resource, value in sorted(allocatable.items()):
        yield "node_allocatable", (name, resource, amount(resource, value))
    for key, value in sorted((document["metadata"].get("labels") or {}).items()):
        if key == HOST_NAME or key.startswith("topology.") or key in ZONE_LABELS:
            yield "node_segment", (name, key, str(value))


def natural(name: str) -> str:
    """A text that orders names as people number them: ``node-2`` before ``node-10``.

    >>> sorted(["node-10", "node-2"], key=natural)
    ['node-2', 'node-10']
    """
    return _DIGITS.sub(lambda match: match[0].zfill(20), name)


SPREAD_BY_DEFAULT = ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
"""What pods without constraints of their own, and groups of pods, are spread over: always read, as nodes would else be
looked at again whenever the first pod waits, and whenever the last one is bound."""


class _Node(msgspec.Struct, kw_only=True):
    labels: Mapping[str, str]
    taints: tuple[tuple[str, str, str], ...]
    cordoned: bool
    features: frozenset[str]
    images: Mapping[str, int]
    key: ClassKey | None = None
    topology: tuple[tuple[str, str], ...] = ()
    shown_images: tuple[tuple[str, int], ...] = ()


class _Class(msgspec.Struct, kw_only=True):
    name: str
    nodes: set[str] = msgspec.field(default_factory=set)


class NodeClassStage:
    """Keeps ``node_class``, the facts of classes, ``node_topology`` and ``node_image``."""

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}
        self._classes: dict[ClassKey, _Class] = {}
        self._names: set[str] = set()
        self._values: dict[str, set[str]] = {}
        self._numbers: set[str] = set()
        self._present: set[str] = set()
        self._topology: set[str] = set()
        self._images: set[str] = set()
        self._read: tuple[Sequence[str], Sequence[str]] = (), SPREAD_BY_DEFAULT
        """The labels that count and those that are shown, in order."""

    def apply(self, changes: Changes) -> None:
        """See ``Stage``."""
        labels, images = self._read_mentions(changes)
        left, entered = changes.changed(kinds=("Node",))
        gone = {obj.name: self._nodes.pop(obj.name) for obj in left}
        come = {obj.name: _read(obj) for obj in entered}
        if labels or images:
            again = {name: node for name, node in self._nodes.items() if _concerns(node, labels, images)}
            gone.update(again)
            come.update((name, _fresh(node)) for name, node in again.items())
        self._renew(gone, come, changes)
        if labels or images:
            misnamed = [each.nodes for each in self._classes.values() if each.name != min(each.nodes)]
            again = {name: self._nodes[name] for nodes in misnamed for name in nodes}
            self._renew(again, again, changes)

    def _renew(self, gone: Mapping[str, _Node], come: Mapping[str, _Node], changes: Changes) -> None:
        """Let nodes go, then come as they are now; a class that comes is named after its first node."""
        self._nodes.update(come)
        for name in sorted(gone):
            self._leave(name, gone[name], changes)
        for name in sorted(come):
            self._enter(name, come[name], changes)

    def _read_mentions(self, changes: Changes) -> tuple[frozenset[str], frozenset[str]]:
        """The labels and the images that are mentioned in another way now."""
        went = {predicate: changes.went(predicate) for predicate in _MENTIONS}
        came = {predicate: changes.came(predicate) for predicate in _MENTIONS}
        self._mention(went, known=False)
        self._mention(came, known=True)
        found = {predicate: {str(row[0]) for row in (*went[predicate], *came[predicate])} for predicate in _MENTIONS}
        labels = found["node_label_mentioned"] | (found["topology_key"] - {*SPREAD_BY_DEFAULT})
        return frozenset(labels), frozenset(found["image_mentioned"])

    def _mention(self, rows: Mapping[str, Iterable[Row]], *, known: bool) -> None:
        """Have things mentioned from now on, or no longer."""
        for key, how, value in rows["node_label_mentioned"]:
            if how == "value":
                values = self._values.setdefault(str(key), set())
                (values.add if known else values.discard)(str(value))
                if not values:
                    del self._values[str(key)]
            else:
                keys = self._numbers if how == "number" else self._present
                (keys.add if known else keys.discard)(str(key))
        for predicate, names in (("topology_key", self._topology), ("image_mentioned", self._images)):
            (names.update if known else names.difference_update)(str(name) for (name,) in rows[predicate])
        labels = sorted({*self._values, *self._numbers, *self._present})
        self._read = labels, sorted({*SPREAD_BY_DEFAULT, *self._topology})

    @classmethod
    def traced(cls, world: World) -> Mapping[str, Extractor]:
        """The facts of single nodes and of their classes, as far as this world mentions labels and images."""
        stage = cls()
        stage._mention({predicate: world.rows(predicate, {}) for predicate in _MENTIONS}, known=True)

        def facts(obj: Object) -> Iterator[Fact]:
            name, found = obj.name, _read(obj)
            key = stage._look(name, found)
            yield from _node_facts(name, found)
            for _, node_class in world.rows("node_class", {0: name}):
                yield "node_class", (name, node_class)
                yield from stage._class_facts(str(node_class), key)

        return {"Node": facts}

    def _look(self, name: str, found: _Node) -> ClassKey:
        """What of a node is mentioned."""
        labels = {**found.labels, NODE_NAME: name}
        counted = []
        counting, shown = self._read
        for key in counting:
            if key in labels:
                value = labels[key]
                known = key in self._numbers or value in self._values.get(key, ())
                counted.append((key, value if known else OTHER))
        found.topology = tuple([(key, labels[key]) for key in shown if key in labels])
        if found.images:
            images = sorted(self._images & found.images.keys())
            found.shown_images = tuple([(image, found.images[image]) for image in images])
        found.key = (
            tuple(counted),
            found.taints,
            found.cordoned,
            frozenset([key for key, _ in found.topology]),
            found.features,
        )
        return found.key

    def _enter(self, name: str, found: _Node, changes: Changes) -> None:
        key = self._look(name, found)
        node_class = self._classes.get(key)
        if node_class is None:
            node_class = self._classes[key] = _Class(name=self._free_name(name))
            for fact in self._class_facts(node_class.name, key):
                changes.add(*fact)
        node_class.nodes.add(name)
        changes.add("node_class", (name, node_class.name))
        for fact in _node_facts(name, found):
            changes.add(*fact)

    def _leave(self, name: str, found: _Node, changes: Changes) -> None:
        assert found.key is not None
        node_class = self._classes[found.key]
        changes.remove("node_class", (name, node_class.name))
        for fact in _node_facts(name, found):
            changes.remove(*fact)
        node_class.nodes.discard(name)
        if not node_class.nodes:
            del self._classes[found.key]
            self._names.discard(node_class.name)
            for fact in self._class_facts(node_class.name, found.key):
                changes.remove(*fact)

    def _free_name(self, first: str) -> str:
        name, number = first, 1
        while name in self._names:
            number += 1
            name = f"{first}#{number}"
        self._names.add(name)
        return name

    def _class_facts(self, name: str, key: ClassKey) -> Iterator[Fact]:
        labels, taints, cordoned, topology, features = key
        yield "is_node_class", (name,)
        for label, value in labels:
            yield "class_label", (name, label, value)
            number = None if value == OTHER else integer(value)
            if number is not None:
                yield "class_number", (name, label, number)
        for taint in taints:
            yield "node_taint", (name, *taint)
        if cordoned:
            yield "class_unschedulable", (name,)
        for topology_key in sorted(topology):
            yield "class_topology", (name, topology_key)
        for feature in sorted(features):
            yield "class_feature", (name, feature)


_MENTIONS = ("node_label_mentioned", "topology_key", "image_mentioned")


def _node_facts(name: str, found: _Node) -> Iterator[Fact]:
    """What is mentioned of one node and does not count for its class."""
    for key, value in found.topology:
        yield "node_topology", (name, key, value)
    for image, size in found.shown_images:
        yield "node_image", (name, image, size)


def _concerns(node: _Node, labels: frozenset[str], images: frozenset[str]) -> bool:
    """Whether a node has any of some labels, its name being one, or of some images."""
    return NODE_NAME in labels or not labels.isdisjoint(node.labels) or not images.isdisjoint(node.images)


def _read(obj: Object) -> _Node:
    document = obj.document
    spec, status = document.get("spec") or {}, document.get("status") or {}
    taints: list[Mapping[str, Any]] = list(spec.get("taints") or ())
    images: dict[str, int] = {}
    for image in status.get("images") or ():
        for name in image.get("names") or ():
            images[name] = image.get("sizeBytes") or 0
    return _Node(
        labels=kept_labels(document["metadata"].get("labels") or {}),
        taints=tuple(sorted({(t["key"], t.get("value") or "", t["effect"]) for t in taints})),
        cordoned=bool(spec.get("unschedulable")),
        features=REQUIRABLE.intersection(status.get("declaredFeatures") or ()),
        images=images,
    )


def _fresh(kept: _Node) -> _Node:
    return _Node(
        labels=kept.labels,
        taints=kept.taints,
        cordoned=kept.cordoned,
        features=kept.features,
        images=kept.images,
    )


MODULE = FactModule(name="nodes", extractors={"Node": node}, stages=(NodeClassStage,), traced=NodeClassStage.traced)
