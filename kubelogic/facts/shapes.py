"""Shapes: pods that are equal in everything that scheduling reads, put together under a readable name.

A pod's labels count only as far as some selector reads them. Required affinity to a single node by name (a
DaemonSet's pods) does not make a shape of its own: it is the fact ``pod_pinned``.

Grouping, naming and keeping of shapes work on one store of groups, so the file is longer than others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec
from msgspec.structs import replace

from kubelogic.cluster import Object
from kubelogic.cluster.naming import NAMESPACE_LABEL
from kubelogic.facts import pod_specs, resizes
from kubelogic.facts.alike import People, rows_of
from kubelogic.facts.base import Changes, Extractor, Fact, FactModule, World, whether
from kubelogic.facts.pod_specs import SpecFacts
from kubelogic.facts.replacements import Pair, concern
from kubelogic.facts.selectors import NOTHING, label_set, labels_of, map_selector, parse, selector

SPREAD_OWNERS = ("ReplicaSet", "ReplicationController", "StatefulSet")
"""The controllers whose selectors take part in default spreading."""

DAEMON_TOLERATIONS: tuple[Mapping[str, Any], ...] = (
    {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"},
    {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"},
    {"key": "node.kubernetes.io/disk-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/memory-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/pid-pressure", "operator": "Exists", "effect": "NoSchedule"},
    {"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"},
)
"""What the DaemonSet controller adds to its pods' tolerations.

Source: Kubernetes documentation, "DaemonSet", taints and tolerations.
"""

_HOST_NETWORK = {"key": "node.kubernetes.io/network-unavailable", "operator": "Exists", "effect": "NoSchedule"}
FINISHED = frozenset({"Succeeded", "Failed"})

Mark = tuple[str, str, str]
"""``shape_label`` or ``shape_annotation``, the key and the value."""

Key = tuple[SpecFacts, str, str, str, str, tuple[Mark, ...]]
"""Spec, namespace, labels that count, owner for spreading, pod name if nominated, marks that rules read."""


def controller_of(document: Mapping[str, Any]) -> tuple[str, str]:
    """Kind and name of the controlling owner of an object, or two empty texts."""
    for owner in document["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            return owner["kind"], owner["name"]
    return "", ""


def workload_name(document: Mapping[str, Any], name: str) -> str:
    """What a person calls the workload of a pod: its Deployment, other controller, or itself.

    >>> pod = {"metadata": {"labels": {"pod-template-hash": "5d4"},
    ...                     "ownerReferences": [{"controller": True, "kind": "ReplicaSet", "name": "cart-5d4"}]}}
    >>> workload_name(pod, "cart-5d4-x8")
    'cart'
    """
    kind, owner = controller_of(document)
    revision = (document["metadata"].get("labels") or {}).get("pod-template-hash")
    if kind == "ReplicaSet" and revision:
        return owner.removesuffix(f"-{revision}")
    return owner or name


def is_pending(document: Mapping[str, Any]) -> bool:
    """Whether a scheduler has still to find a node for a pod."""
    spec = document.get("spec") or {}
    return (
        not spec.get("nodeName")
        and not document["metadata"].get("deletionTimestamp")
        and (document.get("status") or {}).get("phase") not in FINISHED
    )


MIRROR = "kubernetes.io/config.mirror"
"""The annotation of the API server's copy of a static pod."""


def awaits_admission(document: Mapping[str, Any]) -> bool:
    """Whether a pod names its node itself, and the kubelet there has not reported anything of it."""
    if not (document.get("spec") or {}).get("nodeName"):
        return False
    status = document.get("status") or {}
    if status.get("startTime") or (status.get("phase") or "Pending") != "Pending":
        return False
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "True":
            return False
    metadata = document["metadata"]
    return not metadata.get("deletionTimestamp") and MIRROR not in (metadata.get("annotations") or {})


_key = attrgetter("key")


