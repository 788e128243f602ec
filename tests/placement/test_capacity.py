"""How many more fit, and how few nodes are needed."""

from __future__ import annotations

import msgspec

from kubelogic.placement.optimal.capacity import how_many
from kubelogic.placement.optimal.cheapest import cheapest_nodes
from kubelogic.placement.optimal.limits import Limits
from kubelogic.placement.optimal.offers import Offer
from kubelogic.placement.problem import Affinity, Node, Pod, Problem, Reach, Shape

ALL = Reach(node_classes=frozenset({"c"}))


def node(name: str, cpu: int, memory: int = 100) -> Node:
    return Node(
        name=name,
        node_class="c",
        allocatable={"cpu": cpu, "memory": memory, "pods": 10},
        topology={"host": name},
    )


def shape(name: str, cpu: int, memory: int = 0) -> Shape:
    return Shape(name=name, requests={"cpu": cpu, "memory": memory, "pods": 1})


def test_how_many_counts_beside_what_waits() -> None:
    problem = Problem(
        nodes=(node("n0", 10), node("n1", 10)),
        shapes=(shape("a", 3), shape("b", 5)),
        pods=(Pod(name="b0", shape="b"), Pod(name="b1", shape="b")),
        allowed={"a": ALL, "b": ALL},
    )
    # Jointly the two of b share a node, and the other takes three of a; one each would leave room for two.
    fits = how_many(problem, "a")
    assert (fits.more, fits.most) == (3, 3)


def test_how_many_respects_the_rules_of_the_shape() -> None:
    rule = Affinity(owner="a", key="host", matches=frozenset({"a"}), anti=True)
    problem = Problem(
        nodes=tuple(node(f"n{i}", 10) for i in range(4)),
        shapes=(shape("a", 1),),
        pods=(Pod(name="a0", shape="a", node="n0"),),
        allowed={"a": ALL},
        affinities=(rule,),
    )
    assert how_many(problem, "a").more == 3


def test_the_fewest_nodes_mix_complementary_pods() -> None:
    problem = Problem(
        nodes=(),
        shapes=(shape("hungry", 8, 10), shape("fat", 1, 80)),
        pods=tuple(Pod(name=f"{s}{i}", shape=s) for s in ("hungry", "fat") for i in range(6)),
        allowed={"hungry": ALL, "fat": ALL},
    )
    needed = cheapest_nodes(problem, (Offer(node=node("pool", 10)),))
    assert (needed.nodes, needed.least, needed.enough) == ({"pool": 6}, 6, True)


def test_it_is_said_when_no_nodes_are_enough() -> None:
    problem = Problem(nodes=(), shapes=(shape("a", 20),), pods=(Pod(name="a0", shape="a"),), allowed={"a": ALL})
    needed = cheapest_nodes(problem, (Offer(node=node("pool", 10), most=3),))
    assert not needed.enough


def test_limits_are_plain_data() -> None:
    assert msgspec.json.decode(msgspec.json.encode(Limits(timeout=2.5)), type=Limits) == Limits(timeout=2.5)
