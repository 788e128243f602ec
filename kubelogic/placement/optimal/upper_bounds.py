"""Upper bounds: how many pods of each item class there can be at most, per node and in all, whatever is placed."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from kubelogic.placement.optimal.coupling import Coupling
from kubelogic.placement.optimal.model import Ints, Mask, Model
from kubelogic.placement.problem import Pod

FEW = 6
"""Domains up to which sums over them bound each other."""

MANY = 1 << 40
"""As many pods as one likes."""


class Link(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Pods of ``item_class`` times the ``factors`` of their nodes, added up, are ``limit`` at most; it is not
    negative.
    """

    item_class: int
    factors: Ints
    limit: int


class Branch(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A case: each node gets ``least`` to ``most`` pods of an item class."""

    least: Ints
    most: Ints


class Branching(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Cases of which one holds in every placement."""

    item_class: int
    branches: tuple[Branch, ...]


class UpperBounds(msgspec.Struct, frozen=True, kw_only=True):
    """What every placement keeps to: ``room`` is item classes by nodes, ``count`` per item class, ``conflict`` item
    classes that share no node.

    ``free`` is resources by nodes with the ``stay``ing pods alone there; ``leave`` could be evicted.
    ``fixed`` pods, item classes by nodes, are there in any case and already taken off the rest.
    """

    room: Ints
    count: Ints
    conflict: Mask
    free: Ints
    leave: tuple[Pod, ...]
    fixed: Ints
    links: tuple[Link, ...] = ()
    branchings: tuple[Branching, ...] = ()


class Bounding(msgspec.Struct, kw_only=True):
    """Upper bounds in the making, which each constraint lowers.

    Attributes:
        model: the problem as arrays.
        coupling: the constraints between pods, with only those there that are sure to stay.
        waiting: the names of shapes that wait.
        leaving: the names of shapes of which pods leave or could be evicted.
        leavers: by node and shape of such pods, what one of them requests.
        free: resources by nodes, in the units of the model: what there is when all of those are gone.
        room: item classes by nodes.
        count: by item class.
        links: sums over nodes.
        branchings: cases.
    """

    model: Model
    coupling: Coupling
    waiting: frozenset[str]
    leaving: frozenset[str]
    leavers: Mapping[tuple[int, int], Ints]
    free: Ints
    room: Ints
    count: Ints
    links: list[Link]
    branchings: list[Branching]
