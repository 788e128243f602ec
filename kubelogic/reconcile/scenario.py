"""Scenarios: what people and the world do to a cluster at given times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from kubelogic.cluster import Object
from kubelogic.text.location import Location


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that someone does."""

    @property
    def type(self) -> str:
        """Its name in timelines."""
        return type(self).__name__

    def arguments(self) -> dict[str, Any]:
        """Its arguments by field name."""
        return {name: getattr(self, name) for name in self.__struct_fields__}


class ObjectOperation(Operation, frozen=True, kw_only=True):
    """Something that is done to one object."""

    kind: str
    key: str


class NodeOperation(Operation, frozen=True, kw_only=True):
    """Something that is done to a node, or befalls it."""

    node: str


class Apply(Operation, frozen=True, kw_only=True):
    """Objects are made, or changed as ``kubectl apply`` does it: fields that the manifest never had stay.

    Attributes:
        objects: what the files hold.
        server_side: False for the patch of three documents that kubectl makes without ``--server-side``.
        replace: they replace those of the same name, as ``kubectl replace`` does; their status stays.
        last_applied: what was applied the last time, where the cluster does not say it; fields that only it has go.
        silent: Nodes among the objects are registered, and nothing is ever heard of them.
    """

    objects: tuple[Object, ...]
    server_side: bool = True
    replace: bool = False
    last_applied: tuple[Object, ...] = ()
    silent: bool = False

    def arguments(self) -> dict[str, Any]:
        """The names of the objects."""
        return {"objects": [str(obj) for obj in self.objects], "replaced": self.replace}


class Patch(ObjectOperation, frozen=True, kw_only=True):
    """A patch: ``strategic`` (as kubectl patch does by itself), ``merge``, or ``json`` with its ``operations``; of the
    object but for its status, or of its ``subresource`` status."""

    patch: Mapping[str, Any]
    how: str = "strategic"
    operations: tuple[Mapping[str, Any], ...] = ()
    subresource: str = ""

    def arguments(self) -> dict[str, Any]:
        """What is patched, and how; the operations of a JSON patch as the patch."""
        patch = self.operations if self.how == "json" else self.patch
        part = {"subresource": self.subresource} if self.subresource else {}
        return {"kind": self.kind, "key": self.key, "patch": patch, "how": self.how, **part}


class Scale(ObjectOperation, frozen=True, kw_only=True):
    """The number of replicas."""

    replicas: int


class SetImage(ObjectOperation, frozen=True, kw_only=True):
    """The image of a container of a pod template; of all containers if ``container`` is empty."""

    image: str
    container: str = ""


class Undo(Operation, frozen=True, kw_only=True):
    """Back to a revision of a Deployment, StatefulSet or DaemonSet; 0 is the one before."""

    key: str
    revision: int = 0
    kind: str = "Deployment"


class Pause(Operation, frozen=True, kw_only=True):
    """A Deployment is paused, or goes on."""

    key: str
    paused: bool


class Delete(ObjectOperation, frozen=True, kw_only=True):
    """An object is deleted; ``grace``: seconds for a pod to end, 0 to remove it at once."""

    propagation: str = ""
    grace: int | None = None


class Evict(Operation, frozen=True, kw_only=True):
    """A pod is evicted, unless a budget forbids it."""

    key: str


class FailNode(NodeOperation, frozen=True, kw_only=True):
    """Nothing is heard of a node from now on."""


class HealNode(NodeOperation, frozen=True, kw_only=True):
    """A node is back."""


class Cordon(NodeOperation, frozen=True, kw_only=True):
    """A node takes no new pods, or does again."""

    unschedulable: bool


class Drain(NodeOperation, frozen=True, kw_only=True):
    """A node is cordoned and its pods are evicted, as ``kubectl drain`` does it (see ``drains``).

    Attributes:
        node: its name.
        force: also pods that no controller makes anew.
        delete_empty_dir: also pods whose emptyDir volumes are lost with them.
        ignore_daemon_sets: leave pods of DaemonSets alone, instead of refusing because of them.
        disable_eviction: delete the pods, whatever budgets say.
        pod_selector: only pods with these labels, as kubectl writes a selector.
        grace: seconds that the pods get to end; None for their own.
        timeout: milliseconds after which it gives up; None: never.
    """

    force: bool = False
    delete_empty_dir: bool = False
    ignore_daemon_sets: bool = True
    disable_eviction: bool = False
    pod_selector: str = ""
    grace: int | None = None
    timeout: int | None = None


class Taint(NodeOperation, frozen=True, kw_only=True):
    """A taint is put on a node, or taken off (``present`` False)."""

    taint: str
    effect: str
    value: str = ""
    present: bool = True


class Behave(Operation, frozen=True, kw_only=True):
    """How containers of an image behave from now on; what is None stays.

    Attributes:
        image: its name.
        pull: whether it can be pulled.
        start: whether its containers can be started.
        ready: whether its containers become ready.
        ready_after: milliseconds that they take for it.
        exit_after: milliseconds after which they end, with ``exit_code``.
        exit_code: see ``exit_after``.
        exits: False takes back what was said of ``exit_after`` and ``waits_for``.
        waits_for: the name of a Service and its namespace (empty: that of the pod); they end with code 0 when it is
            answered.
        stops: whether they stop when asked to, before their grace period is over.
        of_memory: whether those that end with code 137 ran out of memory (OOMKilled).
    """

    image: str
    pull: bool | None = None
    start: bool | None = None
    ready: bool | None = None
    ready_after: int | None = None
    exit_after: int | None = None
    exit_code: int = 0
    exits: bool | None = None
    waits_for: tuple[str, str] | None = None
    stops: bool | None = None
    of_memory: bool | None = None


class Measure(ObjectOperation, frozen=True, kw_only=True):
    """What the pods of a workload use from now on, for autoscalers.

    Attributes:
        kind: kind of the workload.
        key: its key.
        metric: name of the metric, such as ``cpu``.
        each: what every running pod uses: bytes for memory, thousandths for everything else.
        total: what the ready pods share, in the same unit, instead.
        container: the container that uses it; empty for the pod as a whole.
        gone: nothing is measured any more.
    """

    metric: str
    each: int | None = None
    total: int | None = None
    container: str = ""
    gone: bool = False


class TellPod(Operation, frozen=True, kw_only=True):
    """A pod becomes ready or unready, or its containers end with a code."""

    key: str
    ready: bool | None = None
    exit_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An operation at a time, in milliseconds from the start; ``location``: the line that says so, if one does."""

    at: int
    operation: Operation
    location: Location | None = field(default=None, compare=False)


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """Events, and how long to look ahead after the start (milliseconds; None: until nothing happens any more)."""

    events: tuple[Event, ...] = ()
    horizon: int | None = None


def later(event: Event, by: int) -> Event:
    """The same event, later by so many milliseconds."""
    return replace(event, at=event.at + by)
