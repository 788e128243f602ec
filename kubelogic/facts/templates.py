"""What manifests say of the pods that they make, whether or not a pod is there yet: what checks read.

A workload here is what a person writes: objects that another one controls are left out, as are pods that a controller
made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from kubelogic.cluster import Cluster, Object
from kubelogic.facts.base import Fact, FactModule, reader
from kubelogic.facts.selectors import label_set, matches, requirements, selector
from kubelogic.kinds.references import TEMPLATES as POD_SPECS

_PATHS: Mapping[str, tuple[str, ...]] = {kind: path[:-1] for kind, path in POD_SPECS.items()}
"""By kind, where the template of its pods stands."""

MAKERS = (*sorted(_PATHS.keys() - {"Pod"}), "Pod")
"""The kinds that make pods, and pods themselves."""

_BY_NAME = tuple(sorted(_PATHS))

Asking = tuple[Object, Mapping[str, Any]]
"""A pod, or an object that makes pods, with the spec of the pods."""

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"

_SCALED = frozenset({"Deployment", "ReplicaSet", "ReplicationController", "StatefulSet"})


def template_path(kind: str) -> tuple[str, ...]:
    """The path to the template of the pods that objects of a kind make; empty for pods themselves.

    Raises:
        KeyError: for a kind that makes no pods.
    """
    return _PATHS[kind]


def template_of(obj: Object) -> Mapping[str, Any]:
    """The template of a workload's pods; of a pod, the pod itself."""
    found: Any = obj.document
    for step in _PATHS[obj.kind]:
        found = found.get(step) or {}
    return found  # type: ignore[no-any-return]


def asking(cluster: Cluster, field: str, kinds: Iterable[str] = _BY_NAME) -> Iterator[Asking]:
    """Pods, and objects that make pods, in whose specs a field is there and not empty: each with that spec.

    Args:
        cluster: with the objects.
        field: of the spec of a pod.
        kinds: of which objects, in this order.
    """
    for kind in kinds:
        users: Iterable[Object] = cluster.objects(kind).values()
        if kind == "Pod":  # of which a large cluster has many
            users = [pod for pod, _ in cluster.columns(kind).having(f"spec.{field}")]
        for obj in users:
            spec = template_of(obj).get("spec") or {}
            if spec.get(field):
                yield obj, spec


def is_written(obj: Object) -> bool:
    """Whether nothing controls an object, so that a person wrote it."""
    references = (obj.document.get("metadata") or {}).get("ownerReferences") or ()
    return not any(each.get("controller") for each in references)


def template_facts(obj: Object) -> Iterator[Fact]:
    """The facts of one workload."""
    if not is_written(obj):
        return
    kind, key, template = obj.kind, obj.key, template_of(obj)
    labels = (template.get("metadata") or {}).get("labels") or {}
    spec = template.get("spec") or {}
    yield "template", (kind, key, obj.namespace)
    yield "template_labels", (kind, key, label_set(labels))
    yield "label_set", (label_set(labels),)
    if kind in _SCALED or kind == "Pod":
        replicas = (obj.document.get("spec") or {}).get("replicas") if kind in _SCALED else 1
        yield "template_replicas", (kind, key, 1 if replicas is None else int(replicas))
    wanted = (obj.document.get("spec") or {}).get("selector")
    if kind in ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet") and wanted:
        yield "template_selector", (kind, key, selector(wanted))
        yield "selector", (selector(wanted),)
    yield from _ports(obj, spec)
    yield from _spreading(obj, spec, labels)
    yield from _own(obj, spec, labels)


def _own(obj: Object, spec: Mapping[str, Any], labels: Mapping[str, str]) -> Iterator[Fact]:
    """What rules of a company read: labels of the workload and of its pods, and each image with its field."""
    for label, value in ((obj.document.get("metadata") or {}).get("labels") or {}).items():
        yield "workload_label", (obj.kind, obj.key, str(label), str(value))
    for label, value in labels.items():
        yield "template_label", (obj.kind, obj.key, str(label), str(value))
    for part in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(part) or ()):
            if container.get("image"):
                field = ".".join((*_PATHS[obj.kind], "spec", f"{part}[{index}]", "image"))
                yield "template_image", (obj.kind, obj.key, field, str(container["image"]))


def _ports(obj: Object, spec: Mapping[str, Any]) -> Iterator[Fact]:
    for index, container in enumerate(spec.get("containers") or ()):
        name = str(container.get("name") or "")
        for number, port in enumerate(container.get("ports") or ()):
            protocol, value = port.get("protocol") or "TCP", port.get("containerPort")
            if isinstance(value, int):
                field = ".".join((*_PATHS[obj.kind], "spec", f"containers[{index}]", f"ports[{number}]"))
                called = str(port.get("name") or "")
                yield "template_port", (obj.kind, obj.key, index, name, value, protocol, called, field)


