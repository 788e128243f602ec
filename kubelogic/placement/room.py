"""Room for all: when whatever has been placed before leaves a node for each pod, so that no order leaves one out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from kubelogic.placement.problem import Amounts, Problem, Shape


def in_any_order(problem: Problem) -> bool:
    """Whether every waiting pod gets a node, however the others are placed one by one. False: that is not shown.

    A pod is kept from a node by what others took there of one resource. To keep it from all its nodes they must take
    some share of what they ask for in all on each; if these shares add up to more than they have, they cannot. Only
    amounts are counted so: where a rule between pods, a port or a volume could matter, nothing is shown.
    """
    counts: dict[str, int] = {}
    for pod in problem.waiting:
        if pod.nominated or pod.group or pod.device_claims or pod.containers:
            return False
        counts[pod.shape] = counts.get(pod.shape, 0) + 1
    shapes = {shape.name: shape for shape in problem.shapes}
    if any(_meets_others(shapes[name]) for name in counts) or _ruled(problem, counts.keys()):
        return False
    asked = _sums((shapes[name].requests, count) for name, count in counts.items())
    free = _Free(problem)
    return all(_roomy(problem, shapes[name], asked, free) for name in counts)


def _meets_others(shape: Shape) -> bool:
    return bool(shape.ports or shape.exclusive or shape.attaches or shape.claims)


def _ruled(problem: Problem, names: Iterable[str]) -> bool:
    """Whether a rule between pods concerns one of some shapes."""
    names = frozenset(names)
    return any(rule.owner in names or not names.isdisjoint(rule.matches) for rule in problem.affinities) or any(
        spread.owner in names for spread in problem.spreads
    )


def _sums(amounts: Iterable[tuple[Amounts, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for each, count in amounts:
        for resource, amount in each.items():
            total[resource] = total.get(resource, 0) + amount * count
    return total


class _Free(dict[str, Amounts]):
    """What the running pods leave of each node, by node and resource; worked out for nodes that are asked for."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        import numpy as np

        self._nodes, self._shapes = problem.nodes, problem.shapes
        self._numbers = {node.name: number for number, node in enumerate(problem.nodes)}
        at, self._of = (np.array(each, dtype=np.int64) for each in problem.places)
        self._order = np.argsort(at, kind="stable")
        self._ends = np.cumsum(np.bincount(at, minlength=len(problem.nodes)))

    def __missing__(self, name: str) -> Amounts:
        number = self._numbers[name]
        left = dict(self._nodes[number].allocatable)
        first = self._ends[number - 1] if number else 0
        for shape in self._of[self._order[first : self._ends[number]]].tolist():
            for resource, amount in self._shapes[shape].requests.items():
                left[resource] = left.get(resource, 0) - amount
        self[name] = left
        return left


def _roomy(problem: Problem, shape: Shape, asked: Amounts, free: Mapping[str, Amounts]) -> bool:
    """Whether the pods that wait with one of a shape cannot keep it from all its nodes."""
    wanted = {name: amount for name, amount in shape.requests.items() if amount and name not in shape.unchecked}
    others = {resource: asked[resource] - amount for resource, amount in wanted.items()}
    allowed = problem.allowed[shape.name]
    shares = Fraction(0)
    for node in problem.nodes:
        if allowed.has(node):
            left = free[node.name]
            spare = [(left.get(resource, 0) - amount, others[resource]) for resource, amount in wanted.items()]
            if all(room >= all_others for room, all_others in spare):
                return True
            if all(room >= 0 for room, _ in spare):
                shares += min(Fraction(room + 1, all_others) for room, all_others in spare if all_others)
                if shares > len(wanted):
                    return True
    return False