class _Shape(msgspec.Struct, kw_only=True):
    name: str
    pods: int = 0
    waiting: int = 0


class _Applicant(msgspec.Struct):
    """A pod, or a template that pods will be made from; the same one for pods that are alike in all this."""

    spec: SpecFacts
    namespace: str
    labels: Mapping[str, str]
    owner: str
    nominee: str
    waiting: bool
    marks: tuple[Mark, ...] = ()
    key: Key | None = None


class ShapeStage:
    """Keeps the facts of shapes, ``pod_shape`` and ``daemonset_shape``."""

    def __init__(self) -> None:
        self._by_bytes: dict[tuple[bytes, str], SpecFacts] = {}
        self._by_tails: dict[tuple[object, ...], SpecFacts] = {}
        self._spec_users: dict[SpecFacts, int] = {}
        self._spec_bytes: dict[SpecFacts, list[tuple[bytes, str]]] = {}
        self._label_keys: Counter[str] = Counter()
        self._shapes: dict[Key, _Shape] = {}
        self._names: set[str] = set()
        self._pods: dict[str, _Applicant] = {}
        self._daemons: dict[str, _Applicant] = {}
        self._counted: dict[tuple[str | None, ...], str] = {}
        self._read_labels: tuple[str, ...] = ()
        self._read_annotations: tuple[str, ...] = ()
        self._reads = _SHAPE_READS
        self._same: dict[tuple[int, str], SpecFacts] = {}
        """The facts of the very same spec in one namespace, during one update."""

    def apply(self, changes: Changes) -> None:
        """See ``Stage``."""
        self._note_mentions(changes)
        keys_before = frozenset(key for key in self._label_keys if self._label_keys[key])
        left, entered = changes.changed(self._reads, kinds=_PEOPLE)
        for old, new in self._stayed(changes):
            left.append(old)
            entered.append(new)
        gone = [(obj, self._people(obj).pop(obj.key)) for obj in left]
        selecting = changes.changed(_SELECTOR_READS, kinds=_SPREADING)
        for obj in selecting[0]:
            self._label_keys.subtract(_selector_keys(obj))
        for obj in selecting[1]:
            self._label_keys.update(_selector_keys(obj))
        self._same.clear()
        arrivals = self._read_all(entered, changes)
        for _, applicant in gone:
            self._release_spec(applicant.spec)
        keys = tuple(sorted(key for key in self._label_keys if self._label_keys[key]))
        for obj, applicant in gone:
            self._leave(obj.kind, obj.key, applicant, changes)
        if frozenset(keys) != keys_before:
            self._counted.clear()
            self._name_again(keys, changes)
        for applicant, alike in arrivals:
            self._enter(applicant, alike, keys, changes)

    def _stayed(self, changes: Changes) -> Iterator[Pair]:
        """Go through the pods in which nothing changed that shapes are made of, and give those that need one anew.

        Whether a pod waits counts for its shape; for its own part only if it is nominated. What a node gives it
        counts only if that is not what it asks for.
        """
        turned: dict[int, tuple[Key, list[int]]] = {}
        for group in changes.replaced:
            if group.kind != "Pod" or concern(group.fields, self._reads):
                continue
            moved = concern(group.fields, _WAITING_READS)
            told = concern(group.fields, _GIVEN_READS)
            for alike in group.alike(_STAYING_READS):
                old, new = alike[0]
                given_anew = told and _given(old) != _given(new)
                waiting = is_pending(new.document) or awaits_admission(new.document)
                twins: dict[int, tuple[_Applicant, _Applicant]] = {}
                for pair in alike:
                    name = pair[1].key
                    applicant = self._pods[name]
                    if given_anew or (moved and applicant.nominee):
                        yield pair
                    elif moved and waiting != applicant.waiting and (key := applicant.key) is not None:
                        if id(applicant) not in twins:
                            twins[id(applicant)] = applicant, replace(applicant, waiting=waiting)
                        self._pods[name] = twins[id(applicant)][1]
                        turned.setdefault(id(key), (key, []))[1].append(1 if waiting else -1)
        for key, steps in turned.values():
            if by := sum(steps):
                self._count_waiting(self._shapes[key], key, by, changes)

    def _note_mentions(self, changes: Changes) -> None:
        """Take over which labels and annotations of pods rules read; that is said once, in the first update."""
        self._read_labels += tuple(str(key) for (key,) in sorted(changes.came("pod_label_mentioned")))
        self._read_annotations += tuple(str(key) for (key,) in sorted(changes.came("pod_annotation_mentioned")))
        if self._read_annotations:
            self._reads = _SHAPE_READS | {"metadata.annotations"}

    def _people(self, obj: Object) -> dict[str, _Applicant]:
        return self._pods if obj.kind == "Pod" else self._daemons

    def _name_again(self, keys: Sequence[str], changes: Changes) -> None:
        """Give all pods their shapes anew, because other labels count now."""
        moved = [
            (kind, name, people[name])
            for kind, people in (("DaemonSet", self._daemons), ("Pod", self._pods))
            for name in sorted(people)
            if self._key(people[name], keys) != people[name].key
        ]
        for kind, name, applicant in moved:
            self._leave(kind, name, applicant, changes)
        for kind, name, applicant in moved:
            self._enter(applicant, [changes.after.objects(kind)[name]], keys, changes)

    # -- reading -------------------------------------------------------------------------------------------

    def _read_all(self, objects: Sequence[Object], changes: Changes) -> list[tuple[_Applicant, list[Object]]]:
        """Those that come, by their keys, each with the objects that are alike in all that shapes are made of."""
        found = [(self._read(obj), [obj]) for obj in objects if obj.kind != "Pod"]
        pods, people = [obj for obj in objects if obj.kind == "Pod"], changes.newcomers.get("Pod")
        if people is None or len(people.objects) != len(pods):
            people = People.of(pods)
        for numbers in people.in_classes(_ALIKE_IN):
            alike = sorted([people.objects[number] for number in numbers], key=_key)
            applicant = self._read(alike[0])
            if applicant.nominee or _has_ephemeral(alike[0]):
                found += [(applicant, alike[:1]), *((self._read(obj), [obj]) for obj in alike[1:])]
            else:
                self._spec_users[applicant.spec] += len(alike) - 1
                found.append((applicant, alike))
        return sorted(found, key=lambda each: (each[1][0].kind, each[1][0].key))

    def _read(self, obj: Object) -> _Applicant:
        found = _applicant(obj, self._spec)
        found.marks = _marks(_metadata(obj), self._read_labels, self._read_annotations)
        return found

    def _spec(
        self,
        spec: Mapping[str, Any],
        obj: Object,
        labels: Mapping[str, str],
        extra: Sequence[Mapping[str, Any]],
        given: Sequence[Fact],
    ) -> SpecFacts:
        namespace = obj.namespace
        same = None if extra or given else self._same.get((id(spec), namespace))
        if same is None:
            encoded = pod_specs.fingerprint(spec, pod=obj.name, labels=labels)
            personal = extra or given or pod_specs.is_personal(encoded)
            key = (encoded + msgspec.json.encode(given) if given else encoded) + (b"+daemon" if extra else b"")
            same = self._by_bytes.get((key, namespace))
            if same is None:
                same = self._keep(_spec_facts(spec, obj, labels, extra, given), (key, namespace))
            if not personal:
                self._same[id(spec), namespace] = same
        users = self._spec_users.get(same, 0)
        self._spec_users[same] = users + 1
        if not users:
            self._label_keys.update(same.label_keys)
        return same

    def _keep(self, fresh: SpecFacts, key: tuple[bytes, str]) -> SpecFacts:
        facts = self._by_tails.setdefault((fresh.tails, fresh.shared), fresh)
        self._by_bytes[key] = facts
        self._spec_bytes.setdefault(facts, []).append(key)
        return facts

    def _release_spec(self, facts: SpecFacts) -> None:
        self._spec_users[facts] -= 1
        if not self._spec_users[facts]:
            del self._spec_users[facts]
            self._label_keys.subtract(facts.label_keys)
            del self._by_tails[facts.tails, facts.shared]
            for key in self._spec_bytes.pop(facts):
                del self._by_bytes[key]

    # -- shapes --------------------------------------------------------------------------------------------

    def _key(self, applicant: _Applicant, keys: Sequence[str]) -> Key:
        labels = applicant.labels
        values = tuple([labels.get(key) for key in keys])
        counted = self._counted.get(values)
        if counted is None:
            counted = self._counted[values] = label_set({key: labels[key] for key in keys if key in labels})
        return applicant.spec, applicant.namespace, counted, applicant.owner, applicant.nominee, applicant.marks

    def _enter(self, applicant: _Applicant, alike: Sequence[Object], keys: Sequence[str], changes: Changes) -> None:
        """Give an applicant its shape: the one that objects which are alike make."""
        key = applicant.key = self._key(applicant, keys)
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._shapes[key] = _Shape(name=self._free_name(alike[0]))
            for fact in _shape_facts(shape.name, key):
                changes.add(*fact)
        shape.pods += len(alike)
        if applicant.waiting:
            self._count_waiting(shape, key, len(alike), changes)
        names = [obj.key for obj in alike]
        self._people(alike[0]).update(dict.fromkeys(names, applicant))
        predicate = "pod_shape" if alike[0].kind == "Pod" else "daemonset_shape"
        changes.count_all(predicate, rows_of(names, (shape.name,)), 1)

    def _leave(self, kind: str, name: str, applicant: _Applicant, changes: Changes) -> None:
        key = applicant.key
        assert key is not None
        shape = self._shapes[key]
        changes.remove("pod_shape" if kind == "Pod" else "daemonset_shape", (name, shape.name))
        if applicant.waiting:
            self._count_waiting(shape, key, -1, changes)
        shape.pods -= 1
        if not shape.pods:
            del self._shapes[key]
            self._names.discard(shape.name)
            for fact in _shape_facts(shape.name, key):
                changes.remove(*fact)

    def _count_waiting(self, shape: _Shape, key: Key, by: int, changes: Changes) -> None:
        """Count waiting pods of a shape, more or less of them."""
        before = shape.waiting
        shape.waiting += by
        if not (before and shape.waiting):
            for predicate, row in _waiting_facts(shape.name, key):
                changes.count(predicate, row, 1 if by > 0 else -1)

    def _free_name(self, obj: Object) -> str:
        workload = obj.name if obj.kind == "DaemonSet" else workload_name(obj.document, obj.name)
        first = f"{obj.namespace}/{workload}"
        name, number = first, 1
        while name in self._names:
            number += 1
            name = f"{first}#{number}"
        self._names.add(name)
        return name


