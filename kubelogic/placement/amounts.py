"""Amounts whose sums pass 64 bits, made smaller without a change of what fits.

Solvers and bounds add amounts up in 64-bit integers. Quantities reach 2^63 each, so their sums may not fit; a sum that
wraps would place a pod where there is no room for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import chain
from math import gcd
from operator import attrgetter

from msgspec import structs

from kubelogic.placement.problem import Amounts, Node, Problem, Shape

LARGEST = 2**60
"""Sums over all nodes and pods stay below this, so that a solver may still multiply them a little."""


class AmountError(ValueError):
    """Amounts of one resource that cannot be added up: ``resource``, and the largest ``amount`` of it."""

    def __init__(self, resource: str, amount: int) -> None:
        self.resource = resource
        self.amount = amount
        super().__init__(resource, amount)

    def __str__(self) -> str:
        return f"the amounts of {self.resource} are too large to be added up; the largest is {self.amount}"


def within_64_bits(problem: Problem) -> Problem:
    """The same problem with amounts that can be added up.

    A resource that is large is counted in its greatest common divisor; what no node can hold is cut to just more
    than the largest node, and a node to just more than all that may go there. None of this changes what fits.

    Raises:
        AmountError: if that is not enough.
    """
    held = _largest(node.allocatable for node in problem.nodes)
    asked = _largest(amounts for shape in problem.shapes for amounts in _amounts_of(shape))
    if len(problem.nodes) * held + 3 * (len(problem.pods) + len(problem.shapes)) * asked < LARGEST:
        return problem  # whichever nodes have how much, and whatever the shapes of the pods are
    sums: Counter[str] = Counter()
    for node in problem.nodes:
        for resource, amount in node.allocatable.items():
            sums[resource] += abs(amount)
    counts = Counter(map(attrgetter("shape"), problem.pods))
    for shape in problem.shapes:
        for amounts in _amounts_of(shape):
            for resource, amount in amounts.items():
                sums[resource] += (counts[shape.name] + 1) * abs(amount)
    large = sorted(resource for resource, total in sums.items() if total >= LARGEST)
    for resource in large:
        problem = _smaller(problem, resource, counts)
    return problem


def _amounts_of(shape: Shape) -> tuple[Amounts, ...]:
    return shape.requests, shape.scored_requests, shape.scored_usage


def _largest(amounts: Iterable[Amounts]) -> int:
    """The largest amount of any resource, whatever its sign."""
    values = list(chain.from_iterable(each.values() for each in amounts))
    return max(max(values, default=0), -min(values, default=0))


def _smaller(problem: Problem, resource: str, counts: Mapping[str, int]) -> Problem:
    held = [node.allocatable.get(resource, 0) for node in problem.nodes]
    asked = [amounts.get(resource, 0) for shape in problem.shapes for amounts in _amounts_of(shape)]
    unit = gcd(*held, *asked) or 1
    most = max(held, default=0) // unit
    total = sum(
        (counts.get(shape.name, 0) + 1) * min(shape.requests.get(resource, 0) // unit, most + 1)
        for shape in problem.shapes
    )

    def needed(amounts: Amounts) -> Amounts:
        if resource not in amounts:
            return amounts
        return {**amounts, resource: min(amounts[resource] // unit, most + 1)}

    def room(node: Node) -> Node:
        if resource not in node.allocatable:
            return node
        amount = min(node.allocatable[resource] // unit, total + 1)
        return structs.replace(node, allocatable={**node.allocatable, resource: amount})

    def shaped(shape: Shape) -> Shape:
        return structs.replace(
            shape,
            requests=needed(shape.requests),
            scored_requests=needed(shape.scored_requests),
            scored_usage=needed(shape.scored_usage),
        )

    nodes, shapes = tuple(map(room, problem.nodes)), tuple(map(shaped, problem.shapes))
    together = sum(node.allocatable.get(resource, 0) for node in nodes) + total
    if together >= 2**62:
        raise AmountError(resource, max([*held, *asked], default=0))
    return structs.replace(problem, nodes=nodes, shapes=shapes)
