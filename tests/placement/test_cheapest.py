"""The cheapest nodes that hold everything, beside another solver and with constraints that patterns do not know."""

from __future__ import annotations

from collections import Counter
from itertools import product
from random import Random

import pytest

from kubelogic.placement.check import check
from kubelogic.placement.optimal.cheapest import cheapest_nodes
from kubelogic.placement.optimal.limits import Limits
from kubelogic.placement.optimal.offers import Cap, Offer, cost_of, extended, within
from kubelogic.placement.optimal.solve import solve
from kubelogic.placement.problem import Affinity, Node, Pod, Problem, Reach, Shape, Spread

ALL = Reach(node_classes=frozenset({"c"}))
RESOURCES = ("cpu", "memory", "pods")


def node(name: str, cpu: int, *, zone: str = "a", node_class: str = "c") -> Node:
    topology = {"host": name, "zone": zone}
    offered = {"cpu": cpu, "memory": 100, "pods": 10}
    return Node(name=name, node_class=node_class, allocatable=offered, topology=topology)


def shape(name: str, cpu: int) -> Shape:
    return Shape(name=name, requests={"cpu": cpu, "memory": 1, "pods": 1})


def pods(name: str, number: int) -> tuple[Pod, ...]:
    return tuple(Pod(name=f"{name}{n}", shape=name, order=n) for n in range(number))


def test_a_big_node_is_taken_where_it_costs_less_than_small_ones() -> None:
    problem = Problem(nodes=(), shapes=(shape("a", 4),), pods=pods("a", 5), allowed={"a": ALL})
    small, big = Offer(node=node("small", 4), price=10), Offer(node=node("big", 16), price=32)
    found = cheapest_nodes(problem, (small, big))
    assert (found.nodes, found.cost, found.least, found.enough) == ({"big": 1, "small": 1}, 42, 42, True)


def test_what_is_there_costs_nothing() -> None:
    problem = Problem(nodes=(node("old", 8),), shapes=(shape("a", 4),), pods=pods("a", 3), allowed={"a": ALL})
    found = cheapest_nodes(problem, (Offer(node=node("new", 4), price=7),))
    assert (found.nodes, found.cost, found.least) == ({"new": 1}, 7, 7)
    whole = Problem(nodes=(node("old", 8),), shapes=(shape("a", 4),), pods=pods("a", 2), allowed={"a": ALL})
    assert cheapest_nodes(whole, (Offer(node=node("new", 4), price=7),)).cost == 0


def test_the_limit_of_an_offer_is_kept() -> None:
    problem = Problem(nodes=(), shapes=(shape("a", 4),), pods=pods("a", 4), allowed={"a": ALL})
    cheap, dear = Offer(node=node("cheap", 4), price=1, most=2), Offer(node=node("dear", 4), price=9)
    found = cheapest_nodes(problem, (cheap, dear))
    assert (found.nodes, found.cost, found.least) == ({"cheap": 2, "dear": 2}, 20, 20)
    short = cheapest_nodes(problem, (cheap,))
    assert (short.enough, len(short.placement.unplaced)) == (False, 2)


def test_pods_that_have_to_be_apart_need_a_node_each() -> None:
    rule = Affinity(owner="a", key="host", matches=frozenset({"a"}), anti=True)
    problem = Problem(nodes=(), shapes=(shape("a", 1),), pods=pods("a", 4), allowed={"a": ALL}, affinities=(rule,))
    found = cheapest_nodes(problem, (Offer(node=node("big", 16), price=16), Offer(node=node("small", 2), price=3)))
    assert (found.nodes, found.cost, found.least) == ({"big": 0, "small": 4}, 12, 12)


def test_a_spread_over_zones_is_met_although_patterns_know_nothing_of_it() -> None:
    spread = Spread(owner="a", key="zone", max_skew=1, matches=frozenset({"a"}), eligible=ALL, min_domains=2)
    problem = Problem(nodes=(), shapes=(shape("a", 1),), pods=pods("a", 4), allowed={"a": ALL}, spreads=(spread,))
    offers = (Offer(node=node("here", 8), price=5), Offer(node=node("there", 8, zone="b"), price=9))
    found = cheapest_nodes(problem, offers, limits=Limits(timeout=5.0))
    assert (found.enough, found.nodes, found.cost) == (True, {"here": 1, "there": 1}, 14)
    assert check(extended(problem, offers, (1, 1)), found.placement) == ()


