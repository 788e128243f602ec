"""What is not well at the end of a run, each with its reason: drains, Jobs, namespaces, Services, autoscalers, pods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import is_being_deleted, metadata

_SERVICE_LABEL = "kubernetes.io/service-name"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Ailment:
    """Something that is not well.

    Attributes:
        kind: kind of the object; ``Step`` for a step of the scenario.
        key: its key; for a step, when it was.
        message: what is wrong with it.
    """

    kind: str
    key: str
    message: str


def ailments(cluster: Cluster, served: Mapping[str, bool]) -> tuple[Ailment, ...]:
    """What is not well in a cluster, sorted.

    Args:
        cluster: at the end of a run.
        served: whether each Service had a ready endpoint at any time of the run.
    """
    found = [
        *_jobs(cluster),
        *_namespaces(cluster),
        *_services(cluster, served),
        *_autoscalers(cluster),
        *_pods(cluster),
    ]
    return tuple(sorted(found))


def _condition(obj: Object, name: str) -> Mapping[str, Any]:
    found = (obj.document.get("status") or {}).get("conditions") or ()
    return next((each for each in found if each.get("type") == name), {})


def _jobs(cluster: Cluster) -> Iterator[Ailment]:
    for key, job in cluster.objects("Job").items():
        failed = _condition(job, "Failed")
        if failed.get("status") == "True":
            message = f"has failed: {failed.get('reason')}"
            if failed.get("message"):
                message += f" ({failed['message']})"
            yield Ailment(kind="Job", key=key, message=message)


def _namespaces(cluster: Cluster) -> Iterator[Ailment]:
    for name, namespace in cluster.objects("Namespace").items():
        if not is_being_deleted(namespace):
            continue
        left = [obj for obj in cluster if obj.namespace == name]
        held = [
            f"{obj.kind} {obj.name} has the finalizer {', '.join(metadata(obj)['finalizers'])}"
            for obj in left
            if metadata(obj).get("finalizers")
        ]
        pods = [f"Pod {obj.name} is still terminating" for obj in left if obj.kind == "Pod"]
        own = metadata(namespace).get("finalizers")
        if own:
            held.append(f"it has the finalizer {', '.join(own)} itself")
        why = "; ".join([*held, *pods]) or "its content is not gone yet"
        yield Ailment(kind="Namespace", key=name, message=f"stays Terminating: {why}")


def ready_endpoints(cluster: Cluster) -> dict[str, int]:
    """How many ready endpoints each Service with a selector has."""
    found = {
        key: 0
        for key, service in cluster.objects("Service").items()
        if (service.document.get("spec") or {}).get("selector")
    }
    for each in cluster.objects("EndpointSlice").values():
        key = f"{each.namespace}/{(metadata(each).get('labels') or {}).get(_SERVICE_LABEL, '')}"
        if key in found:
            ends = each.document.get("endpoints") or ()
            found[key] += sum((end.get("conditions") or {}).get("ready", True) is True for end in ends)
    return found


def _services(cluster: Cluster, served: Mapping[str, bool]) -> Iterator[Ailment]:
    for key, count in ready_endpoints(cluster).items():
        if not count and served.get(key):
            yield Ailment(kind="Service", key=key, message="has no ready endpoint")


def _autoscalers(cluster: Cluster) -> Iterator[Ailment]:
    for key, autoscaler in cluster.objects("HorizontalPodAutoscaler").items():
        for name in ("AbleToScale", "ScalingActive"):
            found = _condition(autoscaler, name)
            if found.get("status") == "False" and found.get("reason") != "ScalingDisabled":
                told = f": {found['message']}" if found.get("message") else ""
                yield Ailment(
                    kind="HorizontalPodAutoscaler", key=key, message=f"cannot work: {found.get('reason')}{told}"
                )


def _pods(cluster: Cluster) -> Iterator[Ailment]:
    for key, pod in cluster.objects("Pod").items():
        status = pod.document.get("status") or {}
        owned = any(each.get("controller") for each in metadata(pod).get("ownerReferences") or ())
        if status.get("phase") == "Failed" and not owned:
            yield Ailment(kind="Pod", key=key, message=f"has failed{_because(status)}")
        elif is_being_deleted(pod):
            name = str((pod.document.get("spec") or {}).get("nodeName") or "")
            node = cluster.get("Node", name)
            ready = _condition(node, "Ready").get("status") if node is not None else None
            why = f": nothing is heard of node {name}" if ready == "Unknown" else ""
            yield Ailment(kind="Pod", key=key, message=f"is still terminating{why}")


def _because(status: Mapping[str, Any]) -> str:
    return f": {status['reason']}" if status.get("reason") else ""
