"""The placement problem: plain, immutable data. See docs/explanation/placement.md for the semantics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

Amounts = Mapping[str, int]
"""Resource name to a non-negative integer in that resource's unit (millicores, bytes, pieces)."""


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """Pods that are equal in everything that placement reads.

    ``requests`` has an entry for each resource asked for, the pod count (``pods``: 1) included.
    ``ports`` are ``(host ip, protocol, port)``; two pods on a node may not have ports that overlap
    (equal protocol and port, and equal ip or one of them ``0.0.0.0``).
    ``exclusive`` are tokens of which a node (or, with a topology, any one pod in the cluster) may have one user,
    such as a volume that only one pod may use at a time.
    ``attaches`` are volumes by driver: distinct ``(driver, volume)`` pairs count against a node's limit.
    """

    name: str
    priority: int = 0
    preempts: bool = True
    requests: Amounts = {}
    ports: tuple[tuple[str, str, int], ...] = ()
    exclusive: tuple[str, ...] = ()
    attaches: tuple[tuple[str, str], ...] = ()


class NodeClass(msgspec.Struct, frozen=True, kw_only=True):
    """Nodes equal in the labels, taints and fields that any shape's constraints mention."""

    name: str


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A node: what it can hold in all, and in which domain of each topology key it lies.

    ``attach_limits`` maps a driver to the number of distinct volumes; an absent driver is unlimited.
    """

    name: str
    node_class: str
    allocatable: Amounts
    topology: Mapping[str, str] = {}
    attach_limits: Amounts = {}


class Pod(msgspec.Struct, frozen=True, kw_only=True):
    """A pod that runs (``node`` set) or waits (``node`` empty). ``order`` is its place in the queue.

    ``movable`` pods may be evicted for a higher priority. ``started`` is in seconds, for the choice of victims.
    """

    name: str
    shape: str
    node: str = ""
    order: int = 0
    movable: bool = True
    terminating: bool = False
    started: int = 0
    budgets: tuple[str, ...] = ()


class Affinity(msgspec.Struct, frozen=True, kw_only=True):
    """``owner`` must share the domain of ``key`` with a pod of ``matches`` (or, for ``anti``, must not).

    All required affinity terms of one owner have to be met by the same ``matches`` set (Kubernetes asks that
    one existing pod match them all), so ``matches`` holds the shapes that match every term.
    ``self_satisfied``: the first pod of its group may go anywhere that has the key.
    """

    owner: str
    key: str
    matches: frozenset[str]
    anti: bool = False
    self_satisfied: bool = False


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Pods of ``matches`` are counted per domain of ``key`` over the ``eligible`` node classes.

    Placing one of ``owner`` must leave ``count[domain] + self - min(count) <= max_skew``, where the minimum is
    0 while fewer than ``min_domains`` domains are eligible.
    """

    owner: str
    key: str
    max_skew: int
    matches: frozenset[str]
    eligible: frozenset[str]
    min_domains: int = 1
    counts_self: bool = True


class Preference(msgspec.Struct, frozen=True, kw_only=True):
    """A soft preference: each pod of ``shape`` on a node of ``node_class`` is worth ``weight``."""

    shape: str
    node_class: str
    weight: int


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """A disruption budget: how many of its running pods may still be evicted."""

    name: str
    allowed: int


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that placement depends on. ``allowed`` maps a shape to the node classes it may use."""

    nodes: tuple[Node, ...]
    shapes: tuple[Shape, ...]
    pods: tuple[Pod, ...]
    allowed: Mapping[str, frozenset[str]]
    node_classes: tuple[NodeClass, ...] = ()
    affinities: tuple[Affinity, ...] = ()
    spreads: tuple[Spread, ...] = ()
    preferences: tuple[Preference, ...] = ()
    budgets: tuple[Budget, ...] = ()


Verdict = Literal["placed", "impossible", "unknown"]