def market(seed: int) -> tuple[Problem, tuple[Offer, ...]]:
    """Nine pods of four shapes, three types of nodes, some nodes that are there."""
    random = Random(seed)
    shapes = tuple(
        Shape(name=f"s{i}", requests={"cpu": random.randint(1, 9), "memory": random.randint(1, 9), "pods": 1})
        for i in range(4)
    )
    offers = []
    for i in range(3):
        size = random.choice((6, 10, 16, 24))
        offered = {"cpu": max(9, size + random.randint(-3, 3)), "memory": max(9, size + random.randint(-4, 4))}
        offered["pods"] = random.choice((4, 10))
        bought = Node(name=f"t{i}", node_class=f"c{i}", allocatable=offered)
        offers.append(Offer(node=bought, price=size * 10 + random.randint(-15, 15), most=6))
    there = tuple(
        Node(name=f"e{i}", node_class="c0", allocatable={"cpu": random.randint(3, 9), "memory": 8, "pods": 5})
        for i in range(random.randint(0, 2))
    )
    allowed = {
        each.name: Reach(node_classes=frozenset(f"c{i}" for i in range(3) if not i or random.random() < 0.8))
        for each in shapes
    }
    waiting = tuple(Pod(name=f"p{i:02}", shape=f"s{random.randrange(4)}", order=i) for i in range(9))
    return Problem(nodes=there, shapes=shapes, pods=waiting, allowed=allowed), tuple(offers)


@pytest.mark.parametrize("seed", range(6))
def test_nothing_costs_less(seed: int) -> None:
    cp_model = pytest.importorskip("ortools.sat.python.cp_model")
    problem, offers = market(seed)
    found = cheapest_nodes(problem, offers)
    counts = [found.nodes[offer.node.name] for offer in offers]
    assert check(extended(problem, offers, counts), found.placement) == ()
    assert found.enough
    assert found.cost == found.least == _referee(cp_model, problem, offers)


def _referee(cp_model: object, problem: Problem, offers: tuple[Offer, ...]) -> int:
    """The lowest cost by CP-SAT, from a model of its own: node by node."""
    model = cp_model.CpModel()  # type: ignore[attr-defined]
    shapes = {each.name: each for each in problem.shapes}
    wanted = Counter(pod.shape for pod in problem.pods)
    slots = [(each, 0) for each in problem.nodes]
    slots += [(offer.node, offer.price) for offer in offers for _ in range(offer.most)]
    before: dict[str, object] = {}
    cost, placed = [], {name: [] for name in wanted}  # type: ignore[var-annotated]
    for i, (each, price) in enumerate(slots):
        used = model.NewBoolVar(f"u{i}")
        cost.append(price * used)
        if each.name in before:
            model.AddImplication(used, before[each.name])
        before[each.name] = used
        counts = {}
        for name, number in wanted.items():
            fits = each.node_class in problem.allowed[name].node_classes
            counts[name] = model.NewIntVar(0, number if fits else 0, f"x{i}{name}")
            placed[name].append(counts[name])
        for resource in RESOURCES:
            asked = sum(shapes[name].requests[resource] * count for name, count in counts.items())
            model.Add(asked <= each.allocatable[resource] * used)
    for name, number in wanted.items():
        model.Add(sum(placed[name]) == number)
    model.Minimize(sum(cost))
    solver = cp_model.CpSolver()  # type: ignore[attr-defined]
    assert solver.Solve(model) == cp_model.OPTIMAL  # type: ignore[attr-defined]
    return int(solver.ObjectiveValue())


@pytest.mark.parametrize("seed", range(12))
def test_caps_over_several_offers_against_all_ways(seed: int) -> None:
    random = Random(seed)
    offers = tuple(
        Offer(node=node(name, random.choice((4, 6, 8))), price=random.randint(2, 9), most=3) for name in ("a", "b")
    )
    shapes = tuple(shape(name, random.randint(2, 4)) for name in ("x", "y"))
    problem = Problem(
        nodes=(),
        shapes=shapes,
        pods=tuple(pod for each in shapes for pod in pods(each.name, random.randint(1, 4))),
        allowed={each.name: ALL for each in shapes},
    )
    uses = {offer.node.name: offer.node.allocatable["cpu"] for offer in offers}
    caps = (Cap(uses=uses, most=random.randint(8, 24)), Cap(uses={"a": 1, "b": 1}, most=random.randint(1, 4)))
    ways = [counts for counts in product(range(4), repeat=2) if within(caps, offers, counts)]
    good = [counts for counts in ways if not solve(extended(problem, offers, counts)).unplaced]
    found = cheapest_nodes(problem, offers, caps=caps)
    assert within(caps, offers, [found.nodes[offer.node.name] for offer in offers])
    assert found.enough == bool(good)
    if good:
        assert found.cost == min(cost_of(offers, counts) for counts in good)
