"""The assumptions that a problem rests on, as a person could edit them, and the problem without some of them."""

from __future__ import annotations

from collections import Counter

import msgspec

from kubelogic.placement.constraints.constraint import Dropped, assume
from kubelogic.placement.constraints.every import CONSTRAINTS
from kubelogic.placement.placement import Assumption
from kubelogic.placement.problem import Problem, Reach, Shape

_ORDER = ("count", "request", "port", "exclusive", "attach", "claim", "affinity", "anti_affinity", "spread")


def assumptions(problem: Problem) -> tuple[Assumption, ...]:
    """All that can be dropped, what an application's owner would edit first."""
    waiting = {pod.shape for pod in problem.pods if not pod.node}
    shapes = [shape for shape in problem.shapes if shape.name in waiting]
    found: list[Assumption] = []
    for shape in shapes:
        found.append(assume("count", shape.name))
        found.extend(_refusals(problem, shape))
    for constraint in CONSTRAINTS:
        found.extend(constraint.assumed(problem, shapes))
    order = {kind: i for i, kind in enumerate(_ORDER)}
    return tuple(sorted(set(found), key=lambda a: (order.get(a.kind, len(order) + (a.kind == "capacity")), a)))


def _refusals(problem: Problem, shape: Shape) -> list[Assumption]:
    """Each reason for which the shape may not use a class, or single nodes of one."""
    allowed = problem.allowed[shape.name]
    out = {n.node_class for n in problem.nodes if not allowed.has(n)}
    found: list[Assumption] = []
    explained: set[str] = set()
    places = _Places(problem)
    for denial in problem.denials:
        if denial.shape == shape.name:
            for name in sorted(places.of(denial.reach) & out):
                found.append(assume(denial.reason, shape.name, name))
                explained.add(name)
    return found + [assume("allowed", shape.name, name) for name in sorted(out - explained)]


def denied(problem: Problem) -> dict[tuple[str, str], set[str]]:
    """The reasons of all denials, by shape and node class."""
    found: dict[tuple[str, str], set[str]] = {}
    places = _Places(problem)
    for denial in problem.denials:
        for name in places.of(denial.reach):
            found.setdefault((denial.shape, name), set()).add(denial.reason)
    return found


class _Places:
    """Which classes of nodes a reach has nodes of."""

    def __init__(self, problem: Problem) -> None:
        self._class_of = {node.name: node.node_class for node in problem.nodes}
        self._sizes = Counter(self._class_of.values())

    def of(self, reach: Reach) -> set[str]:
        left_out = Counter(self._class_of.get(name) for name in reach.left_out)
        named = {self._class_of[name] for name in reach.nodes if name in self._class_of}
        return named | {name for name in reach.node_classes if self._sizes[name] > left_out[name]}


def without(problem: Problem, dropped: frozenset[Assumption]) -> Problem:
    """``problem`` with the ``dropped`` assumptions no longer in force."""
    if not dropped:
        return problem
    subjects: dict[str, set[tuple[str, ...]]] = {}
    for entry in dropped:
        subjects.setdefault(entry.kind, set()).add(entry.subjects)
    rules = {
        id((problem.spreads if entry.kind == "spread" else problem.affinities)[entry.index])
        for entry in dropped
        if entry.index >= 0
    }
    gone = Dropped(subjects=subjects, rules=frozenset(rules))
    counts = gone.names("count")
    found = msgspec.structs.replace(
        problem,
        pods=tuple(pod for pod in problem.pods if pod.node or pod.shape not in counts),
        allowed=_allowed(problem, dropped),
    )
    for constraint in CONSTRAINTS:
        found = constraint.weakened(found, gone)
    return found


def _allowed(problem: Problem, dropped: frozenset[Assumption]) -> dict[str, Reach]:
    """Nodes open up where no reason against them is left."""
    open_to: dict[str, set[str]] = {}
    in_force = denied(problem)
    gone: dict[tuple[str, ...], set[str]] = {}
    for entry in dropped:
        gone.setdefault(entry.subjects, set()).add(entry.kind)
    for entry in dropped:
        if len(entry.subjects) == 2:
            shape, name = entry.subjects
            reasons = in_force.get((shape, name), {"allowed"})
            if entry.kind in reasons and reasons <= gone[entry.subjects]:
                open_to.setdefault(shape, set()).add(name)
    return {
        shape: Reach(node_classes=reach.node_classes | open_to.get(shape, set()), nodes=reach.nodes)
        for shape, reach in problem.allowed.items()
    }
