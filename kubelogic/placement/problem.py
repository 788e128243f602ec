"""The placement problem: plain, immutable data. See docs/explanation/placement.md for the semantics."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import filterfalse
from operator import attrgetter
from typing import Literal

import msgspec

from kubelogic.placement.devices.model import Container, Devices

Amounts = Mapping[str, int]
"""Resource name to a non-negative integer in that resource's unit (millicores, bytes, pieces)."""


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """A set of nodes: every node of the ``node_classes`` but those that are ``left_out``, and the ``nodes`` named one
    by one."""

    node_classes: frozenset[str] = frozenset()
    nodes: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()

    def has(self, node: Node) -> bool:
        """Whether a node is one of them."""
        name = node.name
        return name in self.nodes or (node.node_class in self.node_classes and name not in self.left_out)


class Exclusive(msgspec.Struct, frozen=True, kw_only=True):
    """Use of something that tolerates no second user, such as a disk or a claim for a single pod.

    Two pods with the same ``token`` may not be on one node (``scope`` node) or in the cluster at all
    (``scope`` cluster), unless both uses are ``shared`` (read-only, say).
    """

    token: str
    scope: Literal["node", "cluster"] = "node"
    shared: bool = False


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """Pods that are equal in everything that placement reads.

    ``requests`` has an entry for each resource asked for, the pod count (``pods``: 1) included.
    ``scored_requests`` is what scoring assumes instead where a request is missing (kube-scheduler: 100
    millicores, 200 MB for each container without one); empty means ``requests``. ``scored_usage`` is what a
    placed pod counts in scoring, where that differs; empty means ``scored_requests``. ``preempts``: may
    evict pods of lower priority. ``ports`` are ``(host ip, protocol, port)``; two pods on a node may not
    have ports that overlap (equal protocol and port, and equal ip or one of them ``0.0.0.0``). ``attaches``
    are ``(driver, volume)`` pairs; distinct ones on a node count against its limit for the driver.
    ``claims`` name the ``Claim``s that still have to get a volume. ``unchecked`` are requests that take room but that
    no node is asked for. ``ignores`` names constraints that do not keep its pods away from a node, though its pods
    count for those of others: ``ports``, ``exclusive``, ``attaches``, ``claims``, ``affinity``, ``spread``.
    ``profile`` says whose scorers count. ``moved``: the places of filters that are asked in another order for it, by
    their names; no effect on feasibility.
    """

    name: str
    priority: int = 0
    preempts: bool = True
    requests: Amounts = {}
    scored_requests: Amounts = {}
    scored_usage: Amounts = {}
    ports: tuple[tuple[str, str, int], ...] = ()
    exclusive: tuple[Exclusive, ...] = ()
    attaches: tuple[tuple[str, str], ...] = ()
    claims: tuple[str, ...] = ()
    unchecked: frozenset[str] = frozenset()
    ignores: frozenset[str] = frozenset()
    profile: str = ""
    moved: Mapping[str, int] = {}


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A node: what it can hold in all, and in which domain of each topology key it lies.

    ``attach_limits`` maps a driver to the number of distinct volumes; an absent driver is unlimited.
    ``attached`` are volumes on the node whichever pods run there; one that a pod there also uses counts once,
    but a pod that comes for one is not spared: it needs room for it.
    """

    name: str
    node_class: str
    allocatable: Amounts
    topology: Mapping[str, str] = {}
    attach_limits: Amounts = {}
    attached: tuple[tuple[str, str], ...] = ()


class Pod(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A pod that runs (``node`` set) or waits (``node`` empty).

    ``order`` is its place among pods of equal priority in the queue. ``nominated``: the node promised to it by an
    earlier preemption. ``movable`` pods may be evicted. ``terminating`` pods still hold everything they use, but
    spread does not count them. ``started`` is in milliseconds, for the choice of victims. ``budgets`` name the
    ``Budget``s that an eviction draws on. ``displaced``: terminating because a scheduler evicted it.
    ``device_claims`` name its claims on devices, in order; ``containers`` those that ask for extended resources.
    ``uid`` is what claims are reserved for. ``group``: the ``Group`` that it is scheduled with; a name that is none of
    the problem's groups counts for nothing.
    """

    name: str
    shape: str
    node: str = ""
    nominated: str = ""
    order: int = 0
    movable: bool = True
    terminating: bool = False
    displaced: bool = False
    started: int = 0
    budgets: tuple[str, ...] = ()
    device_claims: tuple[str, ...] = ()
    containers: tuple[Container, ...] = ()
    uid: str = ""
    group: str = ""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Pods that are scheduled together.

    ``least``: of its pods, so many run or none is started (0: no such minimum, each pod counts by itself). ``key``: all
    its pods go to one domain of this topology key, nodes without it are out; empty for any nodes. ``constrained``: it
    says something of topology at all. ``priority`` is what it preempts with, as a whole, and ``preempts`` whether it
    may. ``whole``: whoever evicts one of its pods to make room for a group evicts all.
    """

    name: str
    priority: int = 0
    least: int = 0
    key: str = ""
    constrained: bool = False
    whole: bool = False
    preempts: bool = True


class Affinity(msgspec.Struct, frozen=True, kw_only=True):
    """A required rule between pods of ``owner`` and pods of the shapes ``matches``, within a domain of
    ``key``.

    With ``anti``: no pod of ``owner`` shares a domain with another pod of ``matches``, whichever came first
    (nodes without the key are free of it). One such rule for each anti-affinity term.

    Without: a pod of ``owner`` goes only to a domain that already has a pod of ``matches``; nodes without
    the key are out. Kubernetes asks that one existing pod match every term of the owner, so all rules of an
    owner have the same ``matches``: the shapes that match all its terms. ``self_satisfied``: the owner
    matches its own terms, so while no domain of any of its rules has a match, the first pod may go to any
    node that has all the keys.
    """

    owner: str
    key: str
    matches: frozenset[str]
    anti: bool = False
    self_satisfied: bool = False


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """A required spread: pods of ``matches`` are counted per domain of ``key`` over the ``eligible`` nodes.

    Placing one of ``owner`` in a domain must have ``count[domain] + self - min(count) <= max_skew``, with
    the counts before it is placed, ``self`` 1 if ``counts_self`` and else 0, and the minimum taken over the
    domains that have an eligible node (0 while there are fewer of those than ``min_domains``). Nodes
    without the key are out. Eligible nodes have all the keys of the owner's spreads and the key itself;
    facts see to that.
    """

    owner: str
    key: str
    max_skew: int
    matches: frozenset[str]
    eligible: Reach
    min_domains: int = 1
    counts_self: bool = True

    def domains(self, nodes: Sequence[Node]) -> Mapping[str, list[int]]:
        """The domains that it counts, each with the numbers of its nodes."""
        found: dict[str, list[int]] = {}
        for number, node in enumerate(nodes):
            here = self.eligible.has(node)
            if here and self.key in node.topology:
                found.setdefault(node.topology[self.key], []).append(number)
        return found


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """A volume that a claim can still get, and the nodes that can use it."""

    name: str
    reach: Reach


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A claim whose volume is chosen when its first pod is placed.

    It gets the first of ``volumes`` (best fit first) that reaches the node and that no other claim has;
    failing that, a new one where ``provisions`` reaches. From then on its pods go only where that volume
    reaches; a new one reaches the domain of ``confines`` in which its first pod landed (everywhere if that
    is empty).
    """

    name: str
    volumes: tuple[str, ...] = ()
    provisions: Reach = Reach()
    confines: str = ""


