"""What kubelets report of pods: containers that start, wait, end and get ready, and phases.

All that a kubelet reports of a pod in one tick is one change of the pod's status. Pods with the same status, containers
and reports share what becomes of it, but for their addresses.

Source: pkg/kubelet/status/status_manager.go (one status a pod), pkg/kubelet/kubelet_pods.go (generateAPIPodStatus).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from itertools import groupby, takewhile
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import msgspec

from kubelogic.apiserver.allocators.pod_addresses import Sandboxes
from kubelogic.apiserver.conditions import INITIALIZING, NOT_READY, STARTED, Wanted, pod_conditions
from kubelogic.apiserver.transaction import Transaction
from kubelogic.cluster import Object
from kubelogic.cluster.edit import metadata, uid_of
from kubelogic.reconcile.actions import (
    Action,
    EndContainer,
    ExplainEnd,
    HoldContainer,
    ReportContainer,
    ReportPhase,
    ReportStarted,
    SetCondition,
    StartContainer,
    argument_names,
)
from kubelogic.reconcile.functions import container_key

Status = Mapping[str, Any]

ContainerAction = StartContainer | HoldContainer | EndContainer | ExplainEnd | ReportStarted | ReportContainer
Report = ContainerAction | ReportPhase | SetCondition

_INITIAL = "initContainerStatuses"

_NOTHING: Mapping[str, Any] = MappingProxyType({})


def _started(action: StartContainer, old: Status, spec: Mapping[str, Any], now: str) -> Status:
    ended = (old.get("state") or {}).get("terminated") or (old.get("lastState") or {}).get("terminated")
    status = {
        **old,
        "state": {"running": {"startedAt": now}},
        "started": not (_container(spec, action.container) or {}).get("startupProbe"),
        "ready": False,
        "restartCount": int(old.get("restartCount") or 0) + (1 if ended else 0),
    }
    if ended:
        status["lastState"] = {"terminated": ended}
    return status


def _held(action: HoldContainer, old: Status, _spec: Mapping[str, Any], _now: str) -> Status:
    ended = (old.get("state") or {}).get("terminated")
    waiting = {"reason": action.reason, "message": action.message}
    status = {**old, "state": {"waiting": waiting}, "started": False, "ready": False}
    if ended:
        status["lastState"] = {"terminated": ended}
    return status


def _ended(action: EndContainer, old: Status, spec: Mapping[str, Any], now: str) -> Status:
    running = (old.get("state") or {}).get("running")
    terminated = {
        "exitCode": action.exit_code,
        "reason": _end_reason(action.exit_code, started=running is not None),
        "startedAt": (running or {}).get("startedAt", now),
        "finishedAt": now,
    }
    done = action.exit_code == 0 and _is_plain_init(spec, action.container)
    status = {**old, "state": {"terminated": terminated}, "started": False, "ready": done}
    before = (old.get("state") or {}).get("terminated") or (old.get("lastState") or {}).get("terminated")
    if running is None and before:
        status.update(restartCount=int(old.get("restartCount") or 0) + 1, lastState={"terminated": before})
    return status


def _end_reason(code: int, *, started: bool) -> str:
    if not started:
        return "StartError"
    return "Completed" if code == 0 else "Error"


def _explained(action: ExplainEnd, old: Status, _spec: Mapping[str, Any], _now: str) -> Status:
    ended = (old.get("state") or {}).get("terminated")
    return {**old, "state": {"terminated": {**ended, "reason": action.reason}}} if ended else old


def _startup_succeeded(_action: ReportStarted, old: Status, _spec: Mapping[str, Any], _now: str) -> Status:
    return {**old, "started": True}


def _ready_or_not(action: ReportContainer, old: Status, _spec: Mapping[str, Any], _now: str) -> Status:
    return {**old, "ready": bool(action.ready)}


CONTAINER_REPORTS: Mapping[type[Action], Callable[[Any, Status, Mapping[str, Any], str], Status]] = MappingProxyType(
    {
        StartContainer: _started,
        HoldContainer: _held,
        EndContainer: _ended,
        ExplainEnd: _explained,
        ReportStarted: _startup_succeeded,
        ReportContainer: _ready_or_not,
    }
)
"""What becomes of the status of one container, given the action, the status before, the pod's spec and the time."""


