"""Strategies for manifests: consistent by construction, accepted by the API server, and shrinking to what is small.

Examples shrink towards few nodes, few pods, short names, round numbers and no constraints. Services, budgets and
claims belong to workloads that are there; what pods select, nodes have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from kubelogic.cluster import Cluster
from kubelogic.testing.parts import HOST, TAINTS, TOLERATIONS, ZONE, Document
from kubelogic.verbs.arguments import SOME, TEXT, TEXTS, expect
from kubelogic.verbs.load import load

_NAMES = ("web", "db", "cart", "mail", "ads", "log")
_CPU = ("100m", "1", "500m", "250m", "2", "1500m")
_MEMORY = ("64Mi", "1Gi", "256Mi", "2Gi", "1536Mi")
_STORAGE = ("1Gi", "10Gi", "100Gi")
_ZONES = ("a", "b", "c")
_AMOUNTS = {"cpu": _CPU, "memory": _MEMORY, "storage": _STORAGE}


def quantities(resource: str = "cpu") -> st.SearchStrategy[str]:
    """Amounts of ``cpu``, ``memory`` or ``storage`` as they are written, round ones first.

    Raises:
        ValueError: for another resource.
    """
    if resource not in _AMOUNTS:
        raise ValueError(f"quantities of {', '.join(sorted(_AMOUNTS))}, not of {resource!r}")
    return st.sampled_from(_AMOUNTS[resource])


def taints() -> st.SearchStrategy[Document]:
    """Taints of a node."""
    return TAINTS


def tolerations() -> st.SearchStrategy[Document]:
    """Tolerations of a pod, of taints as ``taints`` makes them."""
    return TOLERATIONS


@st.composite
def nodes(draw: st.DrawFn, name: str = "n1", *, zones: Sequence[str] = _ZONES, tainted: bool = True) -> Document:
    """A node.

    Args:
        draw: given by Hypothesis.
        name: its name.
        zones: one of these is its zone.
        tainted: whether it may have a taint.

    Raises:
        TypeError: an argument of another type.
        ValueError: no zones.
    """
    expect(TEXT, name=name)
    expect(TEXTS, zones=zones)
    if not zones:
        raise ValueError("zones is a sequence of one zone at least")
    marks = draw(st.lists(TAINTS, max_size=1)) if tainted and draw(st.integers(0, 3)) == 3 else []
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {HOST: name, ZONE: draw(st.sampled_from(list(zones)))}},
        **({"spec": {"taints": marks}} if marks else {}),
        "status": {
            "allocatable": {
                "cpu": draw(st.sampled_from(["4", "1", "2", "8"])),
                "memory": draw(st.sampled_from(["8Gi", "4Gi", "16Gi"])),
                "pods": draw(st.sampled_from(["110", "4"])),
            },
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


@st.composite
def pod_specs(draw: st.DrawFn, name: str = "web", *, constrained: bool = True) -> Document:
    """The spec of a pod of a workload.

    Args:
        draw: given by Hypothesis.
        name: of its workload, whose label ``app`` constraints select.
        constrained: whether it may have tolerations, spreads, or anti-affinity.
    """
    requests = {"cpu": draw(quantities("cpu")), "memory": draw(quantities("memory"))}
    spec: Document = {"containers": [{"name": "app", "image": f"{name}:1", "resources": {"requests": requests}}]}
    constraint = draw(st.integers(0, 5))
    if not constrained:
        return spec
    selector = {"matchLabels": {"app": name}}
    match constraint:
        case 3:
            spec["tolerations"] = [draw(TOLERATIONS)]
        case 4:
            key = draw(st.sampled_from([HOST, ZONE]))
            policy = draw(st.sampled_from(["ScheduleAnyway", "DoNotSchedule"]))
            spread = {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": policy, "labelSelector": selector}
            spec["topologySpreadConstraints"] = [spread]
        case 5:
            term = {"topologyKey": draw(st.sampled_from([HOST, ZONE])), "labelSelector": selector}
            spec["affinity"] = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    return spec


@st.composite
def pods(draw: st.DrawFn, name: str = "p1", *, node: str = "") -> Document:
    """A pod of its own, waiting, or bound to ``node``."""
    expect(TEXT, name=name, node=node)
    spec = draw(pod_specs(name))
    if node:
        spec["nodeName"] = node
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec}


def _workload(kind: str, name: str, pod: Document, **spec: Any) -> Document:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": labels}, "template": template, **spec},
    }


@st.composite
def deployments(draw: st.DrawFn, name: str = "web", *, most: int = 4) -> Document:
    """A Deployment of up to ``most`` pods."""
    expect(TEXT, name=name)
    expect(SOME, most=most)
    spec: Document = {"replicas": draw(st.integers(1, most))}
    if draw(st.integers(0, 3)) == 3:
        surge, unavailable = draw(st.sampled_from([("25%", "25%"), (1, 0), (0, 1), ("50%", 0)]))
        spec["strategy"] = {"rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}
    return _workload("Deployment", name, draw(pod_specs(name)), **spec)


@st.composite
def statefulsets(draw: st.DrawFn, name: str = "db", *, most: int = 3) -> Document:
    """A StatefulSet of up to ``most`` pods, with or without claims."""
    expect(TEXT, name=name)
    expect(SOME, most=most)
    spec: Document = {"replicas": draw(st.integers(1, most)), "serviceName": name}
    if draw(st.booleans()):
        spec["podManagementPolicy"] = "Parallel"
    return _workload("StatefulSet", name, draw(pod_specs(name)), **spec)


@st.composite
def daemonsets(draw: st.DrawFn, name: str = "log") -> Document:
    """A DaemonSet."""
    expect(TEXT, name=name)
    pod = draw(pod_specs(name, constrained=False))
    ways: list[Document] = [{}, {"type": "OnDelete"}, {"rollingUpdate": {"maxUnavailable": "50%"}}]
    given = {"updateStrategy": draw(st.sampled_from(ways)), "minReadySeconds": draw(st.sampled_from([0, 10]))}
    return _workload("DaemonSet", name, pod, **{field: value for field, value in given.items() if value})


@st.composite
def jobs(draw: st.DrawFn, name: str = "job", *, most: int = 3) -> Document:
    """A Job of up to ``most`` pods."""
    expect(TEXT, name=name)
    expect(SOME, most=most)
    pod = {**draw(pod_specs(name, constrained=False)), "restartPolicy": "Never"}
    count = draw(st.integers(1, most))
    spec = {"completions": count, "parallelism": draw(st.integers(1, count)), "template": {"spec": pod}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


def services(name: str = "web") -> st.SearchStrategy[Document]:
    """A Service of the pods of the workload of that name."""
    expect(TEXT, name=name)
    spec = {"selector": {"app": name}, "ports": [{"port": 80}]}
    return st.just({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec})


def budgets(name: str = "web") -> st.SearchStrategy[Document]:
    """A PodDisruptionBudget of the pods of the workload of that name."""
    expect(TEXT, name=name)
    limits: st.SearchStrategy[Document] = st.sampled_from(
        [{"maxUnavailable": 1}, {"minAvailable": 1}, {"minAvailable": "50%"}, {"maxUnavailable": 0}]
    )
    return limits.map(
        lambda limit: {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": name},
            "spec": {"selector": {"matchLabels": {"app": name}}, **limit},
        }
    )


@st.composite
def claims(draw: st.DrawFn, name: str = "data", *, storage_class: str = "") -> Document:
    """A PersistentVolumeClaim of a class; see ``manifests`` for classes."""
    expect(TEXT, name=name, storage_class=storage_class)
    spec: Document = {
        "accessModes": [draw(st.sampled_from(["ReadWriteOnce", "ReadWriteMany"]))],
        "resources": {"requests": {"storage": draw(quantities("storage"))}},
    }
    if storage_class:
        spec["storageClassName"] = storage_class
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


_STORED = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "fast"},
    "provisioner": "csi.example.com",
    "volumeBindingMode": "WaitForFirstConsumer",
}


@st.composite
def manifests(draw: st.DrawFn, *, nodes_most: int = 4, workloads_most: int = 3) -> list[Document]:
    """The manifests of a small cluster: nodes, workloads, and what belongs to these.

    Args:
        draw: given by Hypothesis.
        nodes_most: at most so many nodes, at least one.
        workloads_most: at most so many workloads, at least one.
    """
    expect(SOME, nodes_most=nodes_most, workloads_most=workloads_most)
    # Lists of parts without names shrink well: one that is left out changes nothing of the others.
    hosts = draw(st.lists(nodes(_NAMELESS), min_size=1, max_size=nodes_most))
    parts = draw(st.lists(_workloads(), min_size=1, max_size=min(workloads_most, len(_NAMES))))
    found: list[Document] = [_called(each, f"n{number}") for number, each in enumerate(hosts, 1)]
    for name, part in zip(_NAMES, parts, strict=False):
        found += _called(part, name)
    if any(each["kind"] == "PersistentVolumeClaim" for each in found):
        found.append(_STORED)
    return found


_NAMELESS = "@"
"""Stands for a name that is given in the end."""


def _called(value: Any, name: str) -> Any:
    """A value with a name in every place where one is to be."""
    if isinstance(value, str):
        return value.replace(_NAMELESS, name)
    if isinstance(value, dict):
        return {_called(key, name): _called(each, name) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_called(each, name) for each in value]
    return value


@st.composite
def _workloads(draw: st.DrawFn) -> list[Document]:
    """A workload without a name, and what belongs to it.

    Of each kind as many choices are drawn, so that examples do not shrink from one kind to another that has fewer.
    """
    served, budgeted, mounted = draw(st.booleans()), draw(st.integers(0, 2)), draw(st.integers(0, 5))
    owner = draw(st.sampled_from([deployments, statefulsets, daemonsets, jobs]))(_NAMELESS)
    found: list[Document] = [draw(owner)]
    kind = found[0]["kind"]
    if kind in ("Job", "DaemonSet"):
        return found
    if served:
        found.append(draw(services(_NAMELESS)))
    if budgeted == 2:
        found.append(draw(budgets(_NAMELESS)))
    if kind == "Deployment" and mounted == 5:
        claim = draw(claims(f"{_NAMELESS}-data", storage_class="fast"))
        pod = found[0]["spec"]["template"]["spec"]
        pod["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": claim["metadata"]["name"]}}]
        found.append(claim)
    return found


def clusters(*, nodes_most: int = 4, workloads_most: int = 3) -> st.SearchStrategy[Cluster]:
    """Small clusters as values; see ``manifests``."""
    return manifests(nodes_most=nodes_most, workloads_most=workloads_most).map(load)
