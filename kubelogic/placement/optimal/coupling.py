"""Constraints between pods, kept current while pods come and go: which nodes they leave open for one more."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Self, TypeVar

import numpy as np

from kubelogic.placement.optimal.model import Mask, Model
from kubelogic.placement.problem import Pod

Volumes = tuple[tuple[str, str], ...]
"""Claims, each with the volume that it gets (empty: a new one)."""


class Part(ABC):
    """One constraint over the pods placed so far.

    Attributes:
        tightens: more pods can only take nodes away.
    """

    tightens = True

    @abstractmethod
    def concerns(self, shape: int) -> bool:
        """Whether pods of the shape heed the constraint, or count for others."""

    @abstractmethod
    def open(self, shape: int, mask: Mask) -> None:
        """Take from ``mask`` the nodes on which one more pod of the shape would break the constraint."""

    @abstractmethod
    def change(self, shape: int, node: int, by: int, counted: int) -> None:
        """So many pods more (or fewer) are on a node; of these, spread counts as many as ``counted``."""

    def settle(self, shape: int, node: int) -> Volumes:  # noqa: ARG002
        """What claims get for good by a first pod that comes to a node."""
        return ()

    @abstractmethod
    def copy(self) -> Self:
        """An independent copy."""


AnyPart = TypeVar("AnyPart", bound=Part)


class Coupling:
    """All constraints between pods, over those placed so far. See ``constraints.every.coupling``."""

    def __init__(self, model: Model, parts: Sequence[Part], *, running: tuple[Pod, ...] | None = None) -> None:
        self._size = len(model.nodes)
        self._parts = tuple(parts)
        self._concerned = tuple(
            tuple(p for p, part in enumerate(parts) if part.concerns(shape)) for shape in range(len(model.shapes))
        )
        concerned = {shape for shape, parts_of in enumerate(self._concerned) if parts_of}
        there = model.running_of(concerned) if running is None else running
        for pod in there:
            if (shape := model.shape_index[pod.shape]) in concerned:
                self.add(shape, model.node_index[pod.node], counted=not pod.terminating)

    def copy(self) -> Coupling:
        """An independent copy."""
        other = Coupling.__new__(Coupling)
        other._size, other._concerned = self._size, self._concerned
        other._parts = tuple(part.copy() for part in self._parts)
        return other

    def of(self, kind: type[AnyPart]) -> AnyPart:
        """One constraint of them."""
        return next(part for part in self._parts if isinstance(part, kind))

    def open(self, shape: int) -> Mask:
        """The nodes on which one more pod of the shape would break no constraint between pods."""
        mask = np.ones(self._size, dtype=np.bool_)
        for part in self._concerned[shape]:
            self._parts[part].open(shape, mask)
        return mask

    def open_for_good(self, shape: int, *, without: type[Part] | None = None) -> Mask:
        """As ``open``, for the constraints that more pods can only tighten; ``without``: save for that one."""
        mask = np.ones(self._size, dtype=np.bool_)
        for number in self._concerned[shape]:
            part = self._parts[number]
            if part.tightens and (without is None or not isinstance(part, without)):
                part.open(shape, mask)
        return mask

    def add(self, shape: int, node: int, *, counted: bool = True) -> Volumes:
        """Put one pod there; answers the volumes that its claims got. ``counted``: spread counts it."""
        volumes: Volumes = ()
        for number in self._concerned[shape]:
            part = self._parts[number]
            part.change(shape, node, 1, int(counted))
            volumes += part.settle(shape, node)
        return volumes

    def remove(self, shape: int, node: int, *, counted: bool = True) -> None:
        """Take one pod away. Claims stay as they were settled."""
        self._change(shape, node, -1, counted=counted)

    def restore(self, shape: int, node: int, *, counted: bool = True) -> None:
        """Take back a ``remove``."""
        self._change(shape, node, 1, counted=counted)

    def _change(self, shape: int, node: int, by: int, *, counted: bool) -> None:
        for part in self._concerned[shape]:
            self._parts[part].change(shape, node, by, by * counted)
