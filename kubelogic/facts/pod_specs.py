"""What scheduling reads of a pod's spec, as facts: pure functions, each spec text read once by its caller.

A spec's facts are *tails*: rows without their first column, the shape, which is known only when pods with equal
specs are put together. ``shared`` facts speak of what a text stands for (a selector, a node requirement) and are
the same for all shapes.

It reads every part of a spec that scheduling looks at, and is as long as there are such parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from kubelogic.facts.base import Fact, Row
from kubelogic.facts.features import required_features
from kubelogic.facts.node_terms import node_term
from kubelogic.facts.selectors import NOTHING, parse, requirements, selector, selector_text
from kubelogic.kinds.quantity import amount

Spec = Mapping[str, Any]
_PLAIN_VOLUMES = frozenset({"configMap", "secret", "projected", "emptyDir", "hostPath", "downwardAPI"})
_MIGRATED = (
    ("awsElasticBlockStore", "ebs.csi.aws.com", "volumeID"),
    ("azureDisk", "disk.csi.azure.com", "diskURI"),
    ("cinder", "cinder.csi.openstack.org", "volumeID"),
    ("gcePersistentDisk", "pd.csi.storage.gke.io", "pdName"),
    ("portworxVolume", "pxd.portworx.com", "volumeID"),
)
"""In-tree kinds of volumes, the CSI drivers that have taken them over, and the field that names the volume."""


class SpecFacts(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The facts of one spec.

    Attributes:
        tails: predicate and the columns after the shape.
        shared: facts without a shape.
        label_keys: pod label keys that its selectors read.
        topology_keys: node label keys that it spreads or gathers by.
        node_mentions: node labels that it reads: key, how (``value``, ``number``, ``present``) and value.
        images: image names that it uses.
    """

    tails: tuple[Fact, ...]
    shared: tuple[Fact, ...]
    label_keys: frozenset[str]
    topology_keys: frozenset[str]
    node_mentions: frozenset[tuple[str, str, str]]
    images: frozenset[str]


def pinned_node(spec: Spec) -> str:
    """The one node that required affinity by name ties a pod to, as the DaemonSet controller writes it; or empty.

    A pod with spread constraints is not tied in this sense: they read its node affinity.
    """
    affinity = spec.get("affinity")
    if not affinity or "nodeAffinity" not in affinity or spec.get("topologySpreadConstraints"):
        return ""
    required = affinity["nodeAffinity"].get("requiredDuringSchedulingIgnoredDuringExecution")
    terms: Sequence[Spec] = (required or {}).get("nodeSelectorTerms") or []
    if len(terms) != 1 or terms[0].get("matchExpressions"):
        return ""
    fields: Sequence[Spec] = terms[0].get("matchFields") or []
    if len(fields) != 1 or fields[0].get("operator") != "In" or len(fields[0].get("values") or ()) != 1:
        return ""
    return str(fields[0]["values"][0])


def target_node(spec: Spec) -> str:
    """The node that the DaemonSet controller takes a pod without a node to be meant for; or empty.

    Source: daemon controller, GetTargetNodeName: the first requirement of one node by name, in whichever term.
    """
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    for term in required.get("nodeSelectorTerms") or ():
        for field in term.get("matchFields") or ():
            values: Sequence[Any] = field.get("values") or ()
            if field.get("key") == "metadata.name" and field.get("operator") == "In" and len(values) == 1:
                return str(values[0])
    return ""


DEFAULT_SCHEDULER = "default-scheduler"
"""Schedules pods that name no other."""

READS = (
    "affinity",
    "containers",
    "hostNetwork",
    "hostUsers",
    "initContainers",
    "nodeSelector",
    "overhead",
    "preemptionPolicy",
    "priority",
    "priorityClassName",
    "resourceClaims",
    "resources",
    "runtimeClassName",
    "schedulerName",
    "schedulingGroup",
    "tolerations",
    "topologySpreadConstraints",
    "volumes",
)
"""The fields of a pod's spec that scheduling reads."""


