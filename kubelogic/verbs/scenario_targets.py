"""Steps of scenario files about containers that they describe, and whether there are such containers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from kubelogic.cluster import Cluster, Object
from kubelogic.reconcile.choices import ForEach, PodChoice
from kubelogic.reconcile.scenario import Apply, Behave, Operation, Patch, SetImage
from kubelogic.reconcile.troubles import Aimed, ExitContainers, FailProbe, GiveCondition, HealProbe, Target
from kubelogic.text.location import Path as FieldPath
from kubelogic.verbs.scenario_choices import pods
from kubelogic.verbs.scenario_fields import Fields, WrongFieldError

PROBES = ("liveness", "readiness", "startup")

_KINDS = ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicaSet", "ReplicationController", "Pod")
_ANSWERS = ("status", "exitCode", "refused", "timeout")
_FITTING: Mapping[str, tuple[str, ...]] = {
    "status": ("httpGet",),
    "exit code": ("exec",),
    "refused": ("httpGet", "tcpSocket", "grpc"),
}
_WORDS = {"httpGet": "HTTP", "tcpSocket": "TCP", "grpc": "gRPC", "exec": "a command"}


def aimed(fields: Fields, template: Aimed) -> Operation:
    """An operation on the containers that a step means: of a workload or pod, by labels or image, of one pod.

    Raises:
        WrongFieldError: if that cannot be said.
    """
    way = fields.one_of("name", "of", "selector", "image")
    container = fields.text("container", "")
    if way == "of" or (way == "selector" and "count" in fields.value):
        chosen = pods(fields)
        assert isinstance(chosen, PodChoice)
        return ForEach(choice=chosen, template=replace(template, target=Target(container=container)))
    return replace(template, target=_target(fields, way, container))


def _target(fields: Fields, way: str, container: str) -> Target:
    for extra in ("count", "node"):
        if extra in fields.value:
            raise fields.wrong("goes with of", extra, on_key=True, code="KL142")
    if way == "image":
        return Target(image=fields.text("image"), container=container)
    if way == "name":
        kind, key = fields.reference(_KINDS)
        return Target(kind=kind, key=key, container=container)
    labels = fields.value["selector"]
    if not isinstance(labels, Mapping) or not labels or not all(isinstance(each, str) for each in labels.values()):
        raise fields.wrong(f"must be labels such as {{app: web}}, is {labels!r}", "selector")
    namespace = fields.text("namespace", fields.namespace)
    return Target(labels=tuple(sorted(labels.items())), namespace=namespace, container=container)


def fail_probe(fields: Fields) -> Operation:
    """``fail: {probe: ...}``."""
    given = [name for name in _ANSWERS if name in fields.value]
    if len(given) > 1:
        raise fields.wrong(f"a probe has one answer, this one {' and '.join(given)}", code="KL142")
    probe = fields.choice("probe", PROBES)
    answer, number = given[0] if given else "failure", 0
    match given:
        case ["status"]:
            number = _status(fields)
        case ["exitCode"]:
            answer, number = "exit code", fields.number("exitCode")
        case [word]:
            if fields.flag(word) is not True:
                raise fields.wrong("must be true, or left out", word)
    return aimed(fields, FailProbe(target=Target(), probe=probe, answer=answer, number=number))


def _status(fields: Fields) -> int:
    status = fields.number("status")
    if not 100 <= status <= 599:
        raise fields.wrong(f"must be an HTTP status from 100 to 599, is {status}", "status")
    return status


def heal_probe(fields: Fields) -> Operation:
    """``heal: {probe: ...}``."""
    given = [name for name in _ANSWERS if name in fields.value]
    if given:
        raise fields.wrong("goes with fail", given[0], on_key=True, code="KL142")
    return aimed(fields, HealProbe(target=Target(), probe=fields.choice("probe", PROBES)))


# -- is there anything that a step means -----------------------------------------------------------------------


class _Pods(msgspec.Struct, frozen=True, kw_only=True):
    """A pod, or the pods that a workload makes."""

    kind: str
    key: str
    namespace: str
    labels: Mapping[str, str]
    spec: Mapping[str, Any]

    def containers(self) -> list[Mapping[str, Any]]:
        return [*(self.spec.get("initContainers") or ()), *(self.spec.get("containers") or ())]


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """The containers that a scenario can mean.

    Attributes:
        pods: those of the cluster, and those that the scenario applies.
        images: workloads that the scenario gives another image, by image, with the container (empty for all).
        open: whether steps change objects in ways that are not looked into, so that nothing can be missed.
    """

    pods: tuple[_Pods, ...]
    images: Mapping[str, tuple[tuple[str, str, str], ...]]
    open: bool

    @classmethod
    def of(cls, cluster: Cluster, operations: Iterable[Operation]) -> Known:
        """What a cluster and the steps of a scenario have.

        Args:
            cluster: where the scenario begins.
            operations: all of its steps.
        """
        objects: list[Object] = [obj for kind in _KINDS for obj in cluster.objects(kind).values()]
        images: dict[str, list[tuple[str, str, str]]] = {}
        is_open = False
        for operation in operations:
            if isinstance(operation, Apply):
                objects.extend(operation.objects)
            elif isinstance(operation, SetImage):
                images.setdefault(operation.image, []).append((operation.kind, operation.key, operation.container))
            elif isinstance(operation, Patch):
                is_open = True
        pods = tuple(_pods(obj) for obj in objects if obj.kind in _KINDS)
        return cls(pods=pods, images={name: tuple(given) for name, given in images.items()}, open=is_open)

    def check(self, operation: Operation, path: FieldPath) -> None:
        """Refuse a step that means nothing.

        Args:
            operation: what it does.
            path: its place in the file.

        Raises:
            WrongFieldError: if there are no such containers, or if they have no such probe.
        """
        if self.open:
            return
        if isinstance(operation, Behave):
            self._meant(Target(image=operation.image), path, field="name")
            return
        if not isinstance(operation, FailProbe | HealProbe | ExitContainers | GiveCondition):
            return
        aimed = operation.target
        found = self._meant(aimed, path)
        if isinstance(operation, FailProbe | HealProbe):
            _check_probe(operation, found, path)
        elif isinstance(operation, GiveCondition):
            pods = [each for each in self.pods if any(c in found for c in each.containers())]
            gates = {g["conditionType"] for each in pods for g in each.spec.get("readinessGates") or ()}
            if operation.condition not in gates:
                raise WrongFieldError(
                    (*path, "type"), f"{aimed} has no readiness gate {operation.condition}", code="KL128"
                )

    def _meant(self, aimed: Target, path: FieldPath, field: str = "") -> list[Mapping[str, Any]]:
        if aimed.image:
            containers, field = list(self._with_image(aimed.image)), field or "image"
        else:
            containers = [c for each in self.pods if _is_meant(each, aimed) for c in each.containers()]
            field = "selector" if aimed.labels else "name"
        if not containers:
            whole = Target(kind=aimed.kind, key=aimed.key, labels=aimed.labels, namespace=aimed.namespace)
            what = f"no container has the image {aimed.image}" if aimed.image else f"there is no {whole}"
            what = f"there are no {whole}" if aimed.labels else what
            raise WrongFieldError((*path, field), what, code="KL128")
        if not aimed.container:
            return containers
        named = [c for c in containers if c.get("name") == aimed.container]
        if not named:
            there = ", ".join(sorted({str(c.get("name")) for c in containers}))
            message = f"there is no container {aimed.container}; there are {there}"
            raise WrongFieldError((*path, "container"), message, code="KL128")
        return named

    def _with_image(self, image: str) -> Iterable[Mapping[str, Any]]:
        given = self.images.get(image, ())
        for each in self.pods:
            for container in each.containers():
                set_to = any(
                    (kind, key) == (each.kind, each.key) and name in ("", container.get("name"))
                    for kind, key, name in given
                )
                if set_to or container.get("image") == image:
                    yield container


def _pods(obj: Object) -> _Pods:
    document: Mapping[str, Any] = obj.document
    if obj.kind == "CronJob":
        document = (document.get("spec") or {}).get("jobTemplate") or {}
    if obj.kind != "Pod":
        document = (document.get("spec") or {}).get("template") or {}
    labels = (document.get("metadata") or {}).get("labels") or {}
    return _Pods(kind=obj.kind, key=obj.key, namespace=obj.namespace, labels=labels, spec=document.get("spec") or {})


def _is_meant(pods: _Pods, aimed: Target) -> bool:
    if aimed.labels:
        return pods.namespace == aimed.namespace and all(pods.labels.get(k) == v for k, v in aimed.labels)
    return (pods.kind, pods.key) == (aimed.kind, aimed.key)


def _check_probe(operation: FailProbe | HealProbe, containers: Sequence[Mapping[str, Any]], path: FieldPath) -> None:
    probes = [c[f"{operation.probe}Probe"] for c in containers if c.get(f"{operation.probe}Probe")]
    if not probes:
        names = ", ".join(sorted({str(c.get("name")) for c in containers}))
        which = f"container {names} has" if len(containers) == 1 else f"none of the containers {names} has"
        article = "no" if len(containers) == 1 else "a"
        raise WrongFieldError((*path, "probe"), f"{which} {article} {operation.probe} probe", code="KL128")
    if not isinstance(operation, FailProbe) or operation.answer not in _FITTING:
        return
    if any(kind in probe for probe in probes for kind in _FITTING[operation.answer]):
        return
    asks = " and ".join(sorted({_WORDS[kind] for probe in probes for kind in _WORDS if kind in probe}))
    field = "exitCode" if operation.answer == "exit code" else operation.answer
    raise WrongFieldError((*path, field), f"the {operation.probe} probe asks by {asks}", on_key=True, code="KL128")
