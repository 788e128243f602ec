"""Claims that each pod of a shape brings along, as a resource of nodes: for questions about many more such pods."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

import msgspec

from kubelogic.placement.problem import Problem, Reach, Shape

MANY = 1 << 20
"""More of anything than is asked for."""


def own_volumes(asked: Problem, shape: str, claims: Collection[str]) -> tuple[Problem, int]:
    """The problem with claims that each pod of a shape brings along, and how many volumes there are at most for them.

    Each pod attaches volumes of its own: what a node can still attach is then like any resource that is used up. The
    claims themselves go, as every pod has others.
    """
    own = next(each for each in asked.shapes if each.name == shape)
    if not claims:
        return asked, MANY
    mine = [(driver, volume) for driver, volume in own.attaches if volume in claims]
    needs = Counter(f"volumes that {driver} attaches" for driver, _ in mine)
    drivers = {f"volumes that {driver} attaches": driver for driver, _ in mine}
    attaches = {each.name: each.attaches for each in asked.shapes}
    there: dict[str, set[tuple[str, str]]] = {node.name: set(node.attached) for node in asked.nodes}
    for pod in asked.running:
        there[pod.node].update(attaches[pod.shape])
    nodes = []
    for node in asked.nodes:
        left = {
            name: max(0, node.attach_limits[driver] - sum(each[0] == driver for each in there[node.name]))
            if driver in node.attach_limits
            else MANY
            for name, driver in drivers.items()
        }
        nodes.append(msgspec.structs.replace(node, allocatable={**node.allocatable, **left}))
    reach, volumes = asked.allowed[shape], MANY
    for claim in asked.claims:
        if claim.name in claims:
            provisioned = _reached(asked, claim.provisions)
            found = [each for each in asked.volumes if each.name in claim.volumes]
            usable = provisioned.union(*(_reached(asked, each.reach) for each in found))
            reach = _reach(asked, _reached(asked, reach) & usable)
            volumes = volumes if provisioned else min(volumes, len(found))
    changed = msgspec.structs.replace(
        own,
        requests={**own.requests, **needs},
        attaches=tuple(each for each in own.attaches if each not in mine),
        claims=tuple(name for name in own.claims if name not in claims),
    )
    running = {pod.shape for pod in asked.running}
    shapes = tuple(
        changed if each.name == shape else each if each.name in running else _with_volumes(each, drivers)
        for each in asked.shapes
    )
    problem = msgspec.structs.replace(
        asked,
        nodes=tuple(nodes),
        shapes=shapes,
        allowed={**asked.allowed, shape: reach},
        claims=tuple(each for each in asked.claims if each.name not in claims),
    )
    return problem, volumes


def _with_volumes(shape: Shape, drivers: Mapping[str, str]) -> Shape:
    """A shape that waits, with its volumes counted as what nodes can attach. Running pods are counted at the nodes."""
    counts = Counter(driver for driver, _ in shape.attaches)
    needs = {name: counts[driver] for name, driver in drivers.items() if counts[driver]}
    return msgspec.structs.replace(shape, requests={**shape.requests, **needs}) if needs else shape


def _reach(problem: Problem, names: Collection[str]) -> Reach:
    """Some nodes, whole classes by their class."""
    out = {node.node_class for node in problem.nodes if node.name not in names}
    whole = {node.node_class for node in problem.nodes} - out
    rest = {node.name for node in problem.nodes if node.name in names and node.node_class in out}
    return Reach(node_classes=frozenset(whole), nodes=frozenset(rest))


def _reached(problem: Problem, reach: Reach) -> set[str]:
    return {node.name for node in problem.nodes if reach.has(node)}
