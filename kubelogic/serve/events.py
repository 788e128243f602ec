"""Events that controllers and the scheduler write about what they did, in their own words.

Kubelets are stand-ins and write none.

Source: pkg/controller/{deployment,replicaset,daemon,job,cronjob,statefulset,podautoscaler,nodelifecycle,tainteviction};
pkg/scheduler/schedule_one.go; k8s.io/client-go, tools/record (names, counts) of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import msgspec

from kubelogic.apiserver import requests, serving
from kubelogic.apiserver.answers import Refused
from kubelogic.cluster import Object
from kubelogic.cluster.clock import milliseconds, timestamp
from kubelogic.cluster.edit import metadata, uid_of
from kubelogic.cluster.pods import controller_reference, node_of
from kubelogic.cluster.state import State
from kubelogic.kinds.wire import microseconds
from kubelogic.reconcile.actions import BindPod, DeletePod, EvictPod, PreemptPod, SetCondition
from kubelogic.serve.autoscaling import of_autoscalers
from kubelogic.serve.telling import NodeMonitor, Told, of_nodes, renewed

_KEPT = 3_600_000
"""Milliseconds after which an event goes. Source: --event-ttl."""

_FRESH = 5_000
"""So many milliseconds a claim is new."""

_CONTROLLERS: Mapping[str, str] = {
    "ReplicaSet": "replicaset-controller",
    "ReplicationController": "replication-controller",
    "DaemonSet": "daemonset-controller",
    "Job": "job-controller",
    "StatefulSet": "statefulset-controller",
}


class Events(msgspec.Struct, kw_only=True):
    """Writes events after ticks.

    Attributes:
        line: kube-scheduler's line about a pod that found no node, in a state.
        monitor: notices which nodes come and go.
    """

    line: Callable[[State, str], str]
    monitor: NodeMonitor = msgspec.field(default_factory=NodeMonitor)
    _known: dict[tuple[str, str, str], str] = msgspec.field(default_factory=dict)
    _count: int = 0
    _cleared: int = 0
    _claims: Mapping[str, Object] = msgspec.field(default_factory=dict)

    def __call__(self, before: State, after: State, done: tuple[object, ...]) -> State:
        """The state with the events of what was done."""
        told = [*self._of_actions(before, after, done), *_of_changes(before, after), *self._of_claims(after)]
        for each in told:
            after = self._write(after, each)
        return self._clear(after)

    def noticed(self, state: State) -> tuple[State, int | None]:
        """The state with what the look at all nodes finds, and the moment of the next look that finds something."""
        told, moment = self.monitor.look(state)
        for each in told:
            state = self._write(state, each)
        return state, moment

    def resumed(self, number: int, state: State) -> None:
        """Go on where an earlier server has ended: with the events that are there, and numbers after its own."""
        self._count = number
        self.monitor.resumed(state)
        for key, event in state.cluster.objects("Event").items():
            about = event.document.get("involvedObject") or {}
            told = str(event.document.get("reason")), str(event.document.get("message"))
            self._known[str(about.get("uid")), *told] = key

    def _of_actions(self, before: State, after: State, done: tuple[object, ...]) -> Iterator[Told]:
        for action in done:
            match action:
                case BindPod(pod=key, node=node):
                    yield from _of_scheduler(after, key, "Scheduled", f"Successfully assigned {key} to {node}")
                case SetCondition(kind="Pod", condition="PodScheduled", key=key) if after.cluster.get("Pod", key):
                    if words := self.line(after, key):
                        yield from _of_scheduler(after, key, "FailedScheduling", words, warning=True)
                case DeletePod(pod=key) if (pod := before.cluster.get("Pod", key)) is not None:
                    yield from _deleted(before, after, pod)
                case EvictPod(pod=key) if (pod := before.cluster.get("Pod", key)) is not None:
                    words, component = f"Marking for deletion Pod {key}", "taint-eviction-controller"
                    yield Told(about=pod, reason="TaintManagerEviction", message=words, component=component)
                case PreemptPod(pod=key, beneficiary=other) if (pod := before.cluster.get("Pod", key)) is not None:
                    winner = before.cluster.get("Pod", other)
                    uid = uid_of(winner) if winner is not None else other
                    words = f"Preempted by pod {uid} on node {node_of(pod)}"
                    yield from _of_scheduler(before, key, "Preempted", words)
                case Refused(verb="delete", kind="Pod", owner=key, answer=answer):
                    pod = after.cluster.get("Pod", key)
                    if pod is not None and (owner := _controller(after, pod)) is not None:
                        yield _of_pod("kept", owner, pod, answer.message)
                case Refused(verb="make", owner_kind=kind, owner=key, answer=answer) if (
                    found := after.cluster.get(kind, key)
                ) is not None and kind in _CONTROLLERS:
                    words, component = f"Error creating: {answer.message}", _CONTROLLERS[kind]
                    yield Told(about=found, reason="FailedCreate", message=words, component=component, warning=True)

    def _of_claims(self, after: State) -> Iterator[Told]:
        """Of claims that are new since the last tick and wait for a volume."""
        claims = after.cluster.objects("PersistentVolumeClaim")
        if claims is self._claims:
            return
        known, self._claims = self._claims, claims
        for key in sorted(claims):
            if key not in known or uid_of(known[key]) != uid_of(claims[key]):
                told = _unbound(after, claims[key])
                if told is not None:
                    yield told

    def _write(self, state: State, told: Told) -> State:
        mark = (uid_of(told.about), told.reason, told.message)
        present = self._known.get(mark)
        now = timestamp(state.now - state.now % 1000)
        if present is not None and (old := state.cluster.get("Event", present)) is not None and not told.scheduler:
            change = {"count": int(old.document.get("count") or 1) + 1, "lastTimestamp": now}
            return requests.patch(state, "Event", present, change).state
        self._count += 1
        document = _document(told, state.now, self._count)
        self._known[mark] = f"{document['metadata']['namespace']}/{document['metadata']['name']}"
        return serving.record(state, document)

    def _clear(self, state: State) -> State:
        if state.now - self._cleared < _KEPT // 60:
            return state
        self._cleared = state.now
        for key, event in list(state.cluster.objects("Event").items()):
            last = event.document.get("lastTimestamp") or event.document.get("eventTime")
            if last and state.now - milliseconds(str(last)) > _KEPT:
                state = requests.delete(state, "Event", key).state
        self._known = {mark: key for mark, key in self._known.items() if state.cluster.get("Event", key) is not None}
        return state


def _document(told: Told, now: int, number: int) -> dict[str, Any]:
    about = told.about
    reference: dict[str, Any] = {
        "kind": about.kind,
        "namespace": about.namespace,
        "name": about.name,
        "uid": uid_of(about),
        "apiVersion": about.api_version,
    }
    if about.kind == "Node":
        reference = {key: value for key, value in reference.items() if key != "namespace"}
    mark = (now * 1_000_000 + number) & 0xFFFFFFFFFFFFFFFF
    whole = timestamp(now - now % 1000)
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{about.name}.{mark:x}", "namespace": about.namespace or "default"},
        "involvedObject": reference,
        "reason": told.reason,
        "message": told.message,
        "type": "Warning" if told.warning else "Normal",
        "reportingComponent": told.component,
        "reportingInstance": "",
    }
    if told.scheduler:
        action = {"Scheduled": "Binding", "Preempted": "Preempting"}.get(told.reason, "Scheduling")
        rest = {
            "eventTime": microseconds(timestamp(now)),
            "action": action,
            "reportingInstance": "default-scheduler-kubelogic",
        }
        return {**document, **rest}
    return {
        **document,
        "source": {"component": told.component},
        "firstTimestamp": whole,
        "lastTimestamp": whole,
        "count": 1,
    }


def _of_scheduler(state: State, key: str, reason: str, words: str, *, warning: bool = False) -> Iterator[Told]:
    """Of a pod, if it is there."""
    pod = state.cluster.get("Pod", key)
    if pod is not None:
        yield Told(
            about=pod, reason=reason, message=words, component="default-scheduler", warning=warning, scheduler=True
        )


_DEEDS: Mapping[str, tuple[str, str, str]] = {
    "made": ("SuccessfulCreate", "Created pod: {pod}", "Create Pod {pod} in StatefulSet {owner} successful"),
    "deleted": ("SuccessfulDelete", "Deleted pod: {pod}", "Delete Pod {pod} in StatefulSet {owner} successful"),
    "kept": (
        "FailedDelete",
        "Error deleting: {why}",
        "delete Pod {pod} in StatefulSet {owner} failed error: {why}",
    ),
}
"""What controllers do to their pods: the reason, their words, and those of the controller of StatefulSets.

