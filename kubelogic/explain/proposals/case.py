"""What proposals are made of: changes of objects, candidates for repairs, and what is known of a pending pod."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, Literal

import msgspec

from kubelogic.cluster import Cluster, Object
from kubelogic.cluster.pods import has_ended, node_of, nodes_of
from kubelogic.explain.blockers import Blocker
from kubelogic.facts.pod_specs import pinned_node

Operation = Mapping[str, Any]
"""One operation of a JSON patch (RFC 6902)."""

Document = Mapping[str, Any]

Owner = Literal["app", "platform"]
"""Who can do it: ``app`` edits the workload, ``platform`` the cluster."""

Edit = Callable[[Document], list[Operation]]
"""The operations on a document; none if they do not apply to it. The document has ``metadata`` and ``spec``."""


def _told(target: Object) -> tuple[str, str, Document]:
    """What makes two targets equal: objects themselves are compared by identity."""
    return target.kind, target.key, target.document


class Patch(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A change of an object that exists: operations on its document."""

    target: Object
    operations: tuple[Operation, ...]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Patch)
            and _told(self.target) == _told(other.target)
            and self.operations == other.operations
        )

    def __hash__(self) -> int:
        return hash((self.target.kind, self.target.key, len(self.operations)))


class Create(msgspec.Struct, frozen=True, kw_only=True):
    """A new object."""

    document: Document


class Delete(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """An object goes; what it owns goes with it."""

    target: Object

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Delete) and _told(self.target) == _told(other.target)

    def __hash__(self) -> int:
        return hash((self.target.kind, self.target.key))


Change = Patch | Create | Delete


class Candidate(msgspec.Struct, frozen=True):
    """A change not yet tried: a row of a proposal, made with ``by_app`` or ``by_platform``.

    Attributes:
        owner: who can do it.
        kind: what sort of change it is; of each sort, subject and owner one is shown.
        cost: how much is asked: smaller is less. Only the order means anything.
        summary: what to do, in words.
        edit: the operations on the pod, or on the template that its workload makes pods from.
        alters: the operations on the workload's own document.
        changes: what is done to other objects.
        renews: whether the workload's waiting pods have to be made anew to get what changed.
        evicts: pods that go, which the summary says.
        unless: kinds of change that make this one needless where they work.
        subject: what of its sort it is about, where there may be several.
        gives_up: per mille of a request that it does without, or the nodes that it adds; of changes that cost alike,
            the least is tried first.
    """

    owner: Owner
    kind: str
    cost: int
    summary: str
    edit: Edit | None = None
    alters: Edit | None = None
    changes: tuple[Change, ...] = ()
    renews: bool = False
    evicts: frozenset[str] = frozenset()
    unless: frozenset[str] = frozenset()
    subject: str = ""
    gives_up: int = 0


by_app = partial(Candidate, "app")
by_platform = partial(Candidate, "platform")


class Lever(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A label or annotation that a filter's clauses read.

    Attributes:
        kind: Pod or Node.
        field: ``labels`` or ``annotations``.
        key: its key.
        value: its value; empty if the clauses take any.
        add: whether it is missing where the filter rejects, or there.
    """

    kind: str
    field: str
    key: str
    value: str
    add: bool


class Case(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What is known of a pending pod.

    Attributes:
        cluster: as it stands.
        pod: the pod.
        blockers: what is in its way.
        workload: what a person edits for it: its topmost controller that is there, or the pod itself.
        pods: all pods of the workload that are not on their way out, by name, the waiting ones among them.
        desired: how many pods the workload ought to have.
        defaults: how many tolerations admission has added to a pod that was written without any.
        levers: of relations that reject and have no proposals of their own, what their clauses read.
        passing: keys of taints that somebody puts on and takes off: tolerating or removing them mends nothing.
    """

    cluster: Cluster
    pod: Object
    blockers: Sequence[Blocker]
    workload: Object
    pods: Sequence[Object]
    desired: int = 1
    defaults: int = 0
    passing: Collection[str] = msgspec.field(default_factory=frozenset)
    levers: Mapping[str, Sequence[Lever]] = msgspec.field(default_factory=dict)

    def about(self, predicate: str) -> list[Blocker]:
        """The blockers that are rows of a predicate."""
        return [self.blockers[i] for i in self._by_predicate.get(predicate, ())]

    def at(self, node: str) -> list[Blocker]:
        """The blockers of one node, in their order."""
        return [self.blockers[i] for i in self._by_node.get(node, ())]

    @cached_property
    def _by_predicate(self) -> Mapping[str, list[int]]:
        return _numbered([blocker.predicate for blocker in self.blockers])

    @cached_property
    def _by_node(self) -> Mapping[str, list[int]]:
        return _numbered([blocker.node for blocker in self.blockers])

    def on(self, node: str) -> list[Blocker]:
        """The blockers of a node, and those that are about all nodes."""
        numbers = {*self._by_node.get(node, ()), *self._by_node.get("", ())}
        return [self.blockers[i] for i in sorted(numbers)]

    def outside(self, *predicates: str) -> set[str]:
        """The nodes that the rows of some predicates bar."""
        return {blocker.node for predicate in predicates for blocker in self.about(predicate)}

    def barred(self, *predicates: str) -> set[str]:
        """The nodes that something else than the rows of some predicates bars."""
        return {blocker.node for blocker in self.blockers if blocker.predicate not in predicates}

    @property
    def waiting(self) -> list[Object]:
        """The pods of the workload that have no node."""
        return [pod for pod in self.pods if not node_of(pod)]

    @property
    def missing(self) -> int:
        """How many pods of the workload have still to get a node, those that have not been made yet among them."""
        waiting = len(self.waiting)
        return max(waiting, self.desired - (len(self.pods) - waiting), 1)

    @cached_property
    def rivals(self) -> int:
        """How many pods of others wait for a node, too, and may take what is added."""
        pods = self.cluster.objects("Pod")
        others = [pods[key] for key in pods.keys() - nodes_of(self.cluster).keys() - {pod.key for pod in self.pods}]
        return sum(not has_ended(pod) and not (pod.document.get("spec") or {}).get("schedulingGates") for pod in others)

    @property
    def spec(self) -> Document:
        """The spec of the pod."""
        found: Document = self.pod.document.get("spec") or {}
        return found

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of the pod."""
        found: Mapping[str, str] = (self.pod.document.get("metadata") or {}).get("labels") or {}
        return found

    def nodes(self) -> list[tuple[str, Object]]:
        """The nodes, by name."""
        return sorted(self.cluster.objects("Node").items())


def _numbered(names: Sequence[str]) -> Mapping[str, list[int]]:
    """Where each name stands."""
    found: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        found.setdefault(name, []).append(i)
    return found


Proposal = Callable[[Case], Iterator[Candidate]]


def pinned_to(pod: Object) -> str:
    """The node for which the DaemonSet controller has made a pod; empty for other pods."""
    return pinned_node(pod.document.get("spec") or {})


def labels_of(obj: Object) -> Mapping[str, str]:
    """The labels of an object."""
    found: Mapping[str, str] = (obj.document.get("metadata") or {}).get("labels") or {}
    return found


def taints_of(node: Object) -> list[Mapping[str, Any]]:
    """The taints of a node."""
    return list((node.document.get("spec") or {}).get("taints") or ())


def allocatable_of(node: Object) -> Mapping[str, Any]:
    """What a node offers to pods, as written."""
    status = node.document.get("status") or {}
    found: Mapping[str, Any] = status.get("allocatable") or status.get("capacity") or {}
    return found