_ReadSpec = Callable[
    [Mapping[str, Any], Object, Mapping[str, str], Sequence[Mapping[str, Any]], Sequence[Fact]], SpecFacts
]
"""The facts of a spec, of an object, with a pod's labels, more tolerations, and what its node gives it."""


def _spec_facts(
    spec: Mapping[str, Any],
    obj: Object,
    labels: Mapping[str, str],
    extra: Sequence[Mapping[str, Any]],
    given: Sequence[Fact],
) -> SpecFacts:
    fresh = pod_specs.read(spec, pod=obj.name, namespace=obj.namespace, labels=labels, extra_tolerations=extra)
    return replace(fresh, tails=(*fresh.tails, *given)) if given else fresh


def _marks(
    metadata: Mapping[str, Any], read_labels: Sequence[str], read_annotations: Sequence[str]
) -> tuple[Mark, ...]:
    """The labels and annotations of a pod or template that rules read."""
    if not (read_labels or read_annotations):
        return ()
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    return (
        *(("shape_label", key, str(labels[key])) for key in read_labels if key in labels),
        *(("shape_annotation", key, str(annotations[key])) for key in read_annotations if key in annotations),
    )


def _metadata(obj: Object) -> Mapping[str, Any]:
    """The metadata of a pod, or of the template of its controller."""
    document = obj.document
    found = document["spec"]["template"].get("metadata") if obj.kind == "DaemonSet" else document["metadata"]
    return found or {}


