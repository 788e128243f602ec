"""What controllers, scheduler and kubelets do: frozen values, each with the fact that caused it.

A rule predicate ``action_create_pod`` stands for the class ``CreatePod`` here; its arguments are the fields, in order
(``rules/actions.dl`` declares them). ``UpdateStatus`` is the exception: one row is one field. The function of the same
name in ``apply``, ``create_pod``, carries it out.

It is a table, one class an action, and as long as there are actions. The order of the classes is the order in which the
actions of a tick are carried out.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from kubelogic.logic import Row, Value
from kubelogic.placement.devices.model import Granted


class Cause(msgspec.Struct, frozen=True, kw_only=True, order=True, gc=False):
    """The derived fact that an action follows from; its proof is the explanation of the action."""

    predicate: str
    row: Row

    def __str__(self) -> str:
        row = repr(self.row)
        return f"{self.predicate}{row}" if len(self.row) != 1 else f"{self.predicate}{row[:-2]})"


class Action(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One change of the cluster, decided in one tick. The collector need not look at it: it is part of no cycle."""

    cause: Cause

    @property
    def type(self) -> str:
        """The name of the kind of action, as in documents."""
        return type(self).__name__

    def arguments(self) -> dict[str, Any]:
        """Everything but the cause, by field name."""
        fields = msgspec.structs.asdict(self)
        del fields["cause"]
        return fields


class Gathered(Action, frozen=True, kw_only=True):
    """An action of many rows of its predicate: all that agree in the other fields. ``rows``: their remaining columns.

    A row of empty values stands for no rows, so that an empty whole can be written, too.
    """

    rows: tuple[Row, ...]

    def arguments(self) -> dict[str, Any]:
        """Everything but the cause, by field name; the rows in words."""
        found = Action.arguments(self)
        del found["rows"]
        return {**found, **self.told()}

    def told(self) -> dict[str, Any]:
        """The rows as documents show them."""
        return {"rows": self.rows}


class ObjectAction(Action, frozen=True, kw_only=True):
    """A change of one object, of any kind."""

    kind: str
    key: str


class PodAction(Action, frozen=True, kw_only=True):
    """A change of one pod."""

    pod: str


class ContainerAction(PodAction, frozen=True, kw_only=True):
    """What a kubelet does, or says, of one container."""

    container: str


def argument_names(action: type[Action]) -> tuple[str, ...]:
    """The fields of a class of actions, but for the cause."""
    return action.__struct_fields__[1:]


def action_predicate(action: type[Action]) -> str:
    """The predicate that stands for a class of action."""
    return "action" + "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in action.__name__)


_BASES = (Action, Gathered, ObjectAction, PodAction, ContainerAction)


def actions_of(module: Mapping[str, Any]) -> Mapping[str, type[Action]]:
    """The class of each action predicate, in the order in which a module defines them.

    Args:
        module: the names that it has defined by now.
    """
    classes = [each for each in module.values() if isinstance(each, type) and issubclass(each, Action)]
    own = [each for each in classes if each.__module__ == module["__name__"] and each not in _BASES]
    return MappingProxyType({action_predicate(each): each for each in own})


# -- kubelets first: they report what happened before controllers act on what they know ------------------------


class StartContainer(ContainerAction, frozen=True, kw_only=True):
    """A container runs from now on; starting one that ran before counts as a restart."""

    restart: int


class HoldContainer(ContainerAction, frozen=True, kw_only=True):
    """A container waits, for a reason such as ImagePullBackOff."""

    reason: str
    message: str


class KillContainer(ContainerAction, frozen=True, kw_only=True):
    """The kubelet asks a container to stop because a probe of it failed too often. ``message`` is for people."""

    probe: str
    message: str


class EndContainer(ContainerAction, frozen=True, kw_only=True):
    """A container has ended."""

    exit_code: int


class ExplainEnd(ContainerAction, frozen=True, kw_only=True):
    """Why a container has ended, where the exit code does not say it: OOMKilled."""

    reason: str


class ReportStarted(ContainerAction, frozen=True, kw_only=True):
    """The startup probe of a container has succeeded: from now on the other probes are asked."""


class ReportContainer(ContainerAction, frozen=True, kw_only=True):
    """The kubelet says whether a container is ready (1) or not (0)."""

    ready: int


class ReportPhase(PodAction, frozen=True, kw_only=True):
    """The kubelet says in which phase a pod is."""

    phase: str


class RejectPod(PodAction, frozen=True, kw_only=True):
    """The kubelet does not take a pod that was given to its node: the pod has failed."""

    reason: str
    message: str


class FailPod(PodAction, frozen=True, kw_only=True):
    """The kubelet ends a pod for good, whatever its containers would do: what it evicts."""

    reason: str
    message: str


class RemovePod(PodAction, frozen=True, kw_only=True):
    """Remove the object of a pod that has ended."""


class RestorePod(PodAction, frozen=True, kw_only=True):
    """The kubelet makes the copy of a static pod anew: a deleted one goes on, one that has ended starts again."""


class AddTaint(Action, frozen=True, kw_only=True):
    """Put a taint on a node."""

    node: str
    taint: str
    value: str
    effect: str


class RemoveTaint(Action, frozen=True, kw_only=True):
    """Take a taint from a node."""

    node: str
    taint: str
    effect: str


class EvictPod(PodAction, frozen=True, kw_only=True):
    """Delete a pod because its node does not want it any more; ``reason`` of its DisruptionTarget condition."""

    reason: str
    message: str


# -- ownership before what depends on it -----------------------------------------------------------------------


