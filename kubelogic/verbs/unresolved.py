"""Names that lead nowhere: the Service of a StatefulSet, ports by which probes ask, and namespaces of manifests.

Source: pkg/controller/statefulset/stateful_set_utils.go (initIdentity), pkg/probe/util.go (ResolveContainerPort) and
pkg/kubelet/prober/worker.go (newWorker, doProbe) of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from kubelogic.cluster import Cluster, Object
from kubelogic.kinds.references import SYSTEM_NAMESPACES, Path
from kubelogic.text import Notice
from kubelogic.verbs.references import written_templates

NO_SERVICE, NO_PORT = "KL196", "KL153"

_FOLLOWS: Mapping[str, str] = {
    "startupProbe": "the container never counts as started, and its pods never become ready",
    "readinessProbe": "its pods never become ready",
    "livenessProbe": "it never fails, so nothing is restarted",
}
"""By probe, what follows where its port cannot be found: an error counts as no answer, so the first value stays."""


def unresolved(cluster: Cluster, of: Collection[str] | None = None) -> Iterator[Notice]:
    """One notice for each name in a manifest that leads nowhere.

    Args:
        cluster: as it was read; what a cluster printed is left out.
        of: look only at these objects, ``Kind namespace/name``; None: at all.
    """
    yield from _namespaces(cluster, of)
    plain: set[int] = set()
    for obj, spec, path in written_templates(cluster, of):
        yield from _service(cluster, obj)
        if id(spec) not in plain:
            found = list(_probes(obj, spec, path))
            yield from found
            if not found:
                plain.add(id(spec))


def _namespaces(cluster: Cluster, of: Collection[str] | None) -> Iterator[Notice]:
    """Namespaces of manifests that are not among those that a cluster printed.

    All of a cluster's were printed if one that every cluster has is there; others may have been selected by name.

    Source: plugin/pkg/admission/namespace/lifecycle/admission.go (Admit).
    """
    known = cluster.objects("Namespace")
    if not any(
        ((known[name].document.get("metadata") or {}).get("uid")) for name in SYSTEM_NAMESPACES if name in known
    ):
        return
    lost: dict[str, list[Object]] = {}
    for obj in cluster:
        about = obj.document.get("metadata") or {}
        if obj.namespace in known or obj.namespace in SYSTEM_NAMESPACES:
            continue
        if obj.namespace and not about.get("uid") and (of is None or str(obj) in of):
            lost.setdefault(obj.namespace, []).append(obj)
    for name, objects in sorted(lost.items()):
        message = (
            f"Namespace {name} is not among those of the cluster: without it the API server refuses {objects[0]} "
            f'(namespaces "{name}" not found); kubectl create namespace {name}'
        )
        first = objects[0]
        place = first.place(("metadata", "namespace"))
        yield Notice(code=NO_SERVICE, message=message, location=place, count=len(objects))


def never_ready(cluster: Cluster, of: Collection[str]) -> Iterator[Notice]:
    """One notice for each probe of some objects whose port cannot be found, so that their pods never become ready."""
    for obj, spec, path in written_templates(cluster, of):
        yield from _probes(obj, spec, path, ("startupProbe", "readinessProbe"))


def _service(cluster: Cluster, obj: Object) -> Iterator[Notice]:
    name = (obj.document.get("spec") or {}).get("serviceName") if obj.kind == "StatefulSet" else None
    if name and cluster.get("Service", f"{obj.namespace}/{name}") is None:
        message = (
            f"Service {obj.namespace}/{name} is not in the input: {obj} refers to it, and without it its pods have no "
            "names of their own in DNS"
        )
        yield _notice(obj, NO_SERVICE, message, ("spec", "serviceName"))


def _probes(
    obj: Object, spec: Mapping[str, Any], path: Path, probes: Collection[str] = tuple(_FOLLOWS)
) -> Iterator[Notice]:
    for part in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(part) or ()):
            names = [str(each["name"]) for each in container.get("ports") or () if each.get("name")]
            for probe in probes:
                for action in ("httpGet", "tcpSocket"):
                    port = ((container.get(probe) or {}).get(action) or {}).get("port")
                    if not isinstance(port, str) or port in names:
                        continue
                    has = f"but it has {', '.join(names)}" if names else "but it names no port"
                    asked = f'{obj}: {probe} of container {container.get("name")} asks its port "{port}"'
                    place = (*path, part, index, probe, action, "port")
                    yield _notice(obj, NO_PORT, f"{asked}, {has}: {_FOLLOWS[probe]}", place)


def _notice(obj: Object, code: str, message: str, path: Path) -> Notice:
    return Notice(code=code, message=message, location=obj.place(path))
