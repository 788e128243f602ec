"""The faces of a constraint: all that searches, bounds and explanations ask of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from kubelogic.placement.placement import Assumption
from kubelogic.placement.problem import Problem, Shape

if TYPE_CHECKING:  # What has to do with z3 is loaded when z3 is asked.
    from kubelogic.placement.kube.filter import Filter
    from kubelogic.placement.kube.rules import RuleIndex
    from kubelogic.placement.optimal.assumed_rows import AssumedRows
    from kubelogic.placement.optimal.coupling import Part
    from kubelogic.placement.optimal.model import Model
    from kubelogic.placement.optimal.upper_bounds import Bounding


class Dropped(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Assumptions that are no longer in force.

    Attributes:
        subjects: what they are about, by kind.
        rules: the ids of the rules between pods, of the problem's own list, that are gone.
    """

    subjects: Mapping[str, set[tuple[str, ...]]]
    rules: frozenset[int]

    def names(self, kind: str) -> set[str]:
        """The subjects of assumptions that are about one thing each."""
        return {subjects[0] for subjects in self.subjects.get(kind, ())}

    def pairs(self, kind: str, first: str) -> Collection[str]:
        """The second subjects of assumptions about a pair of which the first is ``first``."""
        return self._pairs.get((kind, first), ())

    @cached_property
    def _pairs(self) -> Mapping[tuple[str, str], set[str]]:
        found: dict[tuple[str, str], set[str]] = {}
        for kind, about in self.subjects.items():
            for each in about:
                if len(each) == 2:
                    found.setdefault((kind, each[0]), set()).add(each[1])
        return found


def assume(kind: str, *subjects: str, index: int = -1) -> Assumption:
    """An assumption of a kind."""
    return Assumption(kind=kind, subjects=subjects, index=index)


def _nothing(*_: object) -> None:
    return None


def _none(*_: object) -> tuple[()]:
    return ()


def _never(_: Shape) -> bool:
    return False


def _as_it_is(problem: Problem, _: Dropped) -> Problem:
    return problem


class Constraint(msgspec.Struct, frozen=True, kw_only=True):
    """One constraint. A face that it has nothing to say to is left out.

    Attributes:
        name: as a shape's ``ignores`` has it; anti-affinity shares that of affinity.
        ordered: it makes the order of bindings matter.
        couples: the shapes whose pods matter to others, or others to them.
        alone: two pods of the shape never share a node.
        apart: pairs of (coupled) item classes that never share a node.
        part: the constraint over the pods placed so far, as arrays.
        filters: made once for a run of the one-by-one scheduler: what gives each shape its filter, if it has one.
        bound: lower the upper bounds of a coupled item class, and add sums and cases.
        necessary: what every placement keeps to, each fact under the assumptions that it comes from.
        assumed: what of it waiting shapes rest on, as a person could edit it.
        weakened: the problem without some of these.
    """

    name: str
    ordered: bool = False
    couples: Callable[[Problem], Iterable[str]] = _none
    alone: Callable[[Shape], bool] = _never
    apart: Callable[[Model, Sequence[int]], Iterable[tuple[int, int]]] = _none
    part: Callable[[Model], Part] | None = None
    filters: Callable[[RuleIndex], Callable[[Shape], Filter | None]] | None = None
    bound: Callable[[Bounding, int], None] = _nothing
    necessary: Callable[[AssumedRows], None] = _nothing
    assumed: Callable[[Problem, Sequence[Shape]], Iterator[Assumption] | tuple[()]] = _none
    weakened: Callable[[Problem, Dropped], Problem] = _as_it_is
