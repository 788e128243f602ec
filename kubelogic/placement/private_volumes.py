"""Volumes of one pod each, as amounts: what a node can attach is then room like any other, and bounds add it up.

Where pods share no volume of a driver, each takes as many attachments of its node as it has volumes, whoever else is
there. Pods that differ in nothing else are then alike, and how many nodes attach in all limits how many are placed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from msgspec.structs import replace

from kubelogic.placement.problem import Node, Problem, Shape


def private_volumes_as_amounts(problem: Problem) -> Problem:
    """The same problem in which drivers whose volumes have one pod each are amounts; the very same one if none is.

    Volumes that are on a node whichever pods run there are taken off what it has.
    """
    limited = {driver for node in problem.nodes for driver in node.attach_limits}
    shapes = {shape.name: shape for shape in problem.shapes}
    if not limited or not any(shape.attaches for shape in problem.shapes):
        return problem
    drivers = {driver for pod in problem.waiting for driver, _ in shapes[pod.shape].attaches} & limited
    drivers -= set(_shared(problem, shapes))
    if not drivers:
        return problem
    attached = {node.name: frozenset(node.attached) for node in problem.nodes}
    staying = {pod.shape: attached[pod.node] for pod in problem.running if shapes[pod.shape].attaches}
    many = sum(len(shape.attaches) for shape in problem.shapes)
    return replace(
        problem,
        shapes=tuple(_shape(shape, drivers, staying.get(shape.name, frozenset())) for shape in problem.shapes),
        nodes=tuple(_node(node, drivers, many) for node in problem.nodes),
    )


def _shared(problem: Problem, shapes: dict[str, Shape]) -> Iterator[str]:
    """The drivers of volumes that several pods use, or that are on a node where their pod does not run."""
    users: Counter[tuple[str, str]] = Counter()
    running: set[tuple[str, tuple[str, str]]] = set()
    for pod in problem.pods:
        users.update(set(shapes[pod.shape].attaches))
        running |= {(pod.node, each) for each in shapes[pod.shape].attaches if pod.node}
    yield from (driver for (driver, _), pods in users.items() if pods > 1)
    for node in problem.nodes:
        yield from (each[0] for each in node.attached if users[each] and (node.name, each) not in running)


def _amount(driver: str) -> str:
    return f"attachments of {driver}"


def _shape(shape: Shape, drivers: set[str], there: frozenset[tuple[str, str]]) -> Shape:
    own = Counter(driver for driver, volume in set(shape.attaches) - there if driver in drivers)
    if not any(driver in drivers for driver, _ in shape.attaches):
        return shape
    return replace(
        shape,
        requests={**shape.requests, **{_amount(driver): number for driver, number in sorted(own.items())}},
        scored_requests=shape.scored_requests or shape.requests,
        attaches=tuple(each for each in shape.attaches if each[0] not in drivers),
    )


def _node(node: Node, drivers: set[str], many: int) -> Node:
    taken = Counter(driver for driver, _ in set(node.attached))
    room = {_amount(d): node.attach_limits[d] - taken[d] if d in node.attach_limits else many for d in sorted(drivers)}
    return replace(
        node,
        allocatable={**node.allocatable, **room},
        attach_limits={driver: most for driver, most in node.attach_limits.items() if driver not in drivers},
        attached=tuple(each for each in node.attached if each[0] not in drivers),
    )