def _reported(
    action: ContainerAction, statuses: Sequence[Status], spec: Mapping[str, Any], now: str
) -> Sequence[Status]:
    """The statuses of a list of containers after a report of one."""
    change = CONTAINER_REPORTS[type(action)]
    if any(each.get("name") == action.container for each in statuses):
        return [change(action, each, spec, now) if each.get("name") == action.container else each for each in statuses]
    image = (_container(spec, action.container) or {}).get("image", "")
    return [*statuses, change(action, {"name": action.container, "image": image, "restartCount": 0}, spec, now)]


def _is_plain_init(spec: Mapping[str, Any], name: str) -> bool:
    """Whether a container is an init container that ends: it is ready once it has done its work."""
    return any(
        each["name"] == name and each.get("restartPolicy") != "Always" for each in spec.get("initContainers") or ()
    )


def _container(spec: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    return next(
        (each for part in ("initContainers", "containers") for each in spec.get(part) or () if each["name"] == name),
        None,
    )


class _Story(msgspec.Struct, eq=False, kw_only=True):
    """What is reported of a pod in a tick, shared by all pods of which the same is reported.

    Attributes:
        reports: in order, of one of the pods.
        started: the containers whose start-up probes succeed.
        has_sandbox: whether any of them says that the pod's sandbox is there.
        longer: the stories with one more report, by what it says (``_SAID``).
    """

    reports: tuple[Report, ...] = ()
    started: tuple[str, ...] = ()
    has_sandbox: bool = False
    longer: dict[Hashable, _Story] = msgspec.field(default_factory=dict)

    def then(self, report: Report, said: Hashable) -> _Story:
        """The story with one more report, which is not known yet."""
        reports = (*self.reports, report)
        started = tuple(each.container for each in reports if isinstance(each, ReportStarted))
        has_sandbox = self.has_sandbox or _has_sandbox(report)
        self.longer[said] = _Story(reports=reports, started=started, has_sandbox=has_sandbox)
        return self.longer[said]


def report(tx: Transaction, actions: Sequence[Report]) -> Sequence[int]:
    """Carry out what kubelets report in one tick.

    Args:
        tx: the state as it is by now.
        actions: the reports in order; those of a pod that is gone do nothing.

    Returns:
        The numbers of those that come to nothing, as no address is left for the pod's sandbox.
    """
    undone: list[int] = []
    start: _Story = tx.shared.setdefault("reports", _Story())
    pods: dict[str, Object] = {}
    stories: dict[str, _Story] = {}
    addresses: dict[str, Mapping[str, Any] | None] = {}
    sandboxes = Sandboxes(tx)
    first = 0
    for kind, those in groupby(actions, _class):  # hundreds of thousands, of few classes
        run = list(those)
        told = zip(run, map(_POD[kind], run), map(_SAID[kind], run), strict=True)
        for number, (action, key, what) in enumerate(told, first):
            before = stories.get(key)
            if before is None:
                pod = tx.get("Pod", key)
                if pod is None:
                    continue
                before, pods[key] = start, pod
            story = before.longer.get(what) or before.then(action, what)
            if story.has_sandbox and not before.has_sandbox:
                if key not in addresses:
                    addresses[key] = sandboxes.addresses(pods[key])
                if addresses[key] is None:
                    undone.append(number)
                    continue
            stories[key] = story
        first += len(run)
    _tell(tx, pods, stories, addresses)
    return undone


def _has_sandbox(action: Report) -> bool:
    """Whether what is reported says that the pod's sandbox is there."""
    if isinstance(action, ReportPhase):
        return action.phase == "Running"
    return not isinstance(action, HoldContainer | SetCondition)


def _tell(
    tx: Transaction,
    pods: Mapping[str, Object],
    stories: Mapping[str, _Story],
    addresses: Mapping[str, Mapping[str, Any] | None],
) -> None:
    """Change the statuses of pods by what their kubelets report: once for those that share all that decides."""
    made: dict[Hashable, dict[str, Any]] = {}
    for key, story in stories.items():
        pod, given = pods[key], addresses.get(key)
        document = pod.document
        spec = document.get("spec") or _NOTHING
        old, initial, main = document.get("status"), spec.get("initContainers"), spec.get("containers")
        created = (document.get("metadata") or _NOTHING).get("creationTimestamp")
        mark = story, created, not given, id(old), id(initial), id(main)
        status = made.get(mark)
        if status is None:
            after = partial(_after, tx, pod, story.reports, given or _NOTHING)
            status = made[mark] = tx.status_after(pod, mark[:3], (initial, main), after)
        tx.put_status(pod, {**status, **given} if given else status, own=False)
        for container in story.started:
            tx.memory["started", container_key(uid_of(pod), container)] = tx.state.now


def _after(tx: Transaction, pod: Object, reports: Sequence[Report], addresses: Mapping[str, Any]) -> dict[str, Any]:
    """The status of a pod after all reports, with room for its addresses where they are to be."""
    status = dict(pod.document.get("status") or {})
    for each in reports:
        wanted: Sequence[Wanted] = ()
        if isinstance(each, SetCondition):
            status["conditions"] = pod_conditions(tx, status.get("conditions"), readiness(each))
            continue
        if isinstance(each, ReportPhase):
            fields: dict[str, Any] = {"phase": each.phase}
            wanted = STARTED if each.phase == "Running" else ()
        else:
            field, statuses = _containers_after(tx, pod, status, each)
            fields = {field: statuses}
            if field == _INITIAL and isinstance(each, StartContainer) and not status.get(field):
                wanted = INITIALIZING
        if addresses and _has_sandbox(each):
            fields.update(addresses)
        fields.update(start_time(status, metadata(pod), tx.now))
        if wanted:
            fields["conditions"] = pod_conditions(tx, status.get("conditions"), wanted)
        status.update(fields)
    return status


def start_time(status: Status, about: Mapping[str, Any], now: str) -> Mapping[str, Any]:
    """When the kubelet got a pod, unless its status says so: when it was bound, if anybody said so.

    Args:
        status: of the pod.
        about: its metadata.
        now: the present.
    """
    if status.get("startTime"):
        return {}
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "True":
            return {"startTime": str(condition.get("lastTransitionTime") or now)}
    return {"startTime": str(about.get("creationTimestamp") or now)}


def _containers_after(
    tx: Transaction, pod: Object, status: Status, action: ContainerAction
) -> tuple[str, Sequence[Status]]:
    """The field that has the statuses of a container and its like, and what they are after a report of it."""
    spec = pod.document.get("spec") or {}
    initial, main = spec.get("initContainers"), spec.get("containers")
    is_initial = any(each["name"] == action.container for each in initial or ())
    field = _INITIAL if is_initial else "containerStatuses"
    old = status.get(field)
    about = (type(action), *msgspec.structs.astuple(action)[2:])
    return field, tx.alike(about, (old, initial, main), lambda: _reported(action, old or (), spec, tx.now))


def readiness(action: SetCondition) -> Sequence[Wanted]:
    """The conditions that a kubelet sets which says whether a pod is ready: it says so of its containers, too.

    None if no kubelet says it.
    """
    if action.kind != "Pod" or action.condition != "Ready" or not (action.status == "True" or action.reason):
        return ()
    ready = "False" if action.reason == NOT_READY else "True"
    about_containers = ("ContainersReady", ready, "" if ready == "True" else NOT_READY)
    return about_containers, ("Ready", action.status, action.reason)


def first_of(actions: Sequence[Action]) -> Sequence[Any]:
    """The reports that stand before all other actions: a tick has kubelets act first."""
    found: list[Action] = []
    for kind, those in groupby(actions, _class):
        run = list(those)
        told = list(takewhile(_is_report, run)) if kind is SetCondition else run if kind in _SAID else []
        found += told
        if len(told) < len(run):
            break
    return found


def _is_report(action: Action) -> bool:
    """Whether a kubelet sets a condition so."""
    return isinstance(action, SetCondition) and bool(readiness(action))


def _alone(tx: Transaction, action: Report) -> None:
    tx.undone = bool(report(tx, [action]))


_KINDS: tuple[type[Action], ...] = (*CONTAINER_REPORTS, ReportPhase)
_SAID: Mapping[type[Action], Callable[[Any], Hashable]] = MappingProxyType(
    {kind: attrgetter("__class__", *argument_names(kind)[1:]) for kind in _KINDS}
    | {SetCondition: attrgetter("__class__", "condition", "status", "reason")}
)
"""What each class of reports says: its name, and all but the pod that it is about."""

_POD: Mapping[type[Action], Callable[[Any], str]] = MappingProxyType(
    dict.fromkeys(_KINDS, attrgetter("pod")) | {SetCondition: attrgetter("key")}
)
"""Which pod a report is about, by its class."""

_class = attrgetter("__class__")


APPLIERS: Mapping[type[Action], Callable[[Transaction, Any], None]] = MappingProxyType(dict.fromkeys(_KINDS, _alone))