def _applicant(obj: Object, read: _ReadSpec) -> _Applicant:
    document = obj.document
    if obj.kind == "DaemonSet":
        template = document["spec"]["template"]
        spec = template.get("spec") or {}
        extra = (*DAEMON_TOLERATIONS, *([_HOST_NETWORK] if spec.get("hostNetwork") else ()))
        labels = (template.get("metadata") or {}).get("labels") or {}
        facts = read(spec, obj, labels, extra, ())
        return _Applicant(facts, obj.namespace, labels, "", "", True)
    metadata, spec = document["metadata"], document.get("spec") or {}
    labels = metadata.get("labels") or {}
    pending = not spec.get("nodeName") and is_pending(document)
    waiting = pending or awaits_admission(document)
    nominee = obj.name if pending and (document.get("status") or {}).get("nominatedNodeName") else ""
    kind, owner = controller_of(document)
    owner_key = f"{kind} {obj.namespace}/{owner}" if kind in SPREAD_OWNERS else ""
    facts = read(spec, obj, labels, (), _given(obj))
    return _Applicant(facts, obj.namespace, labels, owner_key, nominee, waiting)


def _traced(world: World) -> Mapping[str, Extractor]:
    """What a pod or DaemonSet says of its shape, which has the name that it has in this world."""

    def facts(obj: Object) -> Iterator[Fact]:
        predicate = "pod_shape" if obj.kind == "Pod" else "daemonset_shape"
        found = _applicant(obj, _spec_facts)
        for _, shape in world.rows(predicate, {0: obj.key}):
            yield predicate, (obj.key, shape)
            counted = {key for _, text in world.rows("shape_labels", {0: shape}) for key in labels_of(str(text))}
            labels = label_set({key: value for key, value in found.labels.items() if key in counted})
            marks = _marks(
                _metadata(obj),
                *(
                    sorted(str(row[1]) for row in world.rows(name, {0: shape}))
                    for name in ("shape_label", "shape_annotation")
                ),
            )
            key = found.spec, found.namespace, labels, found.owner, found.nominee, marks
            if found.waiting:
                yield from _waiting_facts(str(shape), key)
            yield from _shape_facts(str(shape), key)

    return {"Pod": facts, "DaemonSet": facts}


