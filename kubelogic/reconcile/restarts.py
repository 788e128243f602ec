"""Containers that did not run smoothly: how often they were restarted, and what they wait for at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from kubelogic.cluster import Cluster, Object


class Restarts(msgspec.Struct, frozen=True, kw_only=True):
    """A container that was restarted during a run, or that waits at its end.

    Attributes:
        pod: key of the pod.
        container: its name.
        count: restarts during the run.
        exit_code: with which it ended the last time; None if it never did.
        cause: what the kubelet said when it killed the container the last time; empty if it never did.
        waiting: why it waits at the end, such as CrashLoopBackOff; empty if it runs or has ended.
        message: what the kubelet says of that.
    """

    pod: str
    container: str
    count: int
    exit_code: int | None = None
    cause: str = ""
    waiting: str = ""
    message: str = ""


def restarts(before: Cluster, after: Cluster, killed: Mapping[tuple[str, str], str]) -> tuple[Restarts, ...]:
    """The containers of the pods that are there at the end, as far as they were restarted or wait; worst first.

    Args:
        before: at the start.
        after: at the end.
        killed: what kubelets said when they killed a container, by key of the pod and name of the container.
    """
    found: list[Restarts] = []
    for key, pod in after.objects("Pod").items():
        old = before.get("Pod", key)
        known = {status["name"]: status for status in _statuses(old)} if old is not None else {}
        for status in _statuses(pod):
            waiting = (status.get("state") or {}).get("waiting") or {}
            reason = str(waiting.get("reason") or "")
            count = _count(status) - _count(known.get(status["name"]) or {})
            if count > 0 or reason in ("CrashLoopBackOff", "ImagePullBackOff"):
                found.append(
                    Restarts(
                        pod=key,
                        container=str(status["name"]),
                        count=max(count, 0),
                        exit_code=_exit_code(status),
                        cause=killed.get((key, str(status["name"])), ""),
                        waiting=reason,
                        message=str(waiting.get("message") or ""),
                    )
                )
    return tuple(sorted(found, key=lambda each: (not each.waiting, -each.count, each.pod, each.container)))


def _statuses(pod: Object) -> Iterator[Mapping[str, Any]]:
    status = pod.document.get("status") or {}
    for field in ("initContainerStatuses", "containerStatuses"):
        yield from status.get(field) or ()


def _count(status: Mapping[str, Any]) -> int:
    return int(status.get("restartCount") or 0)


def _exit_code(status: Mapping[str, Any]) -> int | None:
    for field in ("state", "lastState"):
        ended = (status.get(field) or {}).get("terminated")
        if ended:
            return int(ended.get("exitCode") or 0)
    return None
