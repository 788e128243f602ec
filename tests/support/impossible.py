"""Synthetic problems that nobody can solve, by what makes them so; equal for equal arguments.

Each starts from a cluster with pods that run and pods that wait and fit, and adds pods that cannot all be placed
together with what is there. Why not is said with each family; nothing here asks a solver.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from types import MappingProxyType

import msgspec

from kubelogic.placement.problem import (
    Affinity,
    Claim,
    Denial,
    Exclusive,
    Node,
    Pod,
    Problem,
    Reach,
    Shape,
    Spread,
    Volume,
)
from tests.support.problems import Recipe, generate

_TINY = {"cpu": 1, "memory": 1, "pods": 1}
_ASKED = "asked"


@dataclass(slots=True)
class _Draft:
    """A problem in the making."""

    random: Random
    nodes: list[Node]
    shapes: list[Shape]
    pods: list[Pod]
    allowed: dict[str, Reach]
    affinities: list[Affinity]
    spreads: list[Spread]
    volumes: list[Volume] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    denials: list[Denial] = field(default_factory=list)

    @property
    def classes(self) -> list[str]:
        return sorted({node.node_class for node in self.nodes})

    @property
    def everywhere(self) -> Reach:
        return Reach(node_classes=frozenset(self.classes))

    def of(self, classes: set[str]) -> list[Node]:
        return [node for node in self.nodes if node.node_class in classes]

    def free(self, resource: str) -> dict[str, int]:
        """What the running pods leave of each node."""
        requests = {shape.name: shape.requests.get(resource, 0) for shape in self.shapes}
        found = {node.name: node.allocatable.get(resource, 0) for node in self.nodes}
        for pod in self.pods:
            if pod.node:
                found[pod.node] -= requests[pod.shape]
        return found

    def add(self, shape: Shape, count: int, *, allowed: Reach | None = None, reason: str = "toleration") -> Shape:
        """A shape with so many waiting pods; where it may not go is a denial for ``reason``."""
        reach = allowed or self.everywhere
        self.shapes.append(shape)
        self.allowed[shape.name] = reach
        shut = frozenset(self.classes) - reach.node_classes
        if shut:
            self.denials.append(Denial(shape=shape.name, reason=reason, reach=Reach(node_classes=shut)))
        first = len(self.pods)
        self.pods.extend(Pod(name=f"{shape.name}-{n:04}", shape=shape.name, order=first + n) for n in range(count))
        return shape

    def run(self, shape: Shape, nodes: list[Node]) -> None:
        """A pod of a shape on each of some nodes, not to be evicted."""
        self.shapes.append(shape)
        self.allowed[shape.name] = self.everywhere
        self.pods.extend(
            Pod(name=f"{shape.name}-{node.name}", shape=shape.name, node=node.name, movable=False) for node in nodes
        )

    def some_classes(self) -> set[str]:
        """A part of the classes, never all of several."""
        classes = self.classes
        return set(self.random.sample(classes, max(1, len(classes) // 2)))

    def problem(self) -> Problem:
        return Problem(
            nodes=tuple(self.nodes),
            shapes=tuple(self.shapes),
            pods=tuple(self.pods),
            allowed=self.allowed,
            affinities=tuple(self.affinities),
            spreads=tuple(self.spreads),
            volumes=tuple(self.volumes),
            claims=tuple(self.claims),
            denials=tuple(self.denials),
        )


def impossible(family: str, *, nodes: int, seed: int = 0) -> Problem:
    """A problem of which not all waiting pods can be placed.

    Args:
        family: one of ``FAMILIES``.
        nodes: how many, at least 2.
        seed: decides what the family leaves open.
    """
    random = Random(f"{family} {nodes} {seed}")
    base = generate(
        Recipe(
            nodes=nodes,
            classes=random.randint(1, max(1, min(6, nodes // 2))),
            pods=nodes * random.choice((1, 2, 3)),
            shapes=random.randint(1, 6),
            fill=0.35,
            leftovers=random.random() < 0.6,
            restricted=0.2,
            coupled=random.choice((0.0, 0.0, 0.3)),
            seed=random.randrange(1 << 30),
        )
    )
    tx = _Draft(
        random=random,
        nodes=list(base.nodes),
        shapes=list(base.shapes),
        pods=list(base.pods),
        allowed=dict(base.allowed),
        affinities=list(base.affinities),
        spreads=list(base.spreads),
    )
    FAMILIES[family](tx)
    return tx.problem()


def _large(tx: _Draft) -> None:
    """One pod asks for more than any node has free."""
    resource = tx.random.choice(("cpu", "memory"))
    most = max(tx.free(resource).values())
    asks = {**_TINY, resource: most + tx.random.choice((1, most // 3 + 1))}
    tx.add(Shape(name=_ASKED, requests=asks), tx.random.randint(1, 3))


def _many(tx: _Draft, classes: set[str] | None = None) -> None:
    """One pod more than the nodes of some classes take one by one."""
    free = tx.free("cpu")
    names = [node.name for node in tx.of(classes or set(tx.classes))]
    asks = max(1, int(max(free[name] for name in names) * tx.random.uniform(0.15, 0.9)))
    room = sum(free[name] // asks for name in names)
    reach = Reach(node_classes=frozenset(classes)) if classes else None
    tx.add(Shape(name=_ASKED, requests={**_TINY, "cpu": asks}), room + 1, allowed=reach)


def _joint(tx: _Draft) -> None:
    """Two shapes fit, each alone; together they ask for more of a resource than all nodes have free."""
    resource = tx.random.choice(("cpu", "memory"))
    free = tx.free(resource)
    asks = max(1, max(free.values()) // tx.random.randint(6, 12))
    total = sum(free.values())
    for name, share in (("asked", 0.55), ("asked-too", 0.6)):
        tx.add(Shape(name=name, requests={**_TINY, resource: asks}), int(total * share / asks) + 1)


def _pod_counts(tx: _Draft) -> None:
    """Nodes take few pods, and one more waits than there are places."""
    used = {node.name: 0 for node in tx.nodes}
    waiting = sum(not pod.node for pod in tx.pods)
    for pod in tx.pods:
        if pod.node:
            used[pod.node] += 1
    spare = -(-waiting // len(tx.nodes)) + tx.random.randint(1, 3)
    tx.nodes = [
        msgspec.structs.replace(node, allocatable={**node.allocatable, "pods": used[node.name] + spare})
        for node in tx.nodes
    ]
    tx.add(Shape(name=_ASKED, requests={"pods": 1}), spare * len(tx.nodes) + 1)


def _ports(tx: _Draft, classes: set[str] | None = None) -> None:
    """One pod more with a host port than there are nodes; some of them may ask for it on one address only."""
    names = tx.of(classes or set(tx.classes))
    reach = Reach(node_classes=frozenset(classes)) if classes else None
    wide = Shape(name=_ASKED, requests=_TINY, ports=(("0.0.0.0", "TCP", 443),))
    if tx.random.random() < 0.5 or len(names) < 2:
        tx.add(wide, len(names) + 1, allowed=reach)
        return
    part = tx.random.randint(1, len(names) - 1)
    tx.add(wide, len(names) + 1 - part, allowed=reach)
    narrow = Shape(name="asked-too", requests=_TINY, ports=(("10.0.0.1", "TCP", 443),))
    tx.add(narrow, part, allowed=reach)


def _taints(tx: _Draft) -> None:
    """No node is tolerated; or those that are have too little room."""
    if tx.random.random() < 0.4:
        tx.add(Shape(name=_ASKED, requests=_TINY), tx.random.randint(1, 4), allowed=Reach())
        return
    classes = tx.some_classes()
    free = tx.free("cpu")
    most = max(free[node.name] for node in tx.of(classes))
    reach = Reach(node_classes=frozenset(classes))
    tx.add(Shape(name=_ASKED, requests={**_TINY, "cpu": most + 1}), 1, allowed=reach)


def _affinity(tx: _Draft) -> None:
    """The company that pods need is nowhere, or only where there is no room, or all need one zone that is too small."""
    choice = tx.random.choice(("nowhere", "crowded", "own zone"))
    if choice == "nowhere":
        tx.add(Shape(name=_ASKED, requests=_TINY), tx.random.randint(1, 4))
        tx.affinities.append(Affinity(owner=_ASKED, key="zone", matches=frozenset()))
    elif choice == "crowded":
        home = tx.random.choice(tx.nodes)
        tx.run(Shape(name="company", priority=1000, requests={"pods": 1}), [home])
        asks = {**_TINY, "cpu": max(tx.free("cpu")[home.name], 0) + 1}
        tx.add(Shape(name=_ASKED, requests=asks), 1)
        tx.affinities.append(Affinity(owner=_ASKED, key="hostname", matches=frozenset({"company"})))
    else:
        left = tx.free("cpu")
        each = max(1, max(left.values()) // tx.random.randint(2, 4))
        rooms: dict[str, int] = {}
        for node in tx.nodes:
            zone = node.topology["zone"]
            rooms[zone] = rooms.get(zone, 0) + max(left[node.name], 0) // each
        tx.add(Shape(name=_ASKED, requests={**_TINY, "cpu": each}), max(rooms.values()) + 1)
        tx.affinities.append(Affinity(owner=_ASKED, key="zone", matches=frozenset({_ASKED}), self_satisfied=True))


def _anti_affinity(tx: _Draft, classes: set[str] | None = None) -> None:
    """One pod more than domains; or every domain has a pod that keeps others out."""
    key = tx.random.choice(("hostname", "zone"))
    nodes = tx.of(classes or set(tx.classes))
    reach = Reach(node_classes=frozenset(classes)) if classes else None
    if tx.random.random() < 0.6:
        domains = {node.topology[key] for node in nodes}
        tx.add(Shape(name=_ASKED, requests=_TINY), len(domains) + 1, allowed=reach)
        tx.affinities.append(Affinity(owner=_ASKED, key=key, matches=frozenset({_ASKED}), anti=True))
        return
    firsts = {node.topology[key]: node for node in reversed(nodes)}
    tx.run(Shape(name="hermit", priority=1000, requests={"pods": 1}), [firsts[name] for name in sorted(firsts)])
    tx.add(Shape(name=_ASKED, requests=_TINY), 1, allowed=reach)
    tx.affinities.append(Affinity(owner="hermit", key=key, matches=frozenset({_ASKED}), anti=True))


def _spread(tx: _Draft) -> None:
    """A domain that counts takes too few, so that the others may not go ahead; or there are too few domains."""
    key = tx.random.choice(("hostname", "zone"))
    domains = sorted({node.topology[key] for node in tx.nodes})
    skew = tx.random.randint(1, 3)
    own = frozenset({_ASKED})
    asked = Shape(name=_ASKED, requests={"cpu": 1, "pods": 1})
    if tx.random.random() < 0.4:
        tx.add(asked, skew * len(domains) + 1)
        tx.spreads.append(
            Spread(
                owner=_ASKED,
                key=key,
                max_skew=skew,
                matches=own,
                eligible=tx.everywhere,
                min_domains=len(domains) + 1,
            )
        )
        return
    # A domain of which every node is full: it stays at none, the others at the skew.
    full = tx.random.choice(domains)
    free = tx.free("cpu")
    for node in tx.nodes:
        if node.topology[key] == full:
            load = Shape(name=f"load-{node.name}", priority=1000, requests={"cpu": max(free[node.name], 0), "pods": 1})
            tx.run(load, [node])
    for pod in [pod for pod in tx.pods if not pod.node]:
        tx.pods.remove(pod)
    tx.add(asked, skew * (len(domains) - 1) + 1)
    tx.spreads.append(Spread(owner=_ASKED, key=key, max_skew=skew, matches=own, eligible=tx.everywhere))


def _volumes(tx: _Draft) -> None:
    """More volumes than nodes attach, a claim for one pod that two need, or a claim whose volumes are out of reach."""
    choice = tx.random.choice(("attach", "alone", "reach", "one volume"))
    if choice == "attach":
        few = tx.random.sample(tx.nodes, min(len(tx.nodes), tx.random.randint(1, 3)))
        names = {node.name for node in few}
        limit = tx.random.randint(1, 3)
        # The few are a class of their own, so that pods may be held to them.
        tx.nodes = [
            msgspec.structs.replace(node, attach_limits={"disk": limit}, node_class="limited")
            if node.name in names
            else node
            for node in tx.nodes
        ]
        for n in range(limit * len(few) + 1):
            shape = Shape(name=f"asked-{n}", requests=_TINY, attaches=(("disk", f"disk-{n}"),))
            tx.add(shape, 1, allowed=Reach(node_classes=frozenset({"limited"})))
    elif choice == "alone":
        token = Exclusive(token="claim data", scope="cluster")
        tx.add(Shape(name=_ASKED, requests=_TINY, exclusive=(token,)), 2)
    elif choice == "reach":
        home = tx.random.choice(tx.nodes)
        tx.volumes.append(Volume(name="volume", reach=Reach(nodes=frozenset({home.name}))))
        tx.claims.append(Claim(name="data", volumes=("volume",)))
        asks = {**_TINY, "cpu": max(tx.free("cpu")[home.name], 0) + 1}
        tx.add(Shape(name=_ASKED, requests=asks, claims=("data",)), 1)
    else:
        tx.volumes.append(Volume(name="volume", reach=tx.everywhere))
        for n in range(2):
            tx.claims.append(Claim(name=f"data-{n}", volumes=("volume",)))
            tx.add(Shape(name=f"asked-{n}", requests=_TINY, claims=(f"data-{n}",)), 1)


def _mixed(tx: _Draft) -> None:
    """Taints that shut out some classes, and too little in the others: room, ports or domains."""
    classes = tx.some_classes()
    tx.random.choice((_many, _ports, _anti_affinity))(tx, classes)


FAMILIES: Mapping[str, Callable[[_Draft], None]] = MappingProxyType(
    {
        "large": _large,
        "many": _many,
        "joint": _joint,
        "pod counts": _pod_counts,
        "ports": _ports,
        "taints": _taints,
        "affinity": _affinity,
        "anti-affinity": _anti_affinity,
        "spread": _spread,
        "volumes": _volumes,
        "mixed": _mixed,
    }
)
"""What can make a problem impossible."""