def relevant(spec: Spec, pod: str) -> list[Any]:
    """The parts of a spec that scheduling reads, cheaply and without the rest: equal ones have equal facts.

    Args:
        spec: a pod's spec.
        pod: the pod's name, which ephemeral claims are named after; it counts only if there are any.
    """
    get = spec.get
    volumes: list[Any] = []
    for volume in get("volumes") or ():
        if not _PLAIN_VOLUMES.isdisjoint(volume):
            continue
        if "ephemeral" in volume:
            volumes.append({"persistentVolumeClaim": {"claimName": f"{pod}-{volume['name']}"}, "ephemeral": True})
        else:
            volumes.append({key: volume[key] for key in volume if key != "name"})
    affinity = get("affinity")
    if affinity and pinned_node(spec):
        node_affinity = {
            key: value
            for key, value in affinity["nodeAffinity"].items()
            if key != "requiredDuringSchedulingIgnoredDuringExecution"
        }
        affinity = {**affinity, "nodeAffinity": node_affinity}
    return [
        _containers(get("containers")),
        _containers(get("initContainers")),
        get("priority"),
        get("tolerations"),
        get("nodeSelector"),
        affinity,
        get("topologySpreadConstraints"),
        get("overhead"),
        get("resources"),
        get("priorityClassName"),
        get("preemptionPolicy"),
        get("runtimeClassName"),
        volumes,
        get("resourceClaims"),
        get("schedulingGroup"),
        get("hostNetwork"),
        required_features(spec),
        get("schedulerName"),
    ]


def _containers(containers: Sequence[Spec] | None) -> list[Any]:
    return [(c.get("image"), c.get("resources"), c.get("ports"), c.get("restartPolicy")) for c in containers or ()]


def fingerprint(spec: Spec, *, pod: str, labels: Mapping[str, str]) -> bytes:
    """Bytes that are equal only for specs with equal facts, for pods of one namespace.

    Args:
        spec: a pod's spec.
        pod: the pod's name.
        labels: the pod's labels, which ``matchLabelKeys`` refer to.
    """
    parts = relevant(spec, pod)
    encoded = msgspec.json.encode(parts)
    if b"abelKeys" in encoded:
        parts.append([(key, labels.get(key)) for key in sorted(_label_keys(spec))])
        encoded = msgspec.json.encode(parts)
    return encoded


def is_personal(encoded: bytes) -> bool:
    """Whether a fingerprint may depend on the pod's name or labels."""
    return b"abelKeys" in encoded or b"ephemeral" in encoded


def _label_keys(tree: Any) -> set[str]:
    """All label keys under ``matchLabelKeys`` and ``mismatchLabelKeys`` in a JSON tree."""
    found: set[str] = set()
    if isinstance(tree, Mapping):
        for name, part in tree.items():
            if name in ("matchLabelKeys", "mismatchLabelKeys"):
                found.update(part or ())
            else:
                found |= _label_keys(part)
    elif isinstance(tree, list | tuple):
        for part in tree:
            found |= _label_keys(part)
    return found


class _Facts:
    """Collects the facts of one spec."""

    def __init__(self, namespace: str, labels: Mapping[str, str]) -> None:
        self.namespace = namespace
        self.labels = labels
        self.tails: list[Fact] = []
        self.shared: dict[Fact, None] = {}
        self.label_keys: set[str] = set()
        self.topology_keys: set[str] = set()
        self.node_mentions: set[tuple[str, str, str]] = set()
        self.images: set[str] = set()

    def tail(self, predicate: str, *columns: str | int) -> None:
        self.tails.append((predicate, columns))

    def share(self, predicate: str, *columns: str | int) -> None:
        self.shared[predicate, columns] = None

    def select(self, text: str) -> str:
        """Mention a selector of pods."""
        if text != NOTHING:
            self.label_keys.update(key for key, _, _ in parse(text))
        self.share("selector", text)
        return text