def _spreading(obj: Object, spec: Mapping[str, Any], labels: Mapping[str, str]) -> Iterator[Fact]:
    """Over what the pods are spread by their own rules: firmly, or if possible; and the rules that leave out the pods
    themselves, whose selector has other labels.
    """
    inside = (*_PATHS[obj.kind], "spec")
    for index, each in enumerate(spec.get("topologySpreadConstraints") or ()):
        firm = "yes" if each.get("whenUnsatisfiable", "DoNotSchedule") == "DoNotSchedule" else "no"
        place = (*inside, f"topologySpreadConstraints[{index}]", "labelSelector")
        yield _spread(obj, each, place, firm, is_own=_selects(each.get("labelSelector"), labels))
    anti = (spec.get("affinity") or {}).get("podAntiAffinity") or {}
    for index, term in enumerate(anti.get(_REQUIRED) or ()):
        place = (*inside, "affinity", "podAntiAffinity", f"{_REQUIRED}[{index}]", "labelSelector")
        yield _spread(obj, term, place, "yes", is_own=_is_apart(obj, term, labels))
    for index, weighted in enumerate(anti.get(_PREFERRED) or ()):
        term = weighted.get("podAffinityTerm") or {}
        place = (*inside, "affinity", "podAntiAffinity", f"{_PREFERRED}[{index}]", "podAffinityTerm", "labelSelector")
        yield _spread(obj, term, place, "no", is_own=_is_apart(obj, term, labels))
    if any(port.get("hostPort") for each in spec.get("containers") or () for port in each.get("ports") or ()):
        yield "template_spread", (obj.kind, obj.key, "kubernetes.io/hostname", "yes")


def _spread(obj: Object, rule: Mapping[str, Any], place: Sequence[str], firm: str, *, is_own: bool) -> Fact:
    topology = str(rule.get("topologyKey") or "")
    if is_own:
        return "template_spread", (obj.kind, obj.key, topology, firm)
    what = "topologySpreadConstraint" if "podAntiAffinity" not in place else "podAntiAffinity"
    return "template_spread_of_others", (obj.kind, obj.key, ".".join(place), what, topology)


def _is_apart(obj: Object, term: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a term of anti-affinity is about the pods themselves: a selector of namespaces is taken to have theirs.

    Source: k8s.io/kube-scheduler/framework, getNamespacesFromPodAffinityTerm.
    """
    spaces = term.get("namespaces") or ()
    here = term.get("namespaceSelector") is not None or not spaces or obj.namespace in spaces
    return here and _selects(term.get("labelSelector"), labels)


def _selects(document: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    return document is not None and matches(requirements(document), labels)


# -- what objects refer to -----------------------------------------------------------------------------------------


def _refers(obj: Object, field: str, kind: str, name: Any, namespace: str | None = None) -> Fact:
    space = obj.namespace if namespace is None else namespace
    return "refers", (obj.kind, obj.key, field, kind, f"{space}/{name}" if space else str(name))


def ingress_facts(obj: Object) -> Iterator[Fact]:
    """The Services that an Ingress leads to, and on which ports."""
    spec: Mapping[str, Any] = obj.document.get("spec") or {}
    backends = [("spec.defaultBackend.service", (spec.get("defaultBackend") or {}).get("service"))]
    for rule, each in enumerate(spec.get("rules") or ()):
        for path, one in enumerate((each.get("http") or {}).get("paths") or ()):
            field = f"spec.rules[{rule}].http.paths[{path}].backend.service"
            backends.append((field, (one.get("backend") or {}).get("service")))
    for field, service in backends:
        if not service or not service.get("name"):
            continue
        yield _refers(obj, f"{field}.name", "Service", service["name"])
        port = service.get("port") or {}
        key = f"{obj.namespace}/{service['name']}"
        if port.get("number"):
            yield "leads_to_number", (obj.kind, obj.key, f"{field}.port.number", key, int(port["number"]))
        elif port.get("name"):
            yield "leads_to_name", (obj.kind, obj.key, f"{field}.port.name", key, str(port["name"]))


def stateful_set_facts(obj: Object) -> Iterator[Fact]:
    """The Service that gives the pods of a StatefulSet their names."""
    name = (obj.document.get("spec") or {}).get("serviceName")
    if name:
        yield _refers(obj, "spec.serviceName", "Service", name)


def autoscaler_reference(obj: Object) -> Iterator[Fact]:
    """What an autoscaler scales."""
    target = (obj.document.get("spec") or {}).get("scaleTargetRef") or {}
    if target.get("kind") in _SCALED and target.get("name"):
        yield _refers(obj, "spec.scaleTargetRef.name", str(target["kind"]), target["name"])


_SPEC = ("metadata", "spec")

MODULE = FactModule(
    name="templates",
    extractors={
        **dict.fromkeys((*_PATHS,), (reader(template_facts, *_SPEC),)),
        "StatefulSet": (reader(template_facts, *_SPEC), reader(stateful_set_facts, *_SPEC)),
        "HorizontalPodAutoscaler": (reader(autoscaler_reference, "spec"),),
        "Ingress": (reader(ingress_facts, "spec"),),
    },
    shared=frozenset({"label_set", "selector"}),
    gives=frozenset(
        {
            "leads_to_name",
            "leads_to_number",
            "refers",
            "template",
            "template_image",
            "template_label",
            "template_labels",
            "template_port",
            "template_replicas",
            "template_selector",
            "template_spread",
            "template_spread_of_others",
            "workload_label",
        }
    ),
)
"""What only checks read: a kind that no other module reads changes nothing in a plan."""
