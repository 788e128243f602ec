"""Small random problems in which everything occurs that a problem can say; equal for equal seeds."""

from __future__ import annotations

from random import Random
from typing import Literal

from kubelogic.placement.problem import (
    Affinity,
    Budget,
    Claim,
    Exclusive,
    Node,
    Pod,
    Preference,
    Problem,
    Reach,
    Scorer,
    Shape,
    SoftAffinity,
    SoftSpread,
    Spread,
    Volume,
)

SCORERS = (
    Scorer(name="TaintToleration", weight=3, normalize="reversed", always=True),
    Scorer(name="NodeAffinity", weight=2),
    Scorer(name="NodeResourcesFit", kind="least_allocated", resources=("cpu", "memory"), always=True),
    Scorer(name="PodTopologySpread", weight=2, kind="soft_spread"),
    Scorer(name="InterPodAffinity", weight=2, kind="soft_affinity"),
    Scorer(name="NodeResourcesBalancedAllocation", kind="balanced_allocation", resources=("cpu", "memory")),
    Scorer(name="ImageLocality", normalize="none", always=True),
)
"""The scorers of kube-scheduler's default profile."""

_KEYS = ("host", "zone", "rack")
_SCOPES: tuple[Literal["node", "cluster"], ...] = ("node", "cluster")


def mixture(seed: int, *, nodes: int = 5, shapes: int = 6, running: int = 8, waiting: int = 8) -> Problem:
    """A problem with up to that many of each part.

    Args:
        seed: decides everything.
        nodes: at most this many, at least one.
        shapes: at most this many, at least one.
        running: at most this many pods that run already; they need not have room.
        waiting: at most this many pods that wait.
    """
    random = Random(seed)
    hosts = tuple(_node(random, i) for i in range(random.randint(1, nodes)))
    classes = sorted({node.node_class for node in hosts})
    kinds = [_shape(random, i) for i in range(random.randint(1, shapes))]
    names = [shape.name for shape in kinds]
    budgets = tuple(Budget(name=f"budget-{i}", allowed=random.randint(0, 2)) for i in range(2))
    allowed = {name: _reach(random, hosts, classes) for name in names}
    plain = [shape.name for shape in kinds if not shape.claims]
    pods = []
    if plain:
        pods = [_running(random, i, plain, hosts, budgets) for i in range(random.randint(0, running))]
    pods += [_waiting(random, i, names, hosts) for i in range(random.randint(0, waiting))]
    claims = sorted({claim for shape in kinds for claim in shape.claims})
    volumes = tuple(Volume(name=f"volume-{i}", reach=_reach(random, hosts, classes)) for i in range(3))
    return Problem(
        nodes=hosts,
        shapes=tuple(kinds),
        pods=tuple(pods),
        allowed=allowed,
        affinities=tuple(row for name in names for row in _affinities(random, name, names)),
        spreads=tuple(row for name in names for row in _spreads(random, name, names, hosts)),
        volumes=volumes,
        claims=tuple(_claim(random, name, volumes, hosts, classes) for name in claims),
        budgets=budgets,
        scorers=SCORERS,
        preferences=tuple(row for name in names for row in _preferences(random, name, hosts, classes)),
        soft_spreads=tuple(row for name in names for row in _soft_spreads(random, name, names, hosts)),
        soft_affinities=tuple(row for name in names for row in _soft_affinities(random, name, names)),
    )


def _node(random: Random, i: int) -> Node:
    topology = {"host": f"node-{i}"}
    if random.random() < 0.9:
        topology["zone"] = f"zone-{random.randrange(3)}"
    if random.random() < 0.5:
        topology["rack"] = f"rack-{random.randrange(2)}"
    return Node(
        name=f"node-{i}",
        node_class=f"class-{random.randrange(2)}",
        allocatable={"cpu": random.randint(2, 12), "memory": random.randint(4, 20), "pods": random.randint(2, 9)},
        topology=topology,
        attach_limits={"disk": random.randint(1, 3)} if random.random() < 0.7 else {},
        attached=(("disk", "disk-0"),) if random.random() < 0.1 else (),
    )


def _shape(random: Random, i: int) -> Shape:
    requests = {"pods": 1}
    for resource, most in (("cpu", 5), ("memory", 8)):
        if random.random() < 0.8:
            requests[resource] = random.randint(1, most)
    uses = [
        Exclusive(token=f"{scope}-token", scope=scope, shared=random.random() < 0.5)
        for scope in _SCOPES
        if random.random() < 0.1
    ]
    ips = ("0.0.0.0", "10.0.0.1", "10.0.0.2")
    return Shape(
        name=f"shape-{i}",
        priority=random.choice((0, 0, 10, 20)),
        preempts=random.random() < 0.8,
        requests=requests,
        scored_requests={"cpu": requests.get("cpu", 1), "memory": requests.get("memory", 2)},
        ports=((random.choice(ips), "TCP", 80 + random.randrange(2)),) if random.random() < 0.2 else (),
        exclusive=tuple(uses),
        attaches=tuple(("disk", f"disk-{n}") for n in range(4) if random.random() < 0.12),
        claims=tuple(f"claim-{n}" for n in range(3) if random.random() < 0.08),
    )