_PEOPLE = frozenset({"Pod", "DaemonSet"})

_SHAPE_READS = frozenset(
    {"metadata.labels", "metadata.ownerReferences", "spec.template", "status.nominatedNodeName"}
    | {f"spec.{name}" for name in pod_specs.READS}
)
"""What shapes are made of."""

ADMISSION_READS = (
    "metadata.annotations",
    "metadata.deletionTimestamp",
    "spec.nodeName",
    "status.conditions",
    "status.phase",
    "status.startTime",
)
"""What ``awaits_admission`` reads."""

_WAITING_READS = frozenset(ADMISSION_READS)
"""What ``is_pending`` and ``awaits_admission`` read."""

_GIVEN_READS = frozenset({f"status.{name}" for name in resizes.READS})
"""What says how much a node gives a pod."""

_STAYING_READS = (
    *whether("spec.nodeName", ADMISSION_READS),
    "spec.containers",
    "spec.initContainers",
    "spec.resources",
    *sorted(_GIVEN_READS.difference(ADMISSION_READS)),
)
"""What decides whether a pod waits, and what its node gives it."""

_ALIKE_IN = (
    "metadata.labels",
    "metadata.ownerReferences",
    "status.nominatedNodeName",
    *(f"spec.{name}" for name in pod_specs.READS if f"spec.{name}" not in _STAYING_READS),
    *_STAYING_READS,
)
"""What decides about the shape of a pod, and whether it waits."""