class Scorer(msgspec.Struct, frozen=True, kw_only=True):
    """How one kind of wish becomes a score between 0 and 100, and what that weighs.

    ``kind`` says what it reads: the ``Preference``s that name it, the share of ``resources`` that stays free
    (``least_allocated``) or is used (``most_allocated``), a function of that share (``requested_to_capacity``, through
    ``points``: share in percent and score), how even the shares of ``resources`` are (``balanced_allocation``), the
    ``SoftSpread``s or the ``SoftAffinity``s. ``weights`` are those of the resources (none: all 1); ``optional``
    resources count only for shapes that request them. ``normalize``: ``max`` scales the best node to 100; ``reversed``
    the same, then 100 minus it; ``none`` as it is. Only preferences heed it. ``always``: it scores 0 (or, if reversed,
    100) for shapes without a wish, too, instead of standing aside. ``profile``: it is for shapes of this profile.
    """

    name: str
    weight: int = 1
    kind: Literal[
        "preference",
        "least_allocated",
        "most_allocated",
        "requested_to_capacity",
        "balanced_allocation",
        "soft_spread",
        "soft_affinity",
        "devices",
    ] = "preference"
    normalize: Literal["max", "reversed", "none"] = "max"
    resources: tuple[str, ...] = ()
    weights: tuple[int, ...] = ()
    optional: frozenset[str] = frozenset()
    points: tuple[tuple[int, int], ...] = ()
    always: bool = False
    profile: str = ""


class Preference(msgspec.Struct, frozen=True, kw_only=True):
    """Each node of ``reach`` has the raw score ``value`` for pods of ``shape``; others have 0.

    Values of several preferences of one shape, scorer and node add up. An empty ``reach`` is a wish that no
    node grants: the scorer takes part and finds 0.
    """

    shape: str
    scorer: str
    value: int
    reach: Reach


