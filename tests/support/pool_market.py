"""Generated questions for the cheapest nodes: many pods of many shapes, types of nodes of several sizes and prices."""

from __future__ import annotations

from random import Random

from kubelogic.placement.optimal.offers import Offer
from kubelogic.placement.problem import Node, Pod, Problem, Reach, Shape

_GIB = 1 << 30


def pool_market(seed: int, *, pods: int = 2000, shapes: int = 40) -> tuple[Problem, tuple[Offer, ...]]:
    """Pods that wait, no node, and twelve types that can be had: four sizes in three shares of memory."""
    random = Random(seed)
    made = tuple(
        Shape(
            name=f"s{number:02}",
            requests={
                "cpu": random.choice((100, 250, 500, 750, 1000, 1500, 2000, 3000, 4000, 6000)),
                "memory": random.choice((1, 2, 3, 4, 6, 8, 12, 16, 24, 32)) * _GIB // 4 * random.choice((1, 2, 4)),
                "pods": 1,
            },
        )
        for number in range(shapes)
    )
    waiting = tuple(Pod(name=f"p{number:05}", shape=random.choice(made).name, order=number) for number in range(pods))
    offers = []
    for cpu in (4, 8, 16, 32):
        for share in (2, 4, 8):
            price = round((cpu * 40 + cpu * share * 5) * random.uniform(0.9, 1.1))
            amounts = {"cpu": cpu * 1000 - 200, "memory": cpu * share * _GIB - _GIB // 2, "pods": 110}
            name = f"c{cpu:02}m{share}"
            offers.append(Offer(node=Node(name=name, node_class="c", allocatable=amounts), price=price, most=2000))
    reach = Reach(node_classes=frozenset({"c"}))
    problem = Problem(nodes=(), shapes=made, pods=waiting, allowed={shape.name: reach for shape in made})
    return problem, tuple(offers)
