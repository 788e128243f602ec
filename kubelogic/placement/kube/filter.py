"""A filter for pods of one shape, and the reasons for which it turns nodes away."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

import msgspec

from kubelogic.placement.kube.counters import Counter
from kubelogic.placement.kube.tables import Mask, Select, Tables


class Reason(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Why a filter turns a shape away. See ``kubelogic.placement.placement.Rejection``."""

    stage: int
    place: int
    filter: str
    reason: str
    subject: str = ""
    resolvable: bool = True


class Filter(ABC):
    """What a constraint says to pods of one shape, tied to the counters that it reads.

    Attributes:
        couples: what happens on one node can change what is possible on another.
    """

    couples = False

    @abstractmethod
    def open(self, select: Select) -> Mask | bool:
        """Which of some nodes pass; True: all."""

    @abstractmethod
    def reasons(self, select: Select) -> Iterator[tuple[Reason, Mask]]:
        """Every reason against some nodes, with those that it turns away."""

    def helpers(self) -> frozenset[str]:
        """The shapes whose placed pods can make room: those that are needed, those that balance."""
        return frozenset()

    def blind(self) -> list[Counter]:
        """What it would count if it did not stand aside for the shape as things are."""
        return []


def reason(tables: Tables, kind: str, subject: str = "", *, place: int = 0, resolvable: bool = True) -> Reason:
    """A reason of a kind; ``place`` orders those of one filter."""
    of = tables.filters[kind]
    return Reason(stage=of.stage, place=place, filter=of.name, reason=kind, subject=subject, resolvable=resolvable)


def free_of(counters: Iterable[Counter], select: Select) -> Mask | bool:
    """Which of some nodes have nothing of what is counted."""
    found: Mask | bool = True
    for counter in counters:
        if counter.total:
            found = found & ~counter.present(select)
    return found
