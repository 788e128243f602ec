"""Pods as controllers and kubelets see them: owner, conditions, containers, and what a kubelet has to run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from sys import intern
from typing import Any

import msgspec

from kubelogic.cluster import Object
from kubelogic.cluster.clock import milliseconds
from kubelogic.cluster.edit import uid_of
from kubelogic.facts.alike import Own
from kubelogic.facts.base import Changes, Extractor, Fact, FactModule, World, reader, whether
from kubelogic.facts.objects import controller, reference_uid, sibling
from kubelogic.facts.quota_costs import pod_total
from kubelogic.facts.selectors import label_set
from kubelogic.facts.shapes import MIRROR
from kubelogic.kinds.qos import qos_class
from kubelogic.kinds.quantity import parse

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"

_NEVER_READ = frozenset({"Initialized", "ContainersReady", "PodReadyToStartContainers", "PodScheduled"})
"""Conditions that no rule reads; real clusters have them on every pod."""

_STATUSES = ("status.containerStatuses", "status.initContainerStatuses")

_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def identity_facts(obj: Object) -> Iterator[Fact]:
    """Who one pod is, whose, and whether it is to go."""
    key, meta = obj.key, obj.document.get("metadata") or {}
    yield "pod_uid", (key, uid_of(obj))
    reference = controller(meta)
    if reference is None:
        yield "pod_uncontrolled", (key, obj.namespace, label_set(meta.get("labels")))
    else:
        owner = sibling(obj.namespace, reference["name"])
        yield "pod_owner_uid", (key, reference_uid(reference, owner))
    deleted = meta.get("deletionTimestamp")
    if deleted:
        grace = 1000 * int(meta.get("deletionGracePeriodSeconds") or 0)
        yield "pod_ends", (key, milliseconds(deleted) - grace, milliseconds(deleted))
        for finalizer in meta.get("finalizers") or ():
            yield "pod_finalizer", (key, finalizer)
    annotations = meta.get("annotations") or {}
    if MIRROR in annotations:
        yield "pod_static", (key,)
    cost = annotations.get(DELETION_COST)
    if cost:
        yield "pod_deletion_cost", (key, int(cost))


def bound_facts(obj: Object) -> Sequence[Fact]:
    """Since when one pod has its node, until it starts there."""
    document = obj.document
    status = document.get("status") or {}
    if (status.get("phase") or "Pending") != "Pending" or not (document.get("spec") or {}).get("nodeName"):
        return ()
    return (("pod_bound", (obj.key, _bound(document.get("metadata") or {}, status))),)


def reason_facts(obj: Object) -> Sequence[Fact]:
    """Why one pod is in its phase, where its status says so."""
    status = obj.document.get("status") or {}
    if not status.get("reason"):
        return ()
    return (("pod_status_reason", (obj.key, str(status["reason"]), str(status.get("message") or ""))),)


def condition_facts(obj: Object) -> Iterator[Fact]:
    """The conditions of one pod."""
    for condition in (obj.document.get("status") or {}).get("conditions") or ():
        yield from _condition_facts(obj.key, condition)


def program_facts(obj: Object) -> Iterator[Fact]:
    """The program of one pod."""
    program = _program(obj.document.get("spec") or {})
    yield "pod_program", (obj.key, program)
    yield "program", (program,)


def container_facts(obj: Object) -> Iterator[Fact]:
    """What the containers of one pod do."""
    status = obj.document.get("status") or {}
    for field in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(field) or ():
            yield from _container_facts(obj.key, container)


def _bound(meta: Mapping[str, Any], status: Mapping[str, Any]) -> int:
    """When a pod got its node; when it was made, if nobody says."""
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition.get("lastTransitionTime"):
            return milliseconds(condition["lastTransitionTime"])
    created = meta.get("creationTimestamp")
    return milliseconds(created) if created else 0


def _condition_facts(key: str, condition: Mapping[str, Any]) -> Iterator[Fact]:
    name, status = intern(str(condition["type"])), intern(str(condition["status"]))
    if name in _NEVER_READ:
        return
    text = condition.get("lastTransitionTime")
    since = milliseconds(text) if text else 0
    yield "pod_condition", (key, name, status, condition.get("reason") or "", since)


def _container_facts(key: str, status: Mapping[str, Any]) -> Iterator[Fact]:
    name = intern(str(status.get("name") or ""))
    state = status.get("state") or {}
    if "running" in state:
        since = (state["running"] or {}).get("startedAt")
        yield "container_running", (key, name, milliseconds(since) if since else 0)
    elif "terminated" in state:
        ended = state["terminated"].get("finishedAt")
        code = int(state["terminated"].get("exitCode") or 0)
        yield "container_ended", (key, name, code, milliseconds(ended) if ended else 0)
    elif "waiting" in state:
        yield "container_waiting", (key, name, (state["waiting"] or {}).get("reason") or "")
    if "running" in state and not status.get("ready"):
        yield "container_unready", (key, name)
        if status.get("started") is False:
            yield "container_unstarted", (key, name)
    last = (status.get("lastState") or {}).get("terminated")
    ended = state.get("terminated") or last
    if ended and "running" not in state and ended.get("startedAt") and ended.get("finishedAt"):
        ran = milliseconds(ended["finishedAt"]) - milliseconds(ended["startedAt"])
        yield "container_ran", (key, name, ran)
    if status.get("restartCount"):
        yield "container_restarts", (key, name, int(status["restartCount"]))
        if last:
            ended = last.get("finishedAt")
            yield (
                "container_last_ended",
                (key, name, int(last.get("exitCode") or 0), milliseconds(ended) if ended else 0),
            )


# -- programs: what a pod runs, the same for all pods of a template ----------------------------------------


def _program(spec: Mapping[str, Any]) -> str:
    """Text that says all that a kubelet does with a pod."""
    parts = [
        spec.get("restartPolicy") or "Always",
        spec.get("terminationGracePeriodSeconds"),
        [_container(c) for c in spec.get("initContainers") or ()],
        [_container(c) for c in spec.get("containers") or ()],
        [gate["conditionType"] for gate in spec.get("readinessGates") or ()],
        spec.get("activeDeadlineSeconds"),
    ]
    further = [list(_disk_limits(spec)), list(_scratch(spec)), _resources(spec)]
    if any(further):
        parts.append(further)
    return msgspec.json.encode(parts).decode()


DISK = "ephemeral-storage"
"""The resource that stands for a node's own disk."""


