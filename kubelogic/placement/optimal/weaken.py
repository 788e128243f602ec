"""The assumptions that a problem rests on, as a person could edit them, and the problem without some of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import msgspec

from kubelogic.placement.placement import Assumption
from kubelogic.placement.problem import Node, Problem, Reach, Shape

_ORDER = ("count", "request", "port", "exclusive", "attach", "claim", "affinity", "anti_affinity", "spread")


def assumptions(problem: Problem) -> tuple[Assumption, ...]:
    """All that can be dropped, what an application's owner would edit first."""
    waiting = {pod.shape for pod in problem.pods if not pod.node}
    shapes = [shape for shape in problem.shapes if shape.name in waiting]
    resources = {r for shape in shapes for r, amount in shape.requests.items() if amount > 0}
    found: list[Assumption] = []
    for shape in shapes:
        found.append(_assume("count", shape.name))
        found.extend(_assume("request", shape.name, r) for r, amount in shape.requests.items() if amount > 0)
        if shape.ports:
            found.append(_assume("port", shape.name))
        found.extend(_assume("exclusive", use.token) for use in shape.exclusive)
        found.extend(_assume("claim", name) for name in shape.claims)
        found.extend(_refusals(problem, shape))
    for i, rule in enumerate(problem.affinities):
        if rule.owner in waiting or (rule.anti and rule.matches & waiting):
            found.append(_assume("anti_affinity" if rule.anti else "affinity", rule.owner, rule.key, index=i))
    for i, spread in enumerate(problem.spreads):
        if spread.owner in waiting:
            found.append(_assume("spread", spread.owner, spread.key, index=i))
    drivers = {driver for shape in shapes for driver, _ in shape.attaches}
    for node in problem.nodes:
        found.extend(_assume("capacity", node.node_class, r) for r in resources)
        found.extend(_assume("attach", node.node_class, d) for d in drivers & set(node.attach_limits))
    order = {kind: i for i, kind in enumerate(_ORDER)}
    return tuple(sorted(set(found), key=lambda a: (order.get(a.kind, len(order) + (a.kind == "capacity")), a)))


def _assume(kind: str, *subjects: str, index: int = -1) -> Assumption:
    return Assumption(kind=kind, subjects=subjects, index=index)


def _refusals(problem: Problem, shape: Shape) -> list[Assumption]:
    """Each reason for which the shape may not use a class, or single nodes of one."""
    allowed = problem.allowed[shape.name]
    out = {n.node_class for n in problem.nodes if not _reaches(allowed, n)}
    found: list[Assumption] = []
    explained: set[str] = set()
    for denial in problem.denials:
        if denial.shape == shape.name:
            for name in sorted(_classes(problem, denial.reach) & out):
                found.append(_assume(denial.reason, shape.name, name))
                explained.add(name)
    return found + [_assume("allowed", shape.name, name) for name in sorted(out - explained)]


def denied(problem: Problem) -> dict[tuple[str, str], set[str]]:
    """The reasons of all denials, by shape and node class."""
    found: dict[tuple[str, str], set[str]] = {}
    classes: dict[Reach, set[str]] = {}
    for denial in problem.denials:
        if denial.reach not in classes:
            classes[denial.reach] = _classes(problem, denial.reach)
        for name in classes[denial.reach]:
            found.setdefault((denial.shape, name), set()).add(denial.reason)
    return found


def _classes(problem: Problem, reach: Reach) -> set[str]:
    return {node.node_class for node in problem.nodes if _reaches(reach, node)}


def _reaches(reach: Reach, node: Node) -> bool:
    return node.node_class in reach.node_classes or node.name in reach.nodes


def without(problem: Problem, dropped: frozenset[Assumption]) -> Problem:
    """``problem`` with the ``dropped`` assumptions no longer in force."""
    if not dropped:
        return problem
    subjects: dict[str, set[tuple[str, ...]]] = {}
    for entry in dropped:
        subjects.setdefault(entry.kind, set()).add(entry.subjects)
    indexes = {(entry.kind, entry.index) for entry in dropped}
    counts = subjects.get("count", set())
    claims = {name for (name,) in subjects.get("claim", set())}
    return msgspec.structs.replace(
        problem,
        nodes=_nodes(problem, subjects),
        shapes=tuple(_shape(shape, subjects) for shape in problem.shapes),
        pods=tuple(pod for pod in problem.pods if pod.node or (pod.shape,) not in counts),
        claims=tuple(claim for claim in problem.claims if claim.name not in claims),
        allowed=_allowed(problem, dropped),
        affinities=tuple(
            rule
            for i, rule in enumerate(problem.affinities)
            if ("anti_affinity" if rule.anti else "affinity", i) not in indexes
        ),
        spreads=tuple(spread for i, spread in enumerate(problem.spreads) if ("spread", i) not in indexes),
    )


def _nodes(problem: Problem, subjects: Mapping[str, set[tuple[str, ...]]]) -> tuple[Node, ...]:
    """The nodes, with room for all pods there are where a capacity is dropped."""
    if not subjects.keys() & {"capacity", "attach"}:
        return problem.nodes
    requests = {shape.name: shape.requests for shape in problem.shapes}
    every: Counter[str] = Counter()
    for name, number in Counter(pod.shape for pod in problem.pods).items():
        for resource, asks in requests[name].items():
            every[resource] += asks * number
    return tuple(_node(node, subjects, every) for node in problem.nodes)


def _node(node: Node, subjects: Mapping[str, set[tuple[str, ...]]], every: Mapping[str, int]) -> Node:
    unlimited = {r for name, r in subjects.get("capacity", set()) if name == node.node_class}
    drivers = {d for name, d in subjects.get("attach", set()) if name == node.node_class}
    if not unlimited and not drivers:
        return node
    more = {r: max(every.get(r, 0), node.allocatable.get(r, 0)) for r in sorted(unlimited)}
    limits = {d: n for d, n in node.attach_limits.items() if d not in drivers}
    return msgspec.structs.replace(node, allocatable={**node.allocatable, **more}, attach_limits=limits)


def _shape(shape: Shape, subjects: Mapping[str, set[tuple[str, ...]]]) -> Shape:
    asked = {r for name, r in subjects.get("request", set()) if name == shape.name}
    tokens = {token for (token,) in subjects.get("exclusive", set())}
    claims = {name for (name,) in subjects.get("claim", set())}
    return msgspec.structs.replace(
        shape,
        requests={r: amount for r, amount in shape.requests.items() if r not in asked},
        ports=() if (shape.name,) in subjects.get("port", set()) else shape.ports,
        exclusive=tuple(use for use in shape.exclusive if use.token not in tokens),
        claims=tuple(name for name in shape.claims if name not in claims),
    )


def _allowed(problem: Problem, dropped: frozenset[Assumption]) -> dict[str, Reach]:
    """Nodes open up where no reason against them is left."""
    open_to: dict[str, set[str]] = {}
    in_force = denied(problem)
    for entry in dropped:
        if len(entry.subjects) == 2:
            shape, name = entry.subjects
            reasons = in_force.get((shape, name), {"allowed"})
            if entry.kind in reasons:
                gone = {other.kind for other in dropped if other.subjects == entry.subjects}
                if reasons <= gone:
                    open_to.setdefault(shape, set()).add(name)
    return {
        shape: Reach(node_classes=reach.node_classes | open_to.get(shape, set()), nodes=reach.nodes)
        for shape, reach in problem.allowed.items()
    }
