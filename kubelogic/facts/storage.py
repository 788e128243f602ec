"""Claims, volumes, storage classes and drivers as far as scheduling reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubelogic.cluster import Object
from kubelogic.facts.base import Changes, Fact, FactModule
from kubelogic.facts.migrated_volumes import MIGRATED_KINDS, as_migrated
from kubelogic.facts.node_terms import node_term, requirement_facts
from kubelogic.facts.nodes import ZONE_LABELS
from kubelogic.facts.pod_specs import migrated, toleration_columns
from kubelogic.facts.selectors import label_set, requirements, selector
from kubelogic.kinds.quantity import amount, whole

BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
DEFAULT_MARKS = (DEFAULT_CLASS, "storageclass.beta.kubernetes.io/is-default-class")
"""Annotations of which each makes a class a default one."""
_ATTACHED_IN_TREE = frozenset({"fc", "iscsi"})
"""Volumes that the attach and detach controller knows without a CSI driver."""

Mentions = set[tuple[str, str, str]]


def claim_class(document: Mapping[str, Any]) -> str:
    """The storage class of a claim or volume; empty for none."""
    annotations = document["metadata"].get("annotations") or {}
    return str(annotations.get(CLASS_ANNOTATION) or (document.get("spec") or {}).get("storageClassName") or "")


def is_default_class(document: Mapping[str, Any]) -> bool:
    """Whether a StorageClass is marked as a default one, by the annotation or by the beta one that still counts.

    Source: pkg/volume/util/storageclass.go, IsDefaultAnnotation.
    """
    annotations = (document.get("metadata") or {}).get("annotations") or {}
    return any(annotations.get(mark) == "true" for mark in DEFAULT_MARKS)


def named_class(document: Mapping[str, Any]) -> str | None:
    """The class that a claim names, in the beta annotation or in its spec; None if it leaves the choice to the cluster.

    Source: staging/src/k8s.io/component-helpers/storage/volume/helpers.go, PersistentVolumeClaimHasClass.
    """
    annotations = (document.get("metadata") or {}).get("annotations") or {}
    spec = document.get("spec") or {}
    name = annotations[CLASS_ANNOTATION] if CLASS_ANNOTATION in annotations else spec.get("storageClassName")
    return None if name is None else str(name)


def claim(obj: Object) -> Iterator[Fact]:
    """The facts of a PersistentVolumeClaim."""
    key, document = obj.key, obj.document
    metadata, spec = document["metadata"], document.get("spec") or {}
    annotations = metadata.get("annotations") or {}
    yield "claim", (key,)
    yield "claim_class", (key, claim_class(document))
    if volume := spec.get("volumeName"):
        yield "claim_volume", (key, volume)
        if BIND_COMPLETED in annotations or (document.get("status") or {}).get("phase") == "Bound":
            yield "claim_bound", (key, volume)
    requested = ((spec.get("resources") or {}).get("requests") or {}).get("storage", 0)
    yield "claim_request", (key, whole(requested))
    for mode in sorted(set(spec.get("accessModes") or ())):
        yield "claim_access_mode", (key, mode)
    yield "claim_volume_mode", (key, spec.get("volumeMode") or "Filesystem")
    yield "claim_attributes_class", (key, spec.get("volumeAttributesClassName") or "")
    if spec.get("selector") is not None:
        text = selector(spec["selector"])
        yield "claim_selector", (key, text)
        yield "selector", (text,)
    if node := annotations.get(SELECTED_NODE):
        yield "claim_selected_node", (key, node)
    if uid := metadata.get("uid"):
        yield "claim_known_uid", (key, uid)
    if metadata.get("deletionTimestamp"):
        yield "claim_terminating", (key,)
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller") and owner["kind"] == "Pod":
            yield "claim_made_for", (key, f"{obj.namespace}/{owner['name']}")
    if (document.get("status") or {}).get("phase") == "Lost":
        yield "claim_lost", (key, spec.get("volumeName") or "")


_MIGRATED_PLUGINS = "storage.alpha.kubernetes.io/migrated-plugins"


def volume(obj: Object) -> Iterator[Fact]:
    """The facts of a PersistentVolume."""
    name, document = obj.name, obj.document
    metadata, spec = document["metadata"], document.get("spec") or {}
    labels = metadata.get("labels") or {}
    yield "volume", (name,)
    yield "volume_class", (name, claim_class(document))
    yield "volume_capacity", (name, whole((spec.get("capacity") or {}).get("storage", 0)))
    for mode in sorted(set(spec.get("accessModes") or ())):
        yield "volume_access_mode", (name, mode)
    yield "volume_mode", (name, spec.get("volumeMode") or "Filesystem")
    yield "volume_attributes_class", (name, spec.get("volumeAttributesClassName") or "")
    yield "volume_phase", (name, (document.get("status") or {}).get("phase") or "Pending")
    text = label_set(labels)
    yield "volume_labels", (name, text)
    yield "label_set", (text,)
    if reference := spec.get("claimRef"):
        yield "volume_reserved", (name, f"{reference.get('namespace', '')}/{reference.get('name', '')}")
        if uid := reference.get("uid"):
            yield "volume_reserved_uid", (name, uid)
    if metadata.get("deletionTimestamp"):
        yield "volume_terminating", (name,)
    for key, zones in _zones(labels):
        for value in zones:
            yield "volume_zone", (name, key, value)
    if source := spec.get("csi"):
        yield "volume_attaches", (name, source.get("driver", ""), source.get("volumeHandle", ""))
    for kind in _ATTACHED_IN_TREE & spec.keys():
        yield "volume_attached_in_tree", (name, kind)
    for kind, (plugin, _) in MIGRATED_KINDS.items():
        if spec.get(kind):
            yield "volume_migrates", (name, plugin)
    moved, told, _ = _volume_terms(as_migrated(document))
    if moved and any(spec.get(kind) for kind in MIGRATED_KINDS):
        for term in moved:
            yield "volume_migrated_term", (name, term)
        yield from told
    for csi_driver, handle in migrated(spec):
        yield "volume_in_tree", (name,)
        yield "volume_attaches", (name, csi_driver, handle)
    terms, facts, _ = _volume_terms(document)
    for term in terms:
        yield "volume_node_term", (name, term)
    yield from facts


def _zones(labels: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
    """The zone and region labels of a volume, each with the places that it lists; none if the list has a gap."""
    for key in ZONE_LABELS:
        if key in labels:
            places = sorted({part.strip() for part in str(labels[key]).split("__")})
            if all(places):
                yield key, places


def _volume_terms(document: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[Fact, ...], Mentions]:
    """The node selector terms of a volume, what they stand for, and the labels that they read."""
    shared: dict[Fact, None] = {}
    mentions: Mentions = set()
    required = ((document.get("spec") or {}).get("nodeAffinity") or {}).get("required") or {}
    terms = tuple(dict.fromkeys(node_term(term, shared, mentions) for term in required.get("nodeSelectorTerms") or ()))
    return terms, tuple(shared), mentions


def storage_class(obj: Object) -> Iterator[Fact]:
    """The facts of a StorageClass."""
    name, document = obj.name, obj.document
    yield "storage_class", (name, document.get("provisioner") or "")
    if document.get("volumeBindingMode") == "WaitForFirstConsumer":
        yield "class_waits", (name,)
    terms, facts, _ = _class_terms(document)
    for term in terms:
        yield "class_topology_term", (name, term)
    yield from facts


def _class_terms(document: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[Fact, ...], Mentions]:
    """The allowed topologies of a class as node selector terms."""
    shared: dict[Fact, None] = {}
    mentions: Mentions = set()
    terms = []
    for topology in document.get("allowedTopologies") or ():
        expressions = [
            {"key": e["key"], "operator": "In", "values": e.get("values") or ()}
            for e in topology.get("matchLabelExpressions") or ()
        ]
        terms.append(node_term({"matchExpressions": expressions}, shared, mentions))
    return tuple(dict.fromkeys(terms)), tuple(shared), mentions


def capacity(obj: Object) -> Iterator[Fact]:
    """The facts of a CSIStorageCapacity."""
    key, document = obj.key, obj.document
    yield "storage_capacity", (key, document.get("storageClassName") or "")
    limit = document.get("maximumVolumeSize")
    limit = document.get("capacity") if limit is None else limit
    if limit is not None:
        yield "capacity_limit", (key, whole(limit))
    if document.get("nodeTopology") is not None:
        yield "capacity_somewhere", (key,)
        mentions: Mentions = set()
        for label, operator, values in requirements(document["nodeTopology"]):
            term = node_term(
                {"matchExpressions": [{"key": label, "operator": operator, "values": values}]}, {}, mentions
            )
            yield "capacity_requirement", (key, term)
            yield from requirement_facts(term, label, operator, values, mentions)
        for mention in sorted(mentions):
            yield "node_label_mentioned", mention


def driver(obj: Object) -> Iterator[Fact]:
    """The facts of a CSIDriver."""
    if (obj.document.get("spec") or {}).get("attachRequired") is False:
        yield "driver_needs_no_attach", (obj.name,)
    if (obj.document.get("spec") or {}).get("storageCapacity"):
        yield "driver_reports_capacity", (obj.name,)


def node_drivers(obj: Object) -> Iterator[Fact]:
    """The facts of a CSINode."""
    yield "drivers_listed", (obj.name,)
    annotations = obj.document["metadata"].get("annotations") or {}
    for plugin in str(annotations.get(_MIGRATED_PLUGINS) or "").split(","):
        if plugin:
            yield "node_migrated", (obj.name, plugin)
    for found in (obj.document.get("spec") or {}).get("drivers") or ():
        yield "driver_on_node", (obj.name, found["name"])
        for key in found.get("topologyKeys") or ():
            yield "driver_topology_key", (obj.name, found["name"], key)
        count = (found.get("allocatable") or {}).get("count")
        if count is not None:
            yield "attach_limit", (obj.name, found["name"], count)


def attachment(obj: Object) -> Iterator[Fact]:
    """The facts of a VolumeAttachment."""
    spec = obj.document.get("spec") or {}
    if name := (spec.get("source") or {}).get("persistentVolumeName"):
        yield "attachment", (obj.name, spec.get("nodeName") or "", name)


def runtime_class(obj: Object) -> Iterator[Fact]:
    """The facts of a RuntimeClass: what it costs and where it is available."""
    document = obj.document
    yield "runtime_class", (obj.name,)
    for resource, value in sorted(((document.get("overhead") or {}).get("podFixed") or {}).items()):
        yield "runtime_class_overhead", (obj.name, resource, amount(resource, value))
    scheduling = document.get("scheduling") or {}
    for key, value in sorted((scheduling.get("nodeSelector") or {}).items()):
        yield "runtime_class_node_selector", (obj.name, key, value)
        yield "node_label_mentioned", (key, "value", value)
    for toleration in scheduling.get("tolerations") or ():
        yield "runtime_class_toleration", (obj.name, *toleration_columns(toleration))


class VolumeStage:
    """Mentions the node labels of the volumes and classes that waiting pods may use, and only of those.

    Thousands of local volumes in use would otherwise make a node class of each node.
    """

    def __init__(self) -> None:
        self._claims: dict[str, Object] = {}
        self._volumes: dict[str, Object] = {}
        self._classes: dict[str, Object] = {}
        self._considered: set[str] = set()
        self._claims_of: dict[str, set[str]] = {}
        self._mentions: frozenset[tuple[str, str, str]] = frozenset()

    def apply(self, changes: Changes) -> None:
        """See ``Stage``."""
        tables = {
            "PersistentVolumeClaim": self._claims,
            "PersistentVolume": self._volumes,
            "StorageClass": self._classes,
        }
        gone, come = changes.changed(kinds=tables)
        for obj in gone:
            del tables[obj.kind][obj.key]
        for obj in come:
            tables[obj.kind][obj.key] = obj
        touched = self._read_shapes(changes)
        if not (touched or gone or come):
            return
        mentions = frozenset(self._wanted_mentions())
        for mention in sorted(self._mentions - mentions):
            changes.remove("node_label_mentioned", mention)
        for mention in sorted(mentions - self._mentions):
            changes.add("node_label_mentioned", mention)
        self._mentions = mentions

    def _read_shapes(self, changes: Changes) -> bool:
        touched = False
        for shape, key, _ in changes.went("shape_claim"):
            self._claims_of[str(shape)].discard(str(key))
            touched = True
        for shape, key, _ in changes.came("shape_claim"):
            self._claims_of.setdefault(str(shape), set()).add(str(key))
            touched = True
        for (shape,) in changes.went("considered"):
            self._considered.discard(str(shape))
            touched |= bool(self._claims_of.get(str(shape)))
        for (shape,) in changes.came("considered"):
            self._considered.add(str(shape))
            touched |= bool(self._claims_of.get(str(shape)))
        return touched

    def _wanted_mentions(self) -> Mentions:
        found: Mentions = set()
        volumes: set[str] = set()
        classes: set[str] = set()
        for shape in self._considered:
            for key in self._claims_of.get(shape, ()):
                if key not in self._claims:
                    continue
                document = self._claims[key].document
                name = (document.get("spec") or {}).get("volumeName")
                if name:
                    volumes.add(name)
                else:
                    classes.add(claim_class(document))
        if classes:
            volumes.update(name for name, pv in self._volumes.items() if claim_class(pv.document) in classes)
            for name in classes & self._classes.keys():
                found |= _class_terms(self._classes[name].document)[2]
        for name in volumes & self._volumes.keys():
            document = self._volumes[name].document
            found |= _volume_terms(document)[2] | _volume_terms(as_migrated(document))[2]
            labels = document["metadata"].get("labels") or {}
            found |= _zone_mentions(labels)
        return found | _zones_present(found)


def _zone_mentions(labels: Mapping[str, str]) -> Mentions:
    places = [(name, value) for key, values in _zones(labels) for name in (key, _translated(key)) for value in values]
    return {(name, "value", value) for name, value in places}


def _zones_present(mentions: Mentions) -> Mentions:
    """All zone labels, if any is mentioned."""
    return {(key, "present", "") for key in ZONE_LABELS} if any(key in ZONE_LABELS for key, _, _ in mentions) else set()


def _translated(key: str) -> str:
    return key.replace("failure-domain.beta.kubernetes.io", "topology.kubernetes.io")


def _mentioned(obj: Object) -> Iterator[Fact]:
    """The node labels that a volume or class mentions once waiting pods may use it."""
    document = obj.document
    found = _volume_terms(document)[2] | _class_terms(document)[2]
    if obj.kind == "PersistentVolume":
        found |= _volume_terms(as_migrated(document))[2]
        found |= _zone_mentions(document["metadata"].get("labels") or {})
    for mention in sorted(found | _zones_present(found)):
        yield "node_label_mentioned", mention


MODULE = FactModule(
    name="storage",
    extractors={
        "PersistentVolumeClaim": claim,
        "PersistentVolume": volume,
        "StorageClass": storage_class,
        "CSIStorageCapacity": capacity,
        "CSIDriver": driver,
        "CSINode": node_drivers,
        "VolumeAttachment": attachment,
        "RuntimeClass": runtime_class,
    },
    stages=(VolumeStage,),
    traced=lambda _: {"PersistentVolume": _mentioned, "StorageClass": _mentioned},
)