_SELECTOR_READS = frozenset({"spec"})

_OF_CONTAINERS = frozenset({"container_given", "container_request", "container_resize_refused"})


def _has_ephemeral(pod: Object) -> bool:
    """Whether claims are named after a pod."""
    return any("ephemeral" in volume for volume in (pod.document.get("spec") or {}).get("volumes") or ())


def _given(obj: Object) -> Sequence[Fact]:
    document = obj.document
    status = document.get("status")
    return resizes.given(document.get("spec") or {}, status) if status else ()


def _shape_facts(name: str, key: Key) -> Iterator[Fact]:
    """What holds of a shape as long as it has pods."""
    spec, namespace, labels, owner, nominee, marks = key
    yield "shape", (name,)
    yield "shape_namespace", (name, namespace)
    implied = label_set({NAMESPACE_LABEL: namespace})
    yield "implied_namespace", (namespace, implied)
    yield "label_set", (implied,)
    yield "shape_labels", (name, labels)
    yield "label_set", (labels,)
    if owner:
        kind, _, owner_key = owner.partition(" ")
        yield "shape_owner", (name, kind, owner_key)
    for predicate, label, value in marks:
        yield predicate, (name, label, value)
    if nominee:
        yield "shape_nominee", (name, f"{namespace}/{nominee}")
    for predicate, tail in spec.tails:
        if predicate == "shape_container":
            yield predicate, (name, f"{name} {tail[0]}", *tail[1:])
        elif predicate in _OF_CONTAINERS:
            yield predicate, (f"{name} {tail[0]}", *tail[1:])
        else:
            yield predicate, (name, *tail)
    yield from spec.shared
    for topology_key in spec.topology_keys:
        yield "topology_key", (topology_key,)


def _waiting_facts(name: str, key: Key) -> Iterator[Fact]:
    """What holds while some pod of a shape waits for a node."""
    yield "considered", (name,)
    for mention in key[0].node_mentions:
        yield "node_label_mentioned", mention
    for image in key[0].images:
        yield "image_mentioned", (image,)


# -- objects whose selectors decide which labels count --------------------------------------------------


def _selector_of(obj: Object) -> str:
    spec = obj.document.get("spec") or {}
    if obj.kind in ("Service", "ReplicationController"):
        return map_selector(spec.get("selector"))
    return selector(spec.get("selector"))


def _selector_keys(obj: Object) -> Iterable[str]:
    if obj.kind not in _SPREADING:
        return ()
    text = _selector_of(obj)
    return () if text == NOTHING else {key for key, _, _ in parse(text)}


def spreading_selector(obj: Object) -> Iterator[Fact]:
    """The selector of a Service or controller, which default spreading reads."""
    text = _selector_of(obj)
    if text != NOTHING:
        yield "selector", (text,)
        yield "spreading_selector", (obj.kind, obj.key, obj.namespace, text)


_SPREADING = frozenset({"Service", *SPREAD_OWNERS})

MODULE = FactModule(
    name="shapes",
    extractors=dict.fromkeys(sorted(_SPREADING), spreading_selector),
    shared=frozenset(
        {
            "considered",
            "group",
            "group_namespace",
            "group_namespace_selector",
            "group_selector",
            "image_mentioned",
            "implied_namespace",
            "node_label_mentioned",
            "node_term",
            "requirement",
            "requirement_number",
            "requirement_value",
            "term_requirement",
            "topology_key",
        }
    ),
    stages=(ShapeStage,),
    traced=_traced,
)