def _disk_limits(spec: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """How many bytes of its node's disk each container may use, and the pod as a whole (empty)."""
    parts = [spec, *(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    if not any(DISK in ((part.get("resources") or {}).get("limits") or ()) for part in parts):
        return
    yield "", int(pod_total(spec, "limits")[DISK])
    for container in spec.get("containers") or ():
        if own := ((container.get("resources") or {}).get("limits") or {}).get(DISK):
            yield container["name"], int(parse(own))


def _scratch(spec: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """The emptyDir volumes: name, medium and limit, as they were written."""
    for volume in spec.get("volumes") or ():
        if "emptyDir" in volume:
            source = volume["emptyDir"] or {}
            yield volume["name"], source.get("medium") or "", str(source.get("sizeLimit") or "")


def _resources(spec: Mapping[str, Any]) -> list[Any]:
    """What decides about the class of service: resources of the pod, of the init containers, of the containers."""
    initial = [container.get("resources") or None for container in spec.get("initContainers") or ()]
    main = [container.get("resources") or None for container in spec.get("containers") or ()]
    if not (spec.get("resources") or any(initial) or any(main)):
        return []
    return [spec.get("resources"), initial, main]


def _class_of(resources: Sequence[Any]) -> str:
    whole, initial, main = resources or (None, (), ())
    parts = {
        "initContainers": [{"resources": each} for each in initial],
        "containers": [{"resources": each} for each in main],
    }
    return qos_class({"resources": whole, **parts})


def _container(container: Mapping[str, Any]) -> list[Any]:
    probes = [_probe(container[name], container) if container.get(name) else None for name in _PROBES]
    return [
        container["name"],
        container.get("image") or "",
        container.get("restartPolicy") or "",
        probes,
        [_restart_rule(rule) for rule in container.get("restartPolicyRules") or ()],
        [_sleep(container, moment) for moment in ("postStart", "preStop")] if container.get("lifecycle") else None,
        container.get("imagePullPolicy") == "Always",
    ]


def _probe(probe: Mapping[str, Any], container: Mapping[str, Any]) -> list[Any]:
    """Delay, period, successes, failures, how it asks, timeout and grace period, in milliseconds and pieces."""
    grace = probe.get("terminationGracePeriodSeconds")
    return [
        1000 * int(probe.get("initialDelaySeconds") or 0),
        1000 * int(probe.get("periodSeconds") or 10),
        int(probe.get("successThreshold") or 1),
        int(probe.get("failureThreshold") or 3),
        _handler(probe, container),
        1000 * int(probe.get("timeoutSeconds") or 1),
        None if grace is None else 1000 * int(grace),
    ]


def _handler(probe: Mapping[str, Any], container: Mapping[str, Any]) -> str:
    """How a probe asks; ``unresolved`` if it names a port that the container does not have."""
    for name in ("httpGet", "tcpSocket", "grpc", "exec"):
        if name in probe:
            port = (probe[name] or {}).get("port")
            ports = {each.get("name") for each in container.get("ports") or ()}
            named = isinstance(port, str) and not port.isdigit()
            return "unresolved" if named and port not in ports else name
    return "unresolved"


def _restart_rule(rule: Mapping[str, Any]) -> list[Any]:
    codes = rule.get("exitCodes") or {}
    return [rule.get("action") or "", codes.get("operator") or "", [int(code) for code in codes.get("values") or ()]]


def _sleep(container: Mapping[str, Any], moment: str) -> int:
    """Milliseconds that a hook sleeps; other hooks take no time."""
    hook = (container["lifecycle"].get(moment) or {}).get("sleep") or {}
    return 1000 * int(hook.get("seconds") or 0)


def _program_facts(program: str) -> Iterator[Fact]:
    """What the text of a program says, as facts. Shared by all pods with that program."""
    policy, seconds, initial, main, gates, deadline, *more = msgspec.json.decode(program)
    grace = 1000 * (30 if seconds is None else int(seconds))
    yield "program_grace", (program, grace)
    for position, container in enumerate(initial):
        sidecar = container[2] == "Always"
        yield "program_init", (program, container[0], position, 1 if sidecar else 0)
        yield from _shared_container_facts(program, container, policy, grace)
    for container in main:
        yield "program_container", (program, container[0])
        yield from _shared_container_facts(program, container, policy, grace)
    for gate in gates:
        yield "program_gate", (program, gate)
    if deadline is not None:
        yield "program_deadline", (program, 1000 * int(deadline))
    limits, volumes, resources = more[0] if more else ((), (), ())
    for name, amount in limits:
        yield "program_disk_limit", (program, name, amount)
    for name, medium, limit in volumes:
        yield "program_scratch", (program, name, medium)
        if limit and (most := int(parse(limit))) > 0:
            yield "program_scratch_limit", (program, name, most)
    yield "program_class", (program, _class_of(resources))


def _shared_container_facts(program: str, container: Sequence[Any], policy: str, grace: int) -> Iterator[Fact]:
    name, image, own, probes, rules, sleeps, pulls = container
    yield "program_image", (program, name, image)
    if pulls:
        yield "program_pulls", (program, name)
    yield "program_policy", (program, name, own or policy)
    for kind, probe in zip(("startup", "readiness", "liveness"), probes, strict=True):
        if probe is not None:
            handler, timeout, own_grace = probe[4:]
            yield "program_probe", (program, name, kind, *probe[:4])
            yield (
                "program_probe_by",
                (program, name, kind, handler, timeout, grace if own_grace is None else own_grace),
            )
    for position, (action, operator, codes) in enumerate(rules):
        yield "program_restart_rule", (program, name, position, action, operator)
        for code in codes:
            yield "program_restart_code", (program, name, position, code)
    for moment, sleep in zip(("postStart", "preStop"), sleeps or (), strict=False):
        if sleep:
            yield "program_hook", (program, name, moment, sleep)


class ProgramStage:
    """Says once what each program is, however many pods run it."""

    def apply(self, changes: Changes) -> None:
        """See ``Stage``."""
        for (program,) in changes.went("program"):
            for fact in _program_facts(str(program)):
                changes.remove(*fact)
        for (program,) in changes.came("program"):
            for fact in _program_facts(str(program)):
                changes.add(*fact)


def _traced(world: World) -> Mapping[str, Extractor]:
    def facts(pod: Object) -> Iterator[Fact]:
        text = _program(pod.document.get("spec") or {})
        for _, program in world.rows("pod_program", {0: pod.key}):
            for predicate, row in _program_facts(text):
                yield predicate, (program, *row[1:])

    return {"Pod": facts}


_BOUND = ("metadata.creationTimestamp", "spec.nodeName", "status.phase", "status.conditions")

_IDENTITY = (
    "metadata.annotations",
    "metadata.deletionGracePeriodSeconds",
    "metadata.deletionTimestamp",
    "metadata.finalizers",
    "metadata.labels",
    "metadata.ownerReferences",
)

_PROGRAM = (
    "spec.containers",
    "spec.initContainers",
    "spec.readinessGates",
    "spec.resources",
    "spec.activeDeadlineSeconds",
    "spec.restartPolicy",
    "spec.terminationGracePeriodSeconds",
    "spec.volumes",
)

MODULE = FactModule(
    name="pod status",
    extractors={
        "Pod": (
            reader(identity_facts, "metadata", by=_IDENTITY, own=Own("metadata.uid", uid_of)),
            reader(bound_facts, *_BOUND, by=whether("spec.nodeName", _BOUND)),
            reader(condition_facts, "status.conditions", by=["status.conditions"]),
            reader(reason_facts, "status.reason", "status.message", only="status.reason"),
            reader(program_facts, *_PROGRAM, by=_PROGRAM),
            reader(container_facts, *_STATUSES, by=_STATUSES),
        )
    },
    shared=frozenset({"program"}),
    stages=(ProgramStage,),
    traced=_traced,
)
