"""All constraints, and what they come to together."""

from __future__ import annotations

from kubelogic.placement.constraints.affinity import AFFINITY
from kubelogic.placement.constraints.anti_affinity import ANTI_AFFINITY
from kubelogic.placement.constraints.attach import ATTACH
from kubelogic.placement.constraints.claims import CLAIMS
from kubelogic.placement.constraints.constraint import Constraint
from kubelogic.placement.constraints.exclusive import EXCLUSIVE
from kubelogic.placement.constraints.ports import PORTS
from kubelogic.placement.constraints.resources import RESOURCES
from kubelogic.placement.constraints.spread import SPREAD
from kubelogic.placement.optimal.coupling import Coupling
from kubelogic.placement.optimal.model import Model
from kubelogic.placement.problem import Pod, Problem, Shape

CONSTRAINTS: tuple[Constraint, ...] = (
    RESOURCES,
    PORTS,
    EXCLUSIVE,
    ATTACH,
    CLAIMS,
    AFFINITY,
    ANTI_AFFINITY,
    SPREAD,
)
"""In the order in which solvers hear of them."""


def coupled(problem: Problem) -> set[str]:
    """The shapes that are under any constraint between pods."""
    return {name for each in CONSTRAINTS for name in each.couples(problem)}


def ordered(problem: Problem) -> set[str]:
    """The shapes for which the order of bindings matters."""
    return {name for each in CONSTRAINTS if each.ordered for name in each.couples(problem)}


def alone(shape: Shape) -> bool:
    """Whether no node takes two pods of the shape."""
    return any(each.alone(shape) for each in CONSTRAINTS)


def coupling(model: Model, *, running: tuple[Pod, ...] | None = None) -> Coupling:
    """The constraints between pods over the pods that run, or some of them."""
    return Coupling(model, [each.part(model) for each in CONSTRAINTS if each.part is not None], running=running)
