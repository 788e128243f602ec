"""Events of horizontal pod autoscalers: that they scale, and why they cannot.

The controller repeats a warning every time it looks (every 15 s); here it is told when it begins.

Source: pkg/controller/podautoscaler/horizontal.go (reconcileAutoscaler, computeReplicasForMetrics,
getUnableComputeReplicaCountCondition) of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kubelogic.cluster import Object
from kubelogic.cluster.state import State
from kubelogic.serve.telling import Told, renewed

_COMPONENT = "horizontal-pod-autoscaler"
_HELPLESS = "the HPA was unable to compute the replica count: "
_NO_SCALE = "the HPA controller was unable to get the target's current scale: "
_FOUND = "the HPA was able to successfully calculate a replica count from "


def of_autoscalers(before: State, after: State) -> Iterator[Told]:
    """What autoscalers tell of a tick.

    Args:
        before: the state before it.
        after: the state after it, with the statuses that the controller wrote.
    """
    for was, now in renewed(before, after, "HorizontalPodAutoscaler"):
        yield from _troubles(was, now)
        yield from _rescaled(before, was, now)


def _status(autoscaler: Object | None) -> Mapping[str, Any]:
    return (autoscaler.document.get("status") or {}) if autoscaler is not None else {}


def _condition(autoscaler: Object | None, name: str) -> Mapping[str, Any]:
    found = _status(autoscaler).get("conditions") or ()
    return next((each for each in found if each.get("type") == name), {})


def _troubles(was: Object | None, now: Object) -> Iterator[Told]:
    for name in ("AbleToScale", "ScalingActive"):
        found, known = _condition(now, name), _condition(was, name)
        reason, message = str(found.get("reason") or ""), str(found.get("message") or "")
        if found.get("status") != "False" or (known.get("reason"), known.get("message")) == (reason, message):
            continue
        if not reason.startswith(("FailedGet", "AmbiguousSelector")):
            continue
        words = message.removeprefix(_HELPLESS).removeprefix(_NO_SCALE)
        yield _told(now, reason, words, warning=True)
        metrics: Sequence[Mapping[str, Any]] = (now.document.get("spec") or {}).get("metrics") or ()
        if message.startswith(_HELPLESS) and len(metrics) == 1:
            first = f"failed to get {_named(metrics[0])} value: {words}"
            told = f"invalid metrics (1 invalid out of 1), first error is: {first}"
            yield _told(now, "FailedComputeMetricsReplicas", told, warning=True)


def _named(metric: Mapping[str, Any]) -> str:
    """A metric as the error about its value calls it."""
    match metric.get("type"):
        case "Resource":
            return f"{(metric.get('resource') or {}).get('name')} resource metric"
        case "ContainerResource":
            return f"{(metric.get('containerResource') or {}).get('name')} container metric"
        case "External":
            name = ((metric.get("external") or {}).get("metric") or {}).get("name")
            return f"{name} external metric"
        case kind:
            return f"{str(kind).lower()} metric"


def _rescaled(before: State, was: Object | None, now: Object) -> Iterator[Told]:
    moment = _status(now).get("lastScaleTime")
    if not moment or moment == _status(was).get("lastScaleTime"):
        return
    spec = now.document.get("spec") or {}
    about = spec.get("scaleTargetRef") or {}
    target = before.cluster.get(str(about.get("kind")), f"{now.namespace}/{about.get('name')}")
    size = _status(now).get("desiredReplicas")
    if target is None or size is None:
        return
    given = (target.document.get("spec") or {}).get("replicas")
    current = 1 if given is None else int(given)
    least = spec.get("minReplicas")
    if current > int(spec.get("maxReplicas") or 0):
        reason = "Current number of replicas above Spec.MaxReplicas"
    elif current < (1 if least is None else int(least)):
        reason = "Current number of replicas below Spec.MinReplicas"
    elif int(size) > current:
        found = str(_condition(now, "ScalingActive").get("message") or "")
        reason = f"{found.removeprefix(_FOUND)} above target"
    else:
        reason = "All metrics below target"
    yield _told(now, "SuccessfulRescale", f"New size: {size}; reason: {reason}")


def _told(about: Object, reason: str, message: str, *, warning: bool = False) -> Told:
    return Told(about=about, reason=reason, message=message, component=_COMPONENT, warning=warning)
