"""The values that verbs return. Their JSON forms are in ``kubelogic.report.documents``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from kubelogic.cluster import Cluster
from kubelogic.explain.pending import PendingPod
from kubelogic.reconcile.actions import Action
from kubelogic.reconcile.schedulers import Solve
from kubelogic.text import Location, Notice
from kubelogic.verbs.group_status import GroupStatus
from kubelogic.verbs.shown import Shown

if TYPE_CHECKING:
    from kubelogic.verbs.moves import MovePlan


STUCK = frozenset({"FailedAttachVolume", "PodTerminating"})
"""Reasons of troubles against which an explanation of the workload tries changes."""


class PlacedPod(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A pod and its node; ``new`` if this plan put it there."""

    pod: str
    owner: str
    node: str
    new: bool


class ServiceEndpoints(msgspec.Struct, frozen=True, kw_only=True):
    """A Service's addresses, as ``ip:port``; as ``ip`` for a headless Service without ports."""

    service: str
    ready: tuple[str, ...]
    not_ready: tuple[str, ...]


class TimedAction(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An action, the tick that took it and the simulated time in milliseconds."""

    tick: int
    time: int
    action: Action


class NodeLoad(msgspec.Struct, frozen=True, kw_only=True):
    """What the pods on a node ask for, and what it has, by resource in its unit.

    ``status`` is what ``kubectl get nodes`` shows: Ready, NotReady or Unknown, and SchedulingDisabled behind a cordon.
    """

    node: str
    pods: int
    requested: Mapping[str, int]
    allocatable: Mapping[str, int]
    status: str = ""


class Remedy(msgspec.Struct, frozen=True, kw_only=True):
    """What would help against a refusal: an order to a person, and where the object stands that refuses."""

    text: str
    object: str
    location: Location | None


class RefusedObjects(msgspec.Struct, frozen=True, kw_only=True):
    """Objects of one owner that the API server does not take, as things stand at the end.

    Attributes:
        kind: what kind of object is refused: ``Pod``, ``Job``.
        owner: whose objects, as ``Kind namespace/name``.
        workload: the topmost controller of the owner.
        missing: how many objects the owner lacks.
        wanted: how many it wants in all.
        reason: the reason of the event that the controller reports.
        message: the API server's words.
        tries: how many were tried and refused.
        next_try: when the controller tries again, in milliseconds from the start; None if it is not waiting.
        location: where the workload stands.
        remedies: what would help.
        verb: ``make``, or what else is refused: ``change``, ``delete``.
    """

    kind: str
    owner: str
    workload: str
    missing: int
    wanted: int
    reason: str
    message: str
    tries: int
    next_try: int | None
    location: Location | None
    remedies: tuple[Remedy, ...]
    verb: str = "make"


class GonePod(msgspec.Struct, frozen=True, kw_only=True):
    """A pod of the input that is not there any more at the end; ``node`` is where it was, ``reason`` why it went."""

    pod: str
    owner: str
    node: str
    reason: str


class Departure(msgspec.Struct, frozen=True, kw_only=True):
    """A pod that was evicted, or is due to be.

    Attributes:
        pod: its key.
        owner: its workload.
        node: the node that it leaves.
        time: when, in milliseconds from the start.
        reason: as the condition DisruptionTarget has it.
        why: the taint, or for whom it makes room.
        then: what is made in its place, and where that is at the end.
        due: whether it is evicted only after the horizon.
        lost: whether no controller makes another.
    """

    pod: str
    owner: str
    node: str
    time: int
    reason: str
    why: str
    then: str
    due: bool = False
    lost: bool = False


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """An object that is not well at the end.

    Attributes:
        kind: its kind.
        key: its key.
        reason: in a word, as events and conditions have it.
        message: what is wrong.
        new: whether the cluster was free of it at the start.
        location: where the object stands, if it was read.
    """

    kind: str
    key: str
    reason: str
    message: str
    new: bool
    location: Location | None


class Plan(Shown, msgspec.Struct, frozen=True, kw_only=True):
    """What the control plane makes of a cluster.

    ``settled`` is False if the controllers still had something to do when the horizon came, or if they go round in a
    loop that is no routine of CronJobs and autoscalers. What is due later is no part of it: ``next_at`` is the moment
    after the horizon at which something more may happen, in milliseconds from the start, None if never, and
    ``departures`` has the pods that were evicted, and those that are due to be.

    ``cycle`` is one round of that loop, ``period`` its length in
    milliseconds. ``groups`` says how groups of pods stand. ``moves`` is None if it was not asked for, or if nothing is
    pending. ``solves`` says of each joint placement who found it and what proves it. ``unsure``: the pods that this
    plan placed although they ask for what is not modelled, so that their node may not take them. ``unknown``: what is
    not in the input and would have been needed for an answer.
    """

    settled: bool
    ticks: int
    placements: tuple[PlacedPod, ...]
    pending: tuple[PendingPod, ...]
    gone: tuple[GonePod, ...]
    evictions: tuple[TimedAction, ...]
    endpoints: tuple[ServiceEndpoints, ...]
    actions: tuple[TimedAction, ...]
    nodes: tuple[NodeLoad, ...]
    notices: tuple[Notice, ...]
    cluster: Cluster
    remarks: Sequence[str] = ()
    refusals: tuple[RefusedObjects, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    moves: MovePlan | None = None
    unsure: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    solves: tuple[Solve, ...] = ()
    cycle: tuple[TimedAction, ...] = ()
    period: int = 0
    groups: tuple[GroupStatus, ...] = ()
    departures: tuple[Departure, ...] = ()
    next_at: int | None = None

    def __repr__(self) -> str:
        counts = {
            "placed": len(self.placements),
            "pending": len(self.pending),
            "gone": len(self.gone),
            "refused": sum(each.missing for each in self.refusals),
        }
        told = ", ".join(f"{count} {what}" for what, count in counts.items() if count or what == "placed")
        return f"<Plan: {told}; {'settled' if self.settled else 'not settled'} after {self.ticks} ticks>"