def read(
    spec: Spec, *, pod: str, namespace: str, labels: Mapping[str, str], extra_tolerations: Sequence[Spec] = ()
) -> SpecFacts:
    """The facts of a spec.

    Args:
        spec: a pod's spec, or a template's.
        pod: the pod's name.
        namespace: where the pod lives; terms without namespaces and claims mean it.
        labels: the pod's labels, for ``matchLabelKeys``.
        extra_tolerations: those that a controller adds to its template.
    """
    facts = _Facts(namespace, labels)
    facts.tail("shape_scheduler", spec.get("schedulerName") or DEFAULT_SCHEDULER)
    _read_requests(spec, facts)
    _read_ports(spec, facts)
    _read_node_constraints(spec, facts, extra_tolerations)
    _read_affinity(spec, facts)
    _read_spread(spec, facts)
    _read_volumes(spec, facts, pod)
    facts.tail("shape_priority", spec.get("priority") or 0)
    if spec.get("preemptionPolicy"):
        facts.tail("shape_preemption_policy", spec["preemptionPolicy"])
    for feature in required_features(spec):
        facts.tail("shape_feature", feature)
    for claim in spec.get("resourceClaims") or ():
        facts.tail("shape_device_claim", claim.get("name", ""))
    if group := _dig(spec, "schedulingGroup", "podGroupName"):
        facts.tail("shape_scheduling_group", group)
    return SpecFacts(
        tails=tuple(dict.fromkeys(facts.tails)),
        shared=tuple(facts.shared),
        label_keys=frozenset(facts.label_keys),
        topology_keys=frozenset(facts.topology_keys),
        node_mentions=frozenset(facts.node_mentions),
        images=frozenset(facts.images),
    )


# -- resources, images and ports ---------------------------------------------------------------------------


def _read_requests(spec: Spec, facts: _Facts) -> None:
    uses = 0
    for kind, order, container in all_containers(spec):
        name = f"{kind}-{order}"
        facts.tail("shape_container", name, kind, order)
        resources = container.get("resources") or {}
        for resource, amount_ in _amounts({**(resources.get("limits") or {}), **(resources.get("requests") or {})}):
            facts.tail("container_request", name, resource, amount_)
        if container.get("image"):
            image = image_name(container["image"])
            facts.images.add(image)
            facts.tail("shape_image", uses, image)
            uses += 1
    for volume in spec.get("volumes") or ():
        if reference := _dig(volume, "image", "reference"):
            image = image_name(reference)
            facts.images.add(image)
            facts.tail("shape_image", uses, image)
            uses += 1
    for resource, amount_ in _amounts(spec.get("overhead")):
        facts.tail("shape_overhead", resource, amount_)
    whole = spec.get("resources") or {}
    for resource, amount_ in _amounts({**(whole.get("limits") or {}), **(whole.get("requests") or {})}):
        facts.tail("shape_level_request", resource, amount_)


def all_containers(spec: Spec) -> Iterator[tuple[str, int, Spec]]:
    """Kind (``main``, ``sidecar``, ``init``), position among its list, container."""
    for order, container in enumerate(spec.get("containers") or ()):
        yield "main", order, container
    for order, container in enumerate(spec.get("initContainers") or ()):
        yield "sidecar" if container.get("restartPolicy") == "Always" else "init", order, container


def _amounts(resources: Mapping[str, Any] | None) -> list[tuple[str, int]]:
    return [(name, amount(name, value)) for name, value in sorted((resources or {}).items())]


def image_name(reference: str) -> str:
    """An image's name as the scheduler compares it: without a tag it means ``latest``.

    >>> image_name("registry:5000/cart"), image_name("cart:1")
    ('registry:5000/cart:latest', 'cart:1')
    """
    return reference if reference.rfind(":") > reference.rfind("/") else f"{reference}:latest"


def _read_ports(spec: Spec, facts: _Facts) -> None:
    for kind, _, container in all_containers(spec):
        if kind == "init":
            continue
        for port in container.get("ports") or ():
            number = port.get("hostPort") or (port.get("containerPort") if spec.get("hostNetwork") else 0)
            if number:
                facts.tail("shape_host_port", port.get("hostIP") or "0.0.0.0", port.get("protocol") or "TCP", number)