class SoftSpread(msgspec.Struct, frozen=True, kw_only=True):
    """A wish to spread: as ``Spread``, but fewer matching pods in the domain only score better.

    ``requires_keys``: nodes that lack a key of the owner's soft spreads score nothing at all and their pods
    do not count; otherwise nodes without the key are one more domain. ``per_node``: each node with the key
    is a domain of its own, whose pods count whether it is eligible or not. The order of an owner's rows is
    that of its constraints.
    """

    owner: str
    key: str
    max_skew: int
    matches: frozenset[str]
    eligible: Reach
    requires_keys: bool = True
    per_node: bool = False


class SoftAffinity(msgspec.Struct, frozen=True, kw_only=True):
    """Each pod of ``neighbours`` in the domain of ``key`` is worth ``weight`` (negative: repels) to
    ``shape``.

    One direction only: what placed pods wish of a newcomer is a row whose ``shape`` is the newcomer's.
    """

    shape: str
    key: str
    neighbours: frozenset[str]
    weight: int


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """A disruption budget: how many of the pods that name it may still be evicted."""

    name: str
    allowed: int


class Denial(msgspec.Struct, frozen=True, kw_only=True):
    """Why ``shape`` is not allowed on the nodes of ``reach``, for cores: ``reason`` is what a person could
    edit.

    Such as ``toleration``, ``node_affinity``, ``unschedulable``, ``volume_zone``. ``stage`` is the place of the
    ``filter`` that says so among all filters; negative: one that is asked before them. ``resolvable``: that pods leave
    could help. No effect on feasibility.
    """

    shape: str
    reason: str
    reach: Reach
    stage: int = 0
    filter: str = ""
    resolvable: bool = False


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """The ``name`` of the filter that a ``kind`` of constraint is checked by, and its place among all filters.

    No effect on feasibility: for rejections, and for which of several a scheduler reports.
    """

    kind: str
    stage: int
    name: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Everything that placement depends on. ``allowed`` maps each shape to the nodes it may use.

    Every name that is mentioned exists, and names are unique within their kind; ``check.faults`` tells.
    ``by_placements``: the one-by-one scheduler tries a group in each domain of its key (and says so); ``as_groups``: a
    group makes room for itself as a whole, not pod by pod.
    ``candidates_least`` and ``candidates_percent``: in how many nodes, and in which share of them, kube-scheduler looks
    for room by preemption; the larger counts.
    """

    nodes: tuple[Node, ...]
    shapes: tuple[Shape, ...]
    pods: tuple[Pod, ...]
    allowed: Mapping[str, Reach]
    affinities: tuple[Affinity, ...] = ()
    spreads: tuple[Spread, ...] = ()
    volumes: tuple[Volume, ...] = ()
    claims: tuple[Claim, ...] = ()
    budgets: tuple[Budget, ...] = ()
    scorers: tuple[Scorer, ...] = ()
    preferences: tuple[Preference, ...] = ()
    soft_spreads: tuple[SoftSpread, ...] = ()
    soft_affinities: tuple[SoftAffinity, ...] = ()
    denials: tuple[Denial, ...] = ()
    candidates_least: int = 0
    candidates_percent: int = 100
    devices: Devices | None = None
    filters: tuple[Filter, ...] = ()
    groups: tuple[Group, ...] = ()
    by_placements: bool = False
    as_groups: bool = False

    @cached_property
    def running(self) -> tuple[Pod, ...]:
        """The pods with a node, in the order of ``pods``."""
        return tuple(filter(attrgetter("node"), self.pods))

    @cached_property
    def waiting(self) -> tuple[Pod, ...]:
        """The pods without a node, in the order of ``pods``."""
        return tuple(filterfalse(attrgetter("node"), self.pods))

    @cached_property
    def places(self) -> tuple[array[int], array[int]]:
        """Of each of the ``running``, the number of its node in ``nodes`` and that of its shape in ``shapes``."""
        nodes = {node.name: i for i, node in enumerate(self.nodes)}
        shapes = {shape.name: i for i, shape in enumerate(self.shapes)}
        return (
            array("q", map(nodes.__getitem__, map(attrgetter("node"), self.running))),
            array("q", map(shapes.__getitem__, map(attrgetter("shape"), self.running))),
        )

    def knowing(self, running: int, places: tuple[array[int], array[int]], before: Problem | None) -> Problem:
        """This problem, which need not look through its pods: the first ``running`` have a node, the others wait, and
        ``places`` are what it would find. Tables of the one ``before`` may be taken over as far as they are the same.
        """
        made = {} if before is None else before.__dict__
        known = {"running": self.pods[:running], "waiting": self.pods[running:], "places": places}
        self.__dict__.update(known, _earlier_tables=made.get("_tables", made.get("_earlier_tables")))
        return self


def dumps(problem: Problem) -> bytes:
    """The problem as JSON, equal bytes for equal problems."""
    return msgspec.json.encode(problem, order="deterministic")


def loads(data: bytes | str) -> Problem:
    """The problem in ``data``, as ``dumps`` wrote it.

    Raises:
        msgspec.ValidationError: if it is not one.
    """
    return msgspec.json.decode(data, type=Problem)