def _running(random: Random, i: int, names: list[str], hosts: tuple[Node, ...], budgets: tuple[Budget, ...]) -> Pod:
    return Pod(
        name=f"running-{i}",
        shape=random.choice(names),
        node=random.choice(hosts).name,
        terminating=random.random() < 0.1,
        started=random.randrange(4) * 1000,
        budgets=tuple(budget.name for budget in budgets if random.random() < 0.3),
    )


def _waiting(random: Random, i: int, names: list[str], hosts: tuple[Node, ...]) -> Pod:
    nominated = random.choice(hosts).name if random.random() < 0.05 else ""
    return Pod(name=f"waiting-{i}", shape=random.choice(names), order=random.randrange(4), nominated=nominated)


def _reach(random: Random, hosts: tuple[Node, ...], classes: list[str]) -> Reach:
    return Reach(
        node_classes=frozenset(name for name in classes if random.random() < 0.8),
        nodes=frozenset(node.name for node in hosts if random.random() < 0.1),
    )


def _claim(
    random: Random, name: str, volumes: tuple[Volume, ...], hosts: tuple[Node, ...], classes: list[str]
) -> Claim:
    return Claim(
        name=name,
        volumes=tuple(volume.name for volume in volumes if random.random() < 0.5),
        provisions=_reach(random, hosts, classes) if random.random() < 0.5 else Reach(),
        confines=random.choice(("", "zone")),
    )


def _matches(random: Random, name: str, names: list[str], share: float) -> frozenset[str]:
    return frozenset(other for other in names if random.random() < (0.6 if other == name else share))


def _affinities(random: Random, name: str, names: list[str]) -> list[Affinity]:
    found = []
    if random.random() < 0.2:
        matches = _matches(random, name, names, 0.3)
        keys = random.sample(_KEYS, random.choice((1, 1, 2)))
        found = [Affinity(owner=name, key=key, matches=matches, self_satisfied=name in matches) for key in keys]
    if random.random() < 0.25:
        matches = _matches(random, name, names, 0.2)
        found.append(Affinity(owner=name, key=random.choice(_KEYS), matches=matches, anti=True))
    return found


def _eligible(random: Random, keys: list[str], hosts: tuple[Node, ...]) -> Reach:
    keyed = (node for node in hosts if all(key in node.topology for key in keys))
    return Reach(nodes=frozenset(node.name for node in keyed if random.random() < 0.9))


def _spreads(random: Random, name: str, names: list[str], hosts: tuple[Node, ...]) -> list[Spread]:
    if random.random() > 0.25:
        return []
    keys = random.sample(_KEYS, random.choice((1, 1, 2)))
    return [
        Spread(
            owner=name,
            key=key,
            max_skew=random.randint(1, 2),
            matches=_matches(random, name, names, 0.3),
            eligible=_eligible(random, keys, hosts),
            min_domains=random.choice((1, 1, 3)),
            counts_self=random.random() < 0.8,
        )
        for key in keys
    ]


def _soft_spreads(random: Random, name: str, names: list[str], hosts: tuple[Node, ...]) -> list[SoftSpread]:
    if random.random() > 0.4:
        return []
    keys = random.sample(_KEYS, random.choice((1, 2)))
    required = random.random() < 0.5
    return [
        SoftSpread(
            owner=name,
            key=key,
            max_skew=random.randint(1, 5),
            matches=_matches(random, name, names, 0.3),
            eligible=_eligible(random, keys if required else [], hosts),
            requires_keys=required,
            per_node=key == "host",
        )
        for key in keys
    ]


def _soft_affinities(random: Random, name: str, names: list[str]) -> list[SoftAffinity]:
    return [
        SoftAffinity(
            shape=name,
            key=random.choice(_KEYS),
            neighbours=_matches(random, name, names, 0.4),
            weight=random.choice((-50, -1, 1, 20, 100)),
        )
        for _ in range(random.choice((0, 0, 1, 2)))
    ]


def _preferences(random: Random, name: str, hosts: tuple[Node, ...], classes: list[str]) -> list[Preference]:
    return [
        Preference(shape=name, scorer=scorer, value=random.randint(1, most), reach=_reach(random, hosts, classes))
        for scorer, most in (("TaintToleration", 3), ("NodeAffinity", 100), ("ImageLocality", 100))
        if random.random() < 0.3
    ]