class AdoptObject(ObjectAction, frozen=True, kw_only=True):
    """Make ``owner`` the controller of an object that has none."""

    owner_kind: str
    owner: str


class ReleaseObject(ObjectAction, frozen=True, kw_only=True):
    """Take the reference to ``owner`` from an object."""

    owner_kind: str
    owner: str


# -- workloads -------------------------------------------------------------------------------------------------


class CreateControllerRevision(ObjectAction, frozen=True, kw_only=True):
    """Remember the present template of a StatefulSet or DaemonSet under a number."""

    number: int


class CreateReplicaSet(Action, frozen=True, kw_only=True):
    """Make the ReplicaSet of a Deployment's present template."""

    deployment: str
    replicas: int
    max_replicas: int
    revision: int


class ScaleReplicaSet(Action, frozen=True, kw_only=True):
    """Set the size of a ReplicaSet, and note for how many pods of its Deployment, and at most how many."""

    replica_set: str
    replicas: int
    desired: int
    maximum: int


class PaceReplicaSet(Action, frozen=True, kw_only=True):
    """Give a ReplicaSet the minReadySeconds of its Deployment."""

    replica_set: str
    seconds: int


class AnnotateObject(ObjectAction, frozen=True, kw_only=True):
    """Set an annotation."""

    annotation: str
    value: str


class LabelObject(ObjectAction, frozen=True, kw_only=True):
    """Set a label."""

    label: str
    value: str


class CreatePersistentVolumeClaim(Action, frozen=True, kw_only=True):
    """Make the claim of a StatefulSet's pod from a claim template."""

    claim: str
    stateful_set: str
    template: str


class CreateEphemeralClaim(Action, frozen=True, kw_only=True):
    """Make the claim of a pod's ephemeral volume from the template in its spec."""

    claim: str
    pod: str
    volume: str


class CreateDeviceClaim(PodAction, frozen=True, kw_only=True):
    """Make the claim on devices of a pod from a template."""

    entry: str
    template: str


class CreatePod(PodAction, frozen=True, kw_only=True):
    """Make a pod from its owner's template.

    Attributes:
        pod: its key.
        owner_kind: kind of the controller.
        owner: key of the controller.
        revision: the ControllerRevision whose template is used; empty for the owner's own.
        node: the only node where it may run (DaemonSets); empty for any.
        index: the completion index or ordinal; -1 for none.
    """

    owner_kind: str
    owner: str
    revision: str = ""
    node: str = ""
    index: int = -1


class CreatePods(Action, frozen=True, kw_only=True):
    """So many equal pods for an owner: read as that many ``CreatePod``, each with its name."""

    owner_kind: str
    owner: str
    count: int


class CreateDaemonPod(Action, frozen=True, kw_only=True):
    """A pod of a DaemonSet for one node: read as ``CreatePod`` with a name."""

    daemon_set: str
    node: str
    revision: str


class DeletePod(PodAction, frozen=True, kw_only=True):
    """Delete a pod: it terminates gracefully where it runs. ``reason`` is for people."""

    reason: str


class DeleteObject(ObjectAction, frozen=True, kw_only=True):
    """Delete an object. ``propagation`` is Background, Foreground, Orphan or empty for the kind's default."""

    propagation: str = ""


# -- statuses last, and what controllers themselves remember ---------------------------------------------------


class UpdateStatus(ObjectAction, frozen=True, kw_only=True):
    """Set fields of a status. One action carries all rows of an object; ``fields`` are sorted by name."""

    fields: tuple[tuple[str, Value], ...]


class SetCondition(ObjectAction, frozen=True, kw_only=True):
    """Set a condition. ``lastTransitionTime`` moves only if ``status`` changes; ``lastUpdateTime`` always."""

    condition: str
    status: str
    reason: str
    message: str


class RemoveCondition(ObjectAction, frozen=True, kw_only=True):
    """Take a condition from a status."""

    condition: str


class Remember(Action, frozen=True, kw_only=True):
    """A controller remembers something beyond this tick: no change of the cluster."""

    topic: str
    key: str
    value: Value


class RememberMoment(Action, frozen=True, kw_only=True):
    """A controller remembers when it did something: no change of the cluster."""

    topic: str
    key: str


class Forget(Action, frozen=True, kw_only=True):
    """A controller forgets something."""

    topic: str
    key: str


ACTIONS = actions_of(vars())
"""The class of each action predicate of this module. Actions of a tick are in this order, then by row."""


# -- the scheduler: these follow from its placement, no rule says them -----------------------------------------


class BindPod(PodAction, frozen=True, kw_only=True):
    """Give a pod a node.

    Attributes:
        pod: its key.
        node: the name of the node.
        ties: the equally good nodes that it was chosen from.
        devices: what each of its claims on devices gets.
    """

    node: str
    ties: tuple[str, ...] = ()
    devices: tuple[Granted, ...] = ()


class PreemptPod(PodAction, frozen=True, kw_only=True):
    """Delete a pod so that ``beneficiary`` gets its room on ``node``. ``breaks``: budgets that this goes beyond.

    ``priority`` is what the beneficiary preempts with, its own or that of its group, and ``own`` that of the pod.
    """

    node: str
    beneficiary: str
    breaks: tuple[str, ...] = ()
    priority: int = 0
    own: int = 0


class NominateNode(PodAction, frozen=True, kw_only=True):
    """Promise a node to a pod that waits for victims to go."""

    node: str


class DeallocateClaim(Action, frozen=True, kw_only=True):
    """Take the devices of a claim away, which nobody uses, so that ``pod`` can have it elsewhere."""

    claim: str
    pod: str
