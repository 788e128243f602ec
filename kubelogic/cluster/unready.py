"""Pods that a cluster printed as not getting ready: images that cannot be pulled, containers that crash, and more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import repeat
from typing import Any

from kubelogic.cluster.clock import milliseconds
from kubelogic.cluster.cluster import Cluster
from kubelogic.cluster.edit import metadata, uid_of
from kubelogic.cluster.objects import Object
from kubelogic.cluster.pods import is_active, is_ready, node_of
from kubelogic.kinds.evidence import is_stored
from kubelogic.logic import Row

_NO_IMAGE = frozenset({"ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"})
"""Reasons for which a container waits that its image gives. Source: pkg/kubelet/images/types.go, Kubernetes 1.36."""

_ON_ITS_WAY = frozenset({"", "ContainerCreating", "PodInitializing"})
"""Reasons for which a container waits that go by themselves. Source: pkg/kubelet/kubelet_pods.go, Kubernetes 1.36."""

_STATUSES = ("initContainerStatuses", "containerStatuses")


def unready_world(cluster: Cluster, now: int) -> Iterator[tuple[str, Row]]:
    """What the statuses of printed pods say of the world.

    ``pod_seen_failing``: a container waits for a reason that does not go by itself; or the pod is not ready, and
    nothing says since when. ``pod_seen_crashing``: a container has ended with an error once more, having run for so
    many milliseconds. ``pod_seen_unready``: its containers run, or nothing is said of them, and it is not ready.
    ``image_cannot_be_pulled``: a container waits for it, and no pod runs it.

    Args:
        cluster: as it was read.
        now: the newest moment that it mentions, in milliseconds since 1970.
    """
    unready = [pod for pod in _not_ready(cluster) if _may_be_stuck(pod)]
    missing = {image for pod in unready for image in _images(pod, waiting=True)}
    if missing:
        missing.difference_update(
            image for pod in cluster.objects("Pod").values() for image in _images(pod, waiting=False)
        )
    yield from (("image_cannot_be_pulled", (image,)) for image in missing)
    for pod in unready:
        if missing.isdisjoint(_images(pod, waiting=True)):
            yield from _seen(pod, now)


def _not_ready(cluster: Cluster) -> Iterable[Object]:
    """The pods that have a node and are not ready."""
    columns = cluster.columns("Pod")
    pods = columns.objects
    said = list(map(id, columns.values("status.conditions") or repeat(None, len(pods))))
    saying = dict(zip(said, pods, strict=True))  # most share what they say with others
    unready = {each for each, pod in saying.items() if not is_ready(pod)}
    return (pod for each, pod in zip(said, pods, strict=True) if each in unready and node_of(pod)) if unready else ()


def _may_be_stuck(pod: Object) -> bool:
    return is_active(pod) and is_stored(pod.document) and bool(uid_of(pod))


def _images(pod: Object, *, waiting: bool) -> Iterator[str]:
    """The images of containers of a pod that wait for them, or that run."""
    status: Mapping[str, Any] = pod.document.get("status") or {}
    spec: Mapping[str, Any] = pod.document.get("spec") or {}
    states = {str(each.get("name")): each.get("state") or {} for field in _STATUSES for each in status.get(field) or ()}
    for field in ("initContainers", "containers"):
        for container in spec.get(field) or ():
            state = states.get(str(container.get("name")), {})
            has_none = (state.get("waiting") or {}).get("reason") in _NO_IMAGE
            if container.get("image") and (has_none if waiting else "running" in state):
                yield str(container["image"])


def _seen(pod: Object, now: int) -> Iterator[tuple[str, Row]]:
    """That a pod fails, with reason and words, or since how many milliseconds it is not ready."""
    status: Mapping[str, Any] = pod.document.get("status") or {}
    spec: Mapping[str, Any] = pod.document.get("spec") or {}
    unready = []
    for each in (each for field in _STATUSES for each in status.get(field) or ()):
        reason = str(((each.get("state") or {}).get("waiting") or {}).get("reason") or "")
        if reason not in _ON_ITS_WAY:
            times = int(each.get("restartCount") or 0)
            end = (each.get("lastState") or {}).get("terminated") or {}
            ended = f", the last exit code {end['exitCode']}" if end.get("exitCode") is not None else ""
            ended += f", {end['reason']}" if ended and end.get("reason") not in (None, "", "Error", "Completed") else ""
            restarts = f" ({times} restart{'' if times == 1 else 's'}{ended})" if times else ""
            yield "pod_seen_failing", (uid_of(pod), reason, f"container {each.get('name')} waits{restarts}")
            return
        last = (each.get("state") or {}).get("terminated") or {}
        if last.get("exitCode") and each.get("restartCount") and _starts_again(spec, each, int(last["exitCode"])):
            words = f"container {each.get('name')} has ended with exit code {last['exitCode']}, after restarts"
            yield "pod_seen_crashing", (uid_of(pod), _ran(last), str(last.get("reason") or "Error"), words)
            return
        if not each.get("ready") and "running" in (each.get("state") or {}):
            unready.append(str(each.get("name")))
    said = any(each.get("type") == "Ready" for each in status.get("conditions") or ())
    if not unready and (not said or status.get("phase") != "Running" or status.get("containerStatuses")):
        return
    since = _unready_since(pod, status)
    what = f"though running: {', '.join(unready)}" if unready else "and nothing is said of its containers"
    if since is not None:
        yield "pod_seen_unready", (uid_of(pod), now - since, f"not ready for {(now - since) // 60_000} minutes, {what}")
    elif said:
        yield "pod_seen_failing", (uid_of(pod), "NotReady", f"not ready, since when is not said, {what}")


def _starts_again(spec: Mapping[str, Any], status: Mapping[str, Any], code: int) -> bool:
    """Whether a container that has ended with an error is started again: by a rule of its own, its policy or the pod's.

    Source: pkg/kubelet/container/helpers.go (ShouldContainerBeRestarted) and pkg/api/v1/pod of Kubernetes 1.36.
    """
    parts = (each for field in ("initContainers", "containers") for each in spec.get(field) or ())
    container: Mapping[str, Any] = next((each for each in parts if each.get("name") == status.get("name")), {})
    for rule in container.get("restartPolicyRules") or ():
        codes = rule.get("exitCodes") or {}
        if (code in (codes.get("values") or ())) == (codes.get("operator") != "NotIn"):
            return True
    return (container.get("restartPolicy") or spec.get("restartPolicy") or "Always") != "Never"


def _ran(ended: Mapping[str, Any]) -> int:
    """For how many milliseconds a container ran that has ended; 0 if nothing says so."""
    began, end = ended.get("startedAt"), ended.get("finishedAt")
    return milliseconds(str(end)) - milliseconds(str(began)) if began and end else 0


def _unready_since(pod: Object, status: Mapping[str, Any]) -> int | None:
    """Since when a pod is not ready; None if nothing says so."""
    said = [each for each in status.get("conditions") or () if each.get("type") == "Ready"]
    texts = [said[0].get("lastTransitionTime") if said else None, status.get("startTime")]
    text = next((each for each in (*texts, metadata(pod).get("creationTimestamp")) if each), None)
    return milliseconds(str(text)) if text else None
