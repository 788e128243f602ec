"""Synthetic placement problems of a wanted size and tightness, equal for equal arguments."""

from __future__ import annotations

from random import Random

import msgspec

from kubelogic.placement.problem import Affinity, Node, Pod, Problem, Reach, Shape, Spread

GIB = 1024**3


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """What to generate.

    ``fill``: requested cpu over free cpu. ``leftovers``: nodes already run something, each something else.
    ``restricted``: the share of shapes that may use only half of the node classes.
    ``coupled``: the share of shapes with anti-affinity, affinity, spread or a host port.
    ``priorities``: how many levels shapes are drawn from. ``typical``: a pod's usual cpu in millicores.
    """

    nodes: int
    classes: int
    pods: int
    shapes: int
    fill: float
    leftovers: bool = False
    restricted: float = 0.3
    coupled: float = 0.0
    priorities: int = 1
    zones: int = 3
    seed: int = 0


def generate(recipe: Recipe) -> Problem:
    """The problem that ``recipe`` describes."""
    random = Random(recipe.seed)
    nodes, running, shapes = _nodes(recipe, random)
    free = _free(nodes, running, shapes)
    asked = [_request(random) for _ in range(recipe.shapes)]
    weights = [random.random() + 0.2 for _ in asked]
    counts = [max(1, round(recipe.pods * weight / sum(weights))) for weight in weights]
    factor = recipe.fill * free["cpu"] / sum(cpu * n for (cpu, _), n in zip(asked, counts, strict=True))
    memory = 0.85 * recipe.fill * free["memory"] / sum(m * n for (_, m), n in zip(asked, counts, strict=True))
    names = sorted({node.node_class for node in nodes})
    pods: list[Pod] = list(running)
    allowed: dict[str, Reach] = {}
    affinities: list[Affinity] = []
    spreads: list[Spread] = []
    everywhere = Reach(node_classes=frozenset(names))
    for i, ((cpu, mem), count) in enumerate(zip(asked, counts, strict=True)):
        name = f"shape-{i:03}"
        reach = everywhere
        if random.random() < recipe.restricted and len(names) > 1:
            reach = Reach(node_classes=frozenset(random.sample(names, (len(names) + 1) // 2)))
        ports: tuple[tuple[str, str, int], ...] = ()
        if random.random() < recipe.coupled:
            ports = _couple(i, name=name, reach=reach, affinities=affinities, spreads=spreads, random=random)
        requests = {"cpu": max(1, int(cpu * factor)), "memory": max(1, int(mem * memory)), "pods": 1}
        priority = random.randrange(recipe.priorities) * 100
        shapes.append(Shape(name=name, priority=priority, requests=requests, ports=ports))
        allowed[name] = reach
        pods.extend(Pod(name=f"{name}-{n:05}", shape=name, order=n * recipe.shapes + i) for n in range(count))
    for shape in shapes:
        allowed.setdefault(shape.name, everywhere)
    return Problem(
        nodes=tuple(nodes),
        shapes=tuple(shapes),
        pods=tuple(pods),
        allowed=allowed,
        affinities=tuple(affinities),
        spreads=tuple(spreads),
    )


def _nodes(recipe: Recipe, random: Random) -> tuple[list[Node], list[Pod], list[Shape]]:
    nodes: list[Node] = []
    running: list[Pod] = []
    shapes: list[Shape] = []
    sizes = [(random.choice((4, 8, 16, 32)), random.choice((2, 4, 8))) for _ in range(recipe.classes)]
    for n in range(recipe.nodes):
        c = n % recipe.classes
        cores, ratio = sizes[c]
        name = f"node-{n:05}"
        nodes.append(
            Node(
                name=name,
                node_class=f"class-{c:03}",
                allocatable={"cpu": cores * 1000, "memory": cores * ratio * GIB, "pods": 110},
                topology={"hostname": name, "zone": f"zone-{c % recipe.zones}"},
            )
        )
        if recipe.leftovers:
            used = random.uniform(0.0, 0.6)
            requests = {
                "cpu": int(cores * 1000 * used),
                "memory": int(cores * ratio * GIB * min(0.9, used * random.uniform(0.6, 1.3))),
                "pods": 1,
            }
            shapes.append(Shape(name=f"running-{n:05}", priority=1000, requests=requests))
            running.append(Pod(name=f"running-{n:05}", shape=f"running-{n:05}", node=name, movable=False))
    return nodes, running, shapes


def _free(nodes: list[Node], running: list[Pod], shapes: list[Shape]) -> dict[str, int]:
    requests = {shape.name: shape.requests for shape in shapes}
    return {
        resource: sum(node.allocatable[resource] for node in nodes)
        - sum(requests[pod.shape][resource] for pod in running)
        for resource in ("cpu", "memory")
    }


def _request(random: Random) -> tuple[float, float]:
    cpu = random.choice((0.25, 0.5, 0.5, 1.0, 1.0, 2.0, 4.0)) * random.uniform(0.8, 1.2)
    return cpu, cpu * random.choice((0.5, 1.0, 1.0, 2.0)) * random.uniform(0.8, 1.2)


def _couple(
    i: int, *, name: str, reach: Reach, affinities: list[Affinity], spreads: list[Spread], random: Random
) -> tuple[tuple[str, str, int], ...]:
    kind = random.choice(("anti", "spread", "zone-spread", "affinity", "port"))
    own = frozenset({name})
    if kind == "anti":
        affinities.append(Affinity(owner=name, key="hostname", matches=own, anti=True))
    elif kind == "affinity":
        affinities.append(Affinity(owner=name, key="zone", matches=own, self_satisfied=True))
    elif kind == "spread":
        spreads.append(Spread(owner=name, key="hostname", max_skew=2, matches=own, eligible=reach))
    elif kind == "zone-spread":
        spreads.append(Spread(owner=name, key="zone", max_skew=1, matches=own, eligible=reach))
    return (("0.0.0.0", "TCP", 8000 + i),) if kind == "port" else ()