# -- nodes -------------------------------------------------------------------------------------------------


def _read_node_constraints(spec: Spec, facts: _Facts, extra_tolerations: Sequence[Spec]) -> None:
    for toleration in (*(spec.get("tolerations") or ()), *extra_tolerations):
        facts.tail("shape_toleration", *toleration_columns(toleration))
    for key, value in sorted((spec.get("nodeSelector") or {}).items()):
        facts.tail("shape_node_selector", key, value)
        facts.node_mentions.add((key, "value", value))
    affinity = _dig(spec, "affinity", "nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if required is not None and not pinned_node(spec):
        terms: Sequence[Spec] = required.get("nodeSelectorTerms") or [{}]
        for term in terms:
            facts.tail("shape_node_term", node_term(term, facts.shared, facts.node_mentions))
    for index, wish in enumerate(affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ()):
        liked = node_term(wish.get("preference") or {}, facts.shared, facts.node_mentions)
        facts.tail("shape_preferred_node_term", index, liked, wish["weight"])


def toleration_columns(toleration: Spec) -> tuple[str, str, str, str, int]:
    """Key, operator, value and effect of a toleration, and for how many seconds; -1 for ever."""
    seconds = toleration.get("tolerationSeconds")
    return (
        toleration.get("key") or "",
        toleration.get("operator") or "Equal",
        toleration.get("value") or "",
        toleration.get("effect") or "",
        -1 if seconds is None else seconds,
    )


# -- other pods --------------------------------------------------------------------------------------------


def _read_affinity(spec: Spec, facts: _Facts) -> None:
    affinity = spec.get("affinity") or {}
    for field, required, sign in (
        ("podAffinity", "shape_affinity", 1),
        ("podAntiAffinity", "shape_anti_affinity", -1),
    ):
        part = affinity.get(field) or {}
        for index, term in enumerate(part.get("requiredDuringSchedulingIgnoredDuringExecution") or ()):
            group, key = _term_group(term, facts), term.get("topologyKey", "")
            facts.topology_keys.add(key)
            facts.tail(required, index, group, key)
        for index, wish in enumerate(part.get("preferredDuringSchedulingIgnoredDuringExecution") or ()):
            term = wish["podAffinityTerm"]
            group, key = _term_group(term, facts), term.get("topologyKey", "")
            facts.topology_keys.add(key)
            facts.tail("shape_preferred_affinity", f"{field} {index}", group, key, sign * wish["weight"])


def _term_group(term: Mapping[str, Any], facts: _Facts) -> str:
    wanted = merged_selector(
        term.get("labelSelector"),
        facts.labels,
        match=term.get("matchLabelKeys") or (),
        mismatch=term.get("mismatchLabelKeys") or (),
    )
    namespaces = sorted({*(term.get("namespaces") or ())})
    namespace_selector = term.get("namespaceSelector")
    if not namespaces and namespace_selector is None:
        namespaces = [facts.namespace]
    return _group(wanted, namespaces, namespace_selector, facts)


def _group(wanted: str, namespaces: Sequence[str], namespace_selector: Mapping[str, Any] | None, facts: _Facts) -> str:
    """The constant of a set of pods: ``namespaces: selector``."""
    places = list(namespaces)
    namespace_text = ""
    if namespace_selector is not None:
        namespace_text = selector(namespace_selector)
        places.append(f"[{namespace_text}]")
    group = f"{' '.join(places)}: {wanted}"
    facts.share("group", group)
    facts.share("group_selector", group, facts.select(wanted))
    for namespace in namespaces:
        facts.share("group_namespace", group, namespace)
    if namespace_selector is not None:
        facts.share("selector", namespace_text)
        facts.share("group_namespace_selector", group, namespace_text)
    return group


def merged_selector(
    document: Mapping[str, Any] | None,
    labels: Mapping[str, str],
    *,
    match: Sequence[str],
    mismatch: Sequence[str] = (),
) -> str:
    """A pod selector with ``matchLabelKeys`` and ``mismatchLabelKeys`` merged in, as the API server does.

    A key that the pod lacks is ignored; one that the selector already speaks of was merged before.
    """
    if document is None:
        return NOTHING
    wanted = list(requirements(document))
    known = {key for key, _, _ in wanted}
    for keys, operator in ((match, "In"), (mismatch, "NotIn")):
        wanted.extend((key, operator, (labels[key],)) for key in keys if key in labels and key not in known)
    return selector_text(sorted(set(wanted)))


def _read_spread(spec: Spec, facts: _Facts) -> None:
    for index, constraint in enumerate(spec.get("topologySpreadConstraints") or ()):
        wanted = merged_selector(
            constraint.get("labelSelector"), facts.labels, match=constraint.get("matchLabelKeys") or ()
        )
        group, key = _group(wanted, [facts.namespace], None, facts), constraint["topologyKey"]
        facts.topology_keys.add(key)
        hard = constraint.get("whenUnsatisfiable") == "DoNotSchedule"
        if hard:
            least = constraint.get("minDomains") or 1
            facts.tail("shape_given_spread", index, group, key, constraint["maxSkew"], least)
        else:
            facts.tail("shape_soft_spread", index, group, key, constraint["maxSkew"])
        if constraint.get("nodeAffinityPolicy") == "Ignore":
            facts.tail("spread_ignores_affinity", index)
        if constraint.get("nodeTaintsPolicy") == "Honor":
            facts.tail("spread_honors_taints", index)


# -- volumes -----------------------------------------------------------------------------------------------


def _read_volumes(spec: Spec, facts: _Facts, pod: str) -> None:
    for index, volume in enumerate(spec.get("volumes") or ()):
        if "ephemeral" in volume:
            key = f"{facts.namespace}/{pod}-{volume['name']}"
            facts.tail("shape_claim", key, f"{pod}-{volume['name']}")
            facts.tail("shape_claim_place", key, index)
            facts.tail("shape_ephemeral_claim", key, f"{facts.namespace}/{pod}")
        elif name := _dig(volume, "persistentVolumeClaim", "claimName"):
            facts.tail("shape_claim", f"{facts.namespace}/{name}", name)
            facts.tail("shape_claim_place", f"{facts.namespace}/{name}", index)
        else:
            for token, mode in disks(volume):
                facts.tail("shape_disk", token, mode)
            for driver, handle in migrated(volume):
                facts.tail("shape_inline_volume", driver, handle)


def disks(volume: Mapping[str, Any]) -> Iterator[Row]:
    """The disks that an inline volume uses, each as a token and ``read`` or ``write``.

    Two uses of a token conflict unless both only read. EBS volumes always conflict, so they always write.
    """
    if disk := volume.get("gcePersistentDisk"):
        yield f"gce {disk.get('pdName', '')}", "read" if disk.get("readOnly") else "write"
    if disk := volume.get("awsElasticBlockStore"):
        yield f"ebs {disk.get('volumeID', '')}", "write"
    if disk := volume.get("iscsi"):
        yield f"iscsi {disk.get('iqn', '')}", "read" if disk.get("readOnly") else "write"
    if disk := volume.get("rbd"):
        image = f"{disk.get('pool') or 'rbd'}/{disk.get('image', '')}"
        for monitor in disk.get("monitors") or ():
            yield f"rbd {monitor} {image}", "read" if disk.get("readOnly") else "write"


def migrated(source: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The CSI driver that has taken over the kind of an in-tree volume source, and what it calls the volume.

    >>> list(migrated({"awsElasticBlockStore": {"volumeID": "aws://eu-1a/vol-7"}}))
    [('ebs.csi.aws.com', 'vol-7')]
    """
    for kind, driver, field in _MIGRATED:
        if found := source.get(kind):
            handle = str(found.get(field) or "")
            yield driver, handle.rpartition("/")[2] if kind == "awsElasticBlockStore" else handle


def _dig(document: Mapping[str, Any], *path: str) -> Any:
    found: Any = document
    for name in path:
        if not found:
            return None
        found = found.get(name)
    return found
