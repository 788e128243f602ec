"""Nodes that can be had, at a price and within limits, and problems that have some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from kubelogic.placement.problem import Node, Problem


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """Nodes that can be had: a ``node`` of the type, the ``price`` of one in any whole unit, ``most`` of them in all.

    A topology value equal to the node's name becomes the new node's own name.
    """

    node: Node
    price: int = 1
    most: int = 1000


class Cap(msgspec.Struct, frozen=True, kw_only=True):
    """What nodes of some offers may come to together: ``uses`` of one node by offer, ``most`` of all of them."""

    uses: Mapping[str, int]
    most: int


def within(caps: Sequence[Cap], offers: Sequence[Offer], counts: Sequence[int]) -> bool:
    """Whether so many nodes of each offer keep to all caps."""
    return all(
        sum(cap.uses.get(offer.node.name, 0) * n for offer, n in zip(offers, counts, strict=True)) <= cap.most
        for cap in caps
    )


def name_of(offer: Offer, number: int) -> str:
    """What the node of that number is called."""
    return f"{offer.node.name}-{number:05}"


def extended(problem: Problem, offers: Sequence[Offer], counts: Sequence[int]) -> Problem:
    """The problem with so many nodes of each offer."""
    nodes = list(problem.nodes)
    for offer, count in zip(offers, counts, strict=True):
        node = offer.node
        for n in range(count):
            name = name_of(offer, n)
            topology = {key: name if value == node.name else value for key, value in node.topology.items()}
            nodes.append(msgspec.structs.replace(node, name=name, topology=topology))
    return msgspec.structs.replace(problem, nodes=tuple(nodes))


def cost_of(offers: Sequence[Offer], counts: Sequence[int]) -> int:
    """What so many nodes of each offer cost."""
    return sum(offer.price * n for offer, n in zip(offers, counts, strict=True))
