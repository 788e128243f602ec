"""HorizontalPodAutoscalers, what they scale, and what the pods of a cluster with autoscalers request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from kubelogic.cluster import Object
from kubelogic.facts.base import Changes, Fact, FactModule
from kubelogic.facts.objects import created, identity_facts, sibling, status_facts
from kubelogic.facts.selectors import map_selector, selector
from kubelogic.kinds.quantity import parse

_KIND = "HorizontalPodAutoscaler"
_DIRECTIONS = ("scaleUp", "scaleDown")
SOURCES = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}
"""By type of metric, the field that says which."""
_POLICIES = (("Pods", 4, 15), ("Percent", 100, 15))
_DOWN_POLICIES = (("Percent", 100, 15),)


def autoscaler_facts(obj: Object) -> Iterator[Fact]:
    """Facts of one autoscaler, of version 1 or 2."""
    key = obj.key
    spec: Mapping[str, Any] = obj.document.get("spec") or {}
    yield from identity_facts(obj)
    yield from status_facts(obj, ("currentReplicas", "desiredReplicas"))
    yield "autoscaler", (key, obj.namespace)
    yield "autoscaler_since", (key, created(obj.document.get("metadata") or {}))
    target = spec.get("scaleTargetRef") or {}
    yield "autoscaler_target", (key, str(target.get("kind")), sibling(obj.namespace, str(target.get("name"))))
    least = spec.get("minReplicas")
    yield "autoscaler_bounds", (key, 1 if least is None else int(least), int(spec.get("maxReplicas") or 0))
    for number, metric in enumerate(_metrics(spec)):
        yield from _metric_facts(obj, number, metric)
    if spec.get("behavior") is not None:
        yield from _behavior_facts(key, spec["behavior"])


def _metrics(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The metrics; version 1, and version 2 without any, mean the utilization of CPU."""
    if spec.get("metrics"):
        return list(spec["metrics"])
    percent = int(spec.get("targetCPUUtilizationPercentage") or 80)
    target = {"type": "Utilization", "averageUtilization": percent}
    return [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


def _metric_facts(obj: Object, number: int, metric: Mapping[str, Any]) -> Iterator[Fact]:
    key, kind = obj.key, metric["type"]
    source: Mapping[str, Any] = metric.get(SOURCES.get(kind, "")) or {}
    name = source.get("name") or (source.get("metric") or {}).get("name") or ""
    yield "autoscaler_metric", (key, number, kind, name)
    if kind == "ContainerResource":
        yield "autoscaler_container", (key, number, source.get("container") or "")
    if kind == "Object":
        described = source.get("describedObject") or {}
        yield (
            "autoscaler_object",
            (key, number, described.get("kind") or "", sibling(obj.namespace, described.get("name") or "")),
        )
    target = source.get("target") or {}
    if target.get("averageValue") is not None:
        yield "autoscaler_goal", (key, number, "AverageValue", amount(name, target["averageValue"]))
    elif target.get("averageUtilization") is not None:
        yield "autoscaler_goal", (key, number, "Utilization", int(target["averageUtilization"]))
    elif target.get("value") is not None:
        yield "autoscaler_goal", (key, number, "Value", amount(name, target["value"]))


def _behavior_facts(key: str, behavior: Mapping[str, Any]) -> Iterator[Fact]:
    yield "autoscaler_behaves", (key,)
    for direction in _DIRECTIONS:
        rules = behavior.get(direction) or {}
        window = rules.get("stabilizationWindowSeconds")
        if window is not None or direction == "scaleUp":
            yield "autoscaler_window", (key, direction, 1000 * int(window or 0))
        yield "autoscaler_selects", (key, direction, rules.get("selectPolicy") or "Max")
        usual = _POLICIES if direction == "scaleUp" else _DOWN_POLICIES
        given = [(p["type"], int(p["value"]), int(p["periodSeconds"])) for p in rules.get("policies") or ()]
        for number, (kind, value, seconds) in enumerate(given or usual):
            yield "autoscaler_policy", (key, direction, number, kind, value, 1000 * seconds)
        if rules.get("tolerance") is not None:
            yield "autoscaler_tolerance", (key, direction, int(parse(rules["tolerance"]) * 1000))


WHOLE = frozenset({"memory", "ephemeral-storage", "pids"})
"""Metrics that are counted in bytes, or in processes: what a node can run short of."""


def amount(name: str, quantity: str | int) -> int:
    """A quantity of a metric: whole numbers for what nodes run short of, thousandths for everything else."""
    value = parse(quantity)
    return int(value if name in WHOLE else value * 1000)


# -- what is scaled ------------------------------------------------------------------------------------------


def _scale(find: Callable[[Mapping[str, Any]], str]) -> Callable[[Object], Iterator[Fact]]:
    def facts(obj: Object) -> Iterator[Fact]:
        spec: Mapping[str, Any] = obj.document.get("spec") or {}
        status: Mapping[str, Any] = obj.document.get("status") or {}
        text = find(spec)
        yield "scale_selector", (obj.kind, obj.key, obj.namespace, text)
        yield "selector", (text,)
        yield "scale_status", (obj.kind, obj.key, int(status.get("replicas") or 0))

    return facts


def _of_controller(spec: Mapping[str, Any]) -> str:
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    return map_selector(spec.get("selector") or labels)


_SCALED: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "Deployment": lambda spec: selector(spec.get("selector")),
    "ReplicaSet": lambda spec: selector(spec.get("selector")),
    "StatefulSet": lambda spec: selector(spec.get("selector")),
    "ReplicationController": _of_controller,
}


# -- requests, only where there are autoscalers ------------------------------------------------------------------


def request_facts(pod: Object) -> Iterator[Fact]:
    """What the containers of a pod request, of those resources that autoscalers know."""
    spec: Mapping[str, Any] = pod.document.get("spec") or {}
    sidecars = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
    for container in (*(spec.get("containers") or ()), *sidecars):
        yield "pod_part", (pod.key, container.get("name") or "")
        for name, quantity in ((container.get("resources") or {}).get("requests") or {}).items():
            yield "pod_asks", (pod.key, container.get("name") or "", name, amount(name, quantity))
    for name, quantity in ((spec.get("resources") or {}).get("requests") or {}).items():
        yield "pod_asks_as_whole", (pod.key, name, amount(name, quantity))


_READS = frozenset({"spec.containers", "spec.initContainers", "spec.resources"})


class RequestStage:
    """Gives ``request_facts`` of all pods as long as there is an autoscaler."""

    def apply(self, changes: Changes) -> None:
        """See ``Stage``."""
        known, wanted = bool(changes.before.objects(_KIND)), bool(changes.after.objects(_KIND))
        if not (known or wanted):
            return
        gone: Iterable[Object] = ()
        come: Iterable[Object] = ()
        if known and wanted:
            gone, come = changes.changed(_READS, kinds=("Pod",))
        elif known:
            gone = changes.before.objects("Pod").values()
        else:
            come = changes.after.objects("Pod").values()
        for pod in gone:
            for predicate, row in request_facts(pod):
                changes.remove(predicate, row)
        for pod in come:
            for predicate, row in request_facts(pod):
                changes.add(predicate, row)


MODULE = FactModule(
    name="autoscalers",
    extractors={_KIND: autoscaler_facts, **{kind: _scale(find) for kind, find in _SCALED.items()}},
    stages=(RequestStage,),
    traced=lambda world: {"Pod": request_facts} if world.cluster.objects(_KIND) else {},
)