Source: controller_utils.go: createPods, DeletePod; stateful_pod_control.go: recordPodEvent.
"""


def _of_pod(deed: str, owner: Object, pod: Object, why: str = "") -> Told:
    """What a controller tells of what it did to a pod, or could not do."""
    reason, plain, of_sets = _DEEDS[deed]
    words = (of_sets if owner.kind == "StatefulSet" else plain).format(pod=pod.name, owner=owner.name, why=why)
    component = _CONTROLLERS[owner.kind]
    return Told(about=owner, reason=reason, message=words, component=component, warning=deed == "kept")


def _controller(state: State, pod: Object) -> Object | None:
    """The controller of a pod, if it is one that tells what it does."""
    owner = controller_reference(pod) or {}
    kind = str(owner.get("kind"))
    return state.cluster.get(kind, f"{pod.namespace}/{owner.get('name')}") if kind in _CONTROLLERS else None


def _claims_made(state: State, found: Object, name: str) -> Iterator[Told]:
    """Of the claims that a StatefulSet made for a pod of that name."""
    for each in (found.document.get("spec") or {}).get("volumeClaimTemplates") or ():
        claim = state.cluster.get("PersistentVolumeClaim", f"{found.namespace}/{each['metadata']['name']}-{name}")
        if claim is not None and milliseconds(str(metadata(claim).get("creationTimestamp"))) >= state.now - _FRESH:
            words = f"Create Claim {claim.name} Pod {name} in StatefulSet {found.name} success"
            yield Told(about=found, reason="SuccessfulCreate", message=words, component=_CONTROLLERS["StatefulSet"])


def _unbound(state: State, claim: Object) -> Told | None:
    """What the volume controller says of a claim that waits; None if it is bound.

    Source: pkg/controller/volume/persistentvolume/pv_controller.go, syncUnboundClaim.
    """
    spec = claim.document.get("spec") or {}
    if (claim.document.get("status") or {}).get("phase") == "Bound" or spec.get("volumeName"):
        return None
    told, name = partial(Told, about=claim, component="persistentvolume-controller"), spec.get("storageClassName")
    if not name:
        words = "no persistent volumes available for this claim and no storage class is set"
        return told(reason="FailedBinding", message=words)
    found = state.cluster.get("StorageClass", str(name))
    if found is None:
        words = f'storageclass.storage.k8s.io "{name}" not found'
        return told(reason="ProvisioningFailed", message=words, warning=True)
    chosen = "volume.kubernetes.io/selected-node" in (metadata(claim).get("annotations") or {})
    if found.document.get("volumeBindingMode") == "WaitForFirstConsumer" and not chosen:
        waiting = sorted(pod.name for pod in state.cluster.objects("Pod").values() if _waits_for(pod, claim))
        words = "waiting for first consumer to be created before binding"
        if waiting:
            words = f"waiting for pod{'s' * (len(waiting) > 1)} {','.join(waiting)} to be scheduled"
        return told(reason="WaitForPodScheduled" if waiting else "WaitForFirstConsumer", message=words)
    provisioner = found.document.get("provisioner")
    words = (
        f"Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the "
        "system administrator. If volume creation is delayed, please verify that the provisioner is running and "
        "correctly registered."
    )
    return told(reason="ExternalProvisioning", message=words)


def _waits_for(pod: Object, claim: Object) -> bool:
    """Whether a pod that has no node yet uses a claim."""
    spec = pod.document.get("spec") or {}
    if pod.namespace != claim.namespace or spec.get("nodeName"):
        return False
    used = ((each.get("persistentVolumeClaim") or {}).get("claimName") for each in spec.get("volumes") or ())
    return claim.name in used


def _deleted(before: State, after: State, pod: Object) -> Iterator[Told]:
    """Of pods that their own controller deleted."""
    owner = _controller(before, pod)
    if owner is None or any(metadata(each).get("deletionTimestamp") for each in (pod, owner)):
        return
    if after.cluster.get(owner.kind, owner.key) is not None:
        yield _of_pod("deleted", owner, pod)


def _of_changes(before: State, after: State) -> Iterator[Told]:
    """What follows from how objects differ."""
    pods, now = before.cluster.objects("Pod"), after.cluster.objects("Pod")
    if pods is not now:
        for key in sorted(now.keys() - pods.keys()):
            owner = _controller(after, now[key])
            if owner is not None:
                if owner.kind == "StatefulSet":
                    yield from _claims_made(after, owner, now[key].name)
                yield _of_pod("made", owner, now[key])
    for old, new in renewed(before, after, "ReplicaSet"):
        yield from _scaled(after, old, new)
    for old, new in renewed(before, after, "Job"):
        yield from _job(after, old, new)
    yield from of_autoscalers(before, after)
    yield from of_nodes(before, after)


def _scaled(state: State, old: Object | None, new: Object) -> Iterator[Told]:
    owner = controller_reference(new)
    if owner is None or owner.get("kind") != "Deployment":
        return
    deployment = state.cluster.get("Deployment", f"{new.namespace}/{owner.get('name')}")
    size = int((new.document.get("spec") or {}).get("replicas") or 0)
    was = 0 if old is None else int((old.document.get("spec") or {}).get("replicas") or 0)
    if deployment is None or size == was:
        return
    way = "up" if size > was else "down"
    words = f"Scaled {way} replica set {new.name} from {was} to {size}"
    yield Told(about=deployment, reason="ScalingReplicaSet", message=words, component="deployment-controller")


def _conditions(job: Object | None) -> dict[str, Any]:
    found = ((job.document.get("status") or {}).get("conditions") or ()) if job is not None else ()
    return {str(each.get("type")): each for each in found if each.get("status") == "True"}


def _job(state: State, old: Object | None, new: Object) -> Iterator[Told]:
    before, after = _conditions(old), _conditions(new)
    owner = controller_reference(new)
    parent = None
    if owner is not None and owner.get("kind") == "CronJob":
        parent = state.cluster.get("CronJob", f"{new.namespace}/{owner.get('name')}")
    by_hand = "cronjob.kubernetes.io/instantiate" in (metadata(new).get("annotations") or {})
    if old is None and parent is not None and not by_hand:
        words = f"Created job {new.name}"
        yield Told(about=parent, reason="SuccessfulCreate", message=words, component="cronjob-controller")
    for name, reason, words, warning in (
        ("Complete", "Completed", "Job completed", False),
        ("Suspended", "Suspended", "Job suspended", False),
        ("Failed", "", "", True),
    ):
        if name in after and name not in before:
            found = after[name]
            yield Told(
                about=new,
                reason=reason or str(found.get("reason")),
                message=words or str(found.get("message")),
                component="job-controller",
                warning=warning,
            )
            if parent is not None and name != "Suspended":
                told = f"Saw completed job: {new.name}, condition: {name}"
                yield Told(about=parent, reason="SawCompletedJob", message=told, component="cronjob-controller")
