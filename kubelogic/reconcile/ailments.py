"""What is not well at the end of a run beside what the rules call a trouble, and what only a scenario could say.

``rules/troubles.dl`` is the place for what follows from a state. Here is what takes more: whether a Service had
endpoints before, whether a Job goes on failing, what nobody said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.edit import is_being_deleted, metadata
from kubelogic.cluster.pods import is_running, node_of
from kubelogic.cluster.state import State
from kubelogic.facts.services import SLICE_SERVICE
from kubelogic.reconcile.choices import pods_of, restarts_of
from kubelogic.text.location import Location


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Ailment:
    """Something that is not well.

    Attributes:
        kind: kind of the object; ``Step`` for a step of the scenario.
        key: its key; for a step, when it was.
        message: what is wrong with it.
        location: where it stands, if anywhere.
    """

    kind: str
    key: str
    message: str
    location: Location | None = field(default=None, compare=False)


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
        *_pods(cluster),
    ]
    return tuple(sorted(found))


def condition_of(obj: Object, name: str) -> Mapping[str, Any]:
    found = (obj.document.get("status") or {}).get("conditions") or ()
    return next((each for each in found if each.get("type") == name), {})


def _jobs(cluster: Cluster) -> Iterator[Ailment]:
    """Jobs that go on failing; those that have failed for good are troubles of the rules."""
    for key, job in _unfinished(cluster):
        pods = list(pods_of(cluster, "Job", key))
        failed = int((job.document.get("status") or {}).get("failed") or 0)
        restarts = sum(map(restarts_of, pods))
        if not failed and not restarts:
            continue
        parts = [f"{failed} {'pod has' if failed == 1 else 'pods have'} failed so far"] if failed else []
        parts += (
            [f"its containers were restarted {'once' if restarts == 1 else f'{restarts} times'}"] if restarts else []
        )
        limit = (job.document.get("spec") or {}).get("backoffLimit", 6)
        yield Ailment(kind="Job", key=key, message=f"does not end: {', '.join(parts)} (backoffLimit {limit})")


def _unfinished(cluster: Cluster) -> Iterator[tuple[str, Object]]:
    for key, job in sorted(cluster.objects("Job").items()):
        ended = any(condition_of(job, name).get("status") == "True" for name in ("Complete", "Failed"))
        if not ended and not (job.document.get("spec") or {}).get("suspend") and not is_being_deleted(job):
            yield key, job


_ENDS = ("image_exits", "image_waits_for", "image_exits_at", "image_exits_by_pod", "image_exits_by_index")
"""What the world says of images whose containers end by themselves."""


def open_questions(state: State) -> tuple[str, ...]:
    """What no step says, so that something stays as it is: how Jobs end, what autoscalers measure."""
    cluster = state.cluster
    found = []
    ending = {str(row[0]) for name in _ENDS for row in state.world.get(name, ())}
    for key, _ in _unfinished(cluster):
        pods = list(pods_of(cluster, "Job", key))
        said = any(image in ending for pod in pods for image in _images(pod))
        if any(map(is_running, pods)) and not any(map(restarts_of, pods)) and not said:
            found.append(f"Job {key} runs on: nobody says when its containers end (image: {{name, exitAfter}}).")
    for key, autoscaler in sorted(cluster.objects("HorizontalPodAutoscaler").items()):
        active = condition_of(autoscaler, "ScalingActive")
        if active.get("status") == "False" and active.get("reason") != "ScalingDisabled":
            found.append(f"HorizontalPodAutoscaler {key}: {active.get('reason')}: {active.get('message')}")
    return tuple(found)


def _images(pod: Object) -> Iterator[str]:
    for container in (pod.document.get("spec") or {}).get("containers") or ():
        yield str(container.get("image") or "")


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
        key = f"{each.namespace}/{(metadata(each).get('labels') or {}).get(SLICE_SERVICE, '')}"
        if key in found:
            ends = each.document.get("endpoints") or ()
            found[key] += sum((end.get("conditions") or {}).get("ready", True) is True for end in ends)
    return found


def _services(cluster: Cluster, served: Mapping[str, bool]) -> Iterator[Ailment]:
    for key, count in ready_endpoints(cluster).items():
        if not count and served.get(key):
            yield Ailment(kind="Service", key=key, message="has no ready endpoint")


def _pods(cluster: Cluster) -> Iterator[Ailment]:
    for key, pod in cluster.objects("Pod").items():
        if is_being_deleted(pod):
            name = node_of(pod)
            node = cluster.get("Node", name)
            ready = condition_of(node, "Ready").get("status") if node is not None else None
            why = f": nothing is heard of node {name}" if ready == "Unknown" else ""
            yield Ailment(kind="Pod", key=key, message=f"is still terminating{why}")
